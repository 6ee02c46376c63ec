//! The image `busybox`: one static program under the names of all its commands.

use super::Recipe;
use super::layer::Layer;
use super::layout::Image;
use super::packages;
use crate::command::output;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::path::Path;
use std::process::Command;

pub(super) const RECIPE: Recipe = Recipe { name: "busybox", packages: &["busybox-static"], make };

pub(super) const PASSWD: &str = "\
root:x:0:0:root:/root:/bin/sh
daemon:x:1:1:daemon:/usr/sbin:/bin/false
www-data:x:33:33:www-data:/var/www:/bin/false
nobody:x:65534:65534:nobody:/home:/bin/false
";
pub(super) const GROUP: &str = "root:x:0:\ndaemon:x:1:\ntty:x:5:\nwww-data:x:33:\nnogroup:x:65534:\n";

pub(super) fn make(unpacked: &Path) -> Result<Image> {
    let program =
        ["bin/busybox", "usr/bin/busybox"].map(|path| unpacked.join(path)).into_iter().find(|path| path.is_file());
    let program = program.context("the package has no busybox")?;
    let commands = output(Command::new(&program).arg("--list"))?;
    let commands: Vec<&str> = commands.lines().filter(|name| *name != "busybox").collect();
    ensure!(commands.contains(&"sh"), "busybox has no sh, but: {}", commands.join(" "));

    let mut layer = Layer::default();
    layer.file("bin/busybox", 0o755, std::fs::read(&program)?);
    for command in commands {
        layer.symlink(&format!("bin/{command}"), "busybox");
    }
    layer.file("etc/passwd", 0o644, PASSWD);
    layer.file("etc/group", 0o644, GROUP);
    layer.dir("root", 0o700);
    layer.dir("tmp", 0o1777);
    layer.dir("home", 0o755);
    layer.dir("var", 0o755);
    Ok(Image {
        names: &["busybox:latest"],
        made_by: "busybox-static of Debian",
        created: packages::newest(unpacked)?,
        config: json!({
            "Cmd": ["sh"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        }),
        layer,
    })
}
