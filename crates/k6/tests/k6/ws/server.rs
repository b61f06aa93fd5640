//! WebSockets that echo, greet, count, close with a code, ping, or break off.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use sha1::{Digest as _, Sha1};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::harness::{Ran, run};

/// How long a condition is waited for.
const SOON: Duration = Duration::from_secs(10);

/// A server whose behaviour depends on the path.
pub(crate) struct Sockets {
    address: SocketAddr,
    /// How each socket ended: the code of the client's close, or what broke.
    ends: Arc<Mutex<Vec<String>>>,
}

impl Sockets {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ends: Arc<Mutex<Vec<String>>> = Arc::default();
        let noted = Arc::clone(&ends);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let noted = Arc::clone(&noted);
                tokio::spawn(async move {
                    if let Some(end) = serve(stream).await {
                        noted.lock().unwrap().push(end);
                    }
                });
            }
        });
        Self { address, ends }
    }

    pub(crate) fn fill(&self, script: &str) -> String {
        script.replace("BASE", &format!("ws://{}", self.address))
    }

    pub(crate) async fn run(&self, script: &str) -> Ran {
        run(&self.fill(script)).await
    }

    /// Waits until so many sockets have ended.
    pub(crate) async fn ended(&self, count: usize) -> Vec<String> {
        let all = async {
            loop {
                let ends = self.ends.lock().unwrap().clone();
                if ends.len() >= count {
                    return ends;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(SOON, all).await.expect("the sockets end")
    }
}

async fn serve(mut stream: TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        // A client may also go away.
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    if path == "/refuse" {
        let answer = "HTTP/1.1 403 Forbidden\r\nX-Why: because\r\nContent-Length: 2\r\n\r\nno";
        stream.write_all(answer.as_bytes()).await.unwrap();
        return None;
    }
    let lines = head.lines().skip(1).filter_map(|line| line.split_once(": "));
    let headers: Vec<String> =
        lines.map(|(name, value)| format!("{}={value}", name.to_lowercase())).collect();
    let key = headers.iter().find_map(|it| it.strip_prefix("sec-websocket-key=")).unwrap();
    let hash = Sha1::digest(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11"));
    let chosen = match head.contains("flags") {
        true => "Sec-WebSocket-Protocol: flags\r\n",
        false => "",
    };
    let agreed = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Set-Cookie: seen=1\r\n{chosen}Sec-WebSocket-Accept: {}\r\n\r\n",
        STANDARD.encode(hash)
    );
    stream.write_all(agreed.as_bytes()).await.ok()?;
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Server, None).await;
    let headers = headers.join("|");
    let talked = talk(&mut socket, &path, headers).await;
    Some(match talked {
        Ok(Some(Message::Close(Some(frame)))) => u16::from(frame.code).to_string(),
        Ok(other) => format!("{other:?}"),
        Err(error) => format!("broken: {error}"),
    })
}

/// The client's close, if there was one.
async fn talk(
    socket: &mut WebSocketStream<TcpStream>,
    path: &str,
    headers: String,
) -> Result<Option<Message>, Error> {
    let mut parts = path.trim_start_matches('/').split('/');
    let (kind, number) = (parts.next().unwrap(), parts.next().unwrap_or_default());
    match kind {
        "greet" => socket.send(Message::text("hello")).await?,
        "headers" => socket.send(Message::text(headers)).await?,
        "count" => {
            for number in 0..number.parse::<u32>().unwrap() {
                socket.send(Message::text(number.to_string())).await?;
            }
            let frame = CloseFrame { code: 1000.into(), reason: "counted".into() };
            socket.close(Some(frame)).await?;
        }
        "close" => {
            socket.next().await.transpose()?;
            let code = number.parse::<u16>().unwrap();
            let frame = CloseFrame { code: code.into(), reason: "as you wish".into() };
            socket.close(Some(frame)).await?;
        }
        "drop" => return socket.next().await.transpose(),
        "ping" => socket.send(Message::Ping(Bytes::from_static(b"here?"))).await?,
        _ => {}
    }
    while let Some(message) = socket.next().await.transpose()? {
        match message {
            Message::Close(_) => {
                // The answer to it goes out while this waits for the end.
                while let Some(Ok(_)) = socket.next().await {}
                return Ok(Some(message));
            }
            Message::Pong(bytes) if kind == "ping" => {
                let text = format!("pong {}", String::from_utf8_lossy(&bytes));
                socket.send(Message::text(text)).await?;
            }
            Message::Text(_) | Message::Binary(_) if kind != "silent" => {
                socket.send(message).await?;
            }
            _ => {}
        }
    }
    Ok(None)
}
