//! Limits.

use clap::Args;
use hull_api::{HostConfig, ThrottleDevice, Ulimit, UpdateRequest, WeightDevice};

use super::error::RequestError;
use super::values;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct ResourceFlags {
    /// Number of CPUs
    #[arg(long, value_name = "decimal", value_parser = values::nano_cpus, allow_hyphen_values = true)]
    cpus: Option<i64>,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", value_parser = values::bytes, allow_hyphen_values = true)]
    memory: Option<i64>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Swap limit equal to memory plus swap: '-1' to enable unlimited swap
    #[arg(long, value_name = "bytes", value_parser = values::bytes_or_unlimited, allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", value_parser = values::bytes, allow_hyphen_values = true)]
    memory_reservation: Option<i64>,
    /// Tune container memory swappiness (0 to 100)
    #[arg(long, value_name = "int", value_parser = values::int, default_value = "-1", hide_default_value = true, allow_hyphen_values = true)]
    memory_swappiness: i64,
    /// Disable OOM Killer
    #[arg(long)]
    oom_kill_disable: bool,
    /// A process that is out of memory takes the whole container with it (Hull's own; cgroup v2)
    #[arg(long)]
    oom_kill_group: bool,
    /// Tune host's OOM preferences (-1000 to 1000)
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    oom_score_adj: Option<i64>,
    /// CPU shares (relative weight)
    #[arg(short, long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_shares: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_period: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Unused CPU quota that may be spent later, in microseconds (Hull's own)
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_burst: Option<i64>,
    /// Limit CPU real-time period in microseconds
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_rt_period: Option<i64>,
    /// Limit CPU real-time runtime in microseconds
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_rt_runtime: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    cpuset_cpus: String,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    cpuset_mems: String,
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable
    #[arg(long, value_name = "uint16", value_parser = values::uint16)]
    blkio_weight: Option<u16>,
    /// Block IO weight (relative device weight)
    #[arg(long, value_name = "list", value_parser = values::weight_device)]
    blkio_weight_device: Vec<WeightDevice>,
    /// Limit read rate (bytes per second) from a device
    #[arg(long, value_name = "list", value_parser = values::throttle_bps)]
    device_read_bps: Vec<ThrottleDevice>,
    /// Limit write rate (bytes per second) to a device
    #[arg(long, value_name = "list", value_parser = values::throttle_bps)]
    device_write_bps: Vec<ThrottleDevice>,
    /// Limit read rate (IO per second) from a device
    #[arg(long, value_name = "list", value_parser = values::throttle_iops)]
    device_read_iops: Vec<ThrottleDevice>,
    /// Limit write rate (IO per second) to a device
    #[arg(long, value_name = "list", value_parser = values::throttle_iops)]
    device_write_iops: Vec<ThrottleDevice>,
    /// Size of /dev/shm
    #[arg(long, value_name = "bytes", value_parser = values::bytes)]
    shm_size: Option<i64>,
    /// Ulimit options
    #[arg(long, value_name = "ulimit", value_parser = values::ulimit)]
    ulimit: Vec<Ulimit>,
    /// Optional parent cgroup for the container
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    cgroup_parent: String,
}

impl ResourceFlags {
    pub(crate) fn apply(self, host: &mut HostConfig) -> Result<(), RequestError> {
        if self.memory_swappiness != -1 && !(0..=100).contains(&self.memory_swappiness) {
            return Err(RequestError::Swappiness(self.memory_swappiness));
        }
        host.nano_cpus = self.cpus.unwrap_or(0);
        host.memory = self.memory.unwrap_or(0);
        host.pids_limit = Some(self.pids_limit.unwrap_or(0));
        host.memory_swap = self.memory_swap.unwrap_or(0);
        host.memory_reservation = self.memory_reservation.unwrap_or(0);
        host.memory_swappiness = Some(self.memory_swappiness);
        host.oom_kill_disable = Some(self.oom_kill_disable);
        host.oom_kill_group = self.oom_kill_group.then_some(true);
        host.oom_score_adj = self.oom_score_adj.unwrap_or(0);
        host.cpu_shares = self.cpu_shares.unwrap_or(0);
        host.cpu_period = self.cpu_period.unwrap_or(0);
        host.cpu_quota = self.cpu_quota.unwrap_or(0);
        host.cpu_burst = self.cpu_burst.unwrap_or(0);
        host.cpu_realtime_period = self.cpu_rt_period.unwrap_or(0);
        host.cpu_realtime_runtime = self.cpu_rt_runtime.unwrap_or(0);
        host.cpuset_cpus = self.cpuset_cpus;
        host.cpuset_mems = self.cpuset_mems;
        host.blkio_weight = self.blkio_weight.unwrap_or(0);
        host.blkio_weight_device = self.blkio_weight_device;
        host.blkio_device_read_bps = self.device_read_bps;
        host.blkio_device_write_bps = self.device_write_bps;
        host.blkio_device_read_iops = self.device_read_iops;
        host.blkio_device_write_iops = self.device_write_iops;
        host.shm_size = self.shm_size.unwrap_or(0);
        host.ulimits = by_name(self.ulimit);
        host.cgroup_parent = self.cgroup_parent;
        Ok(())
    }
}

/// The last of a name wins, in the order of the names.
fn by_name(mut list: Vec<Ulimit>) -> Vec<Ulimit> {
    list.reverse();
    list.sort_by(|a, b| a.name.cmp(&b.name));
    list.dedup_by(|a, b| a.name == b.name);
    list
}

/// The limits that `update` can change while a container runs.
#[derive(Debug, Args)]
pub(crate) struct UpdateFlags {
    /// Number of CPUs
    #[arg(long, value_name = "decimal", value_parser = values::nano_cpus)]
    cpus: Option<i64>,
    /// Memory limit
    #[arg(short, long, value_name = "bytes", value_parser = values::bytes)]
    memory: Option<i64>,
    /// Swap limit equal to memory plus swap: -1 to enable unlimited swap
    #[arg(long, value_name = "bytes", value_parser = values::bytes_or_unlimited, allow_hyphen_values = true)]
    memory_swap: Option<i64>,
    /// Memory soft limit
    #[arg(long, value_name = "bytes", value_parser = values::bytes)]
    memory_reservation: Option<i64>,
    /// Tune container pids limit (set -1 for unlimited)
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    pids_limit: Option<i64>,
    /// Block IO (relative weight), between 10 and 1000, or 0 to disable
    #[arg(long, value_name = "uint16", value_parser = values::uint16)]
    blkio_weight: Option<u16>,
    /// CPU shares (relative weight)
    #[arg(short, long, value_name = "int", value_parser = values::int)]
    cpu_shares: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) period
    #[arg(long, value_name = "int", value_parser = values::int)]
    cpu_period: Option<i64>,
    /// Limit CPU CFS (Completely Fair Scheduler) quota
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_quota: Option<i64>,
    /// Unused CPU quota that may be spent later, in microseconds; -1 for none (Hull's own)
    #[arg(long, value_name = "int", value_parser = values::int, allow_hyphen_values = true)]
    cpu_burst: Option<i64>,
    /// Whether a process that is out of memory takes the whole container with it (Hull's own; cgroup v2)
    #[arg(long, value_name = "true|false", value_parser = values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    oom_kill_group: Option<bool>,
    /// Limit the CPU real-time period in microseconds
    #[arg(long, value_name = "int", value_parser = values::int)]
    cpu_rt_period: Option<i64>,
    /// Limit the CPU real-time runtime in microseconds
    #[arg(long, value_name = "int", value_parser = values::int)]
    cpu_rt_runtime: Option<i64>,
    /// CPUs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string")]
    cpuset_cpus: Option<String>,
    /// MEMs in which to allow execution (0-3, 0,1)
    #[arg(long, value_name = "string")]
    cpuset_mems: Option<String>,
    /// Restart policy to apply when a container exits
    #[arg(long, value_name = "string")]
    restart: Option<String>,
}

impl UpdateFlags {
    pub(crate) fn request(&self) -> Result<UpdateRequest, RequestError> {
        Ok(UpdateRequest {
            nano_cpus: self.cpus.unwrap_or(0),
            memory: self.memory.unwrap_or(0),
            memory_swap: self.memory_swap.unwrap_or(0),
            memory_reservation: self.memory_reservation.unwrap_or(0),
            pids_limit: self.pids_limit,
            blkio_weight: self.blkio_weight.unwrap_or(0),
            cpu_shares: self.cpu_shares.unwrap_or(0),
            cpu_period: self.cpu_period.unwrap_or(0),
            cpu_quota: self.cpu_quota.unwrap_or(0),
            cpu_burst: self.cpu_burst.unwrap_or(0),
            oom_kill_group: self.oom_kill_group,
            cpu_realtime_period: self.cpu_rt_period.unwrap_or(0),
            cpu_realtime_runtime: self.cpu_rt_runtime.unwrap_or(0),
            cpuset_cpus: self.cpuset_cpus.clone().unwrap_or_default(),
            cpuset_mems: self.cpuset_mems.clone().unwrap_or_default(),
            kernel_memory: 0,
            restart_policy: super::basic::restart_policy(self.restart.as_deref().unwrap_or(""))?,
        })
    }

    /// Docker refuses an `update` that changes nothing.
    pub(crate) fn is_empty(&self) -> bool {
        self.request().is_ok_and(|request| request == UpdateRequest::default())
    }
}
