//! Limits and device rules, from the API's words to OCI's.

use super::devices;
use super::error::SpecError;
use hull_api::{HostConfig, ThrottleDevice};
use hull_runtime::features::Features;
use oci_spec::runtime::{
    LinuxBlockIo, LinuxBlockIoBuilder, LinuxCpu, LinuxCpuBuilder, LinuxMemory, LinuxMemoryBuilder, LinuxPidsBuilder,
    LinuxResources, LinuxResourcesBuilder, LinuxThrottleDevice, LinuxThrottleDeviceBuilder, LinuxWeightDevice,
    LinuxWeightDeviceBuilder,
};
use std::collections::HashMap;
use std::path::Path;

/// The period that `--cpus` is counted in, microseconds.
const CPUS_PERIOD: u64 = 100_000;

/// Everything that goes to the container's cgroup. A value of zero in the API means "not set" and stays out.
///
/// # Errors
/// When a device that is named is not there.
pub fn resources(host: &HostConfig, features: &Features) -> Result<LinuxResources, SpecError> {
    let mut builder =
        LinuxResourcesBuilder::default().devices(devices::rules(host)?).memory(memory(host, features)?).cpu(cpu(host)?);
    if let Some(limit) = host.pids_limit.filter(|limit| *limit != 0) {
        builder = builder.pids(LinuxPidsBuilder::default().limit(limit).build()?);
    }
    if let Some(io) = block_io(host)? {
        builder = builder.block_io(io);
    }
    // OCI has no word of its own for what only v2 has.
    if let Some(group) = host.oom_kill_group {
        let value = if group { "1" } else { "0" };
        builder = builder.unified(HashMap::from([("memory.oom.group".to_owned(), value.to_owned())]));
    }
    Ok(builder.build()?)
}

fn memory(host: &HostConfig, features: &Features) -> Result<LinuxMemory, SpecError> {
    let mut memory = LinuxMemoryBuilder::default();
    if host.memory != 0 {
        memory = memory.limit(host.memory);
    }
    if host.memory_swap != 0 && features.limits.swap {
        memory = memory.swap(host.memory_swap);
    }
    if host.memory_reservation != 0 {
        memory = memory.reservation(host.memory_reservation);
    }
    if let Some(value) = host.memory_swappiness.and_then(|value| u64::try_from(value).ok()) {
        memory = memory.swappiness(value);
    }
    if host.oom_kill_disable == Some(true) {
        memory = memory.disable_oom_killer(true);
    }
    Ok(memory.build()?)
}

fn cpu(host: &HostConfig) -> Result<LinuxCpu, SpecError> {
    let mut cpu = LinuxCpuBuilder::default();
    if let Ok(shares @ 1..) = u64::try_from(host.cpu_shares) {
        cpu = cpu.shares(shares);
    }
    if host.nano_cpus > 0 {
        cpu = cpu.period(CPUS_PERIOD).quota(quota_of(host.nano_cpus));
    }
    if let Ok(period @ 1..) = u64::try_from(host.cpu_period) {
        cpu = cpu.period(period);
    }
    if host.cpu_quota != 0 {
        cpu = cpu.quota(host.cpu_quota);
    }
    if host.cpu_burst != 0 {
        cpu = cpu.burst(u64::try_from(host.cpu_burst).unwrap_or(0));
    }
    if let Ok(period @ 1..) = u64::try_from(host.cpu_realtime_period) {
        cpu = cpu.realtime_period(period);
    }
    if host.cpu_realtime_runtime != 0 {
        cpu = cpu.realtime_runtime(host.cpu_realtime_runtime);
    }
    if !host.cpuset_cpus.is_empty() {
        cpu = cpu.cpus(host.cpuset_cpus.clone());
    }
    if !host.cpuset_mems.is_empty() {
        cpu = cpu.mems(host.cpuset_mems.clone());
    }
    Ok(cpu.build()?)
}

/// Billionths of a CPU, of a tenth of a second in microseconds.
pub(super) fn quota_of(nano_cpus: i64) -> i64 {
    nano_cpus / 10_000
}

fn block_io(host: &HostConfig) -> Result<Option<LinuxBlockIo>, SpecError> {
    let mut io = LinuxBlockIoBuilder::default();
    if host.blkio_weight != 0 {
        io = io.weight(host.blkio_weight);
    }
    let mut weights: Vec<LinuxWeightDevice> = Vec::new();
    for device in &host.blkio_weight_device {
        let (major, minor) = devices::block(Path::new(&device.path))?;
        weights.push(LinuxWeightDeviceBuilder::default().major(major).minor(minor).weight(device.weight).build()?);
    }
    if !weights.is_empty() {
        io = io.weight_device(weights);
    }
    let lists = (
        throttles(&host.blkio_device_read_bps)?,
        throttles(&host.blkio_device_write_bps)?,
        throttles(&host.blkio_device_read_iops)?,
        throttles(&host.blkio_device_write_iops)?,
    );
    if !lists.0.is_empty() {
        io = io.throttle_read_bps_device(lists.0);
    }
    if !lists.1.is_empty() {
        io = io.throttle_write_bps_device(lists.1);
    }
    if !lists.2.is_empty() {
        io = io.throttle_read_iops_device(lists.2);
    }
    if !lists.3.is_empty() {
        io = io.throttle_write_iops_device(lists.3);
    }
    let io = io.build()?;
    Ok((io != LinuxBlockIo::default()).then_some(io))
}

fn throttles(list: &[ThrottleDevice]) -> Result<Vec<LinuxThrottleDevice>, SpecError> {
    list.iter()
        .map(|device| {
            let (major, minor) = devices::block(Path::new(&device.path))?;
            Ok(LinuxThrottleDeviceBuilder::default().major(major).minor(minor).rate(device.rate).build()?)
        })
        .collect()
}
