//! Names for containers: checking given ones, making up others.

use super::error::ContainerError;

/// What a container is like.
const ADJECTIVES: [&str; 64] = [
    "amber", "ample", "ardent", "balmy", "blithe", "bold", "brisk", "bronze", "calm", "candid", "cheery", "civil",
    "clever", "coastal", "copper", "cosy", "crisp", "dapper", "deft", "dusky", "eager", "early", "fabled", "fleet",
    "fluent", "frank", "frosty", "gentle", "gilded", "glad", "golden", "hardy", "hazel", "humble", "jaunty", "jolly",
    "keen", "lively", "lucid", "lunar", "mellow", "merry", "mighty", "misty", "modest", "nimble", "noble", "patient",
    "placid", "plucky", "polar", "quick", "quiet", "ready", "robust", "rustic", "sable", "silver", "snug", "steady",
    "sunny", "tidal", "vivid", "witty",
];

/// What sails, and what belongs to it.
const NOUNS: [&str; 64] = [
    "anchor",
    "barge",
    "beacon",
    "bosun",
    "bow",
    "brig",
    "buoy",
    "cabin",
    "canoe",
    "capstan",
    "captain",
    "caravel",
    "catamaran",
    "clipper",
    "compass",
    "corvette",
    "cutter",
    "deck",
    "dhow",
    "dinghy",
    "dory",
    "ferry",
    "fjord",
    "frigate",
    "galleon",
    "galley",
    "gondola",
    "halyard",
    "harbour",
    "helm",
    "jetty",
    "jib",
    "junk",
    "kayak",
    "keel",
    "ketch",
    "lagoon",
    "lantern",
    "lighthouse",
    "longboat",
    "lugger",
    "mast",
    "mizzen",
    "navigator",
    "oar",
    "packet",
    "pilot",
    "pinnace",
    "porthole",
    "quay",
    "raft",
    "rigger",
    "rudder",
    "schooner",
    "sextant",
    "skiff",
    "sloop",
    "spar",
    "steamer",
    "tender",
    "tiller",
    "trawler",
    "tug",
    "yawl",
];

/// A name made of random bytes; `attempt` above 0 appends a digit, for an engine in which the plain ones are taken.
pub(super) fn random(bytes: [u8; 2], attempt: u8) -> String {
    let pick = |words: &[&'static str; 64], byte: u8| words[usize::from(byte) % words.len()];
    let digit = if attempt == 0 { String::new() } else { (attempt % 10).to_string() };
    format!("{}_{}{digit}", pick(&ADJECTIVES, bytes[0]), pick(&NOUNS, bytes[1]))
}

/// A name as given, without the slash that clients may put before it.
pub(super) fn check(name: &str) -> Result<&str, ContainerError> {
    let bare = name.strip_prefix('/').unwrap_or(name);
    let first = |b: u8| b.is_ascii_alphanumeric();
    let other = |b: u8| first(b) || matches!(b, b'_' | b'.' | b'-');
    // Docker's expression wants at least two characters.
    let valid = bare.len() >= 2 && bare.bytes().enumerate().all(|(i, b)| if i == 0 { first(b) } else { other(b) });
    if valid { Ok(bare) } else { Err(ContainerError::InvalidName(name.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn words_are_distinct_and_make_valid_names() {
        assert_eq!(ADJECTIVES.iter().collect::<HashSet<_>>().len(), 64);
        assert_eq!(NOUNS.iter().collect::<HashSet<_>>().len(), 64);
        for byte in 0..64 {
            check(&random([byte, byte], byte)).unwrap();
        }
    }

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["web", "/web", "a1", "0-_."] {
            assert!(check(good).is_ok(), "{good}");
        }
        for bad in ["", "/", "a", "-a", "_a", "a b", "a/b", "//a", "ä1"] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
