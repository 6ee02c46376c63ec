//! Questions about sockets that no safe wrapper asks.

use crate::sys::socket;
use std::io;
use std::os::fd::AsFd;

/// Whether the peer of a unix socket has yet to read something that was written to it.
///
/// # Errors
/// When this is no socket.
pub fn has_unread(socket: impl AsFd) -> io::Result<bool> {
    Ok(socket::unread(socket.as_fd())? > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_was_written_is_unread_until_the_peer_reads_it() {
        let (mut ours, mut theirs) = UnixStream::pair().unwrap();
        assert!(!has_unread(&ours).unwrap());
        ours.write_all(b"head").unwrap();
        assert!(has_unread(&ours).unwrap());
        let mut buffer = [0; 4];
        theirs.read_exact(&mut buffer[..2]).unwrap();
        assert!(has_unread(&ours).unwrap(), "half of it is left");
        theirs.read_exact(&mut buffer[2..]).unwrap();
        assert!(!has_unread(&ours).unwrap());
    }
}
