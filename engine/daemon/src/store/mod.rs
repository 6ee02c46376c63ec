//! Durable state: where it lies ([`paths`]) and how it is replaced ([`object`]).

pub mod object;
pub mod paths;
