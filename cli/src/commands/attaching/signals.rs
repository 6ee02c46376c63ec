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

/// Passes signals on to a container, until it is dropped.
pub(crate) async fn forward(context: &Context, id: &str) -> ! {
    let mut arriving = SelectAll::new();
    for (name, kind) in forwarded() {
        if let Ok(source) = signal(kind) {
            arriving.push(Box::pin(arrivals(name, source)));
        }
    }
    loop {
        match arriving.next().await {
            Some(name) => {
                // A container that has just ended refuses: the signal was meant for nobody then.
                let _ = context.client.act(&container_path(id, "kill"), Query::new().set("signal", name)).await;
            }
            None => std::future::pending().await,
        }
    }
}

/// Without forwarding: the code with which a deadly signal ends this program, once the terminal is restored.
pub(crate) async fn until_killed() -> i32 {
    let mut arriving = SelectAll::new();
    for (code, kind) in [
        (128 + 1, SignalKind::hangup()),
        (128 + 2, SignalKind::interrupt()),
        (128 + 3, SignalKind::quit()),
        (128 + 15, SignalKind::terminate()),
    ] {
        if let Ok(source) = signal(kind) {
            arriving.push(Box::pin(arrivals(code, source)));
        }
    }
    match arriving.next().await {
        Some(code) => code,
        None => std::future::pending().await,
    }
}

fn arrivals<T: Copy>(what: T, source: Signal) -> impl futures_util::Stream<Item = T> {
    futures_util::stream::unfold(source, move |mut source| async move { source.recv().await.map(|()| (what, source)) })
}
