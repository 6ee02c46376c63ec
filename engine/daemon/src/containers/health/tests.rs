//! Verdicts and times, without a process.

use super::*;
use hull_api::Healthcheck;
use proptest::prelude::*;

const SECOND: i64 = 1_000_000_000;

fn config(test: &[&str], change: impl FnOnce(&mut Healthcheck)) -> ContainerConfig {
    let test = Some(test.iter().map(|word| (*word).to_owned()).collect());
    let mut healthcheck = Healthcheck { test, ..Healthcheck::default() };
    change(&mut healthcheck);
    ContainerConfig { healthcheck: Some(healthcheck), ..ContainerConfig::default() }
}

fn at(seconds: u64) -> Time {
    Time::from_nanos(seconds * 1_000_000_000)
}

/// A probe that began at `start` and took a second.
fn result(start: u64, exit_code: i64) -> ProbeResult {
    ProbeResult { start: at(start), end: at(start + 1), exit_code, output: String::new() }
}

#[test]
fn a_check_is_a_command_a_shells_line_or_none() {
    let argv = |config: &ContainerConfig| Check::of(config).map(|check| check.argv.join(" "));
    assert_eq!(argv(&config(&["CMD", "curl", "-f"], |_| ())).as_deref(), Some("curl -f"));
    assert_eq!(argv(&config(&["CMD-SHELL", "exit 1"], |_| ())).as_deref(), Some("/bin/sh -c exit 1"));
    let own = ContainerConfig {
        shell: Some(vec!["/bin/ash".to_owned(), "-ec".to_owned()]),
        ..config(&["CMD-SHELL", "exit 1"], |_| ())
    };
    assert_eq!(argv(&own).as_deref(), Some("/bin/ash -ec exit 1"));
    for none in [&["NONE"][..], &[], &["CMD"], &["TELNET", "x"]] {
        assert_eq!(argv(&config(none, |_| ())), None, "{none:?}");
    }
    assert_eq!(Check::of(&ContainerConfig::default()), None);
}

#[test]
fn what_is_zero_is_dockers_default() {
    let check = Check::of(&config(&["CMD", "x"], |_| ())).unwrap();
    assert_eq!((check.interval, check.timeout, check.retries), (INTERVAL, TIMEOUT, 3));
    assert_eq!((check.start_period, check.start_interval), (Duration::ZERO, START_INTERVAL));
    let quick = Check::of(&config(&["CMD", "x"], |check| check.interval = SECOND)).unwrap();
    assert_eq!(quick.start_interval, Duration::from_secs(1), "never slower while it starts");
}

#[test]
fn so_many_failures_in_a_row_are_unhealthy_and_one_success_is_healthy() {
    let check = Check::of(&config(&["CMD", "x"], |check| check.retries = 2)).unwrap();
    let mut health = Health::starting(None);
    assert_eq!(health.record(result(1, 0), &check, at(0)), Some(HealthStatus::Healthy));
    assert_eq!(health.record(result(2, 1), &check, at(0)), None);
    assert_eq!(health.record(result(3, 0), &check, at(0)), None);
    assert_eq!(health.record(result(4, -1), &check, at(0)), None);
    assert_eq!(health.record(result(5, 9), &check, at(0)), Some(HealthStatus::Unhealthy));
    assert_eq!((health.failing_streak, health.log.len()), (2, 5));
    assert_eq!(health.record(result(6, 1), &check, at(0)), None);
    assert_eq!(health.record(result(7, 0), &check, at(0)), Some(HealthStatus::Healthy));
    assert_eq!((health.failing_streak, health.log[0].start, health.log[4].start), (0, at(3), at(7)));
}

#[test]
fn failures_of_the_start_period_count_only_after_a_success() {
    let period = |check: &mut Healthcheck| (check.start_period, check.retries) = (10 * SECOND, 1);
    let check = Check::of(&config(&["CMD", "x"], period)).unwrap();
    let mut health = Health::starting(None);
    assert_eq!(health.record(result(105, 1), &check, at(100)), None);
    assert_eq!((health.status, health.failing_streak), (HealthStatus::Starting, 0));
    assert_eq!(health.clone().record(result(110, 1), &check, at(100)), Some(HealthStatus::Unhealthy));
    assert_eq!(health.record(result(106, 0), &check, at(100)), Some(HealthStatus::Healthy));
    assert_eq!(health.record(result(107, 1), &check, at(100)), Some(HealthStatus::Unhealthy));
}

#[test]
fn probes_follow_each_other_at_the_interval_and_at_another_while_it_starts() {
    let times = |check: &mut Healthcheck| {
        (check.interval, check.start_period, check.start_interval) = (20 * SECOND, 10 * SECOND, 2 * SECOND);
    };
    let check = Check::of(&config(&["CMD", "x"], times)).unwrap();
    let mut health =
        Health::starting(Some(Health { status: HealthStatus::Unhealthy, failing_streak: 7, log: vec![result(50, 1)] }));
    assert_eq!(check.next(&health, at(100)), at(102), "an earlier run's results do not count");
    health.record(result(102, 1), &check, at(100));
    assert_eq!(check.next(&health, at(100)), at(105), "from the end of one to the start of the next");
    let mut late = health.clone();
    late.record(result(110, 1), &check, at(100));
    assert_eq!(check.next(&late, at(100)), at(131), "the start period is over");
    health.record(result(105, 0), &check, at(100));
    assert_eq!(check.next(&health, at(100)), at(126), "it has started");
}

#[test]
fn nonsense_is_refused_in_dockers_words() {
    type Change = fn(&mut Healthcheck);
    let rows: [(Change, &str); 6] = [
        (|c| c.interval = -1, "Interval in Healthcheck cannot be less than 1ms"),
        (|c| c.interval = 999_999, "Interval in Healthcheck cannot be less than 1ms"),
        (|c| c.timeout = 1, "Timeout in Healthcheck cannot be less than 1ms"),
        (|c| c.start_period = 1, "StartPeriod in Healthcheck cannot be less than 1ms"),
        (|c| c.start_interval = 1, "StartInterval in Healthcheck cannot be less than 1ms"),
        (|c| c.retries = -1, "Retries in Healthcheck cannot be negative"),
    ];
    for (change, message) in rows {
        assert_eq!(super::check(&config(&["CMD", "x"], change)).unwrap_err().to_string(), message);
    }
    super::check(&config(&["CMD", "x"], |c| c.interval = SHORTEST)).unwrap();
}

proptest! {
    /// Over any series of results: at most five are kept, and the verdict is what the streak says.
    #[test]
    fn any_series_of_results_keeps_the_verdict_true(
        codes in proptest::collection::vec(-1_i64..3, 1..40), retries in 1_i64..5, period in 0_i64..20,
    ) {
        let times = |check: &mut Healthcheck| (check.retries, check.start_period) = (retries, period * SECOND);
        let check = Check::of(&config(&["CMD", "x"], times)).unwrap();
        let mut health = Health::starting(None);
        for (second, code) in (0..).zip(codes) {
            let before = health.status;
            let told = health.record(result(second, code), &check, at(0));
            prop_assert_eq!(told.is_some(), before != health.status);
            prop_assert!(health.log.len() <= LOG_ENTRIES);
            prop_assert_eq!(health.log.last().unwrap().start, at(second));
            match health.status {
                HealthStatus::Starting => prop_assert!(health.failing_streak < retries.unsigned_abs()),
                HealthStatus::Healthy => prop_assert!(health.failing_streak < retries.unsigned_abs()),
                HealthStatus::Unhealthy => prop_assert!(health.failing_streak >= retries.unsigned_abs()),
            }
            prop_assert_eq!(code == 0, health.status == HealthStatus::Healthy && health.failing_streak == 0);
            prop_assert!(check.next(&health, at(0)) > health.log.last().unwrap().end);
        }
    }
}
