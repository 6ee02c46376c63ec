//! Signals of this program, which are meant for the container.

use futures_util::StreamExt;
use futures_util::stream::SelectAll;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::super::{Context, container_path};
use crate::client::Query;

/// Those that are passed on. Stopping (SIGTSTP and its kin) stays with the shell's job control, SIGCHLD, SIGPIPE and
/// SIGWINCH are this program's own.
fn forwarded() -> [(&'static str, SignalKind); 7] {
    [
        ("HUP", SignalKind::hangup()),
        ("INT", SignalKind::interrupt()),
        ("QUIT", SignalKind::quit()),
        ("USR1", SignalKind::user_defined1()),
        ("USR2", SignalKind::user_defined2()),
        ("ALRM", SignalKind::alarm()),
        ("TERM", SignalKind::terminate()),
    ]
}

/// Signals that no longer do to this program what they do by default; those that come are kept until they are passed on.
pub(crate) struct Caught(SelectAll<Arrivals<&'static str>>);

impl Caught {
    /// From now on. Before the container's start is asked for: a signal in that moment is meant for it too.
    pub(crate) fn new() -> Self {
        let sources = forwarded().into_iter().filter_map(|(name, kind)| Some(arrivals(name, signal(kind).ok()?)));
        Self(sources.collect())
    }

    /// Passes them on to a container, until it is dropped.
    pub(crate) async fn forward(mut self, context: &Context, id: &str) -> ! {
        loop {
            match self.0.next().await {
                Some(name) => {
                    // A container that has just ended refuses: the signal was meant for nobody then.
                    let _ = context.client.act(&container_path(id, "kill"), Query::new().set("signal", name)).await;
                }
                None => std::future::pending().await,
            }
        }
    }
}

/// Without forwarding: the code with which a deadly signal ends this program, once the terminal is restored.
pub(crate) async fn until_killed() -> i32 {
    let deadly = [
        (128 + 1, SignalKind::hangup()),
        (128 + 2, SignalKind::interrupt()),
        (128 + 3, SignalKind::quit()),
        (128 + 15, SignalKind::terminate()),
    ];
    let sources = deadly.into_iter().filter_map(|(code, kind)| Some(arrivals(code, signal(kind).ok()?)));
    let mut arriving: SelectAll<_> = sources.collect();
    match arriving.next().await {
        Some(code) => code,
        None => std::future::pending().await,
    }
}

type Arrivals<T> = futures_util::stream::BoxStream<'static, T>;

fn arrivals<T: Copy + Send + 'static>(what: T, source: Signal) -> Arrivals<T> {
    let next = move |mut source: Signal| async move { source.recv().await.map(|()| (what, source)) };
    futures_util::stream::unfold(source, next).boxed()
}
