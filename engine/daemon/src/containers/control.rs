//! Start, stop, restart, kill, pause, unpause, resize.

use super::error::ContainerError;
use super::model::Container;
use super::owner::{Command, Handle};
use super::runtime::TerminalSize;
use super::state::Refusal;
use super::{ContainerService, signal};
use std::time::Duration;

/// What `stop` does when neither the request nor the container says how long to wait, in seconds.
const STOP_TIMEOUT: i64 = 10;

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
        self.find(key)?.ask(Command::Start).await
    }

    /// Ends a container: its stop signal, and SIGKILL when the time is up.
    ///
    /// # Errors
    /// When there is no such container, it doesn't run, or it cannot be killed.
    pub async fn stop(&self, key: &str, options: StopOptions) -> Result<(), ContainerError> {
        let handle = self.find(key)?;
        if handle.container().state.run().is_none() {
            return Err(ContainerError::NotModified("container is already stopped"));
        }
        stop(&handle, &options).await?;
        handle.announce("stop", Vec::new()).await;
        Ok(())
    }

    /// Stops a container, if it runs, and runs it.
    ///
    /// # Errors
    /// As [`ContainerService::stop`] and [`ContainerService::start`].
    pub async fn restart(&self, key: &str, options: StopOptions) -> Result<(), ContainerError> {
        let handle = self.find(key)?;
        if handle.container().state.run().is_some() {
            stop(&handle, &options).await?;
        }
        handle.ask(Command::Start).await?;
        handle.announce("restart", Vec::new()).await;
        Ok(())
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
        let container = handle.container();
        if container.state.run().is_none() {
            let message = format!("cannot kill container: {key}: container {} is not running", container.id);
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        let stops = number == signal::KILL || number == stop_signal(&container);
        if number == signal::KILL {
            kill(&handle).await
        } else {
            handle.ask(|reply| Command::Signal { signal: number, stops, reply }).await
        }
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
        let container = handle.container();
        if container.state.run().is_none() {
            let message = format!("container {} is not running", container.id);
            return Err(ContainerError::state(Refusal::NotRunning, message));
        }
        let size = TerminalSize { rows: height, cols: width };
        let resized = self.shared.runtime.resize(&container, None, size).await;
        resized.map_err(ContainerError::system("resize the terminal of", &container.id))?;
        let attributes = vec![("height", height.to_string()), ("width", width.to_string())];
        handle.announce("resize", attributes).await;
        Ok(())
    }
}

/// The signal that asks this container to end. It was checked at create.
fn stop_signal(container: &Container) -> u32 {
    signal::parse(&container.config.stop_signal).unwrap_or(signal::TERM)
}

async fn stop(handle: &Handle, options: &StopOptions) -> Result<(), ContainerError> {
    let container = handle.container();
    let number = match options.signal.as_deref().filter(|name| !name.is_empty()) {
        Some(name) => signal::parse(name)?,
        None => stop_signal(&container),
    };
    let seconds = options.timeout.or(container.config.stop_timeout).unwrap_or(STOP_TIMEOUT);
    let mut state = handle.watch();
    let before = state.borrow().ends;
    let asked = handle.ask(|reply| Command::Signal { signal: number, stops: true, reply }).await;
    match asked {
        Ok(()) => {}
        // It ended by itself in between: what was wanted.
        Err(ContainerError::State { refusal: Refusal::NotRunning, .. } | ContainerError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    // A closed watch is a removed container: ended too.
    let ended = async move { drop(state.wait_for(|published| published.ends > before).await) };
    match u64::try_from(seconds) {
        Ok(seconds) => match tokio::time::timeout(Duration::from_secs(seconds), ended).await {
            Ok(()) => Ok(()),
            Err(_elapsed) => kill(handle).await,
        },
        Err(_negative) => {
            ended.await;
            Ok(())
        }
    }
}

/// SIGKILL, and the end.
async fn kill(handle: &Handle) -> Result<(), ContainerError> {
    let mut state = handle.watch();
    let before = state.borrow().ends;
    match handle.ask(|reply| Command::Signal { signal: signal::KILL, stops: true, reply }).await {
        Ok(()) => {}
        Err(ContainerError::State { refusal: Refusal::NotRunning, .. } | ContainerError::NotFound(_)) => return Ok(()),
        Err(error) => return Err(error),
    }
    let ended = async move { drop(state.wait_for(|published| published.ends > before).await) };
    match tokio::time::timeout(KILL_PATIENCE, ended).await {
        Ok(()) => Ok(()),
        Err(elapsed) => {
            Err(ContainerError::system("tried to kill, but did not receive an exit event of", handle.id())(elapsed))
        }
    }
}
