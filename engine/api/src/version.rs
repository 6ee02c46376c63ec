//! API versions: which there are, and which one two sides speak.

use std::fmt;
use std::str::FromStr;

/// The newest version that Hull speaks.
pub const MAX: ApiVersion = ApiVersion::new(1, 51);
/// The oldest. Clients of 2016 still work: others that raised their floor broke Traefik and Testcontainers.
pub const MIN: ApiVersion = ApiVersion::new(1, 24);

/// `1.51`. Ordered by number: 1.9 comes before 1.10.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ApiVersion {
    major: u16,
    minor: u16,
}

impl ApiVersion {
    /// Version `major.minor`.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor }
    }
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What was written is not an API version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidVersion(pub String);

impl fmt::Display for InvalidVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not an API version such as {MAX}", self.0)
    }
}

impl std::error::Error for InvalidVersion {}

impl FromStr for ApiVersion {
    type Err = InvalidVersion;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |part: &str| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten();
        text.split_once('.')
            .and_then(|(major, minor)| Some(Self { major: number(major)?, minor: number(minor)? }))
            .ok_or_else(|| InvalidVersion(text.to_owned()))
    }
}

/// What the daemon says to a version outside its range; the texts are Docker's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unsupported {
    /// Newer than [`MAX`].
    TooNew(ApiVersion),
    /// Older than [`MIN`].
    TooOld(ApiVersion),
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooNew(v) => {
                write!(f, "client version {v} is too new. Maximum supported API version is {MAX}")
            }
            Self::TooOld(v) => write!(
                f,
                "client version {v} is too old. Minimum supported API version is {MIN}, please upgrade your client to a newer version"
            ),
        }
    }
}

impl std::error::Error for Unsupported {}

/// The daemon's side: may a client speak `requested`?
pub fn check(requested: ApiVersion) -> Result<ApiVersion, Unsupported> {
    if requested > MAX {
        Err(Unsupported::TooNew(requested))
    } else if requested < MIN {
        Err(Unsupported::TooOld(requested))
    } else {
        Ok(requested)
    }
}

/// The client's side: what to speak, given the `Api-Version` header that `_ping` answered. A daemon that sends
/// none is older than the header, and gets [`MIN`].
pub fn negotiate(server: Option<&str>) -> ApiVersion {
    server.and_then(|text| text.parse().ok()).map_or(MIN, |server: ApiVersion| server.min(MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        assert!("1.9".parse::<ApiVersion>().unwrap() < "1.10".parse().unwrap());
        assert_eq!("1.51".parse(), Ok(MAX));
        for bad in ["", "1", "1.", ".5", "1.5.1", "1.+5", "v1.5", "1.99999999"] {
            assert!(bad.parse::<ApiVersion>().is_err(), "{bad}");
        }
    }

    #[test]
    fn outside_the_range_the_texts_are_dockers() {
        assert_eq!(
            check(ApiVersion::new(1, 99)).unwrap_err().to_string(),
            "client version 1.99 is too new. Maximum supported API version is 1.51"
        );
        assert_eq!(
            check(ApiVersion::new(1, 20)).unwrap_err().to_string(),
            "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to a newer version"
        );
        assert_eq!(check(MIN), Ok(MIN));
        assert_eq!(check(MAX), Ok(MAX));
    }

    #[test]
    fn the_client_takes_the_smaller_version() {
        assert_eq!(negotiate(Some("1.41")), ApiVersion::new(1, 41));
        assert_eq!(negotiate(Some("1.99")), MAX);
        assert_eq!(negotiate(None), MIN);
        assert_eq!(negotiate(Some("garbage")), MIN);
    }
}
