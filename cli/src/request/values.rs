//! Values of single flags, with the errors that Docker's flag library gives.

use hull_api::{ThrottleDevice, Ulimit, WeightDevice};

/// `true`, `false` and what else Go takes for them.
pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
    }
}

fn number_error(function: &str, text: &str, kind: &std::num::IntErrorKind) -> String {
    use std::num::IntErrorKind::{NegOverflow, PosOverflow};
    let reason = if matches!(kind, PosOverflow | NegOverflow) { "value out of range" } else { "invalid syntax" };
    format!("strconv.{function}: parsing {text:?}: {reason}")
}

pub(crate) fn int(text: &str) -> Result<i64, String> {
    text.parse().map_err(|e: std::num::ParseIntError| number_error("ParseInt", text, e.kind()))
}

pub(crate) fn uint16(text: &str) -> Result<u16, String> {
    text.parse().map_err(|e: std::num::ParseIntError| number_error("ParseUint", text, e.kind()))
}

/// `100m`, `1.5GiB`: powers of 1024.
pub(crate) fn bytes(text: &str) -> Result<i64, String> {
    let Some(end) = text.rfind(|c: char| c.is_ascii_digit() || c == '.' || c == ' ') else {
        return Err(format!("invalid size: '{text}'"));
    };
    let number = text[..=end].trim_end_matches(' ');
    let suffix = text[end + 1..].to_lowercase();
    let value: f64 = number.parse().map_err(|_| format!("strconv.ParseFloat: parsing {number:?}: invalid syntax"))?;
    if value < 0.0 || !value.is_finite() {
        return Err(format!("invalid size: '{text}'"));
    }
    let (unit, rest) = suffix.split_at(suffix.chars().next().map_or(0, char::len_utf8));
    let power = match (unit, rest) {
        ("" | "b", "") => 0,
        (_, "" | "b" | "ib") => match "kmgtp".find(unit) {
            Some(position) if !unit.is_empty() => position as i32 + 1,
            _ => return Err(format!("invalid suffix: '{suffix}'")),
        },
        _ => return Err(format!("invalid suffix: '{suffix}'")),
    };
    Ok((value * 1024f64.powi(power)) as i64)
}

/// [`bytes`], or -1 for unlimited.
pub(crate) fn bytes_or_unlimited(text: &str) -> Result<i64, String> {
    if text == "-1" { Ok(-1) } else { bytes(text) }
}

/// `--cpus` in billionths, exactly: `0.1` has no exact binary fraction.
pub(crate) fn nano_cpus(text: &str) -> Result<i64, String> {
    let invalid = || format!("failed to parse {text} as a rational number");
    let (numerator, denominator) = match text.split_once('/') {
        Some((a, b)) => (decimal(a).ok_or_else(invalid)?, decimal(b).ok_or_else(invalid)?),
        None => (decimal(text).ok_or_else(invalid)?, (1, 0)),
    };
    // (a / 10^x) / (b / 10^y) * 10^9
    let top = numerator.0.checked_mul(power_of_ten(denominator.1 + 9).ok_or_else(invalid)?).ok_or_else(invalid)?;
    let bottom = denominator.0.checked_mul(power_of_ten(numerator.1).ok_or_else(invalid)?).ok_or_else(invalid)?;
    if bottom == 0 {
        return Err(invalid());
    }
    if top % bottom != 0 {
        return Err("value is too precise".to_owned());
    }
    i64::try_from(top / bottom).map_err(|_| invalid())
}

/// Digits and how many of them are behind the point.
fn decimal(text: &str) -> Option<(i128, u32)> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all = format!("{whole}{fraction}");
    if all.is_empty() || all.len() > 20 || !all.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some((sign * all.parse::<i128>().ok()?, fraction.len() as u32))
}

fn power_of_ten(exponent: u32) -> Option<i128> {
    10i128.checked_pow(exponent)
}

/// `name=soft[:hard]`.
pub(crate) fn ulimit(text: &str) -> Result<Ulimit, String> {
    const NAMES: [&str; 16] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
        "as",
    ];
    let (name, limits) = text.split_once('=').ok_or_else(|| format!("invalid ulimit argument: {text}"))?;
    if !NAMES.contains(&name) || name == "as" {
        return Err(format!("invalid ulimit type: {name}"));
    }
    let parts: Vec<&str> = limits.split(':').collect();
    let (soft, hard) = match parts.as_slice() {
        [both] => (int(both)?, int(both)?),
        [soft, hard] => (int(soft)?, int(hard)?),
        _ => return Err(format!("too many limit value arguments - {limits}, can only have up to two, `soft[:hard]`")),
    };
    if hard != -1 && (soft == -1 || soft > hard) {
        return Err(format!("ulimit soft limit must be less than or equal to hard limit: {soft} > {hard}"));
    }
    Ok(Ulimit { name: name.to_owned(), hard, soft })
}

/// `/dev/sda:500`.
pub(crate) fn weight_device(text: &str) -> Result<WeightDevice, String> {
    let (path, weight) = text.split_once(':').ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    let weight: u16 = weight.parse().map_err(|_| format!("invalid weight for device: {text}"))?;
    if weight != 0 && !(10..=1000).contains(&weight) {
        return Err(format!("invalid weight for device: {text}"));
    }
    Ok(WeightDevice { path: path.to_owned(), weight })
}

/// `/dev/sda:1mb`.
pub(crate) fn throttle_bps(text: &str) -> Result<ThrottleDevice, String> {
    let error = || {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>[<unit>]. Number must be a positive integer. Unit is optional and can be kb, mb, or gb"
        )
    };
    throttle(text, |rate| bytes(rate).ok().and_then(|n| u64::try_from(n).ok()).ok_or_else(error))
}

/// `/dev/sda:1000`.
pub(crate) fn throttle_iops(text: &str) -> Result<ThrottleDevice, String> {
    let error = || {
        format!(
            "invalid rate for device: {text}. The correct format is <device-path>:<number>. Number must be a positive integer"
        )
    };
    throttle(text, |rate| rate.parse().map_err(|_| error()))
}

fn throttle(text: &str, rate: impl Fn(&str) -> Result<u64, String>) -> Result<ThrottleDevice, String> {
    let (path, amount) = text.split_once(':').ok_or_else(|| format!("bad format: {text}"))?;
    if !path.starts_with("/dev/") {
        return Err(format!("bad format for device path: {text}"));
    }
    Ok(ThrottleDevice { path: path.to_owned(), rate: rate(amount)? })
}

/// `name:ip`, `name=ip`, with or without brackets around the address; `host-gateway` is the daemon's to resolve.
pub(crate) fn extra_host(text: &str) -> Result<String, String> {
    let bad = || format!("bad format for add-host: {text:?}");
    let (name, address) = text.split_once('=').or_else(|| text.split_once(':')).ok_or_else(bad)?;
    if name.is_empty() || address.is_empty() {
        return Err(bad());
    }
    if address == "host-gateway" {
        return Ok(format!("{name}:{address}"));
    }
    let bare = address.strip_prefix('[').and_then(|a| a.strip_suffix(']')).unwrap_or(address);
    bare.parse::<std::net::IpAddr>()
        .map(|_| format!("{name}:{bare}"))
        .map_err(|_| format!("invalid IP address in add-host: {address:?}"))
}

pub(crate) fn ip(text: &str) -> Result<String, String> {
    let trimmed = text.trim();
    trimmed
        .parse::<std::net::IpAddr>()
        .map(|_| trimmed.to_owned())
        .map_err(|_| format!("IP address is not correctly formatted: {text}"))
}

/// `NAME=value` or `NAME` of `--env`.
pub(crate) fn env(text: &str) -> Result<String, String> {
    let named = !text.is_empty() && !text.starts_with('=');
    if named { Ok(text.to_owned()) } else { Err(format!("invalid environment variable: {text}")) }
}

/// `name=value` or `name` of `--label`.
pub(crate) fn label(text: &str) -> Result<String, String> {
    if text.starts_with('=') { Err(format!("invalid label '{text}': empty name")) } else { Ok(text.to_owned()) }
}

/// One of the streams of `--attach`, in lower case.
pub(crate) fn stream_name(text: &str) -> Result<String, String> {
    let lower = text.to_lowercase();
    match lower.as_str() {
        "stdin" | "stdout" | "stderr" => Ok(lower),
        _ => Err("valid streams are STDIN, STDOUT and STDERR".to_owned()),
    }
}

/// `a=b`: sysctls and annotations.
pub(crate) fn key_value(text: &str) -> Result<(String, String), String> {
    Ok(match text.split_once('=') {
        Some((key, value)) => (key.to_owned(), value.to_owned()),
        None => (text.to_owned(), String::new()),
    })
}

/// `name=value` of `--sysctl`: only those that are a namespace's own.
pub(crate) fn sysctl(text: &str) -> Result<(String, String), String> {
    const ALLOWED: [&str; 8] = [
        "kernel.msgmax",
        "kernel.msgmnb",
        "kernel.msgmni",
        "kernel.sem",
        "kernel.shmall",
        "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ];
    match text.split_once('=') {
        Some((name, value))
            if ALLOWED.contains(&name) || name.starts_with("net.") || name.starts_with("fs.mqueue.") =>
        {
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err(format!("sysctl '{text}' is not allowed")),
    }
}

/// `name=value` of `--filter`.
pub(crate) fn filter(text: &str) -> Result<String, String> {
    if text.is_empty() || text.contains('=') {
        Ok(text.to_owned())
    } else {
        Err("bad format of filter (expected name=value)".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        for (text, expected) in [
            ("0", 0),
            ("1024", 1024),
            ("1b", 1),
            ("100m", 104_857_600),
            ("100M", 104_857_600),
            ("1.5g", 1_610_612_736),
            ("2KiB", 2048),
            ("2 kb", 2048),
            ("1tb", 1 << 40),
        ] {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for (text, message) in [
            ("", "invalid size: ''"),
            ("x", "invalid size: 'x'"),
            ("-1", "invalid size: '-1'"),
            ("5x", "invalid suffix: 'x'"),
            ("5bb", "invalid suffix: 'bb'"),
            ("5mib2", "strconv.ParseFloat: parsing \"5mib2\": invalid syntax"),
            ("5kiloby", "invalid suffix: 'kiloby'"),
        ] {
            assert_eq!(bytes(text), Err(message.to_owned()), "{text}");
        }
        assert_eq!(bytes_or_unlimited("-1"), Ok(-1));
    }

    #[test]
    fn cpus_are_exact() {
        for (text, expected) in [
            ("1", 1_000_000_000),
            (".5", 500_000_000),
            ("0.1", 100_000_000),
            ("1/4", 250_000_000),
            ("2.000", 2_000_000_000),
            ("-1", -1_000_000_000),
        ] {
            assert_eq!(nano_cpus(text), Ok(expected), "{text}");
        }
        assert_eq!(nano_cpus("0.00000000001"), Err("value is too precise".to_owned()));
        assert_eq!(nano_cpus("1/3"), Err("value is too precise".to_owned()));
        for bad in ["x", "", ".", "1/0", "1e3x", "99999999999999999999999"] {
            assert!(nano_cpus(bad).unwrap_err().contains("rational"), "{bad}");
        }
    }

    #[test]
    fn ulimits() {
        assert_eq!(ulimit("nofile=10:20"), Ok(Ulimit { name: "nofile".into(), soft: 10, hard: 20 }));
        assert_eq!(ulimit("core=-1"), Ok(Ulimit { name: "core".into(), soft: -1, hard: -1 }));
        for (text, message) in [
            ("x", "invalid ulimit argument: x"),
            ("foo=1", "invalid ulimit type: foo"),
            ("nofile=10:5", "ulimit soft limit must be less than or equal to hard limit: 10 > 5"),
            ("nofile=a", "strconv.ParseInt: parsing \"a\": invalid syntax"),
        ] {
            assert_eq!(ulimit(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn hosts_and_devices() {
        assert_eq!(extra_host("a:1.2.3.4"), Ok("a:1.2.3.4".into()));
        assert_eq!(extra_host("a=[::1]"), Ok("a:::1".into()));
        assert_eq!(extra_host("a:host-gateway"), Ok("a:host-gateway".into()));
        assert_eq!(extra_host("x"), Err("bad format for add-host: \"x\"".into()));
        assert_eq!(throttle_bps("/dev/sda:1mb"), Ok(ThrottleDevice { path: "/dev/sda".into(), rate: 1 << 20 }));
        assert!(throttle_iops("/dev/sda:1mb").is_err());
        assert!(weight_device("/dev/sda:5").is_err());
        assert!(weight_device("sda:500").is_err());
    }
}
