//! The processes of a container: from the eBPF map where it is kept, else from `cgroup.procs`.

use super::proc::{self, Stat};
use hull_ebpf_types::{COMM, LEVELS, Process};

/// One process of a container, as `hull pids` shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProcessRecord {
    /// PID on the host.
    pub pid: u32,
    /// Its parent's, on the host.
    pub ppid: u32,
    /// PID in each namespace level, from the host's to the innermost.
    pub ns_pids: Vec<u32>,
    /// Inode of its innermost PID namespace.
    pub pidns: u64,
    /// What the process calls itself.
    pub comm: String,
    /// The command line with blanks between arguments; empty for a process without one.
    pub command: String,
    /// Nanoseconds of the boot clock at which it started.
    pub start_ns: u64,
    /// Nanoseconds that its threads lost to the CPU limit; `None` where that is not measured.
    pub throttled_ns: Option<u64>,
}

/// From the map's entry. `None` when the process has ended meanwhile, or is a zombie, which runs no more.
pub(super) fn from_map(pid: u32, process: &Process, stalls_measured: bool) -> Option<ProcessRecord> {
    // Parents die and names change after the fork; the map has what eBPF alone knows.
    let stat = Stat::read(pid).filter(|stat| stat.state != 'Z')?;
    let known = process.level as usize + 1;
    let ns_pids = match process.ns_pids.get(..known) {
        Some(ns_pids) => ns_pids.to_vec(),
        None => proc::ns_pids(pid)?, // deeper than the record holds
    };
    Some(ProcessRecord {
        pid,
        ppid: stat.ppid,
        ns_pids,
        pidns: u64::from(process.pidns),
        comm: stat.comm,
        command: proc::command_line(pid),
        start_ns: process.start_ns,
        throttled_ns: stalls_measured.then_some(process.stalled_ns),
    })
}

/// From `/proc` alone.
pub(super) fn from_proc(pid: u32) -> Option<ProcessRecord> {
    let stat = Stat::read(pid).filter(|stat| stat.state != 'Z')?;
    Some(ProcessRecord {
        pid,
        ppid: stat.ppid,
        ns_pids: proc::ns_pids(pid)?,
        pidns: proc::pidns(pid)?,
        command: proc::command_line(pid),
        start_ns: stat.start_ns(),
        comm: stat.comm,
        throttled_ns: None,
    })
}

/// A map entry for a process that was there before the programs were.
pub(super) fn seed(pid: u32, container: u64) -> Option<Process> {
    let stat = Stat::read(pid).filter(|stat| stat.state != 'Z')?;
    let numbers = proc::ns_pids(pid)?;
    let mut ns_pids = [0; LEVELS];
    for (place, number) in ns_pids.iter_mut().zip(&numbers) {
        *place = *number;
    }
    let mut comm = [0; COMM];
    let name = stat.comm.as_bytes();
    let length = name.len().min(COMM - 1);
    comm[..length].copy_from_slice(&name[..length]);
    Some(Process {
        container,
        start_ns: stat.start_ns(),
        stalled_ns: 0,
        // Namespaces' inodes are 32 bits wide in the kernel.
        pidns: u32::try_from(proc::pidns(pid)?).ok()?,
        ppid: stat.ppid,
        level: u32::try_from(numbers.len()).ok()?.checked_sub(1)?,
        reserved: 0,
        ns_pids,
        comm,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_map_and_proc_agree_on_this_process() {
        let pid = std::process::id();
        let seeded = seed(pid, 7).unwrap();
        let mut expected = from_proc(pid).unwrap();
        expected.throttled_ns = Some(0);
        assert_eq!(from_map(pid, &seeded, true).unwrap(), expected);
        assert_eq!(seeded.container, 7);
    }

    #[test]
    fn a_process_that_is_gone_is_no_process() {
        let mut child = std::process::Command::new("true").spawn().unwrap();
        let pid = child.id();
        let seeded = seed(std::process::id(), 7).unwrap();
        child.wait().unwrap();
        assert_eq!(from_proc(pid), None);
        assert_eq!(from_map(pid, &seeded, true), None);
    }
}
