//! One line of a json-file log: `{"log":"text\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}`.

use crate::time::Time;
use hull_api::stream::StreamKind;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

#[derive(Debug, Deserialize)]
pub(super) struct Record<'a> {
    #[serde(borrow, default)]
    pub(super) log: Cow<'a, str>,
    #[serde(borrow, default)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
    #[serde(default)]
    attrs: BTreeMap<String, String>,
}

impl<'a> Record<'a> {
    /// `None` when the line is damaged.
    pub(super) fn parse(line: &'a [u8]) -> Option<Self> {
        serde_json::from_slice(line).ok()
    }

    pub(super) fn stream(&self) -> StreamKind {
        if self.stream == "stderr" { StreamKind::Stderr } else { StreamKind::Stdout }
    }

    pub(super) fn time(&self) -> Time {
        Time::try_from(self.time.clone().into_owned()).unwrap_or_default()
    }

    /// The time with all nine digits, so that lines align: as Docker prints it.
    pub(super) fn timestamp(&self) -> String {
        let bare = self.time.strip_suffix('Z').unwrap_or(&self.time);
        let (seconds, fraction) = bare.split_once('.').unwrap_or((bare, ""));
        format!("{seconds}.{fraction:0<9}Z")
    }

    /// `a=1,b=2`
    pub(super) fn details(&self) -> String {
        let pairs: Vec<String> = self.attrs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        pairs.join(",")
    }
}
