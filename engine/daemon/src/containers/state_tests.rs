//! The state machine under every sequence of events.

use super::*;
use proptest::prelude::*;

fn run(pid: u32) -> Run {
    Run { pid, started_at: Time::from_nanos(u64::from(pid)), oom_killed: false }
}

fn exit(code: u8) -> Exit {
    Exit {
        code,
        oom_killed: false,
        started_at: Time::NEVER,
        finished_at: Time::from_nanos(u64::MAX / 2),
        error: String::new(),
    }
}

fn changes() -> impl Strategy<Value = Change> {
    prop_oneof![
        (1_u32..1000).prop_map(|pid| Change::Started(run(pid))),
        Just(Change::StartFailed(StartFailure { code: 127, error: "no".to_owned() })),
        Just(Change::Paused),
        Just(Change::Unpaused),
        Just(Change::OutOfMemory),
        any::<u8>().prop_map(|code| Change::Exited(exit(code))),
        (1_u64..1000).prop_map(|at| Change::RestartDue(Time::from_nanos(at))),
        Just(Change::RestartCancelled),
        Just(Change::RemovalBegun),
        Just(Change::RemovalFailed("busy".to_owned())),
    ]
}

proptest! {
    /// The invariants that the rest of the engine leans on, over any history.
    #[test]
    fn any_history_keeps_the_invariants(history in proptest::collection::vec(changes(), 0..40)) {
        let mut state = State::NEW;
        let mut oom_in_this_run = false;
        for change in history {
            let before = state.clone();
            match transition(&state, change.clone()) {
                Ok(after) => state = after,
                Err(_) => continue,
            }
            match (&change, &before, &state) {
                (
                    Change::Started(run),
                    State::Created { .. } | State::Exited(_) | State::Restarting { .. },
                    State::Running(now),
                ) => {
                    oom_in_this_run = false;
                    prop_assert_eq!(run, now);
                }
                (Change::Exited(exit), State::Running(run) | State::Paused(run), State::Exited(now)) => {
                    prop_assert_eq!(exit.code, now.code);
                    prop_assert_eq!(run.started_at, now.started_at);
                    prop_assert_eq!(oom_in_this_run, now.oom_killed);
                }
                (Change::RestartDue(at), State::Exited(a), State::Restarting { exit: b, due }) => {
                    prop_assert_eq!((a, at), (b, due));
                }
                (Change::RestartCancelled, State::Restarting { exit: a, .. }, State::Exited(b)) => prop_assert_eq!(a, b),
                (Change::StartFailed(_), _, now) => prop_assert_eq!(now.exit_code(), 127),
                (Change::OutOfMemory, _, now) => {
                    oom_in_this_run = true;
                    prop_assert!(now.run().unwrap().oom_killed);
                }
                (Change::Paused, State::Running(a), State::Paused(b)) => prop_assert_eq!(a, b),
                (Change::Unpaused, State::Paused(a), State::Running(b)) => prop_assert_eq!(a, b),
                (Change::RemovalBegun, _, State::Removing { exit }) => prop_assert_eq!(exit.as_ref(), before.exit()),
                (Change::RemovalFailed(_), State::Removing { .. }, State::Dead { .. }) => {}
                other => prop_assert!(false, "{:?}", other),
            }
            prop_assert!(state.run().is_none() || state.exit().is_none(), "alive and ended at once");
            prop_assert!(state.is_active() || state.run().is_none(), "a live one is active");
            let json = serde_json::to_string(&state).unwrap();
            prop_assert_eq!(serde_json::from_str::<State>(&json).unwrap(), state.clone());
        }
    }

    /// Nothing brings a container back whose removal has begun.
    #[test]
    fn removal_is_final(history in proptest::collection::vec(changes(), 0..20)) {
        let mut state = transition(&State::NEW, Change::RemovalBegun).unwrap();
        for change in history {
            if let Ok(after) = transition(&state, change) {
                state = after;
            }
            let over = matches!(state, State::Removing { .. } | State::Dead { .. });
            prop_assert!(over);
        }
    }
}

#[test]
fn a_failed_restart_keeps_the_times_of_the_last_run() {
    let ran = transition(&State::Running(run(7)), Change::Exited(exit(3))).unwrap();
    let failed = Change::StartFailed(StartFailure { code: 126, error: "permission denied".to_owned() });
    let state = transition(&ran, failed).unwrap();
    assert_eq!((state.status(), state.exit_code(), state.error()), ("exited", 126, "permission denied"));
    assert_eq!(state.exit().unwrap().started_at, Time::from_nanos(7));
}

#[test]
fn what_waits_for_its_restart_is_neither_removed_nor_frozen() {
    let ran = transition(&State::Running(run(7)), Change::Exited(exit(3))).unwrap();
    let waiting = transition(&ran, Change::RestartDue(Time::from_nanos(9))).unwrap();
    for change in [Change::RemovalBegun, Change::Paused, Change::Unpaused, Change::OutOfMemory, Change::Exited(exit(0))]
    {
        assert_eq!(transition(&waiting, change), Err(Refusal::Restarting));
    }
    assert_eq!((waiting.status(), waiting.is_active(), waiting.exit_code()), ("restarting", true, 3));
    assert_eq!(transition(&waiting, Change::RestartCancelled).unwrap(), ran);
    assert_eq!(transition(&ran, Change::RestartCancelled), Err(Refusal::NotRestarting));
}
