//! `hull attach`.

use hull_api::ContainerInspect;

use super::attaching::{AttachFlags, Caught, Leaving, Session, check_terminal};
use super::{CommandError, Context, Outcome, container_path, wait};
use crate::client::{Body, Query};
use crate::output::table;

/// Attach local standard input, output, and error streams to a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull attach [OPTIONS] CONTAINER")]
#[command(after_help = "Ctrl-P Ctrl-Q detaches from a container with a terminal and leaves it running.")]
pub(crate) struct Args {
    #[command(flatten)]
    attaching: AttachFlags,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// The container
    container: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let inspect: ContainerInspect = context.client.get(&container_path(&args.container, "json"), Query::new()).await?;
    if !inspect.state.running {
        return Err(CommandError::Refused("You cannot attach to a stopped container, start it first"));
    }
    if inspect.state.paused {
        return Err(CommandError::Refused("You cannot attach to a paused container, unpause it first"));
    }
    if inspect.state.restarting {
        return Err(CommandError::Refused("You cannot attach to a restarting container, wait until it is running"));
    }
    let stdin = !args.no_stdin && inspect.config.open_stdin;
    let tty = inspect.config.tty;
    check_terminal(stdin, tty)?;
    let what = Following { stdin, tty, keys: &args.attaching.detach_keys, sig_proxy: args.attaching.sig_proxy };
    follow(context, &inspect.id, what, false).await
}

pub(super) struct Following<'a> {
    pub(super) stdin: bool,
    pub(super) tty: bool,
    pub(super) keys: &'a str,
    pub(super) sig_proxy: bool,
}

/// For `hull start -a`: attaches first, so that no output is missed.
pub(super) async fn start_and_follow(context: &Context, id: &str, what: Following<'_>) -> Outcome {
    check_terminal(what.stdin, what.tty)?;
    follow(context, id, what, true).await
}

/// Attaches, and ends with the container's exit code.
async fn follow(context: &Context, id: &str, what: Following<'_>, start: bool) -> Outcome {
    let query = Query::new()
        .set("stream", "1")
        .flag("stdin", what.stdin)
        .set("stdout", "1")
        .set("stderr", "1")
        .text("detachKeys", what.keys);
    let caught = what.sig_proxy.then(Caught::new);
    let connection = context.client.hijack(&container_path(id, "attach"), query, Body::empty()).await?;
    // Asked for before the start: a container that ends at once must not be waited for afterwards.
    let waiting = wait::begin(context, id, if start { "next-exit" } else { "not-running" }).await?;
    let raw = Session::raw(what.stdin, what.tty);
    if start {
        context.client.act(&container_path(id, "start"), Query::new()).await?;
    }
    let session = Session {
        context,
        connection,
        stdin: what.stdin,
        tty: what.tty,
        detach_keys: what.keys,
        resize: container_path(id, "resize"),
        leaving: if start { Leaving::Quiet } else { Leaving::Told },
        signals: caught.map(|caught| (caught, id)),
    };
    session.hold(raw, wait::finish_attached(waiting, table::short_id(id))).await
}
