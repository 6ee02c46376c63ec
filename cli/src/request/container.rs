//! All flags that `run` and `create` share, and the request that they make.

use clap::Args;
use hull_api::CreateRequest;

use super::basic::BasicFlags;
use super::devices::DeviceFlags;
use super::error::RequestError;
use super::foreign::ForeignFlags;
use super::health::HealthFlags;
use super::mounts::MountFlags;
use super::namespaces::NamespaceFlags;
use super::network::NetworkFlags;
use super::resources::ResourceFlags;
use super::security::SecurityFlags;
use crate::client::Host;

#[derive(Debug, Default, Args)]
pub(crate) struct ContainerFlags {
    #[command(flatten)]
    pub(crate) basic: BasicFlags,
    #[command(flatten)]
    resources: ResourceFlags,
    #[command(flatten)]
    namespaces: NamespaceFlags,
    #[command(flatten)]
    mounts: MountFlags,
    #[command(flatten)]
    network: NetworkFlags,
    #[command(flatten)]
    security: SecurityFlags,
    #[command(flatten)]
    devices: DeviceFlags,
    #[command(flatten)]
    health: HealthFlags,
    #[command(flatten)]
    pub(crate) pulling: PullFlags,
    #[command(flatten)]
    pub(crate) foreign: ForeignFlags,
}

/// What to do when the image is not there.
#[derive(Debug, Default, Clone, Args)]
#[command(next_help_heading = "Image")]
pub(crate) struct PullFlags {
    /// Pull image before running ("always", "missing", "never")
    #[arg(long, value_name = "string", default_value = "missing")]
    pub(crate) pull: String,
    /// Set platform if server is multi-platform capable
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) platform: String,
    /// Suppress the pull output
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

impl PullFlags {
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        match self.pull.as_str() {
            "always" | "missing" | "never" => Ok(()),
            other => Err(RequestError::Pull(other.to_owned())),
        }
    }
}

impl ContainerFlags {
    /// `engine`: where it will be sent.
    pub(crate) fn request(self, image: &str, command: &[String], engine: &Host) -> Result<CreateRequest, RequestError> {
        let mut request = CreateRequest::default();
        self.basic.apply(image, command, &mut request)?;
        self.resources.apply(&mut request.host_config)?;
        self.mounts.apply(&mut request.config, &mut request.host_config, engine)?;
        self.namespaces.apply(&mut request.host_config)?;
        self.network.apply(&mut request)?;
        self.security.apply(&mut request.host_config)?;
        self.devices.apply(&mut request.host_config)?;
        self.health.apply(&mut request.config)?;
        request.host_config.isolation = self.foreign.isolation;
        Ok(request)
    }
}
