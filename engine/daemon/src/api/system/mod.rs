//! The engine as a whole: ping, version, info, disk use, events, logins.

mod events;
mod info;
mod usage;

use super::Shared;
use super::error::ApiError;
use super::request::Json;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use axum::{Json as Answer, Router};
use http::{HeaderName, StatusCode, header};
use hull_api::version::{MAX, MIN};
use hull_api::{AuthConfig, ComponentVersion, Platform, Version};
use std::collections::BTreeMap;

pub(super) fn routes() -> Router<Shared> {
    Router::new()
        .route("/_ping", get(ping))
        .route("/version", get(version))
        .route("/info", get(info::info))
        .route("/events", get(events::events))
        .route("/system/df", get(usage::df))
        .route("/auth", post(auth))
}

/// What `_ping` answers, to HEAD without the body. Caches must not answer for the engine.
async fn ping() -> impl IntoResponse {
    let headers = [
        (HeaderName::from_static("builder-version"), "1"),
        (HeaderName::from_static("swarm"), "inactive"),
        (header::CACHE_CONTROL, "no-cache, no-store, must-revalidate"),
        (header::PRAGMA, "no-cache"),
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
    ];
    (headers, "OK")
}

async fn version() -> Answer<Version> {
    let host = nix::sys::utsname::uname().ok();
    let kernel = host.as_ref().map(|host| host.release().to_string_lossy().into_owned()).unwrap_or_default();
    let details = BTreeMap::from([
        ("ApiVersion".to_owned(), MAX.to_string()),
        ("MinAPIVersion".to_owned(), MIN.to_string()),
        ("Os".to_owned(), "linux".to_owned()),
        ("Arch".to_owned(), info::architecture().to_owned()),
        ("KernelVersion".to_owned(), kernel.clone()),
        ("GitCommit".to_owned(), info::COMMIT.to_owned()),
        ("GoVersion".to_owned(), info::COMPILER.to_owned()),
        ("Experimental".to_owned(), "false".to_owned()),
        ("BuildTime".to_owned(), String::new()),
    ]);
    // Built into hulld, from the same commit.
    let shim = BTreeMap::from([("GitCommit".to_owned(), info::COMMIT.to_owned())]);
    let version = info::VERSION.to_owned();
    Answer(Version {
        platform: Platform { name: "Hull".to_owned() },
        components: vec![
            ComponentVersion { name: "Engine".to_owned(), version: version.clone(), details },
            ComponentVersion { name: "hull-shim".to_owned(), version: version.clone(), details: shim },
        ],
        version,
        api_version: MAX.to_string(),
        min_api_version: MIN.to_string(),
        git_commit: info::COMMIT.to_owned(),
        go_version: info::COMPILER.to_owned(),
        os: "linux".to_owned(),
        arch: info::architecture().to_owned(),
        kernel_version: kernel,
        ..Version::default()
    })
}

async fn auth(Json(login): Json<AuthConfig>) -> ApiError {
    let registry = if login.serveraddress.is_empty() { "docker.io" } else { &login.serveraddress };
    ApiError::new(
        StatusCode::NOT_IMPLEMENTED,
        format!("cannot log in to {registry}: this hulld has no registry client yet"),
    )
}
