//! What may be typed: the tree of commands and the flags that stand before it.
//!
//! Each command's own flags live with the command. Clap does the parsing; [`usage`] makes it accept and say what
//! Docker's clients do.

mod candidates;
mod connection;
mod groups;
pub(crate) mod usage;
mod verbs;

use clap::{Parser, Subcommand};

use crate::commands as c;

pub(crate) use connection::{Connection, ConnectionError};
pub(crate) use groups::{Container, Image, Network, System, Volume};
pub(crate) use verbs::Verb;

const EXAMPLES: &str = "\
Examples:
  hull run hull/hello                         a container that prints what it sees of the world
  hull run -it --rm busybox sh                a shell of your own
  hull run -d --name web --cpus=.5 -m 100m nginx
  hull pids web                               its processes: PIDs on the host and inside
  hull exec -it web sh                        one more process in the same container
  hull logs -f web
  hull stats                                  CPU, memory and network, live
  hull rm -f web

Where the engine is, in this order: -H, $HULL_HOST, $DOCKER_HOST, unix:///run/hull/hull.sock.
  hull -H 10.10.10.1:2375 ps
  hull -H tcp://engine:2376 --tlsverify ps    certificates from ~/.docker or $DOCKER_CERT_PATH";

/// A container engine that you can see through
#[derive(Debug, Parser)]
#[command(name = "hull", version, disable_version_flag = true, max_term_width = 100, after_help = EXAMPLES)]
#[command(override_usage = "hull [OPTIONS] COMMAND", disable_help_subcommand = true, subcommand_required = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Print version information and quit
    #[arg(short, long, action = clap::ArgAction::Version)]
    version: Option<bool>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Ps(c::ps::Args),
    #[command(flatten)]
    Verb(Verb),
    Inspect(c::inspect::Args),
    Events(c::events::Args),
    Images(c::images::Args),
    Pull(c::pull::Args),
    Import(c::import::Args),
    Load(c::load::Args),
    Save(c::save::Args),
    Rmi(c::rmi::Args),
    Tag(c::tag::Args),
    History(c::history::Args),
    Version(c::version::Args),
    Info(c::info::Args),
    /// Manage containers
    #[command(subcommand)]
    Container(Container),
    /// Manage images
    #[command(subcommand)]
    Image(Image),
    /// Manage volumes
    #[command(subcommand)]
    Volume(Volume),
    /// Look at networks
    #[command(subcommand)]
    Network(Network),
    /// Look at the engine as a whole
    #[command(subcommand)]
    System(System),
    Completion(c::completion::Args),
}

impl Command {
    pub(crate) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Verb(verb) => verb.run(context).await,
            Self::Ps(args) => c::ps::run(context, args).await,
            Self::Inspect(args) => c::inspect::run(context, args).await,
            Self::Events(args) => c::events::run(context, args).await,
            Self::Images(args) => c::images::run(context, args).await,
            Self::Pull(args) => c::pull::run(context, args).await,
            Self::Import(args) => c::import::run(context, args).await,
            Self::Load(args) => c::load::run(context, args).await,
            Self::Save(args) => c::save::run(context, args).await,
            Self::Rmi(args) => c::rmi::run(context, args).await,
            Self::Tag(args) => c::tag::run(context, args).await,
            Self::History(args) => c::history::run(context, args).await,
            Self::Version(args) => c::version::run(context, args).await,
            Self::Info(args) => c::info::run(context, args).await,
            Self::Container(group) => group.run(context).await,
            Self::Image(group) => group.run(context).await,
            Self::Volume(group) => group.run(context).await,
            Self::Network(group) => group.run(context).await,
            Self::System(group) => group.run(context).await,
            Self::Completion(args) => c::completion::run(&args),
        }
    }
}
