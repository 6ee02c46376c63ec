//! Messages as the journal reads them, with the fields that Docker's driver gives them.

use super::super::attributes::{Attributes, Subject};
use super::super::options::{Options, ValueError};
use super::super::record::Record;
use super::super::tag::Tag;
use bytes::BytesMut;
use hull_api::stream::StreamKind;

/// Docker's tag where nobody chose one.
const TAG: &str = "{{.ID}}";
/// The shim cuts lines at 16 KiB, or up to three bytes earlier: a record of less that ends without a newline is no piece of
/// a long line but an end without one.
const PIECE: usize = (16 << 10) - 3;

/// What every message of a container has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::logs) struct Fields {
    encoded: Vec<u8>,
}

impl Fields {
    /// Of a container.
    pub(in crate::logs) fn new(subject: &Subject<'_>, options: &Options) -> Result<Self, ValueError> {
        let template = options.get("tag").map(String::as_str).filter(|tag| !tag.is_empty()).unwrap_or(TAG);
        let tag = Tag::parse(template)?.text(subject)?;
        let short = subject.id.get(..12).unwrap_or(subject.id);
        let mut encoded = Vec::new();
        for (name, value) in [
            ("CONTAINER_ID", short),
            ("CONTAINER_ID_FULL", subject.id),
            ("CONTAINER_NAME", subject.name),
            ("CONTAINER_TAG", &tag),
            ("IMAGE_NAME", subject.image),
            ("SYSLOG_IDENTIFIER", &tag),
        ] {
            field(&mut encoded, name, value.as_bytes());
        }
        for (name, value) in Attributes::selected(subject, options)?.0 {
            let name = field_name(&name);
            if !name.is_empty() {
                field(&mut encoded, &name, value.as_bytes());
            }
        }
        Ok(Self { encoded })
    }
}

/// Capitals, digits and underscores, and no underscore first.
fn field_name(name: &str) -> String {
    let replaced = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' });
    let replaced: String = replaced.collect();
    replaced.trim_start_matches('_').to_owned()
}

/// `NAME=value`, or with its length where the value has lines.
fn field(out: &mut Vec<u8>, name: &str, value: &[u8]) {
    out.extend_from_slice(name.as_bytes());
    if value.contains(&b'\n') {
        out.push(b'\n');
        out.extend_from_slice(&(value.len() as u64).to_le_bytes());
    } else {
        out.push(b'=');
    }
    out.extend_from_slice(value);
    out.push(b'\n');
}

/// Makes messages of records, in their order.
#[derive(Debug)]
pub(super) struct Messages {
    fields: Fields,
    /// Tells this sequence of ordinals from others.
    epoch: String,
    ordinal: u64,
    /// Of stdout and stderr: the pieces of a long line so far.
    pieces: [u64; 2],
    lines: u64,
}

impl Messages {
    pub(super) fn new(fields: Fields, epoch: String) -> Self {
        Self { fields, epoch, ordinal: 0, pieces: [0; 2], lines: 0 }
    }

    /// `None`: the record is damaged.
    pub(super) fn message(&mut self, record: &Record<'_>) -> Option<Vec<u8>> {
        let mut text = BytesMut::new();
        if !record.write_text(&mut text) {
            return None;
        }
        let ends = text.ends_with(b"\n");
        let line = text.strip_suffix(b"\n").unwrap_or(&text);
        let is_stderr = record.stream == StreamKind::Stderr;
        self.ordinal += 1;
        let mut out = Vec::with_capacity(self.fields.encoded.len() + line.len() + 400);
        field(&mut out, "MESSAGE", line);
        // As Docker: an error, or information.
        field(&mut out, "PRIORITY", if is_stderr { b"3" } else { b"6" });
        out.extend_from_slice(&self.fields.encoded);
        field(&mut out, "SYSLOG_TIMESTAMP", record.stamp().as_bytes());
        field(&mut out, "CONTAINER_LOG_EPOCH", self.epoch.as_bytes());
        field(&mut out, "CONTAINER_LOG_ORDINAL", self.ordinal.to_string().as_bytes());
        let pieces = &mut self.pieces[usize::from(is_stderr)];
        let more_follows = !ends && line.len() >= PIECE;
        if more_follows || *pieces > 0 {
            if *pieces == 0 {
                self.lines += 1;
            }
            *pieces += 1;
            let stream = if is_stderr { "err" } else { "out" };
            field(&mut out, "CONTAINER_PARTIAL_ID", format!("{}-{stream}-{}", self.epoch, self.lines).as_bytes());
            field(&mut out, "CONTAINER_PARTIAL_ORDINAL", pieces.to_string().as_bytes());
            field(&mut out, "CONTAINER_PARTIAL_LAST", if more_follows { b"false" } else { b"true" });
            if more_follows {
                field(&mut out, "CONTAINER_PARTIAL_MESSAGE", b"true");
            } else {
                *pieces = 0;
            }
        }
        Some(out)
    }
}
