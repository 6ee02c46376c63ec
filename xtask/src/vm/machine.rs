//! One virtual machine: started, listened to, and gone with the value.

use super::kernel::Kernel;
use super::results::Results;
use super::tools::Tools;
use crate::command::line;
use anyhow::{Context, Result, bail};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

/// A boot takes seconds; one in some dozens stalls with two emulated CPUs and is tried again.
const BOOT: Duration = Duration::from_secs(120);
const BOOTS: u32 = 3;

/// What it takes to start one.
pub(super) struct Machine<'a> {
    pub(super) tools: &'a Tools,
    pub(super) kernel: &'a Kernel,
    /// The root disk; what the guest writes is thrown away.
    pub(super) root: &'a Path,
    /// Where logs and files go.
    pub(super) folder: &'a Path,
    /// Whether a reset is the guest's to make; else it ends the machine.
    pub(super) reboots: bool,
    pub(super) cpus: u32,
    pub(super) memory_mb: u32,
    /// How long the whole run may take.
    pub(super) limit: Duration,
}

/// Kills QEMU if the task ends before the guest does.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

impl Machine<'_> {
    /// Boots, and gives every line of the guest to `show` until the guest is done.
    ///
    /// # Errors
    /// When QEMU cannot be started or no boot succeeds. That tests failed is a result.
    pub(super) fn run(&self, mut show: impl FnMut(&str)) -> Result<Results> {
        fs::create_dir_all(self.folder).with_context(|| format!("cannot create {}", self.folder.display()))?;
        let began = Instant::now();
        for boot in 1..=BOOTS {
            let (mut qemu, guest) = self.start()?;
            if guest.await_up() {
                show(&format!("@up after {:.1} s", began.elapsed().as_secs_f64()));
                let results = self.listen(&guest, began, show)?;
                if results.done {
                    qemu.0.wait().context("cannot wait for QEMU")?;
                }
                return Ok(results);
            }
            show(&format!("@boot {boot} of {BOOTS} stalled"));
        }
        let said = fs::read_to_string(self.folder.join("qemu.log")).unwrap_or_default();
        bail!("the guest did not come up; its console: {}\n{said}", self.folder.join("console.log").display())
    }

    fn listen(&self, guest: &Guest, began: Instant, mut show: impl FnMut(&str)) -> Result<Results> {
        let mut log = fs::File::create(self.folder.join("log"))?;
        let mut results = Results::default();
        while !results.done {
            let left = self.limit.saturating_sub(began.elapsed());
            let Some(line) = guest.line(left) else { break };
            writeln!(log, "{line}")?;
            if results.take(&line) {
                show(&line);
            }
        }
        Ok(results)
    }

    fn start(&self) -> Result<(Running, Guest)> {
        let mut command = self.command()?;
        let mut child = command.spawn().with_context(|| format!("cannot start: {}", line(&command)))?;
        let output = child.stdout.take();
        let qemu = Running(child);
        let (sender, lines) = mpsc::channel();
        let output = BufReader::new(output.context("QEMU without an output")?);
        // It ends with QEMU, or when nobody listens any more.
        std::thread::spawn(move || {
            for line in output.split(b'\n').map_while(Result::ok) {
                if sender.send(String::from_utf8_lossy(&line).trim_end().to_owned()).is_err() {
                    break;
                }
            }
        });
        Ok((qemu, Guest { lines }))
    }

    /// Always emulated: `/dev/kvm` that exists may still be one that cannot run a guest.
    fn command(&self) -> Result<Command> {
        let file = |name: &str| self.folder.join(name);
        let mut command = self.tools.qemu()?;
        command.args(["-nodefaults", "-display", "none", "-machine", "q35", "-cpu", "max"]);
        if !self.reboots {
            command.arg("-no-reboot");
        }
        command.args(["-accel", "tcg,thread=multi,tb-size=512"]);
        command.args(["-smp", &self.cpus.to_string(), "-m", &self.memory_mb.to_string()]);
        command.arg("-kernel").arg(&self.kernel.image).arg("-initrd").arg(&self.kernel.initramfs);
        command.args(["-append", "console=ttyS0 loglevel=4 panic=-1 mitigations=off"]);
        command.arg("-serial").arg(option("file:", &file("console.log")));
        command.arg("-drive").arg(disk(self.root, "snapshot=on,cache=unsafe"));
        command.arg("-drive").arg(disk(&self.kernel.modules, "readonly=on"));
        command.args(["-device", "virtio-rng-pci", "-device", "virtio-serial-pci"]);
        command.args(["-chardev", "file,id=log,path=/dev/stdout"]);
        command.args(["-device", "virtserialport,chardev=log,name=hull.log"]);
        command.arg("-chardev").arg(option("file,id=files,path=", &file("files.tar")));
        command.args(["-device", "virtserialport,chardev=files,name=hull.files"]);
        let said = fs::File::create(file("qemu.log")).context("cannot write QEMU's log")?;
        // The snapshot's file: what the guest writes.
        command.env("TMPDIR", self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(said);
        Ok(command)
    }
}

/// QEMU takes a comma in an option's value doubled.
fn option(head: &str, path: &Path) -> String {
    format!("{head}{}", path.display().to_string().replace(',', ",,"))
}

fn disk(path: &Path, more: &str) -> String {
    format!("{},if=virtio,format=raw,{more}", option("file=", path))
}

/// What the guest says.
struct Guest {
    lines: mpsc::Receiver<String>,
}

impl Guest {
    /// Whether it comes up in time.
    fn await_up(&self) -> bool {
        let deadline = Instant::now() + BOOT;
        loop {
            match self.line(deadline.saturating_duration_since(Instant::now())) {
                Some(line) if line.starts_with("@up") => return true,
                Some(_) => {}
                None => return false,
            }
        }
    }

    /// The next line; nothing when the time is over or the guest is gone.
    fn line(&self, within: Duration) -> Option<String> {
        self.lines.recv_timeout(within).ok()
    }
}

/// Where a kernel's results are kept.
///
/// # Errors
/// When the folder cannot be made.
pub(super) fn folder(kernel: &str) -> Result<PathBuf> {
    crate::command::target(&format!("vm/results/{kernel}"))
}
