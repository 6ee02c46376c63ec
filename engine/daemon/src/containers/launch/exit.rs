//! How the daemon learns that an init has ended: by the socket, or from the record on disk.

use super::super::attach::Relay;
use super::super::shim::{Connection, Message, Reader};
use super::super::state::Exit;
use crate::time::Time;
use hull_plan::ExitRecord;
use hull_runtime::cgroup;
use serde::Deserialize;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;

/// The record as it is on disk.
#[derive(Deserialize)]
struct OnDisk {
    code: u8,
    #[serde(default)]
    oom_killed: bool,
    #[serde(default)]
    started_at: u64,
    #[serde(default)]
    finished_at: u64,
}

impl From<&ExitRecord> for OnDisk {
    fn from(record: &ExitRecord) -> Self {
        let ExitRecord { code, oom_killed, started_at, finished_at, .. } = *record;
        Self { code, oom_killed, started_at, finished_at }
    }
}

impl From<OnDisk> for Exit {
    fn from(record: OnDisk) -> Self {
        let finished_at = if record.finished_at == 0 { Time::now() } else { Time::from_nanos(record.finished_at) };
        Self {
            code: record.code,
            oom_killed: record.oom_killed,
            started_at: Time::from_nanos(record.started_at),
            finished_at,
            error: String::new(),
        }
    }
}

/// An exit that a shim has told.
pub(super) fn told(record: &ExitRecord) -> Exit {
    OnDisk::from(record).into()
}

/// Waits for the end; without a connection it has come. A shim that goes without a word may have left a record; if it hasn't, it was killed itself, and the container must not live on
/// without a parent.
pub(super) async fn wait(
    mut reader: Option<Reader>,
    child: Option<Child>,
    record: PathBuf,
    cgroup: cgroup::Handle,
) -> Exit {
    let exit = loop {
        let next = match &mut reader {
            Some(reader) => reader.next().await,
            None => Ok(None),
        };
        match next {
            Ok(Some(Message::Exited(record))) => break told(&record),
            // Refused: it has ended before anybody could ask, and the record is there.
            Ok(None | Some(Message::Refused { .. })) | Err(_) => break blocking(move || lost(&record, &cgroup)).await,
            Ok(Some(_)) => {}
        }
    };
    if let Some(mut child) = child {
        // It ends right after its last word; reaped beside, since nobody need wait for that.
        tokio::task::spawn_blocking(move || {
            if let Err(error) = child.wait() {
                tracing::debug!(%error, "reap a shim");
            }
        });
    }
    exit
}

/// Carries output to the clients that were there before the start, where there is no log: one slow client holds up the process, and with it
/// the others. It does not hold up the news of the end, which comes over another connection.
pub(super) async fn relay(connection: Connection, clients: Vec<Relay>) {
    // The shim takes a closed writer for a client that has left.
    let Connection { mut reader, writer } = connection;
    loop {
        match reader.next().await {
            Ok(Some(Message::Output { stream, bytes })) => {
                for client in &clients {
                    client.send(stream, bytes.clone()).await;
                }
            }
            Ok(None | Some(Message::Exited(_))) | Err(_) => break,
            Ok(Some(_)) => {}
        }
    }
    drop(writer);
}

/// The end of a container whose shim does not answer. Blocking.
pub(super) fn lost(record: &Path, cgroup: &cgroup::Cgroup) -> Exit {
    if let Some(exit) = recorded(record) {
        return exit;
    }
    if let Err(error) = cgroup.kill_all() {
        tracing::error!(%error, "a container without its shim could not be killed");
    }
    killed()
}

/// What the record says, if there is one.
pub(super) fn recorded(path: &Path) -> Option<Exit> {
    let text = fs::read(path).ok()?;
    match serde_json::from_slice::<OnDisk>(&text) {
        Ok(record) => Some(record.into()),
        Err(error) => {
            tracing::error!(path = %path.display(), %error, "an exit record is damaged");
            None
        }
    }
}

/// Nobody saw it end.
pub(super) fn killed() -> Exit {
    Exit {
        code: 137,
        oom_killed: false,
        started_at: Time::NEVER,
        finished_at: Time::now(),
        error: "shim lost".to_owned(),
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // Only a daemon that goes down cancels blocking work; nobody will look at the result.
        Err(_down) => std::future::pending().await,
    }
}
