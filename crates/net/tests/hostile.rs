//! Servers that break the rules, each on a real socket: the right error code, never a hang.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;
use seaworthy_net::{Client, Error, Failure, Options, Request, Response, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// What the server does once it has read a request's head.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// Sends these bytes, then closes.
    SayAndClose(&'static [u8]),
    /// Sends these bytes, then keeps the connection open and silent.
    SayAndHang(&'static [u8]),
    /// Sends the first part, then the second again and again.
    SayForever(&'static [u8], &'static [u8]),
    /// Sends these bytes, then resets the connection.
    SayAndReset(&'static [u8]),
    /// Answers `200` and keeps the connection for one more request, which it closes unanswered.
    ServeOnce,
    /// Answers `200` and then closes without having said so.
    ServeAndClose,
    /// Sends these bytes, then reads nothing more, but keeps the connection.
    SayAndStall(&'static [u8]),
    /// Sends these bytes for each request.
    Serve(&'static [u8]),
    /// Answers `200` to each request and says something more when told.
    ServeAndChatter,
}

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const EVIL: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil";

/// A server on a free port; counts connections and requests.
#[derive(Clone)]
struct Hostile {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    requests: Arc<AtomicUsize>,
    /// Connections that the client has closed.
    closed: Arc<AtomicUsize>,
    /// Tells [`Act::ServeAndChatter`] to chatter, and is told that it has.
    chatter: Arc<[Notify; 2]>,
}

impl Hostile {
    async fn start(act: Act) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Self {
            address: listener.local_addr().unwrap(),
            connections: Arc::default(),
            requests: Arc::default(),
            closed: Arc::default(),
            chatter: Arc::default(),
        };
        let shared = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                shared.connections.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(shared.clone().handle(stream, act));
            }
        });
        server
    }

    fn url(&self) -> Url {
        Url::parse(&format!("http://{}/", self.address)).unwrap()
    }

    fn counts(&self) -> (usize, usize) {
        (self.connections.load(Ordering::SeqCst), self.requests.load(Ordering::SeqCst))
    }

    async fn handle(self, mut stream: TcpStream, act: Act) {
        if read_head(&mut stream).await.is_none() {
            return;
        }
        self.requests.fetch_add(1, Ordering::SeqCst);
        match act {
            Act::SayAndClose(bytes) => drop(stream.write_all(bytes).await),
            Act::SayAndHang(bytes) => {
                let _ = stream.write_all(bytes).await;
                // Reads until the client gives up.
                while matches!(stream.read(&mut [0; 512]).await, Ok(1..)) {}
                self.closed.fetch_add(1, Ordering::SeqCst);
            }
            Act::SayForever(first, again) => {
                let _ = stream.write_all(first).await;
                while stream.write_all(again).await.is_ok() {}
            }
            Act::SayAndReset(bytes) => {
                let _ = stream.write_all(bytes).await;
                let _ = stream.set_zero_linger();
            }
            Act::ServeOnce => {
                let _ = stream.write_all(OK).await;
                if read_head(&mut stream).await.is_some() {
                    self.requests.fetch_add(1, Ordering::SeqCst);
                }
            }
            Act::ServeAndClose => drop(stream.write_all(OK).await),
            Act::SayAndStall(bytes) => {
                let _ = stream.write_all(bytes).await;
                std::future::pending::<()>().await;
            }
            Act::Serve(bytes) => {
                while stream.write_all(bytes).await.is_ok()
                    && read_head(&mut stream).await.is_some()
                {
                    self.requests.fetch_add(1, Ordering::SeqCst);
                }
            }
            Act::ServeAndChatter => {
                let _ = stream.write_all(OK).await;
                self.chatter[0].notified().await;
                let _ = stream.write_all(EVIL).await;
                self.chatter[1].notify_one();
                std::future::pending::<()>().await;
            }
        }
    }
}

async fn read_head(stream: &mut TcpStream) -> Option<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|window| window == b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(())
}

/// Long enough never to be met by a server that does answer.
const PATIENT: Duration = Duration::from_secs(60);
/// Short, for servers that never do.
const SHORT: Duration = Duration::from_millis(150);

fn options(timeout: Duration) -> Options {
    Options { request_timeout: timeout, max_body: 4096, max_head: 8192, ..Options::default() }
}

async fn call(act: Act, timeout: Duration) -> Result<Response, Failure> {
    let server = Hostile::start(act).await;
    Client::new(options(timeout)).send(&server.url(), Request::get("/")).await
}

async fn code(act: Act, timeout: Duration) -> &'static str {
    match call(act, timeout).await {
        Ok(response) => panic!("{act:?} gave {response:?}"),
        Err(failure) => {
            assert!(failure.timings.total() > 0, "{failure:?}");
            assert!(Error::CODES.contains(&failure.code()));
            failure.code()
        }
    }
}

#[tokio::test]
async fn silence_is_a_timeout_wherever_it_begins() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
        b"HTTP/1.1 100 Continue\r\n\r\n",
    ] {
        assert_eq!(code(Act::SayAndHang(bytes), SHORT).await, "timeout");
    }
}

#[tokio::test]
async fn a_failure_says_where_the_time_went() {
    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf";
    let failure = call(Act::SayAndHang(half), SHORT).await.unwrap_err();
    let timings = failure.timings;
    assert!(timings.receiving > timings.sending + timings.connecting, "{timings:?}");
    assert!(timings.total() >= SHORT.as_nanos() as u64, "{timings:?}");
    assert_eq!(failure.bytes_received, half.len() as u64);
    assert!(failure.bytes_sent > 0);
}

#[tokio::test]
async fn closing_early_is_named() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\ncontent-le",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
    ] {
        assert_eq!(code(Act::SayAndClose(bytes), PATIENT).await, "connection_closed");
    }
}

#[tokio::test]
async fn a_reset_is_named() {
    for bytes in [
        &b""[..],
        b"HTTP/1.1 200 OK\r\nx: y\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhe",
    ] {
        assert_eq!(code(Act::SayAndReset(bytes), PATIENT).await, "connection_reset");
    }
}

#[tokio::test]
async fn garbage_is_a_protocol_error() {
    for bytes in [
        &b"SSH-2.0-OpenSSH_9.2\r\n\r\n"[..],
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nbad header\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 7\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5, 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nx: one\r\n folded\r\n\r\n",
        b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello!\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nno trailer\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffffff\r\nhello\r\n",
    ] {
        assert_eq!(
            code(Act::SayAndHang(bytes), PATIENT).await,
            "protocol_error",
            "{}",
            bytes.escape_ascii()
        );
    }
}

#[tokio::test]
async fn endless_heads_are_cut_off() {
    let head = b"HTTP/1.1 200 OK\r\n";
    assert_eq!(
        code(Act::SayForever(head, b"x-more: and more\r\n"), PATIENT).await,
        "headers_too_large"
    );
    assert_eq!(
        code(Act::SayForever(b"HTTP/1.1 200 OK\r\nx: ", b"yyyyyyyyyyyyyyyyyy"), PATIENT).await,
        "headers_too_large"
    );
    // Empty lines before a head are skipped, but not for ever.
    assert_eq!(code(Act::SayForever(b"", b"\r\n\r\n"), PATIENT).await, "headers_too_large");
    let chunked = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";
    for again in [&b"0000000"[..], b"1;x=y"] {
        assert_eq!(code(Act::SayForever(chunked, again), PATIENT).await, "protocol_error");
    }
    let trailers = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n";
    assert_eq!(code(Act::SayForever(trailers, b"a: b\r\n"), PATIENT).await, "protocol_error");
}

#[tokio::test]
async fn endless_bodies_are_cut_off() {
    for head in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ] {
        let again: &[u8] =
            if head.ends_with(b"chunked\r\n\r\n") { b"5\r\nhello\r\n" } else { b"hello" };
        assert_eq!(code(Act::SayForever(head, again), PATIENT).await, "body_too_large");
    }
}

#[tokio::test]
async fn endless_interim_answers_end_with_the_timeout() {
    let act = Act::SayForever(b"", b"HTTP/1.1 100 Continue\r\n\r\n");
    assert_eq!(code(act, SHORT).await, "timeout");
}

#[tokio::test]
async fn nobody_listening_is_refused_and_an_unknown_name_is_not_found() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = Url::parse(&format!("http://{}/", listener.local_addr().unwrap())).unwrap();
    drop(listener);
    let mut client = Client::new(options(PATIENT));
    let failure = client.send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "connection_refused");
    let url = Url::parse("http://no-such-host.invalid/").unwrap();
    let failure = client.send(&url, Request::get("/")).await.unwrap_err();
    assert_eq!(failure.code(), "lookup_failed");
}

#[tokio::test]
async fn a_body_without_a_length_ends_with_the_connection() {
    let response =
        call(Act::SayAndClose(b"HTTP/1.0 200 OK\r\n\r\nall of it"), PATIENT).await.unwrap();
    assert_eq!(&response.body[..], b"all of it");
}

#[tokio::test]
async fn a_connection_closed_between_requests_is_replaced() {
    let server = Hostile::start(Act::ServeAndClose).await;
    let mut client = Client::new(options(PATIENT));
    for _ in 0..5 {
        let request = Request::get("/");
        assert_eq!(client.send(&server.url(), request).await.unwrap().status, 200);
    }
    assert_eq!(server.counts(), (5, 5));
}

#[tokio::test]
async fn a_request_that_was_written_is_repeated_only_when_idempotent() {
    let server = Hostile::start(Act::ServeOnce).await;
    let mut client = Client::new(options(PATIENT));
    let url = server.url();
    assert!(client.send(&url, Request::get("/")).await.is_ok());
    // Read by the server, then closed unanswered: repeated on a fresh connection.
    assert!(client.send(&url, Request::get("/")).await.is_ok());
    assert_eq!(server.counts(), (2, 3));
    // The same for a method that may have done something: not repeated.
    let failure = client.send(&url, Request::new(Method::POST, "/")).await.unwrap_err();
    assert_eq!(failure.code(), "connection_closed");
    assert_eq!(server.counts(), (2, 4));
}

#[tokio::test]
async fn a_dropped_call_drops_its_connection() {
    let server = Hostile::start(Act::SayAndHang(b"")).await;
    let url = server.url();
    let mut client = Client::new(options(PATIENT));
    let call = tokio::time::timeout(SHORT, client.send(&url, Request::get("/")));
    assert!(call.await.is_err());
    let call = tokio::time::timeout(SHORT, client.send(&url, Request::get("/")));
    assert!(call.await.is_err());
    assert_eq!(server.counts().0, 2);
    // Closed, and not only forgotten, while the client itself lives on.
    let both = async {
        while server.closed.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENT, both).await.unwrap();
    drop(client);
}

#[tokio::test]
async fn what_comes_unasked_is_never_an_answer() {
    // Behind the answer, with it: a body that is longer than stated, or a second answer.
    for bytes in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n\r\nevil"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 9\r\n\r\n\
          2\r\nok\r\n0\r\n\r\n",
    ] {
        let server = Hostile::start(Act::Serve(bytes)).await;
        let mut client = Client::new(options(PATIENT));
        for round in 1..4 {
            let response = client.send(&server.url(), Request::get("/")).await.unwrap();
            assert_eq!((&response.body[..], response.connected), (&b"ok"[..], true));
            assert_eq!(server.counts(), (round, round));
        }
    }
    // Some time after the answer, before the next request.
    let server = Hostile::start(Act::ServeAndChatter).await;
    let mut client = Client::new(options(PATIENT));
    for round in 1..4 {
        let response = client.send(&server.url(), Request::get("/")).await.unwrap();
        assert_eq!(&response.body[..], b"ok");
        assert_eq!(server.counts().0, round);
        server.chatter[0].notify_one();
        server.chatter[1].notified().await;
        // It is in the socket; the runtime looks at its sockets every 61 turns.
        for _ in 0..200 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn a_body_may_not_follow_where_none_belongs() {
    for (head, connections) in [
        ("HTTP/1.1 204 No\r\ncontent-length: 5\r\n\r\n", 1),
        ("HTTP/1.1 304 No\r\ntransfer-encoding: chunked\r\n\r\n", 1),
        ("HTTP/1.1 204 No\r\n\r\nhello", 3),
        ("HTTP/1.1 101 Other\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n", 3),
        ("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 0\r\n\r\n", 3),
        ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", 3),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", 1),
        ("HTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 1),
    ] {
        let server = Hostile::start(Act::Serve(head.as_bytes())).await;
        let mut client = Client::new(options(PATIENT));
        for _ in 0..3 {
            let response = client.send(&server.url(), Request::get("/")).await.unwrap();
            assert!(response.body.is_empty(), "{head}");
        }
        assert_eq!(server.counts(), (connections, 3), "{head}");
    }
}

#[tokio::test]
async fn an_answer_may_come_before_the_request_is_written() {
    let bytes = b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\nno";
    let server = Hostile::start(Act::SayAndStall(bytes)).await;
    let mut client = Client::new(options(PATIENT));
    for round in 1..3 {
        let mut request = Request::new(Method::POST, "/");
        request.body = vec![b'x'; 32 << 20].into();
        let response = client.send(&server.url(), request).await.unwrap();
        assert_eq!((response.status, &response.body[..]), (413, &b"no"[..]));
        // Half a request stands on the connection: no other may follow.
        assert!(response.bytes_sent < 32 << 20);
        assert_eq!(server.counts().0, round);
    }
}

#[tokio::test]
async fn what_may_not_go_on_the_wire_is_refused() {
    let server = Hostile::start(Act::ServeAndClose).await;
    let mut client = Client::new(options(PATIENT));
    for target in ["no-slash", "/a b", "/\u{e9}", "/a\r\nx: y"] {
        let failure = client.send(&server.url(), Request::get(target)).await.unwrap_err();
        assert_eq!(failure.code(), "invalid_request", "{target}");
    }
    assert_eq!(server.counts().1, 0);
}
