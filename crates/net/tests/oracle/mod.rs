//! A server that is nothing but a list of bytes, asked by our client and by hyper's, and whether
//! both understood the same.

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method};
use http_body_util::{BodyExt, Empty};
use hyper_util::rt::TokioIo;
use seaworthy_net::{Client, Network, Options, Pending, Request, Stream, Url};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A stream that gives these pieces once it was written to, one a read, and then its end.
#[derive(Debug)]
pub(crate) struct Script {
    pieces: VecDeque<Bytes>,
    asked: bool,
    reader: Option<Waker>,
}

impl Script {
    /// A stream of `bytes`, cut behind each of `cuts` bytes in turn and again from the first.
    pub(crate) fn new(bytes: &[u8], cuts: &[u8]) -> Self {
        let mut rest = Bytes::copy_from_slice(bytes);
        let mut pieces = VecDeque::new();
        let mut cuts = cuts.iter().cycle();
        while !rest.is_empty() {
            let next = cuts.next().map_or(rest.len(), |cut| usize::from(*cut).max(1));
            pieces.push_back(rest.split_to(next.min(rest.len())));
        }
        Self { pieces, asked: false, reader: None }
    }
}

impl AsyncRead for Script {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            let now = piece.split_to(piece.len().min(buffer.remaining()));
            buffer.put_slice(&now);
            if !piece.is_empty() {
                self.pieces.push_front(piece);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Script {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// A network of one connection.
#[derive(Debug)]
struct Once(Mutex<Option<Script>>);

impl Network for Once {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let script = self.0.lock().ok().and_then(|mut script| script.take());
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let stream = script.map(|script| Box::new(script) as Box<dyn Stream>);
        Box::pin(std::future::ready(stream.ok_or_else(refused)))
    }
}

/// What a client understood: status, headers and body, or why nothing.
pub(crate) type Understood = Result<(u16, HeaderMap, Bytes), String>;

/// What our client understands.
pub(crate) async fn ours(method: Method, script: Script) -> Understood {
    let options = Options {
        network: Arc::new(Once(Mutex::new(Some(script)))),
        // No limit, so no timer either.
        connect_timeout: Duration::MAX,
        request_timeout: Duration::MAX,
        ..Options::default()
    };
    let url = Url::parse("http://service/").map_err(|error| error.to_string())?;
    match Client::new(options).send(&url, Request::new(method, "/")).await {
        Ok(response) => Ok((response.status, response.headers.into_map(), response.body)),
        Err(failure) => Err(format!("{}: {failure}", failure.code())),
    }
}

/// What hyper's client understands.
pub(crate) async fn theirs(method: Method, script: Script) -> Understood {
    let text = |error: hyper::Error| format!("{error:?}");
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(script)).await.map_err(text)?;
    let mut request = http::Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method;
    let exchange = async move {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = body.collect().await?.to_bytes();
        Ok((head.status.as_u16(), head.headers, body))
    };
    let (result, _) = tokio::join!(exchange, connection);
    result.map_err(text)
}

/// Why ours may refuse what theirs takes; each is stricter on purpose, and no server in its senses
/// minds.
///
/// - Two lengths, also two that agree, and a list of lengths: RFC 9110 §8.6 lets a client refuse
///   them, and one that guesses may guess otherwise than the proxy before it.
/// - The size of a chunk in more than sixteen digits: the value of further zeros is to never end.
/// - A transfer coding that is not ASCII: hyper reads on until the connection ends.
/// - A line of the trailers that is a lone line feed: to one reader the body's end, to hyper the
///   beginning of a trailer.
const STRICTER: [&str; 5] = [
    "it states its length twice",
    "its content-length is not a number",
    "the size of a chunk is too large",
    "its transfer coding is not a name",
    "a line of the trailers is a lone line feed",
];

/// Asks both, and gives what they disagree about.
pub(crate) async fn disagreement(method: Method, bytes: &[u8], cuts: &[u8]) -> Option<String> {
    let ours = ours(method.clone(), Script::new(bytes, cuts)).await;
    let theirs = theirs(method, Script::new(bytes, cuts)).await;
    let agree = match (&ours, &theirs) {
        (Err(_), Err(_)) => true,
        (Ok(ours), Ok(theirs)) => ours == theirs,
        (Err(reason), Ok(_)) => STRICTER.iter().any(|stricter| reason.contains(stricter)),
        (Ok(_), Err(_)) => false,
    };
    let shown = bytes.escape_ascii();
    (!agree).then(|| format!("{shown}\nin pieces of {cuts:?}\nours: {ours:?}\ntheirs: {theirs:?}"))
}
