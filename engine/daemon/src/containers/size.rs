//! Sizes as people write them.

/// How large a log grows before it is rotated when nobody says: an unbounded log fills the disk in the end.
pub(super) const DEFAULT_LOG: u64 = 20 << 20;

/// How many log files are kept when nobody says.
pub(super) const DEFAULT_LOG_FILES: u32 = 5;

/// `10m`, `1.5g`, `512`, `10MB`: powers of 1024, as Docker's `max-size`. `-1` is unlimited, that is 0.
pub(super) fn parse(text: &str) -> Option<u64> {
    if text == "-1" {
        return Some(0);
    }
    let lower = text.trim().to_ascii_lowercase();
    let digits = lower.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(lower.len());
    let number: f64 = lower[..digits].parse().ok()?;
    let unit = lower[digits..].trim_start().trim_end_matches("ib").trim_end_matches('b');
    let shift = match unit {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        "t" => 40,
        _ => return None,
    };
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
    let bytes = |n: f64| (n.is_finite() && (0.0..9e18).contains(&n)).then_some(n as u64);
    bytes(number * f64::from(1_u32 << (shift % 32)) * if shift >= 32 { 4_294_967_296.0 } else { 1.0 })
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn sizes_are_powers_of_1024() {
        for (text, bytes) in [
            ("512", 512),
            ("10k", 10 << 10),
            ("10m", 10 << 20),
            ("10MB", 10 << 20),
            ("1.5g", 3 << 29),
            ("2GiB", 2 << 30),
            ("1t", 1 << 40),
            ("-1", 0),
        ] {
            assert_eq!(parse(text), Some(bytes), "{text}");
        }
        for bad in ["", "m", "10x", "-5", "1..2"] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }
}
