//! The lines that a container printed, taken apart into its runs.

use hull_api::stream::Decoder;

/// One run: from `begin`, numbered lines, to `bye` if it got that far.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) lines: u32,
    pub(super) bye: bool,
}

/// The text in the frames of an answer.
pub(super) fn text(framed: &[u8]) -> Result<String, String> {
    let mut decoder = Decoder::new();
    let mut input = framed;
    let mut bytes = Vec::new();
    while let Some((_, piece)) = decoder.next(&mut input).map_err(|error| error.to_string())? {
        bytes.extend_from_slice(piece);
    }
    String::from_utf8(bytes).map_err(|error| error.to_string())
}

/// The runs; what is missing, doubled or out of order is the error.
pub(super) fn runs(text: &str) -> Result<Vec<Run>, String> {
    let mut runs: Vec<Run> = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let wrong = |why: &str| Err(format!("line {}: {line:?} {why}", number + 1));
        if line == "begin" {
            runs.push(Run::default());
            continue;
        }
        let Some(run) = runs.last_mut() else { return wrong("before the first run") };
        if run.bye {
            return wrong("after the end of its run");
        }
        if let Some(last) = line.strip_prefix("bye ") {
            run.bye = true;
            if last != run.lines.to_string() {
                return wrong(&format!("after {} lines", run.lines));
            }
        } else {
            if line != (run.lines + 1).to_string() {
                return wrong(&format!("after {}", run.lines));
            }
            run.lines += 1;
        }
    }
    Ok(runs)
}

#[test]
fn missing_lines_show() {
    let run = |lines, bye| Run { lines, bye };
    assert_eq!(runs("begin\n1\n2\nbye 2\nbegin\n1\n").unwrap(), [run(2, true), run(1, false)]);
    for wrong in ["1\n", "begin\n2\n", "begin\n1\n1\n", "begin\n1\nbye 2\n", "begin\nbye 0\n1\n"] {
        assert!(runs(wrong).is_err(), "{wrong:?}");
    }
}
