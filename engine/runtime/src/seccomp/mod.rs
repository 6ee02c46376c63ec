//! Seccomp: which system calls a container may make.
//!
//! A profile (Docker's default, or one given as JSON) is resolved for a set of capabilities into plain rules, and those are
//! compiled into one classic BPF program for all ABIs of the machine. `seccompiler` was weighed and is only used to
//! load programs in tests: it compares numbers one by one (about 1,700 instructions for this profile, in two stacked
//! filters, since it has one action per filter) and kills a process of any other ABI. Here a binary search over ranges
//! needs about 500 for two ABIs, and 32-bit x86 programs run, as under Docker.

mod argument;
mod compile;
mod custom;
mod default_profile;
mod numbers;
mod profile;

pub use custom::CustomError;
pub use profile::{Action, Profile};

use oci_spec::runtime::Capabilities;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Why a profile cannot be used. A wall that cannot be raised: the container does not start.
#[derive(Debug, thiserror::Error)]
pub enum SeccompError {
    /// The JSON is not a profile.
    #[error("decoding seccomp profile failed")]
    Custom(#[from] CustomError),
    /// More conditions on one system call than a jump can span.
    #[error("seccomp profile: too many conditions for system call {syscall}")]
    TooComplex {
        /// Its number.
        syscall: u32,
    },
    /// More instructions than the kernel takes.
    #[error("seccomp profile needs {0} instructions, the kernel takes at most 4096")]
    TooLong(usize),
    /// A machine without a table of system calls.
    #[error("no table of system calls for {0}")]
    UnknownMachine(&'static str),
}

/// Compiles each pair of profile and capabilities once.
#[derive(Debug, Default)]
pub struct Filters {
    compiled: Mutex<HashMap<Key, Arc<[u8]>>>,
}

/// A profile and a mask of capabilities.
type Key = (Profile, u64);

impl Filters {
    /// An empty cache.
    pub fn new() -> Self {
        Self::default()
    }

    /// The program for a container with these capabilities; `None` for [`Profile::Unconfined`].
    ///
    /// # Errors
    /// See [`SeccompError`].
    pub fn get(&self, profile: &Profile, capabilities: &Capabilities) -> Result<Option<Arc<[u8]>>, SeccompError> {
        if *profile == Profile::Unconfined {
            return Ok(None);
        }
        let key = (profile.clone(), crate::capabilities::mask(capabilities));
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(program) = compiled.get(&key) {
            return Ok(Some(Arc::clone(program)));
        }
        let program: Arc<[u8]> = compile(profile, capabilities)?.into();
        // Custom profiles come from users: a stream of different ones must not fill the daemon.
        if compiled.len() >= 64 {
            compiled.clear();
        }
        compiled.insert(key, Arc::clone(&program));
        Ok(Some(program))
    }
}

/// The bytes of a program: `sock_filter`s in the machine's byte order.
fn compile(profile: &Profile, capabilities: &Capabilities) -> Result<Vec<u8>, SeccompError> {
    let rules = match profile {
        Profile::Unconfined | Profile::Default => default_profile::rules(capabilities),
        Profile::Custom(json) => custom::rules(json, capabilities)?,
    };
    let program = compile::program(&rules, numbers::native()?)?;
    Ok(program.into_iter().flat_map(compile::Insn::to_bytes).collect())
}

#[cfg(test)]
mod tests;
