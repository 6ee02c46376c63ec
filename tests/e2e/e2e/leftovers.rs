//! After everything, nothing is left behind.

use hull_test_support::Engine;

#[test]
fn a_hundred_lives_leave_nothing_behind() {
    let engine = Engine::start();
    engine.load("busybox");
    let life = |number: usize| {
        let network = if number.is_multiple_of(2) { "--net=none" } else { "--net=bridge" };
        match number % 5 {
            0 => engine.hull(["run", "--rm", network, "busybox", "true"]).ok(),
            1 => engine.hull(["run", "--rm", network, "--cpus=.5", "--memory=50m", "busybox", "sh", "-c", "true"]).ok(),
            2 => {
                engine.hull(["run", "--rm", network, "busybox", "nosuch"]).fails(127, "nosuch");
                String::new()
            }
            3 => {
                let id = engine.hull(["run", "-d", network, "busybox", "sleep", "1000"]).ok();
                engine.hull(["exec", &id, "true"]).ok();
                engine.hull(["rm", "-f", &id]).ok()
            }
            _ => {
                let id = engine.hull(["create", network, "busybox"]).ok();
                engine.hull(["rm", &id]).ok()
            }
        };
    };
    (0..10).for_each(life);
    let warm = engine.leftovers();
    (0..100).for_each(life);
    assert_eq!(engine.leftovers(), warm);
}
