//! `--device-read-bps` and its kin: what a container reads and writes past the page cache comes at the rate that it was given.

use hull_test_support::Engine;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

const MIB: f64 = 1_048_576.0;

/// The whole disk, as limits are set on, under the file system that the engine's files are on.
fn disk(engine: &Engine) -> Option<PathBuf> {
    let device = fs::metadata(engine.folder()).expect("the engine's folder").dev();
    let numbers = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let mut entry = fs::canonicalize(Path::new("/sys/dev/block").join(&numbers)).ok()?;
    if entry.join("partition").exists() {
        entry.pop();
    }
    let node = Path::new("/dev").join(entry.file_name()?);
    node.exists().then_some(node)
}

/// The disk, or why there is none to be had here.
fn throttled(engine: &Engine) -> Option<String> {
    if engine.get("/info")["Warnings"].to_string().contains("read_bps") {
        eprintln!("skipped: this kernel has no block I/O limits");
        return None;
    }
    let found = disk(engine).map(|path| path.display().to_string());
    if found.is_none() {
        eprintln!("skipped: the file system of {} is not on a block device of its own", engine.folder().display());
    }
    found
}

/// Seconds that a command takes inside the container; starting one is none of it.
fn seconds(engine: &Engine, flags: &[&str], command: &str) -> f64 {
    let script =
        format!("read from rest </proc/uptime; {command} || exit 1; read to rest </proc/uptime; echo $from $to");
    let said = engine.hull([&["run", "--rm"], flags, &["busybox", "sh", "-c", &script]].concat()).ok();
    let times: Vec<f64> = said.split(' ').filter_map(|time| time.parse().ok()).collect();
    let [from, to] = times[..] else { panic!("{said}") };
    to - from
}

/// Takes what it should with the limit, and much less without it: so it is the limit that it waits for.
fn is_held(engine: &Engine, flags: &[&str], limit: &[&str], dd: &str, wanted: f64) {
    let free = seconds(engine, flags, dd);
    assert!(free < wanted / 2.0, "{dd} takes {free} s without a limit, {wanted} s are to be shown");
    let held = seconds(engine, &[flags, limit].concat(), dd);
    // The kernel lets the first slice of time through at once, and rounds the waits up.
    assert!((0.8..1.5).contains(&(held / wanted)), "{limit:?}: {dd} took {held} s, not {wanted} s");
}

#[test]
fn reads_come_at_the_rate_that_was_given() {
    let engine = Engine::start();
    let Some(disk) = throttled(&engine) else { return };
    engine.load("busybox");
    // Written past the cache too, so that nothing of it is read from there.
    let dd = |block: &str, count: u32| {
        let written = engine.data_root().join("to-be-read");
        let volume = format!("{}:/read", written.display());
        fs::create_dir_all(&written).expect("a folder");
        let make = format!("dd if=/dev/zero of=/read/file bs={block} count={count} oflag=direct");
        engine.hull(["run", "--rm", "-v", &volume, "busybox", "sh", "-c", &make]).ok();
        (volume, format!("dd if=/read/file of=/dev/null bs={block} count={count} iflag=direct"))
    };
    let (volume, read) = dd("128k", 32);
    is_held(&engine, &["-v", &volume], &["--device-read-bps", &format!("{disk}:1mb")], &read, 4.0);
    let (volume, read) = dd("4k", 160);
    is_held(&engine, &["-v", &volume], &["--device-read-iops", &format!("{disk}:40")], &read, 4.0);
}

#[test]
fn writes_go_at_the_rate_that_was_given() {
    let engine = Engine::start();
    let Some(disk) = throttled(&engine) else { return };
    engine.load("busybox");
    let dd = "dd if=/dev/zero of=/written bs=128k count=32 oflag=direct";
    is_held(&engine, &[], &["--device-write-bps", &format!("{disk}:1mb")], dd, 4.0);
    let dd = "dd if=/dev/zero of=/written bs=4k count=160 oflag=direct";
    is_held(&engine, &[], &["--device-write-iops", &format!("{disk}:40")], dd, 4.0);
}

#[test]
fn limits_of_several_kinds_stand_side_by_side() {
    let engine = Engine::start();
    let Some(disk) = throttled(&engine) else { return };
    engine.load("busybox");
    let device = fs::metadata(&disk).expect("the disk").rdev();
    let numbers = format!("{}:{}", nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let rate = |of: &str| format!("{disk}:{of}");
    let name = ["run", "-d", "--name", "several"];
    let limits = ["--device-read-bps", &rate("1mb"), "--device-write-bps", &rate("2mb")];
    let more = ["--device-read-iops", &rate("30"), "--device-write-iops", &rate("40")];
    engine.hull([&name, &limits[..], &more[..], &["busybox", "sleep", "1000"]].concat()).ok();
    let set = |file: &str| fs::read_to_string(engine.cgroup("several", "blkio").join(file)).expect("a limit");
    if engine.get("/info")["CgroupVersion"] == "2" {
        assert_eq!(set("io.max").trim(), format!("{numbers} rbps=1048576 wbps=2097152 riops=30 wiops=40"));
        return;
    }
    for (file, value) in [("read_bps", MIB), ("write_bps", 2.0 * MIB), ("read_iops", 30.0), ("write_iops", 40.0)] {
        assert_eq!(set(&format!("blkio.throttle.{file}_device")).trim(), format!("{numbers} {value}"));
    }
}

#[test]
fn a_weight_is_set_where_the_kernel_has_one_and_a_warning_elsewhere() {
    let engine = Engine::start();
    engine.load("busybox");
    let outcome = engine.hull(["run", "-d", "--name", "heavy", "--blkio-weight", "500", "busybox", "sleep", "1000"]);
    let said = outcome.stderr.clone();
    outcome.ok();
    let folder = engine.cgroup("heavy", "blkio");
    let weights = [("io.bfq.weight", "500"), ("io.weight", "4950"), ("blkio.weight", "500")];
    let there = weights.iter().find(|(file, _)| folder.join(file).exists());
    let Some((file, value)) = there else {
        assert!(said.contains("Your kernel does not support Block I/O weight"), "{said}");
        assert_eq!(engine.inspect("heavy")["HostConfig"]["BlkioWeight"], 0);
        return;
    };
    let text = fs::read_to_string(folder.join(file)).expect("a weight");
    let set = text.lines().next().map(|line| line.trim_start_matches("default ").trim());
    assert_eq!((set, said.as_str()), (Some(*value), ""));
}
