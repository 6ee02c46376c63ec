//! The JSON objects that pull, push, load, import and build write one after another.

use serde::{Deserialize, Serialize};

use crate::wire::is_default;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct JsonMessage {
    #[serde(skip_serializing_if = "is_default")]
    pub stream: String,
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    #[serde(rename = "progressDetail", skip_serializing_if = "Option::is_none")]
    pub progress_detail: Option<ProgressDetail>,
    #[serde(skip_serializing_if = "is_default")]
    pub progress: String,
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub from: String,
    #[serde(skip_serializing_if = "is_default")]
    pub time: i64,
    #[serde(rename = "timeNano", skip_serializing_if = "is_default")]
    pub time_nano: i64,
    #[serde(rename = "errorDetail", skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<ErrorDetail>,
    #[serde(skip_serializing_if = "is_default")]
    pub error: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aux: Option<serde_json::Value>,
}

impl JsonMessage {
    /// `{"stream": text}`.
    pub fn stream(text: impl Into<String>) -> Self {
        Self { stream: text.into(), ..Self::default() }
    }

    /// `{"status": text}`.
    pub fn status(text: impl Into<String>) -> Self {
        Self { status: text.into(), ..Self::default() }
    }

    /// `{"status", "id", "progressDetail"}` of one layer.
    pub fn progress(status: impl Into<String>, id: impl Into<String>, current: i64, total: i64) -> Self {
        Self {
            status: status.into(),
            id: id.into(),
            progress_detail: Some(ProgressDetail { current, total, ..ProgressDetail::default() }),
            ..Self::default()
        }
    }

    /// An error after the answer has begun: the status is already 200.
    pub fn error(message: impl Into<String>) -> Self {
        let message = message.into();
        Self { error: message.clone(), error_detail: Some(ErrorDetail { code: 0, message }), ..Self::default() }
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ProgressDetail {
    #[serde(skip_serializing_if = "is_default")]
    pub current: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub total: i64,
    #[serde(skip_serializing_if = "is_default")]
    pub start: i64,
    #[serde(rename = "hidecounts", skip_serializing_if = "is_default")]
    pub hide_counts: bool,
    #[serde(skip_serializing_if = "is_default")]
    pub units: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ErrorDetail {
    #[serde(skip_serializing_if = "is_default")]
    pub code: i64,
    pub message: String,
}
