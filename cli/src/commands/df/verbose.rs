//! `hull system df -v`: every object, in a table for each kind; a template sees them all at once.

use hull_api::SystemDf;
use serde_json::{Map, Value};

use super::super::{Outcome, images, ps, volume_ls};
use crate::output::format::{LABEL_MAP, List, Row, Style, unescape};
use crate::output::template::Template;
use crate::output::{self, units};

const BUILD_CACHE: List = List {
    titles: &[
        ("ID", "CACHE ID"),
        ("CacheType", "CACHE TYPE"),
        ("Size", "SIZE"),
        ("CreatedSince", "CREATED"),
        ("LastUsedSince", "LAST USED"),
        ("UsageCount", "USAGE"),
        ("Shared", "SHARED"),
    ],
    table: "{{.ID}}\t{{.CacheType}}\t{{.Size}}\t{{.CreatedSince}}\t{{.LastUsedSince}}\t{{.UsageCount}}\t{{.Shared}}",
    quiet: "{{.ID}}",
    raw: "",
};

/// Rows of each kind.
struct Rows {
    images: Vec<Row>,
    containers: Vec<Row>,
    volumes: Vec<Row>,
}

impl Rows {
    fn new(df: &SystemDf, truncate: bool) -> Self {
        let containers = df.containers.iter().map(|container| {
            // What an image and its containers share belongs to the image.
            let own = hull_api::ContainerSummary { size_root_fs: 0, ..container.clone() };
            ps::container_row(&own, truncate)
        });
        Self {
            // One row an image, by its first name.
            images: df
                .images
                .iter()
                .filter_map(|image| images::image_rows(image, truncate, false, true).into_iter().next())
                .map(|mut row| {
                    row.insert("Digest".to_owned(), Value::from(""));
                    row
                })
                .collect(),
            containers: containers.collect(),
            volumes: df.volumes.iter().map(volume_ls::volume_row).collect(),
        }
    }
}

pub(super) fn print(df: &SystemDf, format: &str) -> Outcome {
    let format = format.trim();
    if !matches!(format, "" | "table") {
        let template = if format == "json" { "{{json .}}" } else { format };
        let template = Template::parse(&unescape(template))?;
        output::print(&template.render(&objects(Rows::new(df, false)))?)?;
        return Ok(0);
    }
    let rows = Rows::new(df, true);
    let table = |list: List, rows| list.render(&Style::default(), rows);
    let images = table(List { table: IMAGES, ..images::LIST }, rows.images)?;
    let containers = table(List { table: CONTAINERS, ..ps::LIST }, rows.containers)?;
    let volumes = table(List { table: "{{.Name}}\t{{.Links}}\t{{.Size}}", ..volume_ls::LIST }, rows.volumes)?;
    let cache = table(BUILD_CACHE, Vec::new())?;
    let cached: f64 = df.build_cache.iter().filter_map(|record| record["Size"].as_f64()).sum();
    output::print(&format!(
        "Images space usage:\n\n{images}\nContainers space usage:\n\n{containers}\nLocal Volumes space usage:\n\n{volumes}\nBuild cache usage: {}\n\n{cache}",
        units::human_size_long(cached)
    ))?;
    Ok(0)
}

const IMAGES: &str = "{{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{.CreatedSince}}\t{{.Size}}\t{{.SharedSize}}\t{{.UniqueSize}}\t{{.Containers}}";
const CONTAINERS: &str =
    "{{.ID}}\t{{.Image}}\t{{.Command}}\t{{.LocalVolumes}}\t{{.Size}}\t{{.RunningFor}}\t{{.Status}}\t{{.Names}}";

/// What a template names.
fn objects(rows: Rows) -> Value {
    let list = |rows: Vec<Row>| rows.into_iter().map(as_row).map(Value::Object).collect::<Vec<_>>();
    let mut all = Map::new();
    all.insert("Images".to_owned(), list(rows.images).into());
    all.insert("Containers".to_owned(), list(rows.containers).into());
    all.insert("Volumes".to_owned(), list(rows.volumes).into());
    all.insert("BuildCache".to_owned(), Value::Array(Vec::new()));
    Value::Object(all)
}

/// What makes it a row in the eyes of `json`.
fn as_row(mut row: Row) -> Row {
    row.entry(LABEL_MAP).or_insert_with(|| Value::Object(Map::new()));
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_sees_every_kind() {
        let df = SystemDf { containers: vec![hull_api::ContainerSummary::default()], ..SystemDf::default() };
        let objects = objects(Rows::new(&df, false));
        let template =
            Template::parse("{{len .Images}}{{len .Containers}}{{len .Volumes}}{{len .BuildCache}}").unwrap();
        assert_eq!(template.render(&objects).unwrap(), "0100");
    }
}
