//! What happens in the engine, in order: the bus that every service publishes to and `GET /events` reads.
//!
//! The bus is one ring of the last [`HISTORY`] events under a short lock, and a counter that subscribers watch.
//! A subscriber owns no queue: it remembers the number of the event that it wants next and reads it from the
//! ring. So a client that reads slowly costs nothing and blocks nobody; one that falls behind by a whole
//! ring loses the oldest events, and the log says so.
//!
//! Order is that of `publish` calls. Each container has one owner task that publishes everything about it, which is
//! why `create`, `start`, `die` and `destroy` of a container never swap.

mod filter;

pub use filter::{EventFilter, FilterError};

use crate::time::Time;
use futures_util::Stream;
use std::borrow::Cow;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// Events that are kept for `since`, and for slow subscribers.
pub const HISTORY: usize = 2048;

/// What an event is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A container.
    Container,
    /// An image.
    Image,
    /// A network.
    Network,
    /// A volume.
    Volume,
    /// The engine itself.
    Daemon,
}

impl Kind {
    /// Docker's word for it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Container => "container",
            Self::Image => "image",
            Self::Network => "network",
            Self::Volume => "volume",
            Self::Daemon => "daemon",
        }
    }
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// What it is about.
    pub kind: Kind,
    /// What happened, in Docker's words: `start`, `exec_create: sh`, `pull` ...
    pub action: Cow<'static, str>,
    /// Id (a container, a network) or name (an image, a volume) of what it happened to.
    pub id: String,
    /// Docker's attributes: `name`, `image`, labels, `exitCode`...
    pub attributes: BTreeMap<String, String>,
    /// When.
    pub time: Time,
}

impl Event {
    /// An event of now.
    pub fn new(kind: Kind, action: impl Into<Cow<'static, str>>, id: impl Into<String>) -> Self {
        Self { kind, action: action.into(), id: id.into(), attributes: BTreeMap::new(), time: Time::now() }
    }

    /// With an attribute more.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.attributes.insert(name.into(), value.into());
        self
    }
}

/// The bus. Clones share it.
#[derive(Debug, Clone)]
pub struct EventBus {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    ring: Mutex<Ring>,
    /// Number of events ever published.
    published: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Ring {
    events: VecDeque<Arc<Event>>,
    /// Number of the event that comes next.
    next: u64,
}

impl Ring {
    fn first(&self) -> u64 {
        self.next - self.events.len() as u64
    }

    fn get(&self, number: u64) -> Option<Arc<Event>> {
        let index = usize::try_from(number.checked_sub(self.first())?).ok()?;
        self.events.get(index).cloned()
    }
}

impl Default for EventBus {
    fn default() -> Self {
        Self::new()
    }
}

impl EventBus {
    /// An empty one.
    pub fn new() -> Self {
        let shared = Shared { ring: Mutex::new(Ring::default()), published: watch::Sender::new(0) };
        Self { shared: Arc::new(shared) }
    }

    fn ring(&self) -> MutexGuard<'_, Ring> {
        // The ring is whole after every statement, so a publisher's panic leaves nothing half done.
        self.shared.ring.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Appends an event; never waits for a reader. Its time is moved forward if the clock went back, so that times
    /// never decrease along the history.
    pub fn publish(&self, mut event: Event) {
        let mut ring = self.ring();
        if let Some(last) = ring.events.back() {
            event.time = event.time.max(last.time);
        }
        if ring.events.len() == HISTORY {
            ring.events.pop_front();
        }
        ring.events.push_back(Arc::new(event));
        ring.next += 1;
        // Inside the lock, so that the counter never goes back.
        self.shared.published.send_replace(ring.next);
    }

    /// The events that pass the filter: those of the history since `since` (none without it), then, unless `until`
    /// is past, new ones as they come, up to `until`.
    pub fn subscribe(
        &self,
        since: Option<Time>,
        until: Option<Time>,
        filter: EventFilter,
    ) -> impl Stream<Item = Arc<Event>> + Send + use<> {
        let start = {
            let ring = self.ring();
            match since {
                None => ring.next,
                Some(since) => ring.first() + ring.events.partition_point(|e| e.time < since) as u64,
            }
        };
        let reader =
            Reader { bus: self.clone(), changed: self.shared.published.subscribe(), next: start, until, filter };
        futures_util::stream::unfold(reader, |mut reader| async move {
            let event = reader.next().await?;
            Some((event, reader))
        })
    }
}

struct Reader {
    bus: EventBus,
    changed: watch::Receiver<u64>,
    next: u64,
    until: Option<Time>,
    filter: EventFilter,
}

impl Reader {
    async fn next(&mut self) -> Option<Arc<Event>> {
        loop {
            while let Some(event) = self.take() {
                if self.until.is_some_and(|until| event.time > until) {
                    return None;
                }
                if self.filter.matches(&event) {
                    return Some(event);
                }
            }
            let changed = self.changed.wait_for(|published| *published > self.next);
            match self.until {
                None => drop(changed.await.ok()?),
                Some(until) => {
                    let left = until.nanos().checked_sub(Time::now().nanos())?;
                    match tokio::time::timeout(std::time::Duration::from_nanos(left), changed).await {
                        Ok(seen) => drop(seen.ok()?),
                        Err(_elapsed) => return None,
                    }
                }
            }
        }
    }

    /// The event that comes next, if it has happened already.
    fn take(&mut self) -> Option<Arc<Event>> {
        let ring = self.bus.ring();
        if self.next < ring.first() {
            tracing::warn!(
                lost = ring.first() - self.next,
                "an events client reads too slowly: the oldest events are lost to it"
            );
            self.next = ring.first();
        }
        let event = ring.get(self.next)?;
        self.next += 1;
        Some(event)
    }
}

#[cfg(test)]
mod tests;
