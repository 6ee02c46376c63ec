//! (to be written by its owner)

/// No options yet.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs the task.
pub(crate) fn run(_: Args) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// See [`run`].
pub(crate) fn hello() -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// See [`run`].
pub(crate) fn all() -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// See [`run`].
pub(crate) fn guest() -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
