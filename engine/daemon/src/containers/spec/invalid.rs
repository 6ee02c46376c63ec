//! What a request can get wrong, in Docker's words: clients and their tests match on them.

/// One for each mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[expect(missing_docs, reason = "the messages say it")]
pub enum Invalid {
    #[error("Minimum memory limit allowed is 6MB")]
    MemoryTooSmall,
    #[error("Minimum memoryswap limit should be larger than memory limit, see usage")]
    SwapBelowMemory,
    #[error("You should always set the Memory limit when using Memoryswap limit, see usage")]
    SwapWithoutMemory,
    #[error("Invalid value: {0}, valid memory swappiness range is 0-100")]
    Swappiness(i64),
    #[error("Minimum memory reservation allowed is 6MB")]
    ReservationTooSmall,
    #[error("Minimum memory limit can not be less than memory reservation limit, see usage")]
    MemoryBelowReservation,
    #[error("Conflicting options: Nano CPUs and CPU {0} cannot both be set")]
    NanoCpusAnd(&'static str),
    #[error("NanoCPUs can not be set, as your kernel does not support CPU CFS scheduler or the cgroup is not mounted")]
    NoCfs,
    #[error("range of CPUs is from 0.01 to {0}.00, as there are only {0} CPUs available")]
    CpusOutOfRange(usize),
    #[error("invalid CPU shares ({0}): value must be a positive integer")]
    CpuShares(i64),
    #[error("CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)")]
    CpuPeriod,
    #[error("CPU cfs quota can not be less than 1ms (i.e. 1000)")]
    CpuQuota,
    #[error("invalid CPU burst ({0}): value must be a number of microseconds, or -1 for none")]
    CpuBurst(i64),
    #[error("CPU burst saves up unused quota: set a quota (--cpus, --cpu-quota) with it")]
    CpuBurstWithoutQuota,
    #[error("CPU burst can not be larger than the quota ({0} microseconds)")]
    CpuBurstAboveQuota(i64),
    #[error("Invalid value {list} for cpuset {what}: invalid format: {part}")]
    CpusetFormat { what: &'static str, list: String, part: String },
    #[error("Requested CPUs are not available - requested {requested}, available: {available}")]
    CpusetCpus { requested: String, available: String },
    #[error("Requested memory nodes are not available - requested {requested}, available: {available}")]
    CpusetMems { requested: String, available: String },
    #[error("Range of blkio weight is from 10 to 1000")]
    BlkioWeight,
    #[error("Invalid QoS settings: linux does not support Maximum IO Bandwidth or Maximum IO IOps")]
    WindowsIo,
    #[error("invalid IPC mode: {0}")]
    IpcMode(String),
    #[error("invalid PID mode: {0}")]
    PidMode(String),
    #[error("invalid UTS mode: {0}")]
    UtsMode(String),
    #[error("invalid cgroup namespace mode: {0}")]
    CgroupnsMode(String),
    #[error("invalid user namespace mode: {0}")]
    UsernsMode(String),
    #[error("invalid mount namespace mode: {0}")]
    MntMode(String),
    #[error("--mnt=host runs the container on the host's own files: {0} cannot be used with it")]
    WithHostFiles(&'static str),
    #[error("SHM size can not be less than 0")]
    ShmSize,
    #[error("Invalid value {0}, range for oom score adj is [-1000, 1000]")]
    OomScoreAdj(i64),
    #[error("the working directory '{0}' is invalid, it needs to be an absolute path")]
    WorkingDir(String),
    #[error("invalid environment variable: {0}")]
    Env(String),
    #[error("conflicting options: hostname and the UTS mode")]
    HostnameWithHostUts,
    #[error("conflicting options: hostname and the network mode")]
    HostnameWithContainerNet,
    #[error("Invalid network mode: invalid container format container:<name|id>")]
    NetworkMode,
    #[error(
        "conflicting options: container type network can't be used with links. This would result in undefined behavior"
    )]
    LinksWithContainerNet,
    #[error(
        "conflicting options: host type networking can't be used with links. This would result in undefined behavior"
    )]
    LinksWithHostNet,
    #[error("conflicting options: dns and the network mode")]
    DnsWithContainerNet,
    #[error("conflicting options: custom host-to-IP mapping and the network mode")]
    HostsWithContainerNet,
    #[error("conflicting options: port publishing and the container type network mode")]
    PublishWithContainerNet,
    #[error("conflicting options: port exposing and the container type network mode")]
    ExposeWithContainerNet,
    #[error("conflicting options: mac-address and the network mode")]
    MacWithSharedNet,
    #[error("bad format for add-host: {0:?}")]
    ExtraHost(String),
    #[error("invalid IP address in add-host: {0:?}")]
    ExtraHostAddress(String),
    #[error("IP address is not correctly formatted: {0}")]
    Address(String),
    #[error("invalid port specification: {0:?}")]
    Port(String),
    #[error("invalid MAC address: {0}")]
    Mac(String),
    #[error(
        "invalid config for network {0}: invalid endpoint settings:\nuser specified IP address is supported on user defined networks only"
    )]
    FixedAddress(String),
    #[error(
        "invalid config for network {0}: invalid endpoint settings:\nnetwork-scoped alias is supported only for containers in user defined networks"
    )]
    Alias(String),
    #[error("Invalid isolation: {0:?} - linux only supports 'default'")]
    Isolation(String),
    #[error("invalid Annotations: the empty string is not permitted as an annotation key")]
    Annotation,
    #[error("unknown or invalid runtime name: {0}")]
    Runtime(String),
    #[error("invalid ulimit type: {0}")]
    UlimitName(String),
    #[error("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}")]
    UlimitOrder { soft: i64, hard: i64 },
    #[error("invalid mount path: '{0}' mount path must be absolute")]
    TmpfsTarget(String),
    #[error("invalid tmpfs option [{option:?}]")]
    TmpfsOption { option: String },
    #[error("invalid device cgroup rule format: '{0}'")]
    DeviceRule(String),
    #[error("invalid device mode: {0}")]
    DeviceMode(String),
    #[error("could not select device driver \"{driver}\" with capabilities: {capabilities}")]
    DeviceRequest { driver: String, capabilities: String },
    #[error("invalid --security-opt 1: {0:?}")]
    SecurityOpt(String),
    #[error("invalid --security-opt 2: {0:?}")]
    SecurityOptName(String),
    #[error("invalid cgroup parent {path:?}: {source}")]
    CgroupParent { path: String, source: hull_runtime::cgroup::BadParent },
    #[error("sysctl {key:?} not allowed in host {namespace} namespace")]
    SysctlOfHost { key: String, namespace: &'static str },
    #[error("sysctl {0:?} is not in a separate kernel namespace")]
    SysctlNotNamespaced(String),
    #[error("{0}")]
    Capability(#[from] hull_runtime::capabilities::UnknownCapability),
    #[error("invalid CapAdd: {0}")]
    CapAdd(hull_runtime::capabilities::UnknownCapability),
    #[error("invalid CapDrop: {0}")]
    CapDrop(hull_runtime::capabilities::UnknownCapability),
    #[error("--storage-opt is supported only for overlay over xfs with 'pquota' mount option")]
    StorageOpt,
}
