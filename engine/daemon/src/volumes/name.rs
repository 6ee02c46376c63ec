//! Which names a volume may have.

use super::VolumeError;

/// Longest name, in bytes: a file name has at most 255, and one that is being made or removed carries a prefix.
const LONGEST: usize = 240;

/// Docker's rule: a letter or digit, then at least one more of those or `_`, `.`, `-`. No slash can be in it, so a
/// name is always one component below the volumes' directory.
pub(super) fn validate(name: &str) -> Result<(), VolumeError> {
    if name.len() == 1 {
        return Err(VolumeError::ShortName(name.to_owned()));
    }
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    if name.len() <= LONGEST && first && bytes.all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b)) {
        Ok(())
    } else {
        Err(VolumeError::InvalidName(name.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_inside_the_directory() {
        for good in ["ab", "A1", "0.9_a-b", &"x".repeat(64)] {
            assert!(validate(good).is_ok(), "{good}");
        }
        for bad in [&"x".repeat(241), "", "..", ".a", "-a", "_a", "a/b", "../x", "a b", "ä1", "a\0b", "a\n"] {
            assert!(matches!(validate(bad), Err(VolumeError::InvalidName(_))), "{bad:?}");
        }
        let text = validate("a").unwrap_err().to_string();
        assert_eq!(text, "create a: volume name is too short, names should be at least two alphanumeric characters");
    }
}
