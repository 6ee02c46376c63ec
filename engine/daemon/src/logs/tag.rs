//! The option `tag`: a Go template over the container, of which the part that tags use is understood: text, fields, and
//! the functions `lower`, `upper`, `title`, `json` and `truncate`, before a field or behind a `|`.

use super::attributes::Subject;
use std::iter::Peekable;

/// Why a tag means nothing. Texts are Go's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TagError {
    /// `{{` without its `}}`.
    #[error("template: log-tag:1: unclosed action")]
    Unclosed,
    /// Nothing between them.
    #[error("template: log-tag:1: missing value for command")]
    Empty,
    /// No such function.
    #[error("template: log-tag:1: function {0:?} not defined")]
    Function(String),
    /// Something else than a field or a function.
    #[error("template: log-tag:1: unexpected {0:?} in command")]
    Unexpected(String),
    /// No such field.
    #[error(
        "template: log-tag:1:{column}: executing \"log-tag\" at <.{field}>: can't evaluate field {field} in type *logger.Info"
    )]
    Field {
        /// Where.
        column: usize,
        /// Which.
        field: String,
    },
}

/// A parsed tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tag(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Value { field: String, column: usize, functions: Vec<Function> },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Function {
    Lower,
    Upper,
    Title,
    Json,
    Truncate(usize),
}

impl Tag {
    pub(super) fn parse(template: &str) -> Result<Self, TagError> {
        let mut parts = Vec::new();
        let mut rest = template;
        while let Some(open) = rest.find("{{") {
            let (text, action) = (&rest[..open], &rest[open + 2..]);
            let length = action.find("}}").ok_or(TagError::Unclosed)?;
            let column = template.len() - action.len();
            rest = &action[length + 2..];
            let (mut text, mut action) = (text, &action[..length]);
            // `{{-` and `-}}` take the space beside them away.
            if let Some(trimmed) = action.strip_prefix("- ") {
                (text, action) = (text.trim_end(), trimmed);
            }
            if let Some(trimmed) = action.strip_suffix(" -") {
                (rest, action) = (rest.trim_start(), trimmed);
            }
            parts.push(Part::Text(text.to_owned()));
            parts.push(value(action, column)?);
        }
        parts.push(Part::Text(rest.to_owned()));
        Ok(Self(parts))
    }

    pub(super) fn text(&self, subject: &Subject<'_>) -> Result<String, TagError> {
        let mut out = String::new();
        for part in &self.0 {
            match part {
                Part::Text(text) => out.push_str(text),
                Part::Value { field, column, functions } => {
                    let value = look_up(field, subject);
                    let value = value.ok_or_else(|| TagError::Field { column: *column, field: field.clone() })?;
                    out.push_str(&functions.iter().fold(value, |value, function| function.apply(value)));
                }
            }
        }
        Ok(out)
    }
}

/// What stands between the braces.
fn value(action: &str, column: usize) -> Result<Part, TagError> {
    let mut field = None;
    let mut functions = Vec::new();
    for command in action.split('|') {
        let mut words = command.split_whitespace().peekable();
        let first = words.next().ok_or(TagError::Empty)?;
        if let Some(name) = first.strip_prefix('.').filter(|_| field.is_none()) {
            field = Some(name.to_owned());
        } else {
            // Before its field or, in a pipe, behind it; with a number of its own where it needs one.
            let has_field = field.is_some();
            functions.push(function(first, &mut words, &mut field)?);
            if !has_field && field.is_none() {
                return Err(TagError::Empty);
            }
        }
        if let Some(word) = words.next() {
            return Err(TagError::Unexpected(word.to_owned()));
        }
    }
    Ok(Part::Value { field: field.unwrap_or_default(), column, functions })
}

fn function<'t>(
    name: &str,
    words: &mut Peekable<impl Iterator<Item = &'t str>>,
    field: &mut Option<String>,
) -> Result<Function, TagError> {
    let mut argument = || {
        if let Some(name) = words.peek().and_then(|word| word.strip_prefix('.'))
            && field.is_none()
        {
            *field = Some(name.to_owned());
            words.next();
        }
    };
    Ok(match name {
        "lower" => (argument(), Function::Lower).1,
        "upper" => (argument(), Function::Upper).1,
        "title" => (argument(), Function::Title).1,
        "json" => (argument(), Function::Json).1,
        "truncate" => {
            argument();
            let length = words.next().unwrap_or_default();
            Function::Truncate(length.parse().map_err(|_| TagError::Unexpected(length.to_owned()))?)
        }
        other if other.starts_with(|c: char| c.is_ascii_alphabetic()) => {
            return Err(TagError::Function(other.to_owned()));
        }
        other => return Err(TagError::Unexpected(other.to_owned())),
    })
}

impl Function {
    fn apply(self, value: String) -> String {
        match self {
            Self::Lower => value.to_lowercase(),
            Self::Upper => value.to_uppercase(),
            Self::Title => {
                let mut starts = true;
                let titled = value.chars().map(|c| {
                    let now = std::mem::replace(&mut starts, !c.is_alphanumeric());
                    if now { c.to_uppercase().next().unwrap_or(c) } else { c }
                });
                titled.collect()
            }
            Self::Json => serde_json::Value::String(value).to_string(),
            Self::Truncate(length) => value.chars().take(length).collect(),
        }
    }
}

/// A field or method of Docker's `logger.Info`.
fn look_up(field: &str, of: &Subject<'_>) -> Option<String> {
    let short = |text: &str| text.get(..12).unwrap_or(text).to_owned();
    Some(match field {
        "ID" => short(of.id),
        "FullID" | "ContainerID" => of.id.to_owned(),
        "Name" => of.name.to_owned(),
        "ContainerName" => format!("/{}", of.name),
        "ImageID" => short(of.image_id),
        "ImageFullID" | "ContainerImageID" => of.image_id.to_owned(),
        "ImageName" | "ContainerImageName" => of.image.to_owned(),
        "ContainerEntrypoint" => of.program.to_owned(),
        "Command" => {
            std::iter::once(of.program).chain(of.arguments.iter().map(String::as_str)).collect::<Vec<_>>().join(" ")
        }
        "DaemonName" => "hull".to_owned(),
        "Hostname" => rustix::system::uname().nodename().to_string_lossy().into_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(template: &str) -> Result<String, TagError> {
        let arguments = ["-c".to_owned(), "true".to_owned()];
        let subject = Subject {
            id: "0123456789abcdef",
            name: "quick_fox",
            image: "busybox:latest",
            image_id: "sha256:fedcba",
            program: "sh",
            arguments: &arguments,
            ..Subject::default()
        };
        Tag::parse(template)?.text(&subject)
    }

    #[test]
    fn fields_are_dockers() {
        for (template, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("{{.ID}}", "0123456789ab"),
            ("{{ .ImageName }}/{{.Name}}/{{.ID}}!", "busybox:latest/quick_fox/0123456789ab!"),
            ("{{.FullID}} {{.ImageID}} {{.ImageFullID}}", "0123456789abcdef sha256:fedcb sha256:fedcba"),
            ("{{.Command}} {{.ContainerName}} {{.DaemonName}}", "sh -c true /quick_fox hull"),
            ("{{upper .Name}} {{.Name | title}} {{json .Name}}", "QUICK_FOX Quick_Fox \"quick_fox\""),
            ("{{truncate .FullID 5}}-{{.Name | upper | lower}}", "01234-quick_fox"),
            ("a {{- .Name -}} b", "aquick_foxb"),
        ] {
            assert_eq!(text(template).as_deref(), Ok(expected), "{template}");
        }
    }

    #[test]
    fn what_means_nothing_is_an_error_in_gos_words() {
        for (template, message) in [
            ("{{.ID", "template: log-tag:1: unclosed action"),
            ("{{}}", "template: log-tag:1: missing value for command"),
            ("{{lower}}", "template: log-tag:1: missing value for command"),
            ("{{nosuch .ID}}", "template: log-tag:1: function \"nosuch\" not defined"),
            ("{{.ID .Name}}", "template: log-tag:1: unexpected \".Name\" in command"),
            ("{{truncate .ID x}}", "template: log-tag:1: unexpected \"x\" in command"),
            (
                "x{{.Nmae}}",
                "template: log-tag:1:3: executing \"log-tag\" at <.Nmae>: can't evaluate field Nmae in type *logger.Info",
            ),
        ] {
            assert_eq!(text(template).unwrap_err().to_string(), message, "{template}");
        }
    }
}
