//! Exchanges over WebSockets with a real server.

use std::path::Path;
use std::time::Duration;

use aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::Role;

use crate::service::Service;
use crate::world::{Done, Trial};

/// Answers `{"hello": x}` with a greeting and a second message, echoes other text, closes on `bye`.
async fn server() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut socket = accept(stream).await;
                while let Some(Ok(message)) = socket.next().await {
                    let Message::Text(text) = message else { continue };
                    let answers = match text.as_str() {
                        "bye" => {
                            let _ = socket.close(None).await;
                            continue;
                        }
                        text if text.starts_with('{') => {
                            vec!["noise".to_owned(), format!("{{\"you\": {text}}}")]
                        }
                        text => vec![format!("echo {text}")],
                    };
                    for answer in answers {
                        socket.send(Message::text(answer)).await.unwrap();
                    }
                }
            });
        }
    });
    port
}

/// RFC 6455 §4.2.2.
async fn accept(mut stream: TcpStream) -> WebSocketStream<TcpStream> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    let key = lines.find(|(name, _)| name.eq_ignore_ascii_case("sec-websocket-key")).unwrap().1;
    let text = format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let digest = aws_lc_rs::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
    let agreed = format!(
        "HTTP/1.1 101 -\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(digest)
    );
    stream.write_all(agreed.as_bytes()).await.unwrap();
    WebSocketStream::from_raw_socket(stream, Role::Server, None).await
}

async fn run(iterations: u32, moves: &str) -> Done {
    let flow = format!(
        "  - {{name: f, target: service, steps: [{{name: chat, request: GET /ws, websocket: {moves}}}]}}"
    );
    let service = Service::start(|_, _| crate::service::ok("")).await;
    let load = format!(
        "load: [{{flow: f, executor: per-vu-iterations, vus: 1, iterations: {iterations}}}]\nflows:\n"
    );
    let mut trial: Trial =
        service.trial(&format!("{load}{flow}"), Duration::from_secs(60), Path::new("."));
    let url = format!("http://127.0.0.1:{}", server().await);
    trial.options.targets.insert("service".to_owned(), seaworthy_net::Url::parse(&url).unwrap());
    trial.run_for_real().await
}

#[tokio::test]
async fn messages_go_back_and_forth() {
    let moves = r#"[{send: {hello: "${iteration}"}}, {receive: {json: {"$.you.hello": "${iteration}"}}},
        {send: "plain ${vu}"}, {receive: {text: "echo pl*", within: 30s}}, {send: again}, {receive: {}}]"#;
    let done = run(3, moves).await;
    let load = &done.report.loads[0];
    assert_eq!((load.failures.as_slice(), load.completed), (&[][..], 3));
    let step = [("flow", "f"), ("step", "chat")];
    assert_eq!(done.count("ws_sessions", &step), 3);
    assert_eq!(done.count("ws_msgs_sent", &step), 9);
    assert_eq!(done.count("ws_msgs_received", &step), 12);
    assert_eq!(done.times("ws_connecting", &step).count(), 3);
    assert_eq!(done.times("ws_session_duration", &step).count(), 3);
    assert_eq!(done.rate("checks", &[("check", "chat: received 2")]), (3, 3));
    assert_eq!(done.rate("checks", &[("check", "chat: opened")]), (3, 3));
    assert_eq!(done.rate("checks", &[("check", "chat: closed")]), (3, 3));
    // Each opening is a request, without a step's response time.
    assert_eq!(done.count("http_reqs", &[("step", "chat"), ("status", "101")]), 3);
    assert_eq!(done.rate("http_req_failed", &step), (3, 0));
    assert_eq!(done.times("http_req_duration", &step).count(), 3);
    assert_eq!(done.times("response_time", &step).count(), 0);
    assert_eq!((load.requests, load.failed), (3, 0));
}

#[tokio::test]
async fn a_message_that_does_not_come_fails_the_iteration() {
    let done =
        run(1, "[{send: a}, {receive: {}}, {send: b}, {receive: {text: nope, within: 80ms}}]")
            .await;
    let failure = &done.report.loads[0].failures[0];
    assert_eq!(failure.code, "message_timeout");
    assert_eq!(failure.example, "no such message within 80ms, 1 other(s) came");
    assert_eq!(done.rate("checks", &[("check", "chat: received 1")]), (1, 1));
    assert_eq!(done.rate("checks", &[("check", "chat: received 2")]), (1, 0));
    assert_eq!(done.report.loads[0].failed_iterations, 1);
}

#[tokio::test]
async fn a_service_that_pings_for_ever_is_left() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let mut socket = accept(stream).await;
        while socket.send(Message::Ping(Vec::new().into())).await.is_ok() {}
    });
    let service = Service::start(|_, _| crate::service::ok("")).await;
    let flow = "  - {name: f, target: service, steps: [{name: chat, request: GET /ws, websocket: [{receive: {within: 50ms}}]}]}";
    let mut trial = service.iterations(1, flow);
    trial.options.targets.insert("service".to_owned(), seaworthy_net::Url::parse(&url).unwrap());
    let done = trial.run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!(load.failures[0].code, "message_timeout");
    assert_eq!((load.failed_iterations, load.interrupted), (1, 0));
    assert_eq!(done.rate("checks", &[("check", "chat: closed")]), (1, 0));
}

#[tokio::test]
async fn a_socket_the_service_closes_is_told() {
    let done = run(1, "[{send: bye}, {receive: {within: 30s}}]").await;
    assert_eq!(done.report.loads[0].failures[0].code, "websocket_closed");
    assert_eq!(done.rate("http_req_failed", &[]), (1, 0));
    assert_eq!(done.rate("checks", &[("check", "chat: opened")]), (1, 1));
    assert_eq!(done.rate("checks", &[("check", "chat: closed")]), (1, 0));
}

#[tokio::test]
async fn what_is_no_websocket_is_refused() {
    let service = Service::start(|_, _| crate::service::ok("hello")).await;
    let flow = "  - {name: f, target: service, steps: [{name: chat, request: GET /ws, websocket: [{send: a}]}]}";
    let done = service.iterations(1, flow).run_for_real().await;
    assert_eq!(done.report.loads[0].failures[0].code, "not_a_websocket");
    assert_eq!(done.count("ws_sessions", &[]), 0);
    assert_eq!(done.times("ws_connecting", &[]).count(), 1);
    assert_eq!(done.rate("http_req_failed", &[("step", "chat")]), (1, 1));
    assert_eq!(done.count("http_reqs", &[("status", "error:not_a_websocket")]), 1);
    assert_eq!(done.rate("checks", &[("check", "chat: opened")]), (1, 0));
    assert_eq!((done.report.loads[0].requests, done.report.loads[0].failed), (1, 1));
}

#[tokio::test]
async fn a_service_that_is_not_there_fails_every_opening() {
    let service = Service::start(|_, _| crate::service::ok("")).await;
    let flow = "  - {name: f, target: service, steps: [{name: chat, request: GET /ws, websocket: [{send: a}]}]}";
    let mut trial = service.iterations(3, flow);
    // A port that nobody listens on: it was free, and is held without listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let url = format!("http://{}", socket.local_addr().unwrap());
    trial.options.targets.insert("service".to_owned(), seaworthy_net::Url::parse(&url).unwrap());
    let done = trial.run_for_real().await;
    assert_eq!(done.rate("http_req_failed", &[("step", "chat")]), (3, 3));
    assert_eq!(done.count("http_reqs", &[("status", "error:connection_refused")]), 3);
    assert_eq!(done.rate("checks", &[("check", "chat: opened")]), (3, 0));
    let load = &done.report.loads[0];
    assert_eq!((load.requests, load.failed, load.failed_iterations), (3, 3, 3));
}
