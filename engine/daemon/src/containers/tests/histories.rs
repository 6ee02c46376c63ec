//! Random histories of one container against a model of a few lines: what users do, ends, back-offs, and daemons that die and come back.

use super::*;
use fake::crash;
use hull_api::{RestartPolicy, UpdateRequest};
use proptest::prelude::*;

/// What can happen.
#[derive(Debug, Clone)]
enum Step {
    Start,
    Stop,
    Kill,
    Reload,
    Restart,
    Pause,
    Unpause,
    End(u8),
    BackOff,
    Policy(&'static str, i64),
    /// The daemon is killed; `Some`: the init ends while nobody looks.
    NewDaemon(Option<u8>),
}

fn steps() -> impl Strategy<Value = Step> {
    let code = prop_oneof![Just(0_u8), Just(1), Just(137)];
    let policy = prop_oneof![
        Just(("no", 0)),
        Just(("always", 0)),
        Just(("unless-stopped", 0)),
        Just(("on-failure", 0)),
        Just(("on-failure", 2)),
    ];
    prop_oneof![
        3 => Just(Step::Start),
        2 => Just(Step::Stop),
        1 => Just(Step::Kill),
        1 => Just(Step::Reload),
        1 => Just(Step::Restart),
        1 => Just(Step::Pause),
        1 => Just(Step::Unpause),
        4 => code.clone().prop_map(Step::End),
        2 => Just(Step::BackOff),
        3 => policy.prop_map(|(name, limit)| Step::Policy(name, limit)),
        2 => proptest::option::of(code).prop_map(Step::NewDaemon),
    ]
}

/// What must be so.
#[derive(Debug, Clone, PartialEq)]
struct Model {
    status: &'static str,
    policy: (&'static str, i64),
    restarts: u64,
    stopped: bool,
}

impl Model {
    fn lives(&self) -> bool {
        matches!(self.status, "running" | "paused")
    }

    fn active(&self) -> bool {
        self.lives() || self.status == "restarting"
    }

    fn started_by_user(&mut self) {
        (self.status, self.restarts, self.stopped) = ("running", 0, false);
    }

    fn ended(&mut self, code: u8) {
        let again = match self.policy {
            ("always" | "unless-stopped", _) => true,
            ("on-failure", limit) => code != 0 && (limit == 0 || self.restarts < limit.unsigned_abs()),
            _ => false,
        };
        if again && !self.stopped {
            self.status = "restarting";
            self.restarts += 1;
        } else {
            self.status = "exited";
        }
    }

    /// Moves; answers with the kind of error that is due.
    fn step(&mut self, step: &Step) -> Option<Kind> {
        match step {
            Step::Start if self.status == "paused" => return Some(Kind::Conflict),
            Step::Start if self.active() => return Some(Kind::NotModified),
            Step::Stop if !self.active() => return Some(Kind::NotModified),
            Step::Kill if !self.active() => return Some(Kind::Conflict),
            Step::Reload if !self.lives() => return Some(Kind::Conflict),
            Step::Pause if self.status != "running" => return Some(Kind::Conflict),
            Step::Unpause if self.status != "paused" => return Some(Kind::Conflict),
            Step::Start | Step::Restart => self.started_by_user(),
            Step::Stop | Step::Kill => (self.status, self.stopped) = ("exited", true),
            Step::Pause => self.status = "paused",
            Step::Unpause => self.status = "running",
            Step::End(code) if self.lives() => self.ended(*code),
            Step::BackOff if self.status == "restarting" => self.status = "running",
            Step::Policy(name, limit) => self.policy = (name, *limit),
            Step::NewDaemon(end) => {
                if let Some(code) = end
                    && self.lives()
                {
                    self.ended(*code);
                }
                let revives = self.policy.0 == "always" || (self.policy.0 == "unless-stopped" && !self.stopped);
                if self.status == "exited" && revives {
                    self.started_by_user();
                }
            }
            Step::Reload | Step::End(_) | Step::BackOff => {}
        }
        None
    }
}

/// Does it to the engine.
async fn apply(bench: Bench, id: &str, step: &Step, told: &mut Vec<String>) -> (Bench, Option<Kind>) {
    let service = &bench.service;
    let lives = service.get(id).unwrap().state.run().is_some();
    let result = match step {
        Step::Start => service.start(id).await,
        Step::Stop => service.stop(id, StopOptions::default()).await,
        Step::Kill => service.kill(id, None).await,
        Step::Reload => service.kill(id, Some("HUP")).await,
        Step::Restart => service.restart(id, StopOptions::default()).await,
        Step::Pause => service.pause(id).await,
        Step::Unpause => service.unpause(id).await,
        Step::End(code) => {
            if lives {
                let mut watch = service.find(id).unwrap().watch();
                let before = watch.borrow().ends;
                bench.runtime.end(id, crash(*code));
                watch.wait_for(|published| published.ends > before).await.unwrap();
            }
            Ok(())
        }
        Step::BackOff => {
            if bench.status(id) == "restarting" {
                bench.until(id, "running").await;
            }
            Ok(())
        }
        Step::Policy(name, limit) => {
            let restart_policy = RestartPolicy { name: (*name).to_owned(), maximum_retry_count: *limit };
            service.update(id, UpdateRequest { restart_policy, ..UpdateRequest::default() }).await.map(drop)
        }
        Step::NewDaemon(end) => {
            if let Some(code) = end
                && lives
            {
                bench.runtime.ended_unseen.lock().unwrap().insert(id.to_owned().try_into().unwrap(), crash(*code));
            }
            told.extend(bench.told());
            let bench = bench.restarted().await;
            // One that was ended is started at once, as by its user; a back-off goes on.
            let container = bench.service.get(id).unwrap();
            if container.restart_count == 0 && container.state.status() == "restarting" {
                bench.until(id, "running").await;
            }
            return (bench, None);
        }
    };
    let kind = result.err().map(|error| error.kind());
    (bench, kind)
}

/// Whether the events can be those of one container's life.
fn in_order(told: &[String]) -> Result<(), String> {
    let (mut lives, mut frozen) = (false, false);
    for (number, action) in told.iter().enumerate() {
        let fits = match action.as_str() {
            "create" => number == 0,
            "start" => !lives,
            "kill" | "die" => lives,
            "pause" => lives && !frozen,
            "unpause" => lives && frozen,
            "stop" => !lives,
            "restart" | "update" => true,
            "destroy" => !lives && number + 1 == told.len(),
            _ => false,
        };
        if !fits {
            return Err(format!("{action} at {number} of {told:?}"));
        }
        match action.as_str() {
            "start" => lives = true,
            "die" => (lives, frozen) = (false, false),
            "pause" => frozen = true,
            "unpause" => frozen = false,
            _ => {}
        }
    }
    Ok(())
}

async fn live_through(history: Vec<Step>) -> Result<(), TestCaseError> {
    let mut bench = Bench::new();
    let id = bench.create("web", HostConfig::default()).await;
    let mut model = Model { status: "created", policy: ("no", 0), restarts: 0, stopped: false };
    let mut told = Vec::new();
    for step in history {
        let expected = model.step(&step);
        let error;
        (bench, error) = apply(bench, &id, &step, &mut told).await;
        prop_assert_eq!(error, expected, "{:?}", &step);
        let container = bench.service.get(&id).unwrap();
        prop_assert_eq!(container.state.status(), model.status, "after {:?}", &step);
        prop_assert_eq!(container.restart_count, model.restarts, "after {:?}", &step);
        prop_assert_eq!(container.stopped_by_user, model.stopped, "after {:?}", &step);
        let on_disk = bench.on_disk(&id);
        prop_assert_eq!(&on_disk["state"]["status"], model.status, "on disk after {:?}", &step);
        prop_assert_eq!(&on_disk["restart_count"], model.restarts, "on disk after {:?}", &step);
    }
    bench.service.remove(&id, RemoveOptions { force: true, ..RemoveOptions::default() }).await.unwrap();
    told.extend(bench.told());
    in_order(&told).map_err(TestCaseError::fail)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Whatever happens in whatever order: state, count and disk are what the model says, and the events tell one life.
    #[test]
    fn any_history_is_that_of_the_model(history in proptest::collection::vec(steps(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(live_through(history))?;
    }
}
