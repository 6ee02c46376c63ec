//! Environment and labels: `-e`, `--env-file`, `-l`, `--label-file`.

use std::collections::BTreeMap;

use super::error::RequestError;

/// The files' lines first, the flags' after them. A bare name takes the value that it has here. One that has none is left
/// out if it stands in a file; as a flag it is sent as it is, and takes the image's variable of that name away.
pub(crate) fn environment(files: &[String], flags: &[String]) -> Result<Vec<String>, RequestError> {
    let mut env = Vec::new();
    for path in files {
        for line in lines(path)? {
            let (name, _) = line.split_once('=').unwrap_or((&line, ""));
            if name.is_empty() {
                return Err(RequestError::EnvLine(format!("no variable name on line '{line}'")));
            }
            if name.contains(char::is_whitespace) {
                return Err(RequestError::EnvLine(format!("variable '{name}' contains whitespaces")));
            }
            env.extend(with_value(&line));
        }
    }
    env.extend(flags.iter().map(|flag| with_value(flag).unwrap_or_else(|| flag.clone())));
    Ok(env)
}

fn with_value(entry: &str) -> Option<String> {
    if entry.contains('=') {
        return Some(entry.to_owned());
    }
    std::env::var(entry).ok().map(|value| format!("{entry}={value}"))
}

pub(crate) fn labels(files: &[String], flags: &[String]) -> Result<BTreeMap<String, String>, RequestError> {
    let mut map = BTreeMap::new();
    let mut entries = Vec::new();
    for path in files {
        entries.extend(lines(path)?);
    }
    entries.extend(flags.iter().cloned());
    for entry in entries {
        let (name, value) = entry.split_once('=').unwrap_or((&entry, ""));
        if name.is_empty() {
            return Err(RequestError::Label(entry));
        }
        map.insert(name.to_owned(), value.to_owned());
    }
    Ok(map)
}

/// The lines of a file that are neither empty nor a comment.
fn lines(path: &str) -> Result<Vec<String>, RequestError> {
    let text = std::fs::read_to_string(path).map_err(|source| RequestError::Open { path: path.to_owned(), source })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    Ok(text.lines().map(str::trim_start).filter(|l| !l.is_empty() && !l.starts_with('#')).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_first_and_bare_names_take_what_is_here() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("env");
        std::fs::write(&path, "\u{feff}# a comment\n\nA=1\n  B=2 # kept\nHULL_SURELY_UNSET\nPATH\n").unwrap();
        let file = path.to_str().unwrap().to_owned();
        let env = environment(&[file], &["A=3".to_owned(), "C=".to_owned(), "HULL_SURELY_UNSET".to_owned()]).unwrap();
        assert_eq!(env[..2], ["A=1", "B=2 # kept"]);
        assert!(env[2].starts_with("PATH=/"));
        assert_eq!(env[3..], ["A=3", "C=", "HULL_SURELY_UNSET"]);
    }

    #[test]
    fn nonsense_is_refused() {
        let error = environment(&["/hull-no-such".to_owned()], &[]).unwrap_err();
        assert_eq!(error.to_string(), "open /hull-no-such: no such file or directory");
        assert!(labels(&[], &["=x".to_owned()]).is_err());
        assert_eq!(labels(&[], &["a".to_owned(), "b=c=d".to_owned()]).unwrap()["b"], "c=d");
    }
}
