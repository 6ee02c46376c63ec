//! The server over a real unix socket, with a router of its own.

use super::listener::bind_unix;
use super::*;
use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use hull_test_patience::patience;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

struct Running {
    _dir: tempfile::TempDir,
    path: std::path::PathBuf,
    server: Server,
}

fn serve() -> Running {
    let router = Router::new()
        .route("/echo", post(|body: Bytes| async move { body }))
        .route(
            "/slow",
            get(|| async {
                // Until the client's half-close has surely arrived.
                tokio::time::sleep(Duration::from_millis(50)).await;
                "done"
            }),
        )
        .route("/things/{id}", get(|| async { panic!("a bug") as &'static str }));
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("s");
    let server = Server::new(Dispatch::new(router));
    server.serve(bind_unix(&path).unwrap(), None).unwrap();
    Running { _dir: dir, path, server }
}

/// Sends the text, half-closes, and reads to the end.
async fn exchange(running: &Running, request: &str) -> String {
    let mut stream = UnixStream::connect(&running.path).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = String::new();
    tokio::time::timeout(patience(Duration::from_secs(10)), stream.read_to_string(&mut answer)).await.unwrap().unwrap();
    answer
}

#[tokio::test]
async fn a_half_closed_client_gets_its_answer() {
    let running = serve();
    let answer = exchange(&running, "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("done"), "{answer}");
    let body = "POST /v1.30/echo HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\ntext";
    assert!(exchange(&running, body).await.ends_with("text"));
}

#[tokio::test]
async fn a_body_that_is_cut_off_fails_instead_of_waiting() {
    let running = serve();
    let answer = exchange(&running, "POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\ntext").await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 400"), "{answer}");
}

#[tokio::test]
async fn a_body_that_nobody_reads_does_not_cost_the_client_its_answer() {
    let running = serve();
    let stream = UnixStream::connect(&running.path).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let body = vec![b'x'; 4 << 20];
    let head =
        format!("POST /nothing HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", body.len());
    let send = async {
        write.write_all(head.as_bytes()).await?;
        write.write_all(&body).await
    };
    let mut answer = String::new();
    let (sent, received) = tokio::join!(send, read.read_to_string(&mut answer));
    sent.unwrap();
    received.unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
}

#[tokio::test]
async fn every_answer_has_dockers_headers_and_every_refusal_a_message() {
    let running = serve();
    for (request, status, message) in [
        ("GET /nothing", "404 Not Found", r#"{"message":"page not found"}"#),
        ("DELETE /slow", "404 Not Found", r#"{"message":"page not found"}"#),
        (
            "GET /v1.99/slow",
            "400 Bad Request",
            r#"{"message":"client version 1.99 is too new. Maximum supported API version is 1.51"}"#,
        ),
        (
            "GET /things/1",
            "500 Internal Server Error",
            r#"{"message":"the engine failed to handle GET /things/1: a bug"}"#,
        ),
    ] {
        let answer = exchange(&running, &format!("{request} HTTP/1.1\r\nHost: x\r\n\r\n")).await;
        let answer_line = answer.lines().next().unwrap_or_default();
        assert_eq!(answer_line, format!("HTTP/1.1 {status}"));
        assert!(answer.ends_with(message), "{answer}");
        for header in ["Api-Version: 1.51", "Docker-Experimental: false", "Ostype: linux", "Server: Hull/"] {
            assert!(answer.contains(header), "{header} in {answer}");
        }
    }
}

#[tokio::test]
async fn a_panic_ends_one_request_only() {
    let running = serve();
    let mut stream = UnixStream::connect(&running.path).await.unwrap();
    for (path, expected) in [("/things/1", "HTTP/1.1 500"), ("/nothing", "HTTP/1.1 404")] {
        stream.write_all(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await.unwrap();
        let mut answer = vec![0; 4096];
        let n = stream.read(&mut answer).await.unwrap();
        assert!(String::from_utf8_lossy(&answer[..n]).starts_with(expected));
    }
}

#[tokio::test]
async fn shutdown_lets_requests_finish_and_removes_the_socket() {
    let running = serve();
    let mut stream = UnixStream::connect(&running.path).await.unwrap();
    stream.write_all(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 1];
    let answer = async {
        stream.read_exact(&mut first).await.unwrap();
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        rest
    };
    let stop = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        running.server.shutdown(Duration::from_secs(5)).await;
    };
    let (rest, ()) = tokio::join!(answer, stop);
    assert!(rest.ends_with("done"), "{rest}");
    assert!(!running.path.exists());
}
