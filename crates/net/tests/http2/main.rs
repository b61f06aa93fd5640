//! HTTP/2 over real sockets: kind servers, servers that go away, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Method, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seaworthy_net::{Client, Failure, Http, Keep, Options, Request, Response, Tls, Url};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;

mod away;
mod hostile;
mod peer;

const CERTIFICATE: &[u8] = include_bytes!("../data/server.pem");
const KEY: &[u8] = include_bytes!("../data/server.key");

fn two() -> Options {
    Options { http: Http::Two, ..Options::default() }
}

async fn listen(scheme: &str) -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, Url::parse(&format!("{scheme}://{address}/")).unwrap())
}

/// Says what it was asked, in a header, and sends the body back; `/big` sends 3 MiB of zeros.
async fn echo(
    request: http::Request<Incoming>,
) -> Result<http::Response<Full<Bytes>>, hyper::Error> {
    let (head, body) = request.into_parts();
    let mut body = body.collect().await?.to_bytes();
    if head.uri.path() == "/big" && head.method != Method::HEAD {
        body = Bytes::from(vec![0; 3 << 20]);
    }
    let length = head.headers.get("content-length").map_or("-", |value| value.to_str().unwrap());
    let asked = format!("{} {} {:?} {length}", head.method, head.uri, head.version);
    let status = if head.uri.path() == "/missing" { 404 } else { 200 };
    let response = http::Response::builder().status(status).header("asked", asked);
    Ok(response.body(Full::new(body)).unwrap())
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, http2: bool) {
    let stream = TokioIo::new(stream);
    // How it ends is the client's to tell.
    if http2 {
        let server = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
        let _ = server.serve_connection(stream, service_fn(echo)).await;
    } else {
        let server = hyper::server::conn::http1::Builder::new();
        let _ = server.serve_connection(stream, service_fn(echo)).await;
    }
}

async fn server() -> (Url, Arc<AtomicUsize>) {
    let (listener, url) = listen("http").await;
    let connections = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&connections);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            tokio::spawn(serve(stream, true));
        }
    });
    (url, connections)
}

fn asked(response: &Response) -> &str {
    response.headers["asked"].to_str().unwrap()
}

#[tokio::test]
async fn one_connection_serves_many_requests_one_after_the_other() {
    let (url, connections) = server().await;
    let mut client = Client::new(two());
    for round in 0..50 {
        let mut request = Request::new(Method::POST, format!("/x?round={round}"));
        request.body = Bytes::from(vec![b'x'; round * 1000]);
        // What HTTP/2 does not have is not sent.
        request.headers.push((CONNECTION, HeaderValue::from_static("keep-alive")));
        let response = client.send(&url, request).await.unwrap();
        assert_eq!((response.status, response.version), (200, Version::HTTP_2));
        assert_eq!(response.body.len(), round * 1000);
        assert_eq!(
            asked(&response),
            format!("POST {url}x?round={round} HTTP/2.0 {}", round * 1000)
        );
        let timings = response.timings;
        assert_eq!((response.connected, timings.connecting > 0), (round == 0, round == 0));
        assert!(timings.waiting > 0 && timings.tls == 0);
        assert!(response.bytes_sent > (round * 1000) as u64);
        assert!(response.bytes_received > (round * 1000) as u64);
        assert!(response.bytes_received < (round * 1000 + 1000) as u64);
    }
    // More than any window holds, both ways.
    let mut request = Request::new(Method::PUT, "/");
    request.body = Bytes::from(vec![7; 5 << 20]);
    let response = client.send(&url, request.clone()).await.unwrap();
    assert_eq!(response.body, request.body);
    assert!(response.timings.sending > 0 && response.timings.receiving > 0);
    let response = client.send(&url, Request::new(Method::HEAD, "/big")).await.unwrap();
    assert_eq!((response.status, response.body.len()), (200, 0));
    let mut request = Request::get("/big");
    request.headers.push((HOST, HeaderValue::from_static("virtual")));
    request.keep = Keep::Failures;
    let response = client.send(&url, request).await.unwrap();
    assert_eq!((response.headers.len(), response.body.len()), (0, 0));
    assert!(response.bytes_received > 3 << 20);
    let prepared = Request::get("/missing").prepare(&url).unwrap();
    for _ in 0..3 {
        let response = client.repeat(&url, &prepared).await.unwrap();
        assert_eq!(response.status, 404);
        assert_eq!(asked(&response), format!("GET {url}missing HTTP/2.0 -"));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    client.close();
    client.send(&url, Request::get("/")).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

async fn tls_server(protocols: &[&str]) -> Url {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let (listener, url) = listen("https").await;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                tokio::spawn(serve(stream, http2));
            }
        }
    });
    url
}

#[tokio::test]
async fn over_tls_the_server_chooses() {
    let both = tls_server(&["h2", "http/1.1"]).await;
    let old = tls_server(&["http/1.1"]).await;
    let mute = tls_server(&[]).await;
    let (one, two, auto) = (Http::One, Http::Two, Http::Auto);
    for (url, http, expected) in [
        (&both, one, Ok(Version::HTTP_11)),
        (&both, two, Ok(Version::HTTP_2)),
        (&both, auto, Ok(Version::HTTP_2)),
        (&old, one, Ok(Version::HTTP_11)),
        (&old, two, Err("tls_failed")),
        (&old, auto, Ok(Version::HTTP_11)),
        (&mute, two, Err("tls_failed")),
        (&mute, auto, Ok(Version::HTTP_11)),
    ] {
        let tls = Tls::trusting(CERTIFICATE).unwrap();
        let mut client = Client::new(Options { tls, http, ..Options::default() });
        for round in 0..2 {
            let result = client.send(url, Request::get("/")).await;
            let told = result.as_ref().map(|it| it.version).map_err(Failure::code);
            assert_eq!(told, expected, "{url} {http:?}");
            if let Ok(response) = result {
                assert_eq!(response.timings.tls > 0, round == 0);
            }
        }
    }
    // Without TLS nobody is asked.
    let (plain, _) = server().await;
    let auto = Options { http: auto, ..Options::default() };
    assert_eq!(
        Client::new(auto).send(&plain, Request::get("/")).await.unwrap_err().code(),
        "protocol_error"
    );
}
