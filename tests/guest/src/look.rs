//! What a process sees of itself.

use anyhow::{Context, Result};
use std::fs;

/// `kind inode` of every namespace.
pub(crate) fn namespaces() -> Result<()> {
    for kind in ["cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts"] {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).with_context(|| format!("namespace {kind}"))?;
        let text = link.to_string_lossy().into_owned();
        let inode = text.split(['[', ']']).nth(1).context("no inode in the link")?;
        println!("{kind} {inode}");
    }
    Ok(())
}

/// Identity and walls from `/proc/self/status`, and open descriptors beyond stdio.
pub(crate) fn status() -> Result<()> {
    let status = fs::read_to_string("/proc/self/status").context("/proc/self/status")?;
    for line in status.lines() {
        let wanted = ["Uid:", "Gid:", "Groups:", "Cap", "NoNewPrivs:", "Seccomp:", "NSpid:", "SigBlk:", "SigIgn:"];
        if wanted.iter().any(|name| line.starts_with(name)) {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap_or_default().trim_end_matches(':');
            println!("{name} {}", words.collect::<Vec<_>>().join(" "));
        }
    }
    println!("hostname {}", fs::read_to_string("/proc/sys/kernel/hostname")?.trim());
    let mut leaked = 0;
    for entry in fs::read_dir("/proc/self/fd").context("/proc/self/fd")?.flatten() {
        let target = fs::read_link(entry.path()).unwrap_or_default().display().to_string();
        let number: u32 = entry.file_name().to_string_lossy().parse().unwrap_or(0);
        // The directory that is being read is ours.
        if number > 2 && !target.contains("/fd") {
            println!("fd{number} {target}");
            leaked += 1;
        }
    }
    println!("leaked {leaked}");
    Ok(())
}
