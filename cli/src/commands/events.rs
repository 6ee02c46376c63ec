//! `hull events`.

use hull_api::Event;
use serde_json::json;

use super::{CommandError, Context, Outcome};
use crate::client::{Body, Call, Filters, JsonStream, Query};
use crate::output::format::unescape;
use crate::output::template::{Template, TemplateError};
use crate::output::{self, time};
use crate::request::values;

/// Get real time events from the server
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull events [OPTIONS]")]
#[command(
    after_help = "Examples:\n  hull events --since 10m -f container=web\n  hull events -f event=oom -f event=throttle -f event=limit\n  hull events --format '{{.Action}} {{.Actor.Attributes.name}}'"
)]
pub(crate) struct Args {
    /// Filter output based on conditions provided
    #[arg(short, long, value_name = "filter", value_parser = values::filter)]
    filter: Vec<String>,
    /// Format output using a custom template: json, TEMPLATE
    #[arg(long, value_name = "string")]
    format: Option<String>,
    /// Show all events created since timestamp
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    since: String,
    /// Stream events until this timestamp
    #[arg(long, value_name = "string", default_value = "", hide_default_value = true)]
    until: String,
}

enum View {
    Line,
    Json,
    Template(Template),
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let view = match args.format.as_deref() {
        None | Some("") => View::Line,
        Some("json" | "{{json .}}") => View::Json,
        Some(text) => View::Template(template(text)?),
    };
    let query = Query::new()
        .text("since", &time::since(&args.since).map_err(CommandError::Time)?)
        .text("until", &time::since(&args.until).map_err(CommandError::Time)?)
        .filters(&Filters::from_flags(&args.filter));
    let call = Call { method: http::Method::GET, path: "/events", query, headers: &[] };
    let response = context.client.send(call, Body::empty()).await?;
    let mut events = JsonStream::<Event>::new("GET /events", response);
    while let Some(event) = events.next().await? {
        let text = match &view {
            View::Line => line(&event),
            View::Json => serde_json::to_string(&event)?,
            View::Template(template) => {
                let mut value = serde_json::to_value(&event)?;
                if let Some(map) = value.as_object_mut() {
                    // Go's field names, beside those of the JSON.
                    map.insert("Time".to_owned(), json!(event.time));
                    map.insert("TimeNano".to_owned(), json!(event.time_nano));
                    map.insert("Scope".to_owned(), json!(event.scope));
                    for (key, text) in [("ID", &event.id), ("Status", &event.status), ("From", &event.from)] {
                        map.insert(key.to_owned(), json!(text));
                    }
                }
                template.render(&value).map_err(|error| wrong_format(&error))?
            }
        };
        output::print_line(&text)?;
    }
    Ok(0)
}

fn template(text: &str) -> Result<Template, CommandError> {
    Template::parse(&unescape(text)).map_err(|error| wrong_format(&error))
}

fn wrong_format(error: &TemplateError) -> CommandError {
    CommandError::View { text: format!("Error parsing format: {}", error.plain()), code: 64 }
}

/// `TIME container start ID (image=nginx, name=web)`.
fn line(event: &Event) -> String {
    let when = if event.time_nano != 0 { event.time_nano } else { event.time.saturating_mul(1_000_000_000) };
    let attributes: Vec<String> = event.actor.attributes.iter().map(|(k, v)| format!("{k}={v}")).collect();
    let mut text = format!("{} {} {} {}", time::local_nanos(when), event.kind, event.action, event.actor.id);
    if !attributes.is_empty() {
        text.push_str(&format!(" ({})", attributes.join(", ")));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line() {
        let mut event = Event { kind: "container".into(), action: "start".into(), time_nano: 5, ..Event::default() };
        event.actor.id = "abc".into();
        event.actor.attributes = [("image".into(), "nginx".into()), ("name".into(), "web".into())].into();
        let text = line(&event);
        assert!(text.contains(".000000005"), "{text}");
        assert!(text.ends_with(" container start abc (image=nginx, name=web)"), "{text}");
    }
}
