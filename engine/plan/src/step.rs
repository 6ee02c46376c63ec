//! The steps of a Plan, in the order in which they are carried out.
//!
//! Strings are `&CStr`: the encoded form keeps their NUL, so that the shim hands them to system calls without a
//! copy or an allocator. Lists (argv, env, groups, mounts) are repeated steps, so that nothing nests.
//! Paths "in the container" are resolved beneath the root filesystem's descriptor (`openat2` with
//! `RESOLVE_IN_ROOT`), never joined as strings; deciding them earlier is the race behind CVE-2021-30465.

use core::ffi::CStr;

/// In the flags of a bind, above those of mount(2): read-only is the mount itself, and not what is mounted below it.
pub const READONLY_TOP: u64 = 1 << 32;

/// One step. Variants are declared in the order in which a plan lists them; a decoder refuses an unknown tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step<'a> {
    // ---- what the shim does for itself, before the clone -------------------------------------------------
    /// Write the shim's own pid to this `cgroup.procs`, so that it is accounted to the engine, not the container.
    ShimCgroup {
        /// The `cgroup.procs` file.
        procs: &'a CStr,
    },
    /// Listen on this unix socket for control connections. (containers only)
    ControlSocket {
        /// At most 107 bytes; replaced if it is there.
        path: &'a CStr,
    },
    /// Where to write the exit record, atomically, before anyone hears of the exit.
    ExitRecord {
        /// At most 1000 bytes; a file beside it is renamed to it.
        path: &'a CStr,
    },
    /// A file with a line `oom_kill N` (v1 `memory.oom_control`, v2 `memory.events`), read at exit.
    OomFile {
        /// On the host.
        path: &'a CStr,
    },
    /// Write output as json-file log; rotate by rename at `max_size` bytes (0: never), keep `max_files`.
    /// Without this step output goes to attached connections only, with back-pressure (driver `none`, and execs).
    Log {
        /// The current file; older ones get `.1`, `.2`...
        path: &'a CStr,
        /// Bytes, 0: no limit.
        max_size: u64,
        /// With the current one.
        max_files: u32,
    },
    /// A JSON object of strings that every record of the log carries as `attrs` (Docker's log options `labels`, `env`, `tag`).
    LogAttributes {
        /// The object, `{...}`, at most [`Step::MAX_LOG_ATTRIBUTES`] bytes.
        json: &'a CStr,
    },
    /// Give the process a stdin that stays open (else `/dev/null`). `once`: close it when the first attached client leaves.
    Stdin {
        /// Close it with the first client.
        once: bool,
    },
    /// Allocate a pseudo-terminal in the container's devpts and make it the controlling terminal.
    Terminal {
        /// Height in characters.
        rows: u16,
        /// Width in characters.
        cols: u16,
    },
    /// Treat the start connection as an attached one from the beginning (log driver `none`).
    AttachOnStart,

    // ---- namespaces and cgroups ---------------------------------------------------------------------------
    /// New namespaces, `CLONE_NEW*` flags for the one `clone3`. Never `CLONE_NEWCGROUP`: its root would be
    /// the shim's cgroup, see [`Step::UnshareCgroup`].
    Namespaces {
        /// `CLONE_NEW*`.
        flags: u64,
    },
    /// Join this namespace (a path to an nsfs file) before anything else in the child. `kind` is a `CLONE_NEW*` flag.
    /// Joining a PID namespace is done by the shim before the clone.
    JoinNamespace {
        /// One `CLONE_NEW*` flag.
        kind: u64,
        /// An nsfs file.
        path: &'a CStr,
    },
    /// (execs) join those namespaces of the container's init, by its pidfd.
    JoinInit {
        /// `CLONE_NEW*` flags.
        kinds: u64,
    },
    /// Clone into this cgroup2 directory (`CLONE_INTO_CGROUP`).
    Cgroup2 {
        /// The directory.
        path: &'a CStr,
    },
    /// Write the child's pid to this v1 `cgroup.procs` before the payload runs.
    CgroupProcs {
        /// The `cgroup.procs` file.
        procs: &'a CStr,
    },
    /// Offset of a clock in a new time namespace, written before the clone. `clock` is `CLOCK_MONOTONIC` or `CLOCK_BOOTTIME`.
    TimeOffset {
        /// `CLOCK_MONOTONIC` (1) or `CLOCK_BOOTTIME` (7).
        clock: u32,
        /// Seconds.
        secs: i64,
        /// And nanoseconds.
        nanos: u32,
    },
    /// One line of the user namespace's map.
    UidMap {
        /// First id in the namespace.
        inside: u32,
        /// First id on the host.
        outside: u32,
        /// How many.
        count: u32,
    },
    /// One line of the user namespace's group map.
    GidMap {
        /// First id in the namespace.
        inside: u32,
        /// First id on the host.
        outside: u32,
        /// How many.
        count: u32,
    },

    // ---- in the child ---------------------------------------------------------------------------------------
    /// `unshare(CLONE_NEWCGROUP)`, after the child is in its cgroups.
    UnshareCgroup,
    /// `prlimit`; `u64::MAX` is infinity.
    Rlimit {
        /// `RLIMIT_*`.
        resource: u32,
        /// Soft limit.
        soft: u64,
        /// Hard limit.
        hard: u64,
    },
    /// Write `/proc/self/oom_score_adj`.
    OomScoreAdj {
        /// -1000 to 1000.
        value: i32,
    },
    /// `sethostname`.
    Hostname {
        /// The name.
        name: &'a CStr,
    },
    /// `setdomainname`.
    Domainname {
        /// The name.
        name: &'a CStr,
    },
    /// Propagation of `/` in the new mount namespace, `MS_*` flags (normally `MS_REC | MS_SLAVE`: nothing flows back).
    RootPropagation {
        /// `MS_*`.
        flags: u64,
    },
    /// Make the root filesystem: overlay over these directories, mounted in the container's own mount namespace
    /// (so it vanishes with it). `options` is the whole data string of mount(2); `workdir` is where its relative lower paths start.
    Overlay {
        /// Directory from which relative paths in `options` start; also where the overlay is attached in the
        /// container's mount namespace (sources of binds are taken hold of before).
        cwd: &'a CStr,
        /// `lowerdir=...,upperdir=...,workdir=...`, at most 4095 bytes.
        options: &'a CStr,
    },
    /// The root filesystem is this directory, bound onto itself.
    RootBind {
        /// The directory.
        path: &'a CStr,
    },
    /// The root filesystem is the host's (`MntMode=host`): no mounts of ours, no pivot_root.
    RootHost,
    /// Mount a new file system at `target` in the container, made if missing.
    Mount {
        /// `proc`, `tmpfs`...
        fstype: &'a CStr,
        /// What /proc/mounts shows first.
        source: &'a CStr,
        /// In the container.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
        /// Options of the file system.
        data: &'a CStr,
    },
    /// Bind `source` (on the host) to `target` in the container. `flags` are `MS_*`: `MS_REC`, and `MS_RDONLY`,
    /// `MS_NOSUID`... applied by a remount (`MS_RDONLY` with `MS_REC` to what is mounted below too, unless
    /// [`READONLY_TOP`] is set); `propagation` `MS_PRIVATE|MS_SLAVE|MS_SHARED (|MS_REC)` or 0.
    Bind {
        /// On the host.
        source: &'a CStr,
        /// In the container; made as a file or directory, as the source is.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
        /// `MS_*`, or 0 to leave it.
        propagation: u64,
    },
    /// Bind what lies below a directory of the host's to `target` in the container: `subpath` is resolved in the child, with `source` as its
    /// root, since what is there belongs to whoever writes to it. `flags` and `propagation` as of [`Step::Bind`].
    BindBeneath {
        /// On the host.
        source: &'a CStr,
        /// Below it.
        subpath: &'a CStr,
        /// In the container.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
        /// `MS_*`, or 0 to leave it.
        propagation: u64,
    },
    /// Mount an overlay over `cwd`, a directory of the host's that lends its place, and bind it to `target` in the container. Its own
    /// step because the root's overlay hides the directory with all layers. `flags` as of [`Step::Bind`].
    BindOverlay {
        /// On the host.
        cwd: &'a CStr,
        /// Of the overlay, with absolute paths.
        options: &'a CStr,
        /// In the container.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
    },
    /// Bind what another container has at `source` to `target` in this one. `flags` as of [`Step::Bind`]. The source is resolved in
    /// that container's mount namespace, and no symlink of its is followed.
    BindFrom {
        /// The mount namespace, an nsfs file.
        namespace: &'a CStr,
        /// There.
        source: &'a CStr,
        /// In the container; made as a file or directory, as the source is.
        target: &'a CStr,
        /// `MS_*`.
        flags: u64,
    },
    /// Copy what the image has at `target` into the host directory `source` if that is empty (Docker's rule for a
    /// fresh named volume), with owner and mode; before its [`Step::Bind`].
    CopyUp {
        /// On the host.
        source: &'a CStr,
        /// In the container.
        target: &'a CStr,
    },
    /// Make a device node; one that is there must be the same. In a user namespace the host's node is bound instead.
    Device {
        /// In the container.
        path: &'a CStr,
        /// With type bits (`S_IFCHR`, `S_IFBLK`, `S_IFIFO`); without: a character device.
        mode: u32,
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
        /// Owner.
        uid: u32,
        /// Group.
        gid: u32,
    },
    /// Make a symlink at `path` that points at `target`; fine if it is there.
    Symlink {
        /// What it says.
        target: &'a CStr,
        /// In the container.
        path: &'a CStr,
    },
    /// Write a file in `/proc/sys`; `key` as a path below it (`net/ipv4/ip_forward`).
    Sysctl {
        /// Below `/proc/sys`, with slashes.
        key: &'a CStr,
        /// What is written.
        value: &'a CStr,
    },
    /// Hide this path: `/dev/null` over a file, an empty read-only tmpfs over a directory; absent is fine.
    MaskPath {
        /// In the container.
        path: &'a CStr,
    },
    /// Make this path read-only; absent is fine.
    ReadonlyPath {
        /// In the container.
        path: &'a CStr,
    },
    /// Remount `/` read-only.
    ReadonlyRoot,
    /// `pivot_root` into the root filesystem and detach the old one. After the masks: they are made by descriptors
    /// on the host's trusted `/proc` and `/dev/null`, not through what the image says these are (CVE-2025-31133).
    PivotRoot,
    /// `umask`.
    Umask {
        /// Permission bits to clear. 022 without this step.
        mask: u32,
    },
    /// `[user][:group]` by name or id, looked up in the container's `/etc/passwd` and `/etc/group`; also sets
    /// the supplementary groups from there, and `HOME` unless an [`Step::Env`] has it.
    User {
        /// `user`, `user:group`, `:group` or empty (root).
        spec: &'a CStr,
    },
    /// A supplementary group, by name or id.
    Group {
        /// Name or number.
        spec: &'a CStr,
    },
    /// Change to this directory in the container. Made if missing, as Docker does, where this plan also makes the root
    /// filesystem; an exec and `RootHost` get `ENOENT` instead.
    Cwd {
        /// In the container. `/` without this step.
        path: &'a CStr,
    },
    /// `PR_SET_NO_NEW_PRIVS`.
    NoNewPrivileges,
    /// Capability sets as bit masks, already intersected with the engine's own bounding set.
    Capabilities {
        /// What execve can ever give.
        bounding: u64,
        /// In use.
        effective: u64,
        /// What may be put in use.
        permitted: u64,
        /// Kept over execve for files that ask for it.
        inheritable: u64,
        /// Kept over execve.
        ambient: u64,
    },
    /// A seccomp filter: `flags` for `seccomp(SECCOMP_SET_MODE_FILTER)`, `program` an array of `sock_filter`
    /// (8 bytes each). Several stack.
    Seccomp {
        /// `SECCOMP_FILTER_FLAG_*`.
        flags: u32,
        /// `sock_filter`s.
        program: &'a [u8],
    },
    /// Run the shim's own init as the process, and the payload as its child: it hands signals on, reaps whoever is orphaned, and
    /// ends as the payload ends.
    Init,
    /// One `NAME=value` of the environment.
    Env {
        /// `NAME=value`.
        entry: &'a CStr,
    },
    /// One argument; the first one is looked up in the container's `PATH`.
    Arg {
        /// The argument.
        value: &'a CStr,
    },
}

impl Step<'_> {
    /// Longest object of a [`Step::LogAttributes`], in bytes.
    pub const MAX_LOG_ATTRIBUTES: usize = 64 << 10;
}
