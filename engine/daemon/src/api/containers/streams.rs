//! What goes on: output, input, statistics, and waiting for an exit.

use crate::api::Shared;
use crate::api::detach_keys::DetachKeys;
use crate::api::error::ApiError;
use crate::api::hijack::{self, Hijack};
use crate::api::request::{Name, Query};
use crate::api::session::{AtEof, Input, Session};
use crate::api::transfer::json_lines;
use crate::api::websocket::WebSocket;
use crate::containers::{AttachOptions, Attachment, LogOptions, Stdin, WaitCondition};
use crate::time::Time;
use axum::body::Body;
use axum::extract::{Extension, Request, State};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use futures_util::{FutureExt, TryStreamExt};
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

/// What a service's attachment to a container is to a client; `raw`: without frames.
fn session(attachment: Attachment, raw: bool, stdin_once: bool, keys: DetachKeys) -> Session<Stdin> {
    let Attachment { tty, chunks, stdin } = attachment;
    let at_eof = if stdin_once && !tty { AtEof::CloseInput } else { AtEof::Detach };
    Session { raw, output: chunks, input: stdin, at_eof, detach_keys: tty.then_some(keys) }
}

/// `detachKeys` of an attach.
fn detach_keys(query: &Query) -> Result<DetachKeys, ApiError> {
    let text = query.get("detachKeys").unwrap_or_default();
    DetachKeys::parse(text).ok_or_else(|| ApiError::bad_request(format!("Invalid detach keys ({text}) provided")))
}

fn attach_options(query: &Query) -> AttachOptions {
    AttachOptions {
        logs: query.flag("logs"),
        stream: query.flag("stream"),
        stdin: query.flag("stdin"),
        stdout: query.flag("stdout"),
        stderr: query.flag("stderr"),
    }
}

pub(super) async fn attach(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
    hijack: Hijack,
    request: Request,
) -> Result<Response, ApiError> {
    let keys = detach_keys(&query)?;
    let stdin_once = engine.containers.get(&id)?.config.stdin_once;
    let attachment = engine.containers.attach(&id, attach_options(&query)).await?;
    let raw = attachment.tty;
    Ok(hijack.connect(session(attachment, raw, stdin_once, keys), Some(request.into_body())))
}

pub(super) async fn attach_websocket(
    State(engine): State<Shared>,
    Name(id): Name,
    query: Query,
    Extension(version): Extension<ApiVersion>,
    socket: WebSocket,
) -> Result<Response, ApiError> {
    let keys = detach_keys(&query)?;
    let mut options = attach_options(&query);
    if version < ApiVersion::new(1, 42) {
        // Before, a websocket always had all three.
        (options.stdin, options.stdout, options.stderr) = (true, true, true);
    }
    let stdin_once = engine.containers.get(&id)?.config.stdin_once;
    let attachment = engine.containers.attach(&id, options).await?;
    Ok(socket.connect(session(attachment, true, stdin_once, keys)))
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
        frames: true,
    };
    let output = engine.containers.logs(&id, options).await?;
    let body = Body::from_stream(output.chunks.map_ok(|piece| piece.bytes));
    Ok(([(header::CONTENT_TYPE, hijack::content_type(output.tty, version))], body).into_response())
}

pub(super) async fn stats(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    if query.flag_or("stream", true) {
        return Ok(json_lines(engine.containers.stats_stream(&id).await?));
    }
    let stats = if query.flag("one-shot") {
        engine.containers.stats_once(&id).await?
    } else {
        // Without one-shot a client wants a sample that has the one before it, for percentages.
        engine.containers.stats_with_rates(&id).await?
    };
    Ok(axum::Json(stats).into_response())
}

pub(super) async fn wait(State(engine): State<Shared>, Name(id): Name, query: Query) -> Result<Response, ApiError> {
    let condition = WaitCondition::parse(query.get("condition").unwrap_or_default())?;
    let end = engine.containers.wait(&id, condition)?;
    // The head goes out now: clients start the container only when they have seen it.
    Ok(json_lines(stream::once(end.map(|response| response))))
}
