//! Embeds what other builds made: the shim, the eBPF object, the default image.
//!
//! They come from `target/hull/` of the workspace, where xtask puts them. A plain `cargo build` in a fresh clone finds
//! none of them and must still work: each becomes a `None`, and `hulld` says at start what is missing.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Name of the static, name of the file, what it is.
const ARTIFACTS: [(&str, &str, &str); 3] = [
    ("SHIM", "hull-shim", "The static program that is the parent of each container."),
    ("BPF", "hull.bpf.o", "The eBPF object, at an address that is a multiple of 8 as ELF readers need it."),
    ("HELLO", "hello.tar", "The default image, an OCI layout in a tar."),
];

fn main() -> io::Result<()> {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let directory = manifest.join("../../target/hull");
    fs::create_dir_all(&directory)?;
    let directory = directory.canonicalize()?;
    println!("cargo::rerun-if-changed=build.rs");
    for (_, file, _) in ARTIFACTS {
        let file = directory.join(file);
        // Of one that is missing the directory: cargo takes a watched path that is not there for changed in every build.
        let watched = if file.exists() { &file } else { &directory };
        println!("cargo::rerun-if-changed={}", watched.display());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let source: String = ARTIFACTS.iter().map(|(name, file, text)| embed(name, text, &directory.join(file))).collect();
    fs::write(out.join("artifacts.rs"), source)
}

fn embed(name: &str, text: &str, file: &Path) -> String {
    // A file of zero bytes is one that its builder has only begun.
    if !fs::metadata(file).is_ok_and(|meta| meta.is_file() && meta.len() > 0) {
        return format!("/// {text}\npub static {name}: Option<&[u8]> = None;\n");
    }
    format!(
        "static {name}_ALIGNED: &Aligned<[u8]> = &Aligned {{ _align: [], bytes: *include_bytes!({file:?}) }};\n\
         /// {text}\npub static {name}: Option<&[u8]> = Some(&{name}_ALIGNED.bytes);\n"
    )
}
