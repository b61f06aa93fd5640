//! The client against real hyper servers: over TCP, over TLS, and over memory on paused time.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::header::{CONTENT_LENGTH, HeaderValue};
use http_body_util::{BodyExt, Full};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use proptest::prelude::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seaworthy_net::{
    Client, Exception, Keep, Network, Options, Pending, Request, Stream, Tls, Url,
};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;

/// Answers with what it was asked: method, target, host, length of the body; `/slow` after 300 ms.
async fn echo(
    request: http::Request<hyper::body::Incoming>,
) -> Result<http::Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    if head.uri.path() == "/slow" {
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let header = |name: &str| {
        head.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("-").to_owned()
    };
    let text = format!(
        "{} {} host={} agent={} length={} body={}",
        head.method,
        head.uri,
        header("host"),
        header("user-agent"),
        header("content-length"),
        body.len()
    );
    let status = if head.uri.path() == "/fail" { 500 } else { 201 };
    Ok(http::Response::builder().status(status).body(Full::new(Bytes::from(text))).unwrap())
}

fn serve(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) {
    tokio::spawn(
        hyper::server::conn::http1::Builder::new()
            .serve_connection(TokioIo::new(stream), service_fn(echo)),
    );
}

/// A listener that serves every connection and counts them.
async fn tcp_server() -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&count);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            counted.fetch_add(1, Ordering::SeqCst);
            serve(stream);
        }
    });
    (address, count)
}

fn text(body: &Bytes) -> &str {
    std::str::from_utf8(body).unwrap()
}

#[tokio::test]
async fn one_connection_serves_many_requests() {
    let (address, connections) = tcp_server().await;
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let mut client = Client::new(Options::default());
    for round in 0..100 {
        let mut request = Request::new(Method::POST, format!("/x?round={round}"));
        request.body = Bytes::from_static(b"12345");
        // A wrong length of the user's own is not sent.
        request.headers.push((CONTENT_LENGTH, HeaderValue::from_static("99")));
        let response = client.send(&url, request).await.unwrap();
        assert_eq!(response.status, 201);
        assert_eq!(
            text(&response.body),
            format!(
                "POST /x?round={round} host={address} agent=seaworthy/{} length=5 body=5",
                env!("CARGO_PKG_VERSION")
            )
        );
        assert_eq!(response.timings.connecting > 0, round == 0);
        assert!(response.timings.waiting > 0);
        assert!(response.bytes_received > response.body.len() as u64);
        assert!(response.bytes_sent > 5);
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    client.close();
    client.send(&url, Request::get("/")).await.unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn each_origin_has_its_own_connection() {
    let (first, one) = tcp_server().await;
    let (second, two) = tcp_server().await;
    let mut client = Client::new(Options::default());
    for address in [first, second, first, second] {
        let url = Url::parse(&format!("http://{address}/")).unwrap();
        let response = client.send(&url, Request::get("/")).await.unwrap();
        assert!(text(&response.body).contains(&format!("host={address}")));
    }
    assert_eq!((one.load(Ordering::SeqCst), two.load(Ordering::SeqCst)), (1, 1));
}

#[tokio::test]
async fn a_head_request_has_no_body_and_keeps_the_connection() {
    let (address, connections) = tcp_server().await;
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let mut client = Client::new(Options::default());
    for _ in 0..3 {
        let response = client.send(&url, Request::new(Method::HEAD, "/")).await.unwrap();
        assert_eq!((response.status, response.body.len()), (201, 0));
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_request_written_out_once_is_sent_many_times() {
    let (address, connections) = tcp_server().await;
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let mut client = Client::new(Options::default());
    for length in [0, 5, 1 << 20] {
        let mut request = Request::new(Method::PUT, "/x");
        request.body = vec![b'x'; length].into();
        let prepared = request.prepare(&url).unwrap();
        for _ in 0..3 {
            let again = client.repeat(&url, &prepared).await.unwrap();
            let once = client.send(&url, request.clone()).await.unwrap();
            let length = format!("length={length} body={length}");
            assert!(text(&again.body).ends_with(&length), "{}", text(&again.body));
            assert_eq!((again.body, again.bytes_sent), (once.body, once.bytes_sent));
        }
    }
    assert_eq!(connections.load(Ordering::SeqCst), 1);
    let (other, asked) = tcp_server().await;
    let other = Url::parse(&format!("http://{other}/")).unwrap();
    let prepared = Request::get("/").prepare(&url).unwrap();
    let failure = client.repeat(&other, &prepared).await.unwrap_err();
    assert_eq!((failure.code(), failure.timings.connecting), ("invalid_request", 0));
    assert_eq!(asked.load(Ordering::SeqCst), 0);
    assert!(Request::get("no-slash").prepare(&url).is_err());
}

#[tokio::test]
async fn of_a_success_only_what_is_wanted_is_kept() {
    let (address, _) = tcp_server().await;
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    let mut client = Client::new(Options::default());
    for (target, kept) in [("/", false), ("/fail", true)] {
        let mut request = Request::get(target);
        let whole = client.send(&url, request.clone()).await.unwrap();
        request.keep = Keep::Failures;
        let prepared = request.prepare(&url).unwrap();
        for response in [
            client.send(&url, request).await.unwrap(),
            client.repeat(&url, &prepared).await.unwrap(),
        ] {
            assert_eq!((response.status, response.version), (whole.status, whole.version));
            assert_eq!(response.bytes_received, whole.bytes_received);
            assert_eq!(!response.headers.is_empty(), kept);
            assert_eq!(response.body.len(), if kept { whole.body.len() } else { 0 });
            assert!(!response.connected);
        }
    }
}

const CERTIFICATE: &[u8] = include_bytes!("data/server.pem");
const KEY: &[u8] = include_bytes!("data/server.key");

async fn tls_server() -> SocketAddr {
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(
        rustls::crypto::aws_lc_rs::default_provider(),
    ))
    .with_safe_default_protocol_versions()
    .unwrap()
    .with_no_client_auth()
    .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
    .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            if let Ok(stream) = acceptor.accept(stream).await {
                serve(stream);
            }
        }
    });
    address
}

#[tokio::test]
async fn tls_is_verified_and_timed() {
    let address = tls_server().await;
    let trusting = Options { tls: Tls::trusting(CERTIFICATE).unwrap(), ..Options::default() };
    for host in ["localhost", "127.0.0.1"] {
        let url = Url::parse(&format!("https://{host}:{}/", address.port())).unwrap();
        let mut client = Client::new(trusting.clone());
        let first = client.send(&url, Request::get("/")).await.unwrap();
        let second = client.send(&url, Request::get("/")).await.unwrap();
        assert_eq!((first.status, second.status), (201, 201));
        assert!(first.timings.tls > 0);
        assert_eq!(second.timings.tls, 0);
    }
    // Whoever checks nothing is content with anybody.
    let url = Url::parse(&format!("https://{address}/")).unwrap();
    let careless = Options { tls: Tls::insecure(), ..Options::default() };
    let response = Client::new(careless).send(&url, Request::get("/")).await.unwrap();
    assert_eq!((response.status, response.connected), (201, true));
    // A certificate from nobody we trust, a name it does not hold, and a server without TLS.
    let url = Url::parse(&format!("https://{address}/")).unwrap();
    let failure = Client::new(Options::default()).send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "tls_failed", "{failure}");
    let url = Url::parse(&format!("https://[::ffff:127.0.0.1]:{}/", address.port())).unwrap();
    let failure = Client::new(trusting.clone()).send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "tls_failed", "{failure}");
    let (plain, _) = tcp_server().await;
    let url = Url::parse(&format!("https://{plain}/")).unwrap();
    let failure = Client::new(trusting).send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "tls_failed", "{failure}");
    assert!(Tls::trusting(b"").is_err());
    assert!(
        Tls::trusting(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").is_err()
    );
}

#[tokio::test]
async fn an_exception_holds_for_its_origin_alone() {
    let (taken, refused) = (tls_server().await, tls_server().await);
    let url = |address: SocketAddr| Url::parse(&format!("https://{address}/")).unwrap();
    let exception =
        Exception { origin: url(taken), tls: Tls::insecure(), http: seaworthy_net::Http::One };
    let options = Options { exceptions: Arc::from([exception]), ..Options::default() };
    let mut client = Client::new(options);
    assert_eq!(client.send(&url(taken), Request::get("/")).await.unwrap().status, 201);
    let failure = client.send(&url(refused), Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "tls_failed", "{failure}");
}

/// A network of in-memory streams whose steps take as long as they are told.
#[derive(Debug)]
struct Memory {
    looking_up: Duration,
    connecting: Duration,
}

impl Network for Memory {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(async move {
            tokio::time::sleep(self.looking_up).await;
            Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
        })
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        Box::pin(async move {
            tokio::time::sleep(self.connecting).await;
            let (client, server) = tokio::io::duplex(64 * 1024);
            serve(server);
            Ok(Box::new(client) as Box<dyn Stream>)
        })
    }
}

fn memory(looking_up: u64, connecting: u64) -> Options {
    Options {
        network: Arc::new(Memory {
            looking_up: Duration::from_millis(looking_up),
            connecting: Duration::from_millis(connecting),
        }),
        connect_timeout: Duration::from_secs(1),
        request_timeout: Duration::from_secs(2),
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn every_part_of_a_request_is_timed_exactly() {
    let url = Url::parse("http://service/").unwrap();
    let mut client = Client::new(memory(20, 50));
    let first = client.send(&url, Request::get("/slow")).await.unwrap().timings;
    let ms = 1_000_000;
    assert_eq!((first.looking_up, first.connecting, first.tls), (20 * ms, 50 * ms, 0));
    assert_eq!((first.sending, first.waiting, first.receiving), (0, 300 * ms, 0));
    assert_eq!((first.service(), first.total()), (300 * ms, 370 * ms));
    let second = client.send(&url, Request::get("/slow")).await.unwrap().timings;
    assert_eq!((second.total(), second.waiting), (300 * ms, 300 * ms));
}

#[tokio::test(start_paused = true)]
async fn the_two_timeouts_are_told_apart() {
    let ms = 1_000_000;
    let url = Url::parse("http://service/").unwrap();
    let failure = Client::new(memory(400, 700)).send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "connect_timeout");
    assert_eq!(failure.timings.total(), 1_000_000_000);
    assert_eq!(failure.timings.connecting, 600_000_000);
    let mut request = Request::get("/slow");
    request.timeout = Some(Duration::from_millis(250));
    let mut client = Client::new(memory(10, 20));
    let failure = client.send(&url, request).await.unwrap_err();
    assert_eq!(failure.code(), "timeout");
    assert_eq!(failure.timings.waiting, 220_000_000);
    assert_eq!(failure.timings.total(), 250_000_000);
    // The late answer must not be taken for the next one's.
    let response = client.send(&url, Request::get("/next")).await.unwrap();
    assert!(text(&response.body).starts_with("GET /next "));
    // A kept connection keeps its timer too, whatever it was set to before.
    for limit in [400, 1, 299, 2000, 20, 301] {
        let mut request = Request::get("/slow");
        request.timeout = Some(Duration::from_millis(limit));
        let (code, timings) = match client.send(&url, request).await {
            Ok(response) => ("answered", response.timings),
            Err(failure) => (failure.code(), failure.timings),
        };
        let expected = if limit > 300 { ("answered", 300) } else { ("timeout", limit) };
        assert_eq!((code, timings.total()), (expected.0, expected.1 * ms));
        let again = client.send(&url, Request::get("/next")).await.unwrap();
        assert_eq!(again.timings.waiting, 0);
    }
}

/// A network whose server says some bytes, in pieces, whatever it is asked.
#[derive(Debug)]
struct Saying {
    pieces: Vec<Vec<u8>>,
    then_close: bool,
}

impl Network for Saying {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (client, mut server) = tokio::io::duplex(256);
        let (pieces, then_close) = (self.pieces.clone(), self.then_close);
        tokio::spawn(async move {
            for piece in pieces {
                tokio::time::sleep(Duration::from_millis(1)).await;
                if server.write_all(&piece).await.is_err() {
                    return;
                }
            }
            if !then_close {
                std::future::pending::<()>().await;
            }
        });
        Box::pin(std::future::ready(Ok(Box::new(client) as Box<dyn Stream>)))
    }
}

fn pieces() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let sound = prop::sample::select(vec![
        &b"HTTP/1.1 200 OK\r\n"[..],
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"HTTP/1.1 101 Switching\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        b"HTTP/1.0 204 No\r\n\r\n",
        b"content-length: 5\r\n",
        b"transfer-encoding: chunked\r\n",
        b"connection: close\r\n",
        b"\r\n",
        b"5\r\nhello\r\n",
        b"0\r\n\r\n",
        b"trailer: x\r\n",
        b"hello",
    ]);
    let piece = prop_oneof![
        4 => sound.prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..40),
    ];
    prop::collection::vec(piece, 0..12)
}

proptest! {
    #[test]
    fn whatever_a_server_says_two_requests_come_to_an_end(
        pieces in pieces(),
        then_close in any::<bool>(),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let url = Url::parse("http://service/").unwrap();
            let network = Arc::new(Saying { pieces, then_close });
            let timeout = Duration::from_secs(1);
            let options = Options { network, request_timeout: timeout, ..Options::default() };
            let mut client = Client::new(options);
            for _ in 0..2 {
                let total = match client.send(&url, Request::get("/")).await {
                    Ok(response) => response.timings.total(),
                    Err(failure) => failure.timings.total(),
                };
                assert!(total <= timeout.as_nanos() as u64, "{total}");
            }
        });
    }
}
