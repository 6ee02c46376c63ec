//! Any bytes as a request, and only the head of what comes back: for requests that no well-behaved client makes, and
//! for answers that never end.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long an answer's head may take: a `stop` waits ten seconds by itself.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends these bytes, reads until an answer's head is whole, and hangs up. The status, or what came instead.
///
/// # Errors
/// When there is no answer, or not in time.
pub fn probe(socket: &Path, request: &[u8]) -> Result<u16, String> {
    let mut stream = UnixStream::connect(socket).map_err(|error| format!("connect: {error}"))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    stream.set_write_timeout(Some(PATIENCE)).map_err(|error| error.to_string())?;
    // The daemon may refuse before it has read everything; its answer counts.
    let sent = stream.write_all(request);
    let mut seen = Vec::new();
    let mut piece = [0; 4096];
    loop {
        if let Some(status) = status(&mut seen) {
            return Ok(status);
        }
        match stream.read(&mut piece) {
            Ok(0) => return Err(format!("hung up (sent: {sent:?}) after {:?}", String::from_utf8_lossy(&seen))),
            Ok(n) => seen.extend_from_slice(&piece[..n]),
            // A child of another test has ended.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(format!("{error} after {:?}", String::from_utf8_lossy(&seen))),
        }
    }
}

/// The status of the first final head; `100 Continue` is not one.
fn status(seen: &mut Vec<u8>) -> Option<u16> {
    loop {
        let end = seen.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let status = String::from_utf8_lossy(&seen[..end]).split_whitespace().nth(1).and_then(|word| word.parse().ok());
        if status != Some(100) {
            return Some(status.unwrap_or(0));
        }
        seen.drain(..end);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_final_status_counts() {
        assert_eq!(status(&mut b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n".to_vec()), Some(204));
        assert_eq!(status(&mut b"HTTP/1.1 101 UPGRADED\r\n\r\nx".to_vec()), Some(101));
        assert_eq!(status(&mut b"HTTP/1.1 200 OK\r\nA: b\r\n".to_vec()), None);
    }
}
