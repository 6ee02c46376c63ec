//! `hull images`.

use hull_api::ImageSummary;
use serde_json::json;

use super::listing::ListFlags;
use super::{Context, Outcome};
use crate::client::Query;
use crate::output::format::{List, Row, row};
use crate::output::table::short_id;
use crate::output::{time, units};

pub(super) const LIST: List = List {
    titles: &[
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("ID", "IMAGE ID"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
        ("VirtualSize", "SIZE"),
    ],
    table: "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}",
    quiet: "{{.ID}}",
    raw: "repository: {{.Repository}}\ntag: {{.Tag}}\nimage_id: {{.ID}}\ncreated_at: {{.CreatedAt}}\nvirtual_size: {{.Size}}\n",
};

const LIST_WITH_DIGESTS: List =
    List { table: "{{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}", ..LIST };

/// List images
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull images [OPTIONS] [REPOSITORY[:TAG]]")]
#[command(
    after_help = "Examples:\n  hull images\n  hull images -f dangling=true -q\n  hull images --format '{{.Repository}}:{{.Tag}} {{.Size}}' busybox"
)]
pub(crate) struct Args {
    /// Show all images (default hides intermediate images)
    #[arg(short, long)]
    all: bool,
    /// Show digests
    #[arg(long)]
    digests: bool,
    #[command(flatten)]
    list: ListFlags,
    /// Only these
    repository: Option<String>,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let mut filters = args.list.filters();
    if let Some(repository) = &args.repository {
        filters.add("reference", repository);
    }
    let query = Query::new().flag("all", args.all).filters(&filters);
    let images: Vec<ImageSummary> = context.client.get("/images/json", query).await?;
    let digests = args.digests || args.list.format.as_deref().is_some_and(|format| format.contains(".Digest"));
    let rows =
        images.iter().flat_map(|image| image_rows(image, !args.list.no_trunc, digests, args.list.quiet)).collect();
    let list = if args.digests { LIST_WITH_DIGESTS } else { LIST };
    args.list.print(&list, rows)
}

/// One row for each tag; with digests, for each pair of the two.
pub(super) fn image_rows(image: &ImageSummary, truncate: bool, digests: bool, quiet: bool) -> Vec<Row> {
    const NONE: &str = "<none>";
    let digest_of = |repository: &str| {
        let found = image.repo_digests.iter().filter_map(|d| d.split_once('@')).find(|(name, _)| *name == repository);
        found.map_or(NONE, |(_, digest)| digest).to_owned()
    };
    let mut names: Vec<(String, String, String)> = Vec::new();
    for reference in image.repo_tags.iter().filter(|t| *t != "<none>:<none>") {
        let (repository, tag) = reference.rsplit_once(':').unwrap_or((reference, NONE));
        names.push((repository.to_owned(), tag.to_owned(), digest_of(repository)));
    }
    if names.is_empty() {
        for reference in image.repo_digests.iter().filter(|d| *d != "<none>@<none>") {
            let (repository, digest) = reference.split_once('@').unwrap_or((reference, NONE));
            names.push((repository.to_owned(), NONE.to_owned(), digest.to_owned()));
        }
    }
    if names.is_empty() {
        names.push((NONE.to_owned(), NONE.to_owned(), NONE.to_owned()));
    }
    if !digests {
        names.iter_mut().for_each(|name| name.2 = NONE.to_owned());
        names.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
    }
    if quiet {
        // An id twice would make `rmi $(images -q)` complain.
        names.truncate(1);
    }
    let size = units::human_size(image.size as f64);
    let unknown = |n: i64, text: String| if n < 0 { "N/A".to_owned() } else { text };
    names
        .into_iter()
        .map(|(repository, tag, digest)| {
            row([
                ("ID", json!(if truncate { short_id(&image.id) } else { &image.id })),
                ("Repository", json!(repository)),
                ("Tag", json!(tag)),
                ("Digest", json!(digest)),
                ("CreatedSince", json!(format!("{} ago", time::age(image.created)))),
                ("CreatedAt", json!(time::local(image.created))),
                ("Size", json!(size)),
                ("VirtualSize", json!(units::human_size_long(image.size as f64))),
                ("Containers", json!(unknown(image.containers, image.containers.to_string()))),
                ("SharedSize", json!(unknown(image.shared_size, units::human_size(image.shared_size as f64)))),
                (
                    "UniqueSize",
                    json!(unknown(image.shared_size, units::human_size((image.size - image.shared_size) as f64))),
                ),
            ])
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_for_each_tag() {
        let image = ImageSummary {
            id: "sha256:0123456789abcdef".into(),
            repo_tags: vec!["a:1".into(), "localhost:5000/b:2".into()],
            repo_digests: vec!["a@sha256:dd".into()],
            shared_size: -1,
            containers: -1,
            size: 4_270_000,
            ..ImageSummary::default()
        };
        let rows = image_rows(&image, true, true, false);
        assert_eq!(rows.len(), 2);
        assert_eq!((rows[0]["Repository"].as_str(), rows[0]["Digest"].as_str()), (Some("a"), Some("sha256:dd")));
        assert_eq!((rows[1]["Repository"].as_str(), rows[1]["Tag"].as_str()), (Some("localhost:5000/b"), Some("2")));
        assert_eq!(rows[0]["Size"], "4.27MB");
        assert_eq!(rows[0]["UniqueSize"], "N/A");
        assert_eq!(image_rows(&image, true, false, true).len(), 1);
        let nameless = ImageSummary { id: "x".into(), ..ImageSummary::default() };
        assert_eq!(image_rows(&nameless, true, false, false)[0]["Repository"], "<none>");
    }
}
