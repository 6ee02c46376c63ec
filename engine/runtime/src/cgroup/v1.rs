//! v1 limits and devices, through the controllers of `cgroups-rs`.

use super::device::{Access, DeviceKind, DeviceRule};
use super::hierarchies::Controller;
use super::limits::{Block, UNLIMITED, V1Limit};
use super::{CgroupError, Warning};
use cgroups_rs::fs::MaxValue;
use cgroups_rs::fs::blkio::BlkIoController;
use cgroups_rs::fs::cpu::CpuController;
use cgroups_rs::fs::cpuset::CpuSetController;
use cgroups_rs::fs::devices::{DevicePermissions, DeviceType, DevicesController};
use cgroups_rs::fs::error::Error;
use cgroups_rs::fs::memory::MemController;
use cgroups_rs::fs::pid::PidController;
use std::error::Error as _;
use std::io;
use std::path::{Path, PathBuf};

/// Microseconds of unused quota that may be saved up.
const BURST: &str = "cpu.cfs_burst_us";

/// The directory of a container in each v1 hierarchy.
pub(crate) trait Directories {
    /// Where the container is for this controller, if the host has it.
    fn dir(&self, controller: Controller) -> Option<PathBuf>;
}

/// Applies limits one by one. One that the kernel lacks becomes a warning.
pub(crate) fn apply(dirs: &impl Directories, limits: &[V1Limit]) -> Result<Vec<Warning>, CgroupError> {
    let mut warnings = Vec::new();
    for limit in burst_order(dirs, memory_order(dirs, limits)) {
        match set(dirs, limit) {
            Ok(()) => {}
            // cgroups-rs opens with O_CREAT, which cgroupfs answers with EACCES where the file is missing.
            Err(error) if lacks(&error) || error.raw_os_error() == Some(nix::libc::EACCES) => {
                warnings.push(Warning { limit: limit.name(), value: limit.value() })
            }
            Err(source) => return Err(CgroupError::Limit { limit: limit.name(), value: limit.value(), source }),
        }
    }
    Ok(warnings)
}

/// The kernel keeps memory <= memory + swap at every moment, so when both grow on a live container the sum has to
/// be written first. A fresh cgroup has both unlimited and takes the declared order.
fn memory_order<'a>(dirs: &impl Directories, limits: &'a [V1Limit]) -> Vec<&'a V1Limit> {
    let mut ordered: Vec<_> = limits.iter().collect();
    if let [V1Limit::Memory(memory), V1Limit::MemorySwap(_), ..] = limits
        && let Some(dir) = dirs.dir(Controller::Memory)
        && let Ok(sum) = super::parse::number(&dir.join("memory.memsw.limit_in_bytes"))
        && (*memory == UNLIMITED || u64::try_from(*memory).is_ok_and(|m| m > sum))
    {
        ordered.swap(0, 1);
    }
    ordered
}

/// The kernel keeps burst <= quota at every moment: one that shrinks goes before the quota, one that grows after it.
fn burst_order<'a>(dirs: &impl Directories, mut limits: Vec<&'a V1Limit>) -> Vec<&'a V1Limit> {
    let burst = limits.iter().position(|limit| matches!(limit, V1Limit::CpuBurst(_)));
    let quota = limits.iter().position(|limit| matches!(limit, V1Limit::CpuQuota(_)));
    if let (Some(burst), Some(quota)) = (burst, quota)
        && let V1Limit::CpuBurst(wanted) = limits[burst]
        && let Some(dir) = dirs.dir(Controller::Cpu)
        && super::parse::number(&dir.join(BURST)).is_ok_and(|now| *wanted < now)
    {
        limits[quota..=burst].rotate_right(1);
    }
    limits
}

fn set(dirs: &impl Directories, limit: &V1Limit) -> io::Result<()> {
    let at = |controller| dirs.dir(controller).ok_or_else(|| io::Error::from_raw_os_error(nix::libc::ENOENT));
    let memory = || at(Controller::Memory).map(|dir| MemController::new(dir, PathBuf::new(), false));
    let cpu = || at(Controller::Cpu).map(|dir| CpuController::new(dir, PathBuf::new(), false));
    let cpuset = || at(Controller::Cpuset).map(|dir| CpuSetController::new(dir, PathBuf::new(), false));
    let blkio = || at(Controller::Blkio).map(|dir| BlkIoController::new(dir, PathBuf::new(), false));
    let result = match limit {
        V1Limit::Memory(n) => memory()?.set_limit(*n),
        V1Limit::MemorySwap(n) => memory()?.set_memswap_limit(*n),
        V1Limit::MemoryReservation(n) => memory()?.set_soft_limit(*n),
        V1Limit::Swappiness(n) => memory()?.set_swappiness(*n),
        V1Limit::OomKillDisable => memory()?.disable_oom_killer(),
        V1Limit::CpuShares(n) => cpu()?.set_shares(*n),
        V1Limit::CpuPeriod(n) => cpu()?.set_cfs_period(*n),
        V1Limit::CpuQuota(n) => cpu()?.set_cfs_quota(*n),
        // Linux 5.14; cgroups-rs does not know it.
        V1Limit::CpuBurst(n) => return super::v2::write(&at(Controller::Cpu)?.join(BURST), &n.to_string()),
        V1Limit::RealtimePeriod(n) => cpu()?.set_rt_period_us(*n),
        V1Limit::RealtimeRuntime(n) => {
            return super::real_time::set_runtime(&at(Controller::Cpu)?, *n);
        }
        V1Limit::CpusetCpus(list) => cpuset()?.set_cpus(list),
        V1Limit::CpusetMems(list) => cpuset()?.set_mems(list),
        V1Limit::Pids(n) => {
            let max = if *n == UNLIMITED { MaxValue::Max } else { MaxValue::Value(*n) };
            at(Controller::Pids).map(|dir| PidController::new(dir, PathBuf::new(), false))?.set_pid_max(max)
        }
        V1Limit::BlkioWeight(w) => blkio()?.set_weight(u64::from(*w)),
        V1Limit::BlkioWeightDevice(d, w) => {
            let (major, minor) = numbers(*d)?;
            blkio()?.set_weight_for_device(major, minor, u64::from(*w))
        }
        V1Limit::ReadBps(d, n) => {
            numbers(*d).map(|(a, i)| blkio().map(|b| b.throttle_read_bps_for_device(a, i, *n)))??
        }
        V1Limit::WriteBps(d, n) => {
            numbers(*d).map(|(a, i)| blkio().map(|b| b.throttle_write_bps_for_device(a, i, *n)))??
        }
        V1Limit::ReadIops(d, n) => {
            numbers(*d).map(|(a, i)| blkio().map(|b| b.throttle_read_iops_for_device(a, i, *n)))??
        }
        V1Limit::WriteIops(d, n) => {
            numbers(*d).map(|(a, i)| blkio().map(|b| b.throttle_write_iops_for_device(a, i, *n)))??
        }
    };
    result.map_err(|e| io_error(&e))
}

fn numbers(block: Block) -> io::Result<(u64, u64)> {
    match (u64::try_from(block.major), u64::try_from(block.minor)) {
        (Ok(major), Ok(minor)) => Ok((major, minor)),
        _ => Err(io::Error::from_raw_os_error(nix::libc::ENODEV)),
    }
}

/// Writes the rules, in their order, to `devices.deny` and `devices.allow`.
pub(crate) fn apply_devices(dir: &Path, rules: &[DeviceRule]) -> Result<(), CgroupError> {
    let controller = DevicesController::new(dir.to_owned(), PathBuf::new());
    for rule in rules {
        let kind = match rule.kind {
            DeviceKind::All => DeviceType::All,
            DeviceKind::Block => DeviceType::Block,
            DeviceKind::Char => DeviceType::Char,
        };
        let permissions = permissions(rule.access);
        let (major, minor) = (rule.major.map_or(-1, i64::from), rule.minor.map_or(-1, i64::from));
        let result = if rule.allow {
            controller.allow_device(kind, major, minor, &permissions)
        } else {
            controller.deny_device(kind, major, minor, &permissions)
        };
        result.map_err(|e| CgroupError::Device { rule: rule.to_string(), source: io_error(&e) })?;
    }
    Ok(())
}

fn permissions(access: Access) -> Vec<DevicePermissions> {
    let all = [
        (Access::READ, DevicePermissions::Read),
        (Access::WRITE, DevicePermissions::Write),
        (Access::MKNOD, DevicePermissions::MkNod),
    ];
    all.into_iter().filter(|(bit, _)| access.contains(*bit)).map(|(_, p)| p).collect()
}

/// The kernel has no such file, or says that it cannot.
pub(crate) fn lacks(error: &io::Error) -> bool {
    use nix::libc::{ENOENT, EOPNOTSUPP};
    matches!(error.raw_os_error(), Some(ENOENT | EOPNOTSUPP))
}

/// `cgroups-rs` keeps the kernel's error as the source of its own.
fn io_error(error: &Error) -> io::Error {
    match error.source().and_then(|s| s.downcast_ref::<io::Error>()).and_then(io::Error::raw_os_error) {
        Some(errno) => io::Error::from_raw_os_error(errno),
        None => io::Error::other(error.to_string()),
    }
}
