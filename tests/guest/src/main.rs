//! hull-guest: runs inside test containers and asserts from there.
//!
//! Static, so that it runs on any root filesystem; a test binds it to `/guest`. Every verb prints plain `name value`
//! lines for the test to read; a verb that cannot do its work exits with 1 and says why.

mod look;
mod walls;
mod work;

use anyhow::{Context, Result, bail};

const USAGE: &str =
    "usage: guest spin THREADS SECONDS | alloc MIB | fork COUNT | sleepers COUNT | namespaces | status | walls | true";

fn main() -> Result<()> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let number = |at: usize| -> Result<u64> {
        let text = args.get(at).context(USAGE)?;
        text.parse().with_context(|| format!("{text:?} is not a number"))
    };
    match args.first().map(String::as_str) {
        Some("spin") => work::spin(number(1)?, number(2)?),
        Some("alloc") => work::alloc(number(1)?),
        Some("fork") => work::fork(number(1)?),
        Some("sleepers") => work::sleepers(number(1)?),
        Some("namespaces") => look::namespaces(),
        Some("status") => look::status(),
        Some("walls") => walls::try_all(),
        Some("true") => Ok(()),
        _ => bail!(USAGE),
    }
}
