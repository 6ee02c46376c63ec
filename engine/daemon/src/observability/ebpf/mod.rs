//! The kernel's side, seen from here: loading the programs, reading their maps.
//!
//! ```text
//!  loader   vmlinux BTF -> btf -> offsets -> programs, one by one    (a thread, once; everything but the maps is dropped)
//!  programs what each needs, where it goes, what stands in for it
//!  maps     typed views of what the programs count
//! ```

pub mod btf;
pub mod loader;
pub mod maps;
pub mod offsets;
mod programs;

pub use loader::{Hook, LoadError, Loaded, load};
pub use maps::Maps;
