//! Socket activation: the service manager opens the socket, `hulld -H fd://` serves it.

use hull_test_support::{Engine, eventually};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// What systemd does between fork and exec: the socket as descriptor 3, and variables that say so to this pid only.
const ACTIVATE: &str = r#"exec 3<&0 0</dev/null; LISTEN_PID=$$ LISTEN_FDS=1 exec "$@""#;

/// A daemon beside `near`'s, in its namespace, with this socket.
fn activated(near: &Engine, folder: &Path, socket: OwnedFd) -> Child {
    let program = Path::new(near.hull_command().get_program()).with_file_name("hulld");
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).expect("a log");
    let mut command = near.netns().command("sh");
    command.args(["-c", ACTIVATE, "sh"]).arg(program).args(["-H", "fd://", "--no-ebpf"]);
    command.arg("--data-root").arg(folder.join("data")).arg("--exec-root").arg(folder.join("run"));
    command.stdin(Stdio::from(socket)).stdout(Stdio::null()).stderr(log).spawn().expect("sh starts")
}

fn docker(socket: &Path, args: &[&str]) -> (i32, String) {
    let mut command = Command::new("docker");
    command.arg("-H").arg(format!("unix://{}", socket.display())).args(args).env_remove("DOCKER_HOST");
    let output = command.stdin(Stdio::null()).output().expect("docker starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    (output.status.code().unwrap_or(-1), text)
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

#[test]
fn a_client_that_came_before_the_daemon_is_served_and_the_socket_stays() {
    let near = Engine::start();
    // Unix sockets have short paths.
    let folder = Folder(PathBuf::from(format!("/tmp/hullfd{}", std::process::id())));
    std::fs::create_dir_all(&folder.0).expect("a folder");
    let path = folder.0.join("s");
    let socket = UnixListener::bind(&path).expect("a socket");

    // It waits in the backlog: nobody accepts yet.
    let early = path.clone();
    let client = std::thread::spawn(move || docker(&early, &["version", "--format", "{{.Server.Version}}"]));
    let mut first = activated(&near, &folder.0, socket.try_clone().expect("a second descriptor").into());
    let (code, text) = client.join().expect("the client's thread");
    let log = || std::fs::read_to_string(folder.0.join("log")).unwrap_or_default();
    assert_eq!(code, 0, "{text}\n{}", log());

    let stop = |daemon: &mut Child| {
        let pid = nix::unistd::Pid::from_raw(daemon.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("stop hulld");
        assert!(daemon.wait().expect("wait for hulld").success(), "{}", log());
    };
    stop(&mut first);
    // The file is the service manager's: the next client starts the next daemon.
    assert!(path.exists());
    let mut second = activated(&near, &folder.0, socket.into());
    let answer = eventually("the second daemon answers", Duration::from_secs(30), || {
        let (code, text) = docker(&path, &["info", "--format", "{{.ID}}"]);
        (code == 0).then_some(text)
    });
    assert!(!answer.trim().is_empty());
    stop(&mut second);
}

#[test]
fn without_a_socket_it_says_what_is_missing() {
    let near = Engine::start();
    let program = Path::new(near.hull_command().get_program()).with_file_name("hulld");
    let roots = near.folder().join("other");
    let mut command = near.netns().command(program);
    command.args(["-H", "fd://"]).env_remove("LISTEN_FDS").env_remove("LISTEN_PID").stdin(Stdio::null());
    let output = command.arg("--data-root").arg(roots.join("d")).arg("--exec-root").arg(roots.join("r")).output();
    let output = output.expect("hulld starts");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success() && text.contains("no sockets found via socket activation"), "{text}");
}
