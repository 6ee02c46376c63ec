//! JSON read as Go's `encoding/json` reads it, since every client of the API was tested against that.
//!
//! - keys match the fields of a struct without regard to case; an exact match wins
//! - `null`, missing and the zero value mean the same
//! - unknown keys are ignored
//! - a fixed-size array is cut or padded
//!
//! A [`serde::Deserializer`] over [`serde_json::Value`] does this for any derived type whose structs carry
//! `#[serde(default)]`. It learns the names from `deserialize_struct`, which `#[serde(flatten)]` bypasses:
//! types that are decoded must not use it.

mod access;
mod value;

use std::fmt;

use serde::de::DeserializeOwned;
use serde_json::Value;

/// Why a body was refused, with the path of the field: `HostConfig.Ulimits[2].Soft: ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// Innermost first: a level adds its name while the error travels outwards.
    path: Vec<Segment>,
    message: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Segment {
    Key(String),
    Index(usize),
}

impl DecodeError {
    fn within(mut self, segment: Segment) -> Self {
        self.path.push(segment);
        self
    }

    /// The field's path, empty for the document itself.
    pub fn path(&self) -> String {
        let mut text = String::new();
        for segment in self.path.iter().rev() {
            match segment {
                Segment::Key(key) if text.is_empty() => text.push_str(key),
                Segment::Key(key) => {
                    text.push('.');
                    text.push_str(key);
                }
                Segment::Index(index) => text.push_str(&format!("[{index}]")),
            }
        }
        text
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path();
        if path.is_empty() { f.write_str(&self.message) } else { write!(f, "{path}: {}", self.message) }
    }
}

impl std::error::Error for DecodeError {}

impl serde::de::Error for DecodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self { path: Vec::new(), message: message.to_string() }
    }
}

/// Decodes one document, with nothing but white space after it.
pub fn from_slice<T: DeserializeOwned>(json: &[u8]) -> Result<T, DecodeError> {
    let value: Value = serde_json::from_slice(json).map_err(serde::de::Error::custom)?;
    from_value_ref(&value)
}

/// [`from_slice`] of a text.
pub fn from_str<T: DeserializeOwned>(json: &str) -> Result<T, DecodeError> {
    from_slice(json.as_bytes())
}

/// Decodes a parsed document.
pub fn from_value<T: DeserializeOwned>(value: Value) -> Result<T, DecodeError> {
    from_value_ref(&value)
}

/// Decodes a parsed document that is needed further.
pub fn from_value_ref<T: DeserializeOwned>(value: &Value) -> Result<T, DecodeError> {
    T::deserialize(value::GoValue(value))
}

#[cfg(test)]
mod tests;
