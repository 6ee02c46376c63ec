//! The default bridge.

use hull_test_support::{Engine, NetworkNamespace};

#[test]
fn containers_on_the_bridge_reach_each_other_and_the_host() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.load("nginx");
    engine.hull(["run", "-d", "--name", "web", "nginx"]).ok();
    let settings = engine.inspect("web")["NetworkSettings"].clone();
    let address = settings["Networks"]["bridge"]["IPAddress"].as_str().unwrap_or_default().to_owned();
    let gateway = settings["Networks"]["bridge"]["Gateway"].as_str().unwrap_or_default().to_owned();
    assert!(address.starts_with("172."), "{settings}");
    let fetch = || engine.hull(["run", "--rm", "busybox", "wget", "-q", "-O", "-", &format!("http://{address}/")]);
    let page = hull_test_support::eventually("nginx answers", std::time::Duration::from_secs(10), || {
        Some(fetch()).filter(|outcome| outcome.code == 0)
    });
    assert!(page.ok().contains("nginx"));
    engine.hull(["run", "--rm", "busybox", "ping", "-c", "1", "-W", "2", &gateway]).ok();
    let resolved = engine.hull(["run", "--rm", "busybox", "ls", "-l", "/etc/resolv.conf"]).ok();
    assert!(resolved.contains("resolv.conf"), "{resolved}");
}

#[test]
fn outgoing_packets_carry_the_hosts_address() {
    let engine = Engine::start();
    engine.load("busybox");
    let outside = NetworkNamespace::new();
    engine.netns().connect(&outside, "10.99.0.1/24", "10.99.0.2/24");
    // The outside has no route to the container's network: only translated packets get an answer.
    engine.hull(["run", "--rm", "busybox", "ping", "-c", "1", "-W", "2", "10.99.0.2"]).ok();
}

#[test]
fn addresses_are_not_given_twice() {
    let engine = Engine::start();
    engine.load("busybox");
    let mut seen = std::collections::BTreeSet::new();
    for number in 0..8 {
        let id = engine.hull(["run", "-d", "busybox", "sleep", "1000"]).ok();
        let address = engine.inspect(&id)["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        let inside = engine.hull(["exec", &id, "ip", "-4", "-o", "addr", "show", "eth0"]).ok();
        assert!(inside.contains(&format!("{address}/")), "{inside}");
        assert!(seen.insert(address.clone()), "{address} twice, at container {number}");
    }
}
