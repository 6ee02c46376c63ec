//! `cargo xtask setup`: installs what is missing on a Debian or Ubuntu host, and says what and why.
//!
//! Nothing of the user's is removed or upgraded: `apt-get install` runs with `--no-remove --no-upgrade`, and what would
//! conflict with an installed package (another Docker, another QEMU) is never installed but unpacked under `target/`
//! by [`fetch`].

use crate::command::{line, output, run as run_command, which};
use anyhow::{Context, Result, bail};
use std::path::Path;
use std::process::Command;
use std::sync::Once;

/// A Debian package and what Hull needs it for.
pub(crate) type Need = (&'static str, &'static str);

/// What building and running Hull takes, beside Rust.
const ENGINE: &[Need] = &[
    ("gcc", "links programs and compiles the C parts of ring and zstd"),
    ("libc6-dev", "static libc for the program of the default image"),
    ("ca-certificates", "registries over TLS"),
];

/// What the tests take on top.
const TESTS: &[Need] = &[
    ("iproute2", "network namespaces of the tests"),
    ("procps", "ps on the host, compared with what containers see"),
    ("util-linux", "nsenter: each test daemon lives in a network namespace of its own"),
    ("openssl", "certificates of the TLS tests"),
    ("curl", "an HTTP client that is not ours"),
];

/// Install what is missing.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Also what the tests need
    #[arg(long)]
    tests: bool,
    /// Only say what is missing
    #[arg(long)]
    check: bool,
}

/// Runs the task.
///
/// # Errors
/// When a package is missing and this is not a Debian-like system, or not root.
pub(crate) fn run(args: Args) -> Result<()> {
    let needs: Vec<Need> = ENGINE.iter().chain(if args.tests { TESTS } else { &[] }).copied().collect();
    if args.check {
        for (package, why) in missing(&needs)? {
            println!("missing: {package} ({why})");
        }
        return Ok(());
    }
    ensure(&needs)?;
    println!("setup: everything is there");
    Ok(())
}

/// What building and running takes.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn engine() -> Result<()> {
    ensure(ENGINE)
}

/// What the tests take.
///
/// # Errors
/// As [`ensure`].
pub(crate) fn tests() -> Result<()> {
    ensure(TESTS)
}

/// Installs those of the packages that are missing, and says each one's reason.
///
/// # Errors
/// When one is missing and this is no Debian or Ubuntu, or the user is not root, or apt-get fails.
pub(crate) fn ensure(needs: &[Need]) -> Result<()> {
    let missing = missing(needs)?;
    if missing.is_empty() {
        return Ok(());
    }
    for (package, why) in &missing {
        println!("setup: installing {package}: {why}");
    }
    let mut install = Command::new("apt-get");
    install
        .args(["install", "--yes", "--quiet", "--no-remove", "--no-upgrade", "--no-install-recommends"])
        .args(missing.iter().map(|(package, _)| package))
        .env("DEBIAN_FRONTEND", "noninteractive");
    if !nix::unistd::geteuid().is_root() {
        bail!("installing packages takes root; run as root: {}", line(&install));
    }
    update_lists()?;
    quietly(&mut install)
}

/// Downloads packages and unpacks them below `prefix` without installing them, so that nothing of the user's is touched.
/// Dependencies are not followed: name them.
///
/// # Errors
/// When a package is not to be had.
pub(crate) fn fetch(packages: &[&str], prefix: &Path) -> Result<()> {
    require_debian(packages)?;
    update_lists()?;
    let downloads = prefix.join("downloads");
    std::fs::create_dir_all(&downloads).with_context(|| format!("cannot create {}", downloads.display()))?;
    // As root apt-get would drop to its own user, who may not be able to write here.
    output(
        Command::new("apt-get")
            .args(["download", "--quiet", "-o", "APT::Sandbox::User=root"])
            .args(packages)
            .current_dir(&downloads),
    )?;
    for entry in std::fs::read_dir(&downloads)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            output(Command::new("dpkg-deb").arg("-x").arg(&path).arg(prefix))?;
            std::fs::remove_file(&path)?;
        }
    }
    std::fs::remove_dir(&downloads)?;
    Ok(())
}

/// Those of the packages that dpkg does not have.
fn missing(needs: &[Need]) -> Result<Vec<Need>> {
    let names: Vec<&str> = needs.iter().map(|(package, _)| *package).collect();
    require_debian(&names)?;
    let installed = |package: &str| {
        let status = output(Command::new("dpkg-query").args(["-W", "-f", "${db:Status-Status}", package]));
        status.is_ok_and(|text| text == "installed")
    };
    Ok(needs.iter().copied().filter(|(package, _)| !installed(package)).collect())
}

fn require_debian(packages: &[&str]) -> Result<()> {
    if which("apt-get").is_some() && which("dpkg-query").is_some() {
        return Ok(());
    }
    bail!(
        "this is no Debian or Ubuntu (no apt-get): install what these packages hold with your own package manager, \
         then build with `cargo build --release`: {}",
        packages.join(" ")
    )
}

/// `apt-get update`, once in a run: a new machine has no package lists.
///
/// # Errors
/// When the archive cannot be reached.
pub(crate) fn update_lists() -> Result<()> {
    static ONCE: Once = Once::new();
    let mut result = Ok(());
    ONCE.call_once(|| result = quietly(Command::new("apt-get").args(["update", "--quiet"])));
    result
}

/// Runs a talkative program and shows what it said only if it failed.
fn quietly(command: &mut Command) -> Result<()> {
    output(command).map(|_| ())
}

/// Whether the current user is root, with a clear message where a task needs it.
///
/// # Errors
/// When not root.
pub(crate) fn require_root(task: &str) -> Result<()> {
    if nix::unistd::geteuid().is_root() {
        return Ok(());
    }
    bail!(
        "`cargo xtask {task}` takes root: containers need namespaces, mounts and cgroups. Try: sudo -E cargo xtask {task}"
    )
}

/// Runs a program with its output shown; for long work that people like to watch.
///
/// # Errors
/// As [`run_command`].
pub(crate) fn shown(command: &mut Command) -> Result<()> {
    println!("+ {}", line(command));
    run_command(command)
}
