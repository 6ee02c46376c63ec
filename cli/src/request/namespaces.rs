//! Which of the container's namespaces are its own. `--network` is with the rest of networking.

use clap::Args;
use hull_api::HostConfig;

use super::error::RequestError;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Namespaces")]
pub(crate) struct NamespaceFlags {
    /// PID namespace to use: host, container:NAME
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pid: String,
    /// UTS namespace to use: host
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    uts: String,
    /// IPC mode to use: none, private, shareable, host, container:NAME
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    ipc: String,
    /// Cgroup namespace to use: host, private
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    cgroupns: String,
    /// User namespace to use: host
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    userns: String,
    /// Mount namespace to use: host (no root filesystem: the process sees the host's files)
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    mnt: String,
}

impl NamespaceFlags {
    pub(crate) fn apply(self, host: &mut HostConfig) -> Result<(), RequestError> {
        let container = |mode: &str| mode.strip_prefix("container:").is_some_and(|name| !name.is_empty());
        let mode = |flag, kind, valid: bool| if valid { Ok(()) } else { Err(RequestError::Mode { flag, kind }) };
        mode("pid", "PID", matches!(self.pid.as_str(), "" | "host" | "private") || container(&self.pid))?;
        mode("uts", "UTS", matches!(self.uts.as_str(), "" | "host" | "private"))?;
        mode("userns", "USER", matches!(self.userns.as_str(), "" | "host" | "private"))?;
        mode("cgroupns", "CGROUP", matches!(self.cgroupns.as_str(), "" | "host" | "private"))?;
        mode("mnt", "MNT", matches!(self.mnt.as_str(), "" | "host" | "private"))?;
        if self.mnt == "host" {
            let refused = [
                ("--volume", !host.binds.is_empty()),
                ("--mount", !host.mounts.is_empty()),
                ("--tmpfs", !host.tmpfs.is_empty()),
                ("--read-only", host.readonly_rootfs),
                ("--volumes-from", !host.volumes_from.is_empty()),
            ];
            if let Some((flag, _)) = refused.into_iter().find(|(_, used)| *used) {
                return Err(RequestError::MntHost(flag));
            }
        }
        host.pid_mode = self.pid;
        host.uts_mode = self.uts;
        host.ipc_mode = self.ipc;
        host.cgroupns_mode = self.cgroupns;
        host.userns_mode = self.userns;
        host.mnt_mode = self.mnt;
        Ok(())
    }
}
