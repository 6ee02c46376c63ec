//! An image's configuration: the OCI image-spec's JSON with Docker's additions, as found in every image.
//!
//! The image's id is the digest of this JSON's bytes, so the bytes are kept as they came and this is only a view of
//! them. It is read as Go reads JSON (`null` is empty, keys in any case), because Go programs wrote it.

use super::digest::Digest;
use hull_api::ContainerConfig;
use serde::{Deserialize, Serialize};

/// The whole document.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImageConfig {
    /// When it was built, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who built it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// GOARCH.
    pub architecture: String,
    /// GOOS.
    pub os: String,
    /// `os.version`, on Windows only.
    #[serde(rename = "os.version", skip_serializing_if = "String::is_empty")]
    pub os_version: String,
    /// Variant of the architecture.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// What a container of it starts with.
    pub config: ContainerConfig,
    /// Its layers.
    pub rootfs: RootFs,
    /// How it came about, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<HistoryEntry>,
    /// Free text of `import` and `commit`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// Which engine built it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub docker_version: String,
    /// The container that `commit` made it of.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub container: String,
    /// What that container was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub container_config: Option<ContainerConfig>,
}

/// The layers, by the digests of their uncompressed tars.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RootFs {
    /// Always `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// Bottom first.
    pub diff_ids: Vec<Digest>,
}

/// One step of how the image came about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HistoryEntry {
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// By which command.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// By whom.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub author: String,
    /// Free text.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub comment: String,
    /// The step made no layer.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
}

impl ImageConfig {
    /// `linux/arm64/v8`; empty when the image does not say.
    pub fn platform(&self) -> String {
        let parts = [&self.os, &self.architecture, &self.variant];
        let parts: Vec<&str> = parts.into_iter().map(String::as_str).take_while(|part| !part.is_empty()).collect();
        parts.join("/")
    }
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hull_api::decode;

    #[test]
    fn gos_nulls_are_empty_and_unknown_fields_do_not_matter() {
        let text = r#"{"architecture":"amd64","os":"linux","history":null,"container_config":{"Tty":true},
            "config":{"Hostname":"","User":"","Env":null,"Cmd":["sh"],"Volumes":null,"Labels":null,"OnBuild":null,
                      "Healthcheck":{"Test":["CMD","true"],"Retries":3}},
            "rootfs":{"type":"layers","diff_ids":null}}"#;
        let config: ImageConfig = decode::from_str(text).unwrap();
        assert_eq!(config.config.cmd.unwrap(), ["sh"]);
        assert_eq!(config.config.healthcheck.unwrap().retries, 3);
        assert!(config.rootfs.diff_ids.is_empty() && config.config.env.is_empty());
        let none: ImageConfig = decode::from_str(r#"{"config":null,"rootfs":{}}"#).unwrap();
        assert_eq!(none.config, ContainerConfig::default());
    }

    #[test]
    fn a_layer_without_a_sha256_is_refused() {
        assert!(decode::from_str::<ImageConfig>(r#"{"rootfs":{"diff_ids":["../../etc"]}}"#).is_err());
    }
}
