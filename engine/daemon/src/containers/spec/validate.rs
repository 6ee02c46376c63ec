//! Checks at create (and update): Docker's messages for what is wrong, its warnings for what the kernel lacks.

use super::cpuset;
use super::invalid::Invalid;
use super::{devices, namespaces, process, resources, rlimits, security};
use hull_api::{ContainerConfig, HostConfig};
use hull_runtime::cgroup::Driver;
use hull_runtime::features::{Features, LimitSupport};

/// 6 MB: below that runc could not start its own init, and clients know the number.
const MIN_MEMORY: i64 = 6 << 20;

/// What this engine calls its way to run containers.
pub const RUNTIME: &str = "hull";

/// Names that mean it: scripts and clients ask for Docker's default by name.
const RUNTIMES: [&str; 4] = ["", RUNTIME, "runc", "io.containerd.runc.v2"];

/// Checks a request that is already merged with the image's configuration. What the kernel lacks is taken out of
/// `host` and named in the answer.
///
/// # Errors
/// The first thing that makes no sense.
pub fn validate(
    config: &mut ContainerConfig,
    host: &mut HostConfig,
    features: &Features,
) -> Result<Vec<String>, Invalid> {
    let mut warnings = Warnings(Vec::new());
    check_process(config)?;
    limits(host, features, false, &mut warnings)?;
    namespaces::check(host)?;
    if host.shm_size < 0 {
        return Err(Invalid::ShmSize);
    }
    if !(-1000..=1000).contains(&host.oom_score_adj) {
        return Err(Invalid::OomScoreAdj(host.oom_score_adj));
    }
    if host.network_mode == "host" && host.port_bindings.values().flatten().any(|bindings| !bindings.is_empty()) {
        warnings.say("Published ports are discarded when using host network mode");
    }
    tmpfs(host)?;
    host_files(config, host)?;
    rlimits::check(host)?;
    devices::check(host)?;
    security::check(host, features)?;
    warnings.0.extend(process::warnings(host, features)?);
    if host.cgroupns_mode == "private" && !features.kernel.cgroup_namespaces {
        warnings.say("Your kernel does not support cgroup namespaces.  Cgroup namespace setting discarded.");
        "host".clone_into(&mut host.cgroupns_mode);
    }
    if !RUNTIMES.contains(&host.runtime.as_str()) {
        return Err(Invalid::Runtime(host.runtime.clone()));
    }
    if !host.storage_opt.is_empty() {
        return Err(Invalid::StorageOpt);
    }
    Ok(warnings.0)
}

/// Who makes the container's cgroup, and below what.
///
/// # Errors
/// When the engine's driver knows no such place as the user wants it to be in.
pub fn cgroup_driver(host: &HostConfig, engine: &Driver) -> Result<Driver, Invalid> {
    let path = &host.cgroup_parent;
    engine.with_parent(path).map_err(|source| Invalid::CgroupParent { path: path.clone(), source })
}

/// Checks the limits of an update: `host` is what would hold after it.
///
/// # Errors
/// The first thing that makes no sense.
pub fn validate_update(host: &mut HostConfig, features: &Features) -> Result<Vec<String>, Invalid> {
    let mut warnings = Warnings(Vec::new());
    limits(host, features, true, &mut warnings)?;
    Ok(warnings.0)
}

struct Warnings(Vec<String>);

impl Warnings {
    fn say(&mut self, text: impl Into<String>) {
        self.0.push(text.into());
    }

    /// Takes a value out that the kernel has no use for.
    fn discard<T: Default + PartialEq>(&mut self, has: bool, field: &mut T, text: &str) {
        if !has && *field != T::default() {
            self.say(text);
            *field = T::default();
        }
    }
}

fn check_process(config: &mut ContainerConfig) -> Result<(), Invalid> {
    if !config.working_dir.is_empty() {
        if !config.working_dir.starts_with('/') {
            return Err(Invalid::WorkingDir(config.working_dir.clone()));
        }
        config.working_dir = crate::containers::mounts::clean(&config.working_dir);
    }
    let nameless = config.env.iter().find(|entry| entry.is_empty() || entry.starts_with('='));
    nameless.map_or(Ok(()), |entry| Err(Invalid::Env(entry.clone())))
}

fn limits(host: &mut HostConfig, features: &Features, update: bool, warnings: &mut Warnings) -> Result<(), Invalid> {
    memory(host, &features.limits, update, warnings)?;
    cpu(host, features, warnings)?;
    burst(host, features.limits.cpu_burst, warnings)?;
    cpusets(host, features, warnings)?;
    block_io(host, &features.limits, warnings)
}

fn memory(host: &mut HostConfig, has: &LimitSupport, update: bool, warnings: &mut Warnings) -> Result<(), Invalid> {
    if host.memory > 0 && !has.memory {
        warnings.say("Your kernel does not support memory limit capabilities or the cgroup is not mounted. Limitation discarded.");
        host.memory = 0;
        host.memory_swap = -1;
    }
    if host.memory != 0 && host.memory < MIN_MEMORY {
        return Err(Invalid::MemoryTooSmall);
    }
    if host.memory > 0 && host.memory_swap != -1 && !has.swap {
        warnings.say("Your kernel does not support swap limit capabilities or the cgroup is not mounted. Memory limited without swap.");
        host.memory_swap = -1;
    }
    if host.memory > 0 && host.memory_swap > 0 && host.memory_swap < host.memory {
        return Err(Invalid::SwapBelowMemory);
    }
    if host.memory == 0 && host.memory_swap > 0 && !update {
        return Err(Invalid::SwapWithoutMemory);
    }
    // -1 is how old clients spell "not set".
    host.memory_swappiness = host.memory_swappiness.filter(|value| *value != -1);
    let text = "Your kernel does not support memory swappiness capabilities or the cgroup is not mounted. Memory swappiness discarded.";
    warnings.discard(has.swappiness, &mut host.memory_swappiness, text);
    if let Some(value) = host.memory_swappiness.filter(|value| !(0..=100).contains(value)) {
        return Err(Invalid::Swappiness(value));
    }
    let text = "Your kernel does not support memory soft limit capabilities or the cgroup is not mounted. Limitation discarded.";
    warnings.discard(has.reservation, &mut host.memory_reservation, text);
    if host.memory_reservation > 0 && host.memory_reservation < MIN_MEMORY {
        return Err(Invalid::ReservationTooSmall);
    }
    if host.memory > 0 && host.memory_reservation > 0 && host.memory < host.memory_reservation {
        return Err(Invalid::MemoryBelowReservation);
    }
    oom_and_pids(host, has, warnings);
    Ok(())
}

fn oom_and_pids(host: &mut HostConfig, has: &LimitSupport, warnings: &mut Warnings) {
    if host.oom_kill_disable.is_some() && !has.oom_kill_disable {
        // Who wanted the killer on has what he wanted.
        if host.oom_kill_disable == Some(true) {
            warnings.say("Your kernel does not support OomKillDisable. OomKillDisable discarded.");
        }
        host.oom_kill_disable = None;
    }
    if host.oom_kill_disable == Some(true) && host.memory == 0 {
        warnings.say("OOM killer is disabled for the container, but no memory limit is set, this can result in the system running out of resources.");
    }
    if host.oom_kill_group.is_some() && !has.oom_kill_group {
        // Only cgroup v2 has it, and elsewhere nobody misses what he has not asked for.
        if host.oom_kill_group == Some(true) {
            warnings
                .say("Your kernel does not support OomKillGroup, or cgroup v2 is not in use. OomKillGroup discarded.");
        }
        host.oom_kill_group = None;
    }
    if !has.pids {
        if host.pids_limit.is_some_and(|limit| limit > 0) {
            warnings.say("Your kernel does not support PIDs limit capabilities or the cgroup is not mounted. PIDs limit discarded.");
        }
        host.pids_limit = None;
    }
    // Gone from cgroups since Linux 5.16, and from Docker before that.
    host.kernel_memory = 0;
    host.kernel_memory_tcp = 0;
}

fn cpu(host: &mut HostConfig, features: &Features, warnings: &mut Warnings) -> Result<(), Invalid> {
    let has = &features.limits;
    if host.nano_cpus > 0 {
        if host.cpu_period > 0 {
            return Err(Invalid::NanoCpusAnd("Period"));
        }
        if host.cpu_quota > 0 {
            return Err(Invalid::NanoCpusAnd("Quota"));
        }
        if !has.cpu_cfs {
            return Err(Invalid::NoCfs);
        }
    }
    let most = i64::try_from(features.cpus).unwrap_or(i64::MAX).saturating_mul(1_000_000_000);
    if host.nano_cpus < 0 || host.nano_cpus > most {
        return Err(Invalid::CpusOutOfRange(features.cpus));
    }
    if host.cpu_shares < 0 {
        return Err(Invalid::CpuShares(host.cpu_shares));
    }
    let text = "Your kernel does not support CPU shares or the cgroup is not mounted. Shares discarded.";
    warnings.discard(has.cpu_shares, &mut host.cpu_shares, text);
    if (host.cpu_period != 0 || host.cpu_quota != 0) && !has.cpu_cfs {
        warnings.say("Your kernel does not support CPU CFS scheduler. CPU period/quota discarded.");
        host.cpu_period = 0;
        host.cpu_quota = 0;
    }
    if host.cpu_period != 0 && !(1000..=1_000_000).contains(&host.cpu_period) {
        return Err(Invalid::CpuPeriod);
    }
    if host.cpu_quota > 0 && host.cpu_quota < 1000 {
        return Err(Invalid::CpuQuota);
    }
    let text = "Your kernel does not support CPU real-time scheduler. CPU real-time settings discarded.";
    let mut real_time = (host.cpu_realtime_period, host.cpu_realtime_runtime);
    warnings.discard(has.cpu_realtime, &mut real_time, text);
    (host.cpu_realtime_period, host.cpu_realtime_runtime) = real_time;
    warnings.discard(false, &mut host.cpu_percent, "linux does not support CPU percent. Percent discarded.");
    Ok(())
}

/// The kernel's own rules, told before a container exists.
fn burst(host: &mut HostConfig, has: bool, warnings: &mut Warnings) -> Result<(), Invalid> {
    let text = "Your kernel does not support CPU burst or the cgroup is not mounted. CPU burst discarded.";
    warnings.discard(has, &mut host.cpu_burst, text);
    let quota = if host.nano_cpus > 0 { resources::quota_of(host.nano_cpus) } else { host.cpu_quota };
    match host.cpu_burst {
        0 | -1 => Ok(()),
        below @ ..-1 => Err(Invalid::CpuBurst(below)),
        _ if quota <= 0 => Err(Invalid::CpuBurstWithoutQuota),
        more if more > quota => Err(Invalid::CpuBurstAboveQuota(quota)),
        _ => Ok(()),
    }
}

fn cpusets(host: &mut HostConfig, features: &Features, warnings: &mut Warnings) -> Result<(), Invalid> {
    let asked = !host.cpuset_cpus.is_empty() || !host.cpuset_mems.is_empty();
    if asked && !features.limits.cpuset {
        warnings.say("Your kernel does not support cpuset or the cgroup is not mounted. Cpuset discarded.");
        host.cpuset_cpus.clear();
        host.cpuset_mems.clear();
    }
    cpuset::check("cpus", &host.cpuset_cpus, &features.cpuset.cpus)?;
    cpuset::check("mems", &host.cpuset_mems, &features.cpuset.mems)
}

fn block_io(host: &mut HostConfig, has: &LimitSupport, warnings: &mut Warnings) -> Result<(), Invalid> {
    let text = "Your kernel does not support Block I/O weight or the cgroup is not mounted. Weight discarded.";
    warnings.discard(has.blkio_weight, &mut host.blkio_weight, text);
    if host.blkio_weight > 0 && !(10..=1000).contains(&host.blkio_weight) {
        return Err(Invalid::BlkioWeight);
    }
    if host.io_maximum_bandwidth != 0 || host.io_maximum_iops != 0 {
        return Err(Invalid::WindowsIo);
    }
    let text =
        "Your kernel does not support Block I/O weight_device or the cgroup is not mounted. Weight-device discarded.";
    warnings.discard(has.blkio_weight_device, &mut host.blkio_weight_device, text);
    let prefix = "Your kernel does not support";
    let mounted = "or the cgroup is not mounted. Block I/O";
    for (list, what, short) in [
        (&mut host.blkio_device_read_bps, "BPS Block I/O read limit", "BPS read limit"),
        (&mut host.blkio_device_write_bps, "BPS Block I/O write limit", "BPS write limit"),
        (&mut host.blkio_device_read_iops, "IOPS Block read limit", "IOPS read limit"),
        (&mut host.blkio_device_write_iops, "IOPS Block write limit", "IOPS write limit"),
    ] {
        warnings.discard(has.blkio_throttle, list, &format!("{prefix} {what} {mounted} {short} discarded."));
    }
    Ok(())
}

fn tmpfs(host: &HostConfig) -> Result<(), Invalid> {
    for (target, options) in &host.tmpfs {
        if !target.starts_with('/') || target == "/" {
            return Err(Invalid::TmpfsTarget(target.clone()));
        }
        for option in options.split(',').filter(|option| !option.is_empty()) {
            let name = option.split('=').next().unwrap_or(option);
            if !TMPFS_OPTIONS.contains(&name) {
                return Err(Invalid::TmpfsOption { option: option.to_owned() });
            }
        }
    }
    Ok(())
}

/// What Docker lets through to a tmpfs.
const TMPFS_OPTIONS: &[&str] = &[
    "defaults",
    "ro",
    "rw",
    "suid",
    "nosuid",
    "dev",
    "nodev",
    "exec",
    "noexec",
    "sync",
    "async",
    "dirsync",
    "remount",
    "mand",
    "nomand",
    "atime",
    "noatime",
    "diratime",
    "nodiratime",
    "relatime",
    "norelatime",
    "strictatime",
    "nostrictatime",
    "private",
    "rprivate",
    "slave",
    "rslave",
    "shared",
    "rshared",
    "unbindable",
    "runbindable",
    "bind",
    "rbind",
    "mode",
    "uid",
    "gid",
    "nr_inodes",
    "nr_blocks",
    "size",
    "mpol",
];

/// With the host's own files there is nothing to mount, and nothing of the host's may change.
fn host_files(config: &mut ContainerConfig, host: &HostConfig) -> Result<(), Invalid> {
    match host.mnt_mode.as_str() {
        "" | "private" => return Ok(()),
        "host" => {}
        other => return Err(Invalid::MntMode(other.to_owned())),
    }
    let conflicts = [
        (!host.binds.is_empty() || !host.mounts.is_empty() || !host.volumes_from.is_empty(), "a volume"),
        (!host.tmpfs.is_empty(), "a tmpfs"),
        (host.readonly_rootfs, "a read-only root"),
        (!host.devices.is_empty(), "a device"),
    ];
    if let Some((_, what)) = conflicts.into_iter().find(|(is, _)| *is) {
        return Err(Invalid::WithHostFiles(what));
    }
    // What is left are the image's own VOLUMEs: they have no place here.
    config.volumes.clear();
    Ok(())
}
