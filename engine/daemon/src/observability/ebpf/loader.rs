//! Loads the programs, each by itself: one that this kernel refuses costs what it measures and nothing else.

use super::btf::BtfError;
use super::maps::{MapError, Maps};
use super::offsets;
use super::programs::{Description, PROGRAMS, Way};
use aya::programs::{ProgramError, RawTracePoint};
use aya::{Ebpf, EbpfError, EbpfLoader, VerifierLogLevel};
use hull_ebpf_types::{ABSENT, Offsets, Program};
use std::fs::File;
use std::io;

/// Why no program at all could be loaded.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Built without one.
    #[error("no eBPF object inside this hulld; run `cargo xtask build-ebpf`, then build again")]
    NoObject,
    /// The kernel does not describe its types, so no offset is known.
    #[error("open /sys/kernel/btf/vmlinux")]
    NoBtf(#[source] io::Error),
    /// It does, in a way that this version does not understand.
    #[error("parse /sys/kernel/btf/vmlinux")]
    Btf(#[from] BtfError),
    /// The number of CPUs is unknown.
    #[error("read /sys/devices/system/cpu/possible")]
    Cpus(#[source] io::Error),
    /// Maps could not be created: no privilege, or too old a kernel.
    #[error("create the eBPF maps")]
    Object(#[source] EbpfError),
    /// A map is not as this version expects.
    #[error("open the eBPF maps")]
    Maps(#[from] MapError),
}

/// Why one program is not attached.
#[derive(Debug, thiserror::Error)]
enum HookError {
    #[error("this kernel's {0} is not where it was in the kernels known")]
    Member(&'static str),
    #[error("the object has no such program")]
    Missing,
    #[error("load or attach it")]
    Refused(#[from] ProgramError),
}

/// One program and whether it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hook {
    /// Which.
    pub program: Program,
    /// What does its work: `raw_tp`, another way of an eBPF program, or the name of the fallback.
    pub backend: &'static str,
    /// True if the eBPF program does.
    pub attached: bool,
}

impl Hook {
    /// All programs with their fallbacks: nothing is loaded.
    pub fn fallbacks() -> Vec<Self> {
        PROGRAMS.iter().map(|it| Self { program: it.program, backend: it.fallback, attached: false }).collect()
    }
}

/// What loading gave.
pub struct Loaded {
    /// Views of the maps.
    pub maps: Maps,
    /// Every program.
    pub hooks: Vec<Hook>,
    /// Owns the programs and their links: they run until this is dropped.
    pub object: Ebpf,
}

/// Loads and attaches what this kernel allows.
///
/// # Errors
/// When not even the maps can be had. A program that is refused is no error: see [`Loaded::hooks`].
pub fn load(object: Option<&[u8]>) -> Result<Loaded, LoadError> {
    let object = object.ok_or(LoadError::NoObject)?;
    let offsets = read_offsets()?;
    // Without aya's own copy of the kernel's BTF, which it would parse and keep: these programs need no relocation.
    let mut object = EbpfLoader::new()
        .btf(None)
        // A log is megabytes for each program, wanted or not; an errno has to do.
        .verifier_log_level(VerifierLogLevel::DISABLE)
        .override_global("OFFSETS", &offsets, true)
        .map_max_entries("DISTANCES", offsets.cpus)
        .load(object)
        .map_err(LoadError::Object)?;
    let maps = Maps::take(&mut object)?;
    let hooks = PROGRAMS.iter().map(|description| hook(&mut object, description, &offsets)).collect();
    Ok(Loaded { maps, hooks, object })
}

fn read_offsets() -> Result<Offsets, LoadError> {
    let cpus = std::fs::read_to_string("/sys/devices/system/cpu/possible").map_err(LoadError::Cpus)?;
    let cpus = offsets::possible_cpus(&cpus).ok_or_else(|| LoadError::Cpus(io::ErrorKind::InvalidData.into()))?;
    let vmlinux = File::open("/sys/kernel/btf/vmlinux").map_err(LoadError::NoBtf)?;
    Ok(offsets::resolve(&vmlinux, cpus)?)
}

fn hook(object: &mut Ebpf, description: &Description, offsets: &Offsets) -> Hook {
    let program = description.program;
    let mut refused = Vec::new();
    for way in description.ways {
        match attach(object, way, offsets) {
            Ok(()) => {
                // Why the better ones do not do is of interest, and no reason to worry.
                for error in refused {
                    tracing::info!(
                        program = program.as_str(),
                        backend = way.name,
                        "eBPF program works another way: {error}"
                    );
                }
                return Hook { program, backend: way.name, attached: true };
            }
            Err(error) => refused.push(error),
        }
    }
    for error in refused {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        tracing::warn!(program = program.as_str(), fallback = description.fallback, %cause, "eBPF program is not attached: {error}");
    }
    Hook { program, backend: description.fallback, attached: false }
}

fn attach(object: &mut Ebpf, way: &Way, offsets: &Offsets) -> Result<(), HookError> {
    if let Some((name, _)) = (way.needs)(offsets).into_iter().find(|(_, offset)| *offset == ABSENT) {
        return Err(HookError::Member(name));
    }
    // All are loaded before the first is attached: none of a pair runs alone.
    for (function, _) in way.functions {
        raw_tracepoint(object, function)?.load()?;
    }
    for (function, tracepoint) in way.functions {
        raw_tracepoint(object, function)?.attach(tracepoint)?;
    }
    Ok(())
}

fn raw_tracepoint<'a>(object: &'a mut Ebpf, function: &str) -> Result<&'a mut RawTracePoint, HookError> {
    let program = object.program_mut(function).ok_or(HookError::Missing)?;
    Ok(program.try_into()?)
}

#[cfg(test)]
mod tests {
    use super::super::programs::RAW_TP;
    use super::*;

    #[test]
    fn every_fallback_is_named_when_nothing_is_loaded() {
        assert!(matches!(load(None), Err(LoadError::NoObject)));
        let hooks = Hook::fallbacks();
        assert_eq!(hooks.len(), PROGRAMS.len());
        assert!(hooks.iter().all(|hook| !hook.attached && hook.backend != RAW_TP));
    }
}
