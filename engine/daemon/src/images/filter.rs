//! Docker's filters of images.

use super::error::ImageError;
use super::record::{Image, State};
use super::reference::Tagged;
use super::resolve;
use crate::time::Time;
use std::collections::BTreeMap;

/// The API's map of filters.
pub(super) type Filters = BTreeMap<String, Vec<String>>;

/// What `list` and `prune` accept.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// Alternatives.
    references: Vec<String>,
    pub(super) dangling: Option<bool>,
    /// All of them must be there.
    labels: Vec<String>,
    /// None of them may be there.
    without_labels: Vec<String>,
    before: Option<Time>,
    since: Option<Time>,
    until: Option<Time>,
}

impl Filter {
    pub(super) fn new(filters: &Filters, accepted: &[&str], state: &State) -> Result<Self, ImageError> {
        let mut filter = Self::default();
        for (key, values) in filters {
            if !accepted.contains(&&key[..]) {
                return Err(ImageError::Filter(key.clone()));
            }
            for value in values {
                let invalid = || ImageError::Filter(format!("{key}={value}"));
                let created = || resolve::find(state, value).map(|(image, _)| image.created());
                match &key[..] {
                    "reference" => filter.references.push(value.clone()),
                    "dangling" => filter.dangling = Some(boolean(value).ok_or_else(invalid)?),
                    "label" => filter.labels.push(value.clone()),
                    "label!" => filter.without_labels.push(value.clone()),
                    "before" => filter.before = Some(created()?),
                    "since" => filter.since = Some(created()?),
                    _ => filter.until = Some(Time::parse_query(value).map_err(|_| invalid())?),
                }
            }
        }
        Ok(filter)
    }

    /// Whether the image passes all but the filters of names.
    pub(super) fn image(&self, image: &Image) -> bool {
        let created = image.created();
        let labels = &image.config.config.labels;
        let labelled = |wanted: &String| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|is| is == value),
            None => labels.contains_key(wanted),
        };
        self.labels.iter().all(labelled)
            && !self.without_labels.iter().any(labelled)
            && self.before.is_none_or(|time| created < time)
            && self.since.is_none_or(|time| created > time)
            && self.until.is_none_or(|time| created < time)
    }

    /// Whether the name is one of those asked for.
    pub(super) fn name(&self, name: &Tagged) -> bool {
        let matches = |pattern: &String| {
            glob(pattern.as_bytes(), name.familiar().as_bytes())
                || glob(pattern.as_bytes(), name.repository.familiar().as_bytes())
        };
        self.references.is_empty() || self.references.iter().any(matches)
    }

    pub(super) fn names_wanted(&self) -> bool {
        !self.references.is_empty()
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text {
        "1" | "true" | "True" | "TRUE" | "t" | "T" => Some(true),
        "0" | "false" | "False" | "FALSE" | "f" | "F" => Some(false),
        _ => None,
    }
}

/// Go's path.Match: `*` and `?` stop at a slash, `[a-z]` and `[^a-z]` are classes, `\` takes the next byte as it is.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let Some((first, rest)) = pattern.split_first() else { return text.is_empty() };
    match first {
        b'*' => {
            let stop = text.iter().position(|byte| *byte == b'/').unwrap_or(text.len());
            (0..=stop).any(|skip| glob(rest, &text[skip..]))
        }
        b'?' => text.split_first().is_some_and(|(byte, text)| *byte != b'/' && glob(rest, text)),
        b'[' => {
            let Some(end) = rest.iter().skip(1).position(|byte| *byte == b']').map(|at| at + 1) else { return false };
            let (negated, class) = match &rest[..end] {
                [b'^', class @ ..] => (true, class),
                class => (false, class),
            };
            let Some((byte, text)) = text.split_first() else { return false };
            in_class(class, *byte) != negated && glob(&rest[end + 1..], text)
        }
        b'\\' => match (rest.split_first(), text.split_first()) {
            (Some((literal, rest)), Some((byte, text))) => literal == byte && glob(rest, text),
            _ => false,
        },
        literal => text.split_first().is_some_and(|(byte, text)| byte == literal && glob(rest, text)),
    }
}

fn in_class(class: &[u8], byte: u8) -> bool {
    match class {
        [low, b'-', high, rest @ ..] => (*low..=*high).contains(&byte) || in_class(rest, byte),
        [one, rest @ ..] => *one == byte || in_class(rest, byte),
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_gos_path_match() {
        let cases = [
            ("busybox", "busybox", true),
            ("busy*", "busybox", true),
            ("*", "a/b", false),
            ("*/*", "a/b", true),
            ("b?sybox:1.*", "busybox:1.36", true),
            ("[a-c]x", "bx", true),
            ("[^a-c]x", "bx", false),
            ("[a", "a", false),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("", "a", false),
        ];
        for (pattern, text, expected) in cases {
            assert_eq!(glob(pattern.as_bytes(), text.as_bytes()), expected, "{pattern} {text}");
        }
    }
}
