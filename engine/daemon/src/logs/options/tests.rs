//! Options, right and wrong, in Docker's words.

use super::*;

fn options(text: &[&str]) -> Options {
    text.iter().map(|option| parse_flag(option)).collect()
}

fn kept(driver: &str, text: &[&str]) -> (u64, u32, bool) {
    let options = options(text);
    let Files { max_size, max_files, compress } = files(check(driver, &options).unwrap(), &options).unwrap();
    (max_size, max_files, compress)
}

#[test]
fn logs_are_bounded_unless_somebody_says_otherwise() {
    for (driver, text, expected) in [
        ("json-file", &[][..], (20_000_000, 3, false)),
        ("json-file", &["max-size=10m"], (10_000_000, 3, false)),
        ("json-file", &["max-file=100"], (20_000_000, 100, false)),
        ("json-file", &["max-size=-1"], (0, 3, false)),
        ("json-file", &["max-size=1k", "max-file=1"], (1000, 1, false)),
        ("json-file", &["compress=true"], (20_000_000, 3, true)),
        ("local", &[], (20 << 20, 5, true)),
        ("local", &["max-file=1", "compress=false"], (20 << 20, 1, false)),
        ("journald", &[], (20 << 20, 5, true)),
        ("journald", &["cache-max-size=1m", "cache-max-file=2", "cache-compress=0"], (1_000_000, 2, false)),
    ] {
        assert_eq!(kept(driver, text), expected, "{driver} {text:?}");
    }
}

#[test]
fn what_makes_no_sense_is_refused_in_dockers_words() {
    let start = "failed to initialize logging driver: ";
    for (driver, text, message) in [
        ("asdf", &[][..], "logger: no log driver named 'asdf' is registered"),
        ("syslog", &["syslog-address=udp://1.2.3.4:1111"], "logger: no log driver named 'syslog' is registered"),
        ("json-file", &["max-sizes=1m"], "unknown log opt 'max-sizes' for json-file log driver"),
        ("journald", &["max-size=1m"], "unknown log opt 'max-size' for journald log driver"),
        ("local", &["size=1m"], "unknown log opt 'size' for log driver local"),
        ("json-file", &["mode=sometimes"], "logger: logging mode not supported: sometimes"),
        (
            "json-file",
            &["max-buffer-size=1m"],
            "logger: max-buffer-size option is only supported with 'mode=non-blocking'",
        ),
        (
            "json-file",
            &["mode=non-blocking", "max-buffer-size=big"],
            "error parsing option max-buffer-size: invalid size: 'big'",
        ),
        ("json-file", &["cache-disabled=perhaps"], "invalid value for option cache-disabled: perhaps"),
        ("json-file", &["max-size=lots"], &format!("{start}invalid size: 'lots'")),
        ("json-file", &["max-size=0"], &format!("{start}max-size must be a positive number")),
        ("json-file", &["max-file=x"], &format!("{start}strconv.Atoi: parsing \"x\": invalid syntax")),
        ("json-file", &["max-file=0"], &format!("{start}max-file cannot be less than 1")),
        ("json-file", &["compress=x"], &format!("{start}strconv.ParseBool: parsing \"x\": invalid syntax")),
        (
            "json-file",
            &["max-file=1", "compress=true"],
            &format!("{start}compress cannot be true when max-file is less than 2 or max-size is not set"),
        ),
        ("local", &["max-file=1"], &format!("{start}compression cannot be enabled when max file count is 1")),
        ("local", &["max-size=x"], &format!("{start}invalid value for max-size: x: invalid size: 'x'")),
        (
            "json-file",
            &["tag={{.Nmae}}"],
            &format!(
                "{start}template: log-tag:1:2: executing \"log-tag\" at <.Nmae>: can't evaluate field Nmae in type *logger.Info"
            ),
        ),
    ] {
        assert_eq!(check(driver, &options(text)).unwrap_err().to_string(), *message, "{driver} {text:?}");
    }
    let error = check("json-file", &options(&["labels-regex=("])).unwrap_err().to_string();
    assert!(error.starts_with("failed to initialize logging driver: error parsing regexp: "), "{error}");
    assert_eq!(check("none", &options(&["whatever=x"])).unwrap(), Driver::None);
    assert!(check("json-file", &options(&["mode=non-blocking", "max-buffer-size=4m"])).is_ok());
}

#[test]
fn a_container_gets_the_daemons_defaults_of_its_own_driver_only() {
    let defaults = LogDefaults {
        driver: "local".to_owned(),
        options: options(&["max-size=1m", "compress=false", "cache-max-file=3"]),
        ..LogDefaults::default()
    };
    for (driver, given, driver_after, after) in [
        ("", &[][..], "local", &["max-size=1m", "compress=false", "cache-max-file=3"][..]),
        ("local", &["max-size=2m"], "local", &["max-size=2m", "compress=false", "cache-max-file=3"]),
        ("json-file", &[], "json-file", &["cache-max-file=3"]),
    ] {
        let (mut driver, mut options_now) = (driver.to_owned(), options(given));
        defaults.complete(&mut driver, &mut options_now);
        assert_eq!((driver.as_str(), options_now), (driver_after, options(after)));
    }
    let (mut driver, mut nothing) = (String::new(), Options::new());
    LogDefaults::default().complete(&mut driver, &mut nothing);
    assert_eq!((driver.as_str(), nothing.len()), ("json-file", 0), "our rotation is not written into the container");
}

#[test]
fn attributes_that_no_record_could_carry_are_refused() {
    let labels = [("big".to_owned(), "x".repeat(100_000))].into();
    let subject = Subject {
        id: "0123456789abcdef",
        name: "n",
        image_id: "sha256:0123456789",
        labels: &labels,
        ..Subject::default()
    };
    assert!(check_for("json-file", &options(&[]), &subject).is_ok());
    let error = check_for("json-file", &options(&["labels=big"]), &subject).unwrap_err().to_string();
    assert!(error.contains("give attributes of 1000"), "{error}");
}
