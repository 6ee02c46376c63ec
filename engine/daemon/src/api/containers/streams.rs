//! What goes on: output, input, statistics, and waiting for an exit.

use crate::api::Shared;
use crate::api::detach_keys::DetachKeys;
use crate::api::error::ApiError;
use crate::api::hijack::{self, AtEof, Hijack, Input, Session};
use crate::api::request::{Name, Query};
use crate::api::transfer::json_lines;
use crate::containers::{AttachOptions, Attachment, LogOptions, Stdin, WaitCondition};
use crate::time::Time;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use futures_util::{FutureExt, StreamExt, TryStreamExt};
use http::header;
use hull_api::version::ApiVersion;
use std::io;

impl Input for Stdin {
    async fn write(&mut self, bytes: Bytes) -> io::Result<()> {
        Stdin::write(self, bytes).await
    }

    async fn close(self) {
        Stdin::close(self).await;
    }
}

/// What a service's attachment is to a client.
pub(super) fn session(attachment: Attachment, at_eof: AtEof, detach_keys: DetachKeys) -> Session<Stdin> {
    Session { tty: attachment.tty, output: attachment.chunks, input: attachment.stdin, at_eof, detach_keys }
}

/// `detachKeys`; absent means the default ones.
pub(super) fn detach_keys(text: Option<&str>) -> Result<DetachKeys, ApiError> {
    text.map_or_else(|| Ok(DetachKeys::default()), |text| DetachKeys::parse(text).map_err(ApiError::bad_request))
}

pub(super) async fn attach(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
    hijack: Hijack,
    request: Request,
) -> Result<Response, ApiError> {
    let keys = detach_keys(query.get("detachKeys"))?;
    let options = AttachOptions {
        logs: query.flag("logs"),
        stream: query.flag("stream"),
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
    };
    let stdin_once = engine.containers.get(&id)?.config.stdin_once;
    let attachment = engine.containers.attach(&id, options).await?;
    let at_eof = if stdin_once && !attachment.tty { AtEof::CloseInput } else { AtEof::Detach };
    Ok(hijack.connect(session(attachment, at_eof, keys), Some(request.into_body())))
}

pub(super) async fn logs(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
    Extension(version): Extension<ApiVersion>,
) -> Result<Response, ApiError> {
    let (stdout, stderr) = (query.flag("stdout"), query.flag("stderr"));
    if !stdout && !stderr {
        return Err(ApiError::bad_request("Bad parameters: you must choose at least one stream"));
    }
    let time = |name: &str| query.get(name).filter(|text| *text != "0").map(Time::parse_query).transpose();
    let options = LogOptions {
        stdout,
        stderr,
        follow: query.flag("follow"),
        since: time("since")?,
        until: time("until")?,
        timestamps: query.flag("timestamps"),
        details: query.flag("details"),
        // Whatever is no number means all of it, as dockerd has it.
        tail: query.get("tail").and_then(|tail| tail.parse().ok()),
    };
    let output = engine.containers.logs(&id, options).await?;
    let tty = output.tty;
    let body = Body::from_stream(output.chunks.map_ok(move |piece| hijack::frame(tty, piece)));
    Ok(([(header::CONTENT_TYPE, hijack::content_type(tty, version))], body).into_response())
}

pub(super) async fn stats(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    let follow = query.flag_or("stream", true);
    if !follow && query.flag("one-shot") {
        let stats = engine.containers.stats_once(&id).await?;
        return Ok(axum::Json(stats).into_response());
    }
    let stats = engine.containers.stats_stream(&id).await?;
    if follow {
        return Ok(json_lines(stats));
    }
    // Without one-shot a client wants a sample that has the one before it, for percentages.
    let second = stats.take(2).fold(None, |_, sample| async { Some(sample) }).await;
    Ok(axum::Json(second).into_response())
}

pub(super) async fn wait(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    let condition = WaitCondition::parse(query.get("condition").unwrap_or_default())?;
    let end = engine.containers.wait(&id, condition)?;
    // The head goes out now: clients start the container only when they have seen it.
    Ok(json_lines(stream::once(end.map(|response| response))))
}
