//! Images that were removed by force while stopped containers held them: their layers go when those containers do.
//!
//! Images don't know containers and containers don't know of removed images, so the engine connects the two. The task
//! exists only while there is such an image: every other removal of a container costs nothing here.

use super::Engine;
use crate::events::EventFilter;
use futures_util::StreamExt;
use std::pin::pin;
use std::sync::Arc;

impl Engine {
    /// Waits for containers to go, until no removed image is held any more. Call it after a removal of an image, and at
    /// the start.
    pub fn free_held_images(self: &Arc<Self>) {
        if !self.images.holds_removed() {
            return;
        }
        let wanted = [("type", "container"), ("event", "destroy")];
        let filter = EventFilter::new(wanted.map(|(key, value)| (key.to_owned(), vec![value.to_owned()])));
        // Subscribed before the first look, so that no container goes unseen between the two.
        let destroyed = self.events.subscribe(None, None, filter.unwrap_or_default());
        let engine = Arc::downgrade(self);
        tokio::spawn(async move {
            let mut destroyed = pin!(destroyed);
            while let Some(engine) = engine.upgrade() {
                let images = engine.images.clone();
                let in_use = engine.image_uses();
                drop(engine);
                let collected =
                    tokio::task::spawn_blocking(move || images.collect(&in_use).map(|()| images.holds_removed()));
                match collected.await {
                    Ok(Ok(true)) => {}
                    Ok(Ok(false)) | Err(_) => return,
                    Ok(Err(error)) => tracing::warn!("free removed images: {}", error.message()),
                }
                if destroyed.next().await.is_none() {
                    return;
                }
            }
        });
    }
}
