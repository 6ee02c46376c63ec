//! Names of metric families in PromQL and in prose.

use std::collections::BTreeSet;

/// What Prometheus makes of one histogram.
const HISTOGRAM_SUFFIXES: [&str; 3] = ["_bucket", "_sum", "_count"];

/// Whether a word is, by its form, a family of hulld's.
pub(crate) fn is_ours(word: &str) -> bool {
    word.starts_with("container_") || word.starts_with("engine_")
}

/// Families of ours that the text names and the catalogue lacks.
pub(crate) fn unknown(text: &str, families: &BTreeSet<String>) -> Vec<String> {
    let part_of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let mut names: Vec<String> = text
        .split(|c: char| !part_of_a_name(c))
        .filter(|word| is_ours(word) && !known(word, families))
        .map(str::to_owned)
        .collect();
    names.dedup();
    names
}

fn known(word: &str, families: &BTreeSet<String>) -> bool {
    families.contains(word)
        || HISTOGRAM_SUFFIXES.iter().any(|suffix| word.strip_suffix(suffix).is_some_and(|name| families.contains(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_family_is_found_and_a_histograms_parts_are_known() {
        let families = BTreeSet::from(["container_a_total".to_owned(), "container_h_seconds".to_owned()]);
        let text = "rate(container_a_total{name=\"x\"}[5m]) / container_h_seconds_bucket > container_a_totl + up";
        assert_eq!(unknown(text, &families), ["container_a_totl"]);
    }
}
