//! Device rules as values, with the meaning that the v1 kernel gives to a sequence of them.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType};
use std::fmt;

/// Which kind of device a rule is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeviceKind {
    /// Every device there is: the rule replaces all before it.
    All,
    /// Block devices.
    Block,
    /// Character devices.
    Char,
}

/// A set of read, write and mknod, with the bits of `bpf_cgroup_dev_ctx`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access(u8);

impl Access {
    /// Making a node.
    pub const MKNOD: Self = Self(1);
    /// Opening for reading.
    pub const READ: Self = Self(2);
    /// Opening for writing.
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// From letters `rwm`; nothing or an unknown letter is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let mut bits = 0;
        for letter in text.chars() {
            bits |= match letter {
                'r' => Self::READ.0,
                'w' => Self::WRITE.0,
                'm' => Self::MKNOD.0,
                _ => return None,
            };
        }
        (bits != 0).then_some(Self(bits))
    }

    /// Whether all of `other` is in it.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The bits.
    pub fn bits(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if self.contains(bit) {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// One line of `devices.allow` or `devices.deny`. A number that is `None` matches every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are the kernel's")]
pub struct DeviceRule {
    pub allow: bool,
    pub kind: DeviceKind,
    pub major: Option<u32>,
    pub minor: Option<u32>,
    pub access: Access,
}

impl DeviceRule {
    /// From OCI: no type means all, -1 or absent means any number, no access means all of it.
    pub fn from_oci(rule: &LinuxDeviceCgroup) -> Self {
        let kind = match rule.typ() {
            None | Some(LinuxDeviceType::A) => DeviceKind::All,
            Some(LinuxDeviceType::B) => DeviceKind::Block,
            Some(_) => DeviceKind::Char,
        };
        let number = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok());
        let access = rule.access().as_deref().and_then(Access::parse).unwrap_or(Access::ALL);
        Self { allow: rule.allow(), kind, major: number(rule.major()), minor: number(rule.minor()), access }
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = if self.allow { "allow" } else { "deny" };
        let kind = match self.kind {
            DeviceKind::All => 'a',
            DeviceKind::Block => 'b',
            DeviceKind::Char => 'c',
        };
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        write!(f, "{verb} {kind} {}:{} {}", number(self.major), number(self.minor), self.access)
    }
}

/// What a sequence of rules comes to: a default, and exceptions to it.
///
/// This is the v1 kernel's own model (`security/device_cgroup.c`): an `a` rule sets the default and forgets all
/// exceptions; a rule like the default takes back what an exception with the same numbers had; else it adds to one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DevicePolicy {
    /// What holds for a device without an exception.
    pub allow_by_default: bool,
    /// The exceptions; their `allow` is the opposite of the default.
    pub exceptions: Vec<DeviceRule>,
}

impl DevicePolicy {
    /// A fresh cgroup allows everything; then the rules, in order.
    pub fn of(rules: &[DeviceRule]) -> Self {
        let mut policy = Self { allow_by_default: true, exceptions: Vec::new() };
        for rule in rules {
            policy.take(rule);
        }
        policy
    }

    fn take(&mut self, rule: &DeviceRule) {
        if rule.kind == DeviceKind::All {
            self.allow_by_default = rule.allow;
            self.exceptions.clear();
            return;
        }
        let same = |e: &DeviceRule| e.kind == rule.kind && e.major == rule.major && e.minor == rule.minor;
        let known = self.exceptions.iter_mut().find(|e| same(e));
        if rule.allow == self.allow_by_default {
            if let Some(exception) = known {
                exception.access = Access(exception.access.0 & !rule.access.0);
                self.exceptions.retain(|e| e.access.0 != 0);
            }
        } else {
            match known {
                Some(exception) => exception.access = Access(exception.access.0 | rule.access.0),
                None => self.exceptions.push(*rule),
            }
        }
    }

    /// Whether nothing is denied, so that no program has to ask.
    pub fn allows_everything(&self) -> bool {
        self.allow_by_default && self.exceptions.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(crate) fn rule(
        allow: bool,
        kind: DeviceKind,
        major: Option<u32>,
        minor: Option<u32>,
        access: &str,
    ) -> DeviceRule {
        DeviceRule { allow, kind, major, minor, access: Access::parse(access).unwrap() }
    }

    #[test]
    fn letters_are_bits() {
        assert_eq!(Access::parse("rwm"), Some(Access::ALL));
        assert_eq!(Access::parse("r").unwrap().to_string(), "r");
        for bad in ["", "x", "rwx"] {
            assert_eq!(Access::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn rules_print_as_the_kernel_reads_them() {
        assert_eq!(rule(true, DeviceKind::Char, Some(5), None, "rwm").to_string(), "allow c 5:* rwm");
        assert_eq!(rule(false, DeviceKind::All, None, None, "rwm").to_string(), "deny a *:* rwm");
    }

    #[test]
    fn an_all_rule_replaces_what_came_before() {
        let policy = DevicePolicy::of(&[
            rule(true, DeviceKind::Char, Some(1), Some(3), "r"),
            rule(false, DeviceKind::All, None, None, "rwm"),
            rule(true, DeviceKind::Char, Some(1), Some(3), "r"),
            rule(true, DeviceKind::Char, Some(1), Some(3), "w"),
        ]);
        assert!(!policy.allow_by_default);
        assert_eq!(policy.exceptions, [rule(true, DeviceKind::Char, Some(1), Some(3), "rw")]);
    }

    #[test]
    fn a_rule_like_the_default_takes_back() {
        let denied = rule(false, DeviceKind::All, None, None, "rwm");
        let disk = |allow, access| rule(allow, DeviceKind::Block, Some(8), None, access);
        let policy = DevicePolicy::of(&[denied, disk(true, "rwm"), disk(false, "w")]);
        assert_eq!(policy.exceptions, [disk(true, "rm")]);
        assert!(DevicePolicy::of(&[denied, disk(true, "r"), disk(false, "r")]).exceptions.is_empty());
        assert!(DevicePolicy::of(&[denied, rule(true, DeviceKind::All, None, None, "rwm")]).allows_everything());
    }
}
