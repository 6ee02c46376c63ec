//! (to be written)

/// No options yet.
#[derive(clap::Args)]
pub(crate) struct UpArgs {}
/// No options yet.
#[derive(clap::Args)]
pub(crate) struct DownArgs {}

/// Runs the task.
pub(crate) fn run(_: UpArgs) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}

/// Runs the task.
pub(crate) fn down(_: DownArgs) -> anyhow::Result<()> {
    anyhow::bail!("not built yet")
}
