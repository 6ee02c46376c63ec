//! Numbers of system calls, by ABI. The tables are facts of the kernel's uapi headers, up to Linux 6.17.

use super::SeccompError;
use std::collections::HashMap;
use std::sync::LazyLock;

/// One ABI of a machine.
#[derive(Debug, Clone, Copy)]
pub(super) struct Abi {
    /// `AUDIT_ARCH_*`, as `seccomp_data` has it.
    pub(super) audit: u32,
    /// Numbers from here on belong to another ABI with the same `audit` (x32): they fail with `ENOSYS`.
    pub(super) end: Option<u32>,
    table: &'static LazyLock<HashMap<&'static str, u32>>,
}

impl Abi {
    /// The number of a call, if this ABI has it.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.table.get(name).copied()
    }

    /// The highest number that the table knows.
    pub(super) fn last(&self) -> u32 {
        self.table.values().copied().max().unwrap_or(0)
    }
}

static X86_64: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| parse(include_str!("numbers/x86_64.txt")));
static X86: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| parse(include_str!("numbers/x86.txt")));
static AARCH64: LazyLock<HashMap<&str, u32>> = LazyLock::new(|| parse(include_str!("numbers/aarch64.txt")));

fn parse(table: &'static str) -> HashMap<&'static str, u32> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines.filter_map(|line| line.split_once(' ')).filter_map(|(n, name)| Some((name, n.parse().ok()?))).collect()
}

/// 64-bit x86. Its x32 half is left out: no distribution switches it on by default, and it doubles the ways in.
pub(super) const ABI_X86_64: Abi = Abi { audit: 0xc000_003e, end: Some(0x4000_0000), table: &X86_64 };
/// 32-bit x86 programs on a 64-bit kernel.
pub(super) const ABI_X86: Abi = Abi { audit: 0x4000_0003, end: None, table: &X86 };
/// 64-bit Arm.
pub(super) const ABI_AARCH64: Abi = Abi { audit: 0xc000_00b7, end: None, table: &AARCH64 };

/// The ABIs of this machine, its own first.
pub(super) fn native() -> Result<&'static [Abi], SeccompError> {
    match std::env::consts::ARCH {
        "x86_64" => Ok(&[ABI_X86_64, ABI_X86]),
        "aarch64" => Ok(&[ABI_AARCH64]),
        other => Err(SeccompError::UnknownMachine(other)),
    }
}

/// The names by which profiles call these ABIs: Docker's own and OCI's.
pub(super) fn is_named(abi: &Abi, name: &str) -> bool {
    let names: &[&str] = match abi.audit {
        0xc000_003e => &["amd64", "SCMP_ARCH_X86_64"],
        0x4000_0003 => &["x86", "386", "SCMP_ARCH_X86"],
        _ => &["arm64", "SCMP_ARCH_AARCH64"],
    };
    names.contains(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_numbers() {
        for (abi, name, number) in [
            (&ABI_X86_64, "read", 0),
            (&ABI_X86_64, "clone3", 435),
            (&ABI_X86_64, "mseal", 462),
            (&ABI_X86, "read", 3),
            (&ABI_X86, "socketcall", 102),
            (&ABI_X86, "clock_gettime64", 403),
            (&ABI_AARCH64, "newfstatat", 79),
            (&ABI_AARCH64, "clone3", 435),
        ] {
            assert_eq!(abi.number(name), Some(number), "{name}");
        }
        assert_eq!(ABI_X86_64.number("socketcall"), None);
        assert_eq!(ABI_AARCH64.number("open"), None);
    }

    #[test]
    fn the_tables_agree_with_the_c_library_of_this_machine() {
        let native = native().unwrap()[0];
        for (name, number) in [
            ("openat2", nix::libc::SYS_openat2),
            ("ptrace", nix::libc::SYS_ptrace),
            ("socket", nix::libc::SYS_socket),
            ("landlock_restrict_self", nix::libc::SYS_landlock_restrict_self),
        ] {
            assert_eq!(native.number(name).map(i64::from), Some(number), "{name}");
        }
    }
}
