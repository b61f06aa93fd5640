//! WebSockets over real sockets, kind servers and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod parting;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use http::{HeaderName, HeaderValue};
use proptest::prelude::*;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use seaworthy_net::websocket::{self, Close, Message, Socket};
use seaworthy_net::{Error, Failure, Network, Options, Pending, Stream, Tls, Url};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message as Theirs;
use tokio_tungstenite::tungstenite::protocol::Role;

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, websocket::url(&format!("ws://{address}/")).unwrap())
}

async fn read_head(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    String::from_utf8(head).unwrap()
}

/// What a server must say to agree (RFC 6455 §4.2.2), up to the last header.
fn agreement(head: &str) -> String {
    let key = head.lines().find_map(|line| line.strip_prefix("sec-websocket-key: ")).unwrap();
    assert_eq!(STANDARD.decode(key).unwrap().len(), 16);
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let algorithm = &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
    let accept = STANDARD.encode(aws_lc_rs::digest::digest(algorithm, text.as_bytes()));
    format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
        Sec-WebSocket-Accept: {accept}\r\n"
    )
}

/// Agrees, and says `more` behind the head in the same write.
async fn agree(stream: &mut (impl AsyncRead + AsyncWrite + Unpin), more: &[u8]) -> String {
    let head = read_head(stream).await;
    let agreed = [agreement(&head).as_bytes(), b"\r\n", more].concat();
    stream.write_all(&agreed).await.unwrap();
    head
}

/// Sends text and bytes back, until the client says `Close`.
async fn echo(stream: impl AsyncRead + AsyncWrite + Unpin) {
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    while let Some(Ok(message)) = socket.next().await {
        match message {
            Theirs::Text(_) | Theirs::Binary(_) => socket.send(message).await.unwrap(),
            _ => {}
        }
    }
}

async fn open(url: &Url) -> Result<Socket, Failure> {
    let options = Options { max_message: 100_000, ..Options::default() };
    let limit = Some(Duration::from_secs(30));
    websocket::open(&options, url, "/chat?x=1", Vec::new(), limit).await
}

#[tokio::test]
async fn messages_go_both_ways() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let head = agree(&mut stream, b"\x81\x05early").await;
        echo(stream).await;
        head
    });
    let headers = vec![
        (AUTHORIZATION, HeaderValue::from_static("secret")),
        (HeaderName::from_static("sec-websocket-version"), HeaderValue::from_static("7")),
    ];
    let mut socket =
        websocket::open(&Options::default(), &url, "/chat", headers, None).await.unwrap();
    assert!(socket.timings.connecting > 0 && socket.timings.waiting > 0);
    assert_eq!(
        (socket.protocol.as_deref(), &socket.headers["upgrade"]),
        (None, &HeaderValue::from_static("WebSocket"))
    );
    // What came right behind the agreement is not lost.
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Text("early".to_owned())));
    let long = "ü".repeat(40_000);
    for message in [
        Message::Text(String::new()),
        Message::Text(long),
        Message::Binary(Bytes::from(vec![0; 70_000])),
        Message::Binary(Bytes::from_static(b"\xff")),
    ] {
        let before = socket.bytes_sent();
        socket.send(message.clone()).await.unwrap();
        assert!(socket.bytes_sent() >= before + message.len() as u64 + 6);
        assert_eq!(socket.receive().await.unwrap(), Some(message));
    }
    socket.send(Message::Ping(Bytes::from_static(b"there?"))).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Pong(Bytes::from_static(b"there?"))));
    assert_eq!((socket.messages_sent(), socket.messages_received()), (5, 6));
    socket.close().await.unwrap();
    assert_eq!((socket.messages_sent(), socket.messages_received()), (6, 7));
    assert!(socket.bytes_received() > 150_000);
    assert!(socket.age() > Duration::ZERO);
    assert_eq!(socket.receive().await.unwrap(), None);
    assert_eq!(
        socket.send(Message::Text(String::new())).await.unwrap_err().code(),
        "connection_closed"
    );
    socket.close().await.unwrap();
    let head = server.await.unwrap();
    assert!(head.starts_with("GET /chat HTTP/1.1\r\n"), "{head}");
    for line in [
        "connection: Upgrade",
        "upgrade: websocket",
        "sec-websocket-version: 13",
        "authorization: secret",
    ] {
        assert_eq!(head.matches(&format!("{line}\r\n")).count(), 1, "{line} in {head}");
    }
    assert!(!head.contains("version: 7"), "{head}");
}

#[tokio::test]
async fn the_server_may_close_and_ping() {
    let (listener, url) = listen().await;
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        agree(&mut stream, b"").await;
        let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
        socket.send(Theirs::Ping(Bytes::from_static(b"1"))).await.unwrap();
        assert_eq!(socket.next().await.unwrap().unwrap(), Theirs::Pong(Bytes::from_static(b"1")));
        let frame = tokio_tungstenite::tungstenite::protocol::CloseFrame {
            code: 4001.into(),
            reason: "enough".into(),
        };
        socket.close(Some(frame)).await.unwrap();
        // The client's answer, with the same code, and the end.
        let answer = socket.next().await.unwrap().unwrap();
        assert!(matches!(answer, Theirs::Close(Some(frame)) if u16::from(frame.code) == 4001));
        assert!(socket.next().await.is_none());
    });
    let mut socket = open(&url).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Ping(Bytes::from_static(b"1"))));
    let close = Close { code: 4001, reason: "enough".to_owned() };
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Close(Some(close))));
    assert_eq!(socket.receive().await.unwrap(), None);
    server.await.unwrap();
}

#[tokio::test]
async fn a_subprotocol_is_agreed_on() {
    for (offered, chosen, expected) in [
        (Some("chat, superchat"), Some("superchat"), Ok(Some("superchat"))),
        (Some("chat"), None, Ok(None)),
        (Some("chat"), Some("other"), Err("not_a_websocket")),
        (None, Some("chat"), Err("not_a_websocket")),
    ] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let head = read_head(&mut stream).await;
            let line = chosen.map(|name| format!("sec-websocket-protocol: {name}\r\n"));
            let agreed = format!("{}{}\r\n", agreement(&head), line.unwrap_or_default());
            stream.write_all(agreed.as_bytes()).await.unwrap();
            echo(stream).await;
        });
        let headers =
            offered.map(|names| (SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(names)));
        let headers = headers.into_iter().collect();
        let opened = websocket::open(&Options::default(), &url, "/", headers, None).await;
        let told = opened.as_ref().map(|socket| socket.protocol.as_deref()).map_err(Failure::code);
        assert_eq!(told, expected, "{offered:?} {chosen:?}");
    }
}

#[tokio::test]
async fn what_does_not_agree_is_not_opened() {
    let plain = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n";
    for (answer, code, reason) in [
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n".to_owned(),
            "not_a_websocket",
            "status 404",
        ),
        ("HTTP/1.1 200 OK\r\n\r\nendless".to_owned(), "not_a_websocket", "status 200"),
        (format!("{plain}\r\n"), "not_a_websocket", "another key"),
        (
            format!("{plain}Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"),
            "not_a_websocket",
            "another key",
        ),
        (
            "{agreed}sec-websocket-extensions: permessage-deflate\r\n\r\n".to_owned(),
            "not_a_websocket",
            "extension",
        ),
        ("{agreed-upgrade}\r\n".to_owned(), "not_a_websocket", "Upgrade: websocket"),
        ("{agreed-connection}\r\n".to_owned(), "not_a_websocket", "Connection: Upgrade"),
        ("HTTP/1.1 101 Sw".to_owned(), "connection_closed", "closed"),
        ("\0\0\0\0\r\n\r\n".to_owned(), "protocol_error", "protocol"),
        (
            format!("HTTP/1.1 101 X\r\nx: {}\r\n\r\n", "y".repeat(70_000)),
            "headers_too_large",
            "large",
        ),
    ] {
        let (listener, url) = listen().await;
        let text = answer.clone();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let agreed = agreement(&read_head(&mut stream).await);
            let answer = answer
                .replace("{agreed}", &agreed)
                .replace("{agreed-upgrade}", &agreed.replace("Upgrade: WebSocket\r\n", ""))
                .replace("{agreed-connection}", &agreed.replace("keep-alive, Upgrade", "close"));
            // A client that has had enough hangs up.
            let _ = stream.write_all(answer.as_bytes()).await;
        });
        let failure = open(&url).await.unwrap_err();
        assert_eq!(failure.code(), code, "{text}: {failure}");
        assert!(failure.to_string().contains(reason), "{failure}");
        assert!(failure.timings.connecting > 0 && failure.bytes_sent > 0);
    }
    let (_listener, url) = listen().await;
    let limit = Some(Duration::from_millis(50));
    let opened = websocket::open(&Options::default(), &url, "/", Vec::new(), limit).await;
    assert_eq!(opened.unwrap_err().code(), "timeout");
}

/// What a client makes of these frames: the messages before, and the code it ended with.
async fn hostile(says: impl Fn() -> Vec<Vec<u8>> + Send + 'static) -> (usize, &'static str) {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        agree(&mut stream, b"").await;
        for piece in says() {
            if stream.write_all(&piece).await.is_err() {
                return;
            }
        }
    });
    let mut socket = open(&url).await.unwrap();
    let mut messages = 0;
    loop {
        match socket.receive().await {
            Ok(Some(_)) => messages += 1,
            Ok(None) => return (messages, "end"),
            Err(error) => {
                assert!(Error::CODES.contains(&error.code()));
                assert_eq!(socket.receive().await.unwrap(), None);
                return (messages, error.code());
            }
        }
    }
}

#[tokio::test]
async fn servers_that_break_the_rules_are_told_apart() {
    let text = b"\x81\x02hi";
    for (frames, expected) in [
        // A masked frame, an unknown opcode, a reserved bit, a cut-up ping, a continuation of nothing.
        (vec![text.to_vec(), b"\x81\x82\x01\x02\x03\x04ij".to_vec()], (1, "protocol_error")),
        (vec![b"\x83\x00".to_vec()], (0, "protocol_error")),
        (vec![b"\xc1\x00".to_vec()], (0, "protocol_error")),
        (vec![b"\x09\x00".to_vec()], (0, "protocol_error")),
        (vec![b"\x80\x00".to_vec()], (0, "protocol_error")),
        // A ping that is too long, text that is not UTF-8, an end without a `Close`.
        (vec![[b"\x89\x7e\x00\x80".as_slice(), &[0; 128]].concat()], (0, "protocol_error")),
        (vec![b"\x81\x02\xff\xff".to_vec()], (0, "protocol_error")),
        (vec![text.to_vec(), b"\x81\x05hal".to_vec()], (1, "connection_closed")),
        (vec![], (0, "connection_closed")),
        (vec![text.to_vec(), b"\x88\x02\x03\xe8".to_vec()], (2, "end")),
        // 2^63 - 1 bytes announced; a little too many in one frame, and in many.
        (vec![b"\x82\x7f\x7f\xff\xff\xff\xff\xff\xff\xff".to_vec()], (0, "message_too_large")),
        (vec![b"\x82\x7f\x00\x00\x00\x00\x00\x01\x86\xa1".to_vec()], (0, "message_too_large")),
        (
            [
                vec![b"\x02\x00".to_vec()],
                vec![[b"\x00\x7e\x03\xe8".as_slice(), &[0; 1000]].concat(); 101],
            ]
            .concat(),
            (0, "message_too_large"),
        ),
    ] {
        let told = format!("{:?}", frames.first());
        assert_eq!(hostile(move || frames.clone()).await, expected, "{told}");
    }
}

/// A network of in-memory streams, for paused time: whose server agrees and reads no more, and says
/// pings for ever, or garbage, if it is told to.
#[derive(Debug)]
struct Deaf {
    pings: bool,
    /// Said behind the agreement, in pieces of four bytes; then the server hangs up.
    garbage: Option<Vec<u8>>,
}

impl Network for Deaf {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let (client, mut server) = tokio::io::duplex(64 * 1024);
        let (pings, garbage) = (self.pings, self.garbage.clone());
        tokio::spawn(async move {
            agree(&mut server, b"").await;
            if let Some(garbage) = garbage {
                for piece in garbage.chunks(4) {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    if server.write_all(piece).await.is_err() {
                        return;
                    }
                }
                return;
            }
            while pings && server.write_all(b"\x89\x00").await.is_ok() {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            std::future::pending::<()>().await;
        });
        Box::pin(std::future::ready(Ok(Box::new(client) as Box<dyn Stream>)))
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_takes_no_more_ends_the_wait() {
    let url = Url::parse("http://service/").unwrap();
    let limit = Some(Duration::from_secs(1));
    let deaf =
        |pings| Options { network: Arc::new(Deaf { pings, garbage: None }), ..Options::default() };
    let mut socket = websocket::open(&deaf(false), &url, "/", Vec::new(), limit).await.unwrap();
    let large = Message::Binary(Bytes::from(vec![0; 1 << 20]));
    assert_eq!(socket.send(large.clone()).await.unwrap_err().code(), "timeout");
    assert_eq!(socket.age(), Duration::from_secs(1));
    assert_eq!(socket.send(large).await.unwrap_err().code(), "connection_closed");
    // Pings for ever, and never a `Close`: a second, however long the opening might have taken.
    let longer = Some(Duration::from_secs(60));
    let mut socket = websocket::open(&deaf(true), &url, "/", Vec::new(), longer).await.unwrap();
    assert_eq!(socket.close().await.unwrap_err().code(), "timeout");
    assert_eq!(socket.age(), websocket::CLOSING);
    assert!(socket.messages_received() > 50);
    // One that does not even take the `Close`.
    let options = Options { max_message: 1 << 20, ..deaf(false) };
    let mut socket = websocket::open(&options, &url, "/", Vec::new(), longer).await.unwrap();
    let full = socket.send(Message::Binary(Bytes::from(vec![0; 1 << 20])));
    assert!(tokio::time::timeout(Duration::from_secs(1), full).await.is_err());
    let before = socket.age();
    assert_eq!(socket.close().await.unwrap_err().code(), "timeout");
    assert_eq!(socket.age() - before, websocket::CLOSING);
}

#[tokio::test]
async fn messages_of_our_own_have_limits_too() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        agree(&mut stream, b"").await;
        echo(stream).await;
    });
    let mut socket = open(&url).await.unwrap();
    let large = Message::Text("x".repeat(100_001));
    assert_eq!(socket.send(large).await.unwrap_err().code(), "message_too_large");
    let ping = Message::Ping(Bytes::from(vec![0; 126]));
    assert_eq!(socket.send(ping).await.unwrap_err().code(), "message_too_large");
    // Neither left, so the socket goes on.
    socket.send(Message::Text("x".to_owned())).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Text("x".to_owned())));
}

#[tokio::test]
async fn it_runs_over_tls() {
    const CERTIFICATE: &[u8] = include_bytes!("../data/server.pem");
    const KEY: &[u8] = include_bytes!("../data/server.key");
    let certificates = CertificateDer::pem_slice_iter(CERTIFICATE).map(Result::unwrap).collect();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(certificates, PrivateKeyDer::from_pem_slice(KEY).unwrap())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        agree(&mut stream, b"").await;
        echo(stream).await;
    });
    let url = websocket::url(&format!("WSS://{address}/")).unwrap();
    let options = Options { tls: Tls::trusting(CERTIFICATE).unwrap(), ..Options::default() };
    let mut socket = websocket::open(&options, &url, "/", Vec::new(), None).await.unwrap();
    assert!(socket.timings.tls > 0);
    socket.send(Message::Text("x".to_owned())).await.unwrap();
    assert_eq!(socket.receive().await.unwrap(), Some(Message::Text("x".to_owned())));
    socket.close().await.unwrap();
}

proptest! {
    #[test]
    fn whatever_a_server_says_a_socket_comes_to_an_end(
        pieces in prop::collection::vec(
            prop_oneof![
                3 => prop::sample::select(vec![
                    &b"\x81\x02hi"[..],
                    b"\x01\x01a",
                    b"\x00\x01b",
                    b"\x80\x01c",
                    b"\x82\x7e\x00\x03abc",
                    b"\x89\x01p",
                    b"\x88\x00",
                    b"\x88\x02\x03\xe8",
                    b"\x88\x01\x03",
                ])
                .prop_map(<[u8]>::to_vec),
                1 => prop::collection::vec(any::<u8>(), 0..12),
            ],
            0..12,
        ),
    ) {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
        runtime.unwrap().block_on(async {
            let url = Url::parse("http://service/").unwrap();
            let network = Arc::new(Deaf { pings: false, garbage: Some(pieces.concat()) });
            let options = Options { network, ..Options::default() };
            let mut socket =
                websocket::open(&options, &url, "/", Vec::new(), None).await.unwrap();
            let mut messages = 0;
            while let Ok(Some(_)) = socket.receive().await {
                messages += 1;
            }
            assert_eq!(socket.messages_received(), messages);
            assert!(socket.close().await.is_ok());
        });
    }
}
