//! Times: RFC 3339 of the API into ages and local dates, and what a user may write for `--since`.

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use crate::request::duration;

/// Seconds of a Unix time.
pub(crate) fn unix(text: &str) -> Option<i64> {
    text.parse::<Timestamp>().ok().map(|time| time.as_second())
}

/// The age of a Unix time, now.
pub(crate) fn age(seconds: i64) -> String {
    super::units::human_duration((Timestamp::now().as_second() - seconds).max(0))
}

/// `2024-05-01 12:00:00 +0200 CEST`, as Go prints a time.
pub(crate) fn local(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S %z %Z").to_string())
        .unwrap_or_default()
}

/// `2024-05-01 12:00:00.123 +0200 CEST`, from RFC 3339.
pub(crate) fn local_precise(text: &str) -> String {
    text.parse::<Timestamp>()
        .map(|time| time.to_zoned(TimeZone::system()).strftime("%Y-%m-%d %H:%M:%S%.f %z %Z").to_string())
        .unwrap_or_else(|_| text.to_owned())
}

/// `2024-05-01T12:00:00+02:00`: the history of an image.
pub(crate) fn local_rfc3339(seconds: i64) -> String {
    Timestamp::from_second(seconds)
        .map(|time| zulu(time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()))
        .unwrap_or_default()
}

/// Go writes UTC's offset as a letter.
fn zulu(text: String) -> String {
    match text.strip_suffix("+00:00") {
        Some(time) => format!("{time}Z"),
        None => text,
    }
}

/// `2024-05-01T12:00:00.000000000+02:00`: events and logs.
pub(crate) fn local_nanos(nanos: i64) -> String {
    Timestamp::from_nanosecond(i128::from(nanos))
        .map(|time| zulu(time.to_zoned(TimeZone::system()).strftime("%Y-%m-%dT%H:%M:%S.%9f%:z").to_string()))
        .unwrap_or_default()
}

/// `Mon Jan  2 15:04:05 2006`: `hull version`.
pub(crate) fn ansi(text: &str) -> String {
    text.parse::<Timestamp>()
        .map(|time| time.to_zoned(TimeZone::UTC).strftime("%a %b %e %H:%M:%S %Y").to_string())
        .unwrap_or_else(|_| text.to_owned())
}

/// What the API takes for `--since` and `--until`: a Unix time, made from a date, a Unix time or a duration ago.
pub(crate) fn since(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Ok(String::new());
    }
    if let Ok(ago) = duration::parse(text) {
        let time = Timestamp::now() - SignedDuration::from_nanos(ago);
        return Ok(nanos(time));
    }
    if text.split('.').count() <= 2 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
        return Ok(text.to_owned());
    }
    if let Ok(time) = text.parse::<Timestamp>() {
        return Ok(nanos(time));
    }
    // Without an offset the user means the local time; a bare date is midnight.
    let civil = text
        .parse::<jiff::civil::DateTime>()
        .or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0)))
        .map_err(|_| format!("failed to parse value as time or duration: {text:?}"))?;
    let zoned = civil.to_zoned(TimeZone::system()).map_err(|e| e.to_string())?;
    Ok(nanos(zoned.timestamp()))
}

fn nanos(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_takes_dates_unix_times_and_durations() {
        assert_eq!(since("").unwrap(), "");
        assert_eq!(since("1700000000").unwrap(), "1700000000");
        assert_eq!(since("1700000000.5").unwrap(), "1700000000.5");
        assert_eq!(since("2023-11-14T22:13:20Z").unwrap(), "1700000000.000000000");
        assert_eq!(since("2023-11-14T23:13:20.25+01:00").unwrap(), "1700000000.250000000");
        let ago: f64 = since("1h").unwrap().parse().unwrap();
        let now = Timestamp::now().as_second() as f64;
        assert!((now - ago - 3600.0).abs() < 5.0);
        assert!(since("yesterday").unwrap_err().contains("yesterday"));
    }

    #[test]
    fn times_are_printed_as_docker_does() {
        assert_eq!(ansi("2023-11-14T22:13:20.123Z"), "Tue Nov 14 22:13:20 2023");
        assert_eq!(ansi("garbage"), "garbage");
        assert_eq!(unix("2023-11-14T22:13:20Z"), Some(1_700_000_000));
    }
}
