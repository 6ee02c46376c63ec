//! Lists and single objects: print them as `--format` and `--quiet` say.

use serde_json::Value;

use crate::output::format::{List, Row, Style, unescape};
use crate::output::template::{Template, TemplateError};
use crate::output::{self};

use super::{CommandError, Outcome};

pub(super) fn print(list: &List, format: Option<&str>, quiet: bool, rows: Vec<Row>) -> Outcome {
    output::print(&list.render(&Style { format, quiet }, rows)?)?;
    Ok(0)
}

/// The template of a view of single objects.
pub(super) fn template(text: &str) -> Result<Template, CommandError> {
    Template::parse(&unescape(text)).map_err(|error| wrong_format(&error))
}

/// Docker's code for a template that fits no object is 64, for one that does not fit this object 1.
pub(super) fn wrong_format(error: &TemplateError) -> CommandError {
    let code = if error.is_parsing() { 64 } else { 1 };
    CommandError::View { text: format!("template parsing error: {}", error.plain()), code }
}

/// One object through a template; `name` is what Docker calls the template in errors.
pub(super) fn fill(name: &'static str, text: &str, value: &Value) -> Result<String, CommandError> {
    let text = Template::parse(&unescape(text)).and_then(|template| template.render(value));
    text.map_err(|error| wrong_format(&error.of(name)))
}
