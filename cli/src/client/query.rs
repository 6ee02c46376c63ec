//! Query strings and path segments.

use std::collections::BTreeMap;
use std::fmt::Write;

/// A query string under construction.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(String);

impl Query {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn set(mut self, name: &str, value: impl AsRef<str>) -> Self {
        if !self.0.is_empty() {
            self.0.push('&');
        }
        encode_into(name, &mut self.0, false);
        self.0.push('=');
        encode_into(value.as_ref(), &mut self.0, false);
        self
    }

    /// `name=1`, if it is on.
    pub(crate) fn flag(self, name: &str, on: bool) -> Self {
        if on { self.set(name, "1") } else { self }
    }

    /// Only if it is not empty.
    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        if value.is_empty() { self } else { self.set(name, value) }
    }

    /// `--filter a=b` as the API's `{"a":{"b":true}}`.
    pub(crate) fn filters(self, filters: &Filters) -> Self {
        if filters.0.is_empty() {
            return self;
        }
        let map: BTreeMap<&str, BTreeMap<&str, bool>> = filters
            .0
            .iter()
            .map(|(name, values)| (name.as_str(), values.iter().map(|v| (v.as_str(), true)).collect()))
            .collect();
        let json = serde_json::to_string(&map).unwrap_or_default();
        self.set("filters", json)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What `--filter` said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Filters(BTreeMap<String, Vec<String>>);

impl Filters {
    pub(crate) fn add(&mut self, name: &str, value: &str) {
        self.0.entry(name.to_owned()).or_default().push(value.to_owned());
    }

    /// From `name=value` texts, which the flag's parser has checked.
    pub(crate) fn from_flags(flags: &[String]) -> Self {
        let mut filters = Self::default();
        for flag in flags {
            if let Some((name, value)) = flag.split_once('=') {
                filters.add(&name.trim().to_lowercase(), value.trim());
            }
        }
        filters
    }
}

/// A name as a part of a path: a slash stays, since images have them.
pub(crate) fn segment(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    encode_into(name, &mut out, true);
    out
}

fn encode_into(text: &str, out: &mut String, keep_slash: bool) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(char::from(byte)),
            b'/' | b':' | b'@' if keep_slash => out.push(char::from(byte)),
            _ => {
                // Writing to a string has no way to fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_encoded() {
        let mut filters = Filters::from_flags(&["label=a=b c".to_owned(), "Status=running".to_owned()]);
        filters.add("label", "x");
        let query = Query::new().set("name", "ä b").flag("all", true).flag("no", false).text("e", "").filters(&filters);
        assert_eq!(
            query.as_str(),
            "name=%C3%A4%20b&all=1&filters=%7B%22label%22%3A%7B%22a%3Db%20c%22%3Atrue%2C%22x%22%3Atrue%7D%2C%22status%22%3A%7B%22running%22%3Atrue%7D%7D"
        );
        assert_eq!(segment("a/b:c@sha256:d?e"), "a/b:c@sha256:d%3Fe");
    }
}
