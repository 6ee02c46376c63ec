//! One run after another: start, health, end, and the start after that.

use super::super::error::{ContainerError, Kind as ErrorKind};
use super::super::files::PATIENCE;
use super::super::health::{self, Check, Health, HealthStatus, ProbeResult, Reaction};
use super::super::runtime::StartError;
use super::super::spec::Joins;
use super::super::state::{Change, Exit, Refusal, Run, StartFailure, State};
use super::super::{boot, end, links, restart};
use super::{Cause, Next, Owner, Purpose, attached};
use crate::store::object::Durability;
use crate::time::Time;
use futures_util::FutureExt;

impl Owner {
    pub(super) async fn start(&mut self, cause: Cause) -> Result<(), ContainerError> {
        match &self.container.state {
            State::Created { .. } | State::Exited(_) => {}
            State::Restarting { .. } if cause == Cause::Policy => {}
            State::Running(_) | State::Restarting { .. } => {
                return Err(ContainerError::NotModified("container is already started"));
            }
            State::Paused(_) => {
                let message = "cannot start a paused container, try unpause instead";
                return Err(ContainerError::state(Refusal::Paused, message));
            }
            State::Removing { .. } | State::Dead { .. } => {
                let message = "container is marked for removal and cannot be started";
                return Err(ContainerError::state(Refusal::Removing, message));
            }
        }
        self.purpose = Purpose::Notice;
        match cause {
            Cause::User => {
                self.container.stopped_by_user = false;
                self.container.restart_count = 0;
                self.container.restart_delay = 0;
            }
            Cause::Health => self.container.restart_count += 1,
            Cause::Policy => {}
        }
        let joins = self.joins()?;
        let linked = links::applied(&self.container, &self.shared.registry)?;
        if let Err(message) = self.shared.logs.ready(&self.container) {
            return Err(self.start_failed(StartError { message, code: 128, kind: ErrorKind::System }).await);
        }
        // The layer may be in one mount at a time.
        self.gate.close(PATIENCE).await;
        let clients = std::mem::take(&mut self.early);
        let live = match self.shared.runtime.start(&linked, joins, clients).await {
            Ok(live) => live,
            Err(error) => return Err(self.start_failed(error).await),
        };
        self.exit = Some(live.exit);
        self.container.endpoint = live.endpoint;
        self.container.cgroup_id = live.cgroup_id;
        boot::id().clone_into(&mut self.container.boot_id);
        let before = self.container.health.take();
        self.container.health = Check::of(&self.container.config).map(|_| Health::starting(before));
        let run = Run { pid: live.pid, started_at: live.started_at, oom_killed: false };
        self.change(Change::Started(run)).map_err(|refusal| ContainerError::state(refusal, refusal.to_string()))?;
        // The process runs whatever happens here; a daemon that comes back finds it by its socket.
        self.save_or_log(Durability::Renamed).await;
        self.publish();
        attached::attached(&self.shared, &self.container);
        self.announce("start", Vec::new());
        self.watch_health();
        Ok(())
    }

    /// The inits of the containers whose namespaces it shares.
    fn joins(&self) -> Result<Joins, ContainerError> {
        let host = &self.container.host_config;
        let init = |mode: &str, what: &str| {
            let Some(key) = mode.strip_prefix("container:") else { return Ok(None) };
            let other = self.shared.registry.find(key)?.container();
            let Some(run) = other.state.run() else {
                let message = format!("cannot join {what} of a non running container: {}", other.id);
                return Err(ContainerError::state(Refusal::NotRunning, message));
            };
            // Its /dev/shm is its own unless it said that it shares.
            if what == "IPC" && !matches!(other.host_config.ipc_mode.as_str(), "shareable" | "host") {
                let hint = "non-shareable IPC (hint: use IpcMode:shareable for the donor container)";
                let message = format!("can't join IPC of container {}: {hint}", other.id);
                return Err(ContainerError::BadParameter(message));
            }
            Ok(Some(run.pid))
        };
        Ok(Joins {
            net: init(&host.network_mode, "network")?,
            pid: init(&host.pid_mode, "PID")?,
            ipc: init(&host.ipc_mode, "IPC")?,
        })
    }

    async fn start_failed(&mut self, error: StartError) -> ContainerError {
        self.fail(StartFailure { code: error.code, error: error.message.clone() }).await;
        ContainerError::Start { message: error.message, kind: error.kind }
    }

    async fn fail(&mut self, failure: StartFailure) {
        if let Err(refusal) = self.change(Change::StartFailed(failure)) {
            tracing::error!(container = %self.container.id, %refusal, "a failed start does not fit the state");
        }
        self.save_or_log(Durability::Renamed).await;
        self.publish_end();
    }

    /// Waits for the time when the policy runs it again, if it is to; and for containers whose namespaces it shares, where these wait for a
    /// restart themselves.
    pub(super) fn arm_restart(&mut self) {
        let State::Restarting { due, .. } = self.container.state else { return };
        // However the clock was set meanwhile.
        let pause = due.saturating_since(Time::now()).min(restart::LONGEST);
        let host = &self.container.host_config;
        let others: Vec<String> = [&host.network_mode, &host.pid_mode, &host.ipc_mode]
            .into_iter()
            .filter_map(|mode| mode.strip_prefix("container:").map(str::to_owned))
            .collect();
        let shared = self.shared.clone();
        let wait = async move {
            tokio::time::sleep(pause).await;
            for key in others {
                if let Ok(other) = shared.registry.find(&key) {
                    let settled = |state: &State| !matches!(state, State::Restarting { .. });
                    let _ = other.watch().wait_for(|published| settled(&published.container.state)).await;
                }
            }
        };
        self.restart = Some(wait.boxed());
    }

    /// The time has come.
    pub(super) async fn start_again(&mut self) {
        if let Err(error) = self.start(Cause::Policy).await {
            tracing::warn!(container = %self.container.id, %error, "a restart by policy failed");
            if self.is(|state| matches!(state, State::Restarting { .. })) {
                // It did not come to a start at all.
                self.fail(StartFailure { code: 128, error: error.to_string() }).await;
            }
        }
    }

    /// Its back-off is over without a start.
    pub(super) async fn cancel_restart(&mut self, purpose: Purpose) {
        self.restart = None;
        if let Err(refusal) = self.change(Change::RestartCancelled) {
            tracing::error!(container = %self.container.id, %refusal, "no restart to be cancelled");
        }
        self.container.stopped_by_user |= purpose != Purpose::Cycle;
        self.save_or_log(Durability::Renamed).await;
        if purpose >= Purpose::Stop {
            self.announce("stop", Vec::new());
        }
        // Who waits for the next end waits no longer.
        self.publish_end();
    }

    /// The init has ended.
    pub(super) async fn ended(&mut self, exit: Exit) -> Next {
        let before = self.container.clone();
        let cycles = self.purpose == Purpose::Cycle;
        let events = match end::conclude(&mut self.container, exit, !cycles) {
            Ok(events) => events,
            Err(refusal) => {
                tracing::error!(container = %self.container.id, %refusal, "an exit does not fit the state");
                return Next::Continue;
            }
        };
        // They end with it, and are told of before.
        self.shared.execs.settled(&self.container.id).await;
        // Written down before the run directory goes, which has the exit's only other record.
        self.save_or_log(Durability::Renamed).await;
        self.shared.runtime.ended(&before);
        attached::ended(&self.shared, &before, events);
        if self.purpose >= Purpose::Stop {
            self.announce("stop", Vec::new());
        }
        self.publish_end();
        self.arm_restart();
        if self.container.host_config.auto_remove && !cycles {
            return self.remove_automatically().await;
        }
        Next::Continue
    }

    /// Goes on probing it if it runs and has a check.
    pub(super) fn watch_health(&mut self) {
        let Some(started) = self.container.state.run().map(|run| run.started_at) else { return };
        let Some(check) = Check::of(&self.container.config) else { return };
        health::watch(self.shared.clone(), check, started, self.published.subscribe(), self.own.clone());
    }

    /// Takes a probe's result in, if it is of this run. What a frozen container's probe says is not its fault.
    pub(super) async fn probed(&mut self, started: Time, result: ProbeResult) {
        let State::Running(run) = self.container.state else { return };
        let Some(check) = Check::of(&self.container.config) else { return };
        if run.started_at != started {
            return;
        }
        let health = self.container.health.get_or_insert_with(|| Health::starting(None));
        let verdict = health.record(result, &check, started);
        self.save_or_log(Durability::Renamed).await;
        self.publish();
        let Some(verdict) = verdict else { return };
        self.announce(format!("health_status: {}", verdict.as_str()), Vec::new());
        if verdict == HealthStatus::Unhealthy
            && let Ok(reaction) = Reaction::of(&self.container.config)
            && let Ok(handle) = self.shared.registry.find(self.container.id.as_str())
        {
            reaction.begin(handle);
        }
    }
}
