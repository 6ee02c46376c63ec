//! What was asked for and could not be had.

use std::fmt;

/// A limit that this kernel lacks: its value is discarded, the container runs without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Docker's word for the limit.
    pub limit: &'static str,
    /// What was asked for.
    pub value: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Your kernel does not support {}. {} discarded.", self.limit, self.value)
    }
}
