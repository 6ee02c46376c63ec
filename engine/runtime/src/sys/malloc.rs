//! glibc's allocator, told to give memory back. A daemon is idle most of the time, and what it once needed (the kernel's
//! type information is several megabytes) would stay with it for good.

/// Larger blocks are mappings of their own, which vanish when they are freed.
#[cfg(target_env = "gnu")]
const MAPPED_FROM: i32 = 64 << 10;

/// Threads share this many heaps; glibc's default is eight for each CPU.
#[cfg(target_env = "gnu")]
const HEAPS: i32 = 2;

/// To be called before threads are made. Other C libraries keep their own ways.
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    {
        use nix::libc::{M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, mallopt};
        // A threshold that was set is no longer raised by the allocator itself, which is what keeps large blocks in
        // the heap after the first of them was freed (mallopt(3), "dynamic mmap threshold").
        for (parameter, value) in
            [(M_MMAP_THRESHOLD, MAPPED_FROM), (M_TRIM_THRESHOLD, MAPPED_FROM), (M_ARENA_MAX, HEAPS)]
        {
            // SAFETY: mallopt takes two integers and touches only the allocator's own parameters, under its lock.
            unsafe { mallopt(parameter, value) };
        }
    }
}

/// Returns what is free inside the heaps.
pub(crate) fn trim() {
    #[cfg(target_env = "gnu")]
    // SAFETY: malloc_trim releases pages that hold no live block, under the allocator's lock; 0 keeps no reserve.
    unsafe {
        nix::libc::malloc_trim(0);
    }
}
