//! The generated device program on the real kernel: cgroup2 takes it wherever it is mounted, with or without controllers.

use super::create::attach_devices;
use super::device::{Access, DeviceKind, DevicePolicy, DeviceRule};
use super::hierarchies::Hierarchies;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A cgroup2 directory that goes with the test.
struct Directory(PathBuf);

impl Drop for Directory {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn rule(allow: bool, kind: DeviceKind, numbers: Option<(u32, u32)>, access: &str) -> DeviceRule {
    let (major, minor) = numbers.unzip();
    DeviceRule { allow, kind, major, minor, access: Access::parse(access).unwrap() }
}

/// What a shell in a cgroup with these rules prints.
fn shell(name: &str, rules: &[DeviceRule], script: &str) -> String {
    let unified = Hierarchies::detect().unwrap().unified().to_owned();
    let dir = Directory(unified.join(format!("hull-test-{name}-{}", std::process::id())));
    fs::create_dir(&dir.0).unwrap();
    attach_devices(&dir.0, &DevicePolicy::of(rules)).unwrap();
    let mut child = Command::new("sh")
        .args(["-c", &format!("read go; {{ {script}; }} 2>/dev/null")])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap();
    fs::write(dir.0.join("cgroup.procs"), child.id().to_string()).unwrap();
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    let output = child.wait_with_output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn the_program_denies_all_but_what_is_listed() {
    let rules = [
        rule(false, DeviceKind::All, None, "rwm"),
        rule(true, DeviceKind::Char, Some((1, 3)), "rw"),
        rule(true, DeviceKind::Char, Some((1, 5)), "r"),
    ];
    let script = "echo x >/dev/null && echo null; head -c1 </dev/zero | wc -c; echo x >/dev/zero || echo zero-read-only; \
                  head -c1 </dev/full || echo no-full; echo x >/dev/kmsg || echo no-kmsg";
    assert_eq!(shell("deny", &rules, script), "null\n1\nzero-read-only\nno-full\nno-kmsg\n");
}

#[test]
fn the_program_of_an_open_policy_denies_its_exceptions() {
    let rules = [rule(false, DeviceKind::Char, Some((1, 7)), "r")];
    assert_eq!(
        shell("allow", &rules, "head -c1 </dev/full || echo no-full; head -c1 </dev/zero | wc -c"),
        "no-full\n1\n"
    );
}
