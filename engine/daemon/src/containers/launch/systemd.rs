//! The systemd cgroup driver: every container is in a transient scope of its own, asked for over D-Bus.
//!
//! ```text
//!   system.slice/hull-<container>.scope   systemd's: it has a name, is listed, and is stopped at shutdown
//!       shim                              the shim: ends with the scope, but is not charged to the container
//!       container                         limits, device rules, the id that eBPF sees
//! ```
//! systemd writes to the scope itself, Hull only below it (`Delegate=yes`, systemd's CGROUP_DELEGATION document): neither
//! changes what the other has set. A scope needs a process to begin with, and that is the shim, before it has its Plan.

use super::super::model::Container;
use futures_util::StreamExt;
use hull_runtime::cgroup::Slice;
use std::time::Duration;
use tokio::sync::OnceCell;
use zbus::zvariant::{OwnedObjectPath, Value};

/// systemd answers in milliseconds, unless it is stuck or reloads.
const PATIENCE: Duration = Duration::from_secs(60);

/// What systemd's `StartTransientUnit` and its kin look like: org.freedesktop.systemd1(5).
#[zbus::proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1",
    gen_blocking = false
)]
trait Manager {
    fn start_transient_unit(
        &self,
        name: &str,
        mode: &str,
        properties: &[(&str, Value<'_>)],
        auxiliary: &[(&str, &[(&str, Value<'_>)])],
    ) -> zbus::Result<OwnedObjectPath>;

    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;

    fn subscribe(&self) -> zbus::Result<()>;

    #[zbus(signal)]
    fn job_removed(&self, id: u32, job: OwnedObjectPath, unit: String, result: String);
}

/// Why there is no scope.
#[derive(Debug, thiserror::Error)]
pub(super) enum SystemdError {
    /// Over the bus.
    #[error("systemd, asked to {operation} {unit}")]
    Bus {
        /// What was asked.
        operation: &'static str,
        /// Of which unit.
        unit: String,
        /// What it said, or why it cannot be reached.
        source: zbus::Error,
    },
    /// The unit's job ended otherwise than well.
    #[error("systemd did not start {unit}: the job is {result}")]
    Job {
        /// The unit.
        unit: String,
        /// systemd's word for it: `canceled`, `timeout`, `failed`, `dependency`, `skipped`.
        result: String,
    },
    /// No answer.
    #[error("systemd has not started {unit} within {} s", PATIENCE.as_secs())]
    TooSlow {
        /// The unit.
        unit: String,
    },
}

/// The connection to systemd, made when it is first needed.
#[derive(Debug, Default)]
pub(super) struct Systemd {
    manager: OnceCell<ManagerProxy<'static>>,
}

impl Systemd {
    /// Makes a scope with this process in it, and returns when the process is there.
    ///
    /// # Errors
    /// When systemd cannot be asked, refuses, or takes too long.
    pub(super) async fn start_scope(&self, scope: &Scope) -> Result<(), SystemdError> {
        match tokio::time::timeout(PATIENCE, self.start(scope)).await {
            Ok(done) => done,
            Err(_elapsed) => Err(SystemdError::TooSlow { unit: scope.unit.clone() }),
        }
    }

    async fn start(&self, scope: &Scope) -> Result<(), SystemdError> {
        let failed = |operation| move |source| SystemdError::Bus { operation, unit: scope.unit.clone(), source };
        let manager = self.manager.get_or_try_init(connect).await.map_err(failed("make"))?;
        // A scope of this name that has ended badly is in the way; nearly always there is none.
        if manager.reset_failed_unit(&scope.unit).await.is_ok() {
            tracing::debug!(unit = %scope.unit, "the scope of an earlier run had failed");
        }
        // Before the job can end.
        let mut removed = manager.receive_job_removed().await.map_err(failed("make"))?;
        let started = manager.start_transient_unit(&scope.unit, "replace", &scope.properties(), &[]).await;
        let job = started.map_err(failed("make"))?;
        while let Some(signal) = removed.next().await {
            let ended = signal.args().map_err(failed("make"))?;
            if *ended.job() == job {
                return match ended.result().as_str() {
                    "done" => Ok(()),
                    result => Err(SystemdError::Job { unit: scope.unit.clone(), result: result.to_owned() }),
                };
            }
        }
        Err(failed("make")(zbus::Error::InvalidReply))
    }
}

async fn connect() -> zbus::Result<ManagerProxy<'static>> {
    let bus = zbus::Connection::system().await?;
    let manager = ManagerProxy::new(&bus).await?;
    // Without a subscriber systemd tells of no jobs.
    manager.subscribe().await?;
    Ok(manager)
}

/// A scope to be made.
#[derive(Debug)]
pub(super) struct Scope {
    /// Its name, with `.scope`.
    unit: String,
    slice: Slice,
    /// What people read.
    description: String,
    /// The process that it begins with.
    pid: u32,
    /// How long its processes have to end by themselves when the host is shut down; `None`: as long as they want.
    stop_timeout: Option<Duration>,
}

impl Scope {
    /// For a container whose shim is `pid`.
    pub(super) fn of(container: &Container, slice: &Slice, pid: u32) -> Self {
        Self {
            unit: format!("hull-{}.scope", container.id),
            slice: slice.clone(),
            description: format!("container {}", container.name),
            pid,
            stop_timeout: u64::try_from(container.stop_timeout()).ok().map(Duration::from_secs),
        }
    }

    fn properties(&self) -> Vec<(&'static str, Value<'_>)> {
        // The largest number is systemd's "infinity".
        let stop_timeout = self.stop_timeout.and_then(|time| u64::try_from(time.as_micros()).ok()).unwrap_or(u64::MAX);
        vec![
            ("Description", self.description.as_str().into()),
            ("Slice", self.slice.as_str().into()),
            ("PIDs", vec![self.pid].into()),
            ("Delegate", true.into()),
            // Nothing of it stays once the last process is gone, however it ended.
            ("CollectMode", "inactive-or-failed".into()),
            ("TimeoutStopUSec", stop_timeout.into()),
        ]
    }
}
