//! A running exec: its client's streams, and its end.

use super::super::attach::{Attachment, Pump, Stdin, relay, until_left};
use super::super::owner::Handle;
use super::super::runtime::ExecLive;
use super::super::{Container, Shared};
use super::ExecSpec;
use super::description::{self, Description};
use super::table::ExecEnd;
use crate::ids::ContainerId;
use hull_plan::ExitRecord;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// How long the output of an exec whose container has ended may wait for its client: the shim tells the end after the output.
const LAST_OUTPUT: Duration = Duration::from_secs(2);

/// Watches over an exec that has just begun, and gives its client the streams. `ends` is how many runs of the container had ended before.
pub(super) async fn run(
    shared: &Arc<Shared>,
    handle: &Handle,
    spec: ExecSpec,
    live: ExecLive,
    ends: u64,
    detach: bool,
) -> Option<Attachment> {
    let resized = shared.execs.running(&spec.id, live.pid);
    if let Some(size) = resized.filter(|_| spec.tty)
        && let Err(error) = shared.runtime.resize(&handle.container(), Some(&spec.id), size).await
    {
        tracing::debug!(exec = spec.id, %error, "the terminal keeps its first size");
    }
    let (input, received) = mpsc::channel(16);
    let (output, chunks) = relay(spec.stdout || spec.tty, spec.stderr && !spec.tty);
    let pump = Pump {
        connection: Some(live.connection),
        input: received,
        output: (!detach).then_some(output),
        // A shell on a terminal lives on when its client has gone; a filter in a pipe reads an end of file.
        end_is_eof: spec.stdin && !spec.tty,
    };
    let (tty, stdin) = (spec.tty, spec.stdin);
    let id = spec.id.clone();
    tokio::spawn(watch(shared.clone(), handle.clone(), spec, live.pid, pump, ends));
    if detach {
        return None;
    }
    let (departed, left) = (shared.clone(), handle.clone());
    let chunks = until_left(chunks, move || {
        // Only a terminal is left behind running; for others the end of the client is that of its streams.
        if tty && departed.execs.is_running(&id) {
            departed.events.publish(left.container().event("exec_detach").with("execID", id));
        }
    });
    Some(Attachment { tty, chunks, stdin: stdin.then(|| Stdin::new(input, !tty)) })
}

/// Waits for the end of an exec, and tells it.
pub(super) async fn watch(shared: Arc<Shared>, handle: Handle, spec: ExecSpec, pid: u32, mut pump: Pump, ends: u64) {
    let container = handle.id().clone();
    let mut published = handle.watch();
    let container_over = async {
        // A closed watch is a removed container.
        let _ = published.wait_for(|published| published.ends > ends).await;
        tokio::time::sleep(LAST_OUTPUT).await;
    };
    let told = tokio::select! {
        told = pump.run_to_end() => told,
        () = container_over => None,
    };
    let end = match told {
        Some(record) => ended(&record),
        None => lost(&shared, &container, &spec.id, pid).await,
    };
    // In the background: until it is written the shim's record says the same.
    drop(self::end(&shared, &handle, spec, end));
    // Now the client's stream ends: whoever has seen that finds the exit code.
    drop(pump);
}

fn ended(record: &ExitRecord) -> ExecEnd {
    ExecEnd { pid: record.pid, code: record.code, at: crate::time::Time::from_nanos(record.finished_at) }
}

/// The shim has not told the end: it has written it down, or it was lost, and the container with it.
async fn lost(shared: &Shared, container: &ContainerId, exec: &str, pid: u32) -> ExecEnd {
    let (paths, container, exec) = (shared.paths.clone(), container.clone(), exec.to_owned());
    let read = move || description::recorded(&paths, &container, &exec);
    let recorded = tokio::task::spawn_blocking(read).await.ok().flatten();
    recorded.unwrap_or_else(|| ExecEnd::now(pid, 137))
}

/// Keeps the end of an exec, here and on disk, and tells it.
pub(super) fn end(shared: &Arc<Shared>, handle: &Handle, spec: ExecSpec, end: ExecEnd) -> JoinHandle<()> {
    tell(shared, &handle.container(), &spec.id, end);
    shared.execs.end(&spec.id, end);
    write_end(shared, handle.id(), spec, end)
}

/// Puts the end on disk, in the background.
pub(super) fn write_end(shared: &Arc<Shared>, container: &ContainerId, spec: ExecSpec, end: ExecEnd) -> JoinHandle<()> {
    let (shared, container) = (shared.clone(), container.clone());
    tokio::task::spawn_blocking(move || {
        let id = spec.id.clone();
        Description { spec, end: Some(end) }.finish(&shared.paths, &container);
        shared.execs.written(&id);
    })
}

/// Docker's event.
pub(super) fn tell(shared: &Shared, container: &Container, exec: &str, end: ExecEnd) {
    shared.events.publish(container.event("exec_die").with("execID", exec).with("exitCode", end.code.to_string()));
}
