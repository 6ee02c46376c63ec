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
pub(crate) struct TemplateError {
    message: String,
    /// What Go calls the template; mostly nothing.
    name: &'static str,
    /// Whether it is wrong for every object.
    parsing: bool,
}

impl TemplateError {
    fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), name: "", parsing: false }
    }

    pub(crate) fn is_parsing(&self) -> bool {
        self.parsing
    }

    /// The same of a template that has a name.
    pub(crate) fn of(self, name: &'static str) -> Self {
        Self { name, ..self }
    }

    /// As Go says it.
    pub(crate) fn plain(&self) -> String {
        let message = self.message.replacen("executing \"\"", &format!("executing {:?}", self.name), 1);
        format!("template: {}:1: {message}", self.name)
    }
}

/// As Docker's lists say it.
impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = if self.parsing { "parse" } else { "execute" };
        write!(f, "failed to {what} template: {}", self.plain())
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
        let nodes = lexer::lex(text).and_then(parser::parse);
        nodes.map(|nodes| Self { nodes }).map_err(|error| TemplateError { parsing: true, ..error })
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
