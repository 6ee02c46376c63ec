//! `hull run`.
//!
//! ```text
//! create -> attach -> wait (headers) -> start -> streams ... -> wait (body) -> exit code
//! ```
//!
//! Attach and wait come before start, so that neither the first byte nor the exit of a short-lived process is missed.

use hull_api::CreateRequest;

use super::attaching::{AttachFlags, Caught, Leaving, Session, check_terminal};
use super::creating::{CidFile, create};
use super::error::start_code;
use super::{CommandError, Context, Outcome, container_path, wait};
use crate::client::{Body, ClientError, Hijacked, Query};
use crate::output::{self, table};
use crate::request::{ContainerFlags, RequestError};
use crate::tty::{self, RawMode};

const EXAMPLES: &str = "\
How it works:
  Flags stand before IMAGE; what follows it is the command, with flags of its own.
  In the foreground you see its output and hull ends with its exit code; Ctrl-C reaches it.
  -i gives it your input, -t a terminal: -it for a shell, -i alone for a pipe.
  -d leaves it in the background: watch it with `hull logs -f`, go into it with `hull exec -it`.
  It stays, with its files, until `hull rm`; --rm removes it at its end, --restart runs it again.
  Files outlive it in a volume (-v NAME:/path) or in a folder of yours (-v /folder:/path).
  Limits change while it runs with `hull update`; `hull events -f event=limit` tells who met one.

Examples:
  hull run hull/hello                            what a container sees; needs no registry
  hull run -it --rm busybox sh                   a shell; Ctrl-P Ctrl-Q leaves it running
  hull run -d --name web --restart always -p 8080:80 nginx
  hull run --rm --cpus=.5 -m 100m --pids-limit 50 busybox sh -c 'while :; do :; done'
  hull run --rm -v ./site:/www:ro -e LANG=C -w /www busybox ls -l
  hull run --rm --pid=host busybox ps            the host's processes; also --net, --uts, --ipc
  hull run --rm --mnt=host busybox ls /root      the host's files, and all else its own
  echo hello | hull run -i --rm busybox rev      input by a pipe

Exit codes: the process's own; 125 the engine could not make or start it, 126 the command cannot
be executed, 127 the command was not found, 128+N ended by signal N.";

/// Create and run a new container from an image
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull run [OPTIONS] IMAGE [COMMAND] [ARG...]", after_help = EXAMPLES, disable_help_flag = true)]
pub(crate) struct Args {
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    #[command(flatten)]
    attaching: AttachFlags,
    /// Print usage
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    #[command(flatten)]
    container: ContainerFlags,
    // The usage says it all.
    #[arg(required = true, hide = true, trailing_var_arg = true, value_name = "IMAGE [COMMAND] [ARG...]")]
    image_and_command: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let failed = |code| move |source| CommandError::Container { verb: "run", code, source: Box::new(source) };
    args.container.foreign.check()?;
    let (image, command) = args.image_and_command.split_at(1);
    let attach = args.container.basic.attach.clone();
    if args.detach && !attach.is_empty() {
        return Err(RequestError::Conflict("--attach", "--detach").into());
    }
    let name = args.container.basic.name.clone();
    let cid_path = args.container.basic.cidfile.clone();
    let pulling = args.container.pulling.clone();
    let request =
        args.container.request(&image[0], command, context.client.host()).map_err(|e| failed(125)(e.into()))?;
    let options = Options { detach: args.detach, attaching: args.attaching };
    let request = options.adapt(request)?;
    let mut cid_file = CidFile::reserve(&cid_path).map_err(failed(125))?;
    let created = create(context, &name, &request, &pulling, &mut cid_file).await.map_err(failed(125))?;
    let start = Start { context, id: &created.id, request: &request, options: &options };
    start.run().await
}

struct Options {
    detach: bool,
    attaching: AttachFlags,
}

impl Options {
    /// What depends on how the container is run, not on what it is.
    fn adapt(&self, mut request: CreateRequest) -> Result<CreateRequest, CommandError> {
        let config = &mut request.config;
        if self.detach {
            config.attach_stdin = false;
            config.attach_stdout = false;
            config.attach_stderr = false;
            config.stdin_once = false;
        } else {
            check_terminal(config.attach_stdin, config.tty)?;
        }
        if config.tty
            && let Some((rows, columns)) = tty::size()
        {
            request.host_config.console_size = [rows.into(), columns.into()];
        }
        Ok(request)
    }
}

/// From the container that was created to its end.
struct Start<'a> {
    context: &'a Context,
    id: &'a str,
    request: &'a CreateRequest,
    options: &'a Options,
}

impl Start<'_> {
    async fn run(&self) -> Outcome {
        let failed = |source: ClientError| {
            let code = source.daemon_message().map_or(125, start_code);
            CommandError::Container { verb: "run", code, source: Box::new(source.into()) }
        };
        let config = &self.request.config;
        let attached = config.attach_stdin || config.attach_stdout || config.attach_stderr;
        let caught = (attached && self.options.attaching.sig_proxy).then(Caught::new);
        let connection = if attached { Some(self.attach().await.map_err(failed)?) } else { None };
        let condition = if self.request.host_config.auto_remove { "removed" } else { "next-exit" };
        let waiting = wait::begin(self.context, self.id, condition).await.map_err(failed)?;
        // The keys typed from here on are the container's; what is printed until it runs must still look right.
        let raw = connection.as_ref().and_then(|_| Session::raw(config.attach_stdin, config.tty));
        let started = self.context.client.act(&container_path(self.id, "start"), Query::new()).await;
        if connection.is_none() {
            // Also of one that did not start: it is there, and this is how to find it.
            output::print_line(self.id)?;
        }
        match (started, connection) {
            (Ok(()), Some(connection)) => self.follow(connection, waiting, raw, caught).await,
            (Ok(()), None) => Ok(0),
            (Err(error), connection) => {
                drop(raw);
                drop(connection);
                if self.request.host_config.auto_remove {
                    // The name and the id are free once the engine says that it is gone.
                    let _ = wait::finish(waiting).await;
                }
                Err(failed(error))
            }
        }
    }

    async fn attach(&self) -> Result<Hijacked, ClientError> {
        let config = &self.request.config;
        let query = Query::new()
            .set("stream", "1")
            .flag("stdin", config.attach_stdin)
            .flag("stdout", config.attach_stdout)
            .flag("stderr", config.attach_stderr)
            .text("detachKeys", &self.options.attaching.detach_keys);
        self.context.client.hijack(&container_path(self.id, "attach"), query, Body::empty()).await
    }

    async fn follow(
        &self,
        connection: Hijacked,
        waiting: wait::Waiting,
        raw: Option<RawMode>,
        caught: Option<Caught>,
    ) -> Outcome {
        let session = Session {
            context: self.context,
            connection,
            stdin: self.request.config.attach_stdin,
            tty: self.request.config.tty,
            detach_keys: &self.options.attaching.detach_keys,
            resize: container_path(self.id, "resize"),
            leaving: Leaving::Quiet,
            signals: caught.map(|caught| (caught, self.id)),
        };
        session.hold(raw, wait::finish_attached(waiting, table::short_id(self.id))).await
    }
}
