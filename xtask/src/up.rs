//! `cargo xtask up`: from a clone to a limited, observed container; and `down`.

use crate::command::{output, workspace};
use crate::{build, setup};
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The demonstration's containers; only these are removed without asking.
const DEMO: &str = "hull-demo";

/// Options of `up`.
#[derive(clap::Args)]
pub(crate) struct UpArgs {
    /// Only start hulld
    #[arg(long)]
    no_demo: bool,
    #[command(flatten)]
    place: Place,
    /// Passed on to hulld
    #[arg(last = true)]
    hulld: Vec<String>,
}

/// Options of `down`.
#[derive(clap::Args)]
pub(crate) struct DownArgs {
    #[command(flatten)]
    place: Place,
}

/// Where the daemon keeps its things.
#[derive(clap::Args)]
struct Place {
    /// hulld's --data-root
    #[arg(long, default_value = "/var/lib/hull")]
    data_root: PathBuf,
    /// hulld's --exec-root; its socket, pidfile and log lie there
    #[arg(long, default_value = "/run/hull")]
    exec_root: PathBuf,
}

impl Place {
    fn socket(&self) -> PathBuf {
        self.exec_root.join("hull.sock")
    }

    fn pidfile(&self) -> PathBuf {
        self.exec_root.join("hulld.pid")
    }

    fn log(&self) -> PathBuf {
        self.exec_root.join("hulld.log")
    }

    fn hull(&self, args: &[&str]) -> Command {
        let mut command = Command::new(build::program("hull"));
        command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(args);
        command
    }

    /// The pid in the pidfile, if that process is a hulld.
    fn running(&self) -> Option<Pid> {
        let pid: i32 = fs::read_to_string(self.pidfile()).ok()?.trim().parse().ok()?;
        let name = fs::read_to_string(format!("/proc/{pid}/comm")).ok()?;
        (name.trim() == "hulld").then(|| Pid::from_raw(pid))
    }
}

/// Runs the task.
///
/// # Errors
/// When something cannot be installed, built or started; the daemon's last words are shown.
pub(crate) fn run(args: UpArgs) -> Result<()> {
    setup::require_root("up")?;
    build::everything()?;
    let place = &args.place;
    if stop(place)? {
        println!("up: stopped the hulld that ran before; its containers go on");
    }
    start(place, &args.hulld)?;
    if !args.no_demo {
        demonstrate(place)?;
    }
    hint(place);
    Ok(())
}

/// Stops the demonstration and the daemon. Other containers are stopped too, and kept.
///
/// # Errors
/// When the daemon does not stop.
pub(crate) fn down(args: DownArgs) -> Result<()> {
    setup::require_root("down")?;
    let place = &args.place;
    if place.running().is_none() {
        println!("down: no hulld runs on {}", place.exec_root.display());
        return Ok(());
    }
    output(&mut place.hull(&["rm", "--force", DEMO])).ok();
    let running = output(&mut place.hull(&["ps", "--quiet"]))?;
    let ids: Vec<&str> = running.split_whitespace().collect();
    if !ids.is_empty() {
        output(&mut place.hull(&[&["stop"], &ids[..]].concat()))?;
    }
    stop(place)?;
    println!("down: hulld has stopped; images and containers stay in {}", place.data_root.display());
    Ok(())
}

/// Ends the daemon by SIGTERM and waits until it is gone. False when none ran.
fn stop(place: &Place) -> Result<bool> {
    let Some(pid) = place.running() else { return Ok(false) };
    let process = File::open(format!("/proc/{pid}/stat")).ok();
    kill(pid, Signal::SIGTERM).context("cannot stop hulld")?;
    let deadline = Instant::now() + Duration::from_secs(15);
    while place.running().is_some() {
        if Instant::now() > deadline {
            bail!("hulld (pid {pid}) does not stop; see {}", place.log().display());
        }
        pause();
    }
    drop(process);
    Ok(true)
}

/// Starts the daemon in a session of its own, and waits until it answers.
fn start(place: &Place, more: &[String]) -> Result<()> {
    fs::create_dir_all(&place.exec_root).with_context(|| format!("cannot create {}", place.exec_root.display()))?;
    let log = File::create(place.log()).with_context(|| format!("cannot write {}", place.log().display()))?;
    let mut command = Command::new(build::program("hulld"));
    command
        .arg("--data-root")
        .arg(&place.data_root)
        .arg("--exec-root")
        .arg(&place.exec_root)
        .arg("--pidfile")
        .arg(place.pidfile())
        .arg("-H")
        .arg(format!("unix://{}", place.socket().display()))
        .args(more)
        .stdin(Stdio::null())
        .stdout(log.try_clone()?)
        .stderr(log)
        .current_dir("/")
        .process_group(0);
    let mut child = command.spawn().with_context(|| format!("cannot start {}", build::program("hulld").display()))?;
    let deadline = Instant::now() + Duration::from_secs(20);
    while get(&place.socket(), "/_ping").is_err() {
        if let Some(status) = child.try_wait()? {
            bail!("hulld ended ({status}):\n{}", fs::read_to_string(place.log()).unwrap_or_default());
        }
        if Instant::now() > deadline {
            bail!("hulld does not answer:\n{}", fs::read_to_string(place.log()).unwrap_or_default());
        }
        pause();
    }
    println!("up: hulld runs (pid {}), its log is {}", child.id(), place.log().display());
    Ok(())
}

/// A container with half a CPU and 100 MB; then what Hull sees of one that wants more.
fn demonstrate(place: &Place) -> Result<()> {
    title("A container sees itself: hull run --rm --cpus=.5 --memory=100m hull/hello");
    show(&mut place.hull(&["run", "--rm", "--cpus=.5", "--memory=100m", "hull/hello"]))?;

    title(
        "Two busy threads get half a CPU: hull run -d --name hull-demo --cpus=.5 --memory=100m hull/hello /hello spin 2",
    );
    output(&mut place.hull(&["rm", "--force", DEMO])).ok();
    show(&mut place.hull(&[
        "run",
        "-d",
        "--name",
        DEMO,
        "--cpus=.5",
        "--memory=100m",
        "hull/hello",
        "/hello",
        "spin",
        "2",
    ]))?;
    println!("(watching for two seconds)");
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        pause();
    }

    title("The same processes, by the host's PID and by the container's: hull pids hull-demo");
    show(&mut place.hull(&["pids", DEMO]))?;

    title("The stalls that eBPF counted: GET /metrics");
    let wanted = [
        "container_cpu_cfs_throttled_periods_total",
        "container_cpu_throttle_duration_seconds_sum",
        "container_cpu_throttle_duration_seconds_count",
        "container_throttled_process_seconds_total",
        "container_spec_memory_limit_bytes",
        "engine_ebpf_program_attached",
    ];
    for line in get(&place.socket(), "/metrics")?.lines() {
        if wanted.iter().any(|name| line.starts_with(name)) && (line.contains(DEMO) || line.starts_with("engine_")) {
            println!("{line}");
        }
    }
    output(&mut place.hull(&["rm", "--force", DEMO]))?;
    Ok(())
}

fn title(text: &str) {
    println!("\n\x1b[1m== {text}\x1b[0m");
}

fn show(command: &mut Command) -> Result<()> {
    crate::command::run(command)
}

fn hint(place: &Place) {
    let hull = build::program("hull");
    let hull = hull.strip_prefix(workspace()).unwrap_or(&hull).display().to_string();
    let socket = place.socket();
    println!("\nhulld is running. What to try next:");
    if socket != Path::new("/run/hull/hull.sock") {
        println!("  export HULL_HOST=unix://{}", socket.display());
    }
    println!("  {hull} run -it --rm hull/hello            one more container");
    println!("  cargo xtask images                                make busybox and nginx, then:");
    println!("  {hull} load -i target/images/busybox.tar");
    println!("  {hull} run -it --rm busybox sh            a shell that is PID 1");
    println!("  docker -H unix://{} ps        Docker's own client", socket.display());
    println!("  cargo xtask down                                  stop it all");
}

/// One HTTP request over a unix socket; the body of a 200 answer.
pub(crate) fn get(socket: &Path, path: &str) -> Result<String> {
    let mut stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n")?;
    let mut reader = BufReader::new(stream);
    let mut status = String::new();
    reader.read_line(&mut status)?;
    if !status.contains(" 200 ") {
        bail!("{path} answers {}", status.trim());
    }
    let mut header = String::new();
    while reader.read_line(&mut header)? > 0 && header != "\r\n" {
        header.clear();
    }
    let mut body = String::new();
    reader.read_to_string(&mut body)?;
    Ok(body)
}

/// Between two looks at something that has no descriptor to wait on: another program's start or end.
#[expect(
    clippy::disallowed_methods,
    reason = "a build task, not the engine: it waits for a daemon that it did not link"
)]
pub(crate) fn pause() {
    std::thread::sleep(Duration::from_millis(20));
}
