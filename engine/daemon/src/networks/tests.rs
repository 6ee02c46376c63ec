//! The service on a real kernel, each test in a network namespace of its own that plays the host. They need root.

use super::*;
use hull_test_patience::patience;
use netlink::address;
use nix::sched::{CloneFlags, setns, unshare};
use std::fs::File;
use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::{Duration, Instant};

mod outside;
mod restart;
mod traffic;

/// Runs a test in a new network namespace with a runtime whose threads are all in it.
fn in_a_host<T: Future<Output = ()>>(test: impl FnOnce() -> T + Send + 'static) {
    if !nix::unistd::geteuid().is_root() {
        eprintln!("skipped: network namespaces need root");
        return;
    }
    std::thread::spawn(|| {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        RouteSocket::open().unwrap().change(vec![link::set_up(1)]).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(test());
    })
    .join()
    .unwrap();
}

/// An engine's directories and the services on them.
struct Engine {
    _root: tempfile::TempDir,
    paths: Arc<Paths>,
}

impl Engine {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let paths = Arc::new(Paths::new(&root.path().join("data"), &root.path().join("exec")));
        Self { _root: root, paths }
    }

    async fn start(&self, live: &[Endpoint]) -> NetworkService {
        let service = NetworkService::open(Arc::clone(&self.paths), NetworkConfig::default()).await.unwrap();
        service.restore(live).await.unwrap();
        service
    }
}

fn container() -> ContainerId {
    ContainerId::random().unwrap()
}

fn links() -> Vec<link::Link> {
    link::list(&mut RouteSocket::open().unwrap()).unwrap()
}

/// Names of container links.
fn ports() -> Vec<String> {
    links().into_iter().map(|link| link.name).filter(|name| name.starts_with("hl")).collect()
}

async fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < patience(Duration::from_secs(20)), "not in time: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn settled(service: &NetworkService) {
    eventually("background work ends", || service.pending() == 0).await;
}

/// Runs something inside a namespace and returns its result.
fn inside<T: Send + 'static>(
    namespace: &Path,
    work: impl FnOnce() -> T + Send + 'static,
) -> std::thread::JoinHandle<T> {
    let namespace: OwnedFd = File::open(namespace).unwrap().into();
    std::thread::spawn(move || {
        setns(namespace, CloneFlags::CLONE_NEWNET).unwrap();
        work()
    })
}

/// Accepts one connection, says who came, and what it said.
fn serve_once(listener: TcpListener) -> (SocketAddr, String) {
    let (mut stream, peer) = listener.accept().unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    (peer, text)
}

fn say(address: SocketAddr, text: &str) -> std::io::Result<()> {
    let mut stream = TcpStream::connect_timeout(&address, patience(Duration::from_secs(5)))?;
    stream.write_all(text.as_bytes())
}
