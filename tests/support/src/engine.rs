//! A daemon of a test's own.

use crate::http::{self, Reply};
use crate::{Leftovers, Metrics, NetworkNamespace, Outcome, Terminal, eventually, pause, provided};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// How a daemon is started.
#[derive(Debug, Default, Clone)]
pub struct Options {
    /// More flags for hulld.
    pub flags: Vec<String>,
}

/// A running daemon with everything that belongs to it.
pub struct Engine {
    netns: NetworkNamespace,
    roots: TempDir,
    options: Options,
    child: Option<Child>,
}

impl Engine {
    /// Starts one with defaults and waits until it answers.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start() -> Self {
        Self::start_with(Options::default())
    }

    /// Starts one with more flags.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_with(options: Options) -> Self {
        Self::start_beside(options, |_| {})
    }

    /// Starts one whose network namespace is prepared first.
    ///
    /// # Panics
    /// When it does not start.
    pub fn start_beside(options: Options, prepare: impl FnOnce(&NetworkNamespace)) -> Self {
        // Unix sockets have short paths, so the roots do too.
        let roots = tempfile::Builder::new().prefix("hull").tempdir_in("/tmp").expect("a folder in /tmp");
        let mut engine = Self { netns: NetworkNamespace::new(), roots, options, child: None };
        prepare(&engine.netns);
        engine.spawn();
        engine
    }

    /// Starts the daemon again after [`Engine::kill`] or [`Engine::stop`].
    ///
    /// # Panics
    /// When it does not start.
    pub fn spawn(&mut self) {
        self.launch();
        eventually("hulld answers", Duration::from_secs(30), || {
            let ended = self.child.as_mut().and_then(|child| child.try_wait().expect("wait for hulld"));
            assert!(ended.is_none(), "hulld ended ({ended:?}):\n{}", self.daemon_log());
            http::request(&self.socket(), "GET", "/_ping", b"").ok().filter(|reply| reply.status == 200)
        });
    }

    /// [`Engine::spawn`] without waiting until it answers.
    ///
    /// # Panics
    /// When it runs already.
    pub fn launch(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = File::options().create(true).append(true).open(self.log()).expect("a log");
        let mut command = self.netns.command(program("hulld"));
        command
            .args(self.root_flags())
            .args(["--log-level", "debug", "-H"])
            .arg(self.host())
            .args(&self.options.flags)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a log"))
            .stderr(log);
        self.child = Some(command.spawn().expect("hulld starts"));
    }

    /// `--data-root` and `--exec-root`, for a second daemon on the same place.
    pub fn root_flags(&self) -> Vec<String> {
        let root = |name: &str| self.roots.path().join(name).display().to_string();
        vec!["--data-root".into(), root("data"), "--exec-root".into(), root("run")]
    }

    /// The daemon's pid.
    ///
    /// # Panics
    /// When it does not run.
    pub fn pid(&self) -> u32 {
        // nsenter without --fork execs: its pid is the daemon's.
        self.child.as_ref().expect("hulld runs").id()
    }

    /// kill -9.
    ///
    /// # Panics
    /// When it does not run.
    pub fn kill(&mut self) {
        let mut child = self.child.take().expect("hulld runs");
        child.kill().expect("kill hulld");
        child.wait().expect("wait for hulld");
    }

    /// SIGTERM, and waits for the end.
    ///
    /// # Panics
    /// When it does not end well.
    pub fn stop(&mut self) {
        let mut child = self.child.take().expect("hulld runs");
        kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).expect("stop hulld");
        let status = child.wait().expect("wait for hulld");
        assert!(status.success(), "hulld ended with {status}:\n{}", self.daemon_log());
    }

    /// Its network namespace.
    pub fn netns(&self) -> &NetworkNamespace {
        &self.netns
    }

    /// Its `--data-root`.
    pub fn data_root(&self) -> PathBuf {
        self.roots.path().join("data")
    }

    /// Its `--exec-root`.
    pub fn exec_root(&self) -> PathBuf {
        self.roots.path().join("run")
    }

    /// Its socket's path.
    pub fn socket(&self) -> PathBuf {
        self.roots.path().join("hull.sock")
    }

    /// Its socket as clients take it.
    pub fn host(&self) -> String {
        format!("unix://{}", self.socket().display())
    }

    /// A folder for a test's own files, which goes with the engine.
    pub fn folder(&self) -> &Path {
        self.roots.path()
    }

    fn log(&self) -> PathBuf {
        self.roots.path().join("hulld.log")
    }

    /// What the daemon has said.
    pub fn daemon_log(&self) -> String {
        fs::read_to_string(self.log()).unwrap_or_default()
    }

    /// Our command line, as a command to be changed and run by the test.
    pub fn hull_command(&self) -> Command {
        let mut command = Command::new(program("hull"));
        command.arg("-H").arg(self.host()).env_remove("DOCKER_HOST").env_remove("HULL_HOST").stdin(Stdio::null());
        command
    }

    /// Runs our command line.
    pub fn hull<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        finish(self.hull_command().args(args))
    }

    /// Docker's command line, as a command to be changed and run by the test.
    pub fn docker_command(&self) -> Command {
        let mut command = Command::new("docker");
        command.arg("-H").arg(self.host()).env_remove("DOCKER_HOST").env("HOME", self.folder()).stdin(Stdio::null());
        command
    }

    /// Runs Docker's command line against the daemon.
    pub fn docker<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Outcome {
        finish(self.docker_command().args(args))
    }

    /// Runs Docker's command line on a terminal of 24 lines and 80 columns.
    pub fn docker_terminal<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Terminal {
        on_terminal(self.docker_command(), args)
    }

    /// Runs our command line on such a terminal.
    pub fn hull_terminal<S: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Terminal {
        on_terminal(self.hull_command(), args)
    }

    /// Sends a request that asks for the connection, and takes it over: the answer's head, and the connection behind it.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn upgrade(&self, method: &str, path: &str, headers: &str, body: &Value) -> (String, UnixStream) {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        http::upgrade(&self.socket(), &format!("{method} {path}"), headers, &body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.daemon_log()))
    }

    /// One request to the API.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Reply {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.raw(method, path, &body)
    }

    /// One request with any bytes as its body.
    ///
    /// # Panics
    /// When there is no answer.
    #[track_caller]
    pub fn raw(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        http::request(&self.socket(), method, path, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.daemon_log()))
    }

    /// A GET whose answer is JSON.
    ///
    /// # Panics
    /// When it does not succeed.
    #[track_caller]
    pub fn get(&self, path: &str) -> Value {
        let reply = self.api("GET", path, &Value::Null);
        assert_eq!(reply.status, 200, "GET {path}: {}", reply.message());
        reply.json()
    }

    /// Everything that the daemon has told of up to now.
    ///
    /// # Panics
    /// When it does not answer.
    #[track_caller]
    pub fn events(&self) -> Vec<Value> {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        let path = format!("/events?since=1&until={}.{:09}", now.as_secs(), now.subsec_nanos());
        let reply = self.api("GET", &path, &Value::Null);
        let text = String::from_utf8_lossy(&reply.body).into_owned();
        text.lines().map(|line| serde_json::from_str(line).expect("an event")).collect()
    }

    /// `inspect` of a container.
    ///
    /// # Panics
    /// When there is no such container.
    #[track_caller]
    pub fn inspect(&self, container: &str) -> Value {
        self.get(&format!("/containers/{container}/json"))
    }

    /// One scrape of the metrics.
    ///
    /// # Panics
    /// When it fails.
    #[track_caller]
    pub fn metrics(&self) -> Metrics {
        let reply = self.api("GET", "/metrics", &Value::Null);
        assert_eq!(reply.status, 200, "metrics");
        Metrics::parse(&String::from_utf8_lossy(&reply.body))
    }

    /// Loads one of the images that `cargo xtask images` made.
    ///
    /// # Panics
    /// When it cannot be loaded.
    #[track_caller]
    pub fn load(&self, image: &str) {
        let tar = provided("HULL_IMAGES").join(format!("{image}.tar"));
        self.hull([OsStr::new("load"), OsStr::new("-i"), tar.as_os_str()]).ok();
    }

    /// `-v` flags that put the guest program into a container as `/guest`.
    pub fn guest(&self) -> [String; 2] {
        ["-v".to_owned(), format!("{}:/guest:ro", provided("HULL_GUEST").display())]
    }

    /// A census of what the engine has outside its process, once its background work is done.
    ///
    /// # Panics
    /// When the background work does not end.
    #[track_caller]
    pub fn leftovers(&self) -> Leftovers {
        eventually("the reaper is done", Duration::from_secs(30), || {
            (self.metrics().get("engine_reaper_pending", &[]) == 0.0).then_some(())
        });
        Leftovers::count(&self.engine_id(), &[&self.data_root(), &self.exec_root()], &self.netns, self.pid())
    }

    /// The mark of this engine's kernel objects, as `/info` tells it.
    pub fn engine_id(&self) -> String {
        self.get("/info")["ID"].as_str().unwrap_or_default().to_owned()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let log = self.daemon_log();
            let tail: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- hulld's last words");
            tail.iter().rev().for_each(|line| eprintln!("{line}"));
        }
        if self.child.is_some() {
            let all = self.hull(["ps", "-aq"]).stdout;
            let ids: Vec<&str> = all.split_whitespace().collect();
            if !ids.is_empty() {
                self.hull([&["rm", "-f", "-v"], &ids[..]].concat());
            }
            self.drain();
        }
        if let Some(mut child) = self.child.take() {
            kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM).ok();
            child.wait().ok();
        }
    }
}

impl Engine {
    /// Gives the background teardown its time, without failing a test that has ended.
    fn drain(&self) {
        for _ in 0..300 {
            let done = http::request(&self.socket(), "GET", "/metrics", b"").is_ok_and(|reply| {
                let text = String::from_utf8_lossy(&reply.body).into_owned();
                Metrics::parse(&text).sum("engine_reaper_pending", &[]) == Some(0.0)
            });
            if done {
                return;
            }
            pause(Duration::from_millis(10));
        }
    }
}

fn program(name: &str) -> PathBuf {
    provided("HULL_PROGRAMS").join(name)
}

fn on_terminal<S: AsRef<OsStr>>(mut command: Command, args: impl IntoIterator<Item = S>) -> Terminal {
    command.args(args);
    Terminal::run(command, 24, 80)
}

/// Runs a command to its end.
///
/// # Panics
/// When it cannot start.
fn finish(command: &mut Command) -> Outcome {
    let line = format!("{command:?}");
    let output = command.output().unwrap_or_else(|error| panic!("{line}: {error}"));
    Outcome::new(line, output)
}
