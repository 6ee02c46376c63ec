//! The program `hull` against an engine that the tests play: what it asks for, in which order, and what it does
//! with the answers.
#![expect(clippy::unwrap_used, reason = "a test fails by a panic")]

mod engine;
mod errors;
mod images;
mod lists;
mod run;
mod signals;
mod terminal;
