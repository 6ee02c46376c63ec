//! Noticing that a client has left before the end of what it was given.

use crate::logs::Chunks;
use futures_util::{StreamExt, stream};

/// Calls `left` if the stream is dropped before its end. However a client goes (detach keys, a closed connection, a cut one), what serves
/// it drops the stream then.
pub(in crate::containers) fn until_left(chunks: Chunks, left: impl FnOnce() + Send + 'static) -> Chunks {
    let state = (chunks, OnDrop(Some(left)));
    stream::unfold(state, |(mut chunks, mut guard)| async move {
        match chunks.next().await {
            Some(chunk) => Some((chunk, (chunks, guard))),
            None => {
                guard.disarm();
                None
            }
        }
    })
    .boxed()
}

struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    fn disarm(&mut self) {
        self.0.take();
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(left) = self.0.take() {
            left();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn watched(chunks: Chunks) -> (Chunks, Arc<AtomicBool>) {
        let left = Arc::new(AtomicBool::new(false));
        let flag = left.clone();
        (until_left(chunks, move || flag.store(true, Ordering::Relaxed)), left)
    }

    #[tokio::test]
    async fn only_who_goes_before_the_end_has_left() {
        let (mut chunks, left) = watched(stream::empty().boxed());
        assert!(chunks.next().await.is_none());
        drop(chunks);
        assert!(!left.load(Ordering::Relaxed), "it was at the end");

        let (chunks, left) = watched(stream::pending().boxed());
        drop(chunks);
        assert!(left.load(Ordering::Relaxed), "never looked");

        let (mut chunks, left) = watched(stream::pending().boxed());
        assert!(futures_util::FutureExt::now_or_never(chunks.next()).is_none());
        drop(chunks);
        assert!(left.load(Ordering::Relaxed), "left while it waited");
    }
}
