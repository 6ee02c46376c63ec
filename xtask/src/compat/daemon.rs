//! The engine that a suite asks: a fresh one, in namespaces of its own, with the images that the tests want.

use crate::bench::client::Client;
use crate::command::output;
use crate::up;
use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Its second address: docker-py attaches to websockets over TCP only.
const TCP: &str = "127.0.0.1:2375";

/// An engine.
pub(crate) struct Daemon {
    socket: PathBuf,
    /// `None`: somebody else's.
    own: Option<Own>,
}

/// What goes with a daemon of our own.
struct Own {
    child: Child,
    images: Vec<PathBuf>,
    folder: PathBuf,
    netns: String,
}

impl Daemon {
    /// Starts a hulld and loads the images.
    pub(crate) fn start(hulld: &Path, images: &[PathBuf]) -> Result<Self> {
        // Unix sockets have short paths, so the roots do too.
        let name = format!("hull-compat-{}", std::process::id());
        let folder = PathBuf::from("/tmp").join(&name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        output(Command::new("ip").args(["netns", "add", &name]))?;
        output(Command::new("ip").args(["-n", &name, "link", "set", "lo", "up"]))?;
        let socket = folder.join("hull.sock");
        let log = File::create(folder.join("hulld.log"))?;
        let mut command = in_netns(&name);
        // Shared propagation, as systemd gives the root of every distribution: `rshared` binds need it.
        command.args(["unshare", "--mount", "--propagation=shared", "--"]).arg(hulld);
        command.arg("--data-root").arg(folder.join("data")).arg("--exec-root").arg(folder.join("run"));
        command.arg("-H").arg(format!("unix://{}", socket.display())).arg("-H").arg(format!("tcp://{TCP}"));
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn();
        let child = child.with_context(|| format!("cannot start {}", hulld.display()))?;
        let mut daemon = Self { socket, own: Some(Own { child, images: images.to_vec(), folder, netns: name }) };
        daemon.answers()?;
        daemon.stock()?;
        Ok(daemon)
    }

    /// One that runs already; it is left as the tests leave it.
    pub(crate) fn elsewhere(socket: PathBuf) -> Self {
        Self { socket, own: None }
    }

    fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while up::get(&self.socket, "/_ping").is_err() {
            let ended = match &mut self.own {
                Some(own) => own.child.try_wait()?,
                None => None,
            };
            if ended.is_some() || Instant::now() > deadline {
                bail!("hulld does not start:\n{}", self.log());
            }
            up::pause();
        }
        Ok(())
    }

    fn log(&self) -> String {
        let file = self.own.as_ref().map(|own| own.folder.join("hulld.log"));
        file.and_then(|file| fs::read_to_string(file).ok()).unwrap_or_default()
    }

    /// Loads the images, those that a test removed too: a registry would give them again.
    pub(crate) fn stock(&self) -> Result<()> {
        for image in self.own.iter().flat_map(|own| &own.images) {
            let tar = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
            let answer = Client::new(&self.socket).send("POST", "/images/load", "application/x-tar", &tar)?;
            let answer = String::from_utf8_lossy(&answer);
            ensure!(!answer.contains("errorDetail"), "{} does not load: {answer}", image.display());
        }
        Ok(())
    }

    /// For `DOCKER_HOST`.
    pub(crate) fn host(&self) -> String {
        format!("unix://{}", self.socket.display())
    }

    /// The same by TCP, where it has that.
    pub(crate) fn tcp(&self) -> Option<String> {
        self.own.as_ref().map(|_| format!("tcp://{TCP}"))
    }

    /// Its socket's path.
    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    /// A client beside it: in its network namespace.
    pub(crate) fn client(&self) -> Command {
        let mut command = match &self.own {
            Some(own) => in_netns(&own.netns),
            None => Command::new("env"),
        };
        command.env("DOCKER_HOST", self.host());
        command
    }

    /// Removes every container: a test that failed half-way leaves some, which would fail the next one too.
    pub(crate) fn sweep(&self) -> Result<()> {
        let mut client = Client::new(&self.socket);
        let all = client.json("GET", "/containers/json?all=1", &Value::Null)?;
        for id in all.as_array().into_iter().flatten().filter_map(|container| container["Id"].as_str()) {
            // One with --rm may be gone by now.
            client.call("DELETE", &format!("/containers/{id}?force=1&v=1"), &Value::Null).ok();
        }
        Ok(())
    }

    /// Ends it. It must still live: a suite that kills the daemon has found the worst of all faults.
    pub(crate) fn stop(mut self) -> Result<()> {
        if let Some(own) = &mut self.own
            && let Some(status) = own.child.try_wait()?
        {
            bail!("hulld ended during the tests ({status}):\n{}", self.log());
        }
        self.sweep()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let Some(own) = &mut self.own else { return };
        kill(Pid::from_raw(own.child.id().cast_signed()), Signal::SIGTERM).ok();
        own.child.wait().ok();
        output(Command::new("ip").args(["netns", "del", &own.netns])).ok();
        fs::remove_dir_all(&own.folder).ok();
    }
}

/// `ip netns exec` would hide the cgroup mounts.
fn in_netns(name: &str) -> Command {
    let mut command = Command::new("nsenter");
    command.arg(format!("--net=/run/netns/{name}")).arg("--");
    command
}
