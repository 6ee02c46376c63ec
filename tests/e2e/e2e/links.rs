//! `--link`: names, variables, and their end.

use hull_test_support::Engine;
use serde_json::json;

#[test]
fn a_linked_container_is_known_by_its_alias() {
    let engine = Engine::start();
    engine.load("busybox");
    engine.docker(["run", "-d", "--name", "db", "-e", "USER=me", "--expose", "5432", "busybox", "sleep", "1000"]).ok();
    let ip = engine.inspect("db")["NetworkSettings"]["IPAddress"].as_str().expect("an address").to_owned();
    let run = ["run", "--name", "web", "--link", "db:my-store", "busybox", "sh", "-c"];
    let out = engine.docker(run.iter().copied().chain(["env; cat /etc/hosts; ping -c1 -W2 my-store"])).ok();
    for wanted in [
        "MY_STORE_NAME=/web/my-store".to_owned(),
        "MY_STORE_ENV_USER=me".to_owned(),
        format!("MY_STORE_PORT=tcp://{ip}:5432"),
        format!("MY_STORE_PORT_5432_TCP_ADDR={ip}"),
        "1 packets received".to_owned(),
    ] {
        assert!(out.contains(&wanted), "{wanted} is not in:\n{out}");
    }
    assert!(out.lines().any(|line| line.starts_with(&ip) && line.ends_with("my-store")), "{out}");
    assert_eq!(engine.inspect("web")["HostConfig"]["Links"], json!(["/db:/web/my-store"]));

    // A link is by id: another name changes nothing, a stopped container cannot be linked to.
    engine.docker(["rename", "db", "data"]).ok();
    assert_eq!(engine.inspect("web")["HostConfig"]["Links"], json!(["/data:/web/my-store"]));
    engine.docker(["kill", "data"]).ok();
    engine.docker(["start", "web"]).fails(1, "Cannot link to a non running container: /data AS /web/my-store");

    engine.docker(["rm", "--link", "web/my-store"]).ok();
    assert!(engine.inspect("web")["HostConfig"]["Links"].is_null());
    // Without the link nobody answers to the alias.
    engine.docker(["start", "-a", "web"]).fails(1, "bad address");
    assert!(engine.docker(["ps", "-a", "--format", "{{.Names}}"]).ok().contains("data"), "only the link is gone");
}

#[test]
fn links_that_cannot_be_are_refused_at_create() {
    let engine = Engine::start();
    engine.load("busybox");
    for (flags, message) in [
        (&["--link", "nobody:x"][..], "could not get container for nobody: No such container: nobody"),
        (&["--net=host", "--link", "a:b"], "host type networking can't be used with links"),
    ] {
        engine.docker([&["create"], flags, &["busybox"]].concat()).fails(1, message);
    }
}
