//! The leanest HTTP/1.1 client that does the job: one connection, one request at a time.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A connection to a role, kept alive.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.context("connect")?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: Vec::new() })
    }

    /// Sends a request and reads the whole answer: its status and body.
    pub(crate) async fn exchange(&mut self, request: &[u8]) -> Result<(u16, &[u8])> {
        let (status, head, length) = self.answer(request).await?;
        while self.buffer.len() < head + length {
            self.fill().await?;
        }
        Ok((status, &self.buffer[head..head + length]))
    }

    /// Sends a request and reads the head of its answer only.
    pub(crate) async fn begin(&mut self, request: &[u8]) -> Result<u16> {
        let (status, ..) = self.answer(request).await?;
        self.buffer = Vec::new();
        Ok(status)
    }

    async fn answer(&mut self, request: &[u8]) -> Result<(u16, usize, usize)> {
        self.buffer.clear();
        self.stream.write_all(request).await?;
        let head = loop {
            self.fill().await?;
            if let Some(end) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                break end + 4;
            }
        };
        let text = std::str::from_utf8(&self.buffer[..head])?;
        let status = text.get(9..12).context("a status line")?.parse()?;
        let length = text
            .split("\r\n")
            .find_map(|line| {
                let (name, value) = line.split_once(':')?;
                name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
            })
            .unwrap_or(0);
        Ok((status, head, length))
    }

    async fn fill(&mut self) -> Result<()> {
        if self.stream.read_buf(&mut self.buffer).await? == 0 {
            bail!("the connection was closed");
        }
        Ok(())
    }
}

/// A request with a JSON body, written out.
pub(crate) fn request(
    method: &str,
    path: &str,
    authorization: &str,
    extra: &str,
    body: &serde_json::Value,
) -> Vec<u8> {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    format!(
        "{method} {path} HTTP/1.1\r\nhost: hub\r\nauthorization: {authorization}\r\n{extra}\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
