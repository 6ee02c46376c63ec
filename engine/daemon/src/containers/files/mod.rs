//! A container's files, from outside: `cp` both ways, `diff`, `export`, and what `commit` makes an image of.
//!
//! ```text
//!   owner --Access (state, lease)--> root.rs --View--> archive.rs   look, pack, unpack beneath the view's root
//!                                            --View--> export
//!                                    base.rs --------> changes.rs, layer.rs   the container's layer beside its image
//! ```
//! [`view`] makes a root that nobody else sees, [`gate`] keeps it from being there twice. Everything blocks, in constant
//! memory, and ends when the client does or when the container starts.

mod archive;
mod base;
mod changes;
mod error;
mod gate;
mod layer;
mod populate;
mod root;
mod stat;
mod user;
mod view;
mod walk;

pub use archive::{ExtractOptions, Outgoing};
pub use error::FilesError;
pub use gate::Revoked;
pub(super) use gate::{Gate, PATIENCE};
pub(super) use root::Access;

use super::ContainerService;
use super::error::ContainerError;
use super::model::Container;
use super::owner::{Command, Handle};
use super::state::{Refusal, State};
use base::Trees;
use hull_api::ChangeItem;
use std::io::{self, Write};
use std::sync::Arc;

/// A container whose files may be used for now.
pub struct Held {
    pub(super) access: Access,
    paths: Arc<crate::store::paths::Paths>,
}

impl Held {
    /// The container as it was when its files were asked for.
    pub fn container(&self) -> &Container {
        &self.access.container
    }

    /// Writes the container's own layer as a layer of an image; how many entries it has. Blocking.
    ///
    /// # Errors
    /// When a file cannot be read, or `output` takes no more.
    pub fn write_layer(&self, output: impl Write) -> Result<u64, FilesError> {
        let output = UntilRevoked { output, revoked: self.access.lease.revoked() };
        layer::write(&Trees::open(&self.paths, &self.access.container)?, output)
    }
}

impl ContainerService {
    /// What a container has changed of its image's files; `None` if nothing.
    ///
    /// # Errors
    /// When there is no such container, or its files cannot be read.
    pub async fn changes(&self, key: &str) -> Result<Option<Vec<ChangeItem>>, ContainerError> {
        let access = self.access(&self.find(key)?).await?;
        let paths = self.shared.paths.clone();
        let changes = blocking(move || changes::list(&Trees::open(&paths, &access.container)?)).await?;
        Ok(Some(changes).filter(|changes| !changes.is_empty()))
    }

    /// All files of a container, without what is mounted into it.
    ///
    /// # Errors
    /// When there is no such container, or its files cannot be made visible.
    pub async fn export(&self, key: &str) -> Result<Outgoing, ContainerError> {
        let handle = self.find(key)?;
        whole(&handle, "export")?;
        let access = self.access(&handle).await?;
        let paths = self.shared.paths.clone();
        let outgoing = blocking(move || Outgoing::export(&paths, access)).await?;
        self.shared.events.publish(outgoing.container().event("export"));
        Ok(outgoing)
    }

    /// Holds a container's files for a commit.
    ///
    /// # Errors
    /// When there is no such container, or it is being removed.
    pub async fn hold(&self, key: &str) -> Result<Held, ContainerError> {
        let handle = self.find(key)?;
        whole(&handle, "commit")?;
        Ok(Held { access: self.access(&handle).await?, paths: self.shared.paths.clone() })
    }

    /// Freezes a running container, so that its files stay as they are; whether it is frozen by this.
    pub async fn freeze_for_commit(&self, key: &str) -> bool {
        let Ok(handle) = self.find(key) else { return false };
        if !matches!(handle.container().state, State::Running(_)) {
            return false;
        }
        let mark = self.shared.paths.frozen_mark(handle.id());
        // Without the mark a daemon that dies now would leave the container frozen.
        if let Err(error) = tokio::fs::write(&mark, []).await {
            tracing::warn!(container = %handle.id(), %error, "not frozen for the commit");
            return false;
        }
        let frozen = self.pause(key).await.is_ok();
        if !frozen {
            // It has just ended, or somebody else froze it.
            let _ = tokio::fs::remove_file(&mark).await;
        }
        frozen
    }

    /// Thaws what [`ContainerService::freeze_for_commit`] froze.
    pub async fn thaw_after_commit(&self, key: &str) {
        let Ok(handle) = self.find(key) else { return };
        if let Err(error) = self.unpause(key).await {
            // Somebody else has thawed or killed it.
            tracing::debug!(container = %handle.id(), %error, "not thawed after the commit");
        }
        let _ = tokio::fs::remove_file(self.shared.paths.frozen_mark(handle.id())).await;
    }

    /// Thaws what a daemon that died had frozen.
    pub(super) async fn thaw_forgotten(&self) {
        for container in self.all() {
            if matches!(container.state, State::Paused(_)) && self.shared.paths.frozen_mark(&container.id).exists() {
                self.thaw_after_commit(container.id.as_str()).await;
            }
        }
    }

    /// Tells of an image that was made of a container.
    pub async fn announce_commit(&self, key: &str, comment: &str, image: &str, name: &str) {
        if let Ok(handle) = self.find(key) {
            let text = |text: &str| text.to_owned();
            let attributes = vec![("comment", text(comment)), ("imageID", text(image)), ("imageRef", text(name))];
            handle.announce("commit", attributes).await;
        }
    }

    async fn access(&self, handle: &Handle) -> Result<Access, ContainerError> {
        handle.ask(Command::Files).await
    }
}

/// Takes no more when the container starts or goes.
struct UntilRevoked<W> {
    output: W,
    revoked: Revoked,
}

impl<W: Write> Write for UntilRevoked<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.revoked.is_so() {
            return Err(io::Error::other("the container was started or removed meanwhile"));
        }
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Refuses what is about to go, in the words of this operation.
fn whole(handle: &Handle, operation: &str) -> Result<(), ContainerError> {
    let container = handle.container();
    let what = match container.state {
        State::Dead { .. } => "is Dead",
        State::Removing { .. } => "is being removed",
        _ => return Ok(()),
    };
    let message = format!("You cannot {operation} container {} which {what}", container.id);
    Err(ContainerError::state(Refusal::Removing, message))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, FilesError> + Send + 'static,
) -> Result<T, ContainerError> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => Ok(result?),
        Err(_down) => Err(ContainerError::ShuttingDown),
    }
}
