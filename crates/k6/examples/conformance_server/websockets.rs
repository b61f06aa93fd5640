//! WebSockets that echo, greet, count, close with a code, ping, or break off.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, UPGRADE,
};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::Incoming;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::json;
use sha1::{Digest, Sha1};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Message, Role};

use crate::answer::{self, Answer};
use crate::seen::decoded;

type Socket = WebSocketStream<TokioIo<Upgraded>>;
type Outcome = Result<(), tokio_tungstenite::tungstenite::Error>;

/// Agrees to a WebSocket, or says why not.
pub(crate) fn answer(mut request: Request<Incoming>) -> Answer {
    let path: Vec<String> = request.uri().path().split('/').skip(2).map(decoded).collect();
    if path[0] == "refuse" {
        return answer::status(StatusCode::FORBIDDEN);
    }
    let Some(key) = request.headers().get(SEC_WEBSOCKET_KEY) else {
        return answer::status(StatusCode::UPGRADE_REQUIRED);
    };
    let mut hash = Sha1::new();
    hash.update(key.as_bytes());
    hash.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    let accept = STANDARD.encode(hash.finalize());
    let offered = request.headers().get(SEC_WEBSOCKET_PROTOCOL).and_then(|it| it.to_str().ok());
    let chosen = offered.and_then(|it| it.split(',').map(str::trim).find(|it| *it == "flags"));
    let chosen = chosen.and_then(|it| HeaderValue::from_str(it).ok());
    let headers: serde_json::Map<_, _> = request
        .headers()
        .iter()
        .map(|(name, value)| {
            (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned().into())
        })
        .collect();
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move {
        if let Ok(upgraded) = upgrade.await {
            let socket =
                WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, None).await;
            // The client may go away in the middle of anything.
            drop(talk(socket, &path, &json!(headers).to_string()).await);
        }
    });
    let mut agreed = answer::status(StatusCode::SWITCHING_PROTOCOLS);
    agreed.headers_mut().remove(http::header::CONTENT_TYPE);
    agreed.headers_mut().insert(UPGRADE, HeaderValue::from_static("websocket"));
    agreed.headers_mut().insert(CONNECTION, HeaderValue::from_static("Upgrade"));
    if let Ok(accept) = HeaderValue::from_str(&accept) {
        agreed.headers_mut().insert(SEC_WEBSOCKET_ACCEPT, accept);
    }
    if let Some(chosen) = chosen {
        agreed.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, chosen);
    }
    agreed
}

async fn talk(mut socket: Socket, path: &[String], headers: &str) -> Outcome {
    let number = path.get(1).and_then(|text| text.parse::<u16>().ok()).unwrap_or(0);
    match path[0].as_str() {
        "echo" => echo(socket).await,
        "greet" => {
            socket.send(Message::text("hello")).await?;
            echo(socket).await
        }
        "headers" => {
            socket.send(Message::text(headers)).await?;
            echo(socket).await
        }
        "count" => {
            for index in 0..number {
                socket.send(Message::text(index.to_string())).await?;
            }
            close(socket, 1000, "counted").await
        }
        "binary" => {
            socket.send(Message::binary(answer::noise(number.into()))).await?;
            echo(socket).await
        }
        // Closes with a code, after the first message.
        "close" => {
            socket.next().await.transpose()?;
            close(socket, number, "as you wish").await
        }
        // Pings, and says so when the answer comes.
        "ping" => {
            socket.send(Message::Ping(Bytes::from_static(b"here?"))).await?;
            while let Some(message) = socket.next().await.transpose()? {
                if let Message::Pong(payload) = message {
                    let text = format!("pong {}", String::from_utf8_lossy(&payload));
                    socket.send(Message::text(text)).await?;
                }
            }
            Ok(())
        }
        // Goes away without a word.
        "drop" => {
            socket.next().await.transpose()?;
            Ok(())
        }
        // Takes everything, says nothing.
        _ => {
            while socket.next().await.transpose()?.is_some() {}
            Ok(())
        }
    }
}

async fn echo(mut socket: Socket) -> Outcome {
    while let Some(message) = socket.next().await.transpose()? {
        if message.is_text() || message.is_binary() {
            socket.send(message).await?;
        }
    }
    Ok(())
}

/// Closes, and waits for the other side to agree.
async fn close(mut socket: Socket, code: u16, reason: &'static str) -> Outcome {
    socket.close(Some(CloseFrame { code: code.into(), reason: reason.into() })).await?;
    while socket.next().await.transpose()?.is_some() {}
    Ok(())
}
