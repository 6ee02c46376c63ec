//! Identities, parsed once at the edge.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A container's id: 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContainerId(String);

/// The text is not a container id.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not a container id: 64 hexadecimal digits")]
pub struct NotAnId(String);

impl ContainerId {
    /// A new random one.
    ///
    /// # Errors
    /// When the kernel gives no random bytes.
    pub fn random() -> std::io::Result<Self> {
        random_hex().map(Self)
    }

    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The first 12 digits, as Docker shows them.
    pub fn short(&self) -> &str {
        &self.0[..12]
    }
}

/// 64 random hexadecimal digits, for ids of containers, execs, endpoints and networks.
///
/// # Errors
/// When the kernel gives no random bytes.
pub fn random_hex() -> std::io::Result<String> {
    use std::io::Read;
    let mut bytes = [0_u8; 32];
    std::fs::File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|b| format!("{b:02x}")).collect())
}

impl TryFrom<String> for ContainerId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 64 && text.bytes().all(hex) { Ok(Self(text)) } else { Err(NotAnId(text)) }
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_64_hexadecimal_digits_are_an_id() {
        assert!(ContainerId::try_from("a".repeat(64)).is_ok());
        for bad in ["", "abc", &"g".repeat(64), &"A".repeat(64), &"../".repeat(22)[..64]] {
            assert!(ContainerId::try_from(bad.to_owned()).is_err(), "{bad}");
        }
        assert_ne!(ContainerId::random().unwrap(), ContainerId::random().unwrap());
    }
}
