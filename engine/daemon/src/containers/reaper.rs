//! What takes long goes away in the background: cgroups of ended containers, files of removed ones.
//!
//! One thread does it, in the order in which it was asked, so the load is bounded whatever happens in front. `pending` says how
//! much is left (the gauge `engine_reaper_pending`): at 0 nothing of any ended container remains. A crash in between leaves orphans,
//! which the next start finds by their names.

use crate::ids::ContainerId;
use crate::store::paths::CGROUP_NOTE;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hull_runtime::cgroup;
use std::collections::HashMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;
use tokio::sync::watch;

/// How long killed processes may take to be gone before their cgroup is left to the next start.
const PATIENCE: Duration = Duration::from_secs(10);

/// Waits between tries to remove a cgroup whose last process is still on its way out.
const RETRIES: [u64; 8] = [1, 2, 5, 10, 50, 200, 500, 1000];

/// Something to be taken away.
pub(super) enum Work {
    /// Kill what is left in it and remove it.
    Cgroup(cgroup::Handle),
    /// Delete a directory and everything in it.
    Tree(PathBuf),
}

struct Job {
    container: Option<ContainerId>,
    work: Vec<Work>,
}

/// Gives work to the thread; clones share it. The thread ends with the last of them, its work done.
#[derive(Clone)]
pub(super) struct Reaper {
    jobs: mpsc::Sender<Job>,
    progress: Arc<Progress>,
}

struct Progress {
    /// Jobs left, by container; those of no container are under `None`.
    left: Mutex<HashMap<Option<ContainerId>, usize>>,
    /// Jobs left altogether.
    pending: watch::Sender<usize>,
}

impl Progress {
    /// A waiter looks at `left` while it holds the watch's lock (`settled`), so here `left` is let go before the watch
    /// is touched: the other way round the two wait for each other for ever.
    fn begin(&self, container: &Option<ContainerId>) {
        *self.left().entry(container.clone()).or_default() += 1;
        self.pending.send_modify(|n| *n += 1);
    }

    fn end(&self, container: &Option<ContainerId>) {
        self.count_down(container);
        self.pending.send_modify(|n| *n -= 1);
    }

    fn count_down(&self, container: &Option<ContainerId>) {
        let mut left = self.left();
        if let Some(count) = left.get_mut(container) {
            *count -= 1;
            if *count == 0 {
                left.remove(container);
            }
        }
    }

    fn left(&self) -> MutexGuard<'_, HashMap<Option<ContainerId>, usize>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_busy_with(&self, container: &ContainerId) -> bool {
        self.left().contains_key(&Some(container.clone()))
    }
}

impl Reaper {
    /// # Errors
    /// When there is no thread to be had.
    pub(super) fn new() -> io::Result<Self> {
        let (jobs, received) = mpsc::channel::<Job>();
        let progress = Arc::new(Progress { left: Mutex::new(HashMap::new()), pending: watch::Sender::new(0) });
        let done = progress.clone();
        std::thread::Builder::new().name("reaper".to_owned()).spawn(move || {
            for job in received {
                reap_all(job.work);
                done.end(&job.container);
            }
        })?;
        Ok(Self { jobs, progress })
    }

    /// Takes these away, in this order; returns at once.
    pub(super) fn submit(&self, container: Option<ContainerId>, work: Vec<Work>) {
        self.progress.begin(&container);
        if let Err(mpsc::SendError(job)) = self.jobs.send(Job { container, work }) {
            // The thread is gone, which only a panic in it explains: done here rather than never.
            reap_all(job.work);
            self.progress.end(&job.container);
        }
    }

    /// Takes these away when the time has come; counted from now on. Inside a tokio runtime.
    pub(super) fn submit_after(&self, time: BoxFuture<'static, ()>, work: Vec<Work>) {
        let mut time = time;
        if (&mut time).now_or_never().is_some() {
            return self.submit(None, work);
        }
        self.progress.begin(&None);
        let reaper = self.clone();
        tokio::spawn(async move {
            time.await;
            reaper.submit(None, work);
            reaper.progress.end(&None);
        });
    }

    /// Jobs left.
    pub(super) fn pending(&self) -> usize {
        *self.progress.pending.borrow()
    }

    /// Resolves when nothing of an earlier run of this container is left.
    pub(super) async fn settled(&self, container: &ContainerId) {
        let mut pending = self.progress.pending.subscribe();
        let _ = pending.wait_for(|_| !self.progress.is_busy_with(container)).await;
    }
}

/// Does a job. Where its cgroup cannot be removed, the note of its place stays for the next start.
fn reap_all(work: Vec<Work>) {
    let mut stays = false;
    for work in work {
        match work {
            Work::Cgroup(cgroup) => {
                if let Err(error) = remove_cgroup(&cgroup) {
                    stays = true;
                    tracing::warn!(%error, "a cgroup stays until the next start");
                }
            }
            Work::Tree(path) => match remove_tree(&path, stays) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    tracing::warn!(path = %path.display(), %error, "a directory stays until the next start");
                }
                _ => {}
            },
        }
    }
}

fn remove_tree(path: &Path, but_the_note: bool) -> io::Result<()> {
    if !but_the_note || !path.join(CGROUP_NOTE).exists() {
        // A shim whose container was killed here writes its exit record meanwhile, once.
        return match fs::remove_dir_all(path) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty => fs::remove_dir_all(path),
            other => other,
        };
    }
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else if entry.file_name() != CGROUP_NOTE {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

fn remove_cgroup(cgroup: &cgroup::Cgroup) -> Result<(), cgroup::CgroupError> {
    match cgroup.remove() {
        Err(error) if error.is_busy() => {}
        done => return done,
    }
    // With the host's PID namespace nobody kills an init's children when it ends; and a killed process takes its time.
    cgroup.kill_all()?;
    cgroup.wait_empty(PATIENCE)?;
    for milliseconds in RETRIES {
        match cgroup.remove() {
            Err(error) if error.is_busy() => pause(Duration::from_millis(milliseconds)),
            done => return done,
        }
    }
    cgroup.remove()
}

#[expect(
    clippy::disallowed_methods,
    reason = "v1 hierarchies tell nobody when a dead process has left; this thread is the reaper's own"
)]
fn pause(duration: Duration) {
    std::thread::sleep(duration);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_note_of_a_cgroup_that_stays_stays_too() {
        let directory = tempfile::tempdir().unwrap();
        let run = directory.path().join("run");
        let fill = || {
            fs::create_dir_all(run.join("sub/a")).unwrap();
            ["ctl", CGROUP_NOTE, "sub/b"].iter().for_each(|file| fs::write(run.join(file), "").unwrap());
        };
        fill();
        remove_tree(&run, true).unwrap();
        let left: Vec<_> = fs::read_dir(&run).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [CGROUP_NOTE]);
        fill();
        remove_tree(&run, false).unwrap();
        assert!(!run.exists());
    }

    #[tokio::test]
    async fn work_is_counted_until_it_is_done() {
        let reaper = Reaper::new().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let id = ContainerId::random().unwrap();
        let paths: Vec<_> = (0..20).map(|n| directory.path().join(n.to_string())).collect();
        for path in &paths {
            std::fs::create_dir_all(path.join("a/b")).unwrap();
            reaper.submit(Some(id.clone()), vec![Work::Tree(path.clone())]);
        }
        reaper.settled(&id).await;
        assert_eq!(reaper.pending(), 0);
        assert!(paths.iter().all(|path| !path.exists()));
        reaper.settled(&ContainerId::random().unwrap()).await;
    }

    /// On a thread of its own, so that two locks that wait for each other fail the test instead of holding it up.
    #[test]
    fn waiting_for_work_does_not_stop_it() {
        let (done, finished) = mpsc::channel();
        std::thread::spawn(move || {
            let reaper = Reaper::new().unwrap();
            let id = ContainerId::random().unwrap();
            for _ in 0..20_000 {
                reaper.submit(Some(id.clone()), Vec::new());
                futures_util::FutureExt::now_or_never(reaper.settled(&id));
            }
            done.send(()).unwrap();
        });
        finished.recv_timeout(Duration::from_secs(60)).unwrap();
    }
}
