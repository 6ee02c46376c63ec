//! hull-shim: see the library.
#![no_std]
#![no_main]

use hull_shim as _;

/// A bug. There is nobody to tell: the daemon sees the connection end and no exit record, and says "shim lost".
#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    hull_shim::sys::process::exit(101)
}
