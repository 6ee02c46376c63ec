//! What the prune calls answer.

use serde::{Deserialize, Serialize};

use crate::image::DeleteItem;
use crate::wire::null_if_empty;

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ContainersPruneReport {
    #[serde(serialize_with = "null_if_empty")]
    pub containers_deleted: Vec<String>,
    pub space_reclaimed: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct ImagesPruneReport {
    #[serde(serialize_with = "null_if_empty")]
    pub images_deleted: Vec<DeleteItem>,
    pub space_reclaimed: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct VolumesPruneReport {
    pub volumes_deleted: Vec<String>,
    pub space_reclaimed: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct NetworksPruneReport {
    #[serde(serialize_with = "null_if_empty")]
    pub networks_deleted: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct BuildCachePruneReport {
    #[serde(serialize_with = "null_if_empty")]
    pub caches_deleted: Vec<String>,
    pub space_reclaimed: u64,
}
