//! Several engines live on one host and leave each other's things alone.

use hull_test_support::Engine;

#[test]
fn the_restart_of_one_engine_does_not_touch_the_other() {
    let mut one = Engine::start();
    let two = Engine::start();
    for engine in [&one, &two] {
        engine.load("busybox");
        engine.hull(["run", "-d", "--name", "on", "busybox", "sleep", "1000"]).ok();
    }
    assert_ne!(one.engine_id(), two.engine_id());
    one.kill();
    one.spawn();
    for engine in [&one, &two] {
        assert_eq!(engine.hull(["exec", "on", "echo", "alive"]).ok(), "alive");
        assert_eq!(engine.hull(["ps", "--format", "{{.Names}}"]).ok(), "on");
    }
}
