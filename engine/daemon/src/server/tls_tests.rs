//! Certificates made for the occasion, a real listener, a real client.

use super::listener::bind_tcp;
use super::*;
use crate::config::TlsFiles;
use axum::Router;
use axum::routing::get;
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new(name: &str) -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate and its key.
    fn sign(&self, purpose: ExtendedKeyUsagePurpose) -> (String, String) {
        let mut params = CertificateParams::new(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        params.extended_key_usages = vec![purpose];
        let key = KeyPair::generate().unwrap();
        (params.signed_by(&key, &self.issuer).unwrap().pem(), key.serialize_pem())
    }
}

struct Fixture {
    _dir: tempfile::TempDir,
    address: SocketAddr,
    ours: Authority,
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn serve(verify: bool) -> Fixture {
    let ours = Authority::new("ours");
    let (certificate, key) = ours.sign(ExtendedKeyUsagePurpose::ServerAuth);
    let dir = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        client_ca: verify.then(|| write(dir.path(), "ca.pem", &ours.pem)),
        certificate: write(dir.path(), "cert.pem", &certificate),
        key: write(dir.path(), "key.pem", &key),
    };
    let listener = bind_tcp("127.0.0.1:0".parse().unwrap(), &Arc::from([])).unwrap();
    let Listener::Tcp { address, .. } = listener else { panic!("not TCP") };
    let server = Server::new(Dispatch::new(Router::new().route("/x", get(|| async { "inside" }))));
    server.serve(listener, Some(tls::acceptor(&files).unwrap())).unwrap();
    Fixture { _dir: dir, address, ours }
}

/// The answer to a request with this client certificate, or what went wrong.
async fn ask(fixture: &Fixture, client: Option<(String, String)>, host: &str) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(fixture.ours.pem.as_bytes()).unwrap()).unwrap();
    let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    let stream = TcpStream::connect(fixture.address).await?;
    let name = ServerName::try_from("localhost").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await?;
    stream.write_all(format!("GET /x HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn only_clients_of_our_authority_come_in() {
    let fixture = serve(true);
    let known = fixture.ours.sign(ExtendedKeyUsagePurpose::ClientAuth);
    let answer = ask(&fixture, Some(known), "any.name.example").await.unwrap();
    assert!(answer.ends_with("inside"), "{answer}");
    let stranger = Authority::new("theirs").sign(ExtendedKeyUsagePurpose::ClientAuth);
    assert!(ask(&fixture, Some(stranger), "localhost").await.is_err());
    assert!(ask(&fixture, None, "localhost").await.is_err());
}

#[tokio::test]
async fn without_verification_everybody_comes_in_but_no_browser() {
    let fixture = serve(false);
    assert!(ask(&fixture, None, "localhost").await.unwrap().ends_with("inside"));
    assert!(ask(&fixture, None, "rebound.example").await.unwrap().starts_with("HTTP/1.1 403"));
}

#[test]
fn unusable_files_are_named() {
    let dir = tempfile::tempdir().unwrap();
    let empty = write(dir.path(), "empty.pem", "");
    let files = TlsFiles { client_ca: None, certificate: empty, key: dir.path().join("absent.pem") };
    let error = tls::acceptor(&files).map(|_| ()).unwrap_err().to_string();
    assert!(error.starts_with("could not load the certificate ") && error.ends_with("empty.pem"), "{error}");
}
