//! The file that tells scripts and service managers our process id.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The file cannot be written, or another daemon's is there.
#[derive(Debug, thiserror::Error)]
pub enum PidfileError {
    /// That daemon runs.
    #[error("process with PID {pid} is still running: {} belongs to another hulld", path.display())]
    Running {
        /// The other daemon.
        pid: u32,
        /// Its file.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("{operation} the pidfile {}", path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// Removes the file when dropped.
#[derive(Debug)]
pub struct Pidfile {
    path: PathBuf,
}

impl Pidfile {
    /// Writes our pid.
    ///
    /// # Errors
    /// When the process that the file names is a living hulld, or the file system refuses.
    pub fn write(path: &Path) -> Result<Self, PidfileError> {
        let error = |operation| move |source| PidfileError::Io { operation, path: path.to_owned(), source };
        match fs::read_to_string(path) {
            Ok(text) => {
                let pid = text.trim().parse().ok().filter(|pid| *pid != std::process::id() && is_hulld(*pid));
                if let Some(pid) = pid {
                    return Err(PidfileError::Running { pid, path: path.to_owned() });
                }
            }
            Err(e) if e.kind() == io::ErrorKind::NotFound => {}
            Err(source) => return Err(error("read")(source)),
        }
        if let Some(directory) = path.parent() {
            fs::create_dir_all(directory).map_err(error("create the directory of"))?;
        }
        fs::write(path, format!("{}\n", std::process::id())).map_err(error("write"))?;
        Ok(Self { path: path.to_owned() })
    }
}

/// Pids are used again: after a crash the number may be anybody's, or that of one that is dead and not reaped yet, which
/// has no program any more.
fn is_hulld(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "hulld")
        && fs::read_link(format!("/proc/{pid}/exe")).is_ok()
}

impl Drop for Pidfile {
    fn drop(&mut self) {
        // A successor may have written its own by now.
        if fs::read_to_string(&self.path).is_ok_and(|text| text.trim() == std::process::id().to_string()) {
            // At exit there is nobody left to tell.
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_daemons_file_is_replaced_and_ours_goes_with_us() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("run/hulld.pid");
        // Pid 1 lives, but is no hulld.
        fs::create_dir(dir.path().join("run")).unwrap();
        fs::write(&path, "1\n").unwrap();
        let pidfile = Pidfile::write(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap().trim(), std::process::id().to_string());
        drop(pidfile);
        assert!(!path.exists());
    }

    #[test]
    fn a_successors_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("hulld.pid");
        let pidfile = Pidfile::write(&path).unwrap();
        fs::write(&path, "4242\n").unwrap();
        drop(pidfile);
        assert!(path.exists());
    }
}
