//! `hull cp`: files between a container and this machine, as a tar in either direction.
//!
//! The API unpacks archives into directories, and packs a path under its last component. What `cp`'s rules make of that
//! (a new name, a directory's content) is decided here, on names only: [`paths`]. [`send`] packs local files, [`receive`]
//! unpacks beneath the destination, out of which no name of the archive leads.

mod paths;
mod pipe;
mod receive;
mod send;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use http_body_util::BodyExt;
use hull_api::PathStat;
use hyper::body::Incoming;
use indicatif::ProgressBar;
use tokio::io::AsyncWriteExt;

use super::{CommandError, Context, Outcome, container_path};
use crate::client::{Body, Call, ClientError, Query};
use crate::output::progress::transfer;
use crate::output::units::human_size;
use crate::tty;
use paths::{Argument, Destination, Plan, Source};

/// Copy files/folders between a container and the local filesystem
///
/// Use '-' as the source to read a tar archive from stdin and extract it to a directory destination in a container. Use
/// '-' as the destination to stream a tar archive of a container source to stdout.
#[derive(Debug, clap::Args)]
#[command(
    override_usage = "hull cp [OPTIONS] CONTAINER:SRC_PATH DEST_PATH|-\n       hull cp [OPTIONS] SRC_PATH|- CONTAINER:DEST_PATH"
)]
#[command(
    after_help = "Examples:\n  hull cp web:/etc/nginx/nginx.conf .       a file\n  hull cp site/. web:/usr/share/nginx/html  a folder's content\n  hull cp web:/var/log - | tar t            an archive\n\nStopped containers work too. Volumes and bind mounts are seen, /proc, /sys and /dev are not."
)]
pub(crate) struct Args {
    /// Archive mode (copy all uid/gid information)
    #[arg(short, long)]
    archive: bool,
    /// Always follow symbol link in SRC_PATH
    #[arg(short = 'L', long)]
    follow_link: bool,
    /// Suppress progress output during copy. Progress output is automatically suppressed if no terminal is attached
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    quiet: Option<bool>,
    /// CONTAINER:PATH, a path, or `-`
    #[arg(hide = true)]
    source: String,
    /// CONTAINER:PATH, a path, or `-`
    #[arg(hide = true)]
    destination: String,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    if args.source.is_empty() {
        return Err(CommandError::Refused("source can not be empty"));
    }
    if args.destination.is_empty() {
        return Err(CommandError::Refused("destination can not be empty"));
    }
    let copy = Copy {
        context,
        follow: args.follow_link,
        owners: args.archive,
        quiet: args.quiet.unwrap_or(!tty::stdout_is_terminal()),
    };
    match (Argument::parse(&args.source), Argument::parse(&args.destination)) {
        (Argument::Container(container, path), Argument::Local(local)) => {
            copy.download(&container, &path, &local).await
        }
        (Argument::Local(local), Argument::Container(container, path)) => copy.upload(&local, &container, &path).await,
        (Argument::Container(..), Argument::Container(..)) => {
            Err(CommandError::Refused("copying between containers is not supported"))
        }
        (Argument::Local(_), Argument::Local(_)) => {
            Err(CommandError::Refused("must specify at least one container source"))
        }
    }
}

struct Copy<'a> {
    context: &'a Context,
    follow: bool,
    owners: bool,
    quiet: bool,
}

impl Copy<'_> {
    async fn download(&self, container: &str, path: &str, local: &str) -> Outcome {
        if local != "-" {
            paths::check_output(local)?;
        }
        let mut source = Source { path: path.to_owned(), is_directory: false, name: None };
        if self.follow
            && let Ok(stat) = self.stat(container, path).await
            && stat.is_symlink()
        {
            source = Source::behind_link(path, &stat.link_target);
        }
        let call = Call {
            method: Method::GET,
            path: &container_path(container, "archive"),
            query: Query::new().set("path", &source.path),
            headers: &[],
        };
        let response = self.context.client.send(call, Body::empty()).await?;
        let stat = stat_of(&response)?;
        source.is_directory = stat.is_directory();
        let mut body = response.into_body();
        if local == "-" {
            let mut out = tokio::io::stdout();
            while let Some(piece) = next_piece(&mut body).await? {
                out.write_all(&piece).await?;
            }
            out.flush().await?;
            return Ok(0);
        }
        let local = paths::absolute(local)?;
        let destination = Destination::local(&local)?;
        let plan = Plan::new(&source, &destination)?;
        let bar = self.bar("Copying from container");
        let (pipe, reader) = pipe::to_thread();
        let owners = self.owners;
        let unpacking = tokio::task::spawn_blocking(move || receive::unpack(reader, &plan, owners));
        let (mut size, mut broken) = (0, None);
        loop {
            match next_piece(&mut body).await {
                Ok(Some(piece)) => {
                    size += piece.len() as u64;
                    bar.inc(piece.len() as u64);
                    if pipe.send(Ok(piece)).await.is_err() {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    let _ = pipe.send(Err(std::io::Error::other(error.to_string()))).await;
                    broken = Some(error);
                    break;
                }
            }
        }
        drop(pipe);
        bar.finish_and_clear();
        let unpacked = unpacking.await.map_err(|error| CommandError::InStream(error.to_string()))?;
        if let Some(error) = broken {
            return Err(error);
        }
        unpacked?;
        self.tell(size, &local);
        Ok(0)
    }

    async fn upload(&self, local: &str, container: &str, path: &str) -> Outcome {
        let mut destination = Destination { path: path.to_owned(), exists: false, is_directory: false };
        if let Ok(stat) = self.stat(container, path).await {
            let mut found = Some(stat);
            if let Some(link) = found.as_ref().filter(|stat| stat.is_symlink()) {
                destination.path.clone_from(&link.link_target);
                found = self.stat(container, &destination.path).await.ok();
            }
            if let Some(stat) = found {
                // Go's bit for devices of both kinds.
                if stat.mode & (1 << 26) != 0 {
                    let text = "must be a directory or a regular file: got a device";
                    return Err(CommandError::InStream(format!("destination \"{container}:{path}\" {text}")));
                }
                (destination.exists, destination.is_directory) = (true, stat.is_directory());
            }
        }
        let bar = self.bar("Copying to container");
        let seen = bar.clone();
        let mut packing = None;
        let (directory, body) = if local == "-" {
            if !destination.is_directory {
                let text = format!("destination \"{container}:{path}\" must be a directory");
                return Err(CommandError::InStream(text));
            }
            let body = Body::tar(tokio::io::stdin(), move |length| seen.inc(length as u64));
            (destination.path.clone(), body)
        } else {
            let source = Source::local(&paths::absolute(local)?, self.follow)?;
            let plan = Plan::new(&source, &destination)?;
            let directory = plan.directory.clone();
            let (reader, writer) = pipe::from_thread();
            packing = Some(tokio::task::spawn_blocking(move || send::pack(&source, &plan, writer)));
            (directory, Body::tar(reader, move |length| seen.inc(length as u64)))
        };
        let mut query = Query::new().set("path", &directory).set("noOverwriteDirNonDir", "true");
        if self.owners {
            query = query.set("copyUIDGID", "true");
        }
        let call = Call { method: Method::PUT, path: &container_path(container, "archive"), query, headers: &[] };
        let sent = self.context.client.send(call, body).await;
        bar.finish_and_clear();
        match (sent, packing) {
            // What the engine says of a broken stream is not why it broke.
            (Err(error), Some(packing)) => {
                if let Ok(Err(own)) = packing.await
                    && !own.is_broken_pipe()
                {
                    return Err(own);
                }
                return Err(error.into());
            }
            (Err(error), None) => return Err(error.into()),
            (Ok(_), _) => {}
        }
        self.tell(bar.position(), &format!("{container}:{}", destination.path));
        Ok(0)
    }

    async fn stat(&self, container: &str, path: &str) -> Result<PathStat, CommandError> {
        let call = Call {
            method: Method::HEAD,
            path: &container_path(container, "archive"),
            query: Query::new().set("path", path),
            headers: &[],
        };
        stat_of(&self.context.client.send(call, Body::empty()).await?)
    }

    fn bar(&self, what: &str) -> ProgressBar {
        if self.quiet { ProgressBar::hidden() } else { transfer(None, what) }
    }

    fn tell(&self, size: u64, destination: &str) {
        if !self.quiet {
            #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
            let size = human_size(size as f64);
            eprintln!("Successfully copied {size} to {destination}");
        }
    }
}

fn stat_of(response: &http::Response<Incoming>) -> Result<PathStat, CommandError> {
    let header = response.headers().get("X-Docker-Container-Path-Stat");
    let bytes = header.and_then(|value| STANDARD.decode(value.as_bytes()).ok());
    let stat = bytes.and_then(|bytes| hull_api::decode::from_slice(&bytes).ok());
    stat.ok_or_else(|| CommandError::InStream("unable to decode the container path stat header".to_owned()))
}

async fn next_piece(body: &mut Incoming) -> Result<Option<bytes::Bytes>, CommandError> {
    while let Some(frame) = body.frame().await {
        let operation = || "GET /containers/{id}/archive".to_owned();
        let frame = frame.map_err(|source| ClientError::Transport { operation: operation(), source })?;
        if let Ok(piece) = frame.into_data() {
            return Ok(Some(piece));
        }
    }
    Ok(None)
}
