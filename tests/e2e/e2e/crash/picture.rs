//! Images of a client's own: imported, removed and loaded again, and each whole whenever it was told to be there.

use super::chance::Chance;
use super::wire::{Answer, Wire};
use hull_test_support::Reply;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{Cursor, Read};

/// How many images one has at a time.
const MOST: usize = 3;

/// One image with one layer that nobody else has.
struct Picture {
    name: String,
    /// What `import` made, as its answer or `inspect` told.
    id: String,
    content: Vec<u8>,
    /// `None`: it is there. Else it was removed, and this is what `save` gave before.
    removed: Option<Vec<u8>>,
}

/// The images of one client.
pub(super) struct Shelf {
    wire: Wire,
    owner: String,
    /// An archive that everybody loads again and again, while containers of its image are made.
    shared: Vec<u8>,
    mine: Vec<Picture>,
    born: usize,
}

impl Shelf {
    pub(super) fn new(wire: Wire, owner: usize, shared: Vec<u8>) -> Self {
        Self { wire, owner: format!("i{owner}"), shared, mine: Vec::new(), born: 0 }
    }

    /// How many were to be imported.
    pub(super) fn born(&self) -> usize {
        self.born
    }

    /// One thing at random.
    pub(super) fn step(&mut self, chance: &mut Chance) {
        if self.mine.is_empty() || (self.mine.len() < MOST && chance.one_in(3)) {
            self.born += 1;
            let name = format!("{}:{}", self.owner, self.born);
            return self.mine.extend(Picture::import(&self.wire, name, chance));
        }
        if chance.one_in(5) {
            return self.load_shared();
        }
        let which = chance.below(self.mine.len());
        let picture = &mut self.mine[which];
        match (chance.below(4), picture.removed.is_some()) {
            (0, true) => drop(self.mine.swap_remove(which)),
            (_, true) => picture.load(&self.wire),
            (0, false) => picture.remove(&self.wire),
            _ => picture.check(&self.wire),
        }
    }

    pub(super) fn check_all(&self) {
        self.mine.iter().for_each(|picture| picture.check(&self.wire));
    }

    pub(super) fn remove_all(&mut self) {
        for mut picture in self.mine.drain(..) {
            picture.remove(&self.wire);
        }
    }

    fn load_shared(&self) {
        if let Answer::Said(reply) = self.wire.send("POST", "/images/load", &self.shared) {
            told("load what is there", &reply);
        }
    }
}

impl Picture {
    /// `None` if the daemon died and it was not made.
    fn import(wire: &Wire, name: String, chance: &mut Chance) -> Option<Self> {
        let length = 1 << (10 + chance.below(10));
        let content = chance.bytes(length);
        let path = format!("/images/create?fromSrc=-&repo={}", name.replacen(':', "&tag=", 1));
        let id = match wire.send("POST", &path, &layer(&content)) {
            Answer::Said(reply) => {
                let text = told(&format!("import {name}"), &reply);
                text.lines().rev().find_map(|line| {
                    let line: Value = serde_json::from_str(line).ok()?;
                    line["status"].as_str().filter(|status| status.starts_with("sha256:")).map(str::to_owned)
                })
            }
            Answer::Lost => inspect(wire, &name),
        }?;
        let picture = Self { name, id, content, removed: None };
        picture.check(wire);
        Some(picture)
    }

    /// What was told holds, down to the last byte of its layer.
    fn check(&self, wire: &Wire) {
        let found = inspect(wire, &self.name);
        let wanted = self.removed.is_none().then(|| self.id.clone());
        assert_eq!(found, wanted, "the id of {}", self.name);
        if self.removed.is_none() {
            let whole = is_whole(&self.save(wire), &self.content);
            assert_eq!(whole, Ok(()), "what was saved of {}", self.name);
        }
    }

    fn save(&self, wire: &Wire) -> Vec<u8> {
        let reply = wire.ask("GET", &format!("/images/{}/get", self.name));
        assert_eq!(reply.status, 200, "save {}: {}", self.name, reply.message());
        reply.body
    }

    fn remove(&mut self, wire: &Wire) {
        if self.removed.is_some() {
            return;
        }
        let archive = self.save(wire);
        let reply = wire.ask("DELETE", &format!("/images/{}", self.name));
        // 404: the answer that was lost had it removed.
        assert!([200, 404].contains(&reply.status), "remove {}: {} {}", self.name, reply.status, reply.message());
        self.removed = Some(archive);
        self.check(wire);
    }

    fn load(&mut self, wire: &Wire) {
        let Some(archive) = &self.removed else { return };
        let there = match wire.send("POST", "/images/load", archive) {
            Answer::Said(reply) => {
                told(&format!("load {}", self.name), &reply);
                true
            }
            Answer::Lost => inspect(wire, &self.name).is_some(),
        };
        if there {
            self.removed = None;
        }
        self.check(wire);
    }
}

/// The id of what has this name.
fn inspect(wire: &Wire, name: &str) -> Option<String> {
    let reply = wire.ask("GET", &format!("/images/{name}/json"));
    assert!([200, 404].contains(&reply.status), "inspect {name}: {} {}", reply.status, reply.message());
    reply.json()["Id"].as_str().map(str::to_owned)
}

/// The messages of an answer that came whole; an error among them is a failure.
fn told(what: &str, reply: &Reply) -> String {
    let text = String::from_utf8_lossy(&reply.body).into_owned();
    assert!(reply.status == 200 && !text.contains("errorDetail"), "{what}: {} {text}", reply.status);
    text
}

/// A root file system with one file.
fn layer(content: &[u8]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    archive.append_data(&mut header, "content", content).expect("memory takes it");
    archive.into_inner().expect("memory takes it")
}

/// Every blob of a saved archive is what its name says, and with `content` one of them is the layer that has it.
pub(super) fn is_whole(archive: &[u8], content: &[u8]) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let mut blobs = 0;
    let mut found = content.is_empty();
    for entry in tar::Archive::new(Cursor::new(archive)).entries().map_err(failed)? {
        let mut entry = entry.map_err(failed)?;
        let path = entry.path().map_err(failed)?.display().to_string();
        let Some(name) = path.strip_prefix("blobs/sha256/").filter(|name| !name.is_empty()).map(str::to_owned) else {
            continue;
        };
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).map_err(failed)?;
        if hex(&Sha256::digest(&bytes)) != name {
            return Err(format!("the blob {name} has other bytes ({})", bytes.len()));
        }
        blobs += 1;
        // Behind the one header of the layer's tar.
        found |= bytes.get(512..512 + content.len()) == Some(content);
    }
    match (blobs, found) {
        (0, _) => Err(format!("no blobs in {} bytes", archive.len())),
        (_, false) => Err("no layer with the content".to_owned()),
        _ => Ok(()),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap_or_default();
        text
    })
}
