//! What `cp` means by its two paths: Docker's rules, which are those of `cp -a` (pure, but for looks at local files).
//!
//! | destination | source a file | source a directory | source `dir/.` |
//! | --- | --- | --- | --- |
//! | a directory | into it | into it | its content into it |
//! | a file | replaces it | error | error |
//! | missing | made under that name | made under that name | made under that name, with its content |
//! | missing, ends in `/` | error | made | made |

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::path::{Path, PathBuf};

use crate::commands::CommandError;
use crate::request::error::reason;

/// More links than this are a loop.
const MOST_LINKS: usize = 10;

/// One argument.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Argument {
    Container(String, String),
    Local(String),
}

impl Argument {
    /// `CONTAINER:PATH`, unless it says that it is a path: `/a:b`, `./a:b`.
    pub(super) fn parse(text: &str) -> Self {
        match text.split_once(':') {
            Some((container, path))
                if !text.starts_with('/') && !container.starts_with('.') && !container.is_empty() =>
            {
                Self::Container(container.to_owned(), path.to_owned())
            }
            _ => Self::Local(text.to_owned()),
        }
    }
}

/// What is copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Source {
    pub(super) path: String,
    pub(super) is_directory: bool,
    /// What the archive calls it where that is not the path's last component: it was reached over a link.
    pub(super) name: Option<String>,
}

impl Source {
    /// What a link in a container means; its name stays that of the link.
    pub(super) fn behind_link(link: &str, target: &str) -> Self {
        let mut path = target.to_owned();
        if is_dot(link) && !is_dot(&path) {
            path.push_str("/.");
        }
        if link.ends_with('/') && !path.ends_with('/') {
            path.push('/');
        }
        let name = Some(base(link)).filter(|name| *name != base(&path)).map(str::to_owned);
        Self { path, is_directory: false, name }
    }

    /// A file or directory here.
    pub(super) fn local(path: &str, follow: bool) -> Result<Self, CommandError> {
        let missing = |source: io::Error| CommandError::InStream(format!("lstat {path}: {}", reason(&source)));
        let resolved = if follow {
            let real = fs::canonicalize(path).map_err(missing)?;
            Self::behind_link(path, &real.to_string_lossy())
        } else {
            Self { path: path.to_owned(), is_directory: false, name: None }
        };
        let meta = if directory_meant(&resolved.path) {
            let meta = fs::metadata(&resolved.path).map_err(missing)?;
            if !meta.is_dir() {
                return Err(missing(io::ErrorKind::NotADirectory.into()));
            }
            meta
        } else {
            fs::symlink_metadata(&resolved.path).map_err(missing)?
        };
        Ok(Self { is_directory: meta.is_dir(), ..resolved })
    }

    /// What the archive calls it.
    pub(super) fn archived(&self) -> &str {
        self.name.as_deref().unwrap_or_else(|| base(&self.path))
    }
}

/// Where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) path: String,
    pub(super) exists: bool,
    pub(super) is_directory: bool,
}

impl Destination {
    /// Looks at a local path; links are followed, and what is missing needs a directory that it can be made in.
    pub(super) fn local(path: &str) -> Result<Self, CommandError> {
        let mut path = path.to_owned();
        for _ in 0..=MOST_LINKS {
            match fs::symlink_metadata(&path) {
                Ok(meta) if meta.is_symlink() => {
                    let target = fs::read_link(&path).map_err(|e| failed("readlink", &path, &e))?;
                    path = parent(&path).join(target).to_string_lossy().into_owned();
                }
                Ok(meta) => return Ok(Self { path, exists: true, is_directory: meta.is_dir() }),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    let folder = parent(&path);
                    let meta = fs::metadata(&folder).map_err(|e| failed("stat", &folder.to_string_lossy(), &e))?;
                    if !meta.is_dir() {
                        return Err(CommandError::Refused("not a directory"));
                    }
                    return Ok(Self { path, exists: false, is_directory: false });
                }
                Err(error) => return Err(failed("lstat", &path, &error)),
            }
        }
        Err(CommandError::InStream(format!("too many symlinks in {path}")))
    }
}

fn failed(operation: &str, path: &str, error: &io::Error) -> CommandError {
    CommandError::InStream(format!("{operation} {path}: {}", reason(error)))
}

/// Into which directory the archive goes, and how its names change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) directory: String,
    /// The beginning of all names, and what it becomes.
    pub(super) rename: Option<(String, String)>,
}

impl Plan {
    pub(super) fn new(source: &Source, destination: &Destination) -> Result<Self, CommandError> {
        // The packer calls things by the path; where that led over a link, by the link.
        let packed = base(&source.path);
        let to = |name: &str| match packed == name {
            true => None,
            false => Some((packed.trim_matches('/').to_owned(), name.to_owned())),
        };
        if destination.is_directory {
            return Ok(Self { directory: destination.path.clone(), rename: to(source.archived()) });
        }
        if destination.exists && source.is_directory {
            return Err(CommandError::Refused("cannot copy directory"));
        }
        if !destination.exists && !source.is_directory && directory_meant(&destination.path) {
            return Err(CommandError::Refused("no such directory"));
        }
        let directory = parent(&destination.path).to_string_lossy().into_owned();
        Ok(Self { directory, rename: to(base(clean(&destination.path))) })
    }

    /// A name of the archive as it is at the destination.
    pub(super) fn renamed(&self, name: &[u8]) -> Vec<u8> {
        let Some((old, new)) = &self.rename else { return name.to_owned() };
        let slashes = name.iter().take_while(|byte| **byte == b'/').count();
        match name[slashes..].strip_prefix(old.as_bytes()) {
            Some(rest) if old.is_empty() => [new.as_bytes(), b"/", rest].concat(),
            Some(rest) => [new.as_bytes(), rest].concat(),
            None => name.to_owned(),
        }
    }
}

/// Refuses to write where nothing can be, before anything is asked of the engine.
pub(super) fn check_output(path: &str) -> Result<(), CommandError> {
    let folder = parent(path);
    if !folder.as_os_str().is_empty() && !folder.exists() {
        let text = format!("invalid output path: directory {:?} does not exist", folder.display().to_string());
        return Err(CommandError::InStream(text));
    }
    if let Ok(meta) = fs::metadata(path) {
        let kind = meta.file_type();
        if kind.is_char_device() || kind.is_block_device() {
            let text = format!("invalid output path: {path:?} must be a directory or a regular file: got a device");
            return Err(CommandError::InStream(text));
        }
    }
    Ok(())
}

/// Absolute, with the `/` or `/.` at its end that says what is meant.
pub(super) fn absolute(path: &str) -> Result<String, CommandError> {
    let here = std::path::absolute(path).map_err(|e| failed("find", path, &e))?;
    let mut text = normalized(&here);
    if is_dot(path) {
        text.push_str(if text.ends_with('/') { "." } else { "/." });
    } else if path.ends_with('/') && !text.ends_with('/') {
        text.push('/');
    }
    Ok(text)
}

/// Without `.` and `..`, as words.
fn normalized(path: &Path) -> String {
    let mut clean = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => drop(clean.pop()),
            std::path::Component::CurDir => {}
            part => clean.push(part),
        }
    }
    clean.to_string_lossy().into_owned()
}

fn is_dot(path: &str) -> bool {
    path == "." || path.ends_with("/.")
}

fn directory_meant(path: &str) -> bool {
    is_dot(path) || path.ends_with('/')
}

fn clean(path: &str) -> &str {
    let path = path.strip_suffix("/.").unwrap_or(path).trim_end_matches('/');
    if path.is_empty() { "/" } else { path }
}

/// The last component: `.` where it says so, `/` of the root.
fn base(path: &str) -> &str {
    if is_dot(path) {
        return ".";
    }
    let path = path.trim_end_matches('/');
    match path.rsplit_once('/') {
        _ if path.is_empty() => "/",
        Some((_, name)) => name,
        None => path,
    }
}

fn parent(path: &str) -> PathBuf {
    let path = clean(path);
    match Path::new(path).parent() {
        Some(parent) if parent.as_os_str().is_empty() => PathBuf::from("."),
        Some(parent) => parent.to_owned(),
        None => PathBuf::from("/"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_told_apart() {
        let container = |name: &str, path: &str| Argument::Container(name.to_owned(), path.to_owned());
        assert_eq!(Argument::parse("web:/etc"), container("web", "/etc"));
        assert_eq!(Argument::parse("web:a:b"), container("web", "a:b"));
        for local in ["/a:b", "./a:b", "../a:b", "plain", "-", ":/x"] {
            assert_eq!(Argument::parse(local), Argument::Local(local.to_owned()));
        }
    }

    #[test]
    fn dockers_table_of_copies() {
        let source = |path: &str, is_directory| Source { path: path.to_owned(), is_directory, name: None };
        let destination =
            |path: &str, exists, is_directory| Destination { path: path.to_owned(), exists, is_directory };
        let plan = |from: &Source, to: &Destination, name: &str| match Plan::new(from, to) {
            Ok(plan) => format!("{} {}", plan.directory, String::from_utf8(plan.renamed(name.as_bytes())).unwrap()),
            Err(error) => error.to_string(),
        };
        let (file, folder, content) = (source("/s/f", false), source("/s/d", true), source("/s/d/.", true));
        let directory = destination("/t/dir", true, true);
        assert_eq!(plan(&file, &directory, "f"), "/t/dir f");
        assert_eq!(plan(&folder, &directory, "d/x"), "/t/dir d/x");
        assert_eq!(plan(&content, &directory, "./x"), "/t/dir ./x");
        let other = destination("/t/other", true, false);
        assert_eq!(plan(&file, &other, "f"), "/t other");
        assert_eq!(plan(&folder, &other, "d"), "cannot copy directory");
        assert_eq!(plan(&content, &other, "./x"), "cannot copy directory");
        let missing = destination("/t/new", false, false);
        assert_eq!(plan(&file, &missing, "f"), "/t new");
        assert_eq!(plan(&folder, &missing, "d/x"), "/t new/x");
        assert_eq!(plan(&content, &missing, "./x"), "/t new/x");
        let asserted = destination("/t/new/", false, false);
        assert_eq!(plan(&file, &asserted, "f"), "no such directory");
        assert_eq!(plan(&folder, &asserted, "d/x"), "/t new/x");
        assert_eq!(plan(&source("/", true), &missing, "/bin/sh"), "/t new/bin/sh");
        let linked = Source { is_directory: true, ..Source::behind_link("/link", "/s/d") };
        assert_eq!(plan(&linked, &directory, "d/x"), "/t/dir link/x");
        assert_eq!(plan(&linked, &missing, "d/x"), "/t new/x");
    }

    #[test]
    fn ends_of_paths_stay() {
        for (path, end) in [("/a/b/", "/a/b/"), ("/a/./b/.", "/a/b/."), ("/a/../b", "/b"), ("/", "/"), ("/.", "/.")] {
            assert_eq!(absolute(path).unwrap(), end, "{path}");
        }
        let linked = Source::behind_link("/a/link/.", "/b");
        assert_eq!((linked.path.as_str(), linked.archived()), ("/b/.", "."));
    }
}
