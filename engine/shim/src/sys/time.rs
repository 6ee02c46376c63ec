//! The clock.

use super::call::call;

/// Nanoseconds since 1970.
pub fn now() -> u64 {
    let mut time = [0u64; 2];
    // SAFETY: the kernel writes one `struct timespec`, two 64-bit integers.
    let _ = unsafe { call!(CLOCK_GETTIME, 0, time.as_mut_ptr()) };
    time[0].saturating_mul(1_000_000_000).saturating_add(time[1])
}
