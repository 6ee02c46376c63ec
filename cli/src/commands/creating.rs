//! Creating a container, with the image fetched when it is missing.

use std::fs::File;
use std::io::Write;

use base64::Engine;
use http::StatusCode;
use hull_api::{CreateRequest, CreateResponse, JsonMessage};

use crate::client::{Body, Call, ClientError, JsonStream, Query};
use crate::output::progress::Progress;
use crate::request::container::PullFlags;

use super::{CommandError, Context};

/// A login with nothing in it: what Docker's clients send without one.
fn no_auth() -> String {
    base64::engine::general_purpose::URL_SAFE.encode("{}")
}

/// Where `--cidfile` puts the id: reserved before, written after, removed if there was no container.
pub(super) struct CidFile {
    path: String,
    file: Option<File>,
    written: bool,
}

impl CidFile {
    pub(super) fn reserve(path: &str) -> Result<Self, CommandError> {
        let mut file = None;
        if !path.is_empty() {
            if std::path::Path::new(path).exists() {
                return Err(CommandError::CidFile(path.to_owned()));
            }
            file = Some(File::create_new(path).map_err(|source| CommandError::File {
                operation: "create the container ID file",
                object: path.to_owned(),
                source,
            })?);
        }
        Ok(Self { path: path.to_owned(), file, written: false })
    }

    fn write(&mut self, id: &str) -> Result<(), CommandError> {
        self.written = true;
        let Some(file) = &mut self.file else { return Ok(()) };
        file.write_all(id.as_bytes()).map_err(|source| CommandError::File {
            operation: "write the container ID to the file",
            object: self.path.clone(),
            source,
        })
    }
}

impl Drop for CidFile {
    fn drop(&mut self) {
        if self.file.is_some() && !self.written {
            // It is empty and ours; that it may stay behind is no reason to hide the error that led here.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Creates, after a pull where that is asked for or needed.
pub(super) async fn create(
    context: &Context,
    name: &str,
    request: &CreateRequest,
    pulling: &PullFlags,
    cid_file: &mut CidFile,
) -> Result<CreateResponse, CommandError> {
    pulling.check()?;
    let image = &request.config.image;
    if pulling.pull == "always" {
        pull(context, image, &pulling.platform, pulling.quiet, true).await?;
    }
    let query = || Query::new().text("name", name).text("platform", &pulling.platform);
    let first = context.client.post("/containers/create", query(), request).await;
    let created: CreateResponse = match first {
        Err(error) if pulling.pull == "missing" && is_missing_image(&error) => {
            if !pulling.quiet {
                eprintln!("Unable to find image '{}' locally", familiar(image));
            }
            pull(context, image, &pulling.platform, pulling.quiet, true).await?;
            context.client.post("/containers/create", query(), request).await?
        }
        other => other?,
    };
    for warning in &created.warnings {
        eprintln!("WARNING: {warning}");
    }
    cid_file.write(&created.id)?;
    Ok(created)
}

fn is_missing_image(error: &ClientError) -> bool {
    error.is_status(StatusCode::NOT_FOUND)
        && error.daemon_message().is_some_and(|m| m.to_lowercase().contains("no such image"))
}

/// The reference with the tag that it implies.
pub(super) fn familiar(image: &str) -> String {
    let name = image.rsplit('/').next().unwrap_or(image);
    if name.contains(':') || image.contains('@') { image.to_owned() } else { format!("{image}:latest") }
}

/// Pulls, and shows how it goes: on standard error where the output belongs to the container.
pub(super) async fn pull(
    context: &Context,
    image: &str,
    platform: &str,
    quiet: bool,
    to_stderr: bool,
) -> Result<(), CommandError> {
    let (name, tag) = split(image);
    let query = Query::new().set("fromImage", name).text("tag", tag).text("platform", platform);
    let headers = [("X-Registry-Auth", no_auth())];
    let call = Call { method: http::Method::POST, path: "/images/create", query, headers: &headers };
    let response = context.client.send(call, Body::empty()).await?;
    let mut messages = JsonStream::<JsonMessage>::new("POST /images/create", response);
    let mut progress = Progress::new(to_stderr);
    while let Some(message) = messages.next().await? {
        if quiet {
            if !message.error.is_empty() {
                return Err(CommandError::InStream(message.error));
            }
        } else {
            progress.show(&message).map_err(CommandError::InStream)?;
        }
    }
    progress.finish();
    Ok(())
}

/// `name`, and tag or digest, of which `latest` is implied.
fn split(image: &str) -> (&str, &str) {
    if let Some((name, digest)) = image.split_once('@') {
        return (name, digest);
    }
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references() {
        assert_eq!(split("busybox"), ("busybox", "latest"));
        assert_eq!(split("localhost:5000/a/b"), ("localhost:5000/a/b", "latest"));
        assert_eq!(split("localhost:5000/a/b:1"), ("localhost:5000/a/b", "1"));
        assert_eq!(split("a@sha256:12"), ("a", "sha256:12"));
        assert_eq!(familiar("localhost:5000/a"), "localhost:5000/a:latest");
        assert_eq!(no_auth(), "e30=");
    }

    #[test]
    fn a_cid_file_stays_only_with_a_container() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cid").to_str().unwrap().to_owned();
        drop(CidFile::reserve(&path).unwrap());
        assert!(!std::path::Path::new(&path).exists());
        let mut file = CidFile::reserve(&path).unwrap();
        file.write("abc").unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "abc");
        assert!(CidFile::reserve(&path).is_err());
    }
}
