//! The map of processes: every process, no stranger, exact counts.

use crate::support::{Box, eventually, no_limits, observe, skip};
use hull_ebpf_types::Program;
use std::collections::BTreeSet;
use std::sync::Arc;

#[tokio::test(flavor = "multi_thread")]
async fn all_programs_attach_on_this_kernel() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let modern = std::path::Path::new("/sys/kernel/btf/vmlinux").exists();
    for hook in observability.hooks() {
        let per_task_throttling = hook.program != Program::TaskStalls || kernel_at_least(6, 18);
        assert!(hook.attached || !modern || !per_task_throttling, "{hook:?}");
    }
}

fn kernel_at_least(major: u32, minor: u32) -> bool {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = release.split(['.', '-']).map_while(|word| word.parse::<u32>().ok());
    (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0)) >= (major, minor)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_equals_the_cgroup_and_counts_are_exact() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &no_limits()).await;
    // 20 short-lived processes with an exec each, 5 that only fork, 3 that stay.
    let script = "i=0; while [ $i -lt 20 ]; do /bin/true; i=$((i+1)); done; \
                  i=0; while [ $i -lt 5 ]; do (:); i=$((i+1)); done; \
                  sleep 1000 & sleep 1000 & sleep 1000 & wait";
    let shell = container.shell(script);
    let id = container.cgroup.id();
    let records = eventually("three sleepers", || {
        let records = observability.processes(id);
        (records.iter().filter(|record| record.comm == "sleep").count() == 3).then_some(records)
    });
    let mapped: BTreeSet<u32> = records.iter().map(|record| record.pid).collect();
    let listed: BTreeSet<u32> = container.cgroup.procs().unwrap().into_iter().collect();
    assert_eq!(mapped, listed);
    for record in &records {
        let status = std::fs::read_to_string(format!("/proc/{}/status", record.pid)).unwrap();
        let field = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        let numbers: Vec<String> = record.ns_pids.iter().map(ToString::to_string).collect();
        assert_eq!(field("NSpid:"), numbers.join("\t"));
        assert_eq!(field("PPid:"), record.ppid.to_string());
        assert_eq!(field("Name:"), record.comm);
        let pidns = std::fs::read_link(format!("/proc/{}/ns/pid", record.pid)).unwrap();
        assert_eq!(pidns.to_str().unwrap(), format!("pid:[{}]", record.pidns));
        let expected = if record.pid == shell { std::process::id() } else { shell };
        assert_eq!(record.ppid, expected);
    }

    container.cgroup.kill_all().unwrap();
    container.wait();
    let counters = eventually("all have ended", || {
        let counters = observability.counters(id)?;
        observability.processes(id).is_empty().then_some(counters)
    });
    // The shell moved in by itself: its exec is counted, its fork was not the container's.
    assert_eq!((counters.forks, counters.execs, counters.exits), (28, 24, 29));
    assert_eq!(counters.lifetime.count(), 29);
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_in_nested_cgroups_and_namespaces_belong_to_the_container() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let observability = observe().await;
    let mut container = Box::tracked(&observability, &no_limits()).await;
    let nested = container.cgroup.unified().join("nested");
    let script =
        format!("mkdir {0}; echo 0 > {0}/cgroup.procs; unshare --fork --pid sh -c 'sleep 1000; :'", nested.display());
    container.shell(&script);
    let id = container.cgroup.id();
    let sleeper = eventually("a sleeper", || observability.processes(id).into_iter().find(|it| it.comm == "sleep"));
    assert_eq!(sleeper.ns_pids.len(), 2, "{sleeper:?}");
    assert_eq!(sleeper.ns_pids[0], sleeper.pid);
    assert_eq!(sleeper.ns_pids[1], 2);
    container.cgroup.kill_all().unwrap();
    container.wait();
    eventually("empty", || std::fs::remove_dir(&nested).ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn processes_that_were_there_first_are_entered_and_their_children_follow() {
    if let Some(reason) = skip() {
        return println!("{reason}");
    }
    let mut container = Box::new(&no_limits());
    container.shell("while :; do sleep 0.05; done");
    eventually("it runs", || (container.cgroup.procs().unwrap().len() > 1).then_some(()));
    let observability = observe().await;
    let tracked =
        hulld::observability::Tracked { container: container.container.clone(), cgroup: Arc::clone(&container.cgroup) };
    observability.track(tracked).await;
    let id = container.cgroup.id();
    eventually("the shell and a later child", || {
        let records = observability.processes(id);
        (records.len() == 2 && observability.counters(id)?.forks > 3).then_some(())
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn without_ebpf_the_processes_come_from_the_cgroup() {
    if !nix::unistd::geteuid().is_root() {
        return println!("skipped: not root");
    }
    let options = hulld::observability::Options { ebpf: false, ..Default::default() };
    let observability = hulld::observability::Observability::start(options);
    let mut container = Box::tracked(&observability, &no_limits()).await;
    let shell = container.shell("sleep 1000; :");
    let records = eventually("a shell and its sleeper", || {
        let records = observability.processes(container.cgroup.id());
        (records.len() == 2 && records.iter().any(|it| it.comm == "sleep")).then_some(records)
    });
    let sleeper = records.iter().find(|it| it.comm == "sleep").unwrap();
    assert_eq!((sleeper.ppid, sleeper.throttled_ns), (shell, None));
    assert!(observability.hooks().iter().all(|hook| !hook.attached));
}
