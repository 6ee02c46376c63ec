//! JUnit XML, as pytest writes it.

use super::results::{Outcome, Results, first_line};
use anyhow::{Context, Result};
use roxmltree::{Document, Node};

/// All test cases. `tests.integration.api_exec_test.ExecTest` becomes `api_exec_test::ExecTest`.
pub(crate) fn parse(xml: &str) -> Result<Results> {
    let document = Document::parse(xml).context("pytest's report is no XML")?;
    let mut results = Results::default();
    for case in document.descendants().filter(|node| node.has_tag_name("testcase")) {
        let class = case.attribute("classname").unwrap_or_default();
        let name = case.attribute("name").unwrap_or_default();
        // A file that cannot be imported is a case without a class.
        let full = if class.is_empty() { format!("{name}.import") } else { format!("{class}.{name}") };
        let short = full.strip_prefix("tests.integration.").unwrap_or(&full);
        results.add(short.replace('.', "::"), outcome(case));
    }
    Ok(results)
}

fn outcome(case: Node<'_, '_>) -> Outcome {
    let child = |name: &str| case.children().find(|node| node.has_tag_name(name));
    // An error is a failure outside of the test's body: in its setting up or its cleaning up.
    if let Some(failure) = child("failure").or_else(|| child("error")) {
        return Outcome::Failed(said(failure));
    }
    match child("skipped") {
        Some(skipped) => Outcome::Skipped(said(skipped)),
        None => Outcome::Passed,
    }
}

fn said(node: Node<'_, '_>) -> String {
    first_line(node.attribute("message").or(node.text()).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = r#"<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="docker-py" errors="1" tests="5">
<testcase classname="tests.integration.api_exec_test.ExecTest" name="test_a" time="0.2" />
<testcase classname="tests.integration.api_exec_test.ExecTest" name="test_b" time="0.2"><failure message="AssertionError: assert b'x' == b''&#10;  more">trace</failure></testcase>
<testcase classname="tests.integration.api_exec_test.ExecTest" name="test_c" time="0.0"><skipped type="pytest.xfail" message="known" /></testcase>
<testcase classname="tests.integration.api_exec_test.ExecTest" name="test_a" time="0.0"><error message="failed on teardown">trace</error></testcase>
<testcase classname="" name="tests.integration.client_test" time="0.0"><error message="collection failure">no engine</error></testcase>
</testsuite></testsuites>"#;

    #[test]
    fn every_case_has_one_outcome() {
        let results = parse(REPORT).unwrap();
        let found: Vec<(&str, String)> = results.iter().map(|(name, outcome)| (name, outcome.to_string())).collect();
        assert_eq!(
            found,
            [
                ("api_exec_test::ExecTest::test_a", "failed: failed on teardown".to_owned()),
                ("api_exec_test::ExecTest::test_b", "failed: AssertionError: assert b'x' == b''".to_owned()),
                ("api_exec_test::ExecTest::test_c", "skipped: known".to_owned()),
                ("client_test::import", "failed: collection failure".to_owned()),
            ]
        );
    }

    #[test]
    fn a_report_that_was_cut_off_is_an_error() {
        assert!(parse(&REPORT[..400]).is_err());
    }
}
