//! What a verb can fail with, and the code that the program ends with.

use std::io;

use crate::args::ConnectionError;
use crate::client::ClientError;
use crate::output::template::TemplateError;
use crate::request::RequestError;

#[derive(Debug, thiserror::Error)]
pub(crate) enum CommandError {
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    #[error(transparent)]
    Request(#[from] RequestError),
    #[error("{0}")]
    Template(#[from] TemplateError),
    #[error("write to standard output: {0}")]
    Output(#[from] io::Error),
    #[error("{operation} {object}: {}", crate::request::error::reason(source))]
    File { operation: &'static str, object: String, source: io::Error },
    /// Of a file that an archive should become.
    #[error("{failed}: {reason}")]
    Place { failed: &'static str, reason: String },
    #[error("standard input: {source}")]
    Input { source: io::Error },
    /// Docker's code for it is 125, as for any failure that is not the process's.
    #[error(
        "error waiting for container: the daemon has gone, and the container runs on without it: when the daemon is back, `hull attach {0}` returns to it and `hull wait {0}` tells its exit code"
    )]
    EngineLost(String),
    #[error("{0}")]
    InStream(String),
    #[error("{0}")]
    Refused(&'static str),
    /// A `--format` that does not fit what is shown.
    #[error("{text}")]
    View { text: String, code: i32 },
    /// The user said no: not an error in the eyes of a script.
    #[error("{0}")]
    Cancelled(&'static str),
    #[error("{0}")]
    Time(String),
    #[error("unknown type: {0:?}: must be one of \"container\", \"image\", \"network\", \"volume\"")]
    UnknownType(String),
    #[error("invalid value for {flag:?}: {reason}")]
    Value { flag: &'static str, reason: String },
    #[error("{source}\nError: failed to rename container named {container}")]
    Rename { container: String, source: Box<ClientError> },
    #[error("{errors}\nError: failed to start containers: {names}")]
    Start { names: String, errors: Box<CommandError> },
    #[error("Error: No such object: {0}")]
    NoSuchObject(String),
    #[error("Error: No public port '{port}' published for {container}")]
    NoPublicPort { port: String, container: String },
    #[error("container ID file found, make sure the other container isn't running or delete {0}")]
    CidFile(String),
    #[error("the stream of output is broken: {0}")]
    Frame(#[from] hull_api::stream::FrameError),
    #[error("unsupported output of the daemon: {0}")]
    Json(#[from] serde_json::Error),
    /// Of `run` and `create`: the text names the program, and the code says how far it came.
    #[error("hull: {source}\n\nRun 'hull {verb} --help' for more information")]
    Container { verb: &'static str, code: i32, source: Box<CommandError> },
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
    Several(Vec<CommandError>),
}

impl CommandError {
    pub(crate) fn exit_code(&self) -> i32 {
        match self {
            Self::Container { code, .. } | Self::View { code, .. } => *code,
            Self::EngineLost(_) => 125,
            Self::Cancelled(_) => 0,
            _ => 1,
        }
    }

    /// Whether the engine has no such object.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Self::Client(error) if error.is_status(http::StatusCode::NOT_FOUND))
    }

    /// Whether it is only that nobody reads the output any more.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        match self {
            Self::Output(error) => error.kind() == io::ErrorKind::BrokenPipe,
            Self::Container { source, .. } => source.is_broken_pipe(),
            _ => false,
        }
    }

    pub(crate) fn print(&self) {
        if !matches!(self, Self::Cancelled(_)) {
            eprintln!("{self}");
        }
    }
}

/// The code of a container that could not be started, from the daemon's words, as Docker's clients do it.
pub(crate) fn start_code(message: &str) -> i32 {
    let not_found = ["executable file not found", "no such file or directory", "system cannot find the file specified"];
    if not_found.iter().any(|text| message.contains(text)) {
        127
    } else if message.contains("permission denied") || message.contains("is a directory") {
        126
    } else {
        125
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_of_a_failed_start() {
        assert_eq!(start_code("exec: \"nosuch\": executable file not found in $PATH"), 127);
        assert_eq!(start_code("exec: \"/x\": stat /x: no such file or directory"), 127);
        assert_eq!(start_code("exec: \"/etc/passwd\": permission denied"), 126);
        assert_eq!(start_code("exec: \"/etc\": is a directory"), 126);
        assert_eq!(start_code("invalid mount"), 125);
    }
}
