//! What is done with containers, alike as `hull VERB` and as `hull container VERB`.

use clap::Subcommand;

use crate::commands as c;

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Run(Box<c::run::Args>),
    Create(Box<c::create::Args>),
    Start(c::start::Args),
    Stop(c::stop::Args),
    Restart(c::restart::Args),
    Kill(c::kill::Args),
    #[command(visible_alias = "remove")]
    Rm(c::rm::Args),
    Exec(c::exec::Args),
    Attach(c::attach::Args),
    Logs(c::logs::Args),
    Top(c::top::Args),
    Pids(c::pids::Args),
    Stats(c::stats::Args),
    Wait(c::wait::Args),
    Pause(c::pause::Args),
    Unpause(c::unpause::Args),
    Rename(c::rename::Args),
    Update(c::update::Args),
    Port(c::port::Args),
    Cp(c::cp::Args),
    Diff(c::diff::Args),
    Export(c::export::Args),
    Commit(c::commit::Args),
}

impl Verb {
    pub(super) async fn run(self, context: &c::Context) -> c::Outcome {
        match self {
            Self::Run(args) => c::run::run(context, *args).await,
            Self::Create(args) => c::create::run(context, *args).await,
            Self::Start(args) => c::start::run(context, args).await,
            Self::Stop(args) => c::stop::run(context, args).await,
            Self::Restart(args) => c::restart::run(context, args).await,
            Self::Kill(args) => c::kill::run(context, args).await,
            Self::Rm(args) => c::rm::run(context, args).await,
            Self::Exec(args) => c::exec::run(context, args).await,
            Self::Attach(args) => c::attach::run(context, args).await,
            Self::Logs(args) => c::logs::run(context, args).await,
            Self::Top(args) => c::top::run(context, args).await,
            Self::Pids(args) => c::pids::run(context, args).await,
            Self::Stats(args) => c::stats::run(context, args).await,
            Self::Wait(args) => c::wait::run(context, args).await,
            Self::Pause(args) => c::pause::run(context, args).await,
            Self::Unpause(args) => c::unpause::run(context, args).await,
            Self::Rename(args) => c::rename::run(context, args).await,
            Self::Update(args) => c::update::run(context, args).await,
            Self::Port(args) => c::port::run(context, args).await,
            Self::Cp(args) => c::cp::run(context, args).await,
            Self::Diff(args) => c::diff::run(context, args).await,
            Self::Export(args) => c::export::run(context, args).await,
            Self::Commit(args) => c::commit::run(context, args).await,
        }
    }
}
