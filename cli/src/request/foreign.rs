//! Flags of Docker's that mean nothing to Hull: they are known, so that they are refused with the reason, or ignored
//! where that harms nobody.

use clap::Args;

use super::error::RequestError;
use super::values;

#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Without a meaning here")]
pub(crate) struct ForeignFlags {
    /// Container isolation technology: only `default` exists here
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    pub(crate) isolation: String,
    /// Kernel memory limit: accepted and ignored, as by Docker
    #[arg(long = "kernel-memory", value_name = "bytes", value_parser = values::bytes)]
    _kernel_memory: Option<i64>,
    /// Skip image verification: Hull has none, so only =false is refused
    #[arg(long, value_name = "true|false", value_parser = values::boolean, action = clap::ArgAction::Set, default_value = "true", hide_default_value = true, default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    disable_content_trust: bool,
    /// CPU count (Windows only: refused)
    #[arg(long, value_name = "int", value_parser = values::int)]
    cpu_count: Option<i64>,
    /// CPU percent (Windows only: refused)
    #[arg(long, value_name = "int", value_parser = values::int)]
    cpu_percent: Option<i64>,
    /// Maximum IO bandwidth limit for the system drive (Windows only: refused)
    #[arg(long, value_name = "bytes", value_parser = values::bytes)]
    io_maxbandwidth: Option<i64>,
    /// Maximum IOps limit for the system drive (Windows only: refused)
    #[arg(long, value_name = "uint", value_parser = values::int)]
    io_maxiops: Option<i64>,
}

impl ForeignFlags {
    /// Before anything is asked of the engine.
    pub(crate) fn check(&self) -> Result<(), RequestError> {
        let windows = [
            ("cpu-count", self.cpu_count),
            ("cpu-percent", self.cpu_percent),
            ("io-maxbandwidth", self.io_maxbandwidth),
            ("io-maxiops", self.io_maxiops),
        ];
        if let Some((flag, _)) = windows.iter().find(|(_, value)| value.is_some()) {
            return Err(RequestError::WindowsOnly(flag));
        }
        // A wall that somebody asks for and that is not there is an error, not a shrug.
        if self.disable_content_trust { Ok(()) } else { Err(RequestError::ContentTrust) }
    }
}
