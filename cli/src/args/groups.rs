//! The groups: `hull container ls` is `hull ps`, `hull image rm` is `hull rmi`.

use clap::Subcommand;

use super::Verb;
use crate::commands as c;

#[derive(Debug, Subcommand)]
#[command(override_usage = "hull container COMMAND")]
pub(crate) enum Container {
    #[command(visible_aliases = ["ps", "list"])]
    Ls(c::ps::Args),
    #[command(flatten)]
    Verb(Verb),
    Inspect(c::inspect::TypedArgs),
    /// Remove all stopped containers
    Prune(c::prune::Args),
}

impl Container {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Ls(args) => c::ps::run(context, args).await,
            Self::Verb(verb) => verb.run(context).await,
            Self::Inspect(args) => c::inspect::run_typed(context, args, c::inspect::Kind::Container).await,
            Self::Prune(args) => c::prune::run_containers(context, args).await,
        }
    }
}

#[derive(Debug, Subcommand)]
#[command(override_usage = "hull image COMMAND")]
pub(crate) enum Image {
    #[command(visible_alias = "list")]
    Ls(c::images::Args),
    Pull(c::pull::Args),
    Import(c::import::Args),
    Load(c::load::Args),
    Save(c::save::Args),
    #[command(visible_alias = "remove")]
    Rm(c::rmi::Args),
    Tag(c::tag::Args),
    History(c::history::Args),
    Inspect(c::inspect::TypedArgs),
    /// Remove unused images
    Prune(c::prune::ImageArgs),
}

impl Image {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Ls(args) => c::images::run(context, args).await,
            Self::Pull(args) => c::pull::run(context, args).await,
            Self::Import(args) => c::import::run(context, args).await,
            Self::Load(args) => c::load::run(context, args).await,
            Self::Save(args) => c::save::run(context, args).await,
            Self::Rm(args) => c::rmi::run(context, args).await,
            Self::Tag(args) => c::tag::run(context, args).await,
            Self::History(args) => c::history::run(context, args).await,
            Self::Inspect(args) => c::inspect::run_typed(context, args, c::inspect::Kind::Image).await,
            Self::Prune(args) => c::prune::run_images(context, args).await,
        }
    }
}

#[derive(Debug, Subcommand)]
#[command(override_usage = "hull volume COMMAND")]
pub(crate) enum Volume {
    Create(c::volume_create::Args),
    #[command(visible_alias = "list")]
    Ls(c::volume_ls::Args),
    Inspect(c::inspect::TypedArgs),
    #[command(visible_alias = "remove")]
    Rm(c::volume_rm::Args),
    /// Remove unused local volumes
    Prune(c::prune::VolumeArgs),
}

impl Volume {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Create(args) => c::volume_create::run(context, args).await,
            Self::Ls(args) => c::volume_ls::run(context, args).await,
            Self::Inspect(args) => c::inspect::run_typed(context, args, c::inspect::Kind::Volume).await,
            Self::Rm(args) => c::volume_rm::run(context, args).await,
            Self::Prune(args) => c::prune::run_volumes(context, args).await,
        }
    }
}

#[derive(Debug, Subcommand)]
#[command(override_usage = "hull network COMMAND")]
pub(crate) enum Network {
    #[command(visible_alias = "list")]
    Ls(c::network_ls::Args),
    Inspect(c::inspect::TypedArgs),
}

impl Network {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Ls(args) => c::network_ls::run(context, args).await,
            Self::Inspect(args) => c::inspect::run_typed(context, args, c::inspect::Kind::Network).await,
        }
    }
}

#[derive(Debug, Subcommand)]
#[command(override_usage = "hull system COMMAND")]
pub(crate) enum System {
    Df(c::df::Args),
    Events(c::events::Args),
    Info(c::info::Args),
    Prune(c::system_prune::Args),
}

impl System {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Df(args) => c::df::run(context, args).await,
            Self::Events(args) => c::events::run(context, args).await,
            Self::Info(args) => c::info::run(context, args).await,
            Self::Prune(args) => c::system_prune::run(context, args).await,
        }
    }
}
