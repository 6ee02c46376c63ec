//! `cargo xtask images`: real images from Debian's packages, and the static programs of our own that run in containers.
//!
//! | file | what |
//! | --- | --- |
//! | `target/images/busybox.tar` | busybox-static with a link for each of its commands |
//! | `target/images/nginx.tar` | nginx-light with the libraries that it loads |
//! | `target/images/clients/` | busybox under the names that other clients' tests ask for (`cargo xtask compat`) |
//! | `target/hull/hello.tar` | the image that `hulld` embeds |
//! | `target/hull/hull-guest` | what the tests run inside containers |
//!
//! Packages are downloaded and unpacked under `target/`, never installed. The images are OCI layouts that Docker loads as
//! well, and the same packages always give the same bytes.

mod busybox;
mod clients;
mod layer;
mod layout;
mod nginx;
mod packages;
mod programs;

use crate::artifact;
use crate::command::target;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// Make busybox and nginx images from Debian packages.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Make them again, even if nothing changed
    #[arg(long)]
    force: bool,
    /// Make only our own static programs: the embedded image, and what the tests run inside containers
    #[arg(long, conflicts_with = "force")]
    programs: bool,
}

/// Runs the task.
pub(crate) fn run(args: Args) -> Result<()> {
    if args.programs {
        hello()?;
        return guest();
    }
    if args.force {
        for image in IMAGES {
            let stamp = stamp_file(image.name)?;
            if stamp.exists() {
                fs::remove_file(&stamp).with_context(|| format!("cannot remove {}", stamp.display()))?;
            }
        }
    }
    all()
}

/// An image that is made from packages.
struct Recipe {
    name: &'static str,
    /// Where to begin; what they need is found out.
    packages: &'static [&'static str],
    make: fn(unpacked: &Path) -> Result<layout::Image>,
}

const IMAGES: [Recipe; 2] = [busybox::RECIPE, nginx::RECIPE];
/// Part of every stamp: raise it when a recipe changes what it makes.
const FORMAT: u32 = 3;

/// All images from packages; those that are up to date cost one look-up each.
pub(crate) fn all() -> Result<()> {
    for image in IMAGES {
        let tar = target("images")?.join(format!("{}.tar", image.name));
        from_packages(image.name, image.packages, std::slice::from_ref(&tar), |unpacked| {
            (image.make)(unpacked).map(|image| vec![image])
        })?;
    }
    Ok(())
}

/// The images of [`clients`], as tars to be loaded.
pub(crate) fn for_clients() -> Result<Vec<PathBuf>> {
    let folder = target("images/clients")?;
    let tars: Vec<PathBuf> = clients::NAMES.iter().map(|name| folder.join(format!("{name}.tar"))).collect();
    from_packages("clients", busybox::RECIPE.packages, &tars, clients::images)?;
    Ok(tars)
}

/// Makes images into these files, unless they are there and the packages are still the same.
fn from_packages(
    name: &str,
    packages: &[&str],
    tars: &[PathBuf],
    make: impl Fn(&Path) -> Result<Vec<layout::Image>>,
) -> Result<()> {
    let closure = packages::closure(packages)?;
    let stamp = format!("format {FORMAT}\n{}", closure.versions);
    let stamp_file = stamp_file(name)?;
    if tars.iter().all(|tar| tar.exists()) && fs::read_to_string(&stamp_file).is_ok_and(|old| old == stamp) {
        println!("images: {name} is up to date");
        return Ok(());
    }
    let unpacked = packages::unpack(name, &closure)?;
    let images = make(&unpacked).with_context(|| format!("cannot make the image {name}"))?;
    for (image, tar) in images.iter().zip(tars) {
        artifact::replace(tar, &image.tar()?, 0o644)?;
        println!("images: {} from {}", tar.display(), closure.names.join(", "));
    }
    fs::write(&stamp_file, stamp).with_context(|| format!("cannot write {}", stamp_file.display()))
}

/// The program and the image that `hulld` embeds.
pub(crate) fn hello() -> Result<()> {
    let program = programs::build("hull-hello")?;
    let image = programs::hello_image(&program)?;
    artifact::replace(&target("hull")?.join("hello.tar"), &image.tar()?, 0o644)
}

/// The program that tests run inside containers.
pub(crate) fn guest() -> Result<()> {
    let program = programs::build("hull-guest")?;
    let bytes = fs::read(&program).with_context(|| format!("cannot read {}", program.display()))?;
    artifact::replace(&target("hull")?.join("hull-guest"), &bytes, 0o755)
}

fn stamp_file(name: &str) -> Result<PathBuf> {
    Ok(target("images")?.join(format!("{name}.stamp")))
}
