//! Unix sockets.

use super::call::{Errno, Result, call, retry};
use super::fd::{AsFd, OwnedFd};
use core::ffi::CStr;

const UNIX: usize = 1;
const STREAM: usize = 1;
const SEQPACKET: usize = 5;
const CLOEXEC: usize = 0o2000000;
const NONBLOCK: usize = 0o4000;
const MSG_DONTWAIT: usize = 0x40;
const MSG_NOSIGNAL: usize = 0x4000;
const MSG_CMSG_CLOEXEC: usize = 0x4000_0000;

#[repr(C)]
struct Address {
    family: u16,
    path: [u8; 108],
}

#[repr(C)]
struct IoVec {
    base: *mut u8,
    length: usize,
}

#[repr(C)]
struct MessageHeader {
    name: usize,
    name_length: usize,
    vectors: *mut IoVec,
    vector_count: usize,
    control: *mut ControlMessage,
    control_length: usize,
    flags: usize,
}

/// A `struct cmsghdr` with room for one descriptor.
#[repr(C)]
#[derive(Default)]
struct ControlMessage {
    length: usize,
    level: i32,
    kind: i32,
    descriptor: i32,
    pad: i32,
}

/// `struct cmsghdr` and one `int`.
const CONTROL_LENGTH: usize = 20;

/// Two connected sockets that keep message boundaries; closed at `execve`.
pub fn message_pair() -> Result<(OwnedFd, OwnedFd)> {
    let mut ends = [-1i32; 2];
    // SAFETY: the kernel writes two numbers.
    unsafe { call!(SOCKETPAIR, UNIX, SEQPACKET | CLOEXEC, 0, ends.as_mut_ptr()) }?;
    // SAFETY: both are new.
    Ok(unsafe { (OwnedFd::adopt(ends[0]), OwnedFd::adopt(ends[1])) })
}

/// Listens on a path, which must not exist.
pub fn listen(path: &CStr) -> Result<OwnedFd> {
    let bytes = path.to_bytes();
    let mut address = Address { family: 1, path: [0; 108] };
    // One byte stays NUL.
    let slot = address.path.get_mut(..bytes.len()).filter(|slot| slot.len() < 108).ok_or(Errno::ENAMETOOLONG)?;
    slot.copy_from_slice(bytes);
    // SAFETY: no memory is involved.
    let socket = OwnedFd::from_result(unsafe { call!(SOCKET, UNIX, STREAM | CLOEXEC | NONBLOCK, 0) }?)?;
    // SAFETY: `address` is a `struct sockaddr_un` of the length that is passed, and is only read.
    unsafe { call!(BIND, socket.fd().arg(), &raw const address, size_of::<Address>()) }?;
    // SAFETY: no memory is involved.
    unsafe { call!(LISTEN, socket.fd().arg(), 128) }?;
    Ok(socket)
}

/// The next connection, non-blocking.
pub fn accept(listener: impl AsFd) -> Result<OwnedFd> {
    // SAFETY: no address is asked for.
    retry(|| unsafe { call!(ACCEPT4, listener.fd().arg(), 0, 0, CLOEXEC | NONBLOCK) }).and_then(OwnedFd::from_result)
}

/// Sends what fits now.
pub fn send(socket: impl AsFd, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the kernel reads at most `len` bytes of this slice.
    retry(|| unsafe {
        call!(SENDTO, socket.fd().arg(), bytes.as_ptr(), bytes.len(), MSG_DONTWAIT | MSG_NOSIGNAL, 0, 0)
    })
}

/// Receives what is there now; 0 is the end.
pub fn receive(socket: impl AsFd, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the kernel writes at most `len` bytes into this buffer.
    retry(|| unsafe { call!(RECVFROM, socket.fd().arg(), buffer.as_mut_ptr(), buffer.len(), MSG_DONTWAIT, 0, 0) })
}

/// Sends one message, waiting for room, with or without a descriptor.
pub fn send_message(socket: impl AsFd, bytes: &[u8], descriptor: Option<&OwnedFd>) -> Result<()> {
    let mut control = ControlMessage { length: CONTROL_LENGTH, level: 1, kind: 1, descriptor: -1, pad: 0 };
    // The kernel does not write through `base` when sending.
    let mut vector = IoVec { base: bytes.as_ptr().cast_mut(), length: bytes.len() };
    let mut header = MessageHeader {
        name: 0,
        name_length: 0,
        vectors: &raw mut vector,
        vector_count: 1,
        control: core::ptr::null_mut(),
        control_length: 0,
        flags: 0,
    };
    if let Some(descriptor) = descriptor {
        control.descriptor = descriptor.raw();
        header.control = &raw mut control;
        header.control_length = size_of::<ControlMessage>();
    }
    // SAFETY: the header, its vector and its control message live on this stack frame and have the kernel's layout.
    retry(|| unsafe { call!(SENDMSG, socket.fd().arg(), &raw const header, MSG_NOSIGNAL) }).map(drop)
}

/// Receives one message; with it a descriptor, if one came. Length 0 is the end.
pub fn receive_message(socket: impl AsFd, buffer: &mut [u8], wait: bool) -> Result<(usize, Option<OwnedFd>)> {
    let mut control = ControlMessage::default();
    let mut vector = IoVec { base: buffer.as_mut_ptr(), length: buffer.len() };
    let mut header = MessageHeader {
        name: 0,
        name_length: 0,
        vectors: &raw mut vector,
        vector_count: 1,
        control: &raw mut control,
        control_length: size_of::<ControlMessage>(),
        flags: 0,
    };
    let flags = MSG_CMSG_CLOEXEC | if wait { 0 } else { MSG_DONTWAIT };
    // SAFETY: as in `send_message`; the kernel writes into the buffer, the control message and the header only.
    let length = retry(|| unsafe { call!(RECVMSG, socket.fd().arg(), &raw mut header, flags) })?;
    let came = header.control_length >= CONTROL_LENGTH
        && control.length == CONTROL_LENGTH
        && (control.level, control.kind) == (1, 1)
        && control.descriptor >= 0;
    // SAFETY: SCM_RIGHTS gave this process a new descriptor.
    Ok((length, came.then(|| unsafe { OwnedFd::adopt(control.descriptor) })))
}

/// Brings `lo` of this network namespace up. Any socket will do to ask.
pub fn bring_up_loopback() -> Result<()> {
    const SIOCSIFFLAGS: usize = 0x8914;
    const UP: u16 = 1;
    #[repr(C)]
    struct InterfaceRequest {
        name: [u8; 16],
        flags: u16,
        rest: [u8; 22],
    }
    // SAFETY: no memory is involved.
    let socket = OwnedFd::from_result(unsafe { call!(SOCKET, UNIX, STREAM | CLOEXEC, 0) }?)?;
    let mut request = InterfaceRequest { name: [0; 16], flags: UP, rest: [0; 22] };
    request.name[..2].copy_from_slice(b"lo");
    // SAFETY: `request` is a `struct ifreq` (40 bytes), which the kernel reads.
    unsafe { call!(IOCTL, socket.fd().arg(), SIOCSIFFLAGS, &raw const request) }.map(drop)
}
