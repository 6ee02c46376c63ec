//! Names of images, as people write them and as they are stored.
//!
//! ```text
//! busybox                    -> docker.io/library/busybox:latest   shown as busybox:latest
//! localhost:5000/a/b:1       -> localhost:5000/a/b:1               shown as it is
//! name@sha256:..             -> the digest decides, a tag beside it is not looked at
//! ```
//! Written by hand, since a regular expression for the same grammar costs the idle daemon more memory than the rest
//! of the image store.

use super::digest::Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

const DEFAULT_DOMAIN: &str = "docker.io";
const LEGACY_DOMAIN: &str = "index.docker.io";
const OFFICIAL: &str = "library/";
const LATEST: &str = "latest";
const LONGEST_NAME: usize = 255;
const LONGEST_TAG: usize = 128;

/// A repository: `docker.io/library/busybox`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Repository {
    domain: String,
    path: String,
}

/// A repository with a tag: what an image is stored under.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Tagged {
    /// Where.
    pub repository: Repository,
    /// Which.
    pub tag: String,
}

/// What a person may write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// Where.
    pub repository: Repository,
    /// `:tag`, if written.
    pub tag: Option<String>,
    /// `@sha256:..`, if written.
    pub digest: Option<Digest>,
}

/// The text names no image. Docker's own words: clients match on them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not of the form `name[:tag][@digest]`.
    #[error("invalid reference format")]
    Format,
    /// Upper case in the repository.
    #[error("invalid reference format: repository name ({0}) must be lowercase")]
    Uppercase(String),
    /// Sixty-four digits alone are an id, never a name.
    #[error("invalid repository name ({0}), cannot specify 64-byte hexadecimal strings")]
    LooksLikeId(String),
    /// The repository's name has more than 255 bytes.
    #[error("repository name must not be more than {LONGEST_NAME} characters")]
    TooLong,
    /// The digest is none.
    #[error("invalid checksum digest format")]
    Digest,
}

impl Repository {
    /// The host of the registry.
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The name at that registry: `library/busybox`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// As people write it: without `docker.io/` and `library/`.
    pub fn familiar(&self) -> String {
        if self.domain != DEFAULT_DOMAIN {
            return format!("{}/{}", self.domain, self.path);
        }
        match self.path.strip_prefix(OFFICIAL) {
            Some(short) if !short.contains('/') => short.to_owned(),
            _ => self.path.clone(),
        }
    }
}

impl Tagged {
    /// As people write it: `busybox:latest`.
    pub fn familiar(&self) -> String {
        format!("{}:{}", self.repository.familiar(), self.tag)
    }
}

impl Reference {
    /// With `latest` where no tag was written.
    pub fn tagged(&self) -> Tagged {
        let tag = self.tag.clone().unwrap_or_else(|| LATEST.to_owned());
        Tagged { repository: self.repository.clone(), tag }
    }

    /// As people write it; `latest` is added where neither tag nor digest was written.
    pub fn familiar(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), Some(tag)) => format!("{}:{tag}@{digest}", self.repository.familiar()),
            (Some(digest), None) => format!("{}@{digest}", self.repository.familiar()),
            (None, _) => self.tagged().familiar(),
        }
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        if text.len() == 64 && Digest::from_hex(text).is_ok() {
            return Err(ReferenceError::LooksLikeId(text.to_owned()));
        }
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse().map_err(|_| ReferenceError::Digest)?)),
            None => (text, None),
        };
        // A colon before the last slash is a port's.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(ReferenceError::Format);
        }
        Ok(Self { repository: repository(name)?, tag: tag.map(str::to_owned), digest })
    }
}

fn repository(name: &str) -> Result<Repository, ReferenceError> {
    let (domain, path) = match name.split_once('/') {
        Some((first, rest)) if is_domain_like(first) => (first, rest.to_owned()),
        _ => (DEFAULT_DOMAIN, name.to_owned()),
    };
    let domain = if domain == LEGACY_DOMAIN { DEFAULT_DOMAIN } else { domain };
    if path.chars().any(|c| c.is_ascii_uppercase())
        && path.split('/').all(|part| is_component(&part.to_ascii_lowercase()))
    {
        return Err(ReferenceError::Uppercase(path));
    }
    if !is_domain(domain) || !path.split('/').all(is_component) {
        return Err(ReferenceError::Format);
    }
    let path = if domain == DEFAULT_DOMAIN && !path.contains('/') { format!("{OFFICIAL}{path}") } else { path };
    if domain.len() + 1 + path.len() > LONGEST_NAME {
        return Err(ReferenceError::TooLong);
    }
    Ok(Repository { domain: domain.to_owned(), path })
}

/// Whether the part before the first slash is a host and not the first component of a path.
fn is_domain_like(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost" || first.chars().any(|c| c.is_ascii_uppercase())
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    };
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    let address = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    let host_ok = match address {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => host.split('.').all(label),
    };
    host_ok && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

/// Lower-case letters and digits, separated by `.`, `_`, `__` or any number of `-`.
fn is_component(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    if !part.starts_with(alphanumeric) || !part.ends_with(alphanumeric) {
        return false;
    }
    let separators = part.split(alphanumeric).filter(|run| !run.is_empty());
    separators.into_iter().all(|run| matches!(run, "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let mut bytes = tag.bytes();
    tag.len() <= LONGEST_TAG && bytes.next().is_some_and(word) && bytes.all(|b| word(b) || b == b'.' || b == b'-')
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)
    }
}

impl fmt::Display for Tagged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

impl TryFrom<String> for Tagged {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        Ok(text.parse::<Reference>()?.tagged())
    }
}

impl From<Tagged> for String {
    fn from(name: Tagged) -> Self {
        name.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn names_are_completed_and_shown_short() {
        let cases = [
            ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
            ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
            ("hull/hello", "docker.io/hull/hello:latest", "hull/hello:latest"),
            ("index.docker.io/library/a", "docker.io/library/a:latest", "a:latest"),
            ("docker.io/a/b/c:T_1", "docker.io/a/b/c:T_1", "a/b/c:T_1"),
            ("localhost/a", "localhost/a:latest", "localhost/a:latest"),
            ("localhost:5000/a:b", "localhost:5000/a:b", "localhost:5000/a:b"),
            ("[::1]:5000/a", "[::1]:5000/a:latest", "[::1]:5000/a:latest"),
            ("test.com:5000", "docker.io/library/test.com:5000", "test.com:5000"),
            ("a--b__c.d_e", "docker.io/library/a--b__c.d_e:latest", "a--b__c.d_e:latest"),
            ("Host/a", "Host/a:latest", "Host/a:latest"),
        ];
        for (written, stored, shown) in cases {
            let name = written.parse::<Reference>().unwrap_or_else(|e| panic!("{written}: {e}")).tagged();
            assert_eq!((name.to_string().as_str(), name.familiar().as_str()), (stored, shown), "{written}");
        }
    }

    #[test]
    fn a_digest_may_stand_beside_a_tag() {
        let reference: Reference = format!("a:1@{DIGEST}").parse().unwrap();
        assert_eq!(reference.digest.unwrap().to_string(), DIGEST);
        assert_eq!(reference.tag.as_deref(), Some("1"));
        assert_eq!(reference.familiar(), format!("a:1@{DIGEST}"));
        let plain: Reference = format!("x/a@{DIGEST}").parse().unwrap();
        assert_eq!((plain.tag.clone(), plain.familiar()), (None, format!("x/a@{DIGEST}")));
    }

    #[test]
    fn what_is_no_name_is_refused_in_dockers_words() {
        for bad in
            ["", ":tag", "a:", "a//b", "/a", "a/", "-a", "a-", "a..b", "a___b", "a b", "a:b c", "../a", "a:-b", "é"]
        {
            assert_eq!(bad.parse::<Reference>(), Err(ReferenceError::Format), "{bad}");
        }
        assert_eq!(format!("a:{}", "x".repeat(129)).parse::<Reference>(), Err(ReferenceError::Format));
        assert_eq!("a".repeat(300).parse::<Reference>(), Err(ReferenceError::TooLong));
        assert_eq!("a@sha256:12".parse::<Reference>(), Err(ReferenceError::Digest));
        assert_eq!(DIGEST[7..].parse::<Reference>(), Err(ReferenceError::LooksLikeId(DIGEST[7..].to_owned())));
        let error = "BusyBox".parse::<Reference>().unwrap_err();
        assert_eq!(error.to_string(), "invalid reference format: repository name (BusyBox) must be lowercase");
    }

    proptest! {
        #[test]
        fn any_text_parses_or_is_refused_and_what_parses_is_stable(text in "[a-zA-Z0-9./:@_-]{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                let name = reference.tagged();
                prop_assert_eq!(&name.to_string().parse::<Reference>().unwrap().tagged(), &name);
                prop_assert_eq!(&name.familiar().parse::<Reference>().unwrap().tagged(), &name);
            }
        }
    }
}
