//! A runtime in which nothing runs: a test ends "processes" itself, or lets signals do it.

use super::super::runtime::{Adopted, ExecLive, Live, Runtime, StartError, TerminalSize};
use super::super::shim::Connection;
use super::super::spec::Joins;
use super::super::{Container, ExecSpec, Exit, Relay};
use crate::ids::ContainerId;
use crate::networks::{Counters, Endpoint};
use crate::store::paths::Paths;
use crate::time::Time;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hull_plan::{ExitRecord, Frame};
use hull_runtime::cgroup::{self, Driver};
use hull_runtime::features::Features;
use std::collections::{HashMap, HashSet};
use std::io;
use std::sync::{Mutex, OnceLock};
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::oneshot;

pub(super) struct Fake {
    features: Features,
    paths: OnceLock<Paths>,
    running: Mutex<HashMap<ContainerId, oneshot::Sender<Exit>>>,
    /// The next start fails so.
    pub(super) start_error: Mutex<Option<StartError>>,
    /// The next removal of files fails.
    pub(super) discard_error: Mutex<Option<io::Error>>,
    /// Signals that end a process; others are swallowed by its handlers.
    pub(super) deadly: Mutex<Vec<u32>>,
    /// What became of containers while "no daemon looked"; absent: they live.
    pub(super) ended_unseen: Mutex<HashMap<ContainerId, Exit>>,
    /// Frozen containers.
    pub(super) frozen: Mutex<HashSet<ContainerId>>,
    /// With what execs end; `None`: only when they are killed.
    pub(super) exec_code: Mutex<Option<u8>>,
    /// Execs that wait to be killed.
    hanging: Mutex<HashMap<String, UnixStream>>,
}

pub(super) fn exit(code: u8) -> Exit {
    Exit { code, oom_killed: false, started_at: Time::NEVER, finished_at: Time::now(), error: String::new() }
}

/// One that ends five seconds from now, by its own account: however slow the test is, the back-off that follows is not over before the test looks.
pub(super) fn crash(code: u8) -> Exit {
    Exit { finished_at: Time::now().plus(std::time::Duration::from_secs(5)), ..exit(code) }
}

impl Fake {
    pub(super) fn new() -> Self {
        Self {
            features: Features::probe(&std::env::temp_dir().join("hull-test-cgroup2")).unwrap(),
            paths: OnceLock::new(),
            running: Mutex::default(),
            start_error: Mutex::default(),
            discard_error: Mutex::default(),
            deadly: Mutex::new(vec![9, 15]),
            ended_unseen: Mutex::default(),
            frozen: Mutex::default(),
            exec_code: Mutex::new(Some(7)),
            hanging: Mutex::default(),
        }
    }

    pub(super) fn set_paths(&self, paths: Paths) {
        let _ = self.paths.set(paths);
    }

    /// Ends a "process".
    pub(super) fn end(&self, id: &str, exit: Exit) {
        let mut running = self.running.lock().unwrap();
        let found = running.keys().find(|known| known.as_str() == id).cloned().expect("it runs");
        running.remove(&found).unwrap().send(exit).unwrap();
    }

    fn run(&self, id: &ContainerId) -> BoxFuture<'static, Exit> {
        let (sender, receiver) = oneshot::channel();
        self.running.lock().unwrap().insert(id.clone(), sender);
        async move {
            match receiver.await {
                Ok(exit) => exit,
                Err(_) => std::future::pending().await,
            }
        }
        .boxed()
    }
}

impl Runtime for Fake {
    fn start<'a>(
        &'a self,
        container: &'a Container,
        _: Joins,
        _: Vec<Relay>,
    ) -> BoxFuture<'a, Result<Live, StartError>> {
        async move {
            if let Some(error) = self.start_error.lock().unwrap().take() {
                return Err(error);
            }
            // A new run has a cgroup of its own, which nobody has frozen.
            self.frozen.lock().unwrap().remove(&container.id);
            let exit = self.run(&container.id);
            Ok(Live { pid: 4242, started_at: Time::now(), endpoint: None, cgroup_id: Some(7), exit })
        }
        .boxed()
    }

    fn adopt<'a>(&'a self, container: &'a Container) -> BoxFuture<'a, Adopted> {
        async move {
            match self.ended_unseen.lock().unwrap().remove(&container.id) {
                Some(exit) => Adopted::Ended(exit),
                None => {
                    let frozen = self.frozen.lock().unwrap().contains(&container.id);
                    Adopted::Running { exit: self.run(&container.id), frozen }
                }
            }
        }
        .boxed()
    }

    fn signal<'a>(
        &'a self,
        container: &'a Container,
        exec: Option<&'a str>,
        signal: u32,
    ) -> BoxFuture<'a, io::Result<()>> {
        async move {
            if let Some(exec) = exec {
                let hanging = self.hanging.lock().unwrap().remove(exec);
                let record = ExitRecord { pid: 5, code: 128 + u8::try_from(signal).unwrap(), ..ExitRecord::default() };
                if let Some(mut hanging) = hanging {
                    hanging.write_all(&Frame::Exited { record }.to_vec()).await.unwrap();
                }
                return Ok(());
            }
            if self.deadly.lock().unwrap().contains(&signal) {
                self.end(container.id.as_str(), exit(128 + u8::try_from(signal).unwrap()));
            }
            Ok(())
        }
        .boxed()
    }

    fn resize<'a>(&'a self, _: &'a Container, _: Option<&'a str>, _: TerminalSize) -> BoxFuture<'a, io::Result<()>> {
        async { Ok(()) }.boxed()
    }

    fn freeze<'a>(&'a self, container: &'a Container, frozen: bool) -> BoxFuture<'a, io::Result<()>> {
        let mut all = self.frozen.lock().unwrap();
        if frozen {
            all.insert(container.id.clone())
        } else {
            all.remove(&container.id)
        };
        async { Ok(()) }.boxed()
    }

    fn update<'a>(&'a self, _: &'a Container) -> BoxFuture<'a, io::Result<Vec<String>>> {
        async { Ok(Vec::new()) }.boxed()
    }

    fn attach<'a>(&'a self, _: &'a Container, _: bool) -> BoxFuture<'a, io::Result<Connection>> {
        async { Err(io::ErrorKind::ConnectionRefused.into()) }.boxed()
    }

    /// Every exec says what it was asked to run and ends.
    fn exec<'a>(&'a self, _: &'a Container, exec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecLive, StartError>> {
        async move {
            let (near, mut far) = UnixStream::pair().unwrap();
            let mut wire = Frame::Output { stream: 1, bytes: exec.argv.join(" ").as_bytes() }.to_vec();
            let code = *self.exec_code.lock().unwrap();
            if let Some(code) = code {
                wire.extend(Frame::Exited { record: ExitRecord { pid: 5, code, ..ExitRecord::default() } }.to_vec());
            }
            far.write_all(&wire).await.unwrap();
            if code.is_none() {
                self.hanging.lock().unwrap().insert(exec.id.clone(), far);
            }
            Ok(ExecLive { pid: 5, connection: Connection::new(near) })
        }
        .boxed()
    }

    fn find_exec<'a>(&'a self, _: &'a Container, _: &'a str) -> BoxFuture<'a, io::Result<Option<ExecLive>>> {
        async { Ok(None) }.boxed()
    }

    fn ended(&self, _: &Container) {}

    fn discard(&self, container: &Container, _: BoxFuture<'static, ()>) -> io::Result<()> {
        match self.discard_error.lock().unwrap().take() {
            Some(error) => Err(error),
            None => std::fs::remove_dir_all(self.paths.get().unwrap().container(&container.id)),
        }
    }

    fn features(&self) -> &Features {
        &self.features
    }

    fn cgroup_driver(&self) -> &Driver {
        &Driver::Cgroupfs { parent: None }
    }

    fn cgroup(&self, _: &ContainerId) -> Option<cgroup::Handle> {
        None
    }

    fn all_traffic(&self) -> HashMap<String, Counters> {
        HashMap::new()
    }

    fn traffic(&self, _: &Endpoint) -> Option<Counters> {
        None
    }

    fn reap_orphans(&self, _: &[ContainerId], _: &[ContainerId]) -> io::Result<()> {
        Ok(())
    }

    fn pending(&self) -> usize {
        0
    }
}
