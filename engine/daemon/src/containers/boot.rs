//! The host's boot: a container of another one cannot live any more, whatever its pid is now.

use std::sync::OnceLock;

/// The kernel's id of this boot; empty where there is no such file, and then no two boots can be told apart.
pub(super) fn id() -> &'static str {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| {
        let read = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
        read.map(|id| id.trim().to_owned()).unwrap_or_default()
    })
}

/// Whether something that was started in this boot is gone with it.
pub(super) fn is_over(boot: &str) -> bool {
    !boot.is_empty() && !id().is_empty() && boot != id()
}

#[cfg(test)]
mod tests {
    use super::{id, is_over};

    #[test]
    fn only_another_boot_is_over() {
        assert!(!is_over("") && !is_over(id()));
        assert!(is_over("another") || id().is_empty());
    }
}
