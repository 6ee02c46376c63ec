//! The real runtime: cgroups, network, overlay and a shim.
//!
//! ```text
//!   start   cgroup + spec (blocking) ---+
//!           network endpoint -----------+--> track with eBPF --> files + plan --> Start(plan) --> Started | Failed
//!           shim spawned ---------------+
//!   exit    shim's word, or its record, or neither (exit.rs)
//!   after   cgroup, run directory and network go back in the background
//! ```
//! Each stage of a start is undone by the drop of [`start::Prepared`] unless the container runs.

mod exit;
mod files;
mod orphans;
mod place;
mod start;
mod systemd;

use super::Kind;
use super::attach::Relay;
use super::exec::ExecSpec;
use super::model::Container;
use super::reaper::{Reaper, Work};
use super::runtime::{Adopted, ExecLive, Live, Runtime, StartError, TerminalSize};
use super::shim::{Connection, Message, ShimProgram, describe_exec, is_ended, unexpected};
use super::spec::{self, Joins};
use crate::ids::{ContainerId, random_hex};
use crate::networks::{Counters, Endpoint, NetworkService};
use crate::observability::{Observability, Tracked};
use crate::store::object;
use crate::store::paths::Paths;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hull_plan::{Frame, Plan};
use hull_runtime::cgroup::{self, Driver};
use hull_runtime::features::Features;
use hull_runtime::plan::exec_plan;
use std::collections::HashMap;
use std::ffi::CString;
use std::fs;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use systemd::Systemd;

/// Runs containers by shims.
pub struct ShimRuntime {
    pub(super) paths: Arc<Paths>,
    networks: Arc<NetworkService>,
    observability: Arc<Observability>,
    host: Arc<spec::Host>,
    /// `None`: this daemon carries none, and every start says so.
    program: Option<Arc<ShimProgram>>,
    systemd: Systemd,
    reaper: Reaper,
    /// Cgroups of live containers.
    live: Mutex<HashMap<ContainerId, cgroup::Handle>>,
}

impl ShimRuntime {
    /// # Errors
    /// When there is no thread to be had for the reaper.
    pub fn new(
        paths: Arc<Paths>,
        host: Arc<spec::Host>,
        networks: Arc<NetworkService>,
        observability: Arc<Observability>,
    ) -> io::Result<Self> {
        let program = match ShimProgram::new() {
            Ok(program) => Some(Arc::new(program)),
            Err(error) => {
                tracing::warn!(%error, "no container can start");
                None
            }
        };
        let reaper = Reaper::new()?;
        let live = Mutex::new(HashMap::new());
        Ok(Self { paths, host, networks, observability, program, systemd: Systemd::default(), reaper, live })
    }

    fn live(&self) -> MutexGuard<'_, HashMap<ContainerId, cgroup::Handle>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn request(&self, container: &Container, frame: &Frame<'_>) -> io::Result<()> {
        let socket = self.paths.control_socket(&container.id);
        Connection::request(&socket, frame).await?.reader.done().await
    }
}

impl Runtime for ShimRuntime {
    fn start<'a>(
        &'a self,
        container: &'a Container,
        joins: Joins,
        clients: Vec<Relay>,
    ) -> BoxFuture<'a, Result<Live, StartError>> {
        start::start(self, container, joins, clients).boxed()
    }

    fn adopt<'a>(&'a self, container: &'a Container) -> BoxFuture<'a, Adopted> {
        self.adopt_live(container).boxed()
    }

    fn signal<'a>(
        &'a self,
        container: &'a Container,
        exec: Option<&'a str>,
        signal: u32,
    ) -> BoxFuture<'a, io::Result<()>> {
        async move {
            let target = target(exec)?;
            self.request(container, &Frame::Signal { target: &target, signal }).await
        }
        .boxed()
    }

    fn resize<'a>(
        &'a self,
        container: &'a Container,
        exec: Option<&'a str>,
        size: TerminalSize,
    ) -> BoxFuture<'a, io::Result<()>> {
        async move {
            let target = target(exec)?;
            let frame = Frame::Resize { target: &target, rows: size.rows, cols: size.cols };
            match self.request(container, &frame).await {
                // Without a terminal there is nothing to resize, and for Docker that is no error.
                Err(error) if error.raw_os_error() == Some(rustix::io::Errno::NOTTY.raw_os_error()) => Ok(()),
                other => other,
            }
        }
        .boxed()
    }

    fn freeze<'a>(&'a self, container: &'a Container, frozen: bool) -> BoxFuture<'a, io::Result<()>> {
        async move {
            let cgroup = self.cgroup(&container.id).ok_or(io::ErrorKind::NotFound)?;
            let work = move || if frozen { cgroup.freeze() } else { cgroup.thaw() };
            tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?.map_err(io::Error::other)
        }
        .boxed()
    }

    fn update<'a>(&'a self, container: &'a Container) -> BoxFuture<'a, io::Result<Vec<String>>> {
        async move {
            let cgroup = self.cgroup(&container.id).ok_or(io::ErrorKind::NotFound)?;
            let resources = spec::resources(&container.host_config, &self.host.features).map_err(io::Error::other)?;
            let updated = tokio::task::spawn_blocking(move || cgroup.update(&resources)).await;
            let warnings = updated.map_err(io::Error::other)?.map_err(io::Error::other)?;
            Ok(warnings.iter().map(ToString::to_string).collect())
        }
        .boxed()
    }

    fn attach<'a>(&'a self, container: &'a Container, stdin: bool) -> BoxFuture<'a, io::Result<Connection>> {
        async move {
            let socket = self.paths.control_socket(&container.id);
            Connection::request(&socket, &Frame::Attach { stdin }).await
        }
        .boxed()
    }

    fn exec<'a>(&'a self, container: &'a Container, exec: &'a ExecSpec) -> BoxFuture<'a, Result<ExecLive, StartError>> {
        self.run_exec(container, exec).boxed()
    }

    fn find_exec<'a>(&'a self, container: &'a Container, exec: &'a str) -> BoxFuture<'a, io::Result<Option<ExecLive>>> {
        async move {
            let (socket, target) = (self.paths.control_socket(&container.id), target(Some(exec))?);
            let mut connection = Connection::request(&socket, &Frame::Subscribe { target: &target }).await?;
            match connection.reader.answer().await {
                Ok(Message::State { pid }) => Ok(Some(ExecLive { pid, connection })),
                Ok(other) => Err(unexpected(&other)),
                Err(error) if is_ended(&error) => Ok(None),
                Err(error) => Err(error),
            }
        }
        .boxed()
    }

    fn ended(&self, container: &Container) {
        let mut work = vec![Work::Tree(self.paths.run(&container.id))];
        if let Some(cgroup) = self.live().remove(&container.id) {
            self.observability.untrack(cgroup.id());
            // First: with the host's PID namespace something may still run in it.
            work.insert(0, Work::Cgroup(cgroup));
        } else if let Ok(Some(cgroup)) = place::noted(&self.host.features.hierarchies, &self.paths.run(&container.id)) {
            // An earlier daemon's, of which only parts are left.
            work.insert(0, Work::Cgroup(Arc::new(cgroup)));
        }
        if let Some(endpoint) = &container.endpoint {
            self.networks.detach(endpoint.clone());
        }
        self.reaper.submit(Some(container.id.clone()), work);
    }

    fn discard(&self, container: &Container, unused: BoxFuture<'static, ()>) -> io::Result<()> {
        let directory = self.paths.container(&container.id);
        let trash = self.paths.trash().join(random_hex()?);
        match fs::rename(&directory, &trash) {
            Ok(()) => {}
            // Somebody deleted it by hand: what was wanted.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        }
        object::sync_directory(&self.paths.containers())?;
        self.observability.forget(&container.id);
        self.reaper.submit_after(unused, vec![Work::Tree(trash)]);
        Ok(())
    }

    fn features(&self) -> &Features {
        &self.host.features
    }

    fn cgroup_driver(&self) -> &Driver {
        &self.host.cgroups
    }

    fn cgroup(&self, id: &ContainerId) -> Option<cgroup::Handle> {
        self.live().get(id).cloned()
    }

    fn traffic(&self, endpoint: &Endpoint) -> Option<Counters> {
        self.networks.counters(endpoint).ok().flatten()
    }

    fn all_traffic(&self) -> HashMap<String, Counters> {
        self.networks.all_counters().unwrap_or_default()
    }

    fn network_id(&self, name: &str) -> Option<String> {
        self.networks.inspect(name).ok().map(|network| network.id)
    }

    fn reap_orphans(&self, known: &[ContainerId], live: &[ContainerId]) -> io::Result<()> {
        orphans::reap(&self.paths, &self.host.features.hierarchies, &self.reaper, known, live)
    }

    fn pending(&self) -> usize {
        self.reaper.pending() + self.networks.pending()
    }
}

impl ShimRuntime {
    async fn adopt_live(&self, container: &Container) -> Adopted {
        let record = self.paths.exit_record(&container.id);
        let Ok(cgroup) = place::find(&self.host, &self.paths, &container.id) else {
            // A host that was restarted has no cgroup of it any more.
            return Adopted::Ended(exit::recorded(&record).unwrap_or_else(exit::killed));
        };
        let cgroup = Arc::new(cgroup);
        self.live().insert(container.id.clone(), cgroup.clone());
        let socket = self.paths.control_socket(&container.id);
        let answer = async {
            let mut connection = Connection::request(&socket, &Frame::Subscribe { target: c"" }).await?;
            let message = connection.reader.next().await?;
            io::Result::Ok((message, connection))
        };
        match answer.await {
            Ok((Some(Message::State { .. }), connection)) => {
                let tracked = Tracked { container: container.id.clone(), cgroup: cgroup.clone() };
                self.observability.track(tracked).await;
                let frozen = cgroup.is_frozen().unwrap_or_else(|error| {
                    tracing::warn!(container = %container.id, %error, "taken for not frozen");
                    false
                });
                // The writing direction stays open as long as the exit is waited for.
                let Connection { reader, writer } = connection;
                let exit = async move {
                    let exit = exit::wait(Some(reader), None, record, cgroup).await;
                    drop(writer);
                    exit
                };
                Adopted::Running { exit: exit.boxed(), frozen }
            }
            Ok((Some(Message::Exited(record)), _)) => Adopted::Ended(exit::told(&record)),
            Ok(_) | Err(_) => {
                let lost = tokio::task::spawn_blocking(move || exit::lost(&record, &cgroup)).await;
                Adopted::Ended(lost.unwrap_or_else(|_down| exit::killed()))
            }
        }
    }

    fn exec_plan(&self, container: &Container, exec: &ExecSpec) -> Result<Plan, StartError> {
        let cgroup = self.cgroup(&container.id).ok_or_else(|| StartError::system("the container's cgroup is gone"))?;
        let (process, extras) =
            spec::exec(container, exec, &self.paths, &self.host, &cgroup).map_err(start::refused)?;
        exec_plan(&process, &extras).map_err(|error| StartError {
            message: start::with_cause("prepare the exec", &error),
            code: 126,
            kind: Kind::BadParameter,
        })
    }

    async fn run_exec(&self, container: &Container, exec: &ExecSpec) -> Result<ExecLive, StartError> {
        let plan = self.exec_plan(container, exec)?;
        let id = target(Some(&exec.id)).map_err(|e| StartError::system(e.to_string()))?;
        let socket = self.paths.control_socket(&container.id);
        let broken = |error: io::Error| {
            if is_ended(&error) {
                // Between the look at its state and this.
                return StartError {
                    message: format!("container {} is not running", container.id),
                    code: 126,
                    kind: Kind::Conflict,
                };
            }
            StartError::system(format!("exec in container {}: {error}", container.id))
        };
        let request = Frame::Exec { id: &id, plan: plan.as_bytes() };
        let mut connection = Connection::request(&socket, &request).await.map_err(broken)?;
        match connection.reader.answer().await.map_err(broken)? {
            Message::Started { pid } => Ok(ExecLive { pid, connection }),
            Message::Failed { step, errno, object } => Err(describe_exec(step, errno, &object)),
            other => Err(broken(unexpected(&other))),
        }
    }
}

/// An exec's id as the protocol has it; the init has none.
fn target(exec: Option<&str>) -> io::Result<CString> {
    CString::new(exec.unwrap_or_default()).map_err(io::Error::other)
}
