//! A container without a container: a cgroup as the engine makes it, and shells that move into it.

use hull_runtime::cgroup::{Cgroup, Hierarchies};
use hull_test_patience::patience;
use hulld::ids::ContainerId;
use hulld::observability::{Observability, Options, Tracked};
use oci_spec::runtime::{LinuxCpuBuilder, LinuxMemoryBuilder, LinuxResources, LinuxResourcesBuilder};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why this host cannot run these tests, or `None`.
pub(crate) fn skip() -> Option<&'static str> {
    if !nix::unistd::geteuid().is_root() {
        return Some("skipped: not root");
    }
    if hulld::artifacts::BPF.is_none() {
        return Some("skipped: built without the eBPF object (cargo xtask build-ebpf)");
    }
    None
}

/// Loads the programs; every one of them must attach here, or the tests would pass on fallbacks.
pub(crate) async fn observe() -> Arc<Observability> {
    let observability = Observability::start(Options::default());
    observability.ready().await;
    observability
}

pub(crate) struct Box {
    pub(crate) cgroup: Arc<Cgroup>,
    pub(crate) container: ContainerId,
    engine: String,
    hierarchies: Hierarchies,
    children: Vec<Child>,
}

impl Box {
    pub(crate) async fn tracked(observability: &Observability, resources: &LinuxResources) -> Self {
        let this = Self::new(resources);
        let tracked = Tracked { container: this.container.clone(), cgroup: Arc::clone(&this.cgroup) };
        observability.track(tracked).await;
        this
    }

    pub(crate) fn new(resources: &LinuxResources) -> Self {
        let container = ContainerId::random().unwrap();
        let engine = format!("test-{}", container.short());
        let hierarchies = Hierarchies::detect().unwrap();
        let (cgroup, _) = Cgroup::create(&hierarchies, &engine, container.as_str(), resources).unwrap();
        Self { cgroup: Arc::new(cgroup), container, engine, hierarchies, children: Vec::new() }
    }

    /// Runs a shell script in the cgroup; the shell moves itself, then becomes another one.
    pub(crate) fn shell(&mut self, script: &str) -> u32 {
        let child = Command::new("sh")
            .args(["-c", "for file in \"$@\"; do echo $$ > \"$file\" || exit 99; done; exec sh -c \"$script\"", "sh"])
            .args(self.cgroup.v1_procs())
            .arg(self.cgroup.unified().join("cgroup.procs"))
            .env("script", script)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = child.id();
        self.children.push(child);
        pid
    }

    /// Waits for all shells and says how many succeeded.
    pub(crate) fn wait(&mut self) -> usize {
        self.children.drain(..).filter_map(|mut child| child.wait().ok()).filter(|status| status.success()).count()
    }
}

impl Drop for Box {
    fn drop(&mut self) {
        let _ = self.cgroup.kill_all();
        self.wait();
        let _ = self.cgroup.wait_empty(patience(Duration::from_secs(5)));
        if let Err(error) = self.cgroup.remove() {
            println!("left behind: {error}");
        }
        let _ = hull_runtime::cgroup::remove_engine_dirs(&self.hierarchies, &self.engine);
    }
}

pub(crate) fn no_limits() -> LinuxResources {
    LinuxResourcesBuilder::default().build().unwrap()
}

pub(crate) fn cpu_limit(quota_us: i64, period_us: u64) -> LinuxResources {
    let cpu = LinuxCpuBuilder::default().quota(quota_us).period(period_us).build().unwrap();
    LinuxResourcesBuilder::default().cpu(cpu).build().unwrap()
}

pub(crate) fn memory_limit(bytes: i64) -> LinuxResources {
    let memory = LinuxMemoryBuilder::default().limit(bytes).build().unwrap();
    LinuxResourcesBuilder::default().memory(memory).build().unwrap()
}

/// Asks until there is an answer.
pub(crate) fn eventually<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + patience(Duration::from_secs(60));
    while Instant::now() < end {
        if let Some(answer) = ask() {
            return answer;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    panic!("never: {what}");
}

pub(crate) fn limits(quota_us: i64, period_us: u64, bytes: i64) -> LinuxResources {
    let cpu = LinuxCpuBuilder::default().quota(quota_us).period(period_us).build().unwrap();
    let memory = LinuxMemoryBuilder::default().limit(bytes).build().unwrap();
    LinuxResourcesBuilder::default().cpu(cpu).memory(memory).build().unwrap()
}
