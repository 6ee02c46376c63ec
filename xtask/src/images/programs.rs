//! Our own programs that run in containers: static, small, built apart from the workspace's other artifacts.

use super::layer::Layer;
use super::layout::Image;
use crate::command::{cargo, output, run, target};
use anyhow::{Context, Result};
use jiff::Timestamp;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Settings of a release profile for the smallest program; in the environment, since a profile of the workspace's would
/// hold for hulld too, which must keep unwinding.
const PROFILE: [(&str, &str); 5] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "z"),
    ("CARGO_PROFILE_RELEASE_PANIC", "abort"),
    ("CARGO_PROFILE_RELEASE_LTO", "fat"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "1"),
    ("CARGO_PROFILE_RELEASE_STRIP", "symbols"),
];

/// When the embedded image's recipe last changed, in seconds since 1970: 2026-11-23.
const HELLO_CREATED: i64 = 1_795_392_000;

/// Builds a member of the workspace as a static program; where it is.
pub(super) fn build(package: &str) -> Result<PathBuf> {
    let triple = host()?;
    let folder = target("static")?;
    // A named target, even though it is this machine's, keeps the flags away from build scripts and macros, which
    // cannot be static. Not position-independent: nothing but a loader would need the relocations.
    run(cargo()
        .args(["build", "--quiet", "--release", "--package", package, "--target", &triple, "--target-dir"])
        .arg(&folder)
        .env("RUSTFLAGS", "-Ctarget-feature=+crt-static -Crelocation-model=static")
        .env_remove("CARGO_ENCODED_RUSTFLAGS")
        .envs(PROFILE))?;
    Ok(folder.join(&triple).join("release").join(package))
}

/// The embedded image: the program, and the names of two users.
pub(super) fn hello_image(program: &Path) -> Result<Image> {
    let bytes = std::fs::read(program).with_context(|| format!("cannot read {}", program.display()))?;
    let mut layer = Layer::default();
    layer.file("hello", 0o755, bytes);
    layer.file("etc/passwd", 0o644, "root:x:0:0:root:/:/hello\nnobody:x:65534:65534:nobody:/:/hello\n");
    layer.file("etc/group", 0o644, "root:x:0:\nnogroup:x:65534:\n");
    Ok(Image {
        names: &["hull/hello:latest"],
        made_by: "hull-hello, a static program",
        created: Timestamp::from_second(HELLO_CREATED)?,
        config: json!({
            "Cmd": ["/hello"],
            "Env": ["PATH=/"],
            "WorkingDir": "/",
            "Labels": {"org.hull.embedded": "true"},
        }),
        layer,
    })
}

fn host() -> Result<String> {
    let text = output(Command::new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("-vV"))?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("rustc -vV names no host")?.to_owned())
}
