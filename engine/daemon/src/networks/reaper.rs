//! Waits until the kernel has deleted the links of namespaces that nobody uses any more.
//!
//! Nothing is deleted here as a rule. When the last descriptor and the last process of a namespace are gone, the
//! kernel deletes its links itself, many namespaces in one go: 40 took 70 ms, where deleting the same 40 links one by
//! one took 790 ms and kept the kernel's configuration lock for all of that. Only a link that is still there after
//! [`PATIENCE`] (another container shares the namespace, or an earlier daemon left it) is deleted explicitly.

use super::netlink::monitor::{Heard, LinkMonitor};
use super::netlink::{RouteSocket, link};
use super::pool::Shared;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::unix::AsyncFd;
use tokio::sync::Notify;

/// How long the kernel may take by itself.
const PATIENCE: Duration = Duration::from_secs(3);

/// Runs until it is aborted. `look` is notified when links were added to those on their way out.
pub(super) async fn run(shared: Arc<Shared>, monitor: AsyncFd<LinkMonitor>, look: Arc<Notify>) {
    loop {
        let leaving = shared.lock().leases.leaving_count() > 0;
        tokio::select! {
            ready = monitor.readable() => {
                let Ok(mut ready) = ready else { return };
                match ready.get_inner().drain() {
                    Ok(Heard::Gone(links)) => {
                        if !links.is_empty() {
                            shared.gone(links);
                        }
                    }
                    // Announcements were lost: see what is still there.
                    Ok(Heard::Overrun) => look.notify_one(),
                    Err(error) => {
                        tracing::warn!(%error, "cannot hear about links");
                        look.notify_one();
                    }
                }
                ready.clear_ready();
            }
            () = look.notified() => check(&shared).await,
            () = tokio::time::sleep(PATIENCE), if leaving => check(&shared).await,
        }
    }
}

/// Looks at every link on its way out: gone already, or due to be deleted.
async fn check(shared: &Arc<Shared>) {
    let Some(deadline) = Instant::now().checked_sub(PATIENCE) else { return };
    let leaving = shared.lock().leases.leaving(deadline);
    let (there, gone): (Vec<_>, Vec<_>) = leaving.into_iter().partition(|(link, _)| exists(link));
    if !gone.is_empty() {
        shared.gone(gone.into_iter().map(|(link, _)| link));
    }
    let late: Vec<String> = there.into_iter().filter(|(_, late)| *late).map(|(link, _)| link).collect();
    if late.is_empty() {
        return;
    }
    let shared = Arc::clone(shared);
    // Each deletion takes 10 ms and more.
    let deleted = tokio::task::spawn_blocking(move || delete(&late).map(|()| shared.gone(late))).await;
    if let Ok(Err(error)) = deleted {
        tracing::warn!(%error, "links of removed containers stay for now");
    }
}

fn exists(link: &str) -> bool {
    // An ioctl that reads under RCU, unlike rtnetlink.
    nix::net::if_::if_nametoindex(link).is_ok()
}

fn delete(links: &[String]) -> io::Result<()> {
    let mut socket = RouteSocket::open()?;
    for name in links {
        match socket.change(vec![link::delete(name)]) {
            // The kernel was faster.
            Err(e) if e.raw_os_error() == Some(nix::errno::Errno::ENODEV as i32) => {}
            other => other?,
        }
    }
    Ok(())
}
