//! `/v1.NN/...`: the version that a request speaks, and its path without it.

use http::Uri;
use http::uri::PathAndQuery;
use hull_api::version::{self, ApiVersion};

/// Takes the version off a path. `None` for the path: it does not begin with a version, means the newest one, and is
/// used as it is.
///
/// # Errors
/// What the client shall be told, when the version is not served.
pub fn split(path: &str) -> Result<(ApiVersion, Option<&str>), String> {
    let Some((text, rest)) = versioned(path) else { return Ok((version::MAX, None)) };
    let asked = text.parse().map_err(|invalid: version::InvalidVersion| invalid.to_string())?;
    version::check(asked).map(|asked| (asked, Some(rest))).map_err(|unsupported| unsupported.to_string())
}

/// `/v` digits and dots `/...`; anything else is an ordinary path.
fn versioned(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix("/v")?;
    let (version, rest) = rest.split_at(rest.find('/')?);
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    is_version.then_some((version, rest))
}

/// The same request for another path. Doubled slashes are joined: `docker inspect /name` asks for `/containers//name`.
pub fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let mut clean = String::with_capacity(uri.query().map_or(0, str::len) + path.len() + 1);
    for character in path.chars() {
        if character != '/' || !clean.ends_with('/') {
            clean.push(character);
        }
    }
    if let Some(query) = uri.query() {
        clean.push('?');
        clean.push_str(query);
    }
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(PathAndQuery::try_from(clean).ok()?);
    Uri::from_parts(parts).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_taken_off_the_path() {
        assert_eq!(split("/v1.24/info"), Ok((version::MIN, Some("/info"))));
        assert_eq!(split("/v1.51/containers/x/json"), Ok((version::MAX, Some("/containers/x/json"))));
        for path in ["/info", "/version", "/volumes", "/v/x", "/vx/y", "/v1.51", "/"] {
            assert_eq!(split(path), Ok((version::MAX, None)), "{path}");
        }
    }

    #[test]
    fn versions_that_are_not_served_get_dockers_words() {
        for (path, message) in [
            ("/v1.99/info", "client version 1.99 is too new. Maximum supported API version is 1.51"),
            ("/v2.0/info", "client version 2.0 is too new. Maximum supported API version is 1.51"),
            (
                "/v1.20/info",
                "client version 1.20 is too old. Minimum supported API version is 1.24, please upgrade your client to \
                 a newer version",
            ),
            ("/v1/info", "\"1\" is not an API version such as 1.51"),
        ] {
            assert_eq!(split(path).unwrap_err(), message);
        }
    }

    #[test]
    fn a_path_is_replaced_and_its_query_stays() {
        let uri: Uri = "/v1.44/containers//a/json?size=1&x=//".parse().unwrap();
        assert_eq!(with_path(&uri, "/containers//a/json").unwrap(), "/containers/a/json?size=1&x=//");
        let absolute: Uri = "http://h:1/v1.44/info".parse().unwrap();
        assert_eq!(with_path(&absolute, "/info").unwrap(), "http://h:1/info");
    }
}
