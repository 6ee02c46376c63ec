//! `commit`: what a container has written becomes a layer of a new image. Containers and images don't know each other.

use super::Engine;
use crate::containers::{ContainerError, complete_config};
use crate::images::{self, CommitOptions, Committed, Digest, ImageError};
use hull_api::ContainerConfig;
use std::sync::Arc;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// What is to become an image, and how.
#[derive(Debug, Clone, Default)]
pub struct CommitRequest {
    /// The container.
    pub container: String,
    /// Name of the image.
    pub repository: Option<String>,
    /// Tag of the image.
    pub tag: Option<String>,
    /// Free text.
    pub comment: String,
    /// Who makes it.
    pub author: String,
    /// Freeze the container meanwhile.
    pub pause: bool,
    /// Dockerfile instructions.
    pub changes: Vec<String>,
    /// What the image says; what is missing is the container's.
    pub config: ContainerConfig,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum CommitError {
    /// It was the container.
    #[error(transparent)]
    Container(#[from] ContainerError),
    /// It was the image.
    #[error(transparent)]
    Image(#[from] ImageError),
}

impl Engine {
    /// Makes an image of a container. It goes on when the client does not wait for it.
    ///
    /// # Errors
    /// When there is no such container, a change or the name is invalid, or files cannot be read or written.
    pub async fn commit(self: &Arc<Self>, request: CommitRequest) -> Result<Digest, CommitError> {
        let engine = self.clone();
        let work = tokio::spawn(async move { engine.commit_now(request).await });
        work.await.unwrap_or_else(|_down| Err(ContainerError::ShuttingDown.into()))
    }

    async fn commit_now(&self, request: CommitRequest) -> Result<Digest, CommitError> {
        let container = self.containers.get(&request.container)?;
        let id = container.id.to_string();
        let mut config = request.config;
        images::apply_changes(&mut config, &request.changes)?;
        complete_config(&mut config, &container.config);
        let options = CommitOptions {
            parent: container.image.clone(),
            repository: request.repository,
            tag: request.tag,
            author: request.author,
            comment: request.comment,
            config,
            container: id.clone(),
            container_config: container.config.clone(),
        };
        // One that is stopped, frozen or about to end is not frozen, and committed all the same.
        let frozen = request.pause && self.containers.freeze_for_commit(&id).await;
        let (copied, told) = oneshot::channel();
        let work = self.image_of(&id, options.clone(), copied).await;
        // Also when it was dropped without a word. What remains is the images' affair.
        let _ = told.await;
        if frozen {
            self.containers.thaw_after_commit(&id).await;
        }
        let made = work?.await.unwrap_or_else(|_down| Err(ContainerError::ShuttingDown.into()))?;
        self.containers.announce_commit(&id, &options.comment, &made.id.to_string(), &made.name).await;
        Ok(made.id)
    }

    /// Begins to make the image; `copied` is told as soon as the container is not needed any more.
    async fn image_of(
        &self,
        container: &str,
        options: CommitOptions,
        copied: oneshot::Sender<()>,
    ) -> Result<JoinHandle<Result<Committed, CommitError>>, CommitError> {
        let held = self.containers.hold(container).await?;
        let images = self.images.clone();
        Ok(tokio::task::spawn_blocking(move || {
            images.commit(&options, move |output| {
                let written = held.write_layer(output);
                drop(held);
                let _ = copied.send(());
                written.map_err(|error| ContainerError::from(error).into())
            })
        }))
    }
}
