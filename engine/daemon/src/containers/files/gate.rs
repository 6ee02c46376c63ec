//! Who works on a container's files, and when that must end.
//!
//! Overlayfs allows an upper directory in one mount at a time. A container that starts makes a new one, so nobody may
//! have an older one then: not a copy into a stopped container, nor a copy out of the last run. The owner task gives out
//! leases, and closes the gate before a start and before a removal. Docker waits as long as a client likes then; here one
//! that does not go on is cut off after a while.

use super::view::View;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::watch;

/// How long a start waits for copies under way.
pub(in crate::containers) const PATIENCE: Duration = Duration::from_secs(10);

/// Of one container; its owner has it.
#[derive(Debug)]
pub(in crate::containers) struct Gate {
    users: Arc<watch::Sender<usize>>,
    revoked: watch::Sender<bool>,
    /// The mount of a container that does not run, shared by all who look at it at the same time.
    still: Arc<Mutex<Weak<View>>>,
}

/// Permission to use the container's files until it is dropped.
#[derive(Debug)]
pub(in crate::containers) struct Lease {
    users: Arc<watch::Sender<usize>>,
    revoked: Revoked,
    still: Arc<Mutex<Weak<View>>>,
}

/// Tells when a lease must end.
#[derive(Debug, Clone)]
pub struct Revoked(watch::Receiver<bool>);

impl Revoked {
    /// Whether it must end now.
    pub(super) fn is_so(&self) -> bool {
        *self.0.borrow()
    }

    /// Resolves when the container starts, goes, or the engine ends.
    pub async fn wait(&mut self) {
        // A gate that is gone is a closed one.
        let _ = self.0.wait_for(|revoked| *revoked).await;
    }
}

impl Gate {
    pub(in crate::containers) fn new() -> Self {
        Self { users: Arc::new(watch::Sender::new(0)), revoked: watch::Sender::new(false), still: Arc::default() }
    }

    pub(in crate::containers) fn lease(&self) -> Lease {
        self.users.send_modify(|users| *users += 1);
        Lease { users: self.users.clone(), revoked: Revoked(self.revoked.subscribe()), still: self.still.clone() }
    }

    /// Returns when nobody has a lease; after `patience` they are told to give it back. The caller gives out none meanwhile.
    pub(in crate::containers) async fn close(&mut self, patience: Duration) {
        let mut users = self.users.subscribe();
        let none = |users: &usize| *users == 0;
        if *users.borrow() == 0 {
            return;
        }
        if tokio::time::timeout(patience, users.wait_for(none)).await.is_err() {
            self.revoked.send_replace(true);
            let _ = users.wait_for(none).await;
            self.revoked = watch::Sender::new(false);
        }
    }
}

impl Lease {
    pub(in crate::containers) fn revoked(&self) -> Revoked {
        self.revoked.clone()
    }

    /// The one mount of a container that does not run, made by `make` if nobody has it. Blocking.
    pub(super) fn still<E>(&self, make: impl FnOnce() -> Result<View, E>) -> Result<Arc<View>, E> {
        let mut still: MutexGuard<'_, Weak<View>> = self.still.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(view) = still.upgrade() {
            return Ok(view);
        }
        let view = Arc::new(make()?);
        *still = Arc::downgrade(&view);
        Ok(view)
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.users.send_modify(|users| *users -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[tokio::test]
    async fn a_closing_gate_waits_and_then_insists() {
        let mut gate = Gate::new();
        gate.close(PATIENCE).await;
        let polite = gate.lease();
        let leaves = async {
            tokio::task::yield_now().await;
            drop(polite);
        };
        tokio::join!(gate.close(PATIENCE), leaves);

        let stubborn = gate.lease();
        let mut revoked = stubborn.revoked.clone();
        assert!(revoked.wait().now_or_never().is_none());
        let holder = tokio::spawn(async move {
            revoked.wait().await;
            drop(stubborn);
        });
        gate.close(Duration::from_millis(1)).await;
        holder.await.unwrap();
        assert!(gate.lease().revoked.wait().now_or_never().is_none(), "the next lease is a new one");
    }
}
