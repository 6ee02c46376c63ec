//! hull: Hull's command line, over REST only.

fn main() {}
