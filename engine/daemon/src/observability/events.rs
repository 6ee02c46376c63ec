//! Listens to the ring buffer: what must be known at once, not at the next scrape.

use super::ebpf::maps::comm_text;
use super::{Observability, OomVictim};
use aya::maps::{MapData, RingBuf};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, poll};
use std::os::fd::AsFd;
use std::sync::{Arc, PoisonError, Weak};

/// How long the listener may outlive what it reports to.
const LOOK_UP: u16 = 60_000;

/// Listens on the calling thread until the observability is dropped.
pub(super) fn listen(observability: Arc<Observability>) {
    let ring = observability
        .kernel()
        .and_then(|kernel| kernel.maps.events.lock().unwrap_or_else(PoisonError::into_inner).take());
    let Some(ring) = ring else { return };
    let observability = {
        let weak = Arc::downgrade(&observability);
        drop(observability);
        weak
    };
    if let Err(error) = follow(ring, &observability) {
        tracing::warn!(%error, "no more OOM events from eBPF");
    }
}

fn follow(mut ring: RingBuf<MapData>, observability: &Weak<Observability>) -> Result<(), Errno> {
    loop {
        match poll(&mut [PollFd::new(ring.as_fd(), PollFlags::POLLIN)], LOOK_UP) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(error),
        }
        let Some(observability) = observability.upgrade() else { return Ok(()) };
        while let Some(item) = ring.next() {
            match victim(&item) {
                Some(victim) => observability.report(victim),
                None => tracing::warn!(length = item.len(), "an eBPF event of unknown length"),
            }
        }
    }
}

/// The layout of `hull_ebpf_types::Victim`, read field by field: nothing here trusts a length.
fn victim(bytes: &[u8]) -> Option<OomVictim> {
    let (cgroup_id, rest) = bytes.split_first_chunk::<8>()?;
    let (pid, rest) = rest.split_first_chunk::<4>()?;
    let (_reserved, rest) = rest.split_first_chunk::<4>()?;
    Some(OomVictim {
        cgroup_id: u64::from_ne_bytes(*cgroup_id),
        pid: u32::from_ne_bytes(*pid),
        comm: comm_text(rest.first_chunk()?),
    })
}

impl Observability {
    fn report(&self, victim: OomVictim) {
        if let Some(totals) = self.book().owner_totals(victim.cgroup_id) {
            totals.add_victim(victim.comm.clone());
        }
        // Nobody listening is no error.
        let _ = self.oom.send(victim);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_ebpf_types::Victim;

    #[test]
    fn an_event_is_read_as_it_was_written() {
        let mut bytes = Vec::new();
        bytes.extend(77_u64.to_ne_bytes());
        bytes.extend(42_u32.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend(b"hog\0\0\0\0\0\0\0\0\0\0\0\0\0");
        assert_eq!(bytes.len(), size_of::<Victim>());
        assert_eq!(victim(&bytes), Some(OomVictim { cgroup_id: 77, pid: 42, comm: "hog".to_owned() }));
        assert_eq!(victim(&bytes[..31]), None);
    }
}
