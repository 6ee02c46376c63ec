//! `hull completion`.

use clap_complete::Shell;

use super::Outcome;
use crate::args::usage;
use crate::output;

/// Generate the autocompletion script for the specified shell
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull completion SHELL")]
#[command(
    after_help = "Examples:\n  hull completion bash > /etc/bash_completion.d/hull\n  hull completion zsh > ~/.zfunc/_hull\n  hull completion fish > ~/.config/fish/completions/hull.fish"
)]
pub(crate) struct Args {
    /// bash, zsh, fish, elvish or powershell
    shell: Shell,
}

pub(crate) fn run(args: &Args) -> Outcome {
    // Generated in memory: the generator panics when its output cannot be written.
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut usage::plain(), "hull", &mut script);
    output::print(&String::from_utf8_lossy(&script))?;
    Ok(0)
}
