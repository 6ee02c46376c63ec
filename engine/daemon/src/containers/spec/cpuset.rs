//! Lists of CPUs and memory nodes: `0-3,5`.

use super::invalid::Invalid;
use std::collections::BTreeSet;

/// Highest number that is taken: Docker's bound, far above any machine's.
const MAX: u32 = 8192;

/// Parses a list, or says which part of it makes no sense.
fn parse(list: &str) -> Result<BTreeSet<u32>, String> {
    let mut set = BTreeSet::new();
    for part in list.split(',').filter(|part| !part.is_empty()) {
        let number = |text: &str| text.parse::<u32>().ok().filter(|n| *n < MAX).ok_or_else(|| part.to_owned());
        match part.split_once('-') {
            Some((first, last)) => {
                let (first, last) = (number(first)?, number(last)?);
                if first > last {
                    return Err(part.to_owned());
                }
                set.extend(first..=last);
            }
            None => {
                set.insert(number(part)?);
            }
        }
    }
    Ok(set)
}

/// Whether all of `requested` is available. `what` is Docker's word for it.
pub(super) fn check(what: &'static str, requested: &str, available: &str) -> Result<(), Invalid> {
    let wanted = parse(requested).map_err(|part| Invalid::CpusetFormat { what, list: requested.to_owned(), part })?;
    // The kernel's own list is well formed; where it could not be read, the kernel decides at start.
    let present = parse(available).unwrap_or_default();
    if present.is_empty() || wanted.is_subset(&present) {
        return Ok(());
    }
    let (requested, available) = (requested.to_owned(), available.to_owned());
    Err(match what {
        "cpus" => Invalid::CpusetCpus { requested, available },
        _ => Invalid::CpusetMems { requested, available },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_in_dockers_words() {
        for (what, requested, message) in [
            ("cpus", "0-1", ""),
            ("cpus", "", ""),
            ("cpus", "0,1", ""),
            ("cpus", "0-9", "Requested CPUs are not available - requested 0-9, available: 0-1"),
            ("cpus", "a", "Invalid value a for cpuset cpus: invalid format: a"),
            ("cpus", "1-0", "Invalid value 1-0 for cpuset cpus: invalid format: 1-0"),
            ("cpus", "0-99999999", "Invalid value 0-99999999 for cpuset cpus: invalid format: 0-99999999"),
            ("mems", "5", "Requested memory nodes are not available - requested 5, available: 0-1"),
        ] {
            let said = check(what, requested, "0-1").err().map(|e| e.to_string()).unwrap_or_default();
            assert_eq!(said, message, "{requested}");
        }
    }
}
