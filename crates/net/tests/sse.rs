//! Event streams over real sockets, kind servers and hostile ones.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use seaworthy_net::sse::{self, Events};
use seaworthy_net::{Error, Failure, Http, Options, Request, Url};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n";

async fn listen() -> (TcpListener, Url) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = url(listener.local_addr().unwrap());
    (listener, url)
}

fn url(address: SocketAddr) -> Url {
    Url::parse(&format!("http://{address}/")).unwrap()
}

/// Accepts a connection and reads a request's head.
async fn accept(listener: &TcpListener) -> (TcpStream, String) {
    let (mut stream, _) = listener.accept().await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(head).unwrap())
}

/// A server that says these pieces to one client, each in a write of its own, and hangs up.
async fn saying(pieces: Vec<String>) -> Url {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (mut stream, _) = accept(&listener).await;
        for piece in pieces {
            if stream.write_all(piece.as_bytes()).await.is_err() {
                return;
            }
            tokio::task::yield_now().await;
        }
    });
    url
}

async fn open(url: &Url) -> Result<Events, Failure> {
    sse::open(&Options::default(), url, Request::get("/events")).await
}

/// All data until the stream ends, and the code it ended with.
async fn drain(mut events: Events) -> (Vec<String>, &'static str) {
    let mut data = Vec::new();
    loop {
        match events.next().await {
            Ok(Some(event)) => data.push(event.data),
            Ok(None) => return (data, "end"),
            Err(error) => {
                assert!(Error::CODES.contains(&error.code()));
                assert!(events.next().await.unwrap().is_none());
                return (data, error.code());
            }
        }
    }
}

#[tokio::test]
async fn events_arrive_as_they_are_said() {
    let (listener, url) = listen().await;
    let (told, tell) = oneshot::channel::<()>();
    let server = tokio::spawn(async move {
        let (mut stream, head) = accept(&listener).await;
        let begin =
            format!("{HEAD}transfer-encoding: chunked\r\n\r\n8\r\ndata: on\r\n3\r\ne\n\n\r\n");
        stream.write_all(begin.as_bytes()).await.unwrap();
        tell.await.unwrap();
        let rest = b"1c\r\nid: 7\nevent: two\ndata: 2\n\nda\r\n9\r\nta: lost\n\r\n0\r\n\r\n";
        stream.write_all(rest).await.unwrap();
        head
    });
    let mut request = Request::get("/events?x=1");
    request.headers.push((HeaderName::from_static("x-one"), HeaderValue::from_static("1")));
    let mut events = sse::open(&Options::default(), &url, request).await.unwrap();
    assert_eq!(
        (events.status, &events.headers["content-type"]),
        (200, &HeaderValue::from_static("text/event-stream; charset=utf-8"))
    );
    assert!(events.timings.connecting > 0 && events.timings.waiting > 0);
    let event = events.next().await.unwrap().unwrap();
    assert_eq!(
        (event.id.as_str(), event.event.as_str(), event.data.as_str()),
        ("", "message", "one")
    );
    // Nothing more was said: a call that is given up loses nothing.
    let waiting = events.next();
    tokio::select! {
        biased;
        event = waiting => panic!("{event:?}"),
        () = tokio::task::yield_now() => {}
    }
    told.send(()).unwrap();
    let event = events.next().await.unwrap().unwrap();
    assert_eq!((event.id.as_str(), event.event.as_str(), event.data.as_str()), ("7", "two", "2"));
    assert_eq!(events.next().await.unwrap(), None);
    assert_eq!(events.next().await.unwrap(), None);
    assert_eq!(events.last_id(), "7");
    let head = server.await.unwrap();
    assert!(head.starts_with("GET /events?x=1 HTTP/1.1\r\n"), "{head}");
    assert!(
        head.contains("x-one: 1\r\n") && head.contains("accept: text/event-stream\r\n"),
        "{head}"
    );
    assert_eq!(events.bytes_sent(), head.len() as u64);
    assert!(events.bytes_received() > 150);
}

#[tokio::test]
async fn every_framing_is_read() {
    for (head, rest, ends) in [
        ("", "data: 1\n\ndata: 2\n\n", "end"),
        ("content-length: 18\r\n", "data: 1\n\ndata: 2\n\nignored", "end"),
        ("content-length: 28\r\n", "data: 1\n\ndata: 2\n\n", "connection_closed"),
        (
            "transfer-encoding: chunked\r\n",
            "9\r\ndata: 1\n\n\r\n9\r\ndata: 2\n\n\r\n",
            "connection_closed",
        ),
        ("transfer-encoding: chunked\r\n", "12\r\ndata: 1\n\ndata: 2\n\n\r\n0\r\n\r\n", "end"),
        (
            "transfer-encoding: chunked\r\n",
            "12\r\ndata: 1\n\ndata: 2\n\n\r\nxyz\r\n",
            "protocol_error",
        ),
    ] {
        let whole = format!("{HEAD}{head}\r\n{rest}");
        for size in [1, 7, whole.len()] {
            let pieces = whole.as_bytes().chunks(size);
            let pieces = pieces.map(|piece| String::from_utf8(piece.to_vec()).unwrap()).collect();
            let events = open(&saying(pieces).await).await.unwrap();
            let (data, ended) = drain(events).await;
            assert_eq!(
                (data, ended),
                (vec!["1".to_owned(), "2".to_owned()], ends),
                "{head} {size}"
            );
        }
    }
}

#[tokio::test]
async fn what_is_no_event_stream_is_not_opened() {
    for (head, code, reason) in [
        (
            "HTTP/1.1 503 Full\r\ncontent-type: text/event-stream\r\n\r\n",
            "not_an_event_stream",
            "status 503",
        ),
        (
            "HTTP/1.1 204 No\r\ncontent-type: text/event-stream\r\n\r\n",
            "not_an_event_stream",
            "status 204",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\n",
            "not_an_event_stream",
            "`text/html`",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", "not_an_event_stream", "no content type"),
        (
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n\r\n",
            "not_an_event_stream",
            "`gzip`",
        ),
        ("HTTP/1.1 200 OK\r\ncontent-type: text/ev", "connection_closed", "closed"),
        ("garbage\r\n\r\n", "protocol_error", "protocol"),
    ] {
        let failure = open(&saying(vec![head.to_owned()]).await).await.unwrap_err();
        assert_eq!(failure.code(), code, "{head}");
        assert!(failure.to_string().contains(reason), "{failure}");
        assert!(failure.timings.connecting > 0 && failure.bytes_received > 0);
    }
    let (listener, url) = listen().await;
    let mut request = Request::get("/");
    request.timeout = Some(Duration::from_millis(50));
    let failure = sse::open(&Options::default(), &url, request).await.unwrap_err();
    assert_eq!(failure.code(), "timeout");
    drop(listener);
    let failure = open(&url).await.unwrap_err();
    assert_eq!(failure.code(), "connection_refused");
}

#[tokio::test]
async fn an_event_without_end_is_cut_off() {
    for (begin, again) in [
        ("data: ", "x".repeat(8192)),
        (":", "x".repeat(8192)),
        ("", "data: more and more\n".repeat(400)),
    ] {
        let (listener, url) = listen().await;
        tokio::spawn(async move {
            let (mut stream, _) = accept(&listener).await;
            let begin = format!("{HEAD}\r\ndata: first\n\n{begin}");
            let mut result = stream.write_all(begin.as_bytes()).await;
            while result.is_ok() {
                result = stream.write_all(again.as_bytes()).await;
            }
        });
        let options = Options { max_message: 100_000, ..Options::default() };
        let events = sse::open(&options, &url, Request::get("/")).await.unwrap();
        let (data, ended) = drain(events).await;
        assert_eq!((data, ended), (vec!["first".to_owned()], "event_too_large"));
    }
}

#[tokio::test]
async fn streams_come_over_http2_too() {
    let (listener, url) = listen().await;
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut connection = h2::server::handshake(stream).await.unwrap();
        let (request, mut respond) = connection.accept().await.unwrap().unwrap();
        assert_eq!(request.headers()["accept"], "text/event-stream");
        tokio::spawn(async move { while connection.accept().await.is_some() {} });
        let answer = http::Response::builder().header("content-type", "text/event-stream");
        let mut body = respond.send_response(answer.body(()).unwrap(), false).unwrap();
        for piece in ["data: 1\n", "\nda", "ta: 2\n\n"] {
            body.send_data(Bytes::from(piece), false).unwrap();
        }
        body.send_data(Bytes::new(), true).unwrap();
    });
    let options = Options { http: Http::Two, ..Options::default() };
    let events = sse::open(&options, &url, Request::get("/")).await.unwrap();
    assert_eq!(events.version, http::Version::HTTP_2);
    assert_eq!(drain(events).await, (vec!["1".to_owned(), "2".to_owned()], "end"));
}

#[tokio::test]
async fn many_streams_stay_open_side_by_side() {
    let (listener, url) = listen().await;
    let (told, tell) = oneshot::channel::<()>();
    tokio::spawn(async move {
        let mut streams = Vec::new();
        for _ in 0..400 {
            let (mut stream, _) = accept(&listener).await;
            stream.write_all(format!("{HEAD}\r\n").as_bytes()).await.unwrap();
            streams.push(stream);
        }
        tell.await.unwrap();
        for (number, stream) in streams.iter_mut().enumerate() {
            stream.write_all(format!("data: {number}\n\n").as_bytes()).await.unwrap();
        }
    });
    let mut streams = Vec::new();
    for _ in 0..400 {
        streams.push(open(&url).await.unwrap());
    }
    told.send(()).unwrap();
    for (number, events) in streams.iter_mut().enumerate() {
        assert_eq!(events.next().await.unwrap().unwrap().data, number.to_string());
    }
}
