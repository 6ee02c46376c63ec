//! The `syscall` instruction, and what every wrapper needs to read its result.

use core::arch::asm;
use core::fmt;

/// An error number of the kernel, positive.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Errno(pub i32);

/// What a system call gives.
pub type Result<T> = core::result::Result<T, Errno>;

macro_rules! errnos {
    ($($name:ident = $value:literal),* $(,)?) => {
        impl Errno {
            $(#[doc = stringify!($name)] pub const $name: Self = Self($value);)*
        }
    };
}

errnos! {
    EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENOEXEC = 8, EBADF = 9, ECHILD = 10, EAGAIN = 11,
    ENOMEM = 12, EACCES = 13, EEXIST = 17, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, EMFILE = 24,
    ENOTTY = 25, ENOSPC = 28, EPIPE = 32, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ELOOP = 40, EPROTO = 71,
    EOPNOTSUPP = 95, ENODATA = 61, ESTALE = 116, EALREADY = 114, E2BIG = 7, EBUSY = 16,
}

impl fmt::Debug for Errno {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "errno {}", self.0)
    }
}

/// Numbers of the calls that are used (x86_64).
pub(super) mod nr {
    macro_rules! numbers {
        ($($name:ident $value:literal),* $(,)?) => { $(pub(in crate::sys) const $name: usize = $value;)* };
    }
    numbers! {
        READ 0, WRITE 1, CLOSE 3, LSEEK 8, PREAD64 17, MMAP 9, MUNMAP 11, RT_SIGACTION 13, RT_SIGPROCMASK 14, IOCTL 16,
        MADVISE 28, SENDTO 44, SENDMSG 46, RECVMSG 47, SOCKET 41, BIND 49, LISTEN 50, SOCKETPAIR 53,
        EXECVE 59, FCNTL 72, FLOCK 73, FTRUNCATE 77, GETCWD 79, FCHDIR 81, FCHMOD 91, UMASK 95, SETSID 112, SETGROUPS 116,
        SETRESUID 117, SETRESGID 119, CAPSET 126, PIVOT_ROOT 155, PRCTL 157, MOUNT 165, UMOUNT2 166, SETHOSTNAME 170,
        SETDOMAINNAME 171, FSETXATTR 190, FGETXATTR 193, FLISTXATTR 196, GETDENTS64 217, CLOCK_GETTIME 228,
        EXIT_GROUP 231, EPOLL_WAIT 232, EPOLL_CTL 233, WAITID 247, MKDIRAT 258, MKNODAT 259, FCHOWNAT 260,
        NEWFSTATAT 262, UNLINKAT 263, RENAMEAT 264, SYMLINKAT 266, READLINKAT 267, FACCESSAT 269, UNSHARE 272,
        UTIMENSAT 280, ACCEPT4 288, SIGNALFD4 289, EPOLL_CREATE1 291, DUP3 292, PIPE2 293, PRLIMIT64 302, SETNS 308,
        SECCOMP 317, STATX 332, PIDFD_SEND_SIGNAL 424, OPEN_TREE 428, MOVE_MOUNT 429, CLONE3 435,
        CLOSE_RANGE 436, OPENAT2 437, MOUNT_SETATTR 442, SENDFILE 40, GETPID 39, RECVFROM 45, FSTATFS 138,
        CLONE 56, KILL 62, SETPGID 109, RT_SIGTIMEDWAIT 128, CHROOT 161, EXECVEAT 322,
    }
}

/// One system call with six arguments; unused ones are 0.
///
/// # Safety
/// The arguments must be what the kernel expects of this call: pointers valid for what it reads and writes, and a
/// call that does not take away memory or descriptors that others rely on.
#[inline(always)]
pub(super) unsafe fn syscall(number: usize, arguments: [usize; 6]) -> Result<usize> {
    let [a, b, c, d, e, f] = arguments;
    let result: isize;
    // SAFETY: the caller vouches for the arguments; the instruction itself clobbers only rax, rcx and r11.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e, in("r9") f,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    if (-4095..0).contains(&result) {
        Err(Errno(i32::try_from(-result).unwrap_or(0)))
    } else {
        Ok(result.cast_unsigned())
    }
}

/// `call!(NUMBER, arguments...)` for arguments that convert to a register with `as`.
macro_rules! call {
    ($number:ident $(, $argument:expr)* $(,)?) => {{
        let given: &[usize] = &[$($argument as usize),*];
        let arguments: [usize; 6] = ::core::array::from_fn(|place| given.get(place).copied().unwrap_or(0));
        $crate::sys::call::syscall($crate::sys::call::nr::$number, arguments)
    }};
}
pub(super) use call;

/// Repeats a call that a signal interrupted. All signals are blocked here, but a tracer can still cause it.
pub(super) fn retry<T>(mut once: impl FnMut() -> Result<T>) -> Result<T> {
    loop {
        match once() {
            Err(Errno::EINTR) => {}
            other => return other,
        }
    }
}
