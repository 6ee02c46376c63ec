//! One object of `GET /events`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::wire::is_default;

/// `status`, `id` and `from` are the legacy spelling, sent for containers and images below API 1.52.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Event {
    #[serde(skip_serializing_if = "is_default")]
    pub status: String,
    #[serde(skip_serializing_if = "is_default")]
    pub id: String,
    #[serde(skip_serializing_if = "is_default")]
    pub from: String,
    /// `container`, `image`, `volume`, `network`, `daemon`, `builder`.
    #[serde(rename = "Type")]
    pub kind: String,
    #[serde(rename = "Action")]
    pub action: String,
    #[serde(rename = "Actor")]
    pub actor: Actor,
    #[serde(skip_serializing_if = "is_default")]
    pub scope: String,
    #[serde(skip_serializing_if = "is_default")]
    pub time: i64,
    #[serde(rename = "timeNano", skip_serializing_if = "is_default")]
    pub time_nano: i64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct Actor {
    #[serde(rename = "ID")]
    pub id: String,
    pub attributes: BTreeMap<String, String>,
}
