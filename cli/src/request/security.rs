//! Privileges.

use std::collections::BTreeSet;

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
        (host.cap_add, host.cap_drop) = capabilities(&self.cap_add, &self.cap_drop);
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

/// One spelling, in order; `ALL` swallows the others, and what is added is not dropped.
fn capabilities(add: &[String], drop: &[String]) -> (Vec<String>, Vec<String>) {
    let set = |names: &[String]| -> BTreeSet<String> {
        let all: BTreeSet<String> = names.iter().map(|name| canonical(name)).collect();
        if all.contains("ALL") { BTreeSet::from(["ALL".to_owned()]) } else { all }
    };
    let (add, drop) = (set(add), set(drop));
    let drop = drop.difference(&add).cloned().collect();
    (add.into_iter().collect(), drop)
}

fn canonical(name: &str) -> String {
    let upper = name.trim().to_uppercase();
    if upper == "ALL" || upper == "RESET" || upper.starts_with("CAP_") { upper } else { format!("CAP_{upper}") }
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
    let text =
        std::fs::read_to_string(value).map_err(|source| RequestError::SeccompOpen { path: path.clone(), source })?;
    let profile: serde_json::Value =
        serde_json::from_str(&text).map_err(|source| RequestError::SeccompJson { path, source })?;
    Ok(format!("seccomp={profile}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capabilities_have_one_spelling() {
        let list = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let (add, drop) = capabilities(&list(&["net_admin", "CAP_SYS_TIME"]), &list(&["NET_ADMIN", "kill"]));
        assert_eq!((add, drop), (list(&["CAP_NET_ADMIN", "CAP_SYS_TIME"]), list(&["CAP_KILL"])));
        let (add, drop) = capabilities(&list(&["ALL", "kill"]), &list(&["all"]));
        assert_eq!((add, drop), (list(&["ALL"]), vec![]));
    }

    #[test]
    fn a_seccomp_profile_travels_as_its_text() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "{ \"defaultAction\":\n \"SCMP_ACT_ALLOW\" }").unwrap();
        let option = security_option(format!("seccomp={}", file.path().display())).unwrap();
        assert_eq!(option, r#"seccomp={"defaultAction":"SCMP_ACT_ALLOW"}"#);
        assert_eq!(security_option("seccomp=unconfined".into()).unwrap(), "seccomp=unconfined");
        assert_eq!(
            security_option("seccomp=/hull-no-such".into()).unwrap_err().to_string(),
            "opening seccomp profile (/hull-no-such) failed: open /hull-no-such: no such file or directory"
        );
        assert_eq!(security_option("bogus".into()).unwrap_err().to_string(), "Invalid --security-opt: \"bogus\"");
    }
}
