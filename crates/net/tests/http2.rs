//! HTTP/2 over real sockets: kind servers, servers that go away, and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Method, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seaworthy_net::{Client, Error, Failure, Http, Keep, Options, Request, Response, Tls, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const CERTIFICATE: &[u8] = include_bytes!("data/server.pem");
const KEY: &[u8] = include_bytes!("data/server.key");

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

/// A frame.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let mut bytes = (payload.len() as u32).to_be_bytes()[1..].to_vec();
    bytes.extend([kind, flags]);
    bytes.extend(stream.to_be_bytes());
    bytes.extend(payload);
    bytes
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH: u8 = 5;
const GO_AWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// `:status: 200` in HPACK.
const OK: &[u8] = &[0x88];

fn answer(stream: u32) -> Vec<u8> {
    let head = frame(HEADERS, END_HEADERS, stream, OK);
    [head, frame(DATA, END_STREAM, stream, b"done")].concat()
}

fn go_away(last: u32, reason: u32) -> Vec<u8> {
    frame(GO_AWAY, 0, 0, &[last.to_be_bytes(), reason.to_be_bytes()].concat())
}

/// Reads the frames of a client, and gives the ids of the streams it asks on.
struct Peer(TcpStream);

impl Peer {
    async fn accept(listener: &TcpListener) -> Self {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut preface = [0; 24];
        stream.read_exact(&mut preface).await.unwrap();
        assert!(preface.starts_with(b"PRI * HTTP/2.0"));
        let mut peer = Self(stream);
        peer.say(&[frame(SETTINGS, 0, 0, &[]), frame(SETTINGS, ACK, 0, &[])].concat()).await;
        peer
    }

    async fn say(&mut self, bytes: &[u8]) {
        // A client that has had enough hangs up.
        let _ = self.0.write_all(bytes).await;
    }

    /// The stream of the next request; `None` when the client hangs up first.
    async fn request(&mut self) -> Option<u32> {
        loop {
            let mut head = [0; 9];
            self.0.read_exact(&mut head).await.ok()?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.0.read_exact(&mut payload).await.ok()?;
            if head[3] == HEADERS {
                return Some(u32::from_be_bytes([head[5], head[6], head[7], head[8]]));
            }
        }
    }
}

/// A server that answers each connection's first request, and says `then` to the second; the
/// connections, and the requests that came.
async fn failing(
    then: fn(u32) -> Vec<u8>,
    close: bool,
) -> (Url, Arc<AtomicUsize>, Arc<AtomicUsize>) {
    let (listener, url) = listen("http").await;
    let counts = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (connections, requests) = counts.clone();
    tokio::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            connections.fetch_add(1, Ordering::SeqCst);
            let requests = Arc::clone(&requests);
            tokio::spawn(async move {
                let Some(first) = peer.request().await else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                peer.say(&answer(first)).await;
                let Some(second) = peer.request().await else { return };
                requests.fetch_add(1, Ordering::SeqCst);
                peer.say(&then(second)).await;
                if !close {
                    while peer.request().await.is_some() {}
                }
            });
        }
    });
    (url, counts.0, counts.1)
}

#[tokio::test]
async fn a_request_that_was_not_looked_at_is_made_anew_on_a_fresh_connection() {
    let refused: fn(u32) -> Vec<u8> = |stream| frame(RESET, 0, stream, &7_u32.to_be_bytes());
    let gone: fn(u32) -> Vec<u8> = |_| go_away(1, 0);
    let calm: fn(u32) -> Vec<u8> = |_| go_away(1, 11);
    for (then, close) in [(refused, false), (gone, false), (gone, true), (calm, true)] {
        for method in [Method::GET, Method::POST] {
            let (url, connections, requests) = failing(then, close).await;
            let mut client = Client::new(two());
            client.send(&url, Request::get("/")).await.unwrap();
            let response = client.send(&url, Request::new(method, "/")).await.unwrap();
            assert_eq!((response.status, &response.body[..]), (200, &b"done"[..]));
            assert!(response.connected && response.timings.connecting > 0);
            let counts = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
            assert_eq!(counts, (2, 3));
        }
    }
}

#[tokio::test]
async fn a_request_that_may_have_been_done_is_made_anew_only_if_that_does_no_harm() {
    let closed: fn(u32) -> Vec<u8> = |_| Vec::new();
    // These say that the second request's stream, the third, was looked at.
    let gone: fn(u32) -> Vec<u8> = |_| go_away(3, 0);
    let calm: fn(u32) -> Vec<u8> = |_| go_away(3, 11);
    for then in [closed, gone, calm] {
        for (method, expected, counts) in
            [(Method::GET, "done", (2, 3)), (Method::POST, "connection_closed", (1, 2))]
        {
            let (url, connections, requests) = failing(then, true).await;
            let mut client = Client::new(two());
            client.send(&url, Request::get("/")).await.unwrap();
            let told = match client.send(&url, Request::new(method, "/")).await {
                Ok(response) => String::from_utf8(response.body.to_vec()).unwrap(),
                Err(failure) => failure.code().to_owned(),
            };
            assert_eq!(told, expected);
            let seen = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
            assert_eq!(seen, counts);
        }
    }
    // As long as the connection stands the answer may still come.
    let (url, connections, requests) = failing(calm, false).await;
    let mut client = Client::new(two());
    client.send(&url, Request::get("/")).await.unwrap();
    let mut request = Request::new(Method::POST, "/");
    request.timeout = Some(Duration::from_millis(100));
    assert_eq!(client.send(&url, request).await.unwrap_err().code(), "timeout");
    let seen = (connections.load(Ordering::SeqCst), requests.load(Ordering::SeqCst));
    assert_eq!(seen, (1, 2));
}

#[tokio::test]
async fn a_server_that_went_away_while_idle_is_met_anew() {
    let (listener, url) = listen("http").await;
    let (told, tell) = tokio::sync::oneshot::channel();
    tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        let stream = peer.request().await.unwrap();
        // In one write, so that both have come when the answer has.
        peer.say(&[answer(stream), go_away(stream, 0)].concat()).await;
        let mut second = Peer::accept(&listener).await;
        let stream = second.request().await.unwrap();
        second.say(&answer(stream)).await;
        told.send(peer.request().await).unwrap();
    });
    let mut client = Client::new(two());
    client.send(&url, Request::get("/")).await.unwrap();
    assert!(client.send(&url, Request::new(Method::POST, "/")).await.unwrap().connected);
    assert_eq!(tell.await.unwrap(), None);
}

/// What a client makes of a server that says this to its first request, and then hangs up or not.
async fn hostile(says: impl Fn(u32) -> Vec<Vec<u8>> + Send + 'static, close: bool) -> Failure {
    let (listener, url) = listen("http").await;
    tokio::spawn(async move {
        loop {
            let mut peer = Peer::accept(&listener).await;
            let Some(stream) = peer.request().await else { continue };
            for piece in says(stream) {
                peer.say(&piece).await;
            }
            if !close {
                while peer.request().await.is_some() {}
            }
        }
    });
    let request_timeout = Duration::from_secs(if close { 30 } else { 5 });
    let options = Options { max_body: 100_000, request_timeout, ..two() };
    let failure = Client::new(options).send(&url, Request::get("/")).await.unwrap_err();
    assert!(Error::CODES.contains(&failure.code()));
    assert!(failure.bytes_sent > 24);
    failure
}

#[tokio::test]
async fn servers_that_break_the_rules_are_told_apart() {
    let begun = |stream| frame(HEADERS, END_HEADERS, stream, OK);
    let data = |stream, bytes: usize| frame(DATA, 0, stream, &vec![0; bytes]);
    // Not closed for being slow: each comes to its end by what the server said.
    let says = move |stream| vec![begun(stream), data(stream, 10)];
    assert_eq!(hostile(says, true).await.code(), "connection_closed");
    assert_eq!(hostile(|_| vec![], true).await.code(), "connection_closed");
    let says = |stream| vec![frame(RESET, 0, stream, &2_u32.to_be_bytes())];
    let failure = hostile(says, false).await;
    assert_eq!(failure.code(), "stream_reset");
    assert!(failure.to_string().contains("internal error"), "{failure}");
    let says = |stream| vec![frame(RESET, 0, stream, &7_u32.to_be_bytes())];
    assert_eq!(hostile(says, false).await.code(), "request_refused");
    assert_eq!(hostile(|_| vec![go_away(0, 0)], false).await.code(), "request_refused");
    let says = move |stream| {
        vec![begun(stream), data(stream, 10), frame(RESET, 0, stream, &8_u32.to_be_bytes())]
    };
    assert_eq!(hostile(says, false).await.code(), "stream_reset");
    let says = move |stream| [vec![begun(stream)], vec![data(stream, 16_000); 7]].concat();
    let failure = hostile(says, false).await;
    assert_eq!(failure.code(), "body_too_large", "{failure}");
    // One header of 70,000 bytes, of 300,000 and of 2,000,000: a literal, its name and value
    // uncompressed, in frames.
    for (length, coded) in [
        (70_000, [0xf1, 0xa1, 0x04].as_slice()),
        (300_000, &[0xe1, 0xa6, 0x12]),
        (2_000_000, &[0x81, 0x88, 0x7a]),
    ] {
        let says = move |stream| {
            let mut block = [&[0x88, 0x00, 0x01, b'x', 0x7f], coded].concat();
            block.resize(block.len() + length, b'y');
            let mut pieces = block.chunks(16_000);
            let mut frames = vec![frame(HEADERS, END_STREAM, stream, pieces.next().unwrap())];
            frames.extend(pieces.map(|piece| frame(CONTINUATION, 0, stream, piece)));
            frames.push(frame(CONTINUATION, END_HEADERS, stream, &[]));
            frames
        };
        let failure = hostile(says, false).await;
        assert_eq!(failure.code(), "headers_too_large", "{length}: {failure}");
    }
    let says = |stream| {
        let mut block = OK.to_vec();
        (0..101).for_each(|_| block.extend([0x00, 0x01, b'x', 0x01, b'y']));
        vec![frame(HEADERS, END_HEADERS | END_STREAM, stream, &block)]
    };
    assert_eq!(hostile(says, false).await.code(), "headers_too_large");
    // A head without end.
    let says = |stream| {
        let mut frames = vec![frame(HEADERS, 0, stream, OK)];
        frames.extend(vec![frame(CONTINUATION, 0, stream, &[0x00, 0x01, b'x', 0x01, b'y']); 5000]);
        frames
    };
    assert_eq!(hostile(says, false).await.code(), "headers_too_large");
    for broken in [
        frame(DATA, 0, 0, b"on no stream"),
        frame(HEADERS, END_HEADERS, 7, OK),
        frame(PUSH, END_HEADERS, 1, &[0, 0, 0, 2, 0x82]),
        frame(SETTINGS, 0, 0, &[1]),
        frame(WINDOW, 0, 0, &0_u32.to_be_bytes()),
        frame(HEADERS, END_HEADERS, 1, &[0xff; 20]),
        vec![0xff; 64],
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
    ] {
        let text = format!("{broken:?}");
        let failure = hostile(move |_| vec![broken.clone()], false).await;
        assert_eq!(failure.code(), "protocol_error", "{text}: {failure}");
    }
}

#[tokio::test]
async fn servers_that_do_not_even_wait_for_a_request() {
    for (says, codes) in [
        (Vec::new(), &["connection_closed", "connection_reset"][..]),
        (go_away(0, 0), &["request_refused", "connection_closed", "connection_reset"]),
        (b"220 mail ready, and here is what else we do\r\n".to_vec(), &["protocol_error"]),
    ] {
        let (listener, url) = listen("http").await;
        tokio::spawn(async move {
            let mut streams = Vec::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(&says).await;
                if says.starts_with(b"220") {
                    streams.push(stream);
                }
            }
        });
        for _ in 0..20 {
            let failure = Client::new(two()).send(&url, Request::get("/")).await.unwrap_err();
            assert!(codes.contains(&failure.code()), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn silence_is_waited_for_only_so_long() {
    let (listener, url) = listen("http").await;
    tokio::spawn(async move {
        let mut peer = Peer::accept(&listener).await;
        while peer.request().await.is_some() {}
    });
    let mut request = Request::new(Method::POST, "/");
    request.timeout = Some(Duration::from_millis(100));
    request.body = Bytes::from_static(b"body");
    let failure = Client::new(two()).send(&url, request).await.unwrap_err();
    assert_eq!(failure.code(), "timeout");
    assert!(failure.timings.waiting >= 50_000_000, "{failure:?}");
    assert_eq!(failure.timings.receiving, 0);
}
