//! Debian's archive, asked through an apt configuration of our own: other suites than the host's, lists and packages below
//! `target/`, and nothing of the host's changed. Which mirror serves them is read from the host's own sources.

use crate::command::{output, target};
use crate::setup;
use anyhow::{Context, Result, bail};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Who signs Debian's suites, older and newer ones than the host's too.
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The package says that it is not to be had: a reason to skip, not to fail.
#[derive(Debug)]
pub(crate) struct Unavailable(pub(crate) String);

impl std::fmt::Display for Unavailable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Unavailable {}

/// Some suites of Debian's.
pub(super) struct Archive {
    folder: PathBuf,
    suites: Vec<String>,
}

/// Where this host gets Debian from.
struct Mirrors {
    /// The release's own archive.
    main: String,
    /// The security updates'.
    security: String,
}

impl Archive {
    /// Fetches the lists of these suites. With `status`, dependencies are counted from what the host has installed.
    ///
    /// # Errors
    /// [`Unavailable`] when the host is no Debian, or its mirror lacks the suites.
    pub(super) fn open(name: &str, suites: &[String], use_status: bool) -> Result<Self> {
        let mirrors = Mirrors::of_host()?;
        let folder = target("vm/apt")?.join(name);
        for part in ["lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(folder.join(part)).with_context(|| format!("cannot create {}", folder.display()))?;
        }
        let line = |suite: &String| {
            let mirror = if suite.ends_with("-security") { &mirrors.security } else { &mirrors.main };
            format!("deb [signed-by={KEYRING}] {mirror} {suite} main\n")
        };
        fs::write(folder.join("sources.list"), suites.iter().map(line).collect::<String>())?;
        if !use_status {
            fs::write(folder.join("status"), "")?;
        }
        let archive = Self { folder, suites: suites.to_vec() };
        output(archive.apt("apt-get").args(["--quiet", "-o", "APT::Update::Error-Mode=any", "update"]))
            .map_err(|error| Unavailable(format!("no list of {}: {error:#}", suites.join(", "))))?;
        Ok(archive)
    }

    /// One of apt's programs, with our configuration.
    fn apt(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        let mut set = |name: &str, value: &Path| {
            command.arg("-o").arg(format!("{name}={}", value.display()));
        };
        set("Dir::Etc::sourcelist", &self.folder.join("sources.list"));
        set("Dir::Etc::sourceparts", Path::new("/dev/null"));
        set("Dir::State::lists", &self.folder.join("lists"));
        set("Dir::Cache", &self.folder.join("cache"));
        let status = self.folder.join("status");
        if status.exists() {
            set("Dir::State::status", &status);
        }
        // The host's locks guard what is not written here; and as root apt would drop to a user who may not write here.
        command.args(["-o", "Debug::NoLocking=1", "-o", "APT::Sandbox::User=root"]).env("LC_ALL", "C");
        command
    }

    /// What a package depends on, directly, as far as it exists.
    ///
    /// # Errors
    /// [`Unavailable`] when there is no such package.
    pub(super) fn depends(&self, package: &str) -> Result<Vec<String>> {
        let text = output(self.apt("apt-cache").args(["depends", "--important", package]))
            .map_err(|error| Unavailable(format!("no {package} in {}: {error:#}", self.suites.join(", "))))?;
        let names = text.lines().filter_map(|line| line.trim_start().strip_prefix("Depends: "));
        Ok(names.filter(|name| !name.starts_with('<')).map(str::to_owned).collect())
    }

    /// Downloads exactly these packages and unpacks them below `prefix`.
    ///
    /// # Errors
    /// [`Unavailable`] when one is not to be had.
    pub(super) fn unpack(&self, packages: &[String], prefix: &Path) -> Result<()> {
        let downloads = self.folder.join("downloads");
        fs::create_dir_all(&downloads)?;
        output(self.apt("apt-get").args(["--quiet", "download"]).args(packages).current_dir(&downloads))
            .map_err(|error| Unavailable(format!("cannot download {}: {error:#}", packages.join(" "))))?;
        unpack_all(&downloads, prefix)
    }

    /// Downloads those of the packages that the host lacks, with what they need, and unpacks them below `prefix`.
    /// `suite` is preferred for all of them.
    ///
    /// # Errors
    /// [`Unavailable`] when one is not to be had.
    pub(super) fn unpack_missing(&self, packages: &[&str], suite: Option<&str>, prefix: &Path) -> Result<()> {
        let mut install = self.apt("apt-get");
        install.args(["install", "--download-only", "--yes", "--quiet", "--no-install-recommends"]);
        if let Some(suite) = suite {
            install.args(["--target-release", suite]);
        }
        output(install.args(packages))
            .map_err(|error| Unavailable(format!("cannot download {}: {error:#}", packages.join(" "))))?;
        unpack_all(&self.folder.join("cache/archives"), prefix)
    }
}

fn unpack_all(downloads: &Path, prefix: &Path) -> Result<()> {
    fs::create_dir_all(prefix).with_context(|| format!("cannot create {}", prefix.display()))?;
    for entry in fs::read_dir(downloads).with_context(|| format!("cannot read {}", downloads.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "deb") {
            unpack_one(&path, prefix)?;
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

/// As `dpkg-deb -x`, which would put a folder in the place of a link that leads to one, such as `/lib`.
fn unpack_one(package: &Path, prefix: &Path) -> Result<()> {
    let mut content = Command::new("dpkg-deb");
    let mut content = content.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped()).spawn()?;
    let pipe = content.stdout.take().context("dpkg-deb without an output")?;
    let mut unpack = Command::new("tar");
    unpack.args(["--extract", "--preserve-permissions", "--keep-directory-symlink", "--directory"]).arg(prefix);
    output(unpack.stdin(pipe))?;
    let status = content.wait()?;
    if !status.success() {
        bail!("dpkg-deb cannot read {} ({status})", package.display());
    }
    Ok(())
}

impl Mirrors {
    fn of_host() -> Result<Self> {
        if !Path::new(KEYRING).exists() {
            bail!(Unavailable(format!("this is no Debian host (no {KEYRING}), and the kernels are Debian's")));
        }
        let codename = codename()?;
        let asked = || {
            let mut targets = Command::new("apt-get");
            output(targets.args(["indextargets", "--format", "$(RELEASE) $(REPO_URI)"])).unwrap_or_default()
        };
        let mut text = asked();
        if text.is_empty() {
            // Without package lists apt knows of no targets.
            setup::update_lists()?;
            text = asked();
        }
        let find = |release: &str| mirror_of(&text, release);
        let main = find(&codename).with_context(|| format!("no source of {codename} on this host"))?;
        let security = find(&format!("{codename}-security")).unwrap_or_else(|| main.clone());
        Ok(Self { main, security })
    }
}

/// The host's release, as its suites are called.
///
/// # Errors
/// When the system does not tell.
pub(super) fn codename() -> Result<String> {
    let text = fs::read_to_string("/etc/os-release").context("cannot read /etc/os-release")?;
    let name = text.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    Ok(name.context("/etc/os-release names no release")?.trim_matches('"').to_owned())
}

fn mirror_of(targets: &str, release: &str) -> Option<String> {
    targets.lines().find_map(|line| line.strip_prefix(release)?.strip_prefix(' ')).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mirror_is_found_by_the_whole_name_of_its_suite() {
        let targets = "stable-security http://a/security/\nstable http://a/debian/\n";
        assert_eq!(mirror_of(targets, "stable").as_deref(), Some("http://a/debian/"));
        assert_eq!(mirror_of(targets, "stable-security").as_deref(), Some("http://a/security/"));
        assert_eq!(mirror_of(targets, "old"), None);
    }
}
