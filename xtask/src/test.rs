//! `cargo xtask test`: installs what the tests need by itself, runs them all, and counts.
//!
//! Order: what fails fast comes first. Everything below a heading runs even if an earlier heading failed, so that
//! one run tells all.

use crate::command::{cargo, line, workspace};
use crate::{build, compat, dashboards, images, setup, shim, tidy, vm};
use anyhow::{Context, Result, bail};
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Instant;

/// Options of `test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Only these parts: tidy, unit, shim, dashboards, e2e, vm, compat
    #[arg(long, value_delimiter = ',')]
    only: Vec<String>,
    /// Passed on to the end-to-end tests: a filter, --nocapture
    #[arg(last = true)]
    e2e: Vec<String>,
}

/// What the closing line counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    pub(crate) passed: usize,
    pub(crate) failed: usize,
    pub(crate) ignored: usize,
}

/// Runs the task.
///
/// # Errors
/// When something cannot be built, or a test failed.
pub(crate) fn run(args: Args) -> Result<()> {
    setup::require_root("test")?;
    let asked = |part: &str| args.only.iter().any(|only| only == part);
    // The unit tests that run containers skip themselves where there are no images.
    let wanted = |part: &str| {
        args.only.is_empty() || asked(part) || part == "images" && ["unit", "e2e", "compat"].into_iter().any(asked)
    };
    setup::engine()?;
    setup::tests()?;
    build::everything()?;

    let mut totals = Totals::default();
    let mut broken = Vec::new();
    let mut part = |name: &str, work: &mut dyn FnMut(&mut Totals) -> Result<()>| {
        if !wanted(name) {
            return;
        }
        println!("\n=== {name}");
        let start = Instant::now();
        if let Err(error) = work(&mut totals) {
            println!("{name}: {error:#}");
            broken.push(name.to_owned());
        }
        println!("=== {name} took {:.0} s", start.elapsed().as_secs_f64());
    };
    part("tidy", &mut |_| tidy::check());
    part("images", &mut |_| {
        images::all()?;
        images::guest()
    });
    part("unit", &mut |totals| {
        counted(cargo().args(["test", "--workspace", "--exclude", "hull-e2e", "--no-fail-fast"]), totals)
    });
    part("shim", &mut |totals| counted(&mut shim::tests(), totals));
    part("dashboards", &mut |_| dashboards::check());
    part("e2e", &mut |totals| {
        let programs = build::program("hulld").parent().context("no folder")?.to_owned();
        let run = |flags: &[&str], totals: &mut Totals| {
            let mut command = cargo();
            command
                .args(["test", "--package", "hull-e2e", "--no-fail-fast", "--"])
                .args(flags)
                .args(&args.e2e)
                .env("HULL_PROGRAMS", &programs)
                .env("HULL_IMAGES", workspace().join("target/images"))
                .env("HULL_GUEST", workspace().join("target/hull/hull-guest"));
            counted(&mut command, totals)
        };
        // What measures CPU time has the machine for itself.
        let side_by_side = run(&["--test-threads=2", "--skip=limits_cpu::"], totals);
        if args.e2e.is_empty() {
            run(&["--test-threads=1", "limits_cpu::"], totals)?
        }
        side_by_side
    });
    part("vm", &mut |totals| {
        let [passed, failed, skipped] = vm::core()?;
        totals.passed += passed;
        totals.failed += failed;
        totals.ignored += skipped;
        Ok(())
    });
    part("compat", &mut |totals| {
        // What is not listed is known to fail: docs/compat.md says why.
        let [passed, failed, others] = compat::in_tests(&build::program("hulld"))?;
        totals.passed += passed;
        totals.failed += failed;
        totals.ignored += others;
        if failed > 0 {
            bail!("{failed} tests of docker-py that passed before");
        }
        Ok(())
    });

    println!("\n{} passed, {} failed, {} skipped", totals.passed, totals.failed, totals.ignored);
    if !broken.is_empty() {
        bail!("failed: {}", broken.join(", "));
    }
    Ok(())
}

/// Runs a test program, shows what it prints, and adds up its closing lines.
fn counted(command: &mut Command, totals: &mut Totals) -> Result<()> {
    println!("+ {}", line(command));
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start: {}", line(command)))?;
    let stdout = child.stdout.take().context("no output")?;
    for text in BufReader::new(stdout).lines() {
        let text = text?;
        println!("{text}");
        totals.add(&text);
    }
    let status = child.wait()?;
    if !status.success() {
        bail!("failed ({status}): {}", line(command));
    }
    Ok(())
}

impl Totals {
    /// Reads a line such as `test result: ok. 12 passed; 0 failed; 1 ignored; ...`.
    pub(crate) fn add(&mut self, text: &str) {
        let Some(counts) = text.trim().strip_prefix("test result: ") else { return };
        for part in counts.split([';', '.']) {
            let mut words = part.split_whitespace();
            let (Some(number), Some(what)) = (words.next().and_then(|n| n.parse::<usize>().ok()), words.next()) else {
                continue;
            };
            match what {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.ignored += number,
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closing_lines_are_added_up() {
        let mut totals = Totals::default();
        totals.add("test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.01s");
        totals.add("test result: FAILED. 2 passed; 5 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.01s");
        totals.add("test something ... ok");
        assert_eq!((totals.passed, totals.failed, totals.ignored), (14, 5, 1));
    }
}
