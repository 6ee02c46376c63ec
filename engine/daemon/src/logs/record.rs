//! One line of a json-file log: `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}`.
//!
//! Records as the shim writes them are taken apart by their shape, several times faster than by a JSON parser; whatever
//! looks different goes to the parser. What neither understands is damage, and is passed over.

use super::escape;
use crate::time::Time;
use bytes::BytesMut;
use hull_api::stream::StreamKind;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

const HEAD: &[u8] = b"{\"log\":\"";
const STDOUT: &[u8] = b"\",\"stream\":\"stdout\"";
const STDERR: &[u8] = b"\",\"stream\":\"stderr\"";
const ATTRIBUTES: &[u8] = b",\"attrs\":";
const TIME: &[u8] = b",\"time\":\"";
const END: &[u8] = b"\"}\n";
/// A time with all nine digits.
pub(super) const STAMP: usize = 30;
const TAIL: usize = TIME.len() + STAMP + END.len();

#[derive(Debug)]
pub(super) struct Record<'a> {
    text: Text<'a>,
    pub(super) stream: StreamKind,
    time: Cow<'a, str>,
    attributes: Attributes<'a>,
}

#[derive(Debug)]
enum Text<'a> {
    /// The inside of a JSON string.
    Escaped(&'a [u8]),
    Plain(Cow<'a, str>),
}

#[derive(Debug)]
enum Attributes<'a> {
    Json(&'a [u8]),
    Read(BTreeMap<String, String>),
}

/// A record in any JSON.
#[derive(Debug, Deserialize)]
struct Json<'a> {
    #[serde(borrow, default)]
    log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

impl<'a> Record<'a> {
    /// `None` when the line is damaged. Damage inside the text shows only when it is written.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        Self::by_shape(line).or_else(|| {
            let Json { log, stream, time, attrs } = serde_json::from_slice(line).ok()?;
            let stream = if stream == "stderr" { StreamKind::Stderr } else { StreamKind::Stdout };
            Some(Self { text: Text::Plain(log), stream, time, attributes: Attributes::Read(attrs) })
        })
    }

    fn by_shape(line: &'a [u8]) -> Option<Self> {
        let inside = line.strip_prefix(HEAD)?;
        let (before, tail) = inside.split_at_checked(inside.len().checked_sub(TAIL)?)?;
        let time = tail.strip_prefix(TIME)?.strip_suffix(END)?;
        let time = std::str::from_utf8(time).ok().filter(|time| time.ends_with('Z'))?;
        let (text, stream, attributes) = if let Some(text) = before.strip_suffix(STDOUT) {
            (text, StreamKind::Stdout, &b""[..])
        } else if let Some(text) = before.strip_suffix(STDERR) {
            (text, StreamKind::Stderr, &b""[..])
        } else {
            let (text, rest) = before.split_at_checked(escape::end_of_string(before)?)?;
            let (stream, rest) = match rest.strip_prefix(STDOUT) {
                Some(rest) => (StreamKind::Stdout, rest),
                None => (StreamKind::Stderr, rest.strip_prefix(STDERR)?),
            };
            (text, stream, rest.strip_prefix(ATTRIBUTES)?)
        };
        let attributes = Attributes::Json(attributes);
        Some(Self { text: Text::Escaped(text), stream, time: Cow::Borrowed(time), attributes })
    }

    /// The process wrote a newline here; else this is a piece of a line.
    pub(super) fn ends_line(&self) -> bool {
        match &self.text {
            Text::Plain(text) => text.ends_with('\n'),
            Text::Escaped(text) => {
                let Some(before) = text.strip_suffix(b"n") else { return false };
                // "\\n" is a backslash and the letter n.
                before.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
            }
        }
    }

    /// Appends the text. False: it is damaged, and `out` is as it was.
    pub(super) fn write_text(&self, out: &mut BytesMut) -> bool {
        match &self.text {
            Text::Plain(text) => {
                out.extend_from_slice(text.as_bytes());
                true
            }
            Text::Escaped(text) => {
                let before = out.len();
                let done = escape::unescape(text, out).is_some();
                if !done {
                    out.truncate(before);
                }
                done
            }
        }
    }

    /// It is older than this moment, whose stamp is given too.
    pub(super) fn is_before(&self, moment: &Moment) -> bool {
        match self.compare(moment) {
            Some(order) => order.is_lt(),
            None => self.time() < moment.time,
        }
    }

    /// It is newer than this moment.
    pub(super) fn is_after(&self, moment: &Moment) -> bool {
        match self.compare(moment) {
            Some(order) => order.is_gt(),
            None => self.time() > moment.time,
        }
    }

    /// Stamps of the same length sort as their times do.
    fn compare(&self, moment: &Moment) -> Option<std::cmp::Ordering> {
        (self.time.len() == STAMP && moment.stamp.len() == STAMP).then(|| (*self.time).cmp(&moment.stamp))
    }

    fn time(&self) -> Time {
        Time::try_from(self.time.clone().into_owned()).unwrap_or_default()
    }

    /// The time with all nine digits, so that lines align: as Docker prints it.
    pub(super) fn stamp(&self) -> Cow<'_, str> {
        if self.time.len() == STAMP {
            return Cow::Borrowed(&self.time);
        }
        let bare = self.time.strip_suffix('Z').unwrap_or(&self.time);
        let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        Cow::Owned(format!("{seconds}.{fraction:0<9}Z"))
    }

    /// `a=1,b=2`, escaped as in a query, as Docker shows `--details`.
    pub(super) fn details(&self) -> String {
        let read;
        let attributes = match &self.attributes {
            Attributes::Read(attributes) => attributes,
            Attributes::Json(json) => {
                read = serde_json::from_slice::<BTreeMap<String, String>>(json).unwrap_or_default();
                &read
            }
        };
        let pairs: Vec<String> = attributes
            .iter()
            .map(|(name, value)| format!("{}={}", escape::query(name), escape::query(value)))
            .collect();
        pairs.join(",")
    }
}

/// A time to compare records with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Moment {
    pub(super) time: Time,
    stamp: String,
}

impl From<Time> for Moment {
    fn from(time: Time) -> Self {
        let text = time.to_string();
        let bare = text.trim_end_matches('Z');
        let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        Self { stamp: format!("{seconds}.{fraction:0<9}Z"), time }
    }
}
