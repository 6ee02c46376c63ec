//! The Docker Engine API: thin handlers. A request in, one service call, its result or its error out.

pub mod error;
