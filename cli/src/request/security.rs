//! Privileges.

use clap::Args;
use hull_api::HostConfig;

use super::error::RequestError;
use super::values;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Privileges")]
pub(crate) struct SecurityFlags {
    /// Give extended privileges to this container
    #[arg(long)]
    privileged: bool,
    /// Add Linux capabilities
    #[arg(long, value_name = "list")]
    cap_add: Vec<String>,
    /// Drop Linux capabilities
    #[arg(long, value_name = "list")]
    cap_drop: Vec<String>,
    /// Security Options
    #[arg(long, value_name = "list")]
    security_opt: Vec<String>,
    /// Add additional groups to join
    #[arg(long, value_name = "list", allow_hyphen_values = true)]
    group_add: Vec<String>,
    /// Sysctl options
    #[arg(long, value_name = "map", value_parser = values::sysctl)]
    sysctl: Vec<(String, String)>,
}

impl SecurityFlags {
    pub(crate) fn apply(self, host: &mut HostConfig) -> Result<(), RequestError> {
        host.privileged = self.privileged;
        host.cap_add = self.cap_add;
        host.cap_drop = self.cap_drop;
        host.group_add = self.group_add;
        host.sysctls = self.sysctl.into_iter().collect();
        for option in self.security_opt {
            // Masks are no option of the daemon's: unconfined means empty lists of them.
            if option == "systempaths=unconfined" {
                host.masked_paths = Some(Vec::new());
                host.readonly_paths = Some(Vec::new());
            } else {
                host.security_opt.push(security_option(option)?);
            }
        }
        Ok(())
    }
}

/// The daemon may be elsewhere, so a seccomp profile travels as its text.
fn security_option(option: String) -> Result<String, RequestError> {
    let Some((name, value)) = option.split_once('=').or_else(|| option.split_once(':')) else {
        return if option == "no-new-privileges" { Ok(option) } else { Err(RequestError::SecurityOpt(option)) };
    };
    if name != "seccomp" || matches!(value, "unconfined" | "builtin") {
        return Ok(option);
    }
    let path = value.to_owned();
    let text = std::fs::read_to_string(value).map_err(|source| RequestError::SeccompOpen { path: path.clone(), source })?;
    let profile: serde_json::Value =
        serde_json::from_str(&text).map_err(|source| RequestError::SeccompJson { path, source })?;
    Ok(format!("seccomp={profile}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seccomp_profile_travels_as_its_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{ \"defaultAction\":\n \"SCMP_ACT_ALLOW\" }").unwrap();
        let option = security_option(format!("seccomp={}", file.path().display())).unwrap();
        assert_eq!(option, r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW"}"#);
        assert_eq!(security_option("seccomp=unconfined".into()).unwrap(), "seccomp=unconfined");
        assert_eq!(
            security_option("seccomp=/nosuch".into()).unwrap_err().to_string(),
            "opening seccomp profile (/nosuch) failed: open /nosuch: no such file or directory"
        );
        assert_eq!(security_option("bogus".into()).unwrap_err().to_string(), "Invalid --security-opt: \"bogus\"");
    }
}
