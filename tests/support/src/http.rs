//! One request over the daemon's unix socket, with a client so small that it hides nothing.

use serde_json::Value;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header lines as they came.
    pub headers: Vec<(String, String)>,
    /// The body's bytes, chunks joined.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or(Value::Null)
    }

    /// `message` of an error.
    pub fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }

    /// Whether all of the body that was announced is there.
    fn is_whole(&self) -> bool {
        let announced = self.header("content-length").and_then(|length| length.parse().ok());
        announced.is_none_or(|length: usize| self.body.len() == length)
    }

    /// A header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// One request on a connection of its own.
///
/// # Errors
/// When there is no answer, or only a part of one: the daemon may have died meanwhile.
pub fn request(socket: &Path, method: &str, path: &str, body: &[u8]) -> std::io::Result<Reply> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n",
        body.len()
    )?;
    stream.write_all(body)?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    let reply = parse(&raw).filter(|reply| method == "HEAD" || reply.is_whole());
    reply.ok_or_else(|| std::io::Error::other(format!("no HTTP answer to {method} {path}: {raw:?}")))
}

/// Sends a request with `Connection: Upgrade`; the answer's head and the connection after it.
pub(crate) fn upgrade(
    socket: &Path,
    request: &str,
    headers: &str,
    body: &str,
) -> std::io::Result<(String, UnixStream)> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    write!(
        stream,
        "{request} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nContent-Type: application/json\r\nContent-Length: {}\r\n{headers}\r\n{body}",
        body.len()
    )?;
    let mut head = Vec::new();
    // Byte by byte: what follows the head is the stream's.
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    Ok((String::from_utf8_lossy(&head).into_owned(), stream))
}

fn parse(raw: &[u8]) -> Option<Reply> {
    let end = raw.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&raw[..end]);
    let mut lines = head.lines();
    let status = lines.next()?.split_whitespace().nth(1)?.parse().ok()?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()))
        .collect();
    let rest = &raw[end + 4..];
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    Some(Reply { status, headers, body: if chunked { join(rest)? } else { rest.to_vec() } })
}

fn join(mut chunks: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = chunks.windows(2).position(|window| window == b"\r\n")?;
        let size = usize::from_str_radix(std::str::from_utf8(&chunks[..line]).ok()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(chunks.get(line + 2..line + 2 + size)?);
        chunks = chunks.get(line + 4 + size..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let reply =
            parse(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n").unwrap();
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"abcde".as_slice()));
    }
}
