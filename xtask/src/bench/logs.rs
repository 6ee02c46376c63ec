//! 200 MB of a container's output: written to its log, read back, and its last lines.

use super::client::Client;
use super::engines::Engine;
use super::samples::Samples;
use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::time::Instant;

const WRITE: &str = "200 MB of log in lines of 93 bytes: written, s";
const READ: &str = "200 MB of log read back, s";
const TAIL: &str = "logs, tail of 10 of 200 MB, ms";

const LENGTH: usize = 200_000_000;
/// How often the quick call is measured.
const LOOKS: usize = 10;

/// One sample of each row; the image is there already.
///
/// # Errors
/// When the engine refuses something, or a part of the log is missing.
pub(crate) fn round(engine: &Engine, samples: &mut Samples) -> Result<()> {
    let name = engine.name();
    let mut client = Client::new(engine.socket());
    let line = "0123456789 the quick brown fox jumps over the lazy dog, and the log grows line by line by li";
    // The first run makes a file of it, the second one is measured: what a program costs that makes output is not.
    let make = format!("busybox yes '{line}' | busybox head -c {LENGTH} > /data");
    let script = format!("if [ -e /data ]; then exec busybox cat /data; fi; {make}");
    let body = json!({
        "Image": "bench:latest",
        "Cmd": ["/bin/busybox", "sh", "-c", script],
        // One file, so that nothing is rotated away.
        "HostConfig": {"NetworkMode": "none", "LogConfig": {"Type": "json-file", "Config": {"max-size": "10g"}}},
        "Env": ["PATH=/bin"],
    });
    let created = client.json("POST", "/v1.41/containers/create", &body)?;
    let id = created["Id"].as_str().context("no container id")?.to_owned();
    let mut seconds = 0.0;
    for _ in 0..2 {
        let start = Instant::now();
        client.call("POST", &format!("/v1.41/containers/{id}/start"), &Value::Null)?;
        client.call("POST", &format!("/v1.41/containers/{id}/wait"), &Value::Null)?;
        seconds = start.elapsed().as_secs_f64();
    }
    samples.add(name, WRITE, seconds);

    let start = Instant::now();
    let logs = format!("/v1.41/containers/{id}/logs?stdout=1&stderr=1");
    let read = client.call("GET", &logs, &Value::Null).with_context(|| format!("{name}: {READ}"))?;
    samples.add(name, READ, start.elapsed().as_secs_f64());
    ensure!(read.len() >= LENGTH, "{name}: of {LENGTH} bytes {} came back, frames included", read.len());
    drop(read);

    for _ in 0..LOOKS {
        let start = Instant::now();
        client.call("GET", &format!("{logs}&tail=10"), &Value::Null)?;
        samples.add(name, TAIL, start.elapsed().as_secs_f64() * 1000.0);
    }
    client.call("DELETE", &format!("/v1.41/containers/{id}?force=true"), &Value::Null).map(drop)
}
