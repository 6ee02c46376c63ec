//! Keeps a few prepared namespaces at hand.
//!
//! Making one takes 1 to 2 ms; a container's start must not wait for it. One thread makes them, one after the other,
//! for those who wait first and then for the shelf. It is the only thread of the daemon that ever leaves the host's
//! network namespace.

use super::error::NetworkError;
use super::leases::{Leases, Prepared};
use super::namespace::NamespaceMaker;
use super::subnet::Subnet;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot;

/// As many as are at hand when nothing happens. At 4 a container every 2 ms finds one; each costs about 50 kB of
/// kernel memory.
pub(super) const SHELF: usize = 4;

/// What the service, the pool's thread and the reaper share.
#[derive(Debug)]
pub(super) struct Shared {
    state: Mutex<State>,
    work: Condvar,
}

/// The part under the lock, which is held for table look-ups only.
#[derive(Debug)]
pub(super) struct State {
    pub(super) leases: Leases,
    network_id: String,
    shelf: VecDeque<Prepared>,
    waiting: VecDeque<oneshot::Sender<Result<Prepared, NetworkError>>>,
    phase: Phase,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Live containers' addresses are not known yet.
    Opened,
    Running,
    /// The last try for the shelf failed; the next one waits for somebody who needs it, or for a lease to come back.
    Stalled,
    Stopping,
}

/// What `attach` finds.
pub(super) enum Found {
    Ready(Prepared),
    Wait(oneshot::Receiver<Result<Prepared, NetworkError>>),
}

impl Shared {
    pub(super) fn new(leases: Leases, network_id: String) -> Self {
        let state =
            State { leases, network_id, shelf: VecDeque::new(), waiting: VecDeque::new(), phase: Phase::Opened };
        Self { state: Mutex::new(state), work: Condvar::new() }
    }

    /// A panic under the lock leaves the tables whole: each is changed by single calls.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts to fill the shelf.
    pub(super) fn start(&self) {
        let mut state = self.lock();
        if state.phase == Phase::Opened {
            state.phase = Phase::Running;
        }
        self.work.notify_one();
    }

    /// A prepared namespace, or a place in the queue for one.
    pub(super) fn take(&self) -> Result<Found, NetworkError> {
        let mut state = self.lock();
        match state.phase {
            Phase::Opened => return Err(NetworkError::NotRestored),
            Phase::Stopping => return Err(NetworkError::Stopped),
            Phase::Running | Phase::Stalled => state.phase = Phase::Running,
        }
        let found = match state.shelf.pop_front() {
            Some(prepared) => Found::Ready(prepared),
            None => {
                let (sender, receiver) = oneshot::channel();
                state.waiting.push_back(sender);
                Found::Wait(receiver)
            }
        };
        self.work.notify_one();
        Ok(found)
    }

    /// The kernel has deleted these links.
    pub(super) fn gone(&self, links: impl IntoIterator<Item = String>) {
        let mut state = self.lock();
        for link in links {
            state.leases.gone(&link);
        }
        if state.phase == Phase::Stalled {
            state.phase = Phase::Running;
        }
        self.work.notify_one();
    }

    /// Ends the thread; what is on the shelf goes with the descriptors.
    pub(super) fn stop(&self) {
        let mut state = self.lock();
        state.phase = Phase::Stopping;
        state.waiting.clear();
        state.shelf.clear();
        self.work.notify_all();
    }

    /// Work that is left: links to go, namespaces to be made.
    pub(super) fn pending(&self) -> usize {
        let state = self.lock();
        let missing = if state.phase == Phase::Running { SHELF.saturating_sub(state.shelf.len()) } else { 0 };
        state.leases.leaving_count() + missing + state.waiting.len()
    }

    /// Waits for work; false when the pool stops.
    fn wait(&self) -> bool {
        let mut state = self.lock();
        loop {
            match state.phase {
                Phase::Stopping => return false,
                Phase::Running if !state.waiting.is_empty() || state.shelf.len() < SHELF => return true,
                Phase::Opened | Phase::Running | Phase::Stalled => {
                    state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
                }
            }
        }
    }

    /// Hands a result to whoever waits longest and still does, else to the shelf.
    fn deliver(&self, mut result: Result<Prepared, NetworkError>) {
        let mut state = self.lock();
        while let Some(waiter) = state.waiting.pop_front() {
            match waiter.send(result) {
                Ok(()) => return,
                Err(given_back) => result = given_back,
            }
        }
        match result {
            Ok(prepared) if state.phase != Phase::Stopping => state.shelf.push_back(prepared),
            Ok(_) => {}
            Err(error) => {
                let cause = std::error::Error::source(&error);
                tracing::warn!(%error, ?cause, "no network namespace can be prepared");
                if state.phase == Phase::Running {
                    state.phase = Phase::Stalled;
                }
            }
        }
    }

    fn make_one(&self, maker: &mut NamespaceMaker) -> Result<Prepared, NetworkError> {
        let wanted = {
            let mut state = self.lock();
            let exhausted = NetworkError::NoAddress(state.network_id.clone());
            state.leases.lease().ok_or(exhausted)?
        };
        match maker.make(&wanted) {
            Ok(namespace) => Ok(Prepared { wanted, namespace }),
            Err(error) => {
                self.lock().leases.abandon(&wanted);
                Err(error)
            }
        }
    }
}

/// Starts the thread, in the caller's network namespace.
pub(super) fn spawn(shared: Arc<Shared>, bridge: u32, gateway: Subnet) -> Result<(), NetworkError> {
    let work = move || {
        let mut maker = NamespaceMaker::new(bridge, gateway);
        while shared.wait() {
            let result = match &mut maker {
                Ok(maker) => shared.make_one(maker),
                Err(_) => Err(NetworkError::Stopped),
            };
            shared.deliver(result);
            if maker.is_err() {
                maker = NamespaceMaker::new(bridge, gateway);
            }
        }
    };
    std::thread::Builder::new()
        .name("network-pool".to_owned())
        .stack_size(256 * 1024)
        .spawn(work)
        .map(drop)
        .map_err(NetworkError::kernel("start", "the network pool's thread"))
}
