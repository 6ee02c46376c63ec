//! What handlers take out of a request, read with Go's eyes: booleans in query strings, JSON bodies, filters.

use super::error::ApiError;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Path, Query as AxumQuery, Request};
use http::request::Parts;
use http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hull_api::decode;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::BTreeMap;

/// Longest JSON body: far above any real one, far below what would hurt the host.
const MAX_JSON: usize = 4 << 20;

/// Filters by name; the values of one are alternatives.
pub(super) type Filters = BTreeMap<String, Vec<String>>;

/// The query string.
#[derive(Debug, Clone, Default)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// The first value of a parameter; empty counts as absent, as in Go's handlers.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// As [`Query::get`], owned.
    pub(super) fn text(&self, name: &str) -> Option<String> {
        self.get(name).map(str::to_owned)
    }

    /// All values of a parameter.
    pub(super) fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(key, _)| key == name).map(|(_, value)| value.clone()).collect()
    }

    /// dockerd's idea of a boolean: everything but a few words is true.
    pub(super) fn flag(&self, name: &str) -> bool {
        self.flag_or(name, false)
    }

    /// As [`Query::flag`], with a value for an absent parameter.
    pub(super) fn flag_or(&self, name: &str, default: bool) -> bool {
        let value = self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.trim().to_ascii_lowercase());
        value.map_or(default, |value| !matches!(value.as_str(), "" | "0" | "no" | "false" | "none"))
    }

    /// A number; absent is `None`.
    ///
    /// # Errors
    /// 400 when it is none, in Go's words.
    pub(super) fn number<N: std::str::FromStr>(&self, name: &str) -> Result<Option<N>, ApiError> {
        self.get(name)
            .map(|text| {
                text.parse().map_err(|_| {
                    ApiError::bad_request(format!(
                        "invalid value for {name}: strconv.Atoi: parsing {text:?}: invalid syntax"
                    ))
                })
            })
            .transpose()
    }

    /// `filters`, in today's form `{"label": {"k=v": true}}` and in the old one `{"label": ["k=v"]}`.
    ///
    /// # Errors
    /// 400 when it is neither.
    pub(super) fn filters(&self) -> Result<Filters, ApiError> {
        self.get("filters").map_or_else(|| Ok(Filters::new()), parse_filters)
    }
}

fn parse_filters(text: &str) -> Result<Filters, ApiError> {
    let invalid = || ApiError::bad_request(format!("invalid filter {text:?}"));
    let Ok(Value::Object(object)) = serde_json::from_str(text) else { return Err(invalid()) };
    object
        .into_iter()
        .map(|(name, values)| {
            let values = match values {
                Value::Null => Vec::new(),
                // `false` means nothing to dockerd either: a key that is there counts.
                Value::Object(set) => set.into_iter().map(|(value, _)| value).collect(),
                Value::Array(list) => list
                    .into_iter()
                    .map(|value| if let Value::String(text) = value { Ok(text) } else { Err(invalid()) })
                    .collect::<Result<_, _>>()?,
                _ => return Err(invalid()),
            };
            Ok((name, values))
        })
        .collect()
}

impl<S: Sync> FromRequestParts<S> for Query {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, ApiError> {
        AxumQuery::try_from_uri(&parts.uri)
            .map(|AxumQuery(pairs)| Self(pairs))
            .map_err(|rejection| ApiError::bad_request(rejection.body_text()))
    }
}

/// The one variable part of a path: an id or a name.
#[derive(Debug, Clone)]
pub(super) struct Name(pub(super) String);

impl<S: Sync + Send> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        Path::<String>::from_request_parts(parts, state)
            .await
            .map(|Path(name)| Self(name))
            .map_err(|rejection| ApiError::bad_request(rejection.body_text()))
    }
}

/// A JSON body. An absent one is an error.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

/// A JSON body that may be absent.
#[derive(Debug)]
pub(super) struct OptionalJson<T>(pub(super) Option<T>);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for Json<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        match read_json(request).await? {
            Some(body) => Ok(Self(body)),
            None => Err(ApiError::bad_request("invalid JSON: got EOF while reading request body")),
        }
    }
}

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for OptionalJson<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        read_json(request).await.map(Self)
    }
}

async fn read_json<T: DeserializeOwned>(request: Request) -> Result<Option<T>, ApiError> {
    let (parts, body) = request.into_parts();
    let content_type =
        parts.headers.get(header::CONTENT_TYPE).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned());
    let bytes = read_limited(body, MAX_JSON).await?;
    if bytes.trim_ascii().is_empty() {
        return Ok(None);
    }
    let media_type = content_type.as_deref().unwrap_or_default();
    if !media_type.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json") {
        return Err(ApiError::bad_request(format!(
            "unsupported Content-Type header ({media_type}): must be 'application/json'"
        )));
    }
    decode::from_slice(&bytes).map(Some).map_err(|error| ApiError::bad_request(format!("invalid JSON: {error}")))
}

async fn read_limited(body: Body, limit: usize) -> Result<bytes::Bytes, ApiError> {
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.downcast_ref::<LengthLimitError>().is_some() => {
            Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, format!("request body is longer than {limit} bytes")))
        }
        Err(error) => Err(ApiError::bad_request(format!("error reading the request body: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::api::detach_keys::DetachKeys;
    use crate::server::version;
    use crate::time::Time;
    use proptest::prelude::*;

    fn query(text: &str) -> Query {
        let uri: http::Uri = format!("/x?{text}").parse().unwrap();
        Query(AxumQuery::try_from_uri(&uri).unwrap().0)
    }

    #[test]
    fn booleans_are_dockerds() {
        for (text, value) in [
            ("a=1", true),
            ("a=true", true),
            ("a=yes", true),
            ("a=True", true),
            ("a=0", false),
            ("a=", false),
            ("a", false),
            ("a=None", false),
            ("a=false", false),
            ("b=1", false),
        ] {
            assert_eq!(query(text).flag("a"), value, "{text}");
        }
        assert!(query("").flag_or("a", true));
    }

    #[test]
    fn filters_come_in_two_forms() {
        let expected = Filters::from([("label".to_owned(), vec!["a=b".to_owned(), "c".to_owned()])]);
        for text in [r#"{"label":["a=b","c"]}"#, r#"{"label":{"a=b":true,"c":true}}"#] {
            assert_eq!(parse_filters(text).unwrap(), expected);
        }
        for text in ["x", "[]", r#"{"a":1}"#, r#"{"a":[1]}"#, "1"] {
            assert_eq!(parse_filters(text).unwrap_err().status, StatusCode::BAD_REQUEST, "{text}");
        }
    }

    proptest! {
        /// Clients send anything: an answer or a refusal, and never a panic.
        #[test]
        fn any_text_is_a_query_or_is_refused(text in ".*", other in "[a-z0-9%=&+.,:{}\\[\\]\"-]*") {
            for text in [text, other] {
                let _ = parse_filters(&text);
                let _ = DetachKeys::parse(&text);
                let _ = Time::parse_query(&text);
                let _ = version::split(&text);
                if let Ok(uri) = format!("/v1.40/x?{text}").parse::<http::Uri>() {
                    let _ = version::with_path(&uri, "/x");
                    if let Ok(AxumQuery(pairs)) = AxumQuery::try_from_uri(&uri) {
                        let query = Query(pairs);
                        let _ = (query.filters(), query.flag("a"), query.number::<u16>("a"), query.all("a"));
                    }
                }
            }
        }

        #[test]
        fn filters_mean_the_same_in_both_forms(keys in prop::collection::btree_map("[a-z]{1,8}", prop::collection::btree_set(".{0,8}", 0..4), 0..4)) {
            let old = serde_json::to_string(&keys).unwrap();
            let sets: BTreeMap<_, BTreeMap<_, bool>> =
                keys.iter().map(|(key, values)| (key, values.iter().map(|value| (value, true)).collect())).collect();
            let new = serde_json::to_string(&sets).unwrap();
            prop_assert_eq!(parse_filters(&old), parse_filters(&new));
        }
    }

    async fn body(content_type: &str, text: &'static str) -> Result<Option<Value>, ApiError> {
        read_json(http::Request::builder().header("content-type", content_type).body(Body::from(text)).unwrap()).await
    }

    #[tokio::test]
    async fn bodies_are_json_or_refused() {
        assert_eq!(body("text/plain", "").await.unwrap(), None);
        assert_eq!(body("application/json; charset=utf-8", " {} ").await.unwrap(), Some(serde_json::json!({})));
        for (content_type, text, message) in [
            ("text/plain", "{}", "unsupported Content-Type header (text/plain): must be 'application/json'"),
            ("application/json", "{} {}", "invalid JSON: trailing characters at line 1 column 4"),
            ("application/json", "{", "invalid JSON: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(body(content_type, text).await.unwrap_err(), ApiError::bad_request(message));
        }
        let long = Body::from(vec![b' '; MAX_JSON + 1]);
        assert_eq!(read_limited(long, MAX_JSON).await.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
