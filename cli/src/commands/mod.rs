//! The verbs, one a file: each has its flags, its examples and one `run` that makes requests and prints.
//!
//! What several verbs share is here and in [`attaching`] (streams, terminal and signals), [`creating`] (create, and
//! pull when the image is missing) and [`listing`] (output of lists).

pub(crate) mod attach;
mod attaching;
pub(crate) mod commit;
pub(crate) mod completion;
mod containers;
pub(crate) mod cp;
pub(crate) mod create;
mod creating;
pub(crate) mod df;
pub(crate) mod diff;
mod error;
pub(crate) mod events;
pub(crate) mod exec;
pub(crate) mod export;
pub(crate) mod history;
pub(crate) mod images;
pub(crate) mod import;
pub(crate) mod info;
pub(crate) mod inspect;
pub(crate) mod kill;
mod listing;
pub(crate) mod load;
pub(crate) mod logs;
pub(crate) mod network_ls;
pub(crate) mod pause;
pub(crate) mod pids;
pub(crate) mod port;
pub(crate) mod prune;
pub(crate) mod ps;
pub(crate) mod pull;
pub(crate) mod rename;
pub(crate) mod restart;
pub(crate) mod rm;
pub(crate) mod rmi;
pub(crate) mod run;
pub(crate) mod save;
pub(crate) mod start;
pub(crate) mod stats;
pub(crate) mod stop;
pub(crate) mod system_prune;
pub(crate) mod tag;
pub(crate) mod top;
pub(crate) mod unpause;
pub(crate) mod update;
pub(crate) mod version;
pub(crate) mod volume_create;
pub(crate) mod volume_ls;
pub(crate) mod volume_rm;
pub(crate) mod wait;

use crate::client::{Client, segment};
use crate::output;

pub(crate) use error::CommandError;

/// What every verb gets.
pub(crate) struct Context {
    pub(crate) client: Client,
}

/// The exit code, or what went wrong.
pub(crate) type Outcome = Result<i32, CommandError>;

/// `/containers/NAME/VERB`.
fn container_path(name: &str, verb: &str) -> String {
    format!("/containers/{}/{verb}", segment(name))
}

/// Does the same to each object: its name is printed when it is done, what failed is said at the end.
async fn each<F: AsyncFn(&str) -> Result<(), CommandError>>(names: &[String], act: F) -> Outcome {
    let mut errors = Vec::new();
    for name in names {
        match act(name).await {
            Ok(()) => output::print_line(name)?,
            Err(error) => errors.push(error),
        }
    }
    match errors.is_empty() {
        true => Ok(0),
        false => Err(CommandError::Several(errors)),
    }
}
