//! `hull attach`.

use hull_api::ContainerInspect;

use super::attaching::{Ended, Streams, check_terminal, follow_window, forward, pump, until_killed};
use super::{CommandError, Context, Outcome, container_path, wait};
use crate::client::{Body, Query};
use crate::tty::{Keys, RawMode};

/// Attach local standard input, output, and error streams to a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull attach [OPTIONS] CONTAINER")]
#[command(after_help = "Ctrl-P Ctrl-Q detaches from a container with a terminal and leaves it running.")]
pub(crate) struct Args {
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    detach_keys: String,
    /// Do not attach STDIN
    #[arg(long)]
    no_stdin: bool,
    /// Proxy all received signals to the process
    #[arg(long, value_name = "true|false", value_parser = crate::request::values::boolean, action = clap::ArgAction::Set, default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    sig_proxy: bool,
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
    let what = Following { stdin, tty, keys: &args.detach_keys, sig_proxy: args.sig_proxy };
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
    let connection = context.client.hijack(&container_path(id, "attach"), query, Body::empty()).await?;
    // Asked for before the start: a container that ends at once must not be waited for afterwards.
    let waiting = wait::begin(context, id, if start { "next-exit" } else { "not-running" }).await?;
    let raw = (what.tty && what.stdin).then(RawMode::enter).flatten();
    if start {
        context.client.act(&container_path(id, "start"), Query::new()).await?;
    }
    let streams = Streams { stdin: what.stdin, tty: what.tty, keys: Keys::parse(what.keys) };
    let resize = container_path(id, "resize");
    let window = async {
        match what.tty {
            true => follow_window(context, &resize).await,
            false => std::future::pending().await,
        }
    };
    let killed = async {
        match what.sig_proxy {
            true => forward(context, id).await,
            false => until_killed().await,
        }
    };
    let whole = async {
        match pump(connection, &streams).await? {
            Ended::Detached => Ok(0),
            Ended::Output => wait::finish(waiting).await,
        }
    };
    let outcome = tokio::select! {
        outcome = whole => outcome,
        code = killed => Ok(code),
        () = window => Ok(0),
    };
    drop(raw);
    outcome
}
