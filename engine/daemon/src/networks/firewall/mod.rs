//! Packet rules that let a bridge's containers reach the world, and only answers come back.
//!
//! The rules are in a table of this engine's own: no other table is read or changed. A packet passes only if every
//! table lets it, so another firewall on the host that drops forwarded packets goes on dropping these.

mod encode;
mod nftables;

use super::subnet::Subnet;
use std::io;

pub(super) use nftables::Nftables;

/// What the rules are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BridgeRules {
    /// The bridge's link.
    pub(super) bridge: String,
    /// The containers' range.
    pub(super) range: Subnet,
}

/// A way to install rules.
pub(super) trait Firewall: std::fmt::Debug + Send + Sync {
    /// Its name, for messages.
    fn name(&self) -> &'static str;

    /// Puts these rules in place of those that an earlier daemon of this engine made, at once: no packet meets half
    /// of them.
    fn replace(&self, rules: &BridgeRules) -> io::Result<()>;
}

/// No rules: containers reach the host and each other, but the world only where somebody else translates their
/// addresses.
#[derive(Debug)]
pub(super) struct NoFirewall;

impl Firewall for NoFirewall {
    fn name(&self) -> &'static str {
        "none"
    }

    fn replace(&self, _: &BridgeRules) -> io::Result<()> {
        Ok(())
    }
}

/// Installs the rules with nftables. A kernel that can't gets one clear warning.
pub(super) fn install(engine_id: &str, rules: &BridgeRules) -> &'static str {
    let nftables = Nftables::new(engine_id);
    match nftables.replace(rules) {
        Ok(()) => nftables.name(),
        Err(error) => {
            tracing::warn!(
                %error,
                "the kernel takes no nftables rules: containers reach the host and each other, but not the world"
            );
            NoFirewall.name()
        }
    }
}
