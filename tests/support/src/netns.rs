//! A network namespace of a test's own: "the host" for the daemon inside it.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// Made by `ip netns add`, gone with the value.
#[derive(Debug)]
pub struct NetworkNamespace {
    name: String,
}

impl NetworkNamespace {
    /// A new one with its loopback up.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let name = format!("hull-test-{}-{}", std::process::id(), NUMBER.fetch_add(1, Ordering::Relaxed));
        ip(&["netns", "add", &name]);
        let namespace = Self { name };
        namespace.ip(&["link", "set", "lo", "up"]);
        namespace
    }

    /// Its name, for `ip -n`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A command that runs inside. `ip netns exec` would hide the cgroup mounts; `nsenter` does not.
    pub fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/run/netns/{}", self.name)).arg("--").arg(program);
        command
    }

    /// Runs `ip` inside.
    ///
    /// # Panics
    /// When it fails.
    pub fn ip(&self, args: &[&str]) -> String {
        ip(&[&["-n", &self.name], args].concat())
    }

    /// A cable to another one: `(ours, theirs)` are addresses with a prefix length.
    ///
    /// # Panics
    /// When `ip` fails.
    pub fn connect(&self, other: &Self, ours: &str, theirs: &str) {
        self.ip(&["link", "add", "cable0", "type", "veth", "peer", "name", "cable0", "netns", &other.name]);
        for (namespace, address) in [(self, ours), (other, theirs)] {
            namespace.ip(&["address", "add", address, "dev", "cable0"]);
            namespace.ip(&["link", "set", "cable0", "up"]);
        }
    }
}

impl Default for NetworkNamespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for NetworkNamespace {
    fn drop(&mut self) {
        Command::new("ip").args(["netns", "del", &self.name]).status().ok();
    }
}

fn ip(args: &[&str]) -> String {
    let output = Command::new("ip").args(args).output().expect("ip starts");
    assert!(output.status.success(), "ip {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
