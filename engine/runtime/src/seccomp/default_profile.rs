//! Docker's default profile, as of Docker 29: everything that an ordinary program needs, and more only for those
//! who hold the capability that the kernel would ask for anyway. What is not named fails with `EPERM`.

use super::argument::{Comparison, Op};
use super::profile::{Action, Rule, Rules};
use nix::libc;
use oci_spec::runtime::{Capabilities, Capability};

/// For everyone, by subject.
const ALWAYS: &[&str] = &[
    // files and directories
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 \
     fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync flock fstat \
     fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate ftruncate64 futimesat getcwd getdents getdents64 ioctl lchown \
     lchown32 link linkat _llseek lseek lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat \
     openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat \
     renameat2 rmdir sendfile sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range \
     syncfs tee truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes vmsplice write writev",
    // extended attributes, mounts that one may look at, watching files
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr getxattrat lgetxattr listxattr listxattrat llistxattr \
     lremovexattr lsetxattr removexattr removexattrat setxattr setxattrat listmount statmount fanotify_mark \
     inotify_add_watch inotify_init inotify_init1 inotify_rm_watch",
    // waiting and asynchronous input and output
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd eventfd2 \
     io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 io_setup io_submit _newselect pipe pipe2 poll \
     ppoll ppoll_time64 pselect6 pselect6_time64 select",
    // memory
    "brk cachestat madvise map_shadow_stack membarrier memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 \
     mprotect mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect process_mrelease \
     remap_file_pages",
    // processes, threads, identity
    "capget capset execve execveat exit exit_group fork get_robust_list get_thread_area getcpu getegid getegid32 geteuid \
     geteuid32 getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 \
     getresuid getresuid32 getrlimit getrusage getsid gettid getuid getuid32 ioprio_get ioprio_set kill pidfd_open \
     pidfd_send_signal prctl prlimit64 restart_syscall rseq sched_get_priority_max sched_get_priority_min \
     sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval \
     sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield \
     set_robust_list set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups \
     setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32 \
     setrlimit setsid setuid setuid32 sysinfo tgkill times tkill ugetrlimit uname uretprobe vfork wait4 waitid waitpid \
     process_vm_readv process_vm_writev ptrace riscv_hwprobe",
    // futexes and signals
    "futex futex_requeue futex_time64 futex_wait futex_waitv futex_wake pause rt_sigaction rt_sigpending rt_sigprocmask \
     rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sigaltstack \
     signalfd signalfd4 sigprocmask sigreturn",
    // clocks and timers
    "adjtimex alarm clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime clock_gettime64 \
     clock_nanosleep clock_nanosleep_time64 getitimer gettimeofday nanosleep setitimer time timer_create timer_delete \
     timer_getoverrun timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime \
     timerfd_gettime64 timerfd_settime timerfd_settime64",
    // sockets (socket itself depends on its family)
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg recvmmsg_time64 recvmsg \
     send sendmmsg sendmsg sendto setsockopt shutdown socketcall socketpair",
    // messages, semaphores, shared memory
    "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink \
     msgctl msgget msgrcv msgsnd semctl semget semop semtimedop semtimedop_time64 shmat shmctl shmdt shmget",
    // walls that one raises around oneself, and randomness
    "getrandom landlock_add_rule landlock_create_ruleset landlock_restrict_self seccomp",
    // of single machines
    "arch_prctl modify_ldt arm_fadvise64_64 arm_sync_file_range breakpoint cacheflush set_tls sync_file_range2",
];

/// For those who hold a capability.
const WITH: &[(Capability, &str)] = &[
    (Capability::DacReadSearch, "open_by_handle_at"),
    (
        Capability::SysAdmin,
        "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie lsm_get_self_attr lsm_list_modules \
         lsm_set_self_attr mount mount_setattr move_mount open_tree perf_event_open quotactl quotactl_fd setdomainname \
         sethostname setns syslog umount umount2 unshare",
    ),
    (Capability::SysBoot, "reboot"),
    (Capability::SysChroot, "chroot"),
    (Capability::SysModule, "delete_module finit_module init_module"),
    (Capability::SysPacct, "acct"),
    (Capability::SysPtrace, "kcmp pidfd_getfd process_madvise"),
    (Capability::SysRawio, "ioperm iopl"),
    (Capability::SysTime, "clock_settime clock_settime64 settimeofday stime"),
    (Capability::SysTtyConfig, "vhangup"),
    (Capability::SysNice, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"),
    (Capability::Syslog, "syslog"),
    (Capability::Bpf, "bpf"),
    (Capability::Perfmon, "perf_event_open"),
];

/// Families of sockets that reach beyond the container: `AF_VSOCK` (40) talks to the hypervisor past every network
/// namespace, `AF_ALG` (38) is the kernel's crypto code, in which holes keep being found.
const REFUSED_FAMILIES: [u64; 2] = [38, 40];
/// The highest family there is (`AF_MCTP`); a later one is refused until somebody has looked at it.
const LAST_FAMILY: u64 = 45;

/// Execution domains: Linux, and the flags that are harmless (`UNAME26`, `PER_LINUX32`); all ones asks only.
const PERSONALITIES: [u64; 5] = [0x0, 0x0008, 0x2_0000, 0x2_0008, 0xffff_ffff];

const NEW_NAMESPACES: u64 = (libc::CLONE_NEWNS
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWCGROUP) as u64;

/// The profile for a container with these capabilities.
pub(super) fn rules(capabilities: &Capabilities) -> Rules {
    let mut list = vec![allow(&ALWAYS.join(" "), Vec::new())];
    list.extend(families().map(|comparison| allow("socket", vec![comparison])));
    list.extend(PERSONALITIES.map(|value| allow("personality", vec![Comparison::new(0, Op::Eq, value)])));
    list.extend(WITH.iter().filter(|(c, _)| capabilities.contains(c)).map(|(_, names)| allow(names, Vec::new())));
    if !capabilities.contains(&Capability::SysAdmin) {
        let no_namespaces = Comparison::new(0, Op::MaskedEq { mask: NEW_NAMESPACES }, 0);
        list.push(allow("clone", vec![no_namespaces]));
        // Its flags are behind a pointer, where no filter can look. ENOSYS makes the C library fall back to clone.
        list.push(Rule { names: vec!["clone3".to_owned()], action: Action::Errno(38), arguments: Vec::new() });
    }
    Rules { default: Action::Errno(1), list }
}

/// Everything below the first refused family at once, the rest one by one.
fn families() -> impl Iterator<Item = Comparison> {
    let first = REFUSED_FAMILIES[0];
    let rest = (first..=LAST_FAMILY).filter(|family| !REFUSED_FAMILIES.contains(family));
    [Comparison::new(0, Op::Lt, first)].into_iter().chain(rest.map(|family| Comparison::new(0, Op::Eq, family)))
}

fn allow(names: &str, arguments: Vec<Comparison>) -> Rule {
    Rule { names: names.split_whitespace().map(str::to_owned).collect(), action: Action::Allow, arguments }
}
