//! Load of known size: CPU, memory, processes.

use anyhow::{Context, Result, bail};
use std::hint::black_box;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Keeps `threads` threads busy for `seconds` of wall time.
pub(crate) fn spin(threads: u64, seconds: u64) -> Result<()> {
    let until = Instant::now() + Duration::from_secs(seconds);
    let spinners: Vec<_> = (0..threads)
        .map(|_| {
            std::thread::spawn(move || {
                let mut turns = 0_u64;
                while Instant::now() < until {
                    for _ in 0..10_000 {
                        turns = black_box(turns + 1);
                    }
                }
            })
        })
        .collect();
    for spinner in spinners {
        if spinner.join().is_err() {
            bail!("a spinning thread panicked");
        }
    }
    println!("spun {threads} threads for {seconds} s");
    Ok(())
}

/// Touches `mib` MiB, every page, and holds them until the end of stdin.
pub(crate) fn alloc(mib: u64) -> Result<()> {
    let mut blocks = Vec::new();
    for _ in 0..mib {
        let mut block = vec![0_u8; 1 << 20];
        block.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        blocks.push(black_box(block));
    }
    println!("holding {} MiB", blocks.len());
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    drop(blocks);
    Ok(())
}

/// Runs `count` short-lived children, one after the other: a fork, an exec and an exit each.
pub(crate) fn fork(count: u64) -> Result<()> {
    for _ in 0..count {
        let status = Command::new("/proc/self/exe").arg("true").status().context("cannot start a child")?;
        if !status.success() {
            bail!("a child failed: {status}");
        }
    }
    println!("forked {count}");
    Ok(())
}

/// Keeps `count` children alive until the end of stdin.
pub(crate) fn sleepers(count: u64) -> Result<()> {
    let mut children = Vec::new();
    for _ in 0..count {
        let child = Command::new("/proc/self/exe")
            .args(["alloc", "0"])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start a child")?;
        children.push(child);
    }
    println!("sleeping {count}");
    std::io::stdout().flush()?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    for mut child in children {
        drop(child.stdin.take());
        child.wait()?;
    }
    Ok(())
}
