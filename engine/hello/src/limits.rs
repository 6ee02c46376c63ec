//! Limits, as the cgroup's files have them: version 2, or the version 1 controllers of an older or a hybrid host.

use std::fs;
use std::path::Path;

/// Where cgroups are mounted in a container.
const ROOT: &str = "/sys/fs/cgroup";
/// Version 1 writes "no limit" as the largest page-aligned number, and older kernels as somewhat less.
const UNLIMITED: u64 = 1 << 60;
const NO_LIMIT: &str = "no limit";

/// What limits CPU, memory and processes; nothing where no file can be seen.
pub(crate) struct Limits {
    pub(crate) cpu: Option<String>,
    pub(crate) memory: Option<String>,
    pub(crate) pids: Option<String>,
}

/// Reads the files.
pub(crate) fn limits() -> Limits {
    let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    limits_below(Path::new(ROOT), &own)
}

fn limits_below(root: &Path, own: &str) -> Limits {
    let v2 = |file| read(root, "", own, file);
    let v1 = |controller, file| read(root, controller, own, file);
    Limits {
        cpu: v2("cpu.max").map(|text| cpu_v2(&text)).or_else(|| {
            let (quota, period) = (v1("cpu", "cpu.cfs_quota_us")?, v1("cpu", "cpu.cfs_period_us")?);
            Some(cpu(quota.parse().ok().filter(|quota: &f64| *quota > 0.0), period.parse().ok()?))
        }),
        memory: v2("memory.max").or_else(|| v1("memory", "memory.limit_in_bytes")).map(|text| bytes(&text)),
        pids: v2("pids.max").or_else(|| v1("pids", "pids.max")).map(|text| number(&text)),
    }
}

/// With a cgroup namespace the container's cgroup is the mount itself; without one it lies below, at the path that
/// `/proc/self/cgroup` says.
fn read(root: &Path, controller: &str, own: &str, file: &str) -> Option<String> {
    let path = own.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == controller).then_some(path)
    })?;
    let base = root.join(controller);
    let folders = [base.join(path.trim_start_matches('/')), base];
    let text = folders.iter().find_map(|folder| fs::read_to_string(folder.join(file)).ok())?;
    Some(text.trim().to_owned())
}

fn cpu_v2(text: &str) -> String {
    let (quota, period) = text.split_once(' ').unwrap_or((text, "100000"));
    cpu(quota.parse().ok(), period.parse().unwrap_or(100_000.0))
}

fn cpu(quota: Option<f64>, period: f64) -> String {
    match quota {
        Some(quota) => {
            format!("{:.2} CPU ({:.0} ms in every {:.0} ms)", quota / period, quota / 1000.0, period / 1000.0)
        }
        None => NO_LIMIT.to_owned(),
    }
}

fn bytes(text: &str) -> String {
    match text.parse::<u64>() {
        Ok(bytes) if bytes < UNLIMITED => format!("{} MiB ({bytes} bytes)", bytes >> 20),
        _ => NO_LIMIT.to_owned(),
    }
}

fn number(text: &str) -> String {
    if text == "max" { NO_LIMIT.to_owned() } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(files: &[(&str, &str)], own: &str) -> [Option<String>; 3] {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        for (file, text) in files {
            let path = root.join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let Limits { cpu, memory, pids } = limits_below(root, own);
        [cpu, memory, pids]
    }

    #[test]
    fn both_versions_are_read_at_the_mount_or_below_it() {
        let half = Some("0.50 CPU (50 ms in every 100 ms)".to_owned());
        let hundred = Some("100 MiB (104857600 bytes)".to_owned());
        let v2 = [("cpu.max", "50000 100000\n"), ("memory.max", "104857600\n"), ("pids.max", "max\n")];
        assert_eq!(seen(&v2, "0::/\n"), [half.clone(), hundred.clone(), Some(NO_LIMIT.to_owned())]);
        let v1 = [
            ("cpu/cpu.cfs_quota_us", "50000\n"),
            ("cpu/cpu.cfs_period_us", "100000\n"),
            ("memory/engine/c1/memory.limit_in_bytes", "104857600\n"),
            ("memory/memory.limit_in_bytes", "9223372036854771712\n"),
            ("pids/pids.max", "64\n"),
        ];
        let own = "5:memory:/engine/c1\n4:cpu,cpuacct:/\n3:pids:/\n0::/\n";
        assert_eq!(seen(&v1, own), [half, hundred, Some("64".to_owned())]);
    }

    #[test]
    fn no_limit_is_said_in_words_and_no_file_is_none() {
        let v1 = [
            ("cpu/cpu.cfs_quota_us", "-1"),
            ("cpu/cpu.cfs_period_us", "100000"),
            ("memory/memory.limit_in_bytes", "9223372036854771712"),
        ];
        let no_limit = Some(NO_LIMIT.to_owned());
        assert_eq!(seen(&v1, "1:cpu:/\n2:memory:/\n"), [no_limit.clone(), no_limit, None]);
    }
}
