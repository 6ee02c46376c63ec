//! `/images` and `/distribution`. Image names have slashes, so what follows the name is taken off by hand.

use super::error::ApiError;
use super::request::Query;
use super::transfer::{BodyReader, Progress, send_archive, with_progress};
use super::{Shared, blocking};
use crate::images::{ImageError, ImportOptions, ListOptions};
use crate::server::dispatch::Route;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use axum::{Json as Answer, Router};
use http::StatusCode;
use hull_api::{DeleteItem, ImageSummary, ImagesPruneReport, JsonMessage};

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/images/json", get(list))
        .route("/images/search", get(no_registry))
        .route("/images/get", get(save_several))
        .route("/images/load", post(load))
        .route("/images/create", post(create))
        .route("/images/prune", post(prune))
        .route("/images/{*rest}", get(get_one).post(post_one).merge(delete(remove)))
        .route("/distribution/{*rest}", get(no_registry))
}

async fn list(State(engine): State<Shared>, query: Query) -> Result<Answer<Vec<ImageSummary>>, ApiError> {
    let mut filters = query.filters()?;
    // Before API 1.25 the name was a parameter of its own.
    if let Some(name) = query.text("filter") {
        filters.entry("reference".to_owned()).or_default().push(name);
    }
    Ok(Answer(engine.images.list(&ListOptions { filters, shared_size: query.flag("shared-size") })?))
}

/// `GET /images/NAME/json`, `/history` or `/get`.
async fn get_one(State(engine): State<Shared>, Path(rest): Path<String>) -> Result<Response, ApiError> {
    let (name, verb) = rest.rsplit_once('/').unwrap_or((&rest, ""));
    let name = name.to_owned();
    match verb {
        "json" => Ok(named("/images/{name}/json", Answer(engine.images.inspect(&name)?))),
        "history" => Ok(named("/images/{name}/history", Answer(engine.images.history(&name)?))),
        "get" => Ok(named("/images/{name}/get", save(&engine, vec![name]).await?)),
        _ => Err(not_found()),
    }
}

/// `POST /images/NAME/tag` or `/push`.
async fn post_one(State(engine): State<Shared>, Path(rest): Path<String>, query: Query) -> Result<Response, ApiError> {
    let (name, verb) = rest.rsplit_once('/').unwrap_or((&rest, ""));
    match verb {
        "tag" => {
            let (name, repository, tag) = (name.to_owned(), query.text("repo").unwrap_or_default(), query.text("tag"));
            blocking(move || engine.images.tag(&name, &repository, tag.as_deref())).await?;
            Ok(named("/images/{name}/tag", StatusCode::CREATED))
        }
        "push" => Err(no_registry().await),
        _ => Err(not_found()),
    }
}

/// Metrics count a template, not a name.
fn named(route: &'static str, answer: impl IntoResponse) -> Response {
    let mut response = answer.into_response();
    response.extensions_mut().insert(Route(route.into()));
    response
}

fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "page not found")
}

async fn remove(
    State(engine): State<Shared>,
    Path(name): Path<String>,
    query: Query,
) -> Result<Answer<Vec<DeleteItem>>, ApiError> {
    let (force, keep_parents) = (query.flag("force"), query.flag("noprune"));
    let in_use = engine.image_uses();
    let images = engine.images.clone();
    let removed = blocking(move || images.remove(&name, force, keep_parents, &in_use)).await?;
    engine.free_held_images();
    Ok(Answer(removed))
}

async fn prune(State(engine): State<Shared>, query: Query) -> Result<Answer<ImagesPruneReport>, ApiError> {
    let filters = query.filters()?;
    let in_use = engine.image_uses();
    Ok(Answer(blocking(move || engine.images.prune(&filters, &in_use)).await?))
}

async fn save_several(State(engine): State<Shared>, query: Query) -> Result<Response, ApiError> {
    save(&engine, query.all("names")).await
}

async fn save(engine: &Shared, names: Vec<String>) -> Result<Response, ApiError> {
    let images = engine.images.clone();
    send_archive(move |writer| images.save(&names, writer)).await
}

async fn load(State(engine): State<Shared>, query: Query, request: Request) -> Result<Response, ApiError> {
    let quiet = query.flag_or("quiet", true);
    let reader = BodyReader::new(request.into_body());
    with_progress(move |progress: Progress| {
        // Whatever is wrong with the archive is told in the stream: clients look for it there.
        if let Err(error) = engine.images.load(reader, quiet, &|message| progress.send(message)) {
            progress.send(JsonMessage::error(ApiError::from(error).message));
        }
        Ok::<_, ImageError>(())
    })
    .await
}

/// Pull (`fromImage`) and import (`fromSrc`).
async fn create(State(engine): State<Shared>, query: Query, request: Request) -> Result<Response, ApiError> {
    if let Some(image) = query.get("fromImage") {
        return pull(&engine, image, query.get("tag")).await;
    }
    let source = query.text("fromSrc").unwrap_or_default();
    if source != "-" {
        return Err(ApiError::bad_request(format!(
            "cannot import from {source:?}: this hulld does not download; send the archive itself (fromSrc=-)"
        )));
    }
    let options = ImportOptions {
        repository: query.text("repo"),
        tag: query.text("tag"),
        message: query.text("message").unwrap_or_default(),
        changes: query.all("changes"),
        platform: query.text("platform").unwrap_or_default(),
        source,
    };
    let reader = BodyReader::new(request.into_body());
    with_progress(move |progress: Progress| {
        engine.images.import(reader, &options, &|message| progress.send(message))?;
        Ok::<_, ImageError>(())
    })
    .await
}

async fn pull(engine: &Shared, image: &str, tag: Option<&str>) -> Result<Response, ApiError> {
    let reference = match tag {
        None => image.to_owned(),
        Some(digest) if digest.starts_with("sha256:") => format!("{image}@{digest}"),
        Some(tag) => format!("{image}:{tag}"),
    };
    match engine.images.resolve(&reference).map_err(ApiError::from) {
        // What is here is as new as anything that could be had.
        Ok(_) => {
            let here = JsonMessage {
                id: tag_of(&reference).to_owned(),
                ..JsonMessage::status(format!("Already here: {}", familiar(image)))
            };
            let message = format!("Status: Image is up to date for {reference}");
            with_progress(move |progress: Progress| {
                // As with a real pull, the tag is the first message's id: clients show it, and some read it.
                progress.send(here);
                progress.send(JsonMessage::status(message));
                Ok::<_, ImageError>(())
            })
            .await
        }
        Err(error) if error.status == StatusCode::NOT_FOUND => Err(ApiError::new(
            StatusCode::NOT_FOUND,
            format!(
                "pull access denied for {}, repository does not exist or may require 'docker login': denied: this \
                 hulld has no registry client yet; bring the image in with `hull load` or `hull import`",
                familiar(image)
            ),
        )),
        Err(error) => Err(error),
    }
}

/// What follows the name; a colon before the last slash is a registry's port.
fn tag_of(reference: &str) -> &str {
    let last = reference.rfind('/').map_or(reference, |slash| &reference[slash..]);
    last.split_once(['@', ':']).map_or("latest", |(_, tag)| tag)
}

/// A name as people write it: the CLI sends it in full.
fn familiar(image: &str) -> &str {
    let short = image.strip_prefix("docker.io/").unwrap_or(image);
    short.strip_prefix("library/").unwrap_or(short)
}

async fn no_registry() -> ApiError {
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        "this hulld has no registry client yet; move images with `hull save` and `hull load`",
    )
}

#[cfg(test)]
mod tests {
    use super::tag_of;

    #[test]
    fn a_port_is_no_tag() {
        for (reference, tag) in [
            ("busybox", "latest"),
            ("busybox:1.36", "1.36"),
            ("localhost:5000/busybox", "latest"),
            ("localhost:5000/a/busybox:x", "x"),
            ("busybox@sha256:00", "sha256:00"),
        ] {
            assert_eq!(tag_of(reference), tag, "{reference}");
        }
    }
}
