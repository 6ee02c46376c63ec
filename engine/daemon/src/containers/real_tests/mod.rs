//! Containers on a real kernel, each test in a network namespace of its own that plays the host. They need root, the shim
//! (`cargo xtask build`) and busybox (`cargo xtask images`); without them they say what is missing and pass.

mod attach;
mod execs;
mod failures;
mod fields;
mod files;
mod limits;
mod logs;
mod old_shim;
mod parents;
mod restart;
mod running;
mod streams;

use super::*;
use crate::events::EventFilter;
use crate::images::ImageService;
use crate::networks::{NetworkConfig, NetworkService};
use crate::observability::{Observability, Options};
use crate::time::Time;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt};
use hull_api::{ContainerConfig, CreateRequest, HostConfig};
use hull_runtime::cgroup::Driver;
use hull_test_patience::patience;
use nix::sched::{CloneFlags, unshare};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// One "host" with one engine on it.
struct Host {
    service: ContainerService,
    networks: Arc<NetworkService>,
    events: EventBus,
    paths: Arc<Paths>,
    began: Time,
    root: TempDir,
}

fn busybox() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/images/busybox.tar")
}

/// Runs a test on a host of its own.
fn on_host<T: Future<Output = ()>>(test: impl FnOnce(Host) -> T + Send + 'static) {
    in_a_network_of_its_own(|| {
        daemon().block_on(async {
            let host = Host::start(tempfile::tempdir().unwrap()).await;
            let guard = Leftovers(host.paths.clone());
            test(host).await;
            drop(guard);
        });
    });
}

/// Runs a test over the death of its daemon: whatever task `before` has left running is gone, as after `kill -9`. Then `meanwhile` has the host
/// to itself, and `after` begins with another daemon and what the first has noted.
fn on_host_whose_daemon_dies<N, A: Future<Output = ()>>(
    before: impl AsyncFnOnce(Host) -> (Host, N) + Send + 'static,
    meanwhile: impl FnOnce(&N) + Send + 'static,
    after: impl FnOnce(Host, N) -> A + Send + 'static,
) {
    in_a_network_of_its_own(|| {
        let first = daemon();
        let (root, note, guard) = first.block_on(async {
            let host = Host::start(tempfile::tempdir().unwrap()).await;
            let guard = Leftovers(host.paths.clone());
            let (host, note) = before(host).await;
            (host.root, note, guard)
        });
        first.shutdown_background();
        meanwhile(&note);
        daemon().block_on(async {
            after(Host::start(root).await, note).await;
            drop(guard);
        });
    });
}

fn daemon() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap()
}

fn in_a_network_of_its_own(work: impl FnOnce() + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: containers need root");
        return;
    }
    if crate::artifacts::SHIM.is_none() && std::env::var_os("HULL_SHIM").is_none() {
        eprintln!("skipped: no hull-shim; run `cargo xtask build`");
        return;
    }
    if !busybox().exists() {
        eprintln!("skipped: no busybox image; run `cargo xtask images`");
        return;
    }
    let thread = std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        work();
    });
    thread.join().unwrap();
}

/// Kills what a failed test leaves running.
struct Leftovers(Arc<Paths>);

impl Drop for Leftovers {
    fn drop(&mut self) {
        use hull_runtime::cgroup::{Cgroup, Hierarchies, orphans, remove_engine_dirs};
        let hierarchies = Hierarchies::detect().unwrap();
        for id in orphans(&hierarchies, self.0.engine_id()).unwrap() {
            let cgroup = Cgroup::layout(&hierarchies, self.0.engine_id(), &id);
            let _ = cgroup.kill_all();
            let _ = cgroup.wait_empty(patience(Duration::from_secs(5)));
            let _ = cgroup.remove();
        }
        // The last shim may be on its way out of the engine's cgroup still.
        let directory = hierarchies.unified().join(format!("hull-{}", self.0.engine_id()));
        let start = Instant::now();
        while directory.exists() && start.elapsed() < patience(Duration::from_secs(2)) {
            let _ = remove_engine_dirs(&hierarchies, self.0.engine_id());
            std::thread::yield_now();
        }
    }
}

impl Host {
    async fn start(root: TempDir) -> Self {
        let paths = Arc::new(Paths::new(&root.path().join("data"), &root.path().join("run")));
        for directory in [paths.containers(), paths.volumes(), paths.staging(), paths.trash(), paths.runs()] {
            std::fs::create_dir_all(directory).unwrap();
        }
        let events = EventBus::new();
        let images = ImageService::open(paths.clone(), events.clone()).unwrap();
        if images.resolve("busybox").is_err() {
            let tar = std::fs::File::open(busybox()).unwrap();
            images.load(tar, true, &|_| ()).unwrap();
        }
        let networks = Arc::new(NetworkService::open(paths.clone(), NetworkConfig::default()).await.unwrap());
        let observability = Observability::start(Options { ebpf: false, ..Options::default() });
        let host = Arc::new(spec::Host::probe(&paths, Driver::default()).unwrap());
        let runtime = ShimRuntime::new(paths.clone(), host, networks.clone(), observability).unwrap();
        let volumes = Arc::new(VolumeService::open(paths.clone()).unwrap());
        let resolver = super::images(images);
        let service = ContainerService::new(
            paths.clone(),
            events.clone(),
            volumes,
            resolver,
            Arc::new(runtime),
            LogDefaults { journal: root.path().join("journal"), ..LogDefaults::default() },
        )
        .unwrap();
        let began = Time::now();
        service.restore(&networks).await.unwrap();
        Self { service, networks, events, paths, began, root }
    }

    /// As `kill -9` of the daemon and a new one.
    async fn restart(self) -> Self {
        let Self { service, networks, events, root, .. } = self;
        drop((service, networks, events));
        // The owner tasks see that nobody is left and end, with their connections.
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        Self::start(root).await
    }

    async fn create(&self, command: &[&str], change: impl FnOnce(&mut CreateRequest)) -> String {
        let config = ContainerConfig {
            image: "busybox".to_owned(),
            cmd: Some(command.iter().map(|word| (*word).to_owned()).collect()),
            ..ContainerConfig::default()
        };
        let host_config = HostConfig { network_mode: "none".to_owned(), ..HostConfig::default() };
        let mut request = CreateRequest { config, host_config, ..CreateRequest::default() };
        change(&mut request);
        self.service.create(None, request).await.unwrap().id
    }

    async fn run(&self, command: &[&str]) -> String {
        let id = self.create(command, |_| ()).await;
        self.service.start(&id).await.unwrap();
        id
    }

    /// Runs to the end; exit code and output.
    async fn finish(&self, command: &[&str], change: impl FnOnce(&mut CreateRequest)) -> (i64, String) {
        let id = self.create(command, change).await;
        self.service.start(&id).await.unwrap();
        let code = self.ended(&id).await;
        (code, self.log(&id).await)
    }

    async fn ended(&self, id: &str) -> i64 {
        let ended = self.service.wait(id, WaitCondition::NotRunning).unwrap();
        tokio::time::timeout(patience(Duration::from_secs(20)), ended).await.expect("it ends").status_code
    }

    async fn log(&self, id: &str) -> String {
        let options = LogOptions { stdout: true, stderr: true, ..LogOptions::default() };
        text(self.service.logs(id, options).await.unwrap().chunks).await
    }

    async fn remove(&self, id: &str) {
        self.service.remove(id, RemoveOptions { force: true, volumes: true, link: false }).await.unwrap();
    }

    async fn settled(&self) {
        eventually(|| self.service.pending() == 0).await;
    }

    fn told(&self) -> Vec<String> {
        let events = self.events.subscribe(Some(self.began), Some(Time::now()), EventFilter::default());
        let told = Box::pin(events).map(|e| format!("{} {}", e.kind.as_str(), e.action)).collect::<Vec<_>>();
        told.now_or_never().unwrap_or_default()
    }
}

async fn text(chunks: crate::logs::Chunks) -> String {
    let bytes = tokio::time::timeout(
        patience(Duration::from_secs(20)),
        chunks.fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk.unwrap().bytes);
            all
        }),
    );
    String::from_utf8(bytes.await.expect("the stream ends")).unwrap()
}

async fn eventually(test: impl Fn() -> bool) {
    let start = Instant::now();
    while !test() {
        assert!(start.elapsed() < patience(Duration::from_secs(20)), "it does not come to that");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
