//! One request: may it come in, which version does it speak, who handles it, and what every answer carries.

use super::body::RequestBody;
use super::half_close::EofHold;
use super::peer::Peer;
use super::version;
use super::{guard, metrics};
use crate::api::error::ApiError;
use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode};
use hull_api::version::ApiVersion;
use std::borrow::Cow;
use std::time::Instant;
use tower_service::Service;

const API_VERSION: HeaderName = HeaderName::from_static("api-version");
const DOCKER_EXPERIMENTAL: HeaderName = HeaderName::from_static("docker-experimental");
const OSTYPE: HeaderName = HeaderName::from_static("ostype");
/// [`hull_api::version::MAX`] for a header.
const MAX_TEXT: &str = "1.51";
const SERVER: &str = concat!("Hull/", env!("CARGO_PKG_VERSION"), " (linux)");

/// The template of the path that a request matched, for metrics; a handler that serves several puts it on its answer.
#[derive(Debug, Clone)]
pub struct Route(pub Cow<'static, str>);

/// Routes requests. Cheap to clone: one for each connection.
#[derive(Debug, Clone)]
pub struct Dispatch {
    router: Router,
}

impl Dispatch {
    /// Serves these routes.
    pub fn new(router: Router) -> Self {
        let router = router
            .route_layer(middleware::from_fn(name_the_route))
            .fallback(not_found)
            .method_not_allowed_fallback(not_found);
        Self { router }
    }

    /// Answers one request; never fails.
    pub async fn handle(&self, request: http::Request<hyper::body::Incoming>, peer: Peer, hold: EofHold) -> Response {
        let started = Instant::now();
        let request = request.map(|body| Body::new(RequestBody::new(body, hold.clone())));
        let mut response = self.answer(request, &peer, &hold).await;
        let headers = response.headers_mut();
        headers.insert(API_VERSION, HeaderValue::from_static(MAX_TEXT));
        headers.insert(DOCKER_EXPERIMENTAL, HeaderValue::from_static("false"));
        headers.insert(OSTYPE, HeaderValue::from_static("linux"));
        headers.insert(http::header::SERVER, HeaderValue::from_static(SERVER));
        // Unknown paths share one label value: a client must not be able to make up label values.
        let route = response.extensions_mut().remove::<Route>();
        metrics::observe(route.as_ref().map_or("unmatched", |Route(name)| name), response.status(), started.elapsed());
        // Who takes the connection over releases end-of-file when he has it.
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            hold.release();
        }
        response
    }

    async fn answer(&self, mut request: Request, peer: &Peer, hold: &EofHold) -> Response {
        if let Err(refusal) = guard::check(peer, request.uri(), request.headers()) {
            tracing::warn!(uri = %request.uri(), "{refusal}");
            return ApiError::new(StatusCode::FORBIDDEN, refusal.to_string()).into_response();
        }
        let version = match strip_version(&mut request) {
            Ok(version) => version,
            Err(refusal) => return refusal.into_response(),
        };
        request.extensions_mut().insert(version);
        request.extensions_mut().insert(hold.clone());
        let what = format!("{} {}", request.method(), request.uri().path());
        tracing::debug!("{what}");
        // A task of its own: it goes on when the client leaves, and a panic ends here.
        match tokio::spawn(self.router.clone().call(request)).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => {
                tracing::error!(request = what, "the handler panicked: {panic}");
                ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, format!("the engine failed to handle {what}: a bug"))
                    .into_response()
            }
        }
    }
}

fn strip_version(request: &mut Request) -> Result<ApiVersion, ApiError> {
    let (version, rest) = match version::split(request.uri().path()) {
        Ok((version, rest)) => (version, rest.map(str::to_owned)),
        Err(message) => return Err(ApiError::bad_request(message)),
    };
    let path = rest.unwrap_or_else(|| request.uri().path().to_owned());
    if let Some(uri) = version::with_path(request.uri(), &path) {
        *request.uri_mut() = uri;
    }
    Ok(version)
}

async fn name_the_route(request: Request, next: Next) -> Response {
    let matched = request.extensions().get::<MatchedPath>().cloned();
    let mut response = next.run(request).await;
    if let Some(matched) = matched
        && response.extensions().get::<Route>().is_none()
    {
        response.extensions_mut().insert(Route(matched.as_str().to_owned().into()));
    }
    response
}

async fn not_found() -> ApiError {
    ApiError::new(StatusCode::NOT_FOUND, "page not found")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_the_newest_version() {
        assert_eq!(MAX_TEXT, hull_api::version::MAX.to_string());
    }
}
