//! The program of Hull's embedded default image: prints what a container sees.

fn main() {}
