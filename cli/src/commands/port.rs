//! `hull port`.

use hull_api::{ContainerInspect, PortBinding};

use super::{CommandError, Context, Outcome, container_path};
use crate::client::Query;
use crate::output;

/// List port mappings or a specific mapping for the container
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull port CONTAINER [PRIVATE_PORT[/PROTO]]")]
pub(crate) struct Args {
    /// The container
    container: String,
    /// Only where this port of the container's is
    private_port: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let inspect: ContainerInspect = context.client.get(&container_path(&args.container, "json"), Query::new()).await?;
    let ports = inspect.network_settings.ports;
    let address = |b: &PortBinding| match b.host_ip.contains(':') {
        true => format!("[{}]:{}", b.host_ip, b.host_port),
        false => format!("{}:{}", b.host_ip, b.host_port),
    };
    if let Some(wanted) = &args.private_port {
        let key = if wanted.contains('/') { wanted.clone() } else { format!("{wanted}/tcp") };
        let Some(bindings) = ports.get(&key).cloned().flatten() else {
            return Err(CommandError::NoPublicPort { port: wanted.clone(), container: args.container });
        };
        for binding in &bindings {
            output::print_line(&address(binding))?;
        }
        return Ok(0);
    }
    for (port, bindings) in &ports {
        for binding in bindings.iter().flatten() {
            output::print_line(&format!("{port} -> {}", address(binding)))?;
        }
    }
    Ok(0)
}
