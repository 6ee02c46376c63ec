//! The REST client: one connection a request, versions negotiated by the first.
//!
//! ```text
//! commands -> Client::{get, post, ..} -> send (version prefix, status check) -> connect (unix, tcp, tls)
//! ```
//!
//! Connections are not kept: a command makes two or three requests, and a new one costs some 50 µs on a socket.

mod body;
mod connect;
mod error;
mod hijack;
mod host;
mod query;
mod tls;

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::BodyExt;
use hull_api::version::{self, ApiVersion};
use hull_api::{ErrorResponse, decode};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub(crate) use body::{Body, JsonStream};
pub(crate) use error::ClientError;
pub(crate) use hijack::Hijacked;
pub(crate) use host::{DEFAULT as DEFAULT_HOST, Host, HostError};
pub(crate) use query::{Filters, Query, segment};
pub(crate) use tls::{TlsError, TlsOptions, config as tls_config};

/// A way to one engine.
pub(crate) struct Client {
    host: Host,
    tls: Option<Arc<rustls::ClientConfig>>,
    version: OnceCell<ApiVersion>,
}

/// What `send` needs to know beside method and path.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a str,
    pub(crate) query: Query,
    pub(crate) headers: &'a [(&'static str, String)],
}

impl Client {
    /// `version`: the one that `DOCKER_API_VERSION` asks for; else it is negotiated.
    pub(crate) fn new(host: Host, tls: Option<Arc<rustls::ClientConfig>>, version: Option<ApiVersion>) -> Self {
        Self { host, tls, version: OnceCell::new_with(version) }
    }

    pub(crate) fn host(&self) -> &Host {
        &self.host
    }

    /// The version spoken, asked for by `HEAD /_ping` once.
    pub(crate) async fn version(&self) -> Result<ApiVersion, ClientError> {
        self.version
            .get_or_try_init(|| async {
                let response = self.roundtrip(Method::HEAD, "/_ping", &[], Body::empty()).await?;
                Ok(version::negotiate(response.headers().get("Api-Version").and_then(|v| v.to_str().ok())))
            })
            .await
            .copied()
    }

    pub(crate) async fn get<T: DeserializeOwned>(&self, path: &str, query: Query) -> Result<T, ClientError> {
        self.json(Call { method: Method::GET, path, query, headers: &[] }, Body::empty()).await
    }

    /// Posts JSON and reads JSON.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        query: Query,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        self.json(Call { method: Method::POST, path, query, headers: &[] }, Body::json(body)).await
    }

    /// Posts without a body, and whatever is answered is dropped.
    pub(crate) async fn act(&self, path: &str, query: Query) -> Result<(), ClientError> {
        let call = Call { method: Method::POST, path, query, headers: &[] };
        self.send(call, Body::empty()).await.map(drop)
    }

    pub(crate) async fn delete(&self, path: &str, query: Query) -> Result<Bytes, ClientError> {
        let call = Call { method: Method::DELETE, path, query, headers: &[] };
        let operation = call.operation();
        let response = self.send(call, Body::empty()).await?;
        collect(operation, response).await
    }

    /// Sends and decodes the answer.
    pub(crate) async fn json<T: DeserializeOwned>(&self, call: Call<'_>, body: Body) -> Result<T, ClientError> {
        let operation = call.operation();
        let response = self.send(call, body).await?;
        let bytes = collect(operation.clone(), response).await?;
        decode::from_slice(&bytes).map_err(|source| ClientError::Decode { operation, source })
    }

    /// Sends, and hands the answer out once its status is known to be good.
    pub(crate) async fn send(&self, call: Call<'_>, body: Body) -> Result<Response<Incoming>, ClientError> {
        let operation = call.operation();
        let path = self.versioned(call.path, &call.query).await?;
        let response = self.roundtrip(call.method, &path, call.headers, body).await?;
        check(operation, response).await
    }

    /// Turns the connection of a POST into a stream in both directions.
    pub(crate) async fn hijack(&self, path: &str, query: Query, body: Body) -> Result<Hijacked, ClientError> {
        let operation = format!("POST {path}");
        let path = self.versioned(path, &query).await?;
        let headers = [("Connection", "Upgrade".to_owned()), ("Upgrade", "tcp".to_owned())];
        let response = self.roundtrip(Method::POST, &path, &headers, body).await?;
        let response = check(operation.clone(), response).await?;
        Hijacked::from_response(operation, response).await
    }

    async fn versioned(&self, path: &str, query: &Query) -> Result<String, ClientError> {
        let version = self.version().await?;
        let question = if query.as_str().is_empty() { "" } else { "?" };
        Ok(format!("/v{version}{path}{question}{}", query.as_str()))
    }

    async fn roundtrip(
        &self,
        method: Method,
        path: &str,
        headers: &[(&'static str, String)],
        body: Body,
    ) -> Result<Response<Incoming>, ClientError> {
        let operation = format!("{method} {path}");
        let stream = connect::connect(&self.host, self.tls.as_ref()).await?;
        let transport = |source| ClientError::Transport { operation: operation.clone(), source };
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(transport)?;
        // The task ends with the connection: when the answer has been read, or with the upgraded stream.
        tokio::spawn(connection.with_upgrades());
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, self.host.header())
            .header(USER_AGENT, concat!("Hull-Client/", env!("CARGO_PKG_VERSION"), " (linux)"));
        if let Some(kind) = body.content_type() {
            request = request.header(CONTENT_TYPE, kind);
        }
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        let request = request
            .body(body.into_inner())
            .map_err(|source| ClientError::Request { operation: operation.clone(), source })?;
        sender.send_request(request).await.map_err(transport)
    }
}

impl Call<'_> {
    fn operation(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

async fn check(operation: String, response: Response<Incoming>) -> Result<Response<Incoming>, ClientError> {
    let status = response.status();
    if status.as_u16() < 400 {
        return Ok(response);
    }
    let bytes = collect(operation, response).await?;
    let message = match decode::from_slice::<ErrorResponse>(&bytes) {
        Ok(error) if !error.message.is_empty() => error.message.trim().to_owned(),
        _ => match String::from_utf8_lossy(&bytes).trim() {
            "" => status.canonical_reason().unwrap_or("unknown error").to_owned(),
            text => text.to_owned(),
        },
    };
    Err(ClientError::Daemon { status, message })
}

async fn collect(operation: String, response: Response<Incoming>) -> Result<Bytes, ClientError> {
    let body = response.into_body().collect().await;
    body.map(|b| b.to_bytes()).map_err(|source| ClientError::Transport { operation, source })
}
