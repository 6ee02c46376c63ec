//! The one place where failures become status codes.

use crate::containers::{self, ContainerError};
use crate::engine::CommitError;
use crate::events::FilterError;
use crate::images::{self, ImageError};
use crate::networks::NetworkError;
use crate::time::NotATime;
use crate::volumes::VolumeError;
use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use hull_api::ErrorResponse;
use std::error::Error;

/// An answer that says no: a status and the message that Docker's clients show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status.
    pub status: StatusCode,
    /// For the user.
    pub message: String,
}

impl ApiError {
    /// Any status, any message.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    /// 400: the client asked for something that cannot be.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// A service's error: its status, and its words with those of its causes.
    fn from_error(status: StatusCode, error: &dyn Error) -> Self {
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!("{}", chain(error));
        }
        Self::new(status, chain(error))
    }
}

/// The error and its causes; a cause that the text has already is not repeated.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let words = error.to_string();
        if !text.contains(&words) {
            text.push_str(": ");
            text.push_str(&words);
        }
        cause = error.source();
    }
    text
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        // 304 has no body by definition.
        if self.status == StatusCode::NOT_MODIFIED {
            return self.status.into_response();
        }
        (self.status, Json(ErrorResponse { message: self.message })).into_response()
    }
}

impl From<ContainerError> for ApiError {
    fn from(error: ContainerError) -> Self {
        use containers::Kind;
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::NotModified => StatusCode::NOT_MODIFIED,
            Kind::BadParameter => StatusCode::BAD_REQUEST,
            Kind::System => StatusCode::INTERNAL_SERVER_ERROR,
            Kind::NotImplemented => StatusCode::NOT_IMPLEMENTED,
        };
        Self::from_error(status, &error)
    }
}

impl From<CommitError> for ApiError {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::Container(error) => error.into(),
            CommitError::Image(error) => error.into(),
        }
    }
}

impl From<ImageError> for ApiError {
    fn from(error: ImageError) -> Self {
        use images::Kind;
        let status = match error.kind() {
            Kind::NotFound => StatusCode::NOT_FOUND,
            Kind::Conflict => StatusCode::CONFLICT,
            Kind::BadParameter => StatusCode::BAD_REQUEST,
            Kind::System => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::from_error(status, &error)
    }
}

impl From<VolumeError> for ApiError {
    fn from(error: VolumeError) -> Self {
        let status = match &error {
            VolumeError::NotFound(_) | VolumeError::NoDriver { .. } => StatusCode::NOT_FOUND,
            VolumeError::InUse { .. } => StatusCode::CONFLICT,
            VolumeError::InvalidName(_)
            | VolumeError::ShortName(_)
            | VolumeError::UnsupportedOption { .. }
            | VolumeError::InvalidOption { .. }
            | VolumeError::InvalidFilter(_) => StatusCode::BAD_REQUEST,
            VolumeError::Random(_) | VolumeError::Io { .. } | VolumeError::Store(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self::from_error(status, &error)
    }
}

impl From<NetworkError> for ApiError {
    fn from(error: NetworkError) -> Self {
        let status = match &error {
            NetworkError::NotFound(_) => StatusCode::NOT_FOUND,
            _ => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::from_error(status, &error)
    }
}

impl From<FilterError> for ApiError {
    fn from(error: FilterError) -> Self {
        Self::from_error(StatusCode::BAD_REQUEST, &error)
    }
}

impl From<NotATime> for ApiError {
    fn from(error: NotATime) -> Self {
        Self::from_error(StatusCode::BAD_REQUEST, &error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn volume_errors_have_dockers_statuses() {
        for (error, status) in [
            (VolumeError::NotFound("v".to_owned()), 404),
            (VolumeError::InUse { name: "v".to_owned(), users: vec![] }, 409),
            (VolumeError::ShortName("v".to_owned()), 400),
            (VolumeError::Random(std::io::ErrorKind::Other.into()), 500),
        ] {
            assert_eq!(ApiError::from(error).status, status);
        }
    }

    #[test]
    fn causes_are_told_once() {
        let error = VolumeError::Random(std::io::Error::other("no entropy"));
        assert_eq!(ApiError::from(error).message, "name a volume: no entropy");
    }
}
