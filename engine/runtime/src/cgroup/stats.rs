//! What a container uses, read in one go.
//!
//! v1 and v2 differ in names and units; here they are one struct. The memory map keeps the kernel's own names,
//! because clients look for them (`total_inactive_file` on v1, `inactive_file` on v2).

use super::hierarchies::{Controller, Mode};
use super::parse::{Directory, key, pairs, value};
use super::{Cgroup, CgroupError};
use serde::Serialize;
use std::collections::BTreeMap;
use std::io;

/// The kernel's clock tick in `cpuacct.stat`: `USER_HZ` is 100 on every Linux.
const NANOSECONDS_PER_TICK: u64 = 10_000_000;
/// v1 writes "no limit" as the largest multiple of a page.
const V1_UNLIMITED: u64 = i64::MAX as u64 - 0xfff;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Stats {
    pub cpu: CpuStats,
    pub memory: MemoryStats,
    pub oom: OomCounts,
    pub pids: PidsStats,
    pub blkio: BlkioStats,
}

/// How often limits were hit since the cgroup was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LimitHits {
    /// Periods in which the CPU quota stopped tasks.
    pub throttled_periods: u64,
    /// Allocations that met the memory limit; most are helped by reclaim.
    pub memory: u64,
    /// Forks refused.
    pub pids_refused: u64,
}

/// Processor time, nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct CpuStats {
    pub usage_ns: u64,
    pub user_ns: u64,
    pub system_ns: u64,
    /// One for each CPU; empty on v2, which does not count them.
    pub per_cpu_ns: Vec<u64>,
    pub throttling: Throttling,
}

/// What the CPU quota did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct Throttling {
    pub periods: u64,
    pub throttled_periods: u64,
    pub throttled_ns: u64,
}

/// Memory, bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct MemoryStats {
    /// In use, page cache included.
    pub usage: u64,
    /// The most that it was (v2 since 5.19).
    pub max_usage: Option<u64>,
    /// `None`: unlimited.
    pub limit: Option<u64>,
    /// How often the limit was hit (`memory.failcnt`, `max` of `memory.events`). v1 kernels do not count where memory and
    /// memory + swap have the same limit: the second is hit first, and its own counter stays 0.
    pub failcnt: u64,
    /// Swap in use; on v1 memory + swap less memory.
    pub swap: Option<u64>,
    /// All of `memory.stat`.
    pub stat: BTreeMap<String, u64>,
}

impl MemoryStats {
    /// What cannot be dropped at once: usage less inactive file pages, as `docker stats` shows it.
    pub fn working_set(&self) -> u64 {
        let inactive = self.stat.get("total_inactive_file").or_else(|| self.stat.get("inactive_file"));
        self.usage.saturating_sub(inactive.copied().unwrap_or(0))
    }
}

/// Out of memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct OomCounts {
    /// Processes killed.
    pub kills: u64,
    /// v1 only: the killer is off and processes are waiting for memory now.
    pub under_oom: bool,
}

/// Processes and threads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PidsStats {
    /// Now.
    pub current: u64,
    /// `None`: unlimited.
    pub limit: Option<u64>,
    /// Forks refused because of the limit.
    pub refused: u64,
}

/// Block input and output.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct BlkioStats {
    /// Bytes.
    pub bytes: Vec<BlkioEntry>,
    /// Operations.
    pub operations: Vec<BlkioEntry>,
}

/// One number of one device.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names say it")]
pub struct BlkioEntry {
    pub major: u64,
    pub minor: u64,
    /// `Read`, `Write`, `Sync`, `Async`, `Discard`, `Total`; on v2 `read`, `write`, `discard`.
    pub op: String,
    pub value: u64,
}

impl Cgroup {
    /// Reads everything. A controller that the host lacks reads as zeros.
    ///
    /// # Errors
    /// When the cgroup is gone.
    pub fn stats(&self) -> Result<Stats, CgroupError> {
        if !self.unified.is_dir() {
            return Err(CgroupError::file("read", &self.unified, io::Error::from_raw_os_error(nix::libc::ENOENT)));
        }
        Ok(match self.mode {
            Mode::V1 | Mode::Hybrid => {
                let open = |controller| self.v1_dir(controller).map(Directory::open);
                let memory = open(Controller::Memory);
                Stats {
                    cpu: self.v1_cpu(),
                    oom: memory.as_ref().map(v1_oom).unwrap_or_default(),
                    memory: memory.as_ref().map(v1_memory).unwrap_or_default(),
                    pids: open(Controller::Pids).as_ref().map(pids).unwrap_or_default(),
                    blkio: open(Controller::Blkio).as_ref().map(v1_blkio).unwrap_or_default(),
                }
            }
            Mode::V2 => {
                let own = Directory::open(&self.unified);
                let events = read(&own, "memory.events");
                Stats {
                    cpu: v2_cpu(&read(&own, "cpu.stat")),
                    memory: v2_memory(&own, &events),
                    oom: OomCounts { kills: key(&events, "oom_kill").unwrap_or(0), under_oom: false },
                    pids: pids(&own),
                    blkio: v2_blkio(&read(&own, "io.stat")),
                }
            }
        })
    }

    /// Only the processor's part: what the throttling metrics need, at a fraction of the cost.
    pub fn cpu_stats(&self) -> CpuStats {
        match self.mode {
            Mode::V1 | Mode::Hybrid => self.v1_cpu(),
            Mode::V2 => v2_cpu(&read(&Directory::open(&self.unified), "cpu.stat")),
        }
    }

    /// How often limits were hit: what a watch over many containers needs, in three small files.
    pub fn limit_hits(&self) -> LimitHits {
        let pids_refused = |dir: &Directory| key(&read(dir, "pids.events"), "max").unwrap_or(0);
        let throttled = |dir: &Directory| key(&read(dir, "cpu.stat"), "nr_throttled").unwrap_or(0);
        match self.mode {
            Mode::V1 | Mode::Hybrid => {
                let open = |controller| self.v1_dir(controller).map(Directory::open);
                LimitHits {
                    throttled_periods: open(Controller::Cpu).as_ref().map_or(0, throttled),
                    memory: open(Controller::Memory).as_ref().map_or(0, v1_failures),
                    pids_refused: open(Controller::Pids).as_ref().map_or(0, pids_refused),
                }
            }
            Mode::V2 => {
                let own = Directory::open(&self.unified);
                LimitHits {
                    throttled_periods: throttled(&own),
                    memory: key(&read(&own, "memory.events"), "max").unwrap_or(0),
                    pids_refused: pids_refused(&own),
                }
            }
        }
    }

    fn v1_cpu(&self) -> CpuStats {
        let mut cpu = CpuStats::default();
        if let Some(dir) = &self.v1_dir(Controller::Cpuacct).map(Directory::open) {
            cpu.usage_ns = number(dir, "cpuacct.usage");
            cpu.per_cpu_ns = read(dir, "cpuacct.usage_percpu").split_whitespace().map(value).collect();
            let ticks = read(dir, "cpuacct.stat");
            cpu.user_ns = key(&ticks, "user").unwrap_or(0) * NANOSECONDS_PER_TICK;
            cpu.system_ns = key(&ticks, "system").unwrap_or(0) * NANOSECONDS_PER_TICK;
        }
        if let Some(dir) = &self.v1_dir(Controller::Cpu).map(Directory::open) {
            let text = read(dir, "cpu.stat");
            cpu.throttling = throttling(&text, "throttled_time", 1);
        }
        cpu
    }
}

/// Where memory and memory + swap have the same limit the second is hit first, and only its own counter moves.
fn v1_failures(dir: &Directory) -> u64 {
    number(dir, "memory.failcnt").max(number(dir, "memory.memsw.failcnt"))
}

fn throttling(text: &str, time: &str, unit_ns: u64) -> Throttling {
    Throttling {
        periods: key(text, "nr_periods").unwrap_or(0),
        throttled_periods: key(text, "nr_throttled").unwrap_or(0),
        throttled_ns: key(text, time).unwrap_or(0) * unit_ns,
    }
}

fn v1_memory(dir: &Directory) -> MemoryStats {
    let usage = number(dir, "memory.usage_in_bytes");
    let limit = number(dir, "memory.limit_in_bytes");
    let with_swap = dir.text("memory.memsw.usage_in_bytes").ok().map(|t| value(t.trim()));
    MemoryStats {
        usage,
        max_usage: Some(number(dir, "memory.max_usage_in_bytes")),
        limit: (limit < V1_UNLIMITED).then_some(limit),
        failcnt: number(dir, "memory.failcnt"),
        swap: with_swap.map(|sum| sum.saturating_sub(usage)),
        stat: stat_map(&read(dir, "memory.stat")),
    }
}

fn v1_oom(dir: &Directory) -> OomCounts {
    let text = read(dir, "memory.oom_control");
    OomCounts { kills: key(&text, "oom_kill").unwrap_or(0), under_oom: key(&text, "under_oom") == Some(1) }
}

fn v2_cpu(text: &str) -> CpuStats {
    let microseconds = |name| key(text, name).unwrap_or(0) * 1000;
    CpuStats {
        usage_ns: microseconds("usage_usec"),
        user_ns: microseconds("user_usec"),
        system_ns: microseconds("system_usec"),
        per_cpu_ns: Vec::new(),
        throttling: throttling(text, "throttled_usec", 1000),
    }
}

fn v2_memory(dir: &Directory, events: &str) -> MemoryStats {
    let optional = |file| dir.text(file).ok().map(|t| value(t.trim()));
    MemoryStats {
        usage: number(dir, "memory.current"),
        max_usage: optional("memory.peak"),
        limit: optional("memory.max").filter(|limit| *limit != u64::MAX),
        failcnt: key(events, "max").unwrap_or(0),
        swap: optional("memory.swap.current"),
        stat: stat_map(&read(dir, "memory.stat")),
    }
}

fn stat_map(text: &str) -> BTreeMap<String, u64> {
    pairs(text).map(|(key, number)| (key.to_owned(), number)).collect()
}

/// The files have the same names in v1 and v2.
fn pids(dir: &Directory) -> PidsStats {
    let limit = number(dir, "pids.max");
    PidsStats {
        current: number(dir, "pids.current"),
        limit: (limit != u64::MAX).then_some(limit),
        refused: key(&read(dir, "pids.events"), "max").unwrap_or(0),
    }
}

fn v1_blkio(dir: &Directory) -> BlkioStats {
    // The throttling layer counts every scheduler's requests; bfq's own files exist only where bfq is in use.
    BlkioStats {
        bytes: v1_entries(&read(dir, "blkio.throttle.io_service_bytes_recursive")),
        operations: v1_entries(&read(dir, "blkio.throttle.io_serviced_recursive")),
    }
}

/// Lines of `major:minor op value`; the total over all devices at the end has no device.
fn v1_entries(text: &str) -> Vec<BlkioEntry> {
    text.lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            let (major, minor) = words.next()?.split_once(':')?;
            let op = words.next()?.to_owned();
            Some(BlkioEntry { major: value(major), minor: value(minor), op, value: value(words.next()?) })
        })
        .collect()
}

/// Lines of `major:minor rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6`.
fn v2_blkio(text: &str) -> BlkioStats {
    let mut stats = BlkioStats::default();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        let Some((major, minor)) = words.next().and_then(|device| device.split_once(':')) else { continue };
        for (name, number) in words.filter_map(|word| word.split_once('=')) {
            let (list, op) = match name {
                "rbytes" => (&mut stats.bytes, "read"),
                "wbytes" => (&mut stats.bytes, "write"),
                "dbytes" => (&mut stats.bytes, "discard"),
                "rios" => (&mut stats.operations, "read"),
                "wios" => (&mut stats.operations, "write"),
                "dios" => (&mut stats.operations, "discard"),
                _ => continue,
            };
            list.push(BlkioEntry { major: value(major), minor: value(minor), op: op.to_owned(), value: value(number) });
        }
    }
    stats
}

fn read(dir: &Directory, file: &str) -> String {
    dir.text(file).unwrap_or_default()
}

fn number(dir: &Directory, file: &str) -> u64 {
    value(read(dir, file).trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v2_cpu_is_in_microseconds() {
        let cpu = v2_cpu("usage_usec 5\nuser_usec 3\nsystem_usec 2\nnr_periods 7\nnr_throttled 4\nthrottled_usec 9\n");
        assert_eq!((cpu.usage_ns, cpu.user_ns, cpu.system_ns), (5000, 3000, 2000));
        assert_eq!(cpu.throttling, Throttling { periods: 7, throttled_periods: 4, throttled_ns: 9000 });
    }

    #[test]
    fn v1_block_io_skips_the_grand_total() {
        let entries = v1_entries("254:0 Read 12\n254:0 Total 12\nTotal 12\n");
        assert_eq!(entries.len(), 2);
        assert_eq!(entries[0], BlkioEntry { major: 254, minor: 0, op: "Read".to_owned(), value: 12 });
    }

    #[test]
    fn v2_block_io_is_split_into_bytes_and_operations() {
        let stats = v2_blkio("254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6\n7:0\n");
        let list = |entries: &[BlkioEntry]| entries.iter().map(|e| (e.op.clone(), e.value)).collect::<Vec<_>>();
        assert_eq!(list(&stats.bytes), [("read".into(), 1), ("write".into(), 2), ("discard".into(), 5)]);
        assert_eq!(list(&stats.operations), [("read".into(), 3), ("write".into(), 4), ("discard".into(), 6)]);
    }

    #[test]
    fn the_working_set_leaves_out_inactive_file_pages() {
        let stat = |name: &str| [(name.to_owned(), 30)].into();
        let v1 = MemoryStats { usage: 100, stat: stat("total_inactive_file"), ..MemoryStats::default() };
        let v2 = MemoryStats { usage: 100, stat: stat("inactive_file"), ..MemoryStats::default() };
        assert_eq!((v1.working_set(), v2.working_set()), (70, 70));
        assert_eq!(MemoryStats { usage: 10, ..v1 }.working_set(), 0);
    }
}
