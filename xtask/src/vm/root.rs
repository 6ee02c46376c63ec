//! The guest's root disk: our programs, what their tests run, and the libraries of all of them, copied from this host.

use super::programs::Program;
use super::tools::Tools;
use super::{Build, disk, programs};
use crate::command::{output, target, workspace};
use anyhow::{Context, Result};
use std::collections::BTreeSet;
use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

/// What tests, the daemon and the guest's own script run. Those that the host lacks are busybox's.
const PROGRAMS: &[&str] = &[
    "bash", "cat", "chmod", "cp", "curl", "date", "env", "find", "grep", "head", "ip", "kill", "ls", "mkdir", "mkfifo",
    "mount", "mv", "nft", "nsenter", "openssl", "ps", "readlink", "rm", "script", "sed", "seq", "sh", "sleep", "sort",
    "stat", "tail", "tar", "timeout", "touch", "true", "umount", "uname", "unshare", "wc", "xz",
];
/// Taken if they are there; a test that judges by them says so if they are not.
const OPTIONAL: &[&str] = &["docker"];
/// Not linked to, but loaded: name services and locales' character sets have no place here, DNS has.
const LOADED: &[&str] = &["libnss_files.so.2", "libnss_dns.so.2"];
/// MB of the disk: images and layers of tests side by side, sparse on the host.
const SIZE: u64 = 6144;
/// Where our files lie in the guest.
pub(super) const FOLDER: &str = "hull";

const INIT: &str = include_str!("guest/init.sh");

/// Makes the image; where it is.
///
/// # Errors
/// When something cannot be copied.
pub(super) fn make(tools: &Tools, build: Build, tests: &[Program], script: &str) -> Result<PathBuf> {
    let tree = target("vm")?.join("root");
    if tree.exists() {
        fs::remove_dir_all(&tree).with_context(|| format!("cannot empty {}", tree.display()))?;
    }
    let root = Root { tree: &tree, tools };
    root.skeleton()?;
    root.system()?;
    root.ours(&programs::engine(build)?, tests)?;
    root.file("sbin/init", INIT, 0o755)?;
    root.file(&format!("{FOLDER}/run"), script, 0o755)?;
    let image = target("vm")?.join("root.img");
    disk::make(tools, &image, &tree, Some(SIZE))?;
    fs::remove_dir_all(&tree)?;
    Ok(image)
}

struct Root<'a> {
    tree: &'a Path,
    tools: &'a Tools,
}

impl Root<'_> {
    fn skeleton(&self) -> Result<()> {
        // As on every current distribution /bin is /usr/bin; the libraries' folders keep their own names.
        for folder in
            ["dev", "etc", "lib/modules", "proc", "root", "run", "sys", "tmp", "usr/bin", "usr/sbin", "var/lib", FOLDER]
        {
            fs::create_dir_all(self.tree.join(folder))?;
        }
        fs::set_permissions(self.tree.join("tmp"), Permissions::from_mode(0o1777))?;
        symlink("usr/bin", self.tree.join("bin"))?;
        symlink("usr/sbin", self.tree.join("sbin"))?;
        self.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/sh\n", 0o644)?;
        self.file("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n", 0o644)?;
        self.file("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n", 0o644)?;
        self.file("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n", 0o644)?;
        self.file("etc/ssl/openssl.cnf", &fs::read_to_string("/etc/ssl/openssl.cnf").unwrap_or_default(), 0o644)?;
        self.file("etc/os-release", "ID=hull-guest\nNAME=\"Hull's test guest\"\n", 0o644)
    }

    fn system(&self) -> Result<()> {
        let busybox = self.tools.find("busybox")?;
        fs::copy(&busybox, self.tree.join("usr/bin/busybox"))?;
        let applets = output(Command::new(&busybox).arg("--list"))?;
        let mut copied = Vec::new();
        for name in PROGRAMS.iter().chain(OPTIONAL) {
            let Ok(path) = self.tools.find(name) else { continue };
            let path = fs::canonicalize(&path)?;
            fs::copy(&path, self.tree.join("usr/bin").join(name))?;
            copied.push(path);
        }
        for applet in applets.lines().filter(|applet| !self.tree.join("usr/bin").join(applet).exists()) {
            symlink("busybox", self.tree.join("usr/bin").join(applet))?;
        }
        // The kernel asks for it by this name when it needs a module.
        let kmod = self.tools.find("kmod")?;
        fs::copy(&kmod, self.tree.join("usr/bin/kmod"))?;
        let modprobe = self.tree.join("usr/sbin/modprobe");
        symlink("/usr/bin/kmod", modprobe)?;
        copied.push(kmod);
        self.libraries(&copied)?;
        Ok(())
    }

    fn ours(&self, programs: &Path, tests: &[Program]) -> Result<()> {
        let folder = self.tree.join(FOLDER);
        fs::create_dir_all(folder.join("programs"))?;
        fs::create_dir_all(folder.join("tests"))?;
        let mut linked = Vec::new();
        for name in ["hulld", "hull"] {
            strip(&programs.join(name), &folder.join("programs").join(name))?;
            linked.push(programs.join(name));
        }
        for test in tests {
            strip(&test.path, &folder.join("tests").join(test.path.file_name().context("a program without a name")?))?;
            linked.push(test.path.clone());
        }
        self.libraries(&linked)?;
        // Some tests read files of the source tree, by its path on this host.
        let sources = self.tree.join(workspace().strip_prefix("/").unwrap_or(workspace()));
        let files = output(
            Command::new("git").args(["ls-files", "-z", "engine", "docs", "ebpf", "cli"]).current_dir(workspace()),
        )?;
        for name in files.split('\0').filter(|name| !name.is_empty()) {
            copy_into(&workspace().join(name), &sources.join(name))?;
        }
        for name in ["images/busybox.tar", "images/nginx.tar", "hull/hull-guest", "hull/hull-shim"] {
            copy_into(&workspace().join("target").join(name), &sources.join("target").join(name))?;
        }
        Ok(())
    }

    /// Copies the libraries of these programs to where the programs look for them.
    fn libraries(&self, programs: &[PathBuf]) -> Result<()> {
        let mut needed = BTreeSet::new();
        for program in programs {
            let mut ldd = Command::new("ldd");
            ldd.arg(program).env("LD_LIBRARY_PATH", self.tools.library_path()?);
            // A static program is no failure of ours.
            needed.extend(linked(&output(&mut ldd).unwrap_or_default()));
        }
        let system =
            needed.iter().find(|path| path.ends_with("libc.so.6")).and_then(|path| path.parent().map(Path::to_owned));
        needed.extend(LOADED.iter().filter_map(|name| Some(system.as_ref()?.join(name))).filter(|path| path.exists()));
        for path in needed {
            // What comes from a prefix of ours lies where the package would have put it.
            let wanted = ["/usr/lib/", "/lib/", "/lib64/"].iter().find_map(|folder| {
                let text = path.to_string_lossy().into_owned();
                text.find(folder).map(|at| text[at + 1..].to_owned())
            });
            let wanted = wanted.unwrap_or_else(|| path.display().to_string().trim_start_matches('/').to_owned());
            copy_into(&path, &self.tree.join(wanted))?;
        }
        Ok(())
    }

    fn file(&self, name: &str, content: &str, mode: u32) -> Result<()> {
        let path = self.tree.join(name);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::write(&path, content).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(fs::set_permissions(&path, Permissions::from_mode(mode))?)
    }
}

fn copy_into(from: &Path, to: &Path) -> Result<()> {
    if let Some(folder) = to.parent() {
        fs::create_dir_all(folder).with_context(|| format!("cannot create {}", folder.display()))?;
    }
    fs::copy(from, to).map(|_| ()).with_context(|| format!("cannot copy {}", from.display()))
}

/// Symbols stay for backtraces; line tables of a debug build are most of its size.
fn strip(from: &Path, to: &Path) -> Result<()> {
    output(Command::new("strip").args(["--strip-debug", "-o"]).arg(to).arg(from)).map(|_| ())
}

/// Paths in what `ldd` prints: `name => path (address)`, and the loader without an arrow.
fn linked(text: &str) -> Vec<PathBuf> {
    let path = |line: &str| {
        let line = line.trim();
        let path = line.split_once("=> ").map_or(line, |(_, path)| path).split(" (").next()?.trim();
        path.starts_with('/').then(|| PathBuf::from(path))
    };
    text.lines().filter_map(path).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_read_from_ldd() {
        let text = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x2)\n\t/lib64/ld-linux-x86-64.so.2 (0x3)\n";
        assert_eq!(
            linked(text),
            [Path::new("/lib/x86_64-linux-gnu/libc.so.6"), Path::new("/lib64/ld-linux-x86-64.so.2")]
        );
        assert!(linked("\tnot a dynamic executable\n").is_empty());
    }
}
