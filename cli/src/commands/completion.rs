//! `hull completion`: what a shell has to know to ask `hull` for completions.
//!
//! The script only calls `hull` again, with this variable in its environment: [`answer`] is the other end of it.

use clap_complete::CompleteEnv;
use clap_complete::env::Shells;

use super::{CommandError, Outcome};
use crate::args::usage;
use crate::output;

/// Names the shell that asks.
const VARIABLE: &str = "HULL_COMPLETE";

/// Generate the autocompletion script for the specified shell
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull completion SHELL")]
#[command(after_help = "\
Commands, flags, and the names of containers, images and volumes that are there.

Examples, each to be written into the shell's start-up file:
  bash    source <(hull completion bash)
  zsh     source <(hull completion zsh)
  fish    hull completion fish | source")]
pub(crate) struct Args {
    /// bash, zsh, fish, elvish or powershell
    #[arg(value_parser = ["bash", "zsh", "fish", "elvish", "powershell"])]
    shell: String,
}

pub(crate) fn run(args: &Args) -> Outcome {
    let shells = Shells::builtins();
    let shell = shells.completer(&args.shell).ok_or(CommandError::Refused("no such shell"))?;
    let mut script = Vec::new();
    shell.write_registration(VARIABLE, "hull", "hull", "hull", &mut script)?;
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}

/// Where a shell asks: answers and ends the program. Else it does nothing.
pub(crate) fn answer() {
    CompleteEnv::with_factory(usage::completing).var(VARIABLE).complete();
}
