//! The registry that `/metrics` renders; whoever counts something registers it here, beside the code it counts.

use prometheus::Registry;
use std::sync::OnceLock;

/// The process' one registry.
pub fn registry() -> &'static Registry {
    static REGISTRY: OnceLock<Registry> = OnceLock::new();
    REGISTRY.get_or_init(Registry::new)
}
