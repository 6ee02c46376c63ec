//! Wire types of Hull's REST API: serde only, no I/O.
//!
//! The API is the Docker Engine API, so the types carry Docker's field names and its habits: what Go's
//! `omitempty` leaves out is left out here, a list that Docker answers as `null` when it is empty is `null`
//! here, one that it answers as `[]` is `[]`. The daemon serializes answers and decodes requests; the command
//! line does the reverse, with the same types.
//!
//! | module | what it holds |
//! | --- | --- |
//! | [`container`], [`host_config`], [`inspect`], [`summary`], [`exec`], [`stats`] | containers |
//! | [`image`], [`volume`], [`network`], [`mount`] | what containers are made of |
//! | [`system`], [`event`], [`progress`], [`prune`] | the engine as a whole |
//! | [`archive`] | what the archive calls say of a file |
//! | [`pids`] | Hull's own: processes in every namespace level, pressure |
//! | [`stream`] | the 8-byte frames of attach, exec and logs |
//! | [`version`] | API versions and their negotiation |
//! | [`decode`] | JSON read as Go reads it: **always decode with this, never with `serde_json` directly** |
//!
//! Absent on purpose: defaults and validation (the daemon's), flags (the command line's), clocks (times are
//! RFC 3339 strings, as on the wire).
#![forbid(unsafe_code)]

pub mod archive;
pub mod decode;
pub mod stream;
pub mod version;

mod wire;

macro_rules! wire_modules {
    ($($name:ident),* $(,)?) => {$(
        #[expect(missing_docs, reason = "field names are Docker's own; its API reference explains each")]
        pub mod $name;
        pub use $name::*;
    )*};
}

wire_modules!(
    container,
    event,
    exec,
    host_config,
    image,
    inspect,
    mount,
    network,
    pids,
    progress,
    prune,
    stats,
    summary,
    system,
    volume,
);

pub use archive::PathStat;
pub use wire::{Empty, ZERO_TIME};

#[cfg(test)]
mod wire_tests;
