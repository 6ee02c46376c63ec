//! Looking at a container and its log, and what a client writes down of it.

use super::super::logs;
use super::super::payload::Payload;
use super::{KILLED, Known, SOON, Truth};
use hull_test_support::{Reply, eventually};

impl Truth {
    pub(super) fn path(&self, verb: &str) -> String {
        format!("/containers/{}/{verb}", self.name)
    }

    pub(super) fn inspect(&self) -> Known {
        let reply = self.wire.ask("GET", &self.path("json"));
        if reply.status == 404 {
            return Known::Gone;
        }
        assert_eq!(reply.status, 200, "inspect: {}\n{}", reply.message(), self.story());
        let document = reply.json();
        assert_eq!(document["Id"], self.id, "another container has its name\n{}", self.story());
        let state = &document["State"];
        let text = |name: &str| state[name].as_str().unwrap_or_default().to_owned();
        let paused = match text("Status").as_str() {
            "created" => return Known::Created,
            "running" => false,
            "paused" => true,
            "exited" | "dead" | "removing" => {
                let code = state["ExitCode"].as_i64().unwrap_or(-1);
                return Known::Over { code, started: text("StartedAt"), finished: text("FinishedAt") };
            }
            other => panic!("a state {other:?}: {state}\n{}", self.story()),
        };
        let pid = state["Pid"].as_i64().unwrap_or(0);
        Known::Alive { pid, started: text("StartedAt"), paused }
    }

    /// Waits until it is over, with one of these codes.
    pub(super) fn over(&mut self, codes: &[i64]) {
        let waited = self.wire.ask("POST", &format!("/containers/{}/wait", self.id));
        self.expect("wait", &waited, &[200]);
        let code = waited.json()["StatusCode"].as_i64().unwrap_or(-1);
        assert!(codes.contains(&code), "wait says {code}, not {codes:?}\n{}", self.story());
        let seen = self.inspect();
        match &seen {
            Known::Over { code: same, .. } if *same == code => {}
            Known::Gone if self.auto_remove => {}
            _ => panic!("wait says {code}, inspect {seen:?}\n{}", self.story()),
        }
        self.ended(code, seen);
    }

    /// It is over; of one that removes itself, wait until it has.
    pub(super) fn ended(&mut self, code: i64, seen: Known) {
        if code != KILLED {
            self.graceful += 1;
        }
        self.learn("the end", seen);
        if self.auto_remove {
            self.become_gone();
            let waited = self.wire.ask("POST", &format!("/containers/{}/wait", self.id));
            self.expect("wait for one that is gone", &waited, &[200]);
            assert_eq!(waited.json()["StatusCode"], code, "the code of one that is gone\n{}", self.story());
        } else {
            self.check_log();
        }
    }

    pub(super) fn become_gone(&mut self) {
        eventually("it is gone", SOON, || (self.inspect() == Known::Gone).then_some(()));
        self.learn("gone", Known::Gone);
    }

    /// Its program heeds signals from here on.
    pub(super) fn begun(&mut self) {
        eventually("its first line", SOON, || (self.runs().len() >= self.starts).then_some(()));
    }

    fn runs(&self) -> Vec<logs::Run> {
        let text = self.log("all");
        logs::runs(&text).unwrap_or_else(|why| panic!("the log: {why}\n{}", self.story()))
    }

    fn log(&self, tail: &str) -> String {
        let reply = self.wire.ask("GET", &format!("{}?stdout=1&stderr=1&tail={tail}", self.path("logs")));
        if self.auto_remove && reply.status == 404 {
            return "begin\n".repeat(self.starts);
        }
        self.expect("logs", &reply, &[200]);
        logs::text(&reply.body).unwrap_or_else(|why| panic!("the log's frames: {why}\n{}", self.story()))
    }

    /// No line is missing: neither within a run, nor at the end of one that ended as it should, nor a whole run.
    pub(super) fn check_log(&self) {
        if self.auto_remove {
            return;
        }
        let runs = self.runs();
        let byes = runs.iter().filter(|run| run.bye).count();
        let over = matches!(self.known, Known::Over { .. });
        // A program that was killed at once, or has just begun, has not come to its first line.
        let least = self.graceful;
        assert!(runs.len() >= least, "{} runs in the log, at least {least}\n{}", runs.len(), self.story());
        assert!(runs.len() <= self.starts + self.maybe, "{} runs in the log\n{}", runs.len(), self.story());
        assert!(byes >= self.graceful, "{byes} ends in the log, {} were told\n{}", self.graceful, self.story());
        if let Payload::Burst { lines, .. } = self.payload {
            let short = runs.iter().find(|run| run.bye && run.lines != lines);
            assert_eq!(short, None, "of {lines} lines\n{}", self.story());
        }
        if over {
            let all = self.log("all");
            let lines: Vec<&str> = all.lines().collect();
            let last = lines[lines.len().saturating_sub(3)..].join("\n");
            assert_eq!(self.log("3").trim_end(), last, "the last three lines\n{}", self.story());
        }
    }

    #[track_caller]
    pub(super) fn expect(&self, what: &str, reply: &Reply, statuses: &[u16]) {
        let fine = statuses.contains(&reply.status);
        assert!(fine, "{what}: {} {}\n{}", reply.status, reply.message(), self.story());
    }

    pub(super) fn learn(&mut self, what: &str, seen: Known) {
        self.note(&format!("{what}: {seen:?}"));
        self.known = seen;
    }

    pub(super) fn note(&mut self, text: &str) {
        self.journal.push(text.to_owned());
    }

    pub(super) fn story(&self) -> String {
        let tail = self.journal.len().saturating_sub(20).max(1);
        format!("{}\n  {}", self.journal[0], self.journal[tail..].join("\n  "))
    }
}
