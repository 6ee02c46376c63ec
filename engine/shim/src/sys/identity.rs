//! Who a process is: ids, capabilities, seccomp, limits, names.

use super::call::{Result, call};
use core::ffi::CStr;

/// `setgroups`.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    // SAFETY: `len` numbers are read.
    unsafe { call!(SETGROUPS, groups.len(), groups.as_ptr()) }.map(drop)
}

/// Real, effective and saved user id.
pub fn set_user(uid: u32) -> Result<()> {
    // SAFETY: no memory is involved; the process has one thread.
    unsafe { call!(SETRESUID, uid, uid, uid) }.map(drop)
}

/// Real, effective and saved group id.
pub fn set_group(gid: u32) -> Result<()> {
    // SAFETY: no memory is involved; the process has one thread.
    unsafe { call!(SETRESGID, gid, gid, gid) }.map(drop)
}

/// `umask`.
pub fn set_umask(mask: u32) {
    // SAFETY: no memory is involved.
    let _ = unsafe { call!(UMASK, mask) };
}

fn prctl(option: usize, a: usize, b: usize) -> Result<usize> {
    // SAFETY: only options whose arguments are plain numbers come here.
    unsafe { call!(PRCTL, option, a, b, 0, 0) }
}

/// What `ps` shows.
pub fn set_name(name: &CStr) -> Result<()> {
    // SAFETY: a string that ends with NUL is read.
    unsafe { call!(PRCTL, 15, name.as_ptr(), 0, 0, 0) }.map(drop)
}

/// Whether others of the same user may look into `/proc/<pid>/{fd,exe,mem}` and attach.
pub fn set_dumpable(dumpable: bool) -> Result<()> {
    prctl(4, usize::from(dumpable), 0).map(drop)
}

/// Orphans below this process become its children.
pub fn become_subreaper() -> Result<()> {
    prctl(36, 1, 0).map(drop)
}

/// Permitted capabilities survive the change to another user.
pub fn keep_capabilities() -> Result<()> {
    prctl(8, 1, 0).map(drop)
}

/// `PR_SET_NO_NEW_PRIVS`.
pub fn set_no_new_privileges() -> Result<()> {
    prctl(38, 1, 0).map(drop)
}

/// Takes a capability out of the bounding set. `EINVAL`: the kernel has no such capability.
pub fn drop_bounding(capability: u32) -> Result<()> {
    prctl(24, capability as usize, 0).map(drop)
}

/// Whether the bounding set has it. `EINVAL`: the kernel has no such capability.
pub fn in_bounding(capability: u32) -> Result<bool> {
    prctl(23, capability as usize, 0).map(|set| set == 1)
}

/// Empties the ambient set.
pub fn clear_ambient() -> Result<()> {
    prctl(47, 4, 0).map(drop)
}

/// Adds to the ambient set.
pub fn raise_ambient(capability: u32) -> Result<()> {
    prctl(47, 2, capability as usize).map(drop)
}

/// `capset` of this thread.
pub fn set_capabilities(effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
    const VERSION_3: u32 = 0x2008_0522;
    let header = [VERSION_3, 0];
    let half = |set: u64, high: bool| if high { (set >> 32) as u32 } else { set as u32 };
    let data = [false, true].map(|high| [half(effective, high), half(permitted, high), half(inheritable, high)]);
    // SAFETY: version 3 reads a header of two and data of two times three 32-bit integers.
    unsafe { call!(CAPSET, header.as_ptr(), data.as_ptr()) }.map(drop)
}

/// `seccomp(SECCOMP_SET_MODE_FILTER)`; `program` is an array of 8-byte instructions.
pub fn set_seccomp(flags: u32, program: &[u8]) -> Result<()> {
    #[repr(C)]
    struct Program {
        length: u16,
        filter: *const u8,
    }
    let Ok(length) = u16::try_from(program.len() / 8) else { return Err(super::Errno::EINVAL) };
    if !program.len().is_multiple_of(8) {
        return Err(super::Errno::EINVAL);
    }
    let program = Program { length, filter: program.as_ptr() };
    // SAFETY: the kernel copies `length` instructions from `filter`, which the slice has; it asks for no alignment.
    unsafe { call!(SECCOMP, 1, flags, &raw const program) }.map(drop)
}

/// `prlimit` of this process.
pub fn set_limit(resource: u32, soft: u64, hard: u64) -> Result<()> {
    let limit = [soft, hard];
    // SAFETY: one `struct rlimit64` is read.
    unsafe { call!(PRLIMIT64, 0, resource, limit.as_ptr(), 0) }.map(drop)
}

/// `sethostname`.
pub fn set_hostname(name: &CStr) -> Result<()> {
    // SAFETY: `len` bytes are read.
    unsafe { call!(SETHOSTNAME, name.as_ptr(), name.count_bytes()) }.map(drop)
}

/// `setdomainname`.
pub fn set_domainname(name: &CStr) -> Result<()> {
    // SAFETY: `len` bytes are read.
    unsafe { call!(SETDOMAINNAME, name.as_ptr(), name.count_bytes()) }.map(drop)
}
