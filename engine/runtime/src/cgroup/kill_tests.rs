//! Killing all of a container on this machine's real kernel, with `cgroup.kill` and as kernels without it need it. Needs root.

use super::{Cgroup, Hierarchies, remove_engine_dirs};
use hull_test_patience::patience;
use oci_spec::runtime::LinuxResources;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

fn limit() -> Duration {
    patience(Duration::from_secs(10))
}

/// Never the same processes twice: each makes another one and ends.
const RUNAWAY: &str = "read go; hop() { hop & }; hop & hop & hop & while :; do :; done";

struct Bench {
    hierarchies: Hierarchies,
    engine: String,
    cgroup: Cgroup,
}

impl Bench {
    fn new(test: &str) -> Self {
        let hierarchies = Hierarchies::detect().unwrap();
        let engine = format!("test-{test}-{}", std::process::id());
        let (cgroup, _) = Cgroup::create(&hierarchies, &engine, "c", &LinuxResources::default()).unwrap();
        Self { hierarchies, engine, cgroup }
    }

    fn runaway(&self) -> Child {
        let mut child = Command::new("sh").args(["-c", RUNAWAY]).stdin(Stdio::piped()).spawn().unwrap();
        fs::write(self.cgroup.unified().join("cgroup.procs"), child.id().to_string()).unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n").unwrap();
        child
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.cgroup.kill_all().ok();
        self.cgroup.wait_empty(limit()).ok();
        self.cgroup.remove().ok();
        remove_engine_dirs(&self.hierarchies, &self.engine).ok();
    }
}

fn all_die(test: &str, kill: impl Fn(&Cgroup)) {
    let bench = Bench::new(test);
    let mut child = bench.runaway();
    // What was frozen before is killed as it is.
    for frozen in [false, true] {
        if frozen {
            child = bench.runaway();
            bench.cgroup.freeze().unwrap();
        }
        kill(&bench.cgroup);
        child.wait().unwrap();
        bench.cgroup.wait_empty(limit()).unwrap();
        assert_eq!(bench.cgroup.procs().unwrap(), [0_u32; 0]);
        assert_eq!(bench.cgroup.is_frozen().unwrap(), frozen, "{test}: as it was");
        bench.cgroup.thaw().unwrap();
    }
}

#[test]
fn processes_that_fork_away_are_killed_by_the_kernel() {
    all_die("kill", |cgroup| cgroup.kill_all().unwrap());
}

#[test]
fn and_one_by_one_where_the_kernel_cannot() {
    all_die("frozen", |cgroup| cgroup.kill_frozen().unwrap());
}
