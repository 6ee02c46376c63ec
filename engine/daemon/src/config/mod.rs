//! What the daemon was told to do.
//!
//! ```text
//!  Flags (what was typed) ─┐
//!                          ├─> Settings (who said what, conflicts refused) ─> Config (what it means, checked)
//!  daemon.json ────────────┘
//! ```
//! Flags and file have dockerd's names, so that a daemon.json can be carried over. Nothing outside this module reads
//! a flag, the file or an environment variable.

pub mod file;
pub mod flags;
pub mod listen;
mod meaning;
mod reload;
mod settings;
#[cfg(test)]
mod tests;

pub use flags::Flags;
pub use listen::Listen;
pub use meaning::{Bip, Config, ConfigError, LogLevel, Registries, TlsFiles};
pub use reload::{Reloadable, needing_restart};
pub use settings::{Settings, SettingsError};

/// Where daemon.json is looked for when `--config-file` doesn't say; there it may be absent.
pub const DEFAULT_FILE: &str = "/etc/hull/daemon.json";
/// Where the API listens when no `--host` says otherwise.
pub const DEFAULT_SOCKET: &str = "/run/hull/hull.sock";
/// Default of `--data-root`.
pub const DEFAULT_DATA_ROOT: &str = "/var/lib/hull";
/// Default of `--exec-root`.
pub const DEFAULT_EXEC_ROOT: &str = "/run/hull";
/// Where keys are looked for under TLS: `ca.pem`, `cert.pem`, `key.pem`.
pub const DEFAULT_TLS_DIRECTORY: &str = "/etc/hull";
