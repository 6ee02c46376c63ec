//! The images that other clients' tests want, under the names that they ask for; busybox is what is in all of them.
//!
//! Public images would tie these tests to a registry and to its rate limit. What the tests look for inside is added: a
//! greeting, a user, a directory, the configuration of a web server.

use super::busybox;
use super::layer::Layer;
use super::layout::Image;
use anyhow::Result;
use serde_json::{Value, json};
use std::path::Path;

/// Docker's own greets with an empty line first; bollard reads the second one.
const HELLO: &str = "#!/bin/sh\necho\necho 'Hello from Docker!'\n";
/// bollard reads the second line here too.
const UHTTPD: &str = "\nconfig uhttpd main\n\tlist listen_http 0.0.0.0:80\n\toption home /www\n";
const RUN_UHTTPD: &str = "#!/bin/sh\nexec httpd \"$@\"\n";

/// What the files of [`images`] are called, in its order.
pub(super) const NAMES: [&str; 4] = ["alpine", "busybox", "hello-world", "uhttpd"];

/// The images' names and commands.
const IMAGES: [(&[&str], &str); NAMES.len()] = [
    (&["alpine:latest", "alpine:3.10"], "/bin/sh"),
    (&["busybox:latest"], "sh"),
    (&["hello-world:latest", "hello-world:linux"], "/hello"),
    (&["fussybeaver/uhttpd:latest"], "/usr/sbin/run_uhttpd"),
];

/// All of them, from the unpacked package busybox-static.
pub(super) fn images(unpacked: &Path) -> Result<Vec<Image>> {
    IMAGES.iter().map(|(names, command)| image(unpacked, names, command)).collect()
}

fn image(unpacked: &Path, names: &'static [&'static str], command: &str) -> Result<Image> {
    let busybox = busybox::make(unpacked)?;
    let mut layer = busybox.layer;
    additions(&mut layer);
    let mut config: Value = busybox.config;
    config["Cmd"] = json!([command]);
    Ok(Image { names, layer, config, ..busybox })
}

fn additions(layer: &mut Layer) {
    layer.file("hello", 0o755, HELLO);
    layer.file("etc/config/uhttpd", 0o644, UHTTPD);
    layer.file("usr/sbin/run_uhttpd", 0o755, RUN_UHTTPD);
    layer.file("www/index.html", 0o644, "busybox\n");
    layer.file("etc/passwd", 0o644, format!("{}postgres:x:70:70::/var/lib/postgresql:/bin/sh\n", busybox::PASSWD));
    layer.file("etc/group", 0o644, format!("{}postgres:x:70:\n", busybox::GROUP));
    layer.dir("var/opt", 0o755);
    layer.dir("mnt", 0o755);
}
