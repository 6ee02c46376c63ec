//! What the options `labels`, `env` and `tag` of a driver add to every record.

use super::options::{Options, ValueError};
use super::tag::Tag;
use regex::Regex;
use std::collections::BTreeMap;

/// The container that a log is of.
#[derive(Debug, Clone, Copy)]
#[expect(missing_docs, reason = "each is what the container has under that name")]
pub struct Subject<'a> {
    pub id: &'a str,
    pub name: &'a str,
    pub image: &'a str,
    pub image_id: &'a str,
    pub program: &'a str,
    pub arguments: &'a [String],
    pub labels: &'a BTreeMap<String, String>,
    pub env: &'a [String],
}

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

impl Default for Subject<'_> {
    fn default() -> Self {
        let none = "";
        Self {
            id: none,
            name: none,
            image: none,
            image_id: none,
            program: none,
            arguments: &[],
            labels: &NO_LABELS,
            env: &[],
        }
    }
}

/// Names and values.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attributes(pub(super) BTreeMap<String, String>);

impl Attributes {
    /// Those of a container.
    ///
    /// # Errors
    /// When a value cannot be understood.
    pub fn of(subject: &Subject<'_>, options: &Options) -> Result<Self, ValueError> {
        let mut attributes = Self::selected(subject, options)?;
        // A tag is an attribute only for who asks for one.
        let tag = Tag::parse(options.get("tag").map_or("", String::as_str))?.text(subject)?;
        if !tag.is_empty() {
            attributes.0.insert("tag".to_owned(), tag);
        }
        Ok(attributes)
    }

    /// Labels and variables.
    pub(super) fn selected(subject: &Subject<'_>, options: &Options) -> Result<Self, ValueError> {
        let mut found = BTreeMap::new();
        let labels = subject.labels.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        select(&mut found, labels, options, "labels")?;
        let env = subject.env.iter().filter_map(|entry| entry.split_once('='));
        select(&mut found, env, options, "env")?;
        Ok(Self(found))
    }

    /// Checks what can be checked without a container.
    pub(super) fn check(options: &Options) -> Result<(), ValueError> {
        let anybody = Subject { id: "0123456789ab", image_id: "sha256:01234", ..Subject::default() };
        Self::of(&anybody, options).map(drop)
    }

    /// The object that goes with every record; `None`: there is none.
    pub fn json(&self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        serde_json::to_string(&self.0).ok()
    }
}

/// Adds what the option (names between commas) and its `-regex` sister choose.
fn select<'a>(
    found: &mut BTreeMap<String, String>,
    all: impl Iterator<Item = (&'a str, &'a str)>,
    options: &Options,
    option: &str,
) -> Result<(), ValueError> {
    let names: Vec<&str> = options.get(option).map(|names| names.split(',').collect()).unwrap_or_default();
    let pattern = match options.get(&format!("{option}-regex")).filter(|pattern| !pattern.is_empty()) {
        Some(pattern) => Some(Regex::new(pattern).map_err(|error| ValueError::Regex(one_line(&error)))?),
        None => None,
    };
    for (name, value) in all {
        if names.contains(&name) || pattern.as_ref().is_some_and(|pattern| pattern.is_match(name)) {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    Ok(())
}

/// The library draws a picture with an arrow; its last line says what is wrong.
fn one_line(error: &regex::Error) -> String {
    let text = error.to_string();
    let last = text.lines().last().unwrap_or_default();
    last.trim_start_matches("error: ").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_and_variables_are_chosen_by_name_and_by_pattern() {
        let labels: BTreeMap<String, String> =
            [("app", "web"), ("com.example.a", "1"), ("com.example.b", "2"), ("other", "x")]
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .into();
        let env = ["PATH=/bin", "os=linux", "empty=", "noequals"].map(str::to_owned);
        let subject = Subject { labels: &labels, env: &env, name: "box", ..Subject::default() };
        let of = |text: &[&str]| {
            let options = text.iter().map(|option| super::super::options::parse_flag(option)).collect();
            Attributes::of(&subject, &options).unwrap().json()
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["labels=app,missing"]).as_deref(), Some(r#"{"app":"web"}"#));
        assert_eq!(
            of(&["labels-regex=^com\\.", "env=os,empty"]).as_deref(),
            Some(r#"{"com.example.a":"1","com.example.b":"2","empty":"","os":"linux"}"#)
        );
        assert_eq!(of(&["env-regex=^(P|noeq)"]).as_deref(), Some(r#"{"PATH":"/bin"}"#));
        assert_eq!(of(&["tag=<{{.Name}}>"]).as_deref(), Some(r#"{"tag":"<box>"}"#));
    }
}
