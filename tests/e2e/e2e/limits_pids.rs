//! `--pids-limit`: a fork bomb stays small.

use hull_test_support::Engine;

#[test]
fn a_container_cannot_have_more_processes_than_its_limit() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "for i in 1 2 3 4 5 6 7 8 9 10; do sleep 100 & done; echo all";
    let held = engine.hull(["run", "--name", "bomb", "--pids-limit", "5", "busybox", "sh", "-c", script]);
    assert_ne!(held.code, 0, "{held:?}");
    assert!(held.stderr.contains("fork"), "{held:?}");
    engine.hull(["run", "--name", "calm", "--pids-limit", "20", "busybox", "sh", "-c", script]).ok();
}

#[test]
fn refused_forks_are_counted_while_it_runs() {
    let engine = Engine::start();
    engine.load("busybox");
    let script = "sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 100 & done'; exec sleep 1000";
    engine.hull(["run", "-d", "--name", "held", "--pids-limit", "4", "busybox", "sh", "-c", script]).ok();
    hull_test_support::eventually("refusals are counted", std::time::Duration::from_secs(10), || {
        let metrics = engine.metrics();
        let labels = [("name", "held"), ("resource", "pids")];
        (metrics.sum("container_limit_breaches_total", &labels)? >= 1.0).then_some(())
    });
    assert_eq!(engine.metrics().get("container_spec_pids_limit", &[("name", "held")]), 4.0);
}
