//! One task owns one container: it alone changes it, writes it down, runs and ends it, and tells of it.
//!
//! ```text
//!   service --Command--> [ owner: Container, exit of the live init ] --publishes--> watch --> wait, inspect, list
//!                                        |                \--> events, in order
//!                                     Runtime (shim, cgroups, network)
//! ```
//! Commands are short: nobody waits in here for a process to end on its own accord (`stop` waits outside, on the
//! published state). So a kill never queues behind a stop's grace period. When the task ends the published state closes, and that is
//! how everyone learns that the container is gone.

pub(super) mod attached;
mod lifecycle;
mod remove;
mod run;

use super::Shared;
use super::attach::Relay;
use super::error::ContainerError;
use super::files::{Access, Gate};
use super::health::ProbeResult;
use super::model::Container;
use super::state::{Change, Exit, State, transition};
use crate::ids::ContainerId;
use crate::store::object::{self, Durability};
use crate::time::Time;
use futures_util::future::BoxFuture;
use hull_api::UpdateRequest;
use std::borrow::Cow;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot, watch};

/// What others see of a container.
#[derive(Debug, Clone)]
pub(super) struct Published {
    /// As it is now.
    pub(super) container: Arc<Container>,
    /// How many of its runs (and attempts to start) have ended under this daemon.
    pub(super) ends: u64,
}

type Reply<T> = oneshot::Sender<Result<T, ContainerError>>;

/// What an owner can be told.
pub(super) enum Command {
    /// Run it.
    Start { cause: Cause, reply: Reply<()> },
    /// Send a signal to its init.
    Signal { signal: u32, purpose: Purpose, reply: Reply<()> },
    /// Freeze or thaw it.
    Freeze { frozen: bool, reply: Reply<()> },
    /// Give it another name.
    Rename { name: String, reply: Reply<()> },
    /// Take a link out, by its alias.
    Unlink { alias: String, reply: Reply<()> },
    /// Change limits or restart policy; answers with warnings.
    Update { request: Box<UpdateRequest>, reply: Reply<Vec<String>> },
    /// Remove it.
    Remove { options: RemoveOptions, reply: Reply<()> },
    /// Tell of something that happened to it, after everything told before.
    Announce { action: Cow<'static, str>, attributes: Vec<(&'static str, String)>, reply: Reply<()> },
    /// Output of its next run goes to this client from the first byte on (where there is no log). Given back when it runs already.
    AttachEarly { relay: Relay, reply: Reply<Option<Relay>> },
    /// As it is once everything that it was told before is done.
    Look(Reply<Arc<Container>>),
    /// Its files, for as long as the answer is kept.
    Files(Reply<Access>),
    /// The kernel killed one of its processes for want of memory.
    OutOfMemory,
    /// A probe of the run that began then is over. Answered when it is taken into account.
    Probed { started: Time, result: ProbeResult, reply: oneshot::Sender<()> },
}

/// Who starts a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    /// A user: counting begins anew.
    User,
    /// Its restart policy.
    Policy,
    /// The reaction to its bad health.
    Health,
}

/// What a signal is for; of several the last one here counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Purpose {
    /// What the process makes of it is its own affair.
    Notice,
    /// The user wants the container to end, and to stay so.
    Kill,
    /// The same, and the end is told as a stop.
    Stop,
    /// A stop by somebody who will start the container again: no policy, no automatic removal.
    Cycle,
}

/// How to remove a container.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RemoveOptions {
    /// Kill it first if it runs.
    pub force: bool,
    /// Its anonymous volumes too.
    pub volumes: bool,
    /// Only the link of this name: [`super::ContainerService::unlink`] does that; the container's own name is no link.
    pub link: bool,
}

/// A way to a container.
#[derive(Debug, Clone)]
pub(super) struct Handle {
    id: ContainerId,
    commands: mpsc::Sender<Command>,
    published: watch::Receiver<Published>,
}

impl Handle {
    pub(super) fn id(&self) -> &ContainerId {
        &self.id
    }

    /// The container as it is now.
    pub(super) fn container(&self) -> Arc<Container> {
        self.published.borrow().container.clone()
    }

    /// The container as it is once a start that may be under way is over. A client can see the first output of a program
    /// before its start is answered, and what it asks then is meant for the run that it sees.
    pub(super) async fn settled(&self) -> Arc<Container> {
        let now = self.container();
        if now.state.is_active() {
            return now;
        }
        // Of one that is gone the last that was published.
        self.ask(Command::Look).await.unwrap_or(now)
    }

    /// The container, and how many of its runs have ended, at one moment.
    pub(super) fn now(&self) -> (Arc<Container>, u64) {
        let published = self.published.borrow();
        (published.container.clone(), published.ends)
    }

    /// It has been removed.
    pub(super) fn is_gone(&self) -> bool {
        self.commands.is_closed()
    }

    /// Its published state from now on.
    pub(super) fn watch(&self) -> watch::Receiver<Published> {
        self.published.clone()
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask<T>(&self, command: impl FnOnce(Reply<T>) -> Command) -> Result<T, ContainerError> {
        let (reply, answer) = oneshot::channel();
        let gone = || ContainerError::NotFound(self.id.to_string());
        self.commands.send(command(reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Has the owner publish an event in its turn; when this returns it is published.
    pub(super) async fn announce(&self, action: impl Into<Cow<'static, str>>, attributes: Vec<(&'static str, String)>) {
        let action = action.into();
        // Nobody is left to tell of when the owner has ended.
        let _ = self.ask(|reply| Command::Announce { action, attributes, reply }).await;
    }

    pub(super) async fn out_of_memory(&self) {
        let _ = self.commands.send(Command::OutOfMemory).await;
    }
}

struct Owner {
    shared: Arc<Shared>,
    container: Container,
    published: watch::Sender<Published>,
    commands: mpsc::Receiver<Command>,
    /// Of the live init.
    exit: Option<BoxFuture<'static, Exit>>,
    /// Resolves when the restart policy runs it again.
    restart: Option<BoxFuture<'static, ()>>,
    /// What the signals of this run were for.
    purpose: Purpose,
    /// Clients that wait for output of the next run.
    early: Vec<Relay>,
    /// To itself; weak, so that the task ends when nobody else is left.
    own: mpsc::WeakSender<Command>,
    /// Who uses its files.
    gate: Gate,
}

/// Whether the owner's task goes on.
#[derive(Debug, PartialEq, Eq)]
enum Next {
    Continue,
    Gone,
}

/// Gives a container its owner. `exit` is that of an init that runs already. A health check goes on, and a back-off too.
pub(super) fn spawn(shared: Arc<Shared>, container: Container, exit: Option<BoxFuture<'static, Exit>>) -> Handle {
    let (sender, commands) = mpsc::channel(16);
    let (published, watch) = watch::channel(Published { container: Arc::new(container.clone()), ends: 0 });
    let own = sender.downgrade();
    shared.logs.keep(&shared, &container, watch.clone());
    let handle = Handle { id: container.id.clone(), commands: sender, published: watch };
    let (restart, purpose, early, gate) = (None, Purpose::Notice, Vec::new(), Gate::new());
    let mut owner = Owner { shared, container, published, commands, exit, restart, purpose, early, own, gate };
    owner.arm_restart();
    owner.watch_health();
    tokio::spawn(owner.run());
    handle
}

impl Owner {
    async fn run(mut self) {
        loop {
            let next = tokio::select! {
                exit = resolved(&mut self.exit) => self.ended(exit).await,
                () = resolved(&mut self.restart) => {
                    self.start_again().await;
                    Next::Continue
                }
                command = self.commands.recv() => match command {
                    Some(command) => self.handle(command).await,
                    // Every handle is gone: the daemon goes down. The container stays as it is.
                    None => return,
                },
            };
            if next == Next::Gone {
                return;
            }
        }
    }

    async fn handle(&mut self, command: Command) -> Next {
        // An answer that nobody waits for any more is not an error: the client has gone, the deed is done.
        match command {
            Command::Start { cause, reply } => {
                let result = self.start(cause).await;
                let failed = result.is_err();
                let _ = reply.send(result);
                if failed && !self.container.state.is_active() && self.container.host_config.auto_remove {
                    return self.remove_automatically().await;
                }
            }
            Command::Signal { signal, purpose, reply } => {
                let _ = reply.send(self.signal(signal, purpose).await);
            }
            Command::Freeze { frozen, reply } => {
                let _ = reply.send(self.freeze(frozen).await);
            }
            Command::Rename { name, reply } => {
                let _ = reply.send(self.rename(name).await);
            }
            Command::Unlink { alias, reply } => {
                let _ = reply.send(self.unlink(&alias).await);
            }
            Command::Update { request, reply } => {
                let _ = reply.send(self.update(&request).await);
            }
            Command::Remove { options, reply } => return self.remove_on_request(options, reply).await,
            Command::Announce { action, attributes, reply } => {
                self.announce(action, attributes);
                let _ = reply.send(Ok(()));
            }
            Command::AttachEarly { relay, reply } => {
                let given_back = if self.container.state.run().is_some() {
                    Some(relay)
                } else {
                    self.early.push(relay);
                    None
                };
                let _ = reply.send(Ok(given_back));
            }
            Command::Look(reply) => {
                let _ = reply.send(Ok(Arc::new(self.container.clone())));
            }
            Command::Files(reply) => {
                let _ = reply.send(self.files());
            }
            Command::OutOfMemory => self.out_of_memory().await,
            Command::Probed { started, result, reply } => {
                self.probed(started, result).await;
                let _ = reply.send(());
            }
        }
        Next::Continue
    }

    fn files(&self) -> Result<Access, ContainerError> {
        if matches!(self.container.state, State::Removing { .. } | State::Dead { .. }) {
            let message = format!("container {} is marked for removal", self.container.id);
            return Err(ContainerError::state(super::state::Refusal::Removing, message));
        }
        Ok(Access { container: Arc::new(self.container.clone()), lease: self.gate.lease() })
    }

    /// Moves the state. The caller writes it down and publishes it.
    fn change(&mut self, change: Change) -> Result<(), super::state::Refusal> {
        self.container.state = transition(&self.container.state, change)?;
        Ok(())
    }

    fn publish(&self) {
        let container = Arc::new(self.container.clone());
        self.published.send_modify(|published| published.container = container);
    }

    /// Publishes the end of a run.
    fn publish_end(&self) {
        let container = Arc::new(self.container.clone());
        self.published.send_modify(|published| {
            published.container = container;
            published.ends += 1;
        });
    }

    fn announce(&self, action: impl Into<Cow<'static, str>>, attributes: Vec<(&'static str, String)>) {
        let mut event = self.container.event(action);
        event.attributes.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
        self.shared.events.publish(event);
    }

    async fn save(&mut self, durability: Durability) -> Result<(), ContainerError> {
        write(&self.shared, self.container.clone(), durability).await
    }

    /// For moments when the container goes on whatever the disk says: a failure is logged, the memory is right.
    async fn save_or_log(&mut self, durability: Durability) {
        if let Err(error) = self.save(durability).await {
            tracing::error!(container = %self.container.id, %error, "the container's state is not on disk");
        }
    }

    fn is(&self, status: fn(&State) -> bool) -> bool {
        status(&self.container.state)
    }
}

/// What a future gives; never, where there is none.
async fn resolved<T>(future: &mut Option<BoxFuture<'static, T>>) -> T {
    match future {
        Some(pending) => {
            let value = pending.await;
            *future = None;
            value
        }
        None => std::future::pending().await,
    }
}

/// Writes a container's description on a blocking thread.
pub(super) async fn write(shared: &Shared, container: Container, durability: Durability) -> Result<(), ContainerError> {
    let path = shared.paths.container_json(&container.id);
    let written = tokio::task::spawn_blocking(move || object::write(&path, &container, durability)).await;
    match written {
        Ok(result) => Ok(result?),
        Err(_down) => Err(ContainerError::ShuttingDown),
    }
}
