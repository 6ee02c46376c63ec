//! What the shell offers for a name when Tab is pressed: it runs `hull` in the middle of the line, which asks the engine.
//!
//! An engine that is not there, or slow, offers nothing: the shell must not hang, and has no place for an error.

use std::time::Duration;

use clap::Command;
use clap_complete::engine::{ArgValueCandidates, CompletionCandidate};
use hull_api::{ContainerSummary, ImageSummary, VolumeList};
use serde::de::DeserializeOwned;

use super::Connection;
use crate::client::Query;

/// Longer than any engine needs, and shorter than a person waits.
const PATIENCE: Duration = Duration::from_secs(1);

/// A tree of commands whose arguments offer what there is. Arguments of one name mean the same everywhere.
pub(crate) fn offering(command: Command) -> Command {
    command
        .mut_args(|arg| {
            let candidates: fn() -> Vec<CompletionCandidate> = match arg.get_id().as_str() {
                _ if !arg.is_positional() => return arg,
                "container" | "containers" | "container_and_command" | "container_and_options" => containers,
                "image" | "images" | "image_and_command" | "repository" => images,
                "volumes" => volumes,
                "names" => objects,
                _ => return arg,
            };
            arg.add(ArgValueCandidates::new(candidates))
        })
        .mut_subcommands(offering)
}

/// Names of containers, with what they run and how they are.
fn containers() -> Vec<CompletionCandidate> {
    let list: Vec<ContainerSummary> = ask("/containers/json", Query::new().flag("all", true)).unwrap_or_default();
    let described = |container: &ContainerSummary| {
        let name = container.names.first()?.trim_start_matches('/').to_owned();
        let about = format!("{}: {}", container.image, container.status);
        Some(CompletionCandidate::new(name).help(Some(about.into())))
    };
    list.iter().filter_map(described).collect()
}

/// Tags of images.
fn images() -> Vec<CompletionCandidate> {
    let list: Vec<ImageSummary> = ask("/images/json", Query::new()).unwrap_or_default();
    let tags = list.into_iter().flat_map(|image| image.repo_tags);
    tags.filter(|tag| tag != "<none>:<none>").map(CompletionCandidate::new).collect()
}

/// Names of volumes.
fn volumes() -> Vec<CompletionCandidate> {
    let list: VolumeList = ask("/volumes", Query::new()).unwrap_or_default();
    list.volumes.into_iter().map(|volume| CompletionCandidate::new(volume.name)).collect()
}

/// Whatever `inspect` takes.
fn objects() -> Vec<CompletionCandidate> {
    containers().into_iter().chain(images()).chain(volumes()).collect()
}

fn ask<T: DeserializeOwned>(path: &str, query: Query) -> Option<T> {
    let client = Connection::typed(&std::env::args().collect::<Vec<_>>()).client().ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, client.get(path, query)).await.ok()?.ok() })
}
