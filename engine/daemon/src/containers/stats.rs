//! `GET /containers/{id}/stats`: what a container uses, in Docker's shape.

use super::ContainerService;
use super::error::ContainerError;
use super::model::{Container, NetworkMode};
use super::owner::Handle;
use super::runtime::Runtime;
use crate::networks::{Counters, Direction, Endpoint};
use crate::time::Time;
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use hull_api::{
    BlkioEntry, BlkioStats, CpuStats, CpuUsage, MemoryStats, NetworkStats, PidsStats, Stats, ThrottlingData,
};
use hull_runtime::cgroup;
use std::collections::BTreeMap;
use std::fs;
use std::sync::OnceLock;
use std::time::Duration;

/// Between two samples of a stream.
const PERIOD: Duration = Duration::from_secs(1);

impl ContainerService {
    /// One sample, at once. Of a container that doesn't run all numbers are zero, and it was never read.
    ///
    /// # Errors
    /// When there is no such container.
    pub async fn stats_once(&self, key: &str) -> Result<Stats, ContainerError> {
        let handle = self.find(key)?;
        self.sample(&handle).await.ok_or(ContainerError::ShuttingDown)
    }

    /// A sample each second, with the one before it for rates; ends when the container is removed.
    ///
    /// # Errors
    /// When there is no such container.
    pub async fn stats_stream(&self, key: &str) -> Result<BoxStream<'static, Stats>, ContainerError> {
        let handle = self.find(key)?;
        let first = self.stats_once(key).await?;
        let mut ticks = tokio::time::interval(PERIOD);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // The first tick is at once, and its sample stands for "before".
        ticks.tick().await;
        let state = (self.clone(), handle, ticks, first);
        Ok(stream::unfold(state, |(service, handle, mut ticks, before)| async move {
            ticks.tick().await;
            let now = service.next(&handle, before).await?;
            Some((now.clone(), (service, handle, ticks, now)))
        })
        .boxed())
    }

    /// One sample that has the one of a second before, for rates. A container that doesn't run answers at once.
    ///
    /// # Errors
    /// When there is no such container.
    pub async fn stats_with_rates(&self, key: &str) -> Result<Stats, ContainerError> {
        if self.get(key)?.state.run().is_none() {
            return self.stats_once(key).await;
        }
        let mut samples = self.stats_stream(key).await?;
        samples.next().await.ok_or_else(|| ContainerError::NotFound(key.to_owned()))
    }

    async fn next(&self, handle: &Handle, before: Stats) -> Option<Stats> {
        if handle.is_gone() {
            return None;
        }
        let mut now = self.sample(handle).await?;
        now.preread = before.read;
        now.precpu_stats = before.cpu_stats;
        Some(now)
    }

    /// `None`: the engine is going down.
    async fn sample(&self, handle: &Handle) -> Option<Stats> {
        let container = handle.container();
        let interfaces = self.interfaces(&container);
        let runtime = self.shared.runtime.clone();
        tokio::task::spawn_blocking(move || sample(&*runtime, &container, interfaces.as_ref())).await.ok()
    }

    /// The endpoint whose traffic is the container's: another one's, where it shares that one's network.
    pub(super) fn interfaces(&self, container: &Container) -> Option<Endpoint> {
        match container.network_mode() {
            NetworkMode::Container(other) => self.get(&other).ok()?.endpoint.clone(),
            _ => container.endpoint.clone(),
        }
    }
}

fn sample(runtime: &dyn Runtime, container: &Container, endpoint: Option<&Endpoint>) -> Stats {
    let mut stats = Stats { name: format!("/{}", container.name), id: container.id.to_string(), ..Stats::default() };
    if container.state.run().is_none() {
        return stats;
    }
    let Some(measured) = runtime.cgroup(&container.id).and_then(|cgroup| cgroup.stats().ok()) else { return stats };
    stats.read = Time::now().to_string();
    stats.pids_stats = PidsStats { current: measured.pids.current, limit: measured.pids.limit.unwrap_or(u64::MAX) };
    stats.cpu_stats = cpu(measured.cpu);
    stats.memory_stats = memory(measured.memory);
    stats.blkio_stats = blkio(measured.blkio);
    if let Some(endpoint) = endpoint
        && let Some(traffic) = runtime.traffic(endpoint)
    {
        stats.networks = BTreeMap::from([(endpoint.interface.clone(), network(&traffic))]);
    }
    stats
}

fn cpu(cpu: cgroup::CpuStats) -> CpuStats {
    let (system_cpu_usage, online_cpus) = host_cpu();
    CpuStats {
        cpu_usage: CpuUsage {
            total_usage: cpu.usage_ns,
            percpu_usage: cpu.per_cpu_ns,
            usage_in_kernelmode: cpu.system_ns,
            usage_in_usermode: cpu.user_ns,
        },
        system_cpu_usage,
        online_cpus,
        throttling_data: ThrottlingData {
            periods: cpu.throttling.periods,
            throttled_periods: cpu.throttling.throttled_periods,
            throttled_time: cpu.throttling.throttled_ns,
        },
    }
}

fn memory(memory: cgroup::MemoryStats) -> MemoryStats {
    MemoryStats {
        usage: memory.usage,
        max_usage: memory.max_usage.unwrap_or_default(),
        stats: memory.stat,
        failcnt: memory.failcnt,
        // Without a limit of its own a container may use what the host has.
        limit: memory.limit.map_or_else(host_memory, |limit| limit.min(host_memory())),
    }
}

fn blkio(blkio: cgroup::BlkioStats) -> BlkioStats {
    let entries = |list: Vec<cgroup::BlkioEntry>| {
        let entry = |e: cgroup::BlkioEntry| BlkioEntry { major: e.major, minor: e.minor, op: e.op, value: e.value };
        list.into_iter().map(entry).collect()
    };
    BlkioStats {
        io_service_bytes_recursive: entries(blkio.bytes),
        io_serviced_recursive: entries(blkio.operations),
        ..BlkioStats::default()
    }
}

fn network(Counters { rx, tx }: &Counters) -> NetworkStats {
    let Direction { bytes: rx_bytes, packets: rx_packets, errors: rx_errors, dropped: rx_dropped } = *rx;
    let Direction { bytes: tx_bytes, packets: tx_packets, errors: tx_errors, dropped: tx_dropped } = *tx;
    NetworkStats { rx_bytes, rx_packets, rx_errors, rx_dropped, tx_bytes, tx_packets, tx_errors, tx_dropped }
}

/// All CPU time of the host so far, nanoseconds (the denominator of `docker stats`' percentage), and its CPUs that are
/// online. std counts CPUs by the daemon's own quota, and reads the mount table each time to find it.
fn host_cpu() -> (u64, u32) {
    /// `USER_HZ` is 100 on every Linux.
    const NANOSECONDS_PER_TICK: u64 = 10_000_000;
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let mut lines = text.lines().map_while(|line| line.strip_prefix("cpu"));
    // user nice system idle iowait irq softirq steal; guest time is in user already.
    let all = lines.next().unwrap_or_default();
    let ticks: u64 = all.split_whitespace().take(8).filter_map(|n| n.parse::<u64>().ok()).sum();
    (ticks * NANOSECONDS_PER_TICK, u32::try_from(lines.count()).unwrap_or(u32::MAX))
}

fn host_memory() -> u64 {
    static TOTAL: OnceLock<u64> = OnceLock::new();
    *TOTAL.get_or_init(|| {
        let info = rustix::system::sysinfo();
        info.totalram * u64::from(info.mem_unit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_has_used_cpu_time_and_has_memory() {
        let (first, cpus) = host_cpu();
        assert!(first > 0 && host_cpu().0 >= first);
        let online = fs::read_dir("/sys/devices/system/cpu").unwrap().flatten().filter(|entry| {
            let name = entry.file_name().into_string().unwrap();
            let number = name.strip_prefix("cpu").and_then(|number| number.parse::<u32>().ok());
            // The first CPU often has no switch, being always on.
            number.is_some_and(|_| fs::read_to_string(entry.path().join("online")).map_or(true, |on| on.trim() == "1"))
        });
        assert_eq!(usize::try_from(cpus).unwrap(), online.count());
        assert!(host_memory() > 1 << 20);
    }
}
