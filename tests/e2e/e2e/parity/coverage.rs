//! Nothing of Docker's is left out: every command of the groups `container` and `system` and every flag of each, as
//! `docker ... --help` lists them, is offered by `hull` and stands in a line whose outcome is compared.

use super::{absent, created, done, live, refused, shown, split};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// What one command takes.
#[derive(Default)]
struct Flags {
    /// By long name: whether it takes a value.
    long: BTreeMap<String, bool>,
    /// Letters, and the long names that they stand for.
    short: BTreeMap<char, String>,
}

fn help(program: &str, words: &str) -> String {
    let output = Command::new(program).args(words.split(' ')).arg("--help").output().expect("the program");
    assert!(output.status.success(), "{program} {words} --help");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The names below `Commands:`.
fn commands(group: &str) -> Vec<String> {
    let text = help("docker", group);
    let list = text.split("\nCommands:\n").nth(1).unwrap_or_default();
    list.lines().map_while(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// The lines like `  -m, --memory bytes   ...` and `      --rm   ...`.
fn flags(text: &str) -> Flags {
    let mut flags = Flags::default();
    for line in text.lines() {
        let (short, rest) = match line.strip_prefix("  -") {
            Some(rest) if rest[1..].starts_with(", --") => (rest.chars().next(), &rest[5..]),
            _ => match line.strip_prefix("      --") {
                Some(rest) => (None, rest),
                None => continue,
            },
        };
        let name = rest.split(' ').next().unwrap_or_default();
        let takes_value = rest[name.len()..].starts_with(' ') && !rest[name.len()..].starts_with("  ");
        flags.long.insert(name.to_owned(), takes_value);
        if let Some(short) = short {
            flags.short.insert(short, name.to_owned());
        }
    }
    flags
}

/// `container ls` and `ps` are one command, as are `system info` and `info`.
fn canonical(words: &[String]) -> (String, usize) {
    let word = |at: usize| words.get(at).map(String::as_str).unwrap_or_default();
    match (word(0), word(1)) {
        ("container", "ps" | "list" | "ls") => ("ls".to_owned(), 2),
        ("ps", _) => ("ls".to_owned(), 1),
        ("container" | "system", name @ ("inspect" | "prune")) => (format!("{} {name}", word(0)), 2),
        ("container" | "system", name) => (name.to_owned(), 2),
        (name, _) => (name.to_owned(), 1),
    }
}

/// The flags in a line, by their long names.
fn mentioned(words: &[String], flags: &Flags) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--") {
            let (name, value) = name.split_once('=').map_or((name, None), |(name, value)| (name, Some(value)));
            found.insert(name.to_owned());
            if value.is_none() && flags.long.get(name) == Some(&true) {
                words.next();
            }
        } else if let Some(letters) = word.strip_prefix('-').filter(|letters| !letters.is_empty()) {
            for (at, letter) in letters.char_indices() {
                let Some(name) = flags.short.get(&letter) else { break };
                found.insert(name.clone());
                if flags.long.get(name) == Some(&true) {
                    if at + 1 == letters.len() {
                        words.next();
                    }
                    break;
                }
            }
        } else {
            // Behind the first word that is no flag may stand a command with flags of its own.
            break;
        }
    }
    found
}

/// Docker's commands: the canonical name, and how it is typed.
fn known() -> Vec<(String, String)> {
    let mut all = vec![("inspect".to_owned(), "inspect".to_owned()), ("version".to_owned(), "version".to_owned())];
    for group in ["container", "system"] {
        for name in commands(group) {
            let typed = format!("{group} {name}");
            // `system dial-stdio` and their kind are for programs, and not listed.
            let words: Vec<String> = typed.split(' ').map(str::to_owned).collect();
            all.push((canonical(&words).0, typed));
        }
    }
    all
}

#[test]
fn every_flag_of_dockers_is_offered_and_compared() {
    if absent() {
        return;
    }
    let hull = hull_test_support::provided("HULL_PROGRAMS").join("hull");
    let hull = hull.to_str().expect("a path");
    let written = [shown::LINES, refused::LINES, done::LINES].concat();
    let mut lines: Vec<String> = written.into_iter().chain(live::lines()).map(str::to_owned).collect();
    lines.extend(created::FLAGS.iter().flat_map(|flags| created::lines(flags)));
    let mut missing = Vec::new();
    let mut counted = 0;
    for (name, typed) in known() {
        let flags = flags(&help("docker", &typed));
        let offered = help(hull, &typed);
        let mut compared = BTreeSet::new();
        let mut lines_of_it = 0;
        for line in &lines {
            let words = split(line.trim_start_matches(['~', '!', ' ']));
            let (command, length) = canonical(&words);
            if command == name {
                lines_of_it += 1;
                compared.append(&mut mentioned(&words[length.min(words.len())..], &flags));
            }
        }
        if lines_of_it == 0 {
            missing.push(format!("{typed}: in no line"));
        }
        // `--help` is what is read here.
        for flag in flags.long.keys().filter(|flag| *flag != "help") {
            counted += 1;
            let is_it = |rest: &str| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '-');
            if !offered.split(&format!("--{flag}")).skip(1).any(is_it) {
                missing.push(format!("{typed} --{flag}: not in `hull {typed} --help`"));
            }
            if !compared.contains(flag) {
                missing.push(format!("{typed} --{flag}: in no line"));
            }
        }
    }
    assert!(counted > 200, "the help of Docker's client was understood: {counted} flags");
    assert!(missing.is_empty(), "{} of {counted}:\n{}", missing.len(), missing.join("\n"));
}

#[test]
fn help_is_understood() {
    let flags =
        flags("  -m, --memory bytes   Memory limit\n      --rm             Remove\n  -t, --tty            TTY\n");
    assert_eq!(flags.long.get("memory"), Some(&true));
    assert_eq!(flags.long.get("rm"), Some(&false));
    let line = split("-tm 5 --rm busybox -c x");
    assert_eq!(mentioned(&line, &flags).into_iter().collect::<Vec<_>>(), ["memory", "rm", "tty"]);
}
