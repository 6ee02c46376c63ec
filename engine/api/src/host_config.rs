//! The host's half of a container's configuration: limits, namespaces, mounts, privileges.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::mount::Mount;
use crate::wire::{is_default, null_if_empty, words_or_numbers};

/// Docker's `HostConfig`, plus Hull's `MntMode`, `CpuBurst` and `OomKillGroup`. Its resource fields are Docker's embedded `Resources`.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct HostConfig {
    #[serde(serialize_with = "null_if_empty")]
    pub binds: Vec<String>,
    #[serde(rename = "ContainerIDFile")]
    pub container_id_file: String,
    pub log_config: LogConfig,
    pub network_mode: String,
    pub port_bindings: BTreeMap<String, Option<Vec<PortBinding>>>,
    pub restart_policy: RestartPolicy,
    pub auto_remove: bool,
    pub volume_driver: String,
    #[serde(serialize_with = "null_if_empty")]
    pub volumes_from: Vec<String>,
    /// Height, width.
    pub console_size: [u32; 2],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,

    #[serde(serialize_with = "null_if_empty")]
    pub cap_add: Vec<String>,
    #[serde(serialize_with = "null_if_empty")]
    pub cap_drop: Vec<String>,
    pub cgroupns_mode: String,
    pub dns: Vec<String>,
    pub dns_options: Vec<String>,
    pub dns_search: Vec<String>,
    #[serde(serialize_with = "null_if_empty")]
    pub extra_hosts: Vec<String>,
    #[serde(serialize_with = "null_if_empty", deserialize_with = "words_or_numbers")]
    pub group_add: Vec<String>,
    pub ipc_mode: String,
    pub cgroup: String,
    #[serde(serialize_with = "null_if_empty")]
    pub links: Vec<String>,
    pub oom_score_adj: i64,
    pub pid_mode: String,
    pub privileged: bool,
    pub publish_all_ports: bool,
    pub readonly_rootfs: bool,
    #[serde(serialize_with = "null_if_empty")]
    pub security_opt: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub storage_opt: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub tmpfs: BTreeMap<String, String>,
    #[serde(rename = "UTSMode")]
    pub uts_mode: String,
    pub userns_mode: String,
    pub shm_size: i64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub sysctls: BTreeMap<String, String>,
    pub runtime: String,
    pub isolation: String,
    /// Hull's own: `host` runs the container in the host's mount namespace, without a root filesystem.
    #[serde(skip_serializing_if = "is_default")]
    pub mnt_mode: String,

    pub cpu_shares: i64,
    pub memory: i64,
    pub nano_cpus: i64,
    pub cgroup_parent: String,
    pub blkio_weight: u16,
    pub blkio_weight_device: Vec<WeightDevice>,
    pub blkio_device_read_bps: Vec<ThrottleDevice>,
    pub blkio_device_write_bps: Vec<ThrottleDevice>,
    #[serde(rename = "BlkioDeviceReadIOps")]
    pub blkio_device_read_iops: Vec<ThrottleDevice>,
    #[serde(rename = "BlkioDeviceWriteIOps")]
    pub blkio_device_write_iops: Vec<ThrottleDevice>,
    pub cpu_period: i64,
    pub cpu_quota: i64,
    /// Hull's own: unused quota that may be spent later, in microseconds; -1: none.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_burst: i64,
    pub cpu_realtime_period: i64,
    pub cpu_realtime_runtime: i64,
    pub cpuset_cpus: String,
    pub cpuset_mems: String,
    pub devices: Vec<DeviceMapping>,
    #[serde(serialize_with = "null_if_empty")]
    pub device_cgroup_rules: Vec<String>,
    #[serde(serialize_with = "null_if_empty")]
    pub device_requests: Vec<DeviceRequest>,
    #[serde(skip_serializing_if = "is_default")]
    pub kernel_memory: i64,
    #[serde(rename = "KernelMemoryTCP", skip_serializing_if = "is_default")]
    pub kernel_memory_tcp: i64,
    pub memory_reservation: i64,
    /// 0: twice the memory; -1: unlimited.
    pub memory_swap: i64,
    pub memory_swappiness: Option<i64>,
    pub oom_kill_disable: Option<bool>,
    /// Hull's own: a process that is out of memory takes the whole container with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kill_group: Option<bool>,
    pub pids_limit: Option<i64>,
    pub ulimits: Vec<Ulimit>,
    pub cpu_count: i64,
    pub cpu_percent: i64,
    #[serde(rename = "IOMaximumIOps")]
    pub io_maximum_iops: u64,
    #[serde(rename = "IOMaximumBandwidth")]
    pub io_maximum_bandwidth: u64,

    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
    /// `None`: the default set. `Some([])`: nothing is masked.
    pub masked_paths: Option<Vec<String>>,
    /// `None`: the default set. `Some([])`: nothing is read-only.
    pub readonly_paths: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init: Option<bool>,
}

/// Body of `POST /containers/{id}/update`: Docker's `Resources` and the restart policy. A zero value means
/// unchanged.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct UpdateRequest {
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_shares: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub nano_cpus: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub blkio_weight: u16,
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_period: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_quota: i64,
    /// Hull's own; -1: no burst any more.
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_burst: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_realtime_period: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cpu_realtime_runtime: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub cpuset_cpus: String,
    #[serde(skip_serializing_if = "is_default")]
    pub cpuset_mems: String,
    #[serde(skip_serializing_if = "is_default")]
    pub kernel_memory: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_reservation: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub memory_swap: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pids_limit: Option<i64>,
    /// Hull's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub oom_kill_group: Option<bool>,
    pub restart_policy: RestartPolicy,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct LogConfig {
    #[serde(rename = "Type")]
    pub kind: String,
    pub config: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct RestartPolicy {
    /// Empty or `no`, `on-failure`, `always`, `unless-stopped`.
    pub name: String,
    pub maximum_retry_count: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct PortBinding {
    pub host_ip: String,
    pub host_port: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct WeightDevice {
    pub path: String,
    pub weight: u16,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ThrottleDevice {
    pub path: String,
    pub rate: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceMapping {
    pub path_on_host: String,
    pub path_in_container: String,
    pub cgroup_permissions: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct DeviceRequest {
    pub driver: String,
    pub count: i64,
    #[serde(rename = "DeviceIDs", serialize_with = "null_if_empty")]
    pub device_ids: Vec<String>,
    #[serde(serialize_with = "null_if_empty")]
    pub capabilities: Vec<Vec<String>>,
    #[serde(serialize_with = "null_if_empty")]
    pub options: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Ulimit {
    pub name: String,
    pub hard: i64,
    pub soft: i64,
}
