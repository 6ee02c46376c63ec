//! A start, stage by stage.

use super::super::Kind;
use super::super::attach::Relay;
use super::super::model::{Container, NetworkMode};
use super::super::mounts::MountKind;
use super::super::reaper::Work;
use super::super::runtime::{Live, StartError};
use super::super::shim::{Connection, Message, describe_start};
use super::super::spec::{self, Inputs, Joins};
use super::{ShimRuntime, exit, files, place};
use crate::ids::ContainerId;
use crate::networks::Endpoint;
use crate::observability::Tracked;
use crate::time::Time;
use futures_util::FutureExt;
use hull_plan::{Frame, Plan};
use hull_runtime::cgroup::{self, Cgroup, Driver};
use hull_runtime::plan::container_plan;
use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::process::Child;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What has been made so far for a container that does not run yet. Dropping it undoes all of it.
struct Prepared<'a> {
    runtime: &'a ShimRuntime,
    container: &'a Container,
    cgroup: Option<cgroup::Handle>,
    endpoint: Option<Endpoint>,
    shim: Option<Child>,
    runs: bool,
}

impl Drop for Prepared<'_> {
    fn drop(&mut self) {
        if self.runs {
            return;
        }
        let (runtime, id) = (self.runtime, &self.container.id);
        if let Some(mut child) = self.shim.take() {
            // It ends by itself: its socket is closed, and it has no plan or has said why the plan failed.
            tokio::task::spawn_blocking(move || child.wait());
        }
        let mut work = Vec::new();
        if let Some(cgroup) = self.cgroup.take() {
            runtime.live().remove(id);
            runtime.observability.untrack(cgroup.id());
            work.push(Work::Cgroup(cgroup));
        }
        if let Some(endpoint) = self.endpoint.take() {
            runtime.networks.detach(endpoint);
        }
        work.push(Work::Tree(runtime.paths.run(id)));
        runtime.reaper.submit(Some(id.clone()), work);
    }
}

pub(super) async fn start(
    runtime: &ShimRuntime,
    container: &Container,
    joins: Joins,
    clients: Vec<Relay>,
) -> Result<Live, StartError> {
    let Some(program) = runtime.program.clone() else {
        return Err(StartError::system("this hulld carries no hull-shim: build it with `cargo xtask build`"));
    };
    // The last run's cgroup has the same name as the next one's.
    runtime.reaper.settled(&container.id).await;
    let mut prepared = Prepared { runtime, container, cgroup: None, endpoint: None, shim: None, runs: false };

    let copy = Arc::new(container.clone());
    let (pid, spawned) = oneshot::channel();
    let spawn = blocking(move || {
        let (child, socket) = program.spawn().map_err(|e| StartError::system(format!("spawn the shim: {e}")))?;
        // Only a scope needs to know.
        let _ = pid.send(child.id());
        Ok((child, socket))
    });
    let (cgroup, endpoint, shim) =
        tokio::join!(place::make(runtime, copy.clone(), spawned), network(runtime, container), spawn);
    // All three are put where the drop finds them before any of them may fail the start.
    let socket = keep(&mut prepared.shim, shim);
    let failed = keep_or_fail(&mut prepared.cgroup, cgroup).or(keep_or_fail(&mut prepared.endpoint, endpoint));
    if let Some(error) = failed {
        return Err(error);
    }
    let (socket, cgroup) = match (socket, &prepared.cgroup) {
        (Ok(socket), Some(cgroup)) => (socket, cgroup.clone()),
        (Err(error), _) => return Err(error),
        (_, None) => return Err(StartError::system("no cgroup")),
    };
    runtime.live().insert(container.id.clone(), cgroup.clone());

    let tracked = Tracked { container: container.id.clone(), cgroup: cgroup.clone() };
    let plan = blocking({
        let (host, paths, endpoint) = (runtime.host.clone(), runtime.paths.clone(), prepared.endpoint.clone());
        let gateway = runtime.networks.gateway();
        let cgroup = cgroup.clone();
        move || make_plan(&host, &paths, &copy, (endpoint.as_ref(), gateway), joins, &cgroup)
    });
    let (plan, ()) = tokio::join!(plan, runtime.observability.track(tracked));
    let plan = plan?;

    let broken = |error: std::io::Error| StartError::system(format!("talk to the shim: {error}"));
    let mut connection = Connection::new(tokio_socket(socket).map_err(broken)?);
    connection.writer.send(&Frame::Start { plan: plan.as_bytes() }).await.map_err(broken)?;
    match connection.reader.next().await.map_err(broken)? {
        Some(Message::Started { pid }) => {
            prepared.runs = true;
            let record = runtime.paths.exit_record(&container.id);
            let watch = watch(runtime, container, connection, clients).await;
            let (reader, writer) = watch.map(|Connection { reader, writer }| (reader, writer)).unzip();
            let exit = exit::wait(reader, prepared.shim.take(), record, cgroup.clone());
            let exit = exit.map(move |exit| {
                // The shim takes a closed connection for a client that has left.
                drop(writer);
                exit
            });
            Ok(Live {
                pid,
                started_at: Time::now(),
                endpoint: prepared.endpoint.take(),
                cgroup_id: Some(cgroup.id()),
                exit: exit.boxed(),
            })
        }
        Some(Message::Failed { step, errno, object }) => Err(describe_start(step, errno, &object)),
        _ => Err(broken(std::io::ErrorKind::UnexpectedEof.into())),
    }
}

/// The connection that tells the end. Where `clients` wait for output that is one of its own: they may be slow. `None`: the init has
/// ended already, and its record is there.
async fn watch(
    runtime: &ShimRuntime,
    container: &Container,
    connection: Connection,
    clients: Vec<Relay>,
) -> Option<Connection> {
    if clients.is_empty() {
        return Some(connection);
    }
    let socket = runtime.paths.control_socket(&container.id);
    let watch = Connection::request(&socket, &Frame::Subscribe { target: c"" }).await;
    tokio::spawn(exit::relay(connection, clients));
    watch.ok()
}

/// Puts what was made in its place; gives back why it was not.
fn keep_or_fail<T>(place: &mut Option<T>, made: Result<Option<T>, StartError>) -> Option<StartError> {
    match made {
        Ok(made) => {
            *place = made;
            None
        }
        Err(error) => Some(error),
    }
}

fn keep(place: &mut Option<Child>, made: Result<(Child, UnixStream), StartError>) -> Result<UnixStream, StartError> {
    let (child, socket) = made?;
    *place = Some(child);
    Ok(socket)
}

fn tokio_socket(socket: UnixStream) -> std::io::Result<tokio::net::UnixStream> {
    socket.set_nonblocking(true)?;
    tokio::net::UnixStream::from_std(socket)
}

async fn network(runtime: &ShimRuntime, container: &Container) -> Result<Option<Endpoint>, StartError> {
    let failed = |why: String, kind| StartError {
        message: format!("failed to set up container networking: {why}"),
        code: 128,
        kind,
    };
    if let Some(missing) = container.missing_network() {
        return Err(failed(missing, Kind::NotImplemented));
    }
    match container.network_mode() {
        NetworkMode::Bridge => {
            let attached = runtime.networks.attach_as(&container.id, container.mac()).await;
            attached.map(Some).map_err(|error| failed(with_cause("default bridge", &error), Kind::System))
        }
        NetworkMode::Host | NetworkMode::None | NetworkMode::Container(_) | NetworkMode::Named(_) => Ok(None),
    }
}

fn make_plan(
    host: &spec::Host,
    paths: &crate::store::paths::Paths,
    container: &Container,
    (endpoint, gateway): (Option<&Endpoint>, Ipv4Addr),
    joins: Joins,
    cgroup: &Cgroup,
) -> Result<Plan, StartError> {
    make_sources(container)?;
    files::write(paths, container, endpoint, gateway)
        .map_err(|e| StartError::system(format!("write the container's generated files: {e}")))?;
    // Who shares a network shares its names too.
    let shared = match container.network_mode() {
        NetworkMode::Container(id) => ContainerId::try_from(id).ok(),
        _ => None,
    };
    let files_of = shared.as_ref().unwrap_or(&container.id);
    let inputs = Inputs { paths, netns: endpoint.map(|e| e.netns.as_path()), joins, files_of };
    let built = spec::build(container, &inputs, host).map_err(refused)?;
    for warning in &built.warnings {
        tracing::warn!(container = %container.id, warning, "a setting is not applied");
    }
    let mut extras = spec::extras(container, &inputs, host, cgroup).map_err(refused)?;
    if let Driver::Systemd { .. } = host.cgroups {
        // It is in the container's scope already.
        extras.shim_procs.clear();
    }
    container_plan(&built.spec, &extras).map_err(|error| StartError {
        message: with_cause("prepare the container", &error),
        code: 128,
        kind: Kind::BadParameter,
    })
}

/// `-v` makes a missing source, as Docker does.
fn make_sources(container: &Container) -> Result<(), StartError> {
    for mount in container.mounts.iter().filter(|m| m.kind == MountKind::Bind && m.create_source) {
        match fs::create_dir_all(&mount.source) {
            Ok(()) => {}
            Err(_) if mount.source.exists() => {}
            Err(error) => {
                let source = mount.source.display();
                let message = format!("error while creating mount source path '{source}': mkdir {source}: {error}");
                return Err(StartError { message, code: 128, kind: Kind::System });
            }
        }
    }
    Ok(())
}

pub(super) fn refused(error: spec::SpecError) -> StartError {
    StartError { message: error.to_string(), code: 128, kind: error.kind() }
}

/// Clients see nothing but one line: it has the causes in it.
pub(super) fn with_cause(what: &str, error: &dyn std::error::Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StartError> + Send + 'static,
) -> Result<T, StartError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(_down) => Err(StartError::system("the engine is shutting down")),
    }
}
