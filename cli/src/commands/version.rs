//! `hull version`.

use hull_api::{Version, version};
use serde_json::{Value, json};

use super::{Context, Outcome, listing};
use crate::client::Query;
use crate::output::{self, time};

/// Show the Hull version information
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull version [OPTIONS]")]
#[command(after_help = "Examples:\n  hull version\n  hull version --format '{{.Server.Version}}'")]
pub(crate) struct Args {
    /// Format output using a custom template: json, TEMPLATE
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

/// This side is shown even when the other is not there; that is an error nevertheless.
pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let server: Result<Version, _> = context.client.get("/version", Query::new()).await;
    let spoken = match &server {
        Ok(_) => context.client.version().await.unwrap_or(version::MAX),
        Err(_) => version::MAX,
    };
    let client = json!({
        "Version": env!("CARGO_PKG_VERSION"),
        "ApiVersion": spoken.to_string(),
        "DefaultAPIVersion": version::MAX.to_string(),
        "Os": std::env::consts::OS,
        "Arch": architecture(),
        "Context": "default",
    });
    match args.format.as_deref() {
        Some(format) if !format.is_empty() => {
            let server = server.as_ref().map_or(Value::Null, |v| serde_json::to_value(v).unwrap_or(Value::Null));
            let value = json!({"Client": client, "Server": server});
            if format == "json" {
                output::print_line(&value.to_string())?;
            } else {
                output::print_line(&listing::fill("version", format, &value)?)?;
            }
        }
        _ => {
            let mut text = format!(
                "Client: Hull\n Version:           {}\n API version:       {spoken}\n OS/Arch:           {}/{}\n Host:              {}\n",
                env!("CARGO_PKG_VERSION"),
                std::env::consts::OS,
                architecture(),
                context.client.host(),
            );
            if let Ok(server) = &server {
                text.push_str(&server_text(server));
            }
            output::print(&text)?;
        }
    }
    server?;
    Ok(0)
}

/// As Go calls it.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn server_text(server: &Version) -> String {
    let mut text = format!("\nServer: {}\n", server.platform.name);
    let mut engine = vec![
        ("Version", server.version.clone()),
        ("API version", format!("{} (minimum version {})", server.api_version, server.min_api_version)),
        ("Rust version", server.go_version.clone()),
        ("Git commit", server.git_commit.clone()),
        ("Built", time::ansi(&server.build_time)),
        ("OS/Arch", format!("{}/{}", server.os, server.arch)),
        ("Kernel version", server.kernel_version.clone()),
        ("Experimental", server.experimental.to_string()),
    ];
    engine.retain(|(_, value)| !value.is_empty());
    text.push_str(" Engine:\n");
    for (name, value) in engine {
        text.push_str(&format!("  {:<18}{value}\n", format!("{name}:")));
    }
    for component in server.components.iter().filter(|c| c.name != "Engine") {
        text.push_str(&format!(" {}:\n  {:<18}{}\n", component.name, "Version:", component.version));
        for (name, value) in &component.details {
            text.push_str(&format!("  {:<18}{value}\n", format!("{name}:")));
        }
    }
    text
}
