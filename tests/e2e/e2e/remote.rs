//! The command line speaks to an engine on another host.

use hull_test_support::{Engine, Options, eventually};
use std::process::{Command, Stdio};
use std::time::Duration;

fn run(command: &mut Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().expect("hull starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

#[test]
fn hull_runs_nginx_on_another_host() {
    // This engine's namespace is the near host; the far one listens on its own address.
    let near = Engine::start();
    let far = far_engine(&near);
    far.load("nginx");
    let program = near.hull_command().get_program().to_owned();

    let client = |configure: &dyn Fn(&mut Command)| {
        let mut command = near.netns().command(&program);
        command.env_remove("HULL_HOST").env_remove("DOCKER_HOST");
        configure(&mut command);
        run(&mut command)
    };
    let (code, id) = client(&|c| {
        c.args(["-H", "10.98.0.2:2375", "run", "-d", "--name", "web", "nginx"]);
    });
    assert_eq!(code, 0, "{id}");
    assert_eq!(far.inspect("web")["State"]["Running"], true);

    for variable in ["HULL_HOST", "DOCKER_HOST"] {
        let (code, text) = client(&|c| {
            c.env(variable, "tcp://10.98.0.2:2375").args(["ps", "--format", "{{.Names}}"]);
        });
        assert_eq!((code, text.trim()), (0, "web"), "{variable}");
    }
    // HULL_HOST goes before DOCKER_HOST.
    let (code, text) = client(&|c| {
        c.env("HULL_HOST", "10.98.0.2:2375").env("DOCKER_HOST", "tcp://127.0.0.1:1").args(["ps", "-q"]);
    });
    assert_eq!(code, 0, "{text}");

    let address = far.inspect("web")["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        .as_str()
        .unwrap_or_default()
        .to_owned();
    let page = eventually("nginx answers", Duration::from_secs(10), || {
        let (code, page) =
            run(far.netns().command("curl").args(["-sf", "--max-time", "2", &format!("http://{address}/")]));
        (code == 0).then_some(page)
    });
    assert!(page.contains("nginx"), "{page}");
}

/// An engine whose namespace has a cable to the other one's before it starts.
fn far_engine(near: &Engine) -> Engine {
    let flags = ["-H", "tcp://10.98.0.2:2375", "--insecure-tcp"].map(str::to_owned).to_vec();
    Engine::start_beside(Options { flags }, |netns| near.netns().connect(netns, "10.98.0.1/24", "10.98.0.2/24"))
}

#[test]
fn plain_tcp_beyond_loopback_wants_a_flag() {
    let engine = Engine::start();
    let program = std::path::Path::new(engine.hull_command().get_program()).with_file_name("hulld");
    let mut command = engine.netns().command(&program);
    let roots = engine.folder().join("other");
    command.args(["--data-root", &format!("{}/d", roots.display()), "--exec-root", &format!("{}/r", roots.display())]);
    let (code, text) = run(command.args(["-H", "tcp://0.0.0.0:2375"]));
    assert_ne!(code, 0, "{text}");
    assert!(text.contains("--insecure-tcp") && text.contains("--tlsverify"), "{text}");
}

#[test]
fn a_browser_or_a_foreign_host_name_is_refused() {
    let flags = ["-H", "tcp://127.0.0.1:2375"].map(str::to_owned).to_vec();
    let engine = Engine::start_with(Options { flags });
    let curl = |header: &str| {
        let status = ["-s", "-o", "/dev/null", "-w", "%{http_code}", "-H", header, "http://127.0.0.1:2375/_ping"];
        run(engine.netns().command("curl").args(status)).1
    };
    assert_eq!(curl("X-Nothing: special"), "200");
    assert_eq!(curl("Origin: http://evil.example"), "403");
    assert_eq!(curl("Host: evil.example"), "403");
}
