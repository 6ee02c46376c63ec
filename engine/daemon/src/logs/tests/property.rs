//! Any sequence of writes, rotations and compressions against a list of lines.

use super::*;
use proptest::collection::vec;
use proptest::prelude::*;

#[derive(Debug, Clone)]
enum Step {
    /// Text of some lines, cut into records of this length.
    Write(String, usize),
    Rotate,
    Compress,
    /// A crash in the midst of a record.
    Damage,
    /// A follower reads on.
    Follow,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => ("([a-zé\\\\\"<]{0,12}\n){1,6}", 1usize..40).prop_map(|(text, cut)| Step::Write(text, cut)),
        2 => Just(Step::Rotate),
        1 => Just(Step::Compress),
        1 => Just(Step::Damage),
        2 => Just(Step::Follow),
    ]
}

/// Pieces of at most so many characters that end at newlines.
fn records(text: &str, cut: usize) -> Vec<String> {
    let mut records = vec![String::new()];
    let mut last = 0;
    for c in text.chars() {
        records[last].push(c);
        if c == '\n' || records[last].chars().count() == cut {
            records.push(String::new());
            last += 1;
        }
    }
    records.retain(|record| !record.is_empty());
    records
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn readers_see_every_line_once_and_in_order(steps in vec(step(), 1..30), tail in 0u64..30) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("log");
        append(&path, "");
        let (mut written, mut followed, mut rotations) = (String::new(), String::new(), 0);
        let mut follower = LogReader::new(&path, BOTH, Start::Oldest);
        let mut second = 0;
        for step in steps {
            match step {
                Step::Write(text, cut) => {
                    for record in records(&text, cut) {
                        append(&path, &line(&record, "stdout", second));
                        second += 1;
                    }
                    written.push_str(&text);
                }
                // So that nothing is dropped.
                Step::Rotate if rotations < 5 => {
                    rotate(&path);
                    rotations += 1;
                }
                Step::Rotate => {}
                Step::Compress => compress::rotated(&path).unwrap(),
                Step::Damage => append(&path, "{\"log\":\"torn\n"),
                Step::Follow => followed.push_str(&read_on(&mut follower)),
            }
        }
        prop_assert_eq!(&read_all(&path, BOTH, Start::Oldest), &written);
        followed.push_str(&read_on(&mut follower));
        prop_assert_eq!(&followed, &written);
        let lines: Vec<&str> = written.split_inclusive('\n').collect();
        let last = &lines[lines.len().saturating_sub(usize::try_from(tail).unwrap())..];
        prop_assert_eq!(read_all(&path, BOTH, Start::Tail(tail)), last.concat());
    }
}
