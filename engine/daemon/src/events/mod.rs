//! What happens in the engine, in order: the bus that every service publishes to and `GET /events` reads.
//!
//! The bus is one ring of the last [`HISTORY`] events under a short lock, and a counter that subscribers watch.
//! A subscriber owns no queue: it remembers the number of the event that it wants next and reads it from the
//! ring. So a client that reads slowly costs nothing and blocks nobody; one that falls behind by a whole
//! ring is told how many events it has lost, and its stream ends ([`EventBus::follow`]). The ring is bounded by events
//! and by bytes: labels are the clients' and may be long.
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

/// Bytes of attributes that are kept; the newest event stays whatever its size.
const HISTORY_BYTES: usize = 16 << 20;

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
    /// The cache of builds.
    Builder,
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
            Self::Builder => "builder",
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

    /// About what it takes in memory.
    fn bytes(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| name.len() + value.len());
        size_of::<Self>() + self.action.len() + self.id.len() + attributes.sum::<usize>()
    }
}

/// A subscriber was too slow: events that it wanted may be gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the client reads too slowly: {lost} events are lost to it")]
pub struct TooSlow {
    /// How many of all events.
    pub lost: u64,
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
    bytes: usize,
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

    fn push(&mut self, event: Event) {
        self.bytes += event.bytes();
        self.events.push_back(Arc::new(event));
        self.next += 1;
        while self.events.len() > HISTORY || (self.bytes > HISTORY_BYTES && self.events.len() > 1) {
            self.bytes -= self.events.pop_front().map_or(0, |oldest| oldest.bytes());
        }
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
        ring.push(event);
        // Inside the lock, so that the counter never goes back.
        self.shared.published.send_replace(ring.next);
    }

    /// How many subscribers there are, for `/info`.
    pub fn listeners(&self) -> usize {
        self.shared.published.receiver_count()
    }

    /// The events that pass the filter: those of the history since `since` (none without it), then, unless `until`
    /// is past, new ones as they come, up to `until`. For the engine's own use: one who is too slow goes on with what is
    /// left, and the log says so.
    pub fn subscribe(
        &self,
        since: Option<Time>,
        until: Option<Time>,
        filter: EventFilter,
    ) -> impl Stream<Item = Arc<Event>> + Send + use<> {
        let reader = self.reader(since, until, filter);
        futures_util::stream::unfold(reader, |mut reader| async move {
            loop {
                match reader.next().await? {
                    Ok(event) => return Some((event, reader)),
                    Err(error) => tracing::warn!("events: {error}"),
                }
            }
        })
    }

    /// As [`EventBus::subscribe`], for clients: one who is too slow is told so, and the stream ends there.
    pub fn follow(
        &self,
        since: Option<Time>,
        until: Option<Time>,
        filter: EventFilter,
    ) -> impl Stream<Item = Result<Arc<Event>, TooSlow>> + Send + use<> {
        let reader = Some(self.reader(since, until, filter));
        futures_util::stream::unfold(reader, |reader| async move {
            let mut reader = reader?;
            let event = reader.next().await?;
            let reader = event.is_ok().then_some(reader);
            Some((event, reader))
        })
    }

    fn reader(&self, since: Option<Time>, until: Option<Time>, filter: EventFilter) -> Reader {
        let ring = self.ring();
        let next = match since {
            None => ring.next,
            Some(since) => ring.first() + ring.events.partition_point(|e| e.time < since) as u64,
        };
        drop(ring);
        Reader { bus: self.clone(), changed: self.shared.published.subscribe(), next, until, filter }
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
    async fn next(&mut self) -> Option<Result<Arc<Event>, TooSlow>> {
        loop {
            while let Some(taken) = self.take() {
                let Ok(event) = taken else { return Some(taken) };
                if self.until.is_some_and(|until| event.time > until) {
                    return None;
                }
                if self.filter.matches(&event) {
                    return Some(Ok(event));
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
    fn take(&mut self) -> Option<Result<Arc<Event>, TooSlow>> {
        let ring = self.bus.ring();
        let lost = ring.first().saturating_sub(self.next);
        if lost > 0 {
            self.next = ring.first();
            return Some(Err(TooSlow { lost }));
        }
        let event = ring.get(self.next)?;
        self.next += 1;
        Some(Ok(event))
    }
}

#[cfg(test)]
mod tests;
