//! (to be written by its owner)

/// No options yet.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs the task.
pub(crate) fn run(_: Args) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// See [`run`].
pub(crate) fn build() -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// The shim's own tests.
pub(crate) fn tests() -> std::process::Command {
    crate::command::cargo()
}
