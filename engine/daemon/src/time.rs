//! Points in time as the API and the store write them.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A point in time, in nanoseconds since 1970. Written as RFC 3339 in UTC; zero is Go's zero time, which is
/// what Docker's clients take for "never".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Time(u64);

/// The text is not a point in time.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a point in time")]
pub struct NotATime(String);

impl Time {
    /// "Never".
    pub const NEVER: Self = Self(0);

    /// The present.
    pub fn now() -> Self {
        let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX))
    }

    /// From nanoseconds since 1970, as the shim's records and the kernel's files have it.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since 1970.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Whole seconds since 1970.
    pub const fn seconds(self) -> i64 {
        (self.0 / 1_000_000_000).cast_signed()
    }

    /// What has passed since then; nothing when it lies ahead.
    pub fn elapsed(self) -> Duration {
        Duration::from_nanos(Self::now().0.saturating_sub(self.0))
    }

    /// So much later.
    #[must_use]
    pub fn plus(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }

    /// How much later than `earlier` it is; nothing when it is not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// Parses what clients send as `since` and `until`: unix seconds with an optional fraction, RFC 3339, a date,
    /// or a Go duration (`10m`, `1h30m`) that counts back from now.
    ///
    /// # Errors
    /// When the text is none of these.
    pub fn parse_query(text: &str) -> Result<Self, NotATime> {
        if let Some(time) = unix_seconds(text) {
            return Ok(time);
        }
        if let Some(ago) = go_duration(text) {
            return Ok(Self(Self::now().0.saturating_sub(u64::try_from(ago.as_nanos()).unwrap_or(u64::MAX))));
        }
        if let Ok(time) = Self::try_from(text.to_owned()) {
            return Ok(time);
        }
        // A date, or a date and time without a zone: UTC.
        let civil: Option<jiff::civil::DateTime> = text.parse().ok();
        let nanos = civil
            .and_then(|c| c.to_zoned(jiff::tz::TimeZone::UTC).ok())
            .and_then(|z| u64::try_from(z.timestamp().as_nanosecond()).ok());
        nanos.map(Self).ok_or_else(|| NotATime(text.to_owned()))
    }
}

fn unix_seconds(text: &str) -> Option<Time> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(fraction) {
        return None;
    }
    let seconds: u64 = whole.parse().ok()?;
    // Some clients print a float: what is finer than a nanosecond is cut.
    let nanos: u64 = format!("{:0<9}", &fraction[..fraction.len().min(9)]).parse().ok()?;
    Some(Time(seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?))
}

/// Go's duration syntax without signs: `1h2m3.5s`, `300ms`.
pub fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let value: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let unit_end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(value * seconds).ok()?)?;
        rest = &rest[unit_end..];
    }
    Some(total)
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("0001-01-01T00:00:00Z");
        }
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => f.write_str("0001-01-01T00:00:00Z"),
        }
    }
}

impl From<Time> for String {
    fn from(time: Time) -> Self {
        time.to_string()
    }
}

impl TryFrom<String> for Time {
    type Error = NotATime;

    fn try_from(text: String) -> Result<Self, NotATime> {
        let stamp: jiff::Timestamp = text.parse().map_err(|_| NotATime(text.clone()))?;
        // Everything before 1970 is Go's zero time or as good as that.
        Ok(Self(u64::try_from(stamp.as_nanosecond()).unwrap_or(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_go_writes_them() {
        assert_eq!(Time::from_nanos(1_700_000_000_120_000_000).to_string(), "2023-11-14T22:13:20.12Z");
        assert_eq!(Time::from_nanos(1_700_000_000_000_000_000).to_string(), "2023-11-14T22:13:20Z");
        assert_eq!(Time::NEVER.to_string(), "0001-01-01T00:00:00Z");
        assert_eq!(Time::try_from("0001-01-01T00:00:00Z".to_owned()).unwrap(), Time::NEVER);
    }

    #[test]
    fn queries_may_be_seconds_dates_or_durations() {
        assert_eq!(Time::parse_query("1700000000").unwrap().nanos(), 1_700_000_000_000_000_000);
        assert_eq!(Time::parse_query("1700000000.000000012").unwrap().nanos(), 1_700_000_000_000_000_012);
        assert_eq!(Time::parse_query("1700000000.1234567891").unwrap().nanos(), 1_700_000_000_123_456_789);
        assert_eq!(Time::parse_query("2023-11-14T22:13:20Z").unwrap().seconds(), 1_700_000_000);
        assert_eq!(Time::parse_query("2023-11-14T23:13:20+01:00").unwrap().seconds(), 1_700_000_000);
        assert_eq!(Time::parse_query("2023-11-14T22:13:20").unwrap().seconds(), 1_700_000_000);
        assert_eq!(Time::parse_query("2023-11-14").unwrap().seconds(), 1_699_920_000);
        let ago = Time::now().nanos() - Time::parse_query("1h1m1.5s").unwrap().nanos();
        assert!((3_661_500_000_000 - 10_000_000..3_662_500_000_000).contains(&ago), "{ago}");
        for bad in ["", "yesterday", "10x", "1.2.3"] {
            assert!(Time::parse_query(bad).is_err(), "{bad}");
        }
    }
}
