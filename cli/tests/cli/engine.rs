//! An engine for tests: HTTP on a unix socket, one thread a connection, answers from a function of the test's.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::Value;

/// What the program asked for.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the version.
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) version: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Request {
    pub(crate) fn line(&self) -> String {
        let question = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{question}{}", self.method, self.path, self.query)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The connection of one request, on which the test answers.
pub(crate) struct Connection {
    stream: UnixStream,
    head: bool,
}

impl Connection {
    pub(crate) fn json(&mut self, status: u16, body: Value) {
        self.answer(status, "application/json", body.to_string().as_bytes());
    }

    pub(crate) fn empty(&mut self, status: u16) {
        self.answer(status, "text/plain", b"");
    }

    pub(crate) fn answer(&mut self, status: u16, kind: &str, body: &[u8]) {
        let head = format!(
            "HTTP/1.1 {status} X\r\nApi-Version: 1.51\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        if !self.head {
            self.stream.write_all(body).unwrap();
        }
    }

    /// Only the headers; the body comes by [`Self::chunk`] and ends with the connection.
    pub(crate) fn begin(&mut self, kind: &str) {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n");
        self.stream.write_all(head.as_bytes()).unwrap();
    }

    pub(crate) fn chunk(&mut self, bytes: &[u8]) {
        write!(self.stream, "{:x}\r\n", bytes.len()).unwrap();
        self.stream.write_all(bytes).unwrap();
        self.stream.write_all(b"\r\n").unwrap();
    }

    pub(crate) fn end(&mut self) {
        self.stream.write_all(b"0\r\n\r\n").unwrap();
    }

    /// The connection as a stream in both directions.
    pub(crate) fn upgrade(&mut self, multiplexed: bool) -> UnixStream {
        let kind = if multiplexed { "multiplexed" } else { "raw" };
        let head = format!(
            "HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.{kind}-stream\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"
        );
        self.stream.write_all(head.as_bytes()).unwrap();
        self.stream.try_clone().unwrap()
    }
}

/// The engine, until it is dropped.
pub(crate) struct Engine {
    dir: tempfile::TempDir,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Engine {
    pub(crate) fn start(answer: impl Fn(&Request, &mut Connection) + Send + Sync + 'static) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (log, answer) = (Arc::clone(&log), Arc::clone(&answer));
                std::thread::spawn(move || {
                    let stream = stream.unwrap();
                    let Some(request) = read_request(&stream) else { return };
                    let mut connection = Connection { stream, head: request.method == "HEAD" };
                    if request.path == "/_ping" {
                        return connection.answer(200, "text/plain", b"OK");
                    }
                    log.lock().unwrap().push(request.clone());
                    answer(&request, &mut connection);
                });
            }
        });
        Self { dir, requests }
    }

    pub(crate) fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub(crate) fn dir(&self) -> &std::path::Path {
        self.dir.path()
    }

    pub(crate) fn hull(&self, args: &[&str]) -> Command {
        let mut command = hull();
        command.arg("-H").arg(format!("unix://{}", self.socket().display())).args(args);
        command
    }

    /// Runs to the end, without input.
    pub(crate) fn output(&self, args: &[&str]) -> Ran {
        Ran::from(self.hull(args).stdin(Stdio::null()).output().unwrap())
    }

    /// The lines of all requests so far, but for pings.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.requests.lock().unwrap().iter().map(Request::line).collect()
    }

    pub(crate) fn request(&self, index: usize) -> Request {
        self.requests.lock().unwrap()[index].clone()
    }
}

/// The program, cut off from this machine's settings.
pub(crate) fn hull() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hull"));
    for name in ["HULL_HOST", "DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH", "DOCKER_API_VERSION"] {
        command.env_remove(name);
    }
    command
}

/// How a run of the program ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

fn read_request(stream: &UnixStream) -> Option<Request> {
    // Unbuffered beyond the body: what follows belongs to the upgraded stream.
    let mut reader = BufReader::with_capacity(1, stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
    let mut parts = line.split(' ');
    let method = parts.next()?.to_owned();
    let target = parts.next()?.to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        headers.push((name.to_owned(), value.trim().to_owned()));
    }
    let header = |name: &str| headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.clone());
    let mut body = Vec::new();
    if header("transfer-encoding").is_some() {
        loop {
            let mut size = String::new();
            reader.read_line(&mut size).ok()?;
            let size = usize::from_str_radix(size.trim(), 16).ok()?;
            let mut chunk = vec![0; size + 2];
            reader.read_exact(&mut chunk).ok()?;
            if size == 0 {
                break;
            }
            body.extend_from_slice(&chunk[..size]);
        }
    } else if let Some(length) = header("content-length") {
        body = vec![0; length.parse().ok()?];
        reader.read_exact(&mut body).ok()?;
    }
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (version, path) = match path.strip_prefix("/v").and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) => (version.to_owned(), format!("/{rest}")),
        None => (String::new(), path.to_owned()),
    };
    Some(Request { method, path, query: query.to_owned(), version, headers, body })
}
