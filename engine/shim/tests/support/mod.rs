//! What the tests share: a shim, a container made of the host's own programs, and the daemon's side of the protocol.

#![allow(dead_code, reason = "each test file uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on shall panic")]

mod sys;

use hull_plan::{Frame, FrameHeader, PlanBuilder, Step, StepKind};
use hull_test_patience::patience;
use std::ffi::{CStr, CString};
use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// `CLONE_NEW{NS,UTS,IPC,PID,NET}`.
pub(crate) const NAMESPACES: u64 = 0x0002_0000 | 0x0400_0000 | 0x0800_0000 | 0x2000_0000 | 0x4000_0000;
/// The same for an exec to join.
pub(crate) const JOINED: u64 = NAMESPACES;

fn limit() -> Duration {
    patience(Duration::from_secs(20))
}

/// A directory of one container's own, removed afterwards.
pub(crate) struct Scratch(pub(crate) PathBuf);

impl Scratch {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("hull-shim-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        for part in ["upper", "work", "lower/etc", "lower/tmp"] {
            fs::create_dir_all(path.join(part)).unwrap();
        }
        for part in ["bin", "lib", "lib64"] {
            symlink(format!("usr/{part}"), path.join("lower").join(part)).unwrap();
        }
        Self(path)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub(crate) fn c_path(&self, name: &str) -> CString {
        c_string(self.path(name).to_str().unwrap())
    }

    /// Adds a file to the image.
    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path("lower").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn c_string(text: &str) -> CString {
    CString::new(text).unwrap()
}

/// Steps of a plan, owned.
#[derive(Default)]
pub(crate) struct Recipe {
    pub(crate) builder: PlanBuilder,
}

impl Recipe {
    pub(crate) fn step(mut self, step: Step<'_>) -> Self {
        self.builder.push(&step);
        self
    }

    /// A root of the host's programs: an overlay over the scratch's `lower`, with the host's `/usr`.
    pub(crate) fn root(self, scratch: &Scratch) -> Self {
        let options = "lowerdir=lower,upperdir=upper,workdir=work";
        self.step(Step::RootPropagation { flags: REC | SLAVE })
            .step(Step::Overlay { cwd: &scratch.c_path(""), options: &c_string(options) })
            .step(Step::Bind { source: c"/usr", target: c"/usr", flags: BIND | REC | RDONLY, propagation: 1 << 18 })
            .step(mount(c"proc", c"/proc"))
            .step(Step::Mount { fstype: c"tmpfs", source: c"tmpfs", target: c"/dev", flags: 2, data: c"mode=755" })
            .step(Step::Mount {
                fstype: c"devpts",
                source: c"devpts",
                target: c"/dev/pts",
                flags: 2 | 8,
                data: c"newinstance,ptmxmode=0666,mode=0620,gid=5",
            })
            .step(device(c"/dev/null", 1, 3))
            .step(device(c"/dev/zero", 1, 5))
            .step(Step::Symlink { target: c"pts/ptmx", path: c"/dev/ptmx" })
            .step(Step::Symlink { target: c"/proc/self/fd", path: c"/dev/fd" })
            .step(Step::Symlink { target: c"/proc/self/fd/1", path: c"/dev/stdout" })
    }

    /// What every container of these tests has.
    pub(crate) fn container(scratch: &Scratch) -> Self {
        Self::shim_side(scratch)
            .step(Step::Log { path: &scratch.c_path("log"), max_size: 0, max_files: 1 })
            .step(Step::Namespaces { flags: NAMESPACES })
            .step(Step::Hostname { name: c"box" })
            .root(scratch)
            .step(Step::PivotRoot)
    }

    pub(crate) fn shim_side(scratch: &Scratch) -> Self {
        Self::default()
            .step(Step::ControlSocket { path: &scratch.c_path("ctl") })
            .step(Step::ExitRecord { path: &scratch.c_path("exit.json") })
    }

    pub(crate) fn exec() -> Self {
        Self::default().step(Step::JoinInit { kinds: JOINED })
    }

    pub(crate) fn command(self, arguments: &[&str]) -> Self {
        let path = Step::Env { entry: c"PATH=/usr/local/bin:/usr/bin:/bin" };
        arguments.iter().fold(self.step(path), |recipe, argument| recipe.step(Step::Arg { value: &c_string(argument) }))
    }

    pub(crate) fn sh(self, script: &str) -> Self {
        self.command(&["/bin/sh", "-c", script])
    }

    pub(crate) fn bytes(self) -> Vec<u8> {
        self.builder.finish().unwrap().as_bytes().to_vec()
    }
}

pub(crate) const REC: u64 = 1 << 14;
pub(crate) const SLAVE: u64 = 1 << 19;
pub(crate) const BIND: u64 = 1 << 12;
pub(crate) const RDONLY: u64 = 1;

pub(crate) fn mount<'a>(fstype: &'a CStr, target: &'a CStr) -> Step<'a> {
    Step::Mount { fstype, source: fstype, target, flags: 0, data: c"" }
}

pub(crate) fn device(path: &CStr, major: u32, minor: u32) -> Step<'_> {
    Step::Device { path, mode: 0o666, major, minor, uid: 0, gid: 0 }
}

/// A frame that came, owned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    Started(u32),
    Failed { step: StepKind, errno: i32, object: String },
    State(u32),
    Attached(u64, u64),
    Output(u8, Vec<u8>),
    Exited(hull_plan::ExitRecord),
    Done,
    Refused(i32),
    End,
}

/// A connection to a shim, as the daemon has it.
pub(crate) struct Channel(pub(crate) UnixStream);

impl Channel {
    pub(crate) fn new(stream: UnixStream) -> Self {
        stream.set_read_timeout(Some(limit())).unwrap();
        Self(stream)
    }

    pub(crate) fn connect(scratch: &Scratch) -> Self {
        Self::new(UnixStream::connect(scratch.path("ctl")).unwrap())
    }

    pub(crate) fn send(&mut self, frame: &Frame<'_>) -> &mut Self {
        self.0.write_all(&frame.to_vec()).unwrap();
        self
    }

    pub(crate) fn receive(&mut self) -> Came {
        let mut header = [0; 8];
        match self.0.read_exact(&mut header) {
            Ok(()) => {}
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                return Came::End;
            }
            Err(error) => panic!("no frame: {error}"),
        }
        let header = FrameHeader::from_bytes(header).unwrap();
        let mut payload = vec![0; header.length as usize];
        self.0.read_exact(&mut payload).unwrap();
        match Frame::decode(&header, &payload).unwrap() {
            Frame::Started { pid } => Came::Started(pid),
            Frame::Failed { step, errno, object } => {
                Came::Failed { step, errno, object: String::from_utf8_lossy(object).into_owned() }
            }
            Frame::State { pid } => Came::State(pid),
            Frame::Attached { log_inode, log_offset } => Came::Attached(log_inode, log_offset),
            Frame::Output { stream, bytes } => Came::Output(stream, bytes.to_vec()),
            Frame::Exited { record } => Came::Exited(record),
            Frame::Done => Came::Done,
            Frame::Refused { errno } => Came::Refused(errno),
            other => panic!("a shim never says {other:?}"),
        }
    }

    pub(crate) fn started(&mut self) -> u32 {
        match self.receive() {
            Came::Started(pid) => pid,
            other => panic!("not started: {other:?}"),
        }
    }

    pub(crate) fn exited(&mut self) -> hull_plan::ExitRecord {
        match self.receive() {
            Came::Exited(record) => record,
            other => panic!("not exited: {other:?}"),
        }
    }

    /// Reads output to the exit: stdout, stderr, record.
    pub(crate) fn finish(&mut self) -> (String, String, hull_plan::ExitRecord) {
        let mut streams = [Vec::new(), Vec::new()];
        loop {
            match self.receive() {
                Came::Output(stream, bytes) => streams[usize::from(stream) - 1].extend(bytes),
                Came::Exited(record) => {
                    let [out, err] = streams.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    return (out, err, record);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    /// Reads output until it contains `text`.
    pub(crate) fn output_until(&mut self, text: &str) -> String {
        let mut seen = String::new();
        while !seen.contains(text) {
            match self.receive() {
                Came::Output(_, bytes) => seen.push_str(&String::from_utf8_lossy(&bytes)),
                other => panic!("{other:?} after {seen:?}"),
            }
        }
        seen
    }
}

/// A shim of this test's, and the connection on which it was started.
pub(crate) struct Shim {
    pub(crate) process: Child,
    pub(crate) channel: Channel,
}

impl Shim {
    pub(crate) fn spawn() -> Self {
        Self::spawn_as(Command::new(program()))
    }

    pub(crate) fn spawn_as(mut command: Command) -> Self {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let process = command
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process, channel: Channel::new(ours) }
    }

    /// Starts a container on a kernel that lacks a system call, as far as the shim can tell.
    pub(crate) fn start_without(syscall: u32, plan: &[u8]) -> Self {
        const ENOSYS: u32 = 38;
        let mut command = Command::new(program());
        sys::filter_before_exec(&mut command, filter(syscall, ENOSYS));
        let mut shim = Self::spawn_as(command);
        shim.channel.send(&Frame::Start { plan });
        shim
    }

    pub(crate) fn start(plan: &[u8]) -> Self {
        let mut shim = Self::spawn();
        shim.channel.send(&Frame::Start { plan });
        shim
    }

    /// Runs a container to its end.
    pub(crate) fn run(plan: &[u8]) -> hull_plan::ExitRecord {
        let mut shim = Self::start(plan);
        shim.channel.started();
        let record = shim.channel.exited();
        shim.ended();
        record
    }

    pub(crate) fn failed(plan: &[u8]) -> (StepKind, i32, String) {
        let mut shim = Self::start(plan);
        let came = shim.channel.receive();
        let Came::Failed { step, errno, object } = came else { panic!("{came:?}") };
        assert_eq!(shim.channel.receive(), Came::End);
        shim.ended();
        (step, errno, object)
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn ended(&mut self) {
        assert!(self.process.wait().unwrap().success());
    }
}

impl Drop for Shim {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // The container is its child: kill that first, so that a failed test leaves nothing running.
            for child in children(self.process.id()) {
                let _ = Command::new("kill").arg("-9").arg(child.to_string()).status();
            }
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

/// A seccomp program: this system call fails with this errno, others are as ever.
pub(crate) fn filter(syscall: u32, errno: u32) -> Vec<u8> {
    let instructions: [(u16, u8, u8, u32); 4] =
        [(0x20, 0, 0, 0), (0x15, 0, 1, syscall), (0x06, 0, 0, 0x0005_0000 | errno), (0x06, 0, 0, 0x7fff_0000)];
    let encode =
        |(code, jt, jf, k): (u16, u8, u8, u32)| [&code.to_ne_bytes()[..], &[jt, jf], &k.to_ne_bytes()].concat();
    instructions.into_iter().flat_map(encode).collect()
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The shim that `cargo xtask shim` built.
pub(crate) fn program() -> PathBuf {
    if let Some(path) = std::env::var_os("HULL_SHIM") {
        return path.into();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let path = root.join("target/hull/hull-shim");
    assert!(path.exists(), "{} is missing: `cargo xtask shim` builds it", path.display());
    path
}

/// The log's records of a stream, joined.
pub(crate) fn log(scratch: &Scratch, stream: &str) -> String {
    let text = fs::read_to_string(scratch.path("log")).unwrap();
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records
        .filter(|record| record["stream"] == stream)
        .map(|record| record["log"].as_str().unwrap().to_owned())
        .collect()
}

/// Waits for something that other processes bring about.
pub(crate) fn eventually<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(value) = probe() {
            return value;
        }
        assert!(start.elapsed() < limit(), "still not: {what}");
        // What is waited for is a file's content, so there is nothing to block on.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
