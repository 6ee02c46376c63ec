//! `hull run`.
//!
//! ```text
//! create -> attach -> wait (headers) -> start -> streams ... -> wait (body) -> exit code
//! ```
//!
//! Attach and wait come before start, so that neither the first byte nor the exit of a short-lived process is missed.

use hull_api::CreateRequest;

use super::attaching::{Ended, Streams, check_terminal, follow_window, forward, pump, until_killed};
use super::creating::{CidFile, create};
use super::error::start_code;
use super::{CommandError, Context, Outcome, container_path, wait};
use crate::client::{Body, ClientError, Hijacked, Query};
use crate::output;
use crate::request::{ContainerFlags, RequestError};
use crate::tty::{self, Keys, RawMode};

const EXAMPLES: &str = "\
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
    #[command(flatten)]
    container: ContainerFlags,
    /// Run container in background and print container ID
    #[arg(short, long)]
    detach: bool,
    /// Override the key sequence for detaching a container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    detach_keys: String,
    /// Proxy received signals to the process
    #[arg(long, value_name = "true|false", value_parser = crate::request::values::boolean, action = clap::ArgAction::Set, default_value = "true", default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    sig_proxy: bool,
    /// Print usage
    #[arg(long, action = clap::ArgAction::Help)]
    help: Option<bool>,
    /// The image, and the command in it with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "IMAGE [COMMAND] [ARG...]")]
    image_and_command: Vec<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let failed = |code| move |source| CommandError::Container { verb: "run", code, source: Box::new(source) };
    let (image, command) = args.image_and_command.split_at(1);
    let attach = args.container.basic.attach.clone();
    if args.detach && !attach.is_empty() {
        return Err(RequestError::Conflict("--attach", "--detach").into());
    }
    let name = args.container.basic.name.clone();
    let cid_path = args.container.basic.cidfile.clone();
    let pulling = args.container.pulling.clone();
    let request = args.container.request(&image[0], command).map_err(|e| failed(125)(e.into()))?;
    let options = Options { detach: args.detach, detach_keys: args.detach_keys, sig_proxy: args.sig_proxy };
    let request = options.adapt(request)?;
    let mut cid_file = CidFile::reserve(&cid_path).map_err(failed(125))?;
    let created = create(context, &name, &request, &pulling, &mut cid_file).await.map_err(failed(125))?;
    let session = Session { context, id: &created.id, request: &request, options: &options };
    session.run().await
}

struct Options {
    detach: bool,
    detach_keys: String,
    sig_proxy: bool,
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

struct Session<'a> {
    context: &'a Context,
    id: &'a str,
    request: &'a CreateRequest,
    options: &'a Options,
}

impl Session<'_> {
    async fn run(&self) -> Outcome {
        let failed = |source: ClientError| {
            let code = source.daemon_message().map_or(125, start_code);
            CommandError::Container { verb: "run", code, source: Box::new(source.into()) }
        };
        let config = &self.request.config;
        let attached = config.attach_stdin || config.attach_stdout || config.attach_stderr;
        let connection = if attached { Some(self.attach().await.map_err(failed)?) } else { None };
        let condition = if self.request.host_config.auto_remove { "removed" } else { "next-exit" };
        let waiting = wait::begin(self.context, self.id, condition).await.map_err(failed)?;
        // The keys typed from here on are the container's; what is printed until it runs must still look right.
        let raw = (connection.is_some() && config.tty && config.attach_stdin).then(RawMode::enter).flatten();
        let started = self.context.client.act(&container_path(self.id, "start"), Query::new()).await;
        if connection.is_none() {
            // Also of one that did not start: it is there, and this is how to find it.
            output::print_line(self.id)?;
        }
        match (started, connection) {
            (Ok(()), Some(connection)) => self.follow(connection, waiting, raw).await,
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
            .text("detachKeys", &self.options.detach_keys);
        self.context.client.hijack(&container_path(self.id, "attach"), query, Body::empty()).await
    }

    async fn follow(&self, connection: Hijacked, waiting: wait::Waiting, raw: Option<RawMode>) -> Outcome {
        let config = &self.request.config;
        let streams =
            Streams { stdin: config.attach_stdin, tty: config.tty, keys: Keys::parse(&self.options.detach_keys) };
        let resize = container_path(self.id, "resize");
        let window = async {
            match config.tty {
                true => follow_window(self.context, &resize).await,
                false => std::future::pending().await,
            }
        };
        let killed = async {
            match self.options.sig_proxy {
                true => forward(self.context, self.id).await,
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
}
