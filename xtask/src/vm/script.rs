//! What the guest runs: one test program after another.

use super::programs::Program;
use super::root::FOLDER;
use crate::command::workspace;
use std::fmt::Write as _;

/// Which of the tests run, and how.
#[derive(Debug, Clone, Default)]
pub(super) struct Selection {
    /// Arguments of the test programs: filters and flags of libtest.
    pub(super) arguments: Vec<String>,
    /// How many tests run side by side.
    pub(super) threads: u32,
    /// How many times longer than on the host tests wait before they give up.
    pub(super) slow: u32,
}

/// The shell script, after one of the user's. `@begin` and `@end` lines tell the host where each program's output is.
pub(super) fn script(programs: &[Program], selection: &Selection, before: &str) -> String {
    let mut text = String::from("#!/bin/sh\n");
    let ours = |name: &str| format!("/{FOLDER}/{name}");
    let source = |name: &str| workspace().join(name).display().to_string();
    let environment = [
        ("HULL_PROGRAMS", ours("programs")),
        ("HULL_IMAGES", source("target/images")),
        ("HULL_GUEST", source("target/hull/hull-guest")),
        ("HULL_SHIM", source("target/hull/hull-shim")),
        ("HULL_TEST_SLOW", selection.slow.to_string()),
        ("RUST_BACKTRACE", "0".to_owned()),
    ];
    for (name, value) in environment {
        writeln!(text, "export {name}={}", quoted(&value)).unwrap_or_default();
    }
    text.push_str(before);
    text.push('\n');
    for program in programs {
        let file = program.path.file_name().unwrap_or_default().to_string_lossy();
        let arguments: Vec<String> = selection.arguments.iter().map(|argument| quoted(argument)).collect();
        writeln!(
            text,
            "echo {begin}\nmkdir -p {folder} && cd {folder} && {path} --show-output --test-threads={threads} {arguments}\n\
             echo {end}$?",
            begin = quoted(&format!("@begin {}", program.name)),
            folder = quoted(&program.folder.display().to_string()),
            path = quoted(&ours(&format!("tests/{file}"))),
            threads = selection.threads,
            arguments = arguments.join(" "),
            end = quoted(&format!("@end {} ", program.name)),
        )
        .unwrap_or_default();
    }
    text
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_program_runs_in_its_package_and_tells_how_it_ended() {
        let program = Program { name: "a b".into(), path: "/x/b-1".into(), folder: "/src/a".into() };
        let selection = Selection { arguments: vec!["it's".into()], threads: 2, slow: 8 };
        let text = script(&[program], &selection, "");
        assert!(text.contains("cd '/src/a' && '/hull/tests/b-1' --show-output --test-threads=2 'it'\\''s'"), "{text}");
        assert!(text.contains("echo '@begin a b'\n") && text.ends_with("echo '@end a b '$?\n"), "{text}");
    }
}
