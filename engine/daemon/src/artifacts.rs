//! What `hulld` carries inside itself, made by other builds (see `build.rs`): [`SHIM`], [`BPF`], [`HELLO`].
//!
//! Each is `None` in a daemon that was built before them; [`missing`] says so in words for the start-up log.

/// Moves `bytes` to a multiple of 8, which `include_bytes!` alone does not promise.
#[allow(dead_code, reason = "unused in a build that found no artifact")]
#[repr(C)]
struct Aligned<T: ?Sized> {
    _align: [u64; 0],
    bytes: T,
}

include!(concat!(env!("OUT_DIR"), "/artifacts.rs"));

/// One line for each artifact that this build lacks: what does not work, and which command makes it.
pub fn missing() -> Vec<&'static str> {
    let artifacts = [
        (SHIM, "no hull-shim inside: no container can start; run `cargo xtask build`"),
        (
            BPF,
            "no eBPF object inside: no process map and no stall histograms; run `cargo xtask build-ebpf`, then build again",
        ),
        (HELLO, "no default image inside: hull/hello is absent; run `cargo xtask build`"),
    ];
    artifacts.into_iter().filter(|(bytes, _)| bytes.is_none()).map(|(_, text)| text).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_artifact_is_whole_and_aligned_or_reported() {
        let all = [SHIM, BPF, HELLO];
        assert_eq!(missing().len(), all.iter().filter(|artifact| artifact.is_none()).count());
        for bytes in all.into_iter().flatten() {
            assert!(!bytes.is_empty());
            assert_eq!(bytes.as_ptr().addr() % 8, 0);
        }
        for elf in [SHIM, BPF].into_iter().flatten() {
            assert_eq!(&elf[..4], b"\x7fELF");
        }
    }
}
