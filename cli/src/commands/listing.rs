//! Lists and single objects: print them as `--format` and `--quiet` say.

use serde_json::Value;

use crate::client::Filters;
use crate::output::format::{List, Row, Style, unescape};
use crate::output::template::{Template, TemplateError};
use crate::output::{self};
use crate::request::values;

use super::{CommandError, Outcome};

/// What all lists of objects can be asked.
#[derive(Debug, clap::Args)]
pub(crate) struct ListFlags {
    /// Filter output based on conditions provided (name=value; several of one name: any of them)
    #[arg(short, long, value_name = "filter", value_parser = values::filter)]
    pub(super) filter: Vec<String>,
    /// Format output using a custom template: table, 'table TEMPLATE', json, TEMPLATE
    #[arg(long, value_name = "string")]
    pub(super) format: Option<String>,
    /// Don't truncate output
    #[arg(long)]
    pub(super) no_trunc: bool,
    /// Only display IDs
    #[arg(short, long)]
    pub(super) quiet: bool,
}

impl ListFlags {
    pub(super) fn filters(&self) -> Filters {
        Filters::from_flags(&self.filter)
    }

    pub(super) fn print(&self, list: &List, rows: Vec<Row>) -> Outcome {
        print(list, self.format.as_deref(), self.quiet, rows)
    }
}

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
