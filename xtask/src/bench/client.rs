//! A keep-alive HTTP/1.1 client over a unix socket, thin enough to add nothing to what is measured.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// One connection, opened again when the server closes it.
pub(crate) struct Client {
    socket: PathBuf,
    stream: Option<BufReader<UnixStream>>,
}

impl Client {
    /// Connects at the first request.
    pub(crate) fn new(socket: &Path) -> Self {
        Self { socket: socket.to_owned(), stream: None }
    }

    /// A request whose answer is a success; its body.
    pub(crate) fn call(&mut self, method: &str, path: &str, body: &Value) -> Result<Vec<u8>> {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.send(method, path, "application/json", &body)
    }

    /// As [`Client::call`], parsed.
    pub(crate) fn json(&mut self, method: &str, path: &str, body: &Value) -> Result<Value> {
        let answer = self.call(method, path, body)?;
        serde_json::from_slice(&answer).with_context(|| format!("{method} {path} does not answer JSON"))
    }

    /// As [`Client::call`], with any body.
    pub(crate) fn send(&mut self, method: &str, path: &str, kind: &str, body: &[u8]) -> Result<Vec<u8>> {
        let context = || format!("{method} {path} on {}", self.socket.display());
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => BufReader::new(connect(&self.socket)?),
        };
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let mut request = head.into_bytes();
        request.extend_from_slice(body);
        stream.get_mut().write_all(&request).with_context(context)?;
        let (status, answer, keep) = answer(&mut stream).with_context(context)?;
        if !(200..400).contains(&status) {
            bail!("{method} {path} answers {status}: {}", String::from_utf8_lossy(&answer).trim());
        }
        if keep {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

fn connect(socket: &Path) -> Result<UnixStream> {
    let stream = UnixStream::connect(socket).with_context(|| format!("cannot connect to {}", socket.display()))?;
    stream.set_read_timeout(Some(Duration::from_secs(60)))?;
    Ok(stream)
}

/// Status, body, and whether the connection can be used again.
fn answer(stream: &mut BufReader<UnixStream>) -> Result<(u16, Vec<u8>, bool)> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let status = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).context("no status line")?;
    let (mut length, mut chunked, mut close) = (None, false, false);
    loop {
        line.clear();
        stream.read_line(&mut line)?;
        let header = line.trim_end().to_ascii_lowercase();
        match header.split_once(':').map(|(name, value)| (name, value.trim())) {
            None => break,
            Some(("content-length", value)) => length = value.parse::<usize>().ok(),
            Some(("transfer-encoding", value)) => chunked = value.contains("chunked"),
            Some(("connection", value)) => close = value.contains("close"),
            Some(_) => {}
        }
    }
    let mut body = Vec::new();
    if chunked {
        while let Some(chunk) = chunk(stream)? {
            body.extend_from_slice(&chunk);
        }
    } else if let Some(length) = length {
        body.resize(length, 0);
        stream.read_exact(&mut body)?;
    } else if ![204, 304].contains(&status) {
        stream.read_to_end(&mut body)?;
        close = true;
    }
    Ok((status, body, !close))
}

fn chunk(stream: &mut BufReader<UnixStream>) -> Result<Option<Vec<u8>>> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    let size = usize::from_str_radix(line.trim(), 16).context("a chunk without a size")?;
    let mut bytes = vec![0; size + 2];
    stream.read_exact(&mut bytes)?;
    bytes.truncate(size);
    Ok((size > 0).then_some(bytes))
}
