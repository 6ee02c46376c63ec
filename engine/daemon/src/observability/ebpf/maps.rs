//! Typed views of the maps. Every call is one or a few system calls and takes a lock for no longer than that.

use aya::maps::{HashMap, Map, MapData, PerCpuArray, RingBuf};
use aya::{Ebpf, Pod};
use hull_ebpf_types::{COMM, CommKey, Counters, CpuGroup, Loss, Process, Program, Queue, Stalled};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Why a map cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum MapError {
    /// The object has none of that name.
    #[error("the eBPF object has no map {0}")]
    Missing(&'static str),
    /// It has, with another type or another size of its entries.
    #[error("eBPF map {name}")]
    Kind {
        /// Which.
        name: &'static str,
        /// What aya says.
        source: aya::maps::MapError,
    },
}

/// A hash map; aya wants exclusive access for changes.
pub struct Table<K: Pod, V: Pod> {
    /// For messages and metrics.
    pub name: &'static str,
    /// Entries that fit.
    pub capacity: u32,
    map: Mutex<HashMap<MapData, K, V>>,
}

impl<K: Pod, V: Pod> Table<K, V> {
    fn take(object: &mut Ebpf, name: &'static str) -> Result<Self, MapError> {
        let map = take(object, name)?;
        let kind = |source| MapError::Kind { name, source };
        let capacity = match &map {
            Map::HashMap(data) => data.info().map_err(kind)?.max_entries(),
            _ => 0, // the conversion below has the message
        };
        let map = map.try_into().map_err(kind)?;
        Ok(Self { name, capacity, map: Mutex::new(map) })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<MapData, K, V>> {
        // Nothing under this lock leaves a map half changed.
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An entry's value.
    pub fn get(&self, key: &K) -> Option<V> {
        self.lock().get(key, 0).ok()
    }

    /// Inserts or replaces.
    ///
    /// # Errors
    /// When the map is full.
    pub fn insert(&self, key: &K, value: &V) -> Result<(), aya::maps::MapError> {
        self.lock().insert(key, value, 0)
    }

    /// Inserts unless the key is there, and says whether it did.
    pub fn insert_new(&self, key: &K, value: &V) -> bool {
        const NOEXIST: u64 = 1;
        self.lock().insert(key, value, NOEXIST).is_ok()
    }

    /// Removes an entry if it is there.
    pub fn remove(&self, key: &K) {
        let _ = self.lock().remove(key);
    }

    /// All entries at some moment. Programs change the map meanwhile: an entry may be missed or come twice.
    pub fn entries(&self) -> Vec<(K, V)> {
        self.lock().iter().take(self.limit()).filter_map(Result::ok).collect()
    }

    /// How many entries there are, roughly while programs change the map.
    pub fn count(&self) -> usize {
        self.lock().keys().take(self.limit()).count()
    }

    /// A walk over a map in which the current key vanishes begins anew; it has to end all the same.
    fn limit(&self) -> usize {
        self.capacity as usize * 2
    }
}

/// All of them.
pub struct Maps {
    /// Counters by the inode of a container's cgroup2 directory.
    pub containers: Table<u64, Counters>,
    /// Groups of the cpu hierarchy.
    pub cpu_groups: Table<u64, CpuGroup>,
    /// Processes by host PID.
    pub processes: Table<u32, Process>,
    /// Stall clocks as last seen.
    pub queues: Table<Queue, u64>,
    /// Tasks that stand still.
    pub stalled: Table<u32, Stalled>,
    /// Tasks that wait for a CPU.
    pub waiting: Table<u32, u64>,
    /// Nanoseconds of stalls by name.
    pub comm_stalls: Table<CommKey, u64>,
    lost: PerCpuArray<MapData, u64>,
    handled: PerCpuArray<MapData, u64>,
    /// Taken by the task that listens to it.
    pub events: Mutex<Option<RingBuf<MapData>>>,
}

impl Maps {
    pub(super) fn take(object: &mut Ebpf) -> Result<Self, MapError> {
        Ok(Self {
            containers: Table::take(object, "CONTAINERS")?,
            cpu_groups: Table::take(object, "CPU_GROUPS")?,
            processes: Table::take(object, "PROCESSES")?,
            queues: Table::take(object, "QUEUES")?,
            stalled: Table::take(object, "STALLED")?,
            waiting: Table::take(object, "WAITING")?,
            comm_stalls: Table::take(object, "COMM_STALLS")?,
            lost: array(object, "LOST")?,
            handled: array(object, "HANDLED")?,
            events: Mutex::new(Some(
                take(object, "EVENTS")?.try_into().map_err(|source| MapError::Kind { name: "EVENTS", source })?,
            )),
        })
    }

    /// What could not be recorded.
    pub fn lost(&self, loss: Loss) -> u64 {
        self.lost.get(&(loss as u32), 0).map_or(0, |values| values.iter().sum())
    }

    /// What a program has handled.
    pub fn handled(&self, program: Program) -> u64 {
        self.handled.get(&(program as u32), 0).map_or(0, |values| values.iter().sum())
    }
}

fn take(object: &mut Ebpf, name: &'static str) -> Result<Map, MapError> {
    object.take_map(name).ok_or(MapError::Missing(name))
}

fn array(object: &mut Ebpf, name: &'static str) -> Result<PerCpuArray<MapData, u64>, MapError> {
    take(object, name)?.try_into().map_err(|source| MapError::Kind { name, source })
}

/// A task's name as text: up to the first zero, whatever bytes the process chose.
pub fn comm_text(comm: &[u8; COMM]) -> String {
    let end = comm.iter().position(|byte| *byte == 0).unwrap_or(COMM);
    String::from_utf8_lossy(&comm[..end]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_at_its_first_zero_and_may_be_any_bytes() {
        assert_eq!(comm_text(b"sh\0garbage\0\0\0\0\0\0"), "sh");
        assert_eq!(comm_text(b"sixteen bytes ok"), "sixteen bytes ok");
        assert_eq!(comm_text(b"\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"), "\u{fffd}");
    }
}
