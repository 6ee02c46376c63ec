//! `--volumes-from container[:mode]`: what that container has mounted, too.

use super::{MountKind, MountSpec, Wanted, bind};
use crate::containers::error::ContainerError;
use crate::containers::model::Container;

/// The container that is named, and the mode.
pub(super) fn parse(text: &str) -> Result<(&str, &str), ContainerError> {
    let bad = |message: String| Err(ContainerError::BadParameter(message));
    if text.is_empty() {
        return bad("volumes-from specification cannot be an empty string".to_owned());
    }
    let (name, mode) = text.split_once(':').unwrap_or((text, ""));
    // How a mount is propagated and filled was decided by whose mount it is.
    if !bind::is_mode(mode) || bind::propagation(mode).is_some() || bind::is_nocopy(mode) {
        return bad(format!("invalid mode: {mode}"));
    }
    Ok((name, mode))
}

/// That container's mounts.
pub(super) fn mounts(donor: &Container, mode: &str) -> Vec<Wanted> {
    let read_only = bind::is_read_only(mode);
    // An image is no volume: the donor writes to a layer of its own there.
    let taken = donor.mounts.iter().filter(|mount| mount.kind != MountKind::Image).map(|mount| MountSpec {
        read_only: mount.read_only || read_only,
        copy_up: false,
        mode: if mode.is_empty() { mount.mode.clone() } else { mode.to_owned() },
        ..mount.clone()
    });
    taken.map(Wanted::from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_and_a_mode() {
        assert_eq!(parse("web").unwrap(), ("web", ""));
        assert_eq!(parse("web:ro,z").unwrap(), ("web", "ro,z"));
        for (bad, message) in [
            ("", "volumes-from specification cannot be an empty string"),
            ("web:x", "invalid mode: x"),
            ("web:rshared", "invalid mode: rshared"),
            ("web:nocopy", "invalid mode: nocopy"),
        ] {
            assert_eq!(parse(bad).unwrap_err().to_string(), message);
        }
    }
}
