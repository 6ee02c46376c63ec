//! What a client was told about one container, and whether it is so.

mod checks;

use super::chance::Chance;
use super::logs;
use super::payload::{ASKED, Payload};
use super::wire::{Answer, Wire};
use hull_test_support::eventually;
use serde_json::{Value, json};
use std::time::Duration;

const KILLED: i64 = 137;
const SOON: Duration = Duration::from_secs(20);

/// What was told last.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Known {
    Created,
    Alive { pid: i64, started: String, paused: bool },
    Over { code: i64, started: String, finished: String },
    Gone,
}

/// One container, as its client knows it.
pub(super) struct Truth {
    wire: Wire,
    name: String,
    id: String,
    payload: Payload,
    auto_remove: bool,
    known: Known,
    /// Runs that were told of; and starts without an answer that seem not to have happened.
    starts: usize,
    maybe: usize,
    /// Ends that let the program finish its lines.
    graceful: usize,
    journal: Vec<String>,
}

impl Truth {
    /// A container with this name, created for sure.
    pub(super) fn create(wire: Wire, name: String, chance: &mut Chance) -> Self {
        let payload = Payload::choose(chance);
        let auto_remove = chance.one_in(5);
        let network = if chance.one_in(3) { "bridge" } else { "none" };
        let volumes = if chance.one_in(4) { json!({"/data": {}}) } else { Value::Null };
        let body = json!({
            "Image": "busybox", "Cmd": ["sh", "-c", payload.script()], "Volumes": volumes,
            "HostConfig": {"NetworkMode": network, "AutoRemove": auto_remove},
        });
        let path = format!("/containers/create?name={name}");
        let id = loop {
            match wire.call("POST", &path, &body) {
                Answer::Said(reply) if reply.status == 201 => break reply.json()["Id"].clone(),
                // Of a request without an answer: it was created after all.
                Answer::Said(reply) if reply.status == 409 => {
                    break wire.ask("GET", &format!("/containers/{name}/json")).json()["Id"].clone();
                }
                Answer::Said(reply) => panic!("create {name}: {} {}", reply.status, reply.message()),
                Answer::Lost => {}
            }
        };
        let id = id.as_str().unwrap_or_default().to_owned();
        assert_eq!(id.len(), 64, "the id of {name}: {id:?}");
        let journal = vec![format!("{name} {id}: {payload:?}, network {network}, auto-remove {auto_remove}")];
        let mut truth = Self {
            wire,
            name,
            id,
            payload,
            auto_remove,
            known: Known::Created,
            starts: 0,
            maybe: 0,
            graceful: 0,
            journal,
        };
        truth.look();
        truth
    }

    pub(super) fn is_alive(&self) -> bool {
        matches!(self.known, Known::Alive { .. })
    }

    pub(super) fn is_gone(&self) -> bool {
        self.known == Known::Gone
    }

    fn is_paused(&self) -> bool {
        matches!(self.known, Known::Alive { paused: true, .. })
    }

    /// Compares with what the engine says now, and learns of an end that came by itself.
    pub(super) fn look(&mut self) {
        let seen = self.inspect();
        if seen == self.known {
            return;
        }
        let itself = self.payload.own_code();
        let fine = match (&self.known, &seen) {
            (Known::Alive { started, .. }, Known::Over { code, started: same, .. }) => {
                itself == Some(*code) && started == same
            }
            (Known::Alive { .. }, Known::Gone) => self.auto_remove && itself.is_some(),
            (Known::Over { .. }, Known::Gone) => self.auto_remove,
            _ => false,
        };
        assert!(fine, "it was {:?} and is {seen:?}\n{}", self.known, self.story());
        if self.is_alive() {
            self.ended(itself.unwrap_or(ASKED), seen);
        } else {
            self.learn("it was removed", seen);
        }
    }

    /// State and log.
    pub(super) fn check(&mut self) {
        self.look();
        if !self.is_gone() {
            self.check_log();
        }
    }

    pub(super) fn start(&mut self) {
        if self.is_paused() {
            return self.pause_or_unpause();
        }
        let before = self.known.clone();
        let path = self.path("start");
        match self.wire.call("POST", &path, &Value::Null) {
            Answer::Said(reply) if reply.status == 304 && self.is_alive() => return,
            // The moment between its end and its removal.
            Answer::Said(reply) if self.auto_remove && self.starts > 0 => {
                assert!([404, 409].contains(&reply.status), "start of a dying one: {}\n{}", reply.status, self.story());
                self.become_gone();
                return;
            }
            Answer::Said(reply) => {
                self.expect("start", &reply, &[204]);
                self.starts += 1;
            }
            Answer::Lost => {
                let seen = self.inspect();
                if seen == before {
                    self.maybe += 1;
                    self.note("start without an answer: not done");
                    return;
                }
                if let Known::Over { code: KILLED, .. } = seen {
                    // The daemon died in the middle of it, and the next one ended what it found.
                    self.maybe += 1;
                    self.learn("start without an answer: ended", seen);
                    return;
                }
                self.starts += 1;
                self.note("start without an answer: done");
            }
        }
        let seen = self.inspect();
        match (&seen, self.payload.own_code()) {
            (Known::Alive { pid, paused: false, .. }, _) if *pid > 0 => self.learn("start", seen),
            (Known::Over { code, .. }, Some(own)) if *code == own => self.ended(own, seen),
            (Known::Gone, Some(own)) if self.auto_remove => self.ended(own, seen),
            _ => panic!("after start: {seen:?}\n{}", self.story()),
        }
    }

    /// SIGTERM, which a counter answers with a last line and its code.
    pub(super) fn stop(&mut self) {
        if self.is_paused() {
            return self.pause_or_unpause();
        }
        self.begun();
        let path = format!("{}?t=30", self.path("stop"));
        let reply = self.wire.ask("POST", &path);
        if !(self.auto_remove && reply.status == 404) {
            self.expect("stop", &reply, &[204, 304]);
        }
        self.over(&[self.payload.own_code().unwrap_or(ASKED)]);
    }

    pub(super) fn kill(&mut self) {
        let reply = self.wire.ask("POST", &self.path("kill"));
        // 409: one of which the answer was lost has done it, or it ended by itself.
        if !(self.auto_remove && reply.status == 404) {
            self.expect("kill", &reply, &[204, 409]);
        }
        self.over(&[KILLED, self.payload.own_code().unwrap_or(KILLED)]);
    }

    pub(super) fn pause_or_unpause(&mut self) {
        if self.payload.own_code().is_some() {
            return;
        }
        let pausing = !self.is_paused();
        let verb = if pausing { "pause" } else { "unpause" };
        match self.wire.call("POST", &self.path(verb), &Value::Null) {
            Answer::Said(reply) => {
                self.expect(verb, &reply, &[204]);
                if let Known::Alive { paused, .. } = &mut self.known {
                    *paused = pausing;
                }
            }
            Answer::Lost => {
                let seen = self.inspect();
                if let (Known::Alive { paused, .. }, Known::Alive { paused: now, .. }) = (&mut self.known, &seen) {
                    *paused = *now;
                }
                self.note(&format!("{verb} without an answer"));
            }
        }
        self.look();
    }

    /// Without force a container that runs stays.
    pub(super) fn refuse_to_remove(&mut self) {
        if self.payload.own_code().is_none() {
            let reply = self.wire.ask("DELETE", &format!("/containers/{}", self.name));
            self.expect("remove without force", &reply, &[409]);
        }
        self.look();
    }

    pub(super) fn remove(&mut self) {
        self.check();
        let path = format!("/containers/{}?force=1&v=1", self.name);
        eventually("the container is removed", SOON, || {
            let reply = self.wire.ask("DELETE", &path);
            self.expect("remove", &reply, &[204, 404, 409]);
            // 409: the removal that had no answer is still being done.
            (reply.status != 409).then_some(())
        });
        self.become_gone();
    }

    /// A process in it that prints and ends with a code.
    pub(super) fn exec(&mut self, chance: &mut Chance) {
        if self.is_paused() || self.payload.own_code().is_some() {
            return self.look();
        }
        let code = chance.below(100) as i64;
        let body = json!({"Cmd": ["sh", "-c", format!("echo word; exit {code}")], "AttachStdout": true});
        let Answer::Said(created) = self.wire.call("POST", &self.path("exec"), &body) else { return };
        self.expect("exec", &created, &[201]);
        let id = created.json()["Id"].as_str().unwrap_or_default().to_owned();
        let started = self.wire.call("POST", &format!("/exec/{id}/start"), &json!({}));
        // Its output ends with the daemon: only a code that this daemon tells makes it whole.
        let first = self.wire.call("GET", &format!("/exec/{id}/json"), &Value::Null);
        if let (Answer::Said(started), Answer::Said(inspected)) = (&started, &first)
            && started.status == 200
            && inspected.status == 200
        {
            let said = logs::text(&started.body).unwrap_or_default();
            if said == "word\n" {
                let seen = inspected.json();
                assert_eq!(seen["ExitCode"], code, "exec: {seen}\n{}", self.story());
                assert_eq!(seen["Running"], false, "exec: {seen}\n{}", self.story());
                return;
            }
        }
        self.note("exec with a death in between");
        eventually("the exec is over", SOON, || {
            let reply = self.wire.ask("GET", &format!("/exec/{id}/json"));
            // One that was created and never started may be forgotten with the daemon, as with Docker's.
            if reply.status == 404 {
                return Some(());
            }
            let seen = reply.json();
            let told = &seen["ExitCode"];
            assert!(told.is_null() || told == code, "exec, which ends with {code}: {seen}\n{}", self.story());
            (seen["Running"] == false).then_some(())
        });
        self.look();
    }
}
