//! Hull's build, test and benchmark tasks.

fn main() {}
