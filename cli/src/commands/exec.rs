//! `hull exec`: inspect, create, start (upgraded), inspect.

use hull_api::{ContainerInspect, ExecCreate, ExecInspect, ExecStart, IdResponse};

use super::attaching::{Leaving, Session, check_terminal};
use super::{Context, Outcome, container_path};
use crate::client::{Body, Query};
use crate::request::{env, values};
use crate::tty;

/// Execute a command in a running container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull exec [OPTIONS] CONTAINER COMMAND [ARG...]")]
#[command(
    after_help = "Examples:\n  hull exec -it web sh\n  hull exec -u nobody -w /tmp -e A=1 web env\n  tar c . | hull exec -i web tar x -C /srv"
)]
pub(crate) struct Args {
    /// Detached mode: run command in the background
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    detach_keys: String,
    /// Set environment variables
    #[arg(short, long, value_name = "list", value_parser = values::env)]
    env: Vec<String>,
    /// Read in a file of environment variables
    #[arg(long, value_name = "list")]
    env_file: Vec<String>,
    /// Keep STDIN open even if not attached
    #[arg(short, long)]
    interactive: bool,
    /// Give extended privileges to the command
    #[arg(long)]
    privileged: bool,
    /// Allocate a pseudo-TTY
    #[arg(short, long)]
    tty: bool,
    /// Username or UID (format: "<name|uid>[:<group|gid>]")
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    user: String,
    /// Working directory inside the container
    #[arg(short, long, value_name = "string", default_value = "", hide_default_value = true)]
    workdir: String,
    /// The container, and the command with its arguments
    #[arg(required = true, num_args = 2.., trailing_var_arg = true, value_name = "CONTAINER COMMAND [ARG...]")]
    container_and_command: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let (container, command) = args.container_and_command.split_at(1);
    let attach = !args.detach;
    let console_size = if args.tty { tty::size().map(|(h, w)| [h.into(), w.into()]) } else { None };
    let create = ExecCreate {
        user: args.user,
        privileged: args.privileged,
        tty: args.tty,
        console_size,
        attach_stdin: attach && args.interactive,
        attach_stdout: attach,
        attach_stderr: attach,
        detach: args.detach,
        detach_keys: args.detach_keys.clone(),
        env: env::environment(&args.env_file, &args.env)?,
        working_dir: args.workdir,
        cmd: Some(command.to_vec()),
    };
    // Asked first so that a missing container is named as one, before this terminal is looked at.
    let _: ContainerInspect = context.client.get(&container_path(&container[0], "json"), Query::new()).await?;
    if attach {
        check_terminal(create.attach_stdin, args.tty)?;
    }
    let exec: IdResponse = context.client.post(&container_path(&container[0], "exec"), Query::new(), &create).await?;
    let start = ExecStart { detach: args.detach, tty: args.tty, console_size };
    let path = format!("/exec/{}/start", exec.id);
    if args.detach {
        let call = crate::client::Call { method: http::Method::POST, path: &path, query: Query::new(), headers: &[] };
        context.client.send(call, Body::json(&start)).await?;
        return Ok(0);
    }
    let connection = context.client.hijack(&path, Query::new(), Body::json(&start)).await?;
    let session = Session {
        context,
        connection,
        stdin: args.interactive,
        tty: args.tty,
        detach_keys: &args.detach_keys,
        resize: format!("/exec/{}/resize", exec.id),
        // An exec has no request for signals.
        leaving: Leaving::Told,
        signals: None,
    };
    let code = async {
        let ended: ExecInspect = context.client.get(&format!("/exec/{}/json", exec.id), Query::new()).await?;
        Ok(ended.exit_code.unwrap_or(0) as i32)
    };
    session.hold(Session::raw(args.interactive, args.tty), code).await
}
