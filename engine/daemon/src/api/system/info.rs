//! `/info`: the engine and its host.

use crate::api::Shared;
use crate::api::error::ApiError;
use crate::artifacts;
use crate::config::Listen;
use crate::engine::{Engine, host_name};
use crate::images::ListOptions;
use crate::time::Time;
use axum::Json as Answer;
use axum::extract::State;
use hull_api::system::{FirewallInfo, IndexInfo};
use hull_api::{Commit, Info, InfoPlugins, RegistryServiceConfig, RuntimeInfo, SwarmInfo};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Hull's version.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// What it was built from, where the build knew.
pub(super) const COMMIT: &str = match option_env!("HULL_COMMIT") {
    Some(commit) => commit,
    None => "unknown",
};
/// What built it; Docker's field for this is called GoVersion.
pub(super) const COMPILER: &str = concat!("rust-", env!("CARGO_PKG_RUST_VERSION"));

/// The one runtime, under the name that Docker's clients expect and under its own.
const RUNTIMES: [&str; 2] = ["runc", "hull"];

/// Go's name of this machine's architecture.
pub(super) fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

pub(super) async fn info(State(engine): State<Shared>) -> Result<Answer<Info>, ApiError> {
    let host = nix::sys::utsname::uname().ok();
    let text = |part: fn(&nix::sys::utsname::UtsName) -> &std::ffi::OsStr| {
        host.as_ref().map(|host| part(host).to_string_lossy().into_owned()).unwrap_or_default()
    };
    let counts = engine.containers.counts();
    let images = engine.images.list(&ListOptions::default())?.len();
    let limits = engine.host.features.limits;
    let reloadable = engine.reloadable();
    let proxy = |name: &str| environment(name);
    Ok(Answer(Info {
        id: engine.paths.engine_id().to_owned(),
        containers: count(counts.running + counts.paused + counts.stopped),
        containers_running: count(counts.running),
        containers_paused: count(counts.paused),
        containers_stopped: count(counts.stopped),
        images: count(images),
        driver: "overlay2".to_owned(),
        driver_status: vec![
            ["Backing Filesystem".to_owned(), file_system(engine.paths.data_root()).to_owned()],
            ["Supports d_type".to_owned(), "true".to_owned()],
        ],
        plugins: plugins(&engine),
        memory_limit: limits.memory,
        swap_limit: limits.swap,
        cpu_cfs_period: limits.cpu_cfs,
        cpu_cfs_quota: limits.cpu_cfs,
        cpu_shares: limits.cpu_shares,
        cpu_set: limits.cpuset,
        pids_limit: limits.pids,
        ipv4_forwarding: forwards(),
        debug: reloadable.debug(),
        n_fd: count(fs::read_dir("/proc/self/fd").map_or(0, Iterator::count)),
        oom_kill_disable: limits.oom_kill_disable,
        n_goroutines: count(fs::read_dir("/proc/self/task").map_or(0, Iterator::count)),
        system_time: Time::now().to_string(),
        logging_driver: engine.config.logs.driver.clone(),
        cgroup_driver: engine.config.cgroups.name().to_owned(),
        cgroup_version: engine.host.features.hierarchies.mode().version().to_owned(),
        kernel_version: text(nix::sys::utsname::UtsName::release),
        operating_system: os_release("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()),
        os_version: os_release("VERSION_ID").unwrap_or_default(),
        os_type: "linux".to_owned(),
        architecture: text(nix::sys::utsname::UtsName::machine),
        index_server_address: "https://index.docker.io/v1/".to_owned(),
        registry_config: Some(registries(&engine)),
        ncpu: count(engine.host.features.cpus),
        mem_total: memory_total(),
        n_events_listener: count(engine.events.listeners()),
        http_proxy: proxy("HTTP_PROXY"),
        https_proxy: proxy("HTTPS_PROXY"),
        no_proxy: proxy("NO_PROXY"),
        labels: reloadable.labels.clone(),
        firewall_backend: Some(FirewallInfo { driver: engine.networks.firewall().to_owned(), info: Vec::new() }),
        docker_root_dir: engine.paths.data_root().display().to_string(),
        name: host_name(),
        server_version: VERSION.to_owned(),
        runtimes: RUNTIMES.map(|name| (name.to_owned(), RuntimeInfo { path: "hull-shim".to_owned() })).into(),
        default_runtime: "hull".to_owned(),
        swarm: SwarmInfo { local_node_state: "inactive".to_owned(), ..SwarmInfo::default() },
        live_restore_enabled: true,
        init_binary: "hull-shim".to_owned(),
        containerd_commit: Commit::default(),
        runc_commit: Commit { id: COMMIT.to_owned() },
        init_commit: Commit { id: COMMIT.to_owned() },
        security_options: security_options(&engine),
        warnings: warnings(&engine),
        hull_features: features(&engine),
        ..Info::default()
    }))
}

fn count(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn plugins(engine: &Engine) -> InfoPlugins {
    let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    InfoPlugins {
        volume: list(&["local"]),
        network: list(&["bridge", "host", "null"]),
        authorization: Vec::new(),
        log: list(&engine.containers.log_drivers()),
    }
}

fn security_options(engine: &Engine) -> Vec<String> {
    let mut options = Vec::new();
    if engine.host.features.kernel.seccomp {
        options.push("name=seccomp,profile=builtin".to_owned());
    }
    if engine.host.features.private_cgroupns_by_default() {
        options.push("name=cgroupns".to_owned());
    }
    options
}

/// Docker's words for limits that the kernel lacks, then what is missing in this build, then what is dangerous.
fn warnings(engine: &Engine) -> Vec<String> {
    let limits = engine.host.features.limits;
    let v2 = engine.host.features.hierarchies.mode().version() == "2";
    let lacks = [
        (limits.memory, "WARNING: No memory limit support"),
        (limits.swap, "WARNING: No swap limit support"),
        // Kernels with cgroup v2 have none, and nobody can do anything about it.
        (limits.oom_kill_disable || v2, "WARNING: No oom kill disable support"),
        (limits.cpu_cfs, "WARNING: No cpu cfs quota support"),
        (limits.cpu_cfs, "WARNING: No cpu cfs period support"),
        (limits.cpu_shares, "WARNING: No cpu shares support"),
        (limits.cpuset, "WARNING: No cpuset support"),
        (limits.pids, "WARNING: No pids limit support"),
        // The same for weights with v1, since kernel 5.0.
        (limits.blkio_weight || !v2, "WARNING: No io.weight support"),
        (limits.blkio_weight_device || !v2, "WARNING: No io.weight (per device) support"),
        (limits.blkio_throttle || !v2, "WARNING: No io.max (rbps, wbps, riops, wiops) support"),
        (limits.blkio_throttle || v2, "WARNING: No blkio throttle.read_bps_device support"),
        (limits.blkio_throttle || v2, "WARNING: No blkio throttle.write_bps_device support"),
        (limits.blkio_throttle || v2, "WARNING: No blkio throttle.read_iops_device support"),
        (limits.blkio_throttle || v2, "WARNING: No blkio throttle.write_iops_device support"),
        (forwards(), "WARNING: IPv4 forwarding is disabled"),
    ];
    let mut warnings: Vec<String> =
        lacks.into_iter().filter(|(has, _)| !has).map(|(_, warning)| warning.to_owned()).collect();
    warnings.extend(artifacts::missing().into_iter().map(|missing| format!("WARNING: {missing}")));
    if engine.config.tls.is_none() {
        for host in &engine.config.hosts {
            if let Listen::Tcp { addresses, .. } = host {
                warnings.extend(addresses.iter().map(|address| {
                    format!(
                        "WARNING: API is accessible on http://{address} without encryption.\n         Whoever can connect is \
                         root on this machine."
                    )
                }));
            }
        }
    }
    warnings
}

/// Hull's own: what the start-up probes found.
fn features(engine: &Engine) -> BTreeMap<String, String> {
    let kernel = engine.host.features.kernel.list().map(|(name, has)| (format!("kernel.{name}"), has.to_string()));
    let hooks = engine.observability.hooks();
    let hooks = hooks.iter().map(|hook| (format!("ebpf.{}", hook.program.as_str()), hook.backend.to_owned()));
    kernel.into_iter().chain(hooks).collect()
}

fn registries(engine: &Engine) -> RegistryServiceConfig {
    let reloadable = engine.reloadable();
    let registries = &reloadable.registries;
    // Loopback is always served over plain HTTP.
    let mut cidrs = vec!["::1/128".to_owned(), "127.0.0.0/8".to_owned()];
    let mut index_configs = BTreeMap::new();
    let docker =
        IndexInfo { name: "docker.io".to_owned(), mirrors: registries.mirrors.clone(), secure: true, official: true };
    index_configs.insert(docker.name.clone(), docker);
    for registry in &registries.insecure {
        if registry.contains('/') {
            cidrs.push(registry.clone());
        } else {
            let index = IndexInfo { name: registry.clone(), ..IndexInfo::default() };
            index_configs.insert(registry.clone(), index);
        }
    }
    RegistryServiceConfig { insecure_registry_cidrs: cidrs, index_configs, mirrors: registries.mirrors.clone() }
}

/// What layers lie on, under Docker's names. The numbers are the kernel's (`linux/magic.h`).
fn file_system(path: &Path) -> &'static str {
    let kind = rustix::fs::statfs(path).map(|answer| answer.f_type as u64);
    match kind.unwrap_or(0) & 0xffff_ffff {
        0xef53 => "extfs",
        0x5846_5342 => "xfs",
        0x9123_683e => "btrfs",
        0xf2f5_2010 => "f2fs",
        0x2fc1_2fc1 => "zfs",
        0x0102_1994 => "tmpfs",
        0x794c_7630 => "overlayfs",
        _ => "<unknown>",
    }
}

fn forwards() -> bool {
    fs::read_to_string("/proc/sys/net/ipv4/ip_forward").is_ok_and(|on| on.trim() == "1")
}

/// A proxy of the daemon's environment, whose two spellings are equally good; a password in it is nobody's business.
fn environment(name: &str) -> String {
    let value = std::env::var(name).or_else(|_| std::env::var(name.to_ascii_lowercase())).unwrap_or_default();
    match (value.split_once("://"), value.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://xxxxx:xxxxx@{host}"),
        _ => value,
    }
}

fn memory_total() -> i64 {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")?.parse::<i64>().ok());
    kib.unwrap_or(0) * 1024
}

/// One value of os-release(5).
fn os_release(key: &str) -> Option<String> {
    let text = fs::read_to_string("/etc/os-release").or_else(|_| fs::read_to_string("/usr/lib/os-release")).ok()?;
    let value = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    Some(value.trim_matches('"').to_owned())
}
