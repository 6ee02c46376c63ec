//! The image `nginx`: nginx-light, the libraries that it loads, and what its installation would have set up.

use super::Recipe;
use super::layer::Layer;
use super::layout::Image;
use super::packages;
use crate::command::output;
use anyhow::{Context, Result, ensure};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

pub(super) const RECIPE: Recipe = Recipe { name: "nginx", packages: &["nginx-light"], make };

/// What no container needs.
const LEFT_OUT: [&str; 9] = [
    "etc/init.d/",
    "etc/logrotate.d/",
    "etc/ufw/",
    "usr/lib/systemd/",
    "usr/share/bug/",
    "usr/share/doc/",
    "usr/share/lintian/",
    "usr/share/man/",
    "usr/share/apport/",
];
/// Debian's own site listens on IPv6 as well, which a container without it could not start.
const SITE: &str = "\
server {
    listen 80 default_server;
    root /usr/share/nginx/html;
    index index.html;
}
";
const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n";

fn make(unpacked: &Path) -> Result<Image> {
    let mut layer = Layer::default();
    layer.tree(unpacked)?;
    layer.retain(|path| !LEFT_OUT.iter().any(|folder| path.starts_with(folder)) && !path.contains("/gconv/"));
    check_libraries(&layer, unpacked)?;
    ensure!(layer.has("usr/sbin/nginx"), "the packages have no /usr/sbin/nginx");
    ensure!(layer.has("usr/share/nginx/html/index.html"), "the packages have no welcome page");

    layer.file("etc/nginx/conf.d/default.conf", 0o644, SITE);
    // The installation links the modules that a package brings.
    let modules: Vec<String> = layer
        .files()
        .filter_map(|(path, _)| path.strip_prefix("usr/share/nginx/modules-available/").map(str::to_owned))
        .collect();
    for module in modules {
        let target = format!("/usr/share/nginx/modules-available/{module}");
        layer.symlink(&format!("etc/nginx/modules-enabled/50-{module}"), &target);
    }
    layer.file("etc/passwd", 0o644, PASSWD);
    layer.file("etc/group", 0o644, "root:x:0:\nadm:x:4:\nwww-data:x:33:\nnogroup:x:65534:\n");
    // What it logs is the container's output.
    layer.symlink("var/log/nginx/access.log", "/dev/stdout");
    layer.symlink("var/log/nginx/error.log", "/dev/stderr");
    for (path, mode) in
        [("run", 0o755), ("tmp", 0o1777), ("root", 0o700), ("var/cache/nginx", 0o755), ("var/lib/nginx", 0o755)]
    {
        layer.dir(path, mode);
    }
    layer.owner("var/lib/nginx", 33, 33);
    Ok(Image {
        names: &["nginx:latest"],
        made_by: "nginx-light of Debian",
        created: packages::newest(unpacked)?,
        config: json!({
            "Cmd": ["nginx", "-g", "daemon off;"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGQUIT",
        }),
        layer,
    })
}

/// Every library that a program or a library names must be there: better now than in a container that does not start.
fn check_libraries(layer: &Layer, unpacked: &Path) -> Result<()> {
    let present: BTreeSet<String> =
        layer.names().filter_map(|path| path.rsplit('/').next()).map(str::to_owned).collect();
    let mut missing = BTreeSet::new();
    for (path, content) in layer.files() {
        if !content.starts_with(b"\x7fELF") {
            continue;
        }
        let own = path.strip_prefix("usr/").unwrap_or(path);
        let file = [path, own].map(|path| unpacked.join(path)).into_iter().find(|file| file.is_file());
        let file = file.with_context(|| format!("{path} is not among the unpacked files"))?;
        let dynamic = output(Command::new("readelf").args(["--dynamic", "--wide"]).arg(&file).env("LC_ALL", "C"))?;
        for line in dynamic.lines().filter(|line| line.contains("(NEEDED)")) {
            let library = line.split_once('[').and_then(|(_, rest)| rest.split_once(']')).map(|(name, _)| name);
            missing.extend(library.filter(|name| !present.contains(*name)).map(|name| format!("{name} (for {path})")));
        }
    }
    ensure!(missing.is_empty(), "libraries are missing: {}", missing.into_iter().collect::<Vec<_>>().join(", "));
    Ok(())
}
