//! hulld: see the library. This file only starts and stops it.
#![forbid(unsafe_code)]

use anyhow::{Context, Result};
use clap::Parser;
use hull_runtime::memory;
use hulld::config::{self, Config, Flags, Reloadable, Settings};
use hulld::engine::Engine;
use hulld::pidfile::Pidfile;
use hulld::server::notify::notify;
use hulld::server::{Dispatch, Listener, Server, tls};
use hulld::{api, artifacts, logging};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Waiting on sockets is all that the workers do; what blocks runs on blocking threads, which end when idle.
const WORKERS: usize = 2;
/// More at once would not be faster on one disk, and every thread costs memory.
const BLOCKING_THREADS: usize = 16;
/// How long requests that are being handled may go on after SIGTERM.
const GRACE: Duration = Duration::from_secs(3);

fn main() -> ExitCode {
    memory::tune_allocator();
    let flags = Flags::parse();
    match run(&flags) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // One sentence: what was being done, then each cause.
            eprintln!("hulld: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(flags: &Flags) -> Result<()> {
    let settings = Settings::load(flags)?;
    let config = Config::new(settings.clone())?;
    if flags.validate {
        println!("configuration OK");
        return Ok(());
    }
    let log = logging::start(config.log_level);
    anyhow::ensure!(
        nix::unistd::geteuid().is_root(),
        "root is needed to make namespaces, cgroups and networks; start hulld as root"
    );
    for missing in artifacts::missing() {
        tracing::warn!("{missing}");
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKERS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(Duration::from_secs(2))
        .thread_name("hulld")
        .enable_all()
        .build()
        .context("start the tokio runtime")?;
    let result = runtime.block_on(serve(flags, &settings, config, &log));
    // Blocking reads (a client's half-sent image) must not keep the process.
    runtime.shutdown_background();
    result
}

async fn serve(flags: &Flags, settings: &Settings, config: Config, log: &logging::Handle) -> Result<()> {
    // Before anything else, so that a SIGTERM at any moment is an orderly end.
    let mut signals = Signals::new().context("listen for signals")?;
    let acceptor = config.tls.as_ref().map(tls::acceptor).transpose()?;
    if config.tls.is_none() && config.hosts.iter().any(|host| host.is_reachable_from_outside()) {
        tracing::warn!("the API is open on TCP without TLS: whoever can connect is root on this machine");
    }
    // The sockets come first: whoever connects from now on waits until the engine stands.
    let listeners = Listener::bind_all(&config)?;
    let metrics_socket = config
        .metrics_addr
        .map(|address| std::net::TcpListener::bind(address).with_context(|| format!("listen on {address} for metrics")))
        .transpose()?;
    let _pidfile = Pidfile::write(&config.pidfile)?;
    let engine = Engine::start(config).await?;

    let server = Server::new(Dispatch::new(api::router(engine.clone())));
    let metrics_server = Server::new(Dispatch::new(api::metrics_router(engine.clone())));
    for listener in listeners {
        server.serve(listener, acceptor.clone()).context("serve the API")?;
    }
    if let Some(socket) = metrics_socket {
        metrics_server.serve_metrics(socket).context("serve metrics")?;
    }
    notify("READY=1");
    tokio::spawn(trim_when_settled(engine.clone()));
    loop {
        match signals.next().await {
            Event::Stop(name) => {
                tracing::info!("{name}: stopping, containers go on");
                break;
            }
            Event::Reload => match reload(flags, settings, &engine, log) {
                Ok(()) => tracing::info!("SIGHUP: configuration read again"),
                Err(error) => tracing::error!("SIGHUP: the old configuration stays: {error:#}"),
            },
        }
    }
    notify("STOPPING=1");
    tokio::join!(server.shutdown(GRACE), metrics_server.shutdown(GRACE));
    engine.host.release(&engine.paths);
    Ok(())
}

/// The start's work (type information of the kernel, images) is done once; its memory goes back.
async fn trim_when_settled(engine: Arc<Engine>) {
    engine.observability.ready().await;
    memory::trim();
}

/// What can change while containers run: the level of the log, labels, and registries.
fn reload(flags: &Flags, running: &Settings, engine: &Engine, log: &logging::Handle) -> Result<()> {
    let settings = Settings::load(flags)?;
    let waiting = config::needing_restart(running, &settings);
    let new = Reloadable::of(&Config::new(settings)?);
    logging::set(log, new.log_level).context("change the log's level")?;
    engine.reload(new);
    if !waiting.is_empty() {
        tracing::warn!("SIGHUP: these need a restart of hulld to change: {}", waiting.join(", "));
    }
    Ok(())
}

enum Event {
    Stop(&'static str),
    Reload,
}

struct Signals {
    term: Signal,
    int: Signal,
    hup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hup: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Event {
        tokio::select! {
            _ = self.term.recv() => Event::Stop("SIGTERM"),
            _ = self.int.recv() => Event::Stop("SIGINT"),
            _ = self.hup.recv() => Event::Reload,
        }
    }
}
