//! The journal's socket: one datagram a message, or one with a descriptor of a sealed memory file for long ones.

use rustix::fs::{MemfdFlags, SealFlags};
use rustix::io::Errno;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use tokio::io::Interest;
use tokio::net::UnixDatagram;

/// A way to the journal, connected when it is needed.
#[derive(Debug)]
pub(in crate::logs) struct Journal {
    path: PathBuf,
    socket: Option<UnixDatagram>,
}

impl Journal {
    pub(in crate::logs) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), socket: None }
    }

    /// Somebody listens there.
    pub(in crate::logs) fn is_there(path: &Path) -> bool {
        std::os::unix::net::UnixDatagram::unbound().is_ok_and(|socket| socket.connect(path).is_ok())
    }

    /// Sends a message; waits while the journal is busy.
    pub(in crate::logs) async fn send(&mut self, message: &[u8]) -> io::Result<()> {
        let result = self.try_send(message).await;
        if result.is_err() {
            // It may be restarted: the next one goes to whoever listens then.
            self.socket = None;
        }
        result
    }

    async fn try_send(&mut self, message: &[u8]) -> io::Result<()> {
        let socket = match &mut self.socket {
            Some(socket) => socket,
            none => {
                let socket = UnixDatagram::unbound()?;
                socket.connect(&self.path)?;
                none.insert(socket)
            }
        };
        match socket.send(message).await {
            Err(error) if is_too_long(&error) => {}
            sent => return sent.map(drop),
        }
        let file = sealed(message)?;
        socket.async_io(Interest::WRITABLE, || send_file(socket, &file)).await
    }
}

fn is_too_long(error: &io::Error) -> bool {
    [Errno::MSGSIZE, Errno::NOBUFS].iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}

/// The journal takes only files that nobody can change while it reads.
fn sealed(message: &[u8]) -> io::Result<File> {
    let mut file = File::from(rustix::fs::memfd_create("journal", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?);
    file.write_all(message)?;
    rustix::fs::fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file)
}

fn send_file(socket: &UnixDatagram, file: &File) -> io::Result<()> {
    let descriptors = [file.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    control.push(SendAncillaryMessage::ScmRights(&descriptors));
    let nothing: [IoSlice<'_>; 0] = [];
    sendmsg(socket, &nothing, &mut control, SendFlags::NOSIGNAL)?;
    Ok(())
}
