//! Sizes as people write them, read as Docker's units library does.

/// Not a size.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("invalid size: '{0}'")]
pub struct NotASize(String);

/// `10m`, `1.5g`, `512`, `10MB`: in powers of 1000, as `max-size` is in Docker.
pub(super) fn decimal(text: &str) -> Result<u64, NotASize> {
    parse(text, 1000)
}

/// The same in powers of 1024, as `max-buffer-size` is.
pub(super) fn binary(text: &str) -> Result<u64, NotASize> {
    parse(text, 1024)
}

fn parse(text: &str, base: u64) -> Result<u64, NotASize> {
    bytes(text, base).ok_or_else(|| NotASize(text.to_owned()))
}

fn bytes(text: &str, base: u64) -> Option<u64> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let number: f64 = number.parse().ok()?;
    let unit = unit.strip_prefix(' ').unwrap_or(unit).to_ascii_lowercase();
    let unit = unit.strip_suffix('b').unwrap_or(&unit);
    let unit = unit.strip_suffix('i').unwrap_or(unit);
    let power = ["", "k", "m", "g", "t", "p"].iter().position(|known| *known == unit)?;
    let factor = base.checked_pow(u32::try_from(power).ok()?)?;
    #[expect(clippy::cast_precision_loss, reason = "factors are powers of 1000 or 1024 up to 2^50")]
    let bytes = number * factor as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to fit")]
    (bytes.is_finite() && (0.0..9e18).contains(&bytes)).then_some(bytes as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_dockers() {
        for (text, in_decimal, in_binary) in [
            ("512", 512, 512),
            ("0", 0, 0),
            ("10k", 10_000, 10 << 10),
            ("10m", 10_000_000, 10 << 20),
            ("10MB", 10_000_000, 10 << 20),
            ("1.5 g", 1_500_000_000, 3 << 29),
            ("2GiB", 2_000_000_000, 2 << 30),
            ("1t", 1_000_000_000_000, 1 << 40),
        ] {
            assert_eq!((decimal(text), binary(text)), (Ok(in_decimal), Ok(in_binary)), "{text}");
        }
        for bad in ["", "m", "10x", "-5", "1..2", "1  k", "99999999p", "NaN", "1e3"] {
            assert_eq!(decimal(bad).unwrap_err().to_string(), format!("invalid size: '{bad}'"));
        }
    }
}
