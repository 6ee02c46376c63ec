//! Runs inside test containers and asserts from there.

fn main() {}
