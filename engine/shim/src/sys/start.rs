//! What a C runtime would bring: the entry point and the memory functions that compiled code calls.

use core::arch::{asm, global_asm};

// The kernel starts a program with the stack aligned to 16 and argc on top, where the arguments follow. A call pushes 8
// bytes, which is the alignment that a function expects at its start.
global_asm!(
    ".globl _start",
    "_start:",
    "xor ebp, ebp",
    "mov rdi, rsp",
    "and rsp, -16",
    "call {main}",
    "ud2",
    main = sym main,
);

extern "C" fn main(stack: *const usize) -> ! {
    // SAFETY: `_start` hands over the stack pointer as the kernel set it, and nobody writes above it.
    let launch = unsafe { super::launch::Launch::new(stack) };
    crate::run(&launch)
}

/// A log is made of short pieces, for which `rep movsb` takes longer to begin than to copy; long ones are its strength.
///
/// # Safety
/// As memcpy(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    // SAFETY: the caller's ranges are valid for `length` bytes and apart. Each access below is inside both: the two ends
    // of a range may overlap each other, never reach beyond it.
    unsafe {
        match length {
            0 => {}
            1..4 => {
                let (first, middle, last) = (*from, *from.add(length / 2), *from.add(length - 1));
                (*to, *to.add(length / 2), *to.add(length - 1)) = (first, middle, last);
            }
            4..8 => copy_ends::<u32>(to, from, length),
            8..16 => copy_ends::<u64>(to, from, length),
            16..256 => {
                let mut at = 0;
                while at + 16 < length {
                    copy_one::<u128>(to.add(at), from.add(at));
                    // Opaque, or the compiler might take the loop for what it is and call this function.
                    asm!("/* {0} */", inout(reg) at, options(nomem, nostack, preserves_flags));
                    at += 16;
                }
                copy_one::<u128>(to.add(length - 16), from.add(length - 16));
            }
            _ => asm!(
                "rep movsb",
                inout("rcx") length => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags)
            ),
        }
    }
    to
}

/// # Safety
/// Both pointers are valid for one `T`, at any alignment; `T` is an integer.
#[inline(always)]
unsafe fn copy_one<T>(to: *mut u8, from: *const u8) {
    // SAFETY: the caller's contract.
    unsafe { to.cast::<T>().write_unaligned(from.cast::<T>().read_unaligned()) };
}

/// # Safety
/// Both ranges are valid for `length` bytes, which are at least one and at most two `T`s; `T` is an integer.
#[inline(always)]
unsafe fn copy_ends<T>(to: *mut u8, from: *const u8, length: usize) {
    // SAFETY: the first and the last `size_of::<T>()` bytes are inside the ranges.
    unsafe {
        copy_one::<T>(to, from);
        copy_one::<T>(to.add(length - size_of::<T>()), from.add(length - size_of::<T>()));
    }
}

/// # Safety
/// As memmove(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, length: usize) -> *mut u8 {
    if to.addr().wrapping_sub(from.addr()) >= length {
        // SAFETY: the caller's ranges are valid; `to` does not start inside `from`, so copying forwards reads every byte
        // before it is overwritten.
        unsafe {
            asm!(
                "rep movsb",
                inout("rcx") length => _, inout("rdi") to => _, inout("rsi") from => _,
                options(nostack, preserves_flags)
            );
        }
        return to;
    }
    // SAFETY: the caller's ranges are valid; backwards, because they overlap. The direction flag is restored.
    unsafe {
        asm!(
            "std",
            "rep movsb",
            "cld",
            inout("rcx") length => _,
            inout("rdi") to.wrapping_add(length).wrapping_sub(1) => _,
            inout("rsi") from.wrapping_add(length).wrapping_sub(1) => _,
            options(nostack)
        );
    }
    to
}

/// # Safety
/// As memset(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, value: i32, length: usize) -> *mut u8 {
    // SAFETY: the caller's range is valid.
    unsafe {
        asm!(
            "rep stosb",
            inout("rcx") length => _, inout("rdi") to => _, in("al") value.to_le_bytes()[0],
            options(nostack, preserves_flags)
        );
    }
    to
}

/// # Safety
/// As memcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    let mut at = 0;
    while at < length {
        // SAFETY: `at` is inside both ranges.
        let (x, y) = unsafe { (a.add(at).read_volatile(), b.add(at).read_volatile()) };
        if x != y {
            return i32::from(x) - i32::from(y);
        }
        at += 1;
    }
    0
}

/// # Safety
/// As bcmp(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(a: *const u8, b: *const u8, length: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(a, b, length) }
}

/// # Safety
/// As strlen(3).
#[unsafe(no_mangle)]
unsafe extern "C" fn strlen(string: *const u8) -> usize {
    let mut length = 0;
    // SAFETY: the string ends with NUL, and no byte after that is read. Volatile, so that the loop is not made a call.
    while unsafe { string.add(length).read_volatile() } != 0 {
        length += 1;
    }
    length
}

/// Named by the unwind tables of the precompiled core, and never called: panics abort.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}
