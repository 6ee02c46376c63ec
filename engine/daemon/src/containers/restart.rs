//! Restart policies: whether a container that has ended is run again, and when.
//!
//! Pure: the owner task (and `restore`, for ends that no daemon saw) asks, and waits. The delay starts at 100 ms, doubles with each
//! end and stays at one minute; a run of ten seconds and more sets it back. What a user has stopped stays stopped until the user or,
//! with `always`, a new daemon starts it.

use super::error::ContainerError;
use super::model::Container;
use hull_api::RestartPolicy;
use std::time::Duration;

/// The delay after a first end.
const FIRST: Duration = Duration::from_millis(100);

/// The longest delay.
pub(super) const LONGEST: Duration = Duration::from_secs(60);

/// A run that lasts so long is no part of a series of crashes.
const STEADY: Duration = Duration::from_secs(10);

/// What the policy looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct End {
    /// The exit code.
    pub(super) code: u8,
    /// How long it ran.
    pub(super) ran_for: Duration,
    /// How often the policy has started it since the user did.
    pub(super) count: u64,
    /// The delay after the end before this one; zero if there was none.
    pub(super) last_delay: Duration,
}

/// When to run a container again that ended by itself. `None`: not at all.
pub(super) fn after(policy: &RestartPolicy, end: End) -> Option<Duration> {
    let again = match policy.name.as_str() {
        "always" | "unless-stopped" => true,
        "on-failure" => {
            let limit = u64::try_from(policy.maximum_retry_count).unwrap_or_default();
            end.code != 0 && (limit == 0 || end.count < limit)
        }
        _ => false,
    };
    let last = if end.ran_for >= STEADY { Duration::ZERO } else { end.last_delay };
    let delay = if last.is_zero() { FIRST } else { last.saturating_mul(2).min(LONGEST) };
    again.then_some(delay)
}

/// Whether a new daemon runs a container that it finds ended. `on-failure` is no reason: the end was looked at when it happened.
pub(super) fn at_daemon_start(container: &Container) -> bool {
    match container.host_config.restart_policy.name.as_str() {
        "always" => true,
        "unless-stopped" => !container.stopped_by_user,
        _ => false,
    }
}

/// Refuses a policy that makes no sense, in Docker's words.
pub(super) fn check(policy: &RestartPolicy, auto_remove: bool) -> Result<(), ContainerError> {
    let bad = |message: String| Err(ContainerError::BadParameter(message));
    match policy.name.as_str() {
        // Clients of old send an empty name with any count.
        "" => {}
        "no" | "always" | "unless-stopped" => {
            if policy.maximum_retry_count != 0 {
                let negative = if policy.maximum_retry_count < 0 { " and cannot be negative" } else { "" };
                return bad(format!(
                    "invalid restart policy: maximum retry count can only be used with 'on-failure'{negative}"
                ));
            }
        }
        "on-failure" => {
            if policy.maximum_retry_count < 0 {
                return bad("invalid restart policy: maximum retry count cannot be negative".to_owned());
            }
        }
        other => {
            return bad(format!(
                "invalid restart policy: unknown policy '{other}'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'"
            ));
        }
    }
    if auto_remove && !matches!(policy.name.as_str(), "" | "no") {
        return bad("can't create 'AutoRemove' container with restart policy".to_owned());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn policy(name: &str, maximum_retry_count: i64) -> RestartPolicy {
        RestartPolicy { name: name.to_owned(), maximum_retry_count }
    }

    fn crash(count: u64, last_delay: u64) -> End {
        let last_delay = Duration::from_millis(last_delay);
        End { code: 1, ran_for: Duration::from_secs(1), count, last_delay }
    }

    #[test]
    fn the_delay_doubles_up_to_a_minute_and_a_steady_run_sets_it_back() {
        let always = policy("always", 0);
        let mut delays = Vec::new();
        let mut last = 0;
        for count in 0..12 {
            let delay = after(&always, crash(count, last)).unwrap();
            last = u64::try_from(delay.as_millis()).unwrap();
            delays.push(last);
        }
        assert_eq!(delays, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000]);
        let steady = End { ran_for: STEADY, ..crash(12, 60_000) };
        assert_eq!(after(&always, steady), Some(FIRST));
        let nearly = End { ran_for: STEADY - Duration::from_millis(1), ..crash(12, 60_000) };
        assert_eq!(after(&always, nearly), Some(LONGEST));
    }

    #[test]
    fn each_policy_has_its_own_idea_of_an_end() {
        let well = End { code: 0, ..crash(0, 0) };
        for (name, limit, end, again) in [
            ("no", 0, crash(0, 0), false),
            ("", 0, crash(0, 0), false),
            ("always", 0, well, true),
            ("unless-stopped", 0, well, true),
            ("on-failure", 0, well, false),
            ("on-failure", 0, crash(1_000_000, 0), true),
            ("on-failure", 3, crash(2, 0), true),
            ("on-failure", 3, crash(3, 0), false),
        ] {
            assert_eq!(after(&policy(name, limit), end).is_some(), again, "{name}:{limit} {end:?}");
        }
    }

    #[test]
    fn nonsense_is_refused_in_dockers_words() {
        for (name, count, auto_remove, message) in [
            ("always", 3, false, "invalid restart policy: maximum retry count can only be used with 'on-failure'"),
            (
                "no",
                -1,
                false,
                "invalid restart policy: maximum retry count can only be used with 'on-failure' and cannot be negative",
            ),
            ("on-failure", -1, false, "invalid restart policy: maximum retry count cannot be negative"),
            (
                "sometimes",
                0,
                false,
                "invalid restart policy: unknown policy 'sometimes'; use one of 'no', 'always', 'on-failure', or 'unless-stopped'",
            ),
            ("always", 0, true, "can't create 'AutoRemove' container with restart policy"),
        ] {
            assert_eq!(check(&policy(name, count), auto_remove).unwrap_err().to_string(), message);
        }
        for (name, count) in
            [("", 5), ("no", 0), ("always", 0), ("unless-stopped", 0), ("on-failure", 0), ("on-failure", 7)]
        {
            check(&policy(name, count), false).unwrap();
        }
        check(&policy("no", 0), true).unwrap();
    }

    proptest! {
        /// However a container behaves: no delay is shorter than the first or longer than the longest, and `on-failure:N` ends after N.
        #[test]
        fn any_series_of_ends_stays_within_bounds(
            ends in proptest::collection::vec((any::<u8>(), 0_u64..30), 1..60), limit in 1_i64..8,
        ) {
            let (always, limited) = (policy("always", 0), policy("on-failure", limit));
            let (mut last, mut count) = (Duration::ZERO, 0);
            for (code, seconds) in ends {
                let end = End { code, ran_for: Duration::from_secs(seconds), count, last_delay: last };
                let delay = after(&always, end).unwrap();
                prop_assert!((FIRST..=LONGEST).contains(&delay));
                prop_assert!(seconds < 10 || delay == FIRST);
                if after(&limited, end).is_some() {
                    prop_assert!(code != 0 && count < limit.unsigned_abs());
                }
                (last, count) = (delay, count + 1);
            }
        }
    }
}
