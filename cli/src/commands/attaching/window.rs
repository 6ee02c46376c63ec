//! The size of the terminal, told to the process's.

use tokio::signal::unix::{SignalKind, signal};

use super::super::Context;
use crate::client::Query;
use crate::tty;

/// Tells the size now. `path` is `/containers/ID/resize` or `/exec/ID/resize`.
async fn resize(context: &Context, path: &str) -> bool {
    let Some((rows, columns)) = tty::size() else { return true };
    let query = Query::new().set("h", rows.to_string()).set("w", columns.to_string());
    context.client.act(path, query).await.is_ok()
}

/// Tells the size now and whenever it changes. A process that is gone needs none.
pub(crate) async fn follow_window(context: &Context, path: &str) -> ! {
    // The process may be a moment away from having its terminal.
    for wait in [0, 10, 20, 50, 100, 200] {
        tokio::time::sleep(std::time::Duration::from_millis(wait)).await;
        if resize(context, path).await {
            break;
        }
    }
    if let Ok(mut changes) = signal(SignalKind::window_change()) {
        while changes.recv().await.is_some() {
            resize(context, path).await;
        }
    }
    std::future::pending().await
}
