//! Peers from Debian packages, unpacked and never installed: docker.io would remove another Docker.

use crate::command::output;
use crate::setup;
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where packages put programs.
const PROGRAMS: [&str; 6] = ["usr/bin", "usr/sbin", "sbin", "bin", "usr/libexec/podman", "usr/lib/podman"];

/// A folder with unpacked packages.
pub(crate) struct Prefix {
    root: PathBuf,
}

impl Prefix {
    /// Unpacks these packages and what they need that the host lacks; once.
    ///
    /// # Errors
    /// When they are not to be had.
    pub(crate) fn with(root: PathBuf, packages: &[&str]) -> Result<Self> {
        let stamp = root.join("unpacked");
        if !stamp.exists() {
            setup::update_lists()?;
            let names = closure(packages)?;
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            setup::fetch(&names, &root)?;
            link_alternatives(&root)?;
            std::fs::write(&stamp, names.join("\n"))?;
        }
        Ok(Self { root })
    }

    /// A program of the prefix, with its libraries in front of the host's.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn command(&self, program: &str) -> Result<Vec<String>> {
        let mut words = vec!["env".to_owned()];
        words.extend(self.environment());
        words.push(self.path(program)?.display().to_string());
        Ok(words)
    }

    /// What a program of the prefix must have in its environment to find its libraries and the other programs.
    pub(crate) fn environment(&self) -> Vec<String> {
        let below = |folders: &[&str]| {
            folders.iter().map(|folder| self.root.join(folder).display().to_string()).collect::<Vec<_>>().join(":")
        };
        vec![
            format!(
                "LD_LIBRARY_PATH={}",
                below(&["usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu", "usr/lib", "lib"])
            ),
            format!("XTABLES_LIBDIR={}", self.root.join("usr/lib/x86_64-linux-gnu/xtables").display()),
            format!("PATH={}:{}", below(&PROGRAMS), std::env::var("PATH").unwrap_or_default()),
        ]
    }

    /// Where a program lies in the prefix.
    ///
    /// # Errors
    /// When there is none of this name.
    pub(crate) fn path(&self, program: &str) -> Result<PathBuf> {
        let found = PROGRAMS.iter().map(|folder| self.root.join(folder).join(program)).find(|path| path.is_file());
        found.with_context(|| format!("no {program} in {}", self.root.display()))
    }

    /// The prefix itself.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }
}

/// What update-alternatives would link when the packages are installed.
fn link_alternatives(root: &Path) -> Result<()> {
    for name in ["iptables", "iptables-save", "iptables-restore", "ip6tables", "ip6tables-save", "ip6tables-restore"] {
        let link = root.join("usr/sbin").join(name);
        if root.join("usr/sbin/xtables-nft-multi").exists() && !link.exists() {
            std::os::unix::fs::symlink("xtables-nft-multi", link)?;
        }
    }
    Ok(())
}

/// The packages and all that apt would install with them on this host.
fn closure(packages: &[&str]) -> Result<Vec<String>> {
    // Nothing is installed: apt only prints what it would fetch.
    let printed = output(
        Command::new("apt-get").args(["install", "--print-uris", "--yes", "--no-install-recommends"]).args(packages),
    )?;
    let file = |line: &str| Some(line.strip_prefix('\'')?.split("' ").nth(1)?.split('_').next()?.to_owned());
    let mut names: Vec<String> = printed.lines().filter_map(file).collect();
    // What is installed already is not printed; the peers themselves must lie in the prefix all the same.
    names.extend(
        packages.iter().map(|name| (*name).to_owned()).filter(|name| !names.contains(name)).collect::<Vec<_>>(),
    );
    if names.is_empty() {
        bail!("apt-get knows none of {}", packages.join(" "));
    }
    Ok(names)
}
