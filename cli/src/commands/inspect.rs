//! `hull inspect`: objects of any kind, as the engine describes them.

use http::StatusCode;
use http_body_util::BodyExt;
use serde_json::Value;

use super::{CommandError, Context, Outcome, container_path, listing};
use crate::client::{Body, Call, ClientError, Query, segment};
use crate::output::{self, json};

/// Return low-level information on Hull objects
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull inspect [OPTIONS] NAME|ID [NAME|ID...]")]
#[command(after_help = "Examples:
  hull inspect web
  hull inspect -f '{{.State.Pid}}' web
  hull inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web
  hull inspect -f '{{json .Config.Env}}' web
  hull inspect --type image nginx")]
pub(crate) struct Args {
    #[command(flatten)]
    view: View,
    /// Only return objects of the given type: container, image, network, volume
    #[arg(long = "type", value_name = "string")]
    kind: Option<String>,
    /// The objects
    #[arg(required = true)]
    names: Vec<String>,
}

/// Display detailed information on one or more of these
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull inspect [OPTIONS] NAME|ID [NAME|ID...]")]
pub(crate) struct TypedArgs {
    #[command(flatten)]
    view: View,
    /// The objects
    #[arg(required = true)]
    names: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct View {
    /// Format output using a custom template: json, TEMPLATE
    #[arg(short, long, value_name = "string")]
    format: Option<String>,
    /// Display total file sizes if the type is container
    #[arg(short, long)]
    size: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Container,
    Image,
    Network,
    Volume,
}

fn kind(text: &str) -> Result<Kind, CommandError> {
    match text {
        "container" => Ok(Kind::Container),
        "image" => Ok(Kind::Image),
        "network" => Ok(Kind::Network),
        "volume" => Ok(Kind::Volume),
        other => Err(CommandError::UnknownType(other.to_owned())),
    }
}

impl Kind {
    fn path(self, name: &str) -> String {
        match self {
            Self::Container => container_path(name, "json"),
            Self::Image => format!("/images/{}/json", segment(name)),
            Self::Network => format!("/networks/{}", segment(name)),
            Self::Volume => format!("/volumes/{}", segment(name)),
        }
    }
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let kinds = match args.kind.as_deref() {
        Some(text) => vec![kind(text)?],
        None => vec![Kind::Container, Kind::Image, Kind::Network, Kind::Volume],
    };
    show(context, &args.names, &kinds, &args.view).await
}

pub(crate) async fn run_typed(context: &Context, args: TypedArgs, kind: Kind) -> Outcome {
    show(context, &args.names, &[kind], &args.view).await
}

/// Everything that was found is shown; what was not is said after it.
async fn show(context: &Context, names: &[String], kinds: &[Kind], view: &View) -> Outcome {
    let template = match view.format.as_deref() {
        None | Some("") => None,
        // All of them, as one document.
        Some("json") => None,
        Some(text) => Some(listing::template(text)?),
    };
    let mut found = Vec::new();
    let mut errors = Vec::new();
    for name in names {
        match find(context, name, kinds, view.size).await {
            Ok(text) => found.push(text),
            Err(error) => errors.push(error),
        }
    }
    match template {
        None if view.format.as_deref() == Some("json") => output::print_line(&format!("[{}]", found.join(",")))?,
        None => output::print_line(&json::indent(&format!("[{}]", found.join(","))))?,
        // Docker's line for nothing: who reads it with a format reads lines.
        Some(_) if found.is_empty() => output::print_line("")?,
        Some(template) => {
            for text in found {
                let value: Value = serde_json::from_str(&text)?;
                let text = template.render(&value).map_err(|error| listing::wrong_format(&error));
                // Also of an object that the template does not fit there is a line.
                output::print_line(text.as_deref().unwrap_or_default())?;
                text?;
            }
        }
    }
    if errors.is_empty() { Ok(0) } else { Err(CommandError::Several(errors)) }
}

/// The object's JSON, of the first kind that has one of this name.
async fn find(context: &Context, name: &str, kinds: &[Kind], size: bool) -> Result<String, CommandError> {
    for kind in kinds {
        let path = kind.path(name);
        let query = Query::new().flag("size", size && *kind == Kind::Container);
        let call = Call { method: http::Method::GET, path: &path, query, headers: &[] };
        match context.client.send(call, Body::empty()).await {
            Ok(response) => {
                let body = response.into_body().collect().await;
                let bytes = body.map_err(|source| ClientError::Transport { operation: path, source })?.to_bytes();
                return Ok(String::from_utf8_lossy(&bytes).trim().to_owned());
            }
            // Of one kind the daemon's own words are best; of several none of them is.
            Err(error) if kinds.len() > 1 && error.is_status(StatusCode::NOT_FOUND) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(CommandError::NoSuchObject(name.to_owned()))
}
