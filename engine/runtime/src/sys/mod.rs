//! System calls that no safe wrapper has: the only unsafe code of this crate.

pub(crate) mod bpf;
pub(crate) mod malloc;
pub(crate) mod mount;
pub(crate) mod socket;
pub(crate) mod text;
