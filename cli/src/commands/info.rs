//! `hull info`.

use hull_api::Info;

use super::{Context, Outcome, listing};
use crate::client::Query;
use crate::output::{self, units};

/// Display system-wide information
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull info [OPTIONS]")]
#[command(
    after_help = "The list of features is what the engine found on its host at start: which eBPF hooks are in use,\nwhich limits the kernel has."
)]
pub(crate) struct Args {
    /// Format output using a custom template: json, TEMPLATE
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let info: Info = context.client.get("/info", Query::new()).await?;
    match args.format.as_deref() {
        Some("json") => output::print_line(&serde_json::to_string(&info)?)?,
        Some(format) if !format.is_empty() => {
            let value = serde_json::to_value(&info)?;
            output::print_line(&listing::fill("", format, &value)?)?;
        }
        _ => {
            output::print(&render(&info, &context.client.host().to_string()))?;
            for warning in &info.warnings {
                eprintln!("{warning}");
            }
        }
    }
    Ok(0)
}

fn render(info: &Info, host: &str) -> String {
    let mut out = format!("Client:\n Version:    {}\n Host:       {host}\n\nServer:\n", env!("CARGO_PKG_VERSION"));
    let mut line = |depth: usize, name: &str, value: &str| {
        if !value.is_empty() {
            out.push_str(&format!("{:depth$}{name}: {value}\n", ""));
        }
    };
    line(1, "Containers", &info.containers.to_string());
    line(2, "Running", &info.containers_running.to_string());
    line(2, "Paused", &info.containers_paused.to_string());
    line(2, "Stopped", &info.containers_stopped.to_string());
    line(1, "Images", &info.images.to_string());
    line(1, "Server Version", &info.server_version);
    line(1, "Storage Driver", &info.driver);
    for [name, value] in &info.driver_status {
        line(2, name, value);
    }
    line(1, "Logging Driver", &info.logging_driver);
    line(1, "Cgroup Driver", &info.cgroup_driver);
    line(1, "Cgroup Version", &info.cgroup_version);
    line(1, "Volume Plugins", &info.plugins.volume.join(" "));
    line(1, "Network Plugins", &info.plugins.network.join(" "));
    line(1, "Log Plugins", &info.plugins.log.join(" "));
    line(1, "Runtimes", &info.runtimes.keys().map(String::as_str).collect::<Vec<_>>().join(" "));
    line(1, "Default Runtime", &info.default_runtime);
    line(1, "Init Binary", &info.init_binary);
    line(1, "Security Options", &info.security_options.join(" "));
    line(1, "Kernel Version", &info.kernel_version);
    line(1, "Operating System", &info.operating_system);
    line(1, "OSType", &info.os_type);
    line(1, "Architecture", &info.architecture);
    line(1, "CPUs", &info.ncpu.to_string());
    line(1, "Total Memory", &units::bytes_size(info.mem_total as f64));
    line(1, "Name", &info.name);
    line(1, "ID", &info.id);
    line(1, "Hull Root Dir", &info.docker_root_dir);
    line(1, "Debug Mode", &info.debug.to_string());
    line(1, "Labels", &info.labels.join(" "));
    line(1, "Live Restore Enabled", &info.live_restore_enabled.to_string());
    if !info.hull_features.is_empty() {
        out.push_str(" Features:\n");
        for (name, value) in &info.hull_features {
            out.push_str(&format!("  {name}: {value}\n"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_say_nothing_are_left_out() {
        let info = Info {
            containers: 3,
            server_version: "0.1.0".into(),
            hull_features: [("ebpf.fork".to_owned(), "tp_btf".to_owned())].into(),
            ..Info::default()
        };
        let text = render(&info, "unix:///x");
        assert!(text.contains("\n Containers: 3\n  Running: 0\n"), "{text}");
        assert!(text.ends_with(" Features:\n  ebpf.fork: tp_btf\n"), "{text}");
        assert!(!text.contains("Init Binary"));
    }
}
