//! Start, stop, restart, kill, pause, unpause, resize.

use super::error::ContainerError;
use super::model::Container;
use super::owner::{Cause, Command, Handle, Purpose};
use super::runtime::TerminalSize;
use super::shim::is_ended;
use super::state::Refusal;
use super::{ContainerService, signal};
use std::future::Future;
use std::time::Duration;

/// How long a killed init may take to be gone.
const KILL_PATIENCE: Duration = Duration::from_secs(10);

/// How to stop a container.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StopOptions {
    /// The signal, by name or number; else the container's own.
    pub signal: Option<String>,
    /// Seconds until it is killed; negative: never. Else the container's own.
    pub timeout: Option<i64>,
}

impl ContainerService {
    /// Runs a container. When this returns its program runs.
    ///
    /// # Errors
    /// When there is no such container, it runs already, or it cannot be run.
    pub async fn start(&self, key: &str) -> Result<(), ContainerError> {
        self.find(key)?.ask(|reply| Command::Start { cause: Cause::User, reply }).await
    }

    /// Ends a container: its stop signal, and SIGKILL when the time is up.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run, or it cannot be killed.
    pub async fn stop(&self, key: &str, options: StopOptions) -> Result<(), ContainerError> {
        let handle = self.find(key)?;
        if !handle.settled().await.state.is_active() {
            return Err(ContainerError::NotModified("container is already stopped"));
        }
        to_its_end(async move { stop(&handle, &options, Purpose::Stop).await }).await
    }

    /// Stops a container, if it runs, and runs it.
    ///
    /// # Errors
    /// As [`ContainerService::stop`] and [`ContainerService::start`].
    pub async fn restart(&self, key: &str, options: StopOptions) -> Result<(), ContainerError> {
        let handle = self.find(key)?;
        to_its_end(async move { restart(&handle, &options, Cause::User).await }).await
    }

    /// Sends a signal, SIGKILL unless one is named. After SIGKILL it waits for the end.
    ///
    /// # Errors
    /// When there is no such container or signal, or it doesn't run.
    pub async fn kill(&self, key: &str, name: Option<&str>) -> Result<(), ContainerError> {
        let number = match name.filter(|name| !name.is_empty()) {
            Some(name) => signal::parse(name)?,
            None => signal::KILL,
        };
        let handle = self.find(key)?;
        let container = handle.settled().await;
        if !container.state.is_active() {
            let message = format!("cannot kill container: {key}: container {} is not running", container.id);
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        if number == signal::KILL {
            return kill(&handle, Purpose::Kill).await;
        }
        let purpose = if ends(&container, number) { Purpose::Kill } else { Purpose::Notice };
        handle.ask(|reply| Command::Signal { signal: number, purpose, reply }).await
    }

    /// Freezes all processes of a container.
    ///
    /// # Errors
    /// When there is no such container or it doesn't run.
    pub async fn pause(&self, key: &str) -> Result<(), ContainerError> {
        self.find(key)?.ask(|reply| Command::Freeze { frozen: true, reply }).await
    }

    /// Thaws a container.
    ///
    /// # Errors
    /// When there is no such container or it is not paused.
    pub async fn unpause(&self, key: &str) -> Result<(), ContainerError> {
        self.find(key)?.ask(|reply| Command::Freeze { frozen: false, reply }).await
    }

    /// Resizes a container's terminal.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run, or it has no terminal.
    pub async fn resize(&self, key: &str, height: u16, width: u16) -> Result<(), ContainerError> {
        let handle = self.find(key)?;
        let container = handle.settled().await;
        if container.state.run().is_none() {
            return Err(not_running(&container));
        }
        let size = TerminalSize { rows: height, cols: width };
        match self.shared.runtime.resize(&container, None, size).await {
            Ok(()) => {}
            Err(error) if is_ended(&error) => return Err(not_running(&container)),
            Err(error) => return Err(ContainerError::system("resize the terminal of", &container.id)(error)),
        }
        let attributes = vec![("height", height.to_string()), ("width", width.to_string())];
        handle.announce("resize", attributes).await;
        Ok(())
    }
}

fn not_running(container: &Container) -> ContainerError {
    ContainerError::state(Refusal::NotRunning, format!("container {} is not running", container.id))
}

/// Goes on when the client has gone: half a stop would leave a container that was told to end, and is never killed.
async fn to_its_end(
    work: impl Future<Output = Result<(), ContainerError>> + Send + 'static,
) -> Result<(), ContainerError> {
    tokio::spawn(work).await.unwrap_or(Err(ContainerError::ShuttingDown))
}

/// The signal that asks this container to end. It was checked at create.
fn stop_signal(container: &Container) -> u32 {
    signal::parse(&container.config.stop_signal).unwrap_or(signal::TERM)
}

/// Whether a signal of the user's is meant to end the container, so that no policy may start it again. A container that names a signal is ended by
/// that one; any other by those that people end programs with. (Docker takes every signal for that, even the HUP of a reload.)
fn ends(container: &Container, number: u32) -> bool {
    if container.config.stop_signal.is_empty() {
        matches!(number, signal::INT | signal::QUIT | signal::TERM)
    } else {
        number == stop_signal(container)
    }
}

/// Stops it, if it runs or is about to, and runs it.
pub(super) async fn restart(handle: &Handle, options: &StopOptions, cause: Cause) -> Result<(), ContainerError> {
    if handle.settled().await.state.is_active() {
        stop(handle, options, Purpose::Cycle).await?;
    }
    handle.ask(|reply| Command::Start { cause, reply }).await?;
    handle.announce("restart", Vec::new()).await;
    Ok(())
}

pub(super) async fn stop(handle: &Handle, options: &StopOptions, purpose: Purpose) -> Result<(), ContainerError> {
    let container = handle.container();
    let number = match options.signal.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => signal::parse(name)?,
        None => stop_signal(&container),
    };
    let seconds = options.timeout.unwrap_or_else(|| container.stop_timeout());
    let mut state = handle.watch();
    let before = state.borrow().ends;
    let asked = handle.ask(|reply| Command::Signal { signal: number, purpose, reply }).await;
    if !was_there(asked)? {
        return Ok(());
    }
    // A closed watch is a removed container: ended too.
    let ended = async move { drop(state.wait_for(|published| published.ends > before).await) };
    match u64::try_from(seconds) {
        Ok(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), ended).await {
            Ok(()) => Ok(()),
            Err(_elapsed) => kill(handle, purpose).await,
        },
        Err(_negative) => {
            ended.await;
            Ok(())
        }
    }
}

/// SIGKILL, and the end.
pub(super) async fn kill(handle: &Handle, purpose: Purpose) -> Result<(), ContainerError> {
    let mut state = handle.watch();
    let before = state.borrow().ends;
    let asked = handle.ask(|reply| Command::Signal { signal: signal::KILL, purpose, reply }).await;
    if !was_there(asked)? {
        return Ok(());
    }
    let ended = async move { drop(state.wait_for(|published| published.ends > before).await) };
    match tokio::time::timeout(KILL_PATIENCE, ended).await {
        Ok(()) => Ok(()),
        Err(elapsed) => {
            Err(ContainerError::system("tried to kill, but did not receive an exit event of", handle.id())(elapsed))
        }
    }
}

/// Whether a signal reached anybody. It need not: that it ended by itself in between is what was wanted.
fn was_there(asked: Result<(), ContainerError>) -> Result<bool, ContainerError> {
    match asked {
        Ok(()) => Ok(true),
        Err(ContainerError::State { refusal: Refusal::NotRunning, .. } | ContainerError::NotFound(_)) => Ok(false),
        Err(error) => Err(error),
    }
}
