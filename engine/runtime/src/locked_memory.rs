//! The limit of locked memory, which before Linux 5.11 eBPF programs and maps are charged to: its usual 64 kB to 8 MB are too
//! few, and the answer is EPERM. It is raised for as long as they are made and no longer, because containers inherit it.

use nix::errno::Errno;
use nix::sys::resource::{RLIM_INFINITY, Resource, getrlimit, setrlimit};
use std::io;
use std::sync::{Mutex, PoisonError};

/// Only one at a time changes the limit, or one would set back what another has raised.
static CHANGING: Mutex<()> = Mutex::new(());

/// The limit as it was, and will be again.
struct Limit(Option<(u64, u64)>);

fn now() -> Option<(u64, u64)> {
    getrlimit(Resource::RLIMIT_MEMLOCK).ok()
}

impl Drop for Limit {
    fn drop(&mut self) {
        if let Some((soft, hard)) = self.0
            && now() != self.0
            && let Err(error) = setrlimit(Resource::RLIMIT_MEMLOCK, soft, hard)
        {
            tracing::warn!(%error, "the limit of locked memory stays raised, also for containers");
        }
    }
}

/// Makes something of eBPF; if the kernel refuses, once more without the limit.
///
/// # Errors
/// The second refusal, or the first if the limit cannot be raised.
pub fn without_limit<T>(make: impl Fn() -> io::Result<T>) -> io::Result<T> {
    let refused = |error: &io::Error| error.raw_os_error() == Some(Errno::EPERM as i32);
    match make() {
        Err(error) if refused(&error) => {
            let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
            let _limit = Limit(now());
            setrlimit(Resource::RLIMIT_MEMLOCK, RLIM_INFINITY, RLIM_INFINITY).map_err(|_| error)?;
            make()
        }
        other => other,
    }
}

/// Sets the limit back after something that raises it by itself.
pub fn limit_kept<T>(work: impl FnOnce() -> T) -> T {
    let _changing = CHANGING.lock().unwrap_or_else(PoisonError::into_inner);
    let _limit = Limit(now());
    work()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn soft() -> u64 {
        now().unwrap().0
    }

    // One test: the limit is the process's.
    #[test]
    fn the_limit_is_raised_when_that_may_help_and_comes_back() {
        let before = now().unwrap();
        limit_kept(|| setrlimit(Resource::RLIMIT_MEMLOCK, 4096, before.1).unwrap());
        assert_eq!(now().unwrap(), before);

        let seen = Cell::new(Vec::new());
        let refuse = |answer: Errno| -> io::Result<()> {
            let mut all = seen.take();
            all.push(soft());
            seen.set(all);
            Err(answer.into())
        };
        let refused = without_limit(|| refuse(Errno::EPERM)).unwrap_err();
        assert_eq!(refused.raw_os_error(), Some(Errno::EPERM as i32));
        match seen.take().as_slice() {
            [first, second] => assert_eq!((*first, *second), (before.0, RLIM_INFINITY)),
            [_] => println!("skipped: the limit may not be raised here"),
            other => panic!("{other:?}"),
        }
        assert_eq!(now().unwrap(), before);
        assert!(without_limit(|| refuse(Errno::EINVAL)).is_err());
        assert_eq!(seen.take(), [before.0], "another refusal has other reasons");
    }
}
