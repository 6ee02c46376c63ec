//! The steps of a Plan, in the order in which they are carried out.
//!
//! Strings are `&CStr`: the encoded form keeps their NUL, so that the shim hands them to system calls without a
//! copy or an allocator. Lists (argv, env, groups, mounts) are repeated steps, so that nothing nests.
//! Paths "in the container" are resolved beneath the root filesystem's descriptor (`openat2` with
//! `RESOLVE_IN_ROOT`), never joined as strings; deciding them earlier is the race behind CVE-2021-30465.

use core::ffi::CStr;

/// One step. Variants are declared in the order in which a plan lists them; a decoder refuses an unknown tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    // ---- what the shim does for itself, before the clone -------------------------------------------------
    /// Write the shim's own pid to this `cgroup.procs`, so that it is accounted to the engine, not the container.
    ShimCgroup { procs: &'a CStr },
    /// Listen on this unix socket for control connections. (containers only)
    ControlSocket { path: &'a CStr },
    /// Where to write the exit record, atomically, before anyone hears of the exit.
    ExitRecord { path: &'a CStr },
    /// A file with a line `oom_kill N` (v1 `memory.oom_control`, v2 `memory.events`), read at exit.
    OomFile { path: &'a CStr },
    /// Write output as json-file log; rotate by rename at `max_size` bytes (0: never), keep `max_files`.
    /// Without this step output goes to attached connections only, with back-pressure (driver `none`, and execs).
    Log { path: &'a CStr, max_size: u64, max_files: u32 },
    /// Give the process a stdin that stays open (else `/dev/null`). `once`: close it when the first attached client leaves.
    Stdin { once: bool },
    /// Allocate a pseudo-terminal in the container's devpts and make it the controlling terminal.
    Terminal { rows: u16, cols: u16 },
    /// Treat the start connection as an attached one from the beginning (log driver `none`).
    AttachOnStart,

    // ---- namespaces and cgroups ---------------------------------------------------------------------------
    /// New namespaces, `CLONE_NEW*` flags for the one `clone3`. Never `CLONE_NEWCGROUP`: its root would be
    /// the shim's cgroup, see [`Step::UnshareCgroup`].
    Namespaces { flags: u64 },
    /// Join this namespace (a path to an nsfs file) before anything else in the child. `kind` is a `CLONE_NEW*` flag.
    /// Joining a PID namespace is done by the shim before the clone.
    JoinNamespace { kind: u64, path: &'a CStr },
    /// (execs) join those namespaces of the container's init, by its pidfd.
    JoinInit { kinds: u64 },
    /// Clone into this cgroup2 directory (`CLONE_INTO_CGROUP`).
    Cgroup2 { path: &'a CStr },
    /// Write the child's pid to this v1 `cgroup.procs` before the payload runs.
    CgroupProcs { procs: &'a CStr },
    /// Offset of a clock in a new time namespace, written before the clone. `clock` is `CLOCK_MONOTONIC` or `CLOCK_BOOTTIME`.
    TimeOffset { clock: u32, secs: i64, nanos: u32 },
    /// One line of the user namespace's map.
    UidMap { inside: u32, outside: u32, count: u32 },
    /// One line of the user namespace's group map.
    GidMap { inside: u32, outside: u32, count: u32 },

    // ---- in the child ---------------------------------------------------------------------------------------
    /// `unshare(CLONE_NEWCGROUP)`, after the child is in its cgroups.
    UnshareCgroup,
    /// `prlimit`; `u64::MAX` is infinity.
    Rlimit { resource: u32, soft: u64, hard: u64 },
    /// Write `/proc/self/oom_score_adj`.
    OomScoreAdj { value: i32 },
    /// `sethostname`.
    Hostname { name: &'a CStr },
    /// `setdomainname`.
    Domainname { name: &'a CStr },
    /// Propagation of `/` in the new mount namespace, `MS_*` flags (normally `MS_REC | MS_SLAVE`: nothing flows back).
    RootPropagation { flags: u64 },
    /// Make the root filesystem: overlay over these directories, mounted in the container's own mount namespace
    /// (so it vanishes with it). `options` is the whole data string of mount(2); `workdir` is where its relative lower paths start.
    Overlay { cwd: &'a CStr, options: &'a CStr },
    /// The root filesystem is this directory, bound onto itself.
    RootBind { path: &'a CStr },
    /// The root filesystem is the host's (`MntMode=host`): no mounts of ours, no pivot_root.
    RootHost,
    /// Mount a new file system at `target` in the container, made if missing.
    Mount { fstype: &'a CStr, source: &'a CStr, target: &'a CStr, flags: u64, data: &'a CStr },
    /// Bind `source` (on the host) to `target` in the container. `flags` are `MS_*`: `MS_REC`, and `MS_RDONLY`,
    /// `MS_NOSUID`... applied by a remount; `propagation` `MS_PRIVATE|MS_SLAVE|MS_SHARED (|MS_REC)` or 0.
    Bind { source: &'a CStr, target: &'a CStr, flags: u64, propagation: u64 },
    /// Copy what the image has at `target` into the host directory `source` if that is empty (Docker's rule for a
    /// fresh named volume), with owner and mode; before its [`Step::Bind`].
    CopyUp { source: &'a CStr, target: &'a CStr },
    /// Make a device node.
    Device { path: &'a CStr, mode: u32, major: u32, minor: u32, uid: u32, gid: u32 },
    /// Make a symlink at `path` that points at `target`; fine if it is there.
    Symlink { target: &'a CStr, path: &'a CStr },
    /// Write a file in `/proc/sys`; `key` as a path below it (`net/ipv4/ip_forward`).
    Sysctl { key: &'a CStr, value: &'a CStr },
    /// `pivot_root` into the root filesystem and detach the old one.
    PivotRoot,
    /// Hide this path: `/dev/null` over a file, an empty read-only tmpfs over a directory; absent is fine.
    MaskPath { path: &'a CStr },
    /// Make this path read-only; absent is fine.
    ReadonlyPath { path: &'a CStr },
    /// Remount `/` read-only.
    ReadonlyRoot,
    /// `umask`.
    Umask { mask: u32 },
    /// `[user][:group]` by name or id, looked up in the container's `/etc/passwd` and `/etc/group`; also sets
    /// the supplementary groups from there, and `HOME` unless an [`Step::Env`] has it.
    User { spec: &'a CStr },
    /// A supplementary group, by name or id.
    Group { spec: &'a CStr },
    /// Change to this directory in the container, made if missing (as Docker does).
    Cwd { path: &'a CStr },
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// Capability sets as bit masks, already intersected with the engine's own bounding set.
    Capabilities { bounding: u64, effective: u64, permitted: u64, inheritable: u64, ambient: u64 },
    /// A seccomp filter: `flags` for `seccomp(SECCOMP_SET_MODE_FILTER)`, `program` an array of `sock_filter`
    /// (8 bytes each). Several stack.
    Seccomp { flags: u32, program: &'a [u8] },
    /// One `NAME=value` of the environment.
    Env { entry: &'a CStr },
    /// One argument; the first one is looked up in the container's `PATH`.
    Arg { value: &'a CStr },
}
