//! Who this process is: ids, namespaces, capabilities, seccomp.

use std::fs;

/// Bit numbers of linux/capability.h.
const CAPABILITIES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];
const NAMESPACES: [&str; 8] = ["pid", "mnt", "net", "uts", "ipc", "cgroup", "user", "time"];

/// `/proc/self/status`, whose fields name themselves.
pub(crate) struct Status(String);

impl Status {
    pub(crate) fn read() -> Self {
        Self(fs::read_to_string("/proc/self/status").unwrap_or_default())
    }

    #[cfg(test)]
    pub(crate) fn from(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// A field's value.
    pub(crate) fn field(&self, name: &str) -> Option<&str> {
        self.0.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
    }

    /// Effective user and group, and the supplementary groups.
    pub(crate) fn user(&self) -> String {
        let effective = |name| self.field(name).and_then(|ids| ids.split_whitespace().nth(1)).unwrap_or("?");
        let groups = self.field("Groups").filter(|groups| !groups.is_empty());
        let more = groups.map_or_else(String::new, |groups| format!(", groups {groups}"));
        format!("uid {}, gid {}{more}", effective("Uid"), effective("Gid"))
    }

    /// The names of the effective capabilities.
    pub(crate) fn capabilities(&self) -> Vec<String> {
        let set = self.field("CapEff").and_then(|hex| u64::from_str_radix(hex, 16).ok()).unwrap_or(0);
        let name = |bit: usize| CAPABILITIES.get(bit).map_or_else(|| format!("cap_{bit}"), |&name| name.to_owned());
        (0..64).filter(|bit| set & (1 << bit) != 0).map(name).collect()
    }

    /// What the kernel lets through.
    pub(crate) fn seccomp(&self) -> String {
        let mode = match self.field("Seccomp") {
            Some("0") => "off".to_owned(),
            Some("1") => "strict".to_owned(),
            Some("2") => match self.field("Seccomp_filters") {
                Some(filters) => format!("on, {filters} filter{}", if filters == "1" { "" } else { "s" }),
                None => "on".to_owned(),
            },
            _ => "not in this kernel".to_owned(),
        };
        let no_new = if self.field("NoNewPrivs") == Some("1") { "; no new privileges" } else { "" };
        mode + no_new
    }
}

/// Each namespace with its inode: two processes share a namespace when the numbers are equal.
pub(crate) fn namespaces() -> Vec<(&'static str, String)> {
    let inode = |name: &&'static str| {
        let link = fs::read_link(format!("/proc/self/ns/{name}")).ok()?;
        let number = link.to_str()?.split_once('[')?.1.trim_end_matches(']').to_owned();
        Some((*name, number))
    };
    NAMESPACES.iter().filter_map(inode).collect()
}

/// The processes that `/proc` shows, by PID.
pub(crate) fn processes() -> usize {
    let number = |entry: &fs::DirEntry| {
        entry.file_name().to_str().is_some_and(|name| name.bytes().all(|byte| byte.is_ascii_digit()))
    };
    fs::read_dir("/proc").map_or(0, |entries| entries.flatten().filter(number).count())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_the_status_file_become_words() {
        let status = Status::from(
            "Name:\thello\nUid:\t1\t1000\t1\t1\nGid:\t1\t100\t1\t1\nGroups:\t5 6 \nCapEff:\t0000000000000401\n\
             NoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n",
        );
        assert_eq!(status.user(), "uid 1000, gid 100, groups 5 6");
        assert_eq!(status.capabilities(), ["chown", "net_bind_service"]);
        assert_eq!(status.seccomp(), "on, 1 filter; no new privileges");
        let none = Status::from("CapEff:\t8000000000000000\nSeccomp:\t0\nGroups:\t\n");
        assert_eq!((none.seccomp(), none.capabilities()), ("off".to_owned(), vec!["cap_63".to_owned()]));
    }

    #[test]
    fn this_process_is_in_its_namespaces_and_sees_itself() {
        assert!(namespaces().iter().any(|(name, inode)| *name == "pid" && inode.parse::<u64>().is_ok()));
        assert!(processes() >= 1);
    }
}
