//! Lists: print them as `--format` and `--quiet` say.

use crate::output::format::{List, Row, Style};
use crate::output::{self};

use super::Outcome;

pub(super) fn print(list: &List, format: Option<&str>, quiet: bool, rows: Vec<Row>) -> Outcome {
    output::print(&list.render(&Style { format, quiet }, rows)?)?;
    Ok(0)
}
