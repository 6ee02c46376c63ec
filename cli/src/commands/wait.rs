//! `hull wait`, and the wait that `run`, `start` and `attach` end with.

use http::Response;
use http_body_util::BodyExt;
use hull_api::{WaitResponse, decode};
use hyper::body::Incoming;

use super::containers::Containers;
use super::{CommandError, Context, Outcome, container_path};
use crate::client::{Body, Call, ClientError, Query};
use crate::output;

/// Block until one or more containers stop, then print their exit codes
#[derive(Debug, clap::Args)]
#[command(override_usage = "hull wait CONTAINER [CONTAINER...]")]
pub(crate) struct Args {
    #[command(flatten)]
    containers: Containers,
}

pub(crate) async fn run(context: &Context, args: Args) -> Outcome {
    let mut errors = Vec::new();
    for name in &args.containers.containers {
        match code_of(context, name).await {
            Ok(code) => output::print_line(&code.to_string())?,
            Err(error) => errors.push(error),
        }
    }
    if errors.is_empty() { Ok(0) } else { Err(CommandError::Several(errors)) }
}

async fn code_of(context: &Context, name: &str) -> Outcome {
    finish(begin(context, name, "").await?).await
}

/// A wait whose headers have come: whatever ends from now on is not missed.
pub(super) struct Waiting(Response<Incoming>);

/// Asks for a condition: empty for `not-running`, `next-exit`, `removed`.
pub(super) async fn begin(context: &Context, name: &str, condition: &str) -> Result<Waiting, ClientError> {
    let path = container_path(name, "wait");
    let query = Query::new().text("condition", condition);
    let call = Call { method: http::Method::POST, path: &path, query, headers: &[] };
    context.client.send(call, Body::empty()).await.map(Waiting)
}

/// The same at the end of `run`, `start` and `attach`: a container outlives its engine, and whoever was connected to it
/// can come back.
pub(super) async fn finish_attached(waiting: Waiting, name: &str) -> Outcome {
    finish(waiting).await.map_err(|error| match error {
        CommandError::Client(ClientError::Transport { .. }) => CommandError::EngineLost(name.to_owned()),
        error => error,
    })
}

/// The exit code, once there is one.
pub(super) async fn finish(waiting: Waiting) -> Outcome {
    let operation = || "waiting for the container".to_owned();
    let body = waiting.0.into_body().collect().await;
    let bytes = body.map_err(|source| ClientError::Transport { operation: operation(), source })?.to_bytes();
    let answer: WaitResponse =
        decode::from_slice(&bytes).map_err(|source| ClientError::Decode { operation: operation(), source })?;
    match answer.error.filter(|error| !error.message.is_empty()) {
        Some(error) => Err(CommandError::InStream(error.message)),
        None => Ok(answer.status_code as i32),
    }
}
