//! The rows that every engine with Docker's API can be measured in.

use super::client::Client;
use super::engines::Engine;
use super::samples::Samples;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::fs;
use std::time::Instant;

/// The first row; the floor and crun have it too.
pub(crate) const CYCLE: &str = "create+start+wait+delete `true`, no network, ms";
const BRIDGE: &str = "the same on the default bridge, ms";
const EXEC: &str = "exec `true`: create, start, inspect, ms";
const INSPECT: &str = "inspect, ms";
const LIST: &str = "list with 1 running, ms";
const STATS: &str = "one-shot stats, ms";
const PING: &str = "ping, ms";
const PRIVATE: &str = "private memory per running container, kB";
const GROWTH: &str = "growth of the daemon per running container, kB";

/// An engine with the image in it and one container running.
pub(crate) struct Api<'a> {
    engine: &'a Engine,
    client: Client,
    resident: String,
}

impl<'a> Api<'a> {
    /// Imports the image and starts the container that inspect, exec and stats are measured on.
    pub(crate) fn prepare(engine: &'a Engine) -> Result<Self> {
        let mut client = Client::new(engine.socket());
        let tar = fs::read(engine.rootfs_tar()).context("the root filesystem's tar")?;
        client.send("POST", "/v1.41/images/create?fromSrc=-&repo=bench&tag=latest", "application/x-tar", &tar)?;
        let mut api = Self { engine, client, resident: String::new() };
        api.resident = api.create("none", &["/bin/sleep", "100000"])?;
        api.post(&format!("/containers/{}/start", api.resident), &Value::Null)?;
        Ok(api)
    }

    /// One sample of each row.
    pub(crate) fn round(&mut self, samples: &mut Samples) -> Result<()> {
        let name = self.engine.name();
        for (row, network) in [(CYCLE, "none"), (BRIDGE, "bridge")] {
            let start = Instant::now();
            self.cycle(network).with_context(|| format!("{name}: {row}"))?;
            samples.add(name, row, milliseconds(start));
        }
        let id = self.resident.clone();
        let start = Instant::now();
        self.exec(&id).with_context(|| format!("{name}: {EXEC}"))?;
        samples.add(name, EXEC, milliseconds(start));
        for (row, path) in [
            (INSPECT, format!("/v1.41/containers/{id}/json")),
            (LIST, "/v1.41/containers/json".to_owned()),
            (STATS, format!("/v1.41/containers/{id}/stats?stream=false&one-shot=true")),
            (PING, "/_ping".to_owned()),
        ] {
            let start = Instant::now();
            self.client.call("GET", &path, &Value::Null).with_context(|| format!("{name}: {row}"))?;
            samples.add(name, row, milliseconds(start));
        }
        Ok(())
    }

    /// What `count` more running containers cost: the private memory of each one's parent (shim or monitor), and the
    /// growth of the daemon.
    pub(crate) fn memory(&mut self, samples: &mut Samples, count: u32) -> Result<()> {
        let before = self.engine.private_kb()?;
        let mut ids = Vec::new();
        for _ in 0..count {
            let id = self.create("none", &["/bin/sleep", "100000"])?;
            self.post(&format!("/containers/{id}/start"), &Value::Null)?;
            ids.push(id);
        }
        for id in &ids {
            let inspected = self.client.json("GET", &format!("/v1.41/containers/{id}/json"), &Value::Null)?;
            let pid = inspected["State"]["Pid"].as_i64().context("no pid")?;
            samples.add(self.engine.name(), PRIVATE, private_kb(parent(pid)?)?);
        }
        let growth = (self.engine.private_kb()? - before) / f64::from(count);
        samples.add(self.engine.name(), GROWTH, growth.max(0.0));
        for id in &ids {
            self.client.call("DELETE", &format!("/v1.41/containers/{id}?force=true"), &Value::Null)?;
        }
        Ok(())
    }

    /// Removes the container that was measured on.
    pub(crate) fn clear(&mut self) -> Result<()> {
        let path = format!("/v1.41/containers/{}?force=true", self.resident);
        self.client.call("DELETE", &path, &Value::Null).map(|_| ())
    }

    fn cycle(&mut self, network: &str) -> Result<()> {
        let id = self.create(network, &["/bin/true"])?;
        self.post(&format!("/containers/{id}/start"), &Value::Null)?;
        let waited = self.post(&format!("/containers/{id}/wait"), &Value::Null)?;
        let waited: Value = serde_json::from_slice(&waited)?;
        anyhow::ensure!(waited["StatusCode"] == 0, "`true` ended with {waited}");
        self.client.call("DELETE", &format!("/v1.41/containers/{id}"), &Value::Null)?;
        Ok(())
    }

    fn exec(&mut self, id: &str) -> Result<()> {
        let body = json!({"Cmd": ["/bin/true"], "AttachStdout": true, "AttachStderr": true});
        let created = self.client.json("POST", &format!("/v1.41/containers/{id}/exec"), &body)?;
        let exec = created["Id"].as_str().context("no exec id")?.to_owned();
        self.post(&format!("/exec/{exec}/start"), &json!({"Detach": false, "Tty": false}))?;
        let inspected = self.client.json("GET", &format!("/v1.41/exec/{exec}/json"), &Value::Null)?;
        anyhow::ensure!(inspected["ExitCode"] == 0, "`true` ended with {inspected}");
        Ok(())
    }

    fn create(&mut self, network: &str, command: &[&str]) -> Result<String> {
        let body = json!({"Image": "bench:latest", "Cmd": command, "HostConfig": {"NetworkMode": network}});
        let created = self.client.json("POST", "/v1.41/containers/create", &body)?;
        Ok(created["Id"].as_str().context("no container id")?.to_owned())
    }

    fn post(&mut self, path: &str, body: &Value) -> Result<Vec<u8>> {
        self.client.call("POST", &format!("/v1.41{path}"), body)
    }
}

fn milliseconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1000.0
}

/// The parent's pid, from `/proc/PID/status`.
fn parent(pid: i64) -> Result<i64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("PPid:")).context("no PPid")?;
    line.trim().parse().context("PPid")
}

/// What a process has for itself alone, in kB: `Private_Clean` + `Private_Dirty` of `smaps_rollup`.
pub(crate) fn private_kb(pid: i64) -> Result<f64> {
    let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let private = rollup.lines().filter(|line| line.starts_with("Private_"));
    Ok(private.filter_map(|line| line.split_whitespace().nth(1)?.parse::<f64>().ok()).sum())
}
