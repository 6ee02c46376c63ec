//! The Docker Engine API: thin handlers. A request in, one service call, its result or its error out.

mod detach_keys;
pub mod error;
mod hijack;
mod request;
