//! Timestamps, details, frames, and records of other shapes.

use super::*;
use hull_api::stream::header;

fn with_attributes(text: &str, attributes: &str) -> String {
    line(text, "stderr", 1).replace(",\"time\"", &format!(",\"attrs\":{attributes},\"time\""))
}

fn read(lines: &[String], selection: Selection) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("log");
    append(&path, &lines.concat());
    let mut reader = LogReader::new(&path, selection, Start::Oldest);
    let mut bytes = Vec::new();
    loop {
        let batch = reader.read().unwrap();
        batch.chunks.iter().for_each(|chunk| bytes.extend_from_slice(&chunk.bytes));
        if batch.at_end {
            return bytes;
        }
    }
}

#[test]
fn details_stand_before_each_line_escaped_as_in_a_query() {
    let lines = [
        with_attributes("a \\\"b\n", r#"{"tag":"x y","com.example":"1=2,3"}"#),
        line("plain\n", "stdout", 2),
        with_attributes("piece", r#"{"a":"\u003c","stream":"stdout"}"#),
        with_attributes(" and end\n", r#"{"a":"\u003c"}"#),
    ];
    let details = Selection { details: true, ..BOTH };
    let expected = "com.example=1%3D2%2C3,tag=x+y a \\\"b\n plain\na=%3C,stream=stdout piece and end\n";
    assert_eq!(String::from_utf8(read(&lines, details)).unwrap(), expected);
    let both = Selection { details: true, timestamps: true, ..BOTH };
    let text = String::from_utf8(read(&lines[1..2], both)).unwrap();
    assert_eq!(text, "2023-11-14T22:13:22.500000000Z  plain\n");
}

#[test]
fn every_record_has_a_frame_of_its_own() {
    let lines = [
        line("hello\n", "stdout", 0),
        line("world\n", "stdout", 1),
        line("oops\n", "stderr", 2),
        "{\"log\":\"torn{\"log\":\"x\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:22.500000000Z\"}\n"
            .to_owned(),
        line("\n", "stdout", 3),
        line("no end", "stdout", 4),
    ];
    let mut expected = Vec::new();
    for (kind, text) in [(1, "hello\n"), (1, "world\n"), (2, "oops\n"), (1, "\n"), (1, "no end")] {
        let kind = if kind == 1 { StreamKind::Stdout } else { StreamKind::Stderr };
        expected.extend_from_slice(&header(kind, u32::try_from(text.len()).unwrap()));
        expected.extend_from_slice(text.as_bytes());
    }
    assert_eq!(read(&lines, Selection { frames: true, ..BOTH }), expected);
}

#[test]
fn records_of_any_json_are_understood() {
    let lines = [
        "{\"time\":\"2023-11-14T22:13:20.5Z\", \"stream\":\"stderr\", \"log\":\"spaced\\u00e9\\n\"}\n".to_owned(),
        "{\"log\":\"short time\\n\",\"stream\":\"stdout\",\"time\":\"2023-11-14T22:13:21Z\"}\n".to_owned(),
        "{}\n".to_owned(),
        "not json\n".to_owned(),
    ];
    let stamped = Selection { timestamps: true, ..BOTH };
    let expected = "2023-11-14T22:13:20.500000000Z spacedé\n2023-11-14T22:13:21.000000000Z short time\n";
    let text = String::from_utf8(read(&lines, stamped)).unwrap();
    // An empty record is a line's piece without text: only its time shows.
    assert!(text.starts_with(expected), "{text}");
    let later = Selection { since: Some(Time::try_from("2023-11-14T22:13:21Z".to_owned()).unwrap()), ..BOTH };
    assert_eq!(String::from_utf8(read(&lines[..2], later)).unwrap(), "short time\n");
}
