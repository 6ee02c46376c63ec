//! `--format`: the part of Go's text/template that Docker's users write.
//!
//! ```text
//! text -> lexer (pieces of text and actions) -> parser (tree) -> eval (over a JSON value)
//! ```
//!
//! It has fields and their chains, variables, pipelines, `if`/`else`/`with`/`range`/`end`, comparisons, `index`,
//! `len`, `print*`, and Docker's own `json join split lower upper title pad truncate table`. Absent on purpose:
//! `define` and `template`, complex numbers, method calls other than `.Label "key"`.

mod eval;
mod functions;
mod lexer;
mod parser;

use std::fmt;

use serde_json::Value;

/// Why a template is wrong, in the words of Docker and Go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TemplateError(String);

impl TemplateError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template parsing error: template: :1: {}", self.0)
    }
}

impl std::error::Error for TemplateError {}

/// A parsed template.
#[derive(Debug)]
pub(crate) struct Template {
    nodes: Vec<parser::Node>,
}

impl Template {
    pub(crate) fn parse(text: &str) -> Result<Self, TemplateError> {
        Ok(Self { nodes: parser::parse(lexer::lex(text)?)? })
    }

    /// Fills the template in. A key that is missing is an error.
    pub(crate) fn render(&self, data: &Value) -> Result<String, TemplateError> {
        eval::render(&self.nodes, data, false)
    }

    /// The heading of a `table` template: every field gives its own title, and a function changes nothing.
    pub(crate) fn render_headings(&self, titles: &Value) -> Result<String, TemplateError> {
        eval::render(&self.nodes, titles, true)
    }
}

#[cfg(test)]
mod tests;
