//! Signals by name or number, as `kill` and `--stop-signal` take them.

use super::error::ContainerError;

/// Names without `SIG`, for Linux on x86-64 and arm64; real-time ones are reckoned from [`RTMIN`].
const NAMES: [(&str, u32); 35] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("IOT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("POLL", 29),
    ("PWR", 30),
    ("SYS", 31),
    ("UNUSED", 31),
];

/// glibc's and Go's first real-time signal for programs.
const RTMIN: u32 = 34;
const RTMAX: u32 = 64;

/// SIGINT, as ^C sends it.
pub(super) const INT: u32 = 2;

/// SIGQUIT.
pub(super) const QUIT: u32 = 3;

/// SIGKILL.
pub(super) const KILL: u32 = 9;

/// SIGTERM, which stops a container that says nothing else.
pub(super) const TERM: u32 = 15;

/// `KILL`, `SIGKILL`, `sigkill`, `9`, `RTMIN+3`, `SIGRTMAX-1`.
pub(super) fn parse(text: &str) -> Result<u32, ContainerError> {
    let invalid = || ContainerError::BadParameter(format!("invalid signal: {text}"));
    if let Ok(number) = text.parse::<u32>() {
        return if (1..=RTMAX).contains(&number) { Ok(number) } else { Err(invalid()) };
    }
    let upper = text.to_ascii_uppercase();
    let name = upper.strip_prefix("SIG").unwrap_or(&upper);
    if let Some((_, number)) = NAMES.iter().find(|(known, _)| *known == name) {
        return Ok(*number);
    }
    let offset = |rest: &str, sign: char| match rest {
        "" => Some(0),
        _ => rest.strip_prefix(sign)?.parse::<u32>().ok(),
    };
    let real_time = name
        .strip_prefix("RTMIN")
        .and_then(|rest| offset(rest, '+')?.checked_add(RTMIN))
        .or_else(|| name.strip_prefix("RTMAX").and_then(|rest| RTMAX.checked_sub(offset(rest, '-')?)));
    real_time.filter(|n| (RTMIN..=RTMAX).contains(n)).ok_or_else(invalid)
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn names_and_numbers_are_dockers() {
        for (text, number) in
            [("9", 9), ("KILL", 9), ("sigterm", 15), ("SIGRTMIN", 34), ("RTMIN+15", 49), ("RTMAX-14", 50), ("64", 64)]
        {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
        for bad in ["", "0", "65", "-1", "FOO", "SIGSIG", "RTMIN+31", "RTMAX-31", "RTMIN-1"] {
            assert_eq!(parse(bad).unwrap_err().to_string(), format!("invalid signal: {bad}"));
        }
    }
}
