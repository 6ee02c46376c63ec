//! Limits as values: the OCI resources, translated for v1 (typed, applied by `cgroups-rs`) and for v2 (file and
//! text). Nothing here touches the kernel.

use oci_spec::runtime::{LinuxBlockIo, LinuxCpu, LinuxMemory, LinuxResources, LinuxThrottleDevice};

/// No limit, in OCI's and in v1's notation.
pub(crate) const UNLIMITED: i64 = -1;

/// One v1 limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum V1Limit {
    Memory(i64),
    MemorySwap(i64),
    MemoryReservation(i64),
    Swappiness(u64),
    OomKillDisable,
    CpuShares(u64),
    CpuPeriod(u64),
    CpuQuota(i64),
    CpuBurst(u64),
    RealtimePeriod(u64),
    RealtimeRuntime(i64),
    CpusetCpus(String),
    CpusetMems(String),
    Pids(i64),
    BlkioWeight(u16),
    BlkioWeightDevice(Block, u16),
    ReadBps(Block, u64),
    WriteBps(Block, u64),
    ReadIops(Block, u64),
    WriteIops(Block, u64),
}

/// A block device's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) major: i64,
    pub(crate) minor: i64,
}

impl V1Limit {
    /// Docker's word for it, for warnings and errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Memory(_) => "memory limit",
            Self::MemorySwap(_) => "swap limit",
            Self::MemoryReservation(_) => "memory reservation",
            Self::Swappiness(_) => "memory swappiness",
            Self::OomKillDisable => "OomKillDisable",
            Self::CpuShares(_) => "CPU shares",
            Self::CpuPeriod(_) => "CPU CFS period",
            Self::CpuQuota(_) => "CPU CFS quota",
            Self::CpuBurst(_) => "CPU burst",
            Self::RealtimePeriod(_) => "CPU real-time period",
            Self::RealtimeRuntime(_) => "CPU real-time runtime",
            Self::CpusetCpus(_) => "cpuset cpus",
            Self::CpusetMems(_) => "cpuset mems",
            Self::Pids(_) => "PIDs limit",
            Self::BlkioWeight(_) => "Block I/O weight",
            Self::BlkioWeightDevice(..) => "Block I/O weight_device",
            Self::ReadBps(..) => "BPS Block I/O read limit",
            Self::WriteBps(..) => "BPS Block I/O write limit",
            Self::ReadIops(..) => "IOPS Block read limit",
            Self::WriteIops(..) => "IOPS Block I/O write limit",
        }
    }

    /// The value as a person would say it.
    pub(crate) fn value(&self) -> String {
        match self {
            Self::Memory(n) | Self::MemorySwap(n) | Self::MemoryReservation(n) => n.to_string(),
            Self::CpuQuota(n) | Self::RealtimeRuntime(n) | Self::Pids(n) => n.to_string(),
            Self::Swappiness(n) | Self::CpuShares(n) | Self::RealtimePeriod(n) => n.to_string(),
            Self::CpuPeriod(n) | Self::CpuBurst(n) => n.to_string(),
            Self::OomKillDisable => "true".to_owned(),
            Self::CpusetCpus(s) | Self::CpusetMems(s) => s.clone(),
            Self::BlkioWeight(w) => w.to_string(),
            Self::BlkioWeightDevice(d, w) => format!("{}:{} {w}", d.major, d.minor),
            Self::ReadBps(d, n) | Self::WriteBps(d, n) | Self::ReadIops(d, n) | Self::WriteIops(d, n) => {
                format!("{}:{} {n}", d.major, d.minor)
            }
        }
    }
}

/// The v1 limits, in an order that the kernel takes for a fresh cgroup: memory before memory + swap, period
/// before quota before burst. A live update needs care with the first pair and with the last, see `v1::apply`.
pub(crate) fn v1(resources: &LinuxResources) -> Vec<V1Limit> {
    let mut out = Vec::new();
    if let Some(memory) = resources.memory() {
        out.extend(memory.limit().map(V1Limit::Memory));
        out.extend(memory.swap().map(V1Limit::MemorySwap));
        out.extend(memory.reservation().map(V1Limit::MemoryReservation));
        out.extend(memory.swappiness().map(V1Limit::Swappiness));
        out.extend(memory.disable_oom_killer().unwrap_or(false).then_some(V1Limit::OomKillDisable));
    }
    if let Some(cpu) = resources.cpu() {
        out.extend(cpu.shares().map(V1Limit::CpuShares));
        out.extend(cpu.period().map(V1Limit::CpuPeriod));
        out.extend(cpu.quota().map(V1Limit::CpuQuota));
        out.extend(cpu.burst().map(V1Limit::CpuBurst));
        out.extend(cpu.realtime_period().map(V1Limit::RealtimePeriod));
        out.extend(cpu.realtime_runtime().map(V1Limit::RealtimeRuntime));
        out.extend(cpu.cpus().clone().map(V1Limit::CpusetCpus));
        out.extend(cpu.mems().clone().map(V1Limit::CpusetMems));
    }
    out.extend(pids(resources).map(V1Limit::Pids));
    if let Some(io) = resources.block_io() {
        out.extend(io.weight().map(V1Limit::BlkioWeight));
        for device in io.weight_device().iter().flatten() {
            let block = Block { major: device.major(), minor: device.minor() };
            out.extend(device.weight().map(|w| V1Limit::BlkioWeightDevice(block, w)));
        }
        let mut throttles = |list: &Option<Vec<LinuxThrottleDevice>>, limit: fn(Block, u64) -> V1Limit| {
            out.extend(blocks(list).map(|(block, rate)| limit(block, rate)));
        };
        throttles(io.throttle_read_bps_device(), V1Limit::ReadBps);
        throttles(io.throttle_write_bps_device(), V1Limit::WriteBps);
        throttles(io.throttle_read_iops_device(), V1Limit::ReadIops);
        throttles(io.throttle_write_iops_device(), V1Limit::WriteIops);
    }
    out
}

/// One v2 limit: a file of the cgroup and what to write there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct V2Limit {
    pub(crate) name: &'static str,
    pub(crate) file: &'static str,
    pub(crate) value: String,
}

/// Never above the quota of `cpu.max`: see `v2::apply`.
pub(crate) const CPU_BURST: &str = "cpu.max.burst";
/// There while the scheduler is: its module may be loaded at any time.
pub(crate) const BFQ_WEIGHT: &str = "io.bfq.weight";
/// The file that makes a cgroup one victim for the OOM killer.
const OOM_GROUP: &str = "memory.oom.group";

/// What v2 has no word for is left out and named in the second list (with its value), so that it is a warning.
/// `bfq`: whether the kernel has BFQ's weight, which its other file for weights knows nothing of.
pub(crate) fn v2(resources: &LinuxResources, bfq: bool) -> (Vec<V2Limit>, Vec<V1Limit>) {
    let mut out = Vec::new();
    let mut lacking = Vec::new();
    if let Some(memory) = resources.memory() {
        v2_memory(memory, &mut out);
        lacking.extend(memory.swappiness().map(V1Limit::Swappiness));
        lacking.extend(memory.disable_oom_killer().unwrap_or(false).then_some(V1Limit::OomKillDisable));
    }
    if let Some(cpu) = resources.cpu() {
        v2_cpu(cpu, &mut out);
        lacking.extend(cpu.realtime_period().map(V1Limit::RealtimePeriod));
        lacking.extend(cpu.realtime_runtime().map(V1Limit::RealtimeRuntime));
    }
    let group = resources.unified().as_ref().and_then(|files| files.get(OOM_GROUP));
    out.extend(group.map(|value| V2Limit { name: "OomKillGroup", file: OOM_GROUP, value: value.clone() }));
    if let Some(limit) = pids(resources) {
        out.push(V2Limit { name: "PIDs limit", file: "pids.max", value: bytes(limit) });
    }
    if let Some(io) = resources.block_io() {
        v2_io(io, bfq, &mut out);
    }
    (out, lacking)
}

fn v2_memory(memory: &LinuxMemory, out: &mut Vec<V2Limit>) {
    if let Some(swap) = memory.swap() {
        // OCI and v1 count memory and swap together, v2 counts swap alone.
        let value = match memory.limit() {
            _ if swap == UNLIMITED => Some("max".to_owned()),
            Some(limit) if limit > 0 && swap >= limit => Some((swap - limit).to_string()),
            _ => None,
        };
        out.extend(value.map(|value| V2Limit { name: "swap limit", file: "memory.swap.max", value }));
    }
    if let Some(limit) = memory.limit() {
        out.push(V2Limit { name: "memory limit", file: "memory.max", value: bytes(limit) });
    }
    if let Some(low) = memory.reservation() {
        out.push(V2Limit { name: "memory reservation", file: "memory.low", value: bytes(low) });
    }
}

fn v2_cpu(cpu: &LinuxCpu, out: &mut Vec<V2Limit>) {
    if let Some(shares) = cpu.shares().filter(|s| *s != 0) {
        out.push(V2Limit { name: "CPU shares", file: "cpu.weight", value: weight_of_shares(shares).to_string() });
    }
    if cpu.quota().is_some() || cpu.period().is_some() {
        let quota = cpu.quota().filter(|q| *q > 0).map_or_else(|| "max".to_owned(), |q| q.to_string());
        let value = format!("{quota} {}", cpu.period().unwrap_or(100_000));
        out.push(V2Limit { name: "CPU CFS quota", file: "cpu.max", value });
    }
    out.extend(cpu.burst().map(|burst| V2Limit { name: "CPU burst", file: CPU_BURST, value: burst.to_string() }));
    if let Some(cpus) = cpu.cpus() {
        out.push(V2Limit { name: "cpuset cpus", file: "cpuset.cpus", value: cpus.clone() });
    }
    if let Some(mems) = cpu.mems() {
        out.push(V2Limit { name: "cpuset mems", file: "cpuset.mems", value: mems.clone() });
    }
}

fn v2_io(io: &LinuxBlockIo, bfq: bool, out: &mut Vec<V2Limit>) {
    // BFQ's own scale is Docker's.
    let (file, scale): (_, fn(u16) -> u64) = if bfq { (BFQ_WEIGHT, u64::from) } else { ("io.weight", io_weight) };
    if let Some(weight) = io.weight() {
        out.push(V2Limit { name: "Block I/O weight", file, value: scale(weight).to_string() });
    }
    for device in io.weight_device().iter().flatten() {
        let Some(weight) = device.weight() else { continue };
        let value = format!("{}:{} {}", device.major(), device.minor(), scale(weight));
        out.push(V2Limit { name: "Block I/O weight_device", file, value });
    }
    let mut throttles = |list: &Option<Vec<LinuxThrottleDevice>>, name, key| {
        out.extend(blocks(list).map(|(block, rate)| V2Limit {
            name,
            file: "io.max",
            value: format!("{}:{} {key}={rate}", block.major, block.minor),
        }));
    };
    throttles(io.throttle_read_bps_device(), "BPS Block I/O read limit", "rbps");
    throttles(io.throttle_write_bps_device(), "BPS Block I/O write limit", "wbps");
    throttles(io.throttle_read_iops_device(), "IOPS Block read limit", "riops");
    throttles(io.throttle_write_iops_device(), "IOPS Block I/O write limit", "wiops");
}

fn blocks(list: &Option<Vec<LinuxThrottleDevice>>) -> impl Iterator<Item = (Block, u64)> + '_ {
    list.iter().flatten().map(|d| (Block { major: d.major(), minor: d.minor() }, d.rate()))
}

/// Zero and below mean unlimited, as Docker has it.
fn pids(resources: &LinuxResources) -> Option<i64> {
    resources.pids().as_ref().map(|p| if p.limit() <= 0 { UNLIMITED } else { p.limit() })
}

fn bytes(value: i64) -> String {
    if value < 0 { "max".to_owned() } else { value.to_string() }
}

/// CPU shares (2..262144, default 1024) to v2's weight (1..10000, default 100), by the curve that runc 1.3 and
/// crun agreed on, which maps default to default; the older straight line gave 39.
pub(crate) fn weight_of_shares(shares: u64) -> u64 {
    match shares {
        0..=2 => 1,
        262_144.. => 10_000,
        _ => {
            #[expect(clippy::cast_precision_loss, reason = "at most 18 bits")]
            let log = (shares as f64).log2();
            let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 10000")]
            let weight = 10_f64.powf(exponent).ceil() as u64;
            weight
        }
    }
}

/// Docker's 10..1000 onto v2's 1..10000.
fn io_weight(weight: u16) -> u64 {
    1 + u64::from(weight).saturating_sub(10) * 9999 / 990
}

#[cfg(test)]
mod tests {
    use super::*;
    use oci_spec::runtime::{LinuxPidsBuilder, LinuxResourcesBuilder};

    fn resources(json: &str) -> LinuxResources {
        serde_json::from_str(json).unwrap()
    }

    fn files(json: &str) -> Vec<(&'static str, String)> {
        v2(&resources(json), false).0.into_iter().map(|l| (l.file, l.value)).collect()
    }

    #[test]
    fn shares_become_weights_on_the_agreed_curve() {
        for (shares, weight) in
            [(0, 1), (1, 1), (2, 1), (1024, 100), (512, 59), (2048, 174), (262_144, 10_000), (1 << 40, 10_000)]
        {
            assert_eq!(weight_of_shares(shares), weight, "{shares}");
        }
    }

    #[test]
    fn v2_counts_swap_alone() {
        let mb100 = r#"{"memory":{"limit":104857600,"swap":209715200}}"#;
        assert_eq!(files(mb100), [("memory.swap.max", "104857600".to_owned()), ("memory.max", "104857600".to_owned())]);
        assert_eq!(files(r#"{"memory":{"limit":1048576,"swap":-1}}"#)[0], ("memory.swap.max", "max".to_owned()));
        assert_eq!(files(r#"{"memory":{"limit":1048576,"swap":1048576}}"#)[0], ("memory.swap.max", "0".to_owned()));
    }

    #[test]
    fn v2_has_one_file_for_quota_and_period() {
        assert_eq!(files(r#"{"cpu":{"quota":50000,"period":100000}}"#), [("cpu.max", "50000 100000".to_owned())]);
        assert_eq!(files(r#"{"cpu":{"quota":50000}}"#), [("cpu.max", "50000 100000".to_owned())]);
        assert_eq!(files(r#"{"cpu":{"quota":-1,"period":20000}}"#), [("cpu.max", "max 20000".to_owned())]);
    }

    #[test]
    fn v2_io_and_cpuset() {
        let io = r#"{"blockIO":{"weight":500,"throttleReadBpsDevice":[{"major":254,"minor":0,"rate":7}]},
                     "cpu":{"cpus":"0-1","mems":"0"}}"#;
        assert_eq!(
            files(io),
            [
                ("cpuset.cpus", "0-1".to_owned()),
                ("cpuset.mems", "0".to_owned()),
                ("io.weight", "4950".to_owned()),
                ("io.max", "254:0 rbps=7".to_owned()),
            ]
        );
        assert_eq!((io_weight(10), io_weight(1000)), (1, 10_000));
        let (bfq, _) = v2(&resources(io), true);
        assert_eq!((bfq[2].file, bfq[2].value.as_str()), ("io.bfq.weight", "500"));
    }

    #[test]
    fn what_v2_lacks_is_named() {
        let (_, lacking) = v2(
            &resources(
                r#"{"memory":{"swappiness":60,"disableOOMKiller":true},"cpu":{"realtimePeriod":1000000,"realtimeRuntime":950000}}"#,
            ),
            false,
        );
        let names: Vec<_> = lacking.iter().map(V1Limit::name).collect();
        assert_eq!(names, ["memory swappiness", "OomKillDisable", "CPU real-time period", "CPU real-time runtime"]);
    }

    #[test]
    fn v1_takes_memory_before_swap_and_period_before_quota() {
        let all = v1(&resources(r#"{"memory":{"limit":8,"swap":16},"cpu":{"quota":5,"period":10,"shares":3}}"#));
        assert_eq!(
            all,
            [
                V1Limit::Memory(8),
                V1Limit::MemorySwap(16),
                V1Limit::CpuShares(3),
                V1Limit::CpuPeriod(10),
                V1Limit::CpuQuota(5)
            ]
        );
    }

    #[test]
    fn a_burst_follows_its_quota_and_a_group_is_one_victim() {
        let json = r#"{"cpu":{"quota":50000,"burst":20000},"unified":{"memory.oom.group":"1","memory.high":"5"}}"#;
        assert_eq!(
            files(json),
            [
                ("cpu.max", "50000 100000".to_owned()),
                ("cpu.max.burst", "20000".to_owned()),
                ("memory.oom.group", "1".to_owned()),
            ]
        );
        assert_eq!(v1(&resources(json)), [V1Limit::CpuQuota(50000), V1Limit::CpuBurst(20000)]);
    }

    #[test]
    fn zero_and_negative_pids_are_unlimited() {
        for (asked, v1_value, v2_value) in [(0, -1, "max"), (-1, -1, "max"), (100, 100, "100")] {
            let pids = LinuxPidsBuilder::default().limit(asked).build().unwrap();
            let resources = LinuxResourcesBuilder::default().pids(pids).build().unwrap();
            assert_eq!(v1(&resources), [V1Limit::Pids(v1_value)]);
            assert_eq!(v2(&resources, false).0[0].value, v2_value);
        }
    }
}
