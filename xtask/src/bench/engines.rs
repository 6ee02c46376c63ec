//! The daemons that are measured, each in a network namespace with roots of its own.

use super::packages::Prefix;
use crate::command::{output, target};
use crate::{build, up};
use anyhow::{Context, Result, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What all measurements share: a folder, a network namespace, a root filesystem.
pub(crate) struct Stage {
    folder: PathBuf,
    netns: String,
    packages: PathBuf,
    /// Cgroups that peers make and leave behind, where they were not there before.
    strangers: Vec<PathBuf>,
}

impl Stage {
    /// Makes them. The folder is short, since unix sockets' paths are.
    pub(crate) fn set_up() -> Result<Self> {
        let folder = PathBuf::from(format!("/tmp/hull-bench-{}", std::process::id()));
        fs::create_dir_all(folder.join("rootfs"))?;
        let netns = format!("hull-bench-{}", std::process::id());
        let stage = Self { netns, packages: target("peers")?, folder, strangers: absent_cgroups() };
        output(Command::new("ip").args(["netns", "add", &stage.netns]))?;
        output(Command::new("ip").args(["-n", &stage.netns, "link", "set", "lo", "up"]))?;
        stage.root_filesystem()?;
        Ok(stage)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn rootfs(&self) -> PathBuf {
        self.folder.join("rootfs")
    }

    fn tar(&self) -> PathBuf {
        self.folder.join("rootfs.tar")
    }

    /// Unpacked Debian packages.
    pub(crate) fn prefix(&self, name: &str, packages: &[&str]) -> Result<Prefix> {
        Prefix::with(self.packages.join(name), packages)
    }

    /// A command inside the network namespace, and in a mount namespace of its engine's own so that a peer's mounts end
    /// with it: a new one, or that of the engine's first process, since containerd runs what dockerd has mounted.
    /// `ip netns exec` would hide the cgroup mounts.
    fn command(&self, first: Option<&Child>, words: &[String]) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.netns));
        match first {
            Some(first) => command.arg(format!("--mount=/proc/{}/ns/mnt", first.id())).arg("--"),
            None => command.args(["--", "unshare", "--mount", "--"]),
        };
        command.args(words);
        command
    }

    /// Busybox, as small as a root filesystem can be.
    fn root_filesystem(&self) -> Result<()> {
        let busybox = self.prefix("busybox", &["busybox-static"])?.path("busybox")?;
        let root = self.rootfs();
        for folder in ["bin", "proc", "sys", "dev", "etc", "tmp"] {
            fs::create_dir_all(root.join(folder))?;
        }
        fs::copy(busybox, root.join("bin/busybox"))?;
        for applet in ["true", "sleep", "sh"] {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet))?;
        }
        output(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(self.tar()).arg("."))?;
        Ok(())
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        for cgroup in &self.strangers {
            remove_cgroups(cgroup);
        }
        output(Command::new("ip").args(["netns", "del", &self.netns])).ok();
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// A daemon that speaks Docker's API.
pub(crate) struct Engine {
    name: &'static str,
    socket: PathBuf,
    tar: PathBuf,
    processes: Vec<Child>,
}

impl Engine {
    /// Ours.
    pub(crate) fn hulld(stage: &Stage) -> Result<Self> {
        let mut engine = Self::new("hulld", stage);
        let root = stage.folder().join("hull");
        let words = [
            build::program("hulld").display().to_string(),
            format!("--data-root={}", root.join("data").display()),
            format!("--exec-root={}", root.join("run").display()),
            format!("--host=unix://{}", engine.socket.display()),
        ];
        engine.start(stage, &words)?;
        engine.answers()?;
        Ok(engine)
    }

    /// Debian's dockerd with its containerd.
    pub(crate) fn dockerd(stage: &Stage) -> Result<Self> {
        let prefix = stage.prefix("docker", &["docker.io", "containerd", "runc", "iptables"])?;
        let mut engine = Self::new("dockerd", stage);
        let root = stage.folder().join("docker");
        fs::create_dir_all(&root)?;
        let containerd = root.join("containerd.sock");
        let config = root.join("containerd.toml");
        fs::write(
            &config,
            format!(
                "version = 2\nroot = \"{0}/cd\"\nstate = \"{0}/cds\"\ndisabled_plugins = [\"io.containerd.grpc.v1.cri\"]\n\
                 [grpc]\naddress = \"{1}\"\n",
                root.display(),
                containerd.display()
            ),
        )?;
        let mut words = prefix.command("containerd")?;
        words.push(format!("--config={}", config.display()));
        engine.start(stage, &words)?;
        appears(&containerd)?;
        let mut words = prefix.command("dockerd")?;
        words.extend([
            format!("--containerd={}", containerd.display()),
            format!("--data-root={}", root.join("data").display()),
            format!("--exec-root={}", root.join("run").display()),
            format!("--pidfile={}", root.join("pid").display()),
            format!("--host=unix://{}", engine.socket.display()),
            "--storage-driver=overlay2".into(),
            "--exec-opt=native.cgroupdriver=cgroupfs".into(),
            "--bip=172.30.0.1/24".into(),
        ]);
        engine.start(stage, &words)?;
        engine.answers()?;
        Ok(engine)
    }

    /// Debian's podman as a service.
    pub(crate) fn podman(stage: &Stage) -> Result<Self> {
        let packages =
            ["podman", "conmon", "runc", "crun", "netavark", "aardvark-dns", "iptables", "containernetworking-plugins"];
        let prefix = stage.prefix("podman", &packages)?;
        let mut engine = Self::new("podman", stage);
        let root = stage.folder().join("podman");
        fs::create_dir_all(&root)?;
        let config = root.join("containers.conf");
        let helpers =
            ["usr/lib/podman", "usr/libexec/podman", "usr/bin"].map(|f| prefix.root().join(f).display().to_string());
        fs::write(
            &config,
            format!(
                "[containers]\ndefault_ulimits = [\"nofile=20000:20000\", \"nproc=4096:4096\"]\n\
                 [engine]\ncgroup_manager = \"cgroupfs\"\nruntime = \"runc\"\nevents_logger = \"file\"\n\
                 conmon_path = [\"{}\"]\nconmon_env_vars = {:?}\nhelper_binaries_dir = {:?}\n[engine.runtimes]\nrunc = [\"{}\"]\n\
                 [network]\ncni_plugin_dirs = [\"{}\"]\nnetwork_config_dir = \"{}\"\ndefault_subnet = \"172.29.0.0/24\"\n",
                prefix.path("conmon")?.display(),
                // conmon gets a clean environment, and when a container ends it runs podman to tell the state. Without
                // the libraries' path that fails, and every wait takes 20 s.
                prefix.environment(),
                helpers,
                prefix.path("runc")?.display(),
                prefix.root().join("usr/lib/cni").display(),
                root.join("net").display(),
            ),
        )?;
        // podman wants /etc/containers/policy.json and takes no other path: it gets one in a mount namespace of its own.
        let etc = root.join("etc");
        fs::create_dir_all(etc.join("containers"))?;
        fs::write(etc.join("containers/policy.json"), r#"{"default": [{"type": "insecureAcceptAnything"}]}"#)?;
        let mount = format!("mount -t overlay overlay -o lowerdir={}:/etc /etc && exec \"$@\"", etc.display());
        let mut words = ["sh", "-c", &mount, "sh"].map(str::to_owned).to_vec();
        words.extend(prefix.command("podman")?);
        words.insert(5, format!("CONTAINERS_CONF={}", config.display()));
        words.extend([
            format!("--root={}", root.join("data").display()),
            format!("--runroot={}", root.join("run").display()),
            format!("--tmpdir={}", root.join("tmp").display()),
            "--storage-driver=overlay".into(),
            "system".into(),
            "service".into(),
            "--time=0".into(),
            format!("unix://{}", engine.socket.display()),
        ]);
        engine.start(stage, &words)?;
        engine.answers()?;
        Ok(engine)
    }

    fn new(name: &'static str, stage: &Stage) -> Self {
        let socket = stage.folder().join(format!("{name}.sock"));
        Self { name, socket, tar: stage.tar(), processes: Vec::new() }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn socket(&self) -> &Path {
        &self.socket
    }

    pub(crate) fn rootfs_tar(&self) -> &Path {
        &self.tar
    }

    /// Resident memory of its processes, MiB.
    pub(crate) fn resident_mib(&self) -> Result<f64> {
        let mut total = 0.0;
        for process in &self.processes {
            let status = fs::read_to_string(format!("/proc/{}/status", process.id()))?;
            let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("no VmRSS")?;
            total += line.split_whitespace().next().context("no VmRSS")?.parse::<f64>()? / 1024.0;
        }
        Ok(total)
    }

    /// Private memory of its processes, kB.
    pub(crate) fn private_kb(&self) -> Result<f64> {
        self.processes.iter().map(|process| super::api::private_kb(i64::from(process.id()))).sum()
    }

    fn start(&mut self, stage: &Stage, words: &[String]) -> Result<()> {
        let log = fs::File::create(self.log(self.processes.len()))?;
        let mut command = stage.command(self.processes.first(), words);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        self.processes.push(command.spawn().with_context(|| format!("cannot start {}", words.join(" ")))?);
        Ok(())
    }

    fn log(&self, number: usize) -> PathBuf {
        self.socket.with_extension(format!("{number}.log"))
    }

    fn answers(&mut self) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(30);
        while up::get(&self.socket, "/_ping").is_err() {
            for number in 0..self.processes.len() {
                let ended = self.processes[number].try_wait()?.is_some();
                if ended || Instant::now() > deadline {
                    let log = fs::read_to_string(self.log(number)).unwrap_or_default();
                    let tail: Vec<&str> = log.lines().rev().take(3).collect();
                    bail!("does not start: {}", tail.into_iter().rev().collect::<Vec<_>>().join(" / "));
                }
            }
            up::pause();
        }
        Ok(())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // The last one started is stopped first: dockerd before its containerd.
        for process in self.processes.iter_mut().rev() {
            kill(Pid::from_raw(process.id().cast_signed()), Signal::SIGTERM).ok();
            process.wait().ok();
        }
    }
}

fn appears(socket: &Path) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !socket.exists() {
        if Instant::now() > deadline {
            bail!("{} does not appear", socket.display());
        }
        up::pause();
    }
    Ok(())
}

/// Where dockerd and podman put their cgroups, in every hierarchy where they have none yet.
fn absent_cgroups() -> Vec<PathBuf> {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]).filter(|path| path.join("cgroup.procs").exists());
    let names = ["docker", "libpod_parent"];
    roots.flat_map(|root| names.map(|name| root.join(name))).filter(|path| !path.exists()).collect()
}

/// Kills what is in a cgroup and removes it with those below. podman keeps the monitor of an exec for five minutes.
fn remove_cgroups(path: &Path) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroups(&entry.path());
        }
    }
    let deadline = Instant::now() + Duration::from_secs(3);
    while path.exists() && fs::remove_dir(path).is_err() && Instant::now() < deadline {
        let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
        for pid in processes.lines().filter_map(|line| line.parse().ok()) {
            kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
        }
        up::pause();
    }
}
