//! Many containers: made in sequence and all at once, listed, measured, removed.

use super::client::Client;
use super::engines::Engine;
use super::samples::Samples;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::path::Path;
use std::thread;
use std::time::Instant;

/// How many at a time go over their own connections, as `docker rm -f` and `docker stats` do with many.
const AT_ONCE: usize = 50;
/// How often a quick call is measured.
const LOOKS: usize = 10;

/// One size of a fleet and the names of its rows.
struct Fleet {
    count: usize,
    sequence: &'static str,
    list: &'static str,
    stats: &'static str,
    remove: &'static str,
    together: &'static str,
}

const FLEETS: [Fleet; 2] = [
    Fleet {
        count: 50,
        sequence: "50 containers without network, create+start in sequence, s",
        list: "list of 50 running, ms",
        stats: "one-shot stats of 50, s",
        remove: "`rm -f` of 50, s",
        together: "50 containers without network, create+start at once, s",
    },
    Fleet {
        count: 200,
        sequence: "200 containers without network, create+start in sequence, s",
        list: "list of 200 running, ms",
        stats: "one-shot stats of 200, s",
        remove: "`rm -f` of 200, s",
        together: "200 containers without network, create+start at once, s",
    },
];

/// One sample of each row; the image is there already.
///
/// # Errors
/// When the engine refuses something.
pub(crate) fn round(engine: &Engine, samples: &mut Samples) -> Result<()> {
    let (name, socket) = (engine.name(), engine.socket());
    for fleet in &FLEETS {
        let mut client = Client::new(socket);
        let start = Instant::now();
        let ids = (0..fleet.count).map(|_| run(&mut client)).collect::<Result<Vec<_>>>();
        let ids = ids.with_context(|| format!("{name}: {}", fleet.sequence))?;
        samples.add(name, fleet.sequence, start.elapsed().as_secs_f64());
        for _ in 0..LOOKS {
            let start = Instant::now();
            client.call("GET", "/v1.41/containers/json", &Value::Null)?;
            samples.add(name, fleet.list, start.elapsed().as_secs_f64() * 1000.0);
        }
        let stats = |client: &mut Client, id: &String| {
            let path = format!("/v1.41/containers/{id}/stats?stream=false&one-shot=true");
            client.call("GET", &path, &Value::Null).map(drop)
        };
        samples.add(name, fleet.stats, each(socket, &ids, stats)?);
        let remove = |client: &mut Client, id: &String| {
            client.call("DELETE", &format!("/v1.41/containers/{id}?force=true"), &Value::Null).map(drop)
        };
        samples.add(name, fleet.remove, each(socket, &ids, remove)?);

        let start = Instant::now();
        let ids = at_once(socket, &vec![(); fleet.count], |client, ()| run(client));
        let ids = ids.with_context(|| format!("{name}: {}", fleet.together))?;
        samples.add(name, fleet.together, start.elapsed().as_secs_f64());
        each(socket, &ids, remove)?;
    }
    Ok(())
}

/// Creates and starts one; its id.
fn run(client: &mut Client) -> Result<String> {
    let body = json!({"Image": "bench:latest", "Cmd": ["/bin/sleep", "100000"], "HostConfig": {"NetworkMode": "none"}});
    let created = client.json("POST", "/v1.41/containers/create", &body)?;
    let id = created["Id"].as_str().context("no container id")?.to_owned();
    client.call("POST", &format!("/v1.41/containers/{id}/start"), &Value::Null)?;
    Ok(id)
}

/// Seconds that this takes for all of them.
fn each(socket: &Path, ids: &[String], work: impl Fn(&mut Client, &String) -> Result<()> + Sync) -> Result<f64> {
    let start = Instant::now();
    at_once(socket, ids, work)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Does it for all, on several connections.
fn at_once<I: Sync, T: Send>(
    socket: &Path,
    items: &[I],
    work: impl Fn(&mut Client, &I) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let work = &work;
    let share = |items: &[I]| {
        let mut client = Client::new(socket);
        items.iter().map(|item| work(&mut client, item)).collect::<Result<Vec<T>>>()
    };
    let share = &share;
    thread::scope(|scope| {
        let size = items.len().div_ceil(AT_ONCE).max(1);
        let threads: Vec<_> = items.chunks(size).map(|items| scope.spawn(move || share(items))).collect();
        let mut all = Vec::with_capacity(items.len());
        for thread in threads {
            let done = thread.join().map_err(|_| anyhow::anyhow!("a thread of the benchmark panicked"))?;
            all.extend(done?);
        }
        Ok(all)
    })
}
