//! WebSocket clients (RFC 6455): our own opening handshake, timed, then messages.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures_util::{SinkExt, StreamExt};
use http::header::{
    CONNECTION, HeaderName, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS,
    SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, Method};
use seaworthy_base::{Clock, Instant};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::client::{Http, Options, Request};
use crate::dial::Limit;
use crate::error::{Error, Failure};
use crate::headers::Headers;
use crate::http1;
use crate::opening::Opening;
use crate::peer::Peer;
use crate::request::{is, tokens};
use crate::timings::Timings;
use crate::url::Url;

mod declined;
mod message;
mod sending;
mod tally;

pub use declined::{Answer, Declined};
pub use message::{Close, Message};
use tally::Tally;

/// Reads a URL that may also begin with `ws://` or `wss://`.
///
/// # Errors
/// `invalid_url`.
pub fn url(text: &str) -> Result<Url, Error> {
    let begins = |scheme: &str| {
        text.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme))
    };
    if begins("ws://") || begins("wss://") {
        Url::parse(&format!("http{}", &text[2..]))
    } else {
        Url::parse(text)
    }
}

/// Opens a WebSocket at `target` of `origin`, over HTTP/1.1, within `timeout` (a request's limit
/// when there is none). Subprotocols are offered with a header `Sec-WebSocket-Protocol`; no
/// extensions are spoken. Messages are taken up to [`Options::max_message`].
///
/// # Errors
/// Besides a request's own: `not_a_websocket` unless the server agrees as it must.
pub async fn open(
    options: &Options,
    origin: &Url,
    target: impl Into<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Option<Duration>,
) -> Result<Socket, Failure> {
    let opened = ask(options, origin, target, headers, timeout).await;
    opened.map_err(|declined| declined.failure)
}

/// As [`open`]; a server that does not agree is heard out.
///
/// # Errors
/// As [`open`], with the server's answer if there was one.
pub async fn ask(
    options: &Options,
    origin: &Url,
    target: impl Into<String>,
    headers: Vec<(HeaderName, HeaderValue)>,
    timeout: Option<Duration>,
) -> Result<Socket, Declined> {
    let mut opening = Opening::new(options, timeout);
    let mut request = Request::get(target);
    request.headers = headers;
    // Large while it runs, and an open socket is to be small.
    let mut answer = None;
    match Box::pin(shake_hands(&mut opening, origin, request, &mut answer)).await {
        Ok((stream, headers)) => Ok(Socket {
            protocol: headers
                .get(SEC_WEBSOCKET_PROTOCOL)
                .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()),
            headers,
            timings: opening.finish(),
            peer: opening.peer(),
            limit: opening.limit.after,
            most: options.max_message,
            clock: options.clock.clone(),
            opened: options.clock.now(),
            stream: Some(stream),
            ahead: VecDeque::new(),
            sent: 0,
            received: 0,
            passed: (opening.meter.sent, opening.meter.received),
        }),
        Err(error) => Err(Declined { failure: opening.failed(error), answer }),
    }
}

/// An open WebSocket. Dropping it closes the connection without a word.
#[derive(Debug)]
pub struct Socket {
    /// The answer's headers.
    pub headers: Headers,
    /// The subprotocol the server chose, if one was offered.
    pub protocol: Option<String>,
    /// Where the time of the opening went, up to the server's agreement.
    pub timings: Timings,
    /// Whom the socket leads to.
    pub peer: Peer,
    limit: Duration,
    most: usize,
    clock: Clock,
    opened: Instant,
    /// `None` once it has ended.
    stream: Option<Box<WebSocketStream<Tally>>>,
    /// Messages that came while one was sent.
    ahead: VecDeque<Message>,
    sent: u64,
    received: u64,
    /// Bytes out and in: of the opening, and of everything once the socket has ended.
    passed: (u64, u64),
}

impl Socket {
    /// Sends a message, within the limit the socket was opened with. After a `Close` only
    /// [`Socket::receive`] makes sense. A server that waits for us to read before it reads on is read
    /// from meanwhile.
    ///
    /// # Errors
    /// `timeout` when the server takes no more, `message_too_large` for a message it could not be
    /// sent back, and what breaks a connection. After an error the socket has ended.
    pub async fn send(&mut self, message: Message) -> Result<(), Error> {
        let Some(stream) = &mut self.stream else { return Err(Error::ConnectionClosed) };
        if message.len() > self.most {
            return Err(Error::MessageTooLarge { limit: self.most });
        }
        let limit = Limit::new(self.clock.now(), self.limit);
        let most = self.most;
        let message = message.into_tungstenite()?;
        let sending = sending::send(stream, message, &mut self.ahead, most);
        let result = limit.hold(sending).await;
        match &result {
            Ok(()) => self.sent += 1,
            Err(_) => self.end(),
        }
        result
    }

    /// Waits for the next message, without a limit; `None` when the connection has ended after a
    /// `Close`. Pings are answered while this waits, and handed on too. A call that is dropped loses
    /// nothing.
    ///
    /// # Errors
    /// `message_too_large`, `protocol_error`, and what breaks a connection, also one that ends
    /// without a `Close`. After an error the socket has ended.
    pub async fn receive(&mut self) -> Result<Option<Message>, Error> {
        if let Some(message) = self.ahead.pop_front() {
            self.received += 1;
            return Ok(Some(message));
        }
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let error = match stream.next().await {
            Some(Ok(message)) => {
                self.received += 1;
                return Ok(Some(Message::from_tungstenite(message)));
            }
            Some(Err(error)) => Some(message::named(error, self.most)),
            None => None,
        };
        self.end();
        error.map_or(Ok(None), Err)
    }

    /// Says `Close` with code 1000 and waits until the server has too, for at most [`CLOSING`] in all
    /// (less if the socket was opened with a shorter limit); messages that come meanwhile are counted
    /// and dropped.
    ///
    /// # Errors
    /// As [`Socket::send`] and [`Socket::receive`].
    pub async fn close(&mut self) -> Result<(), Error> {
        if self.stream.is_none() {
            return Ok(());
        }
        let limit = Limit::new(self.clock.now(), self.limit.min(CLOSING));
        let closing = async {
            self.send(Message::Close(Some(Close { code: 1000, reason: String::new() }))).await?;
            // Whether the server then hangs up too is its affair.
            while !matches!(self.receive().await?, None | Some(Message::Close(_))) {
                // A server that never stops must not keep the timer from its turn.
                tokio::task::coop::consume_budget().await;
            }
            Ok(())
        };
        let result = limit.hold(closing).await;
        self.end();
        result
    }

    /// The socket has ended for its owner, who is not to wait for the rest: saying `close` (`None` if
    /// it was said), and hearing the server out for at most [`CLOSING`]. `None` when the connection
    /// is gone.
    pub fn parting(
        &mut self,
        close: Option<Close>,
    ) -> Option<impl Future<Output = ()> + Send + 'static + use<>> {
        let passed = (self.bytes_sent(), self.bytes_received());
        let mut stream = self.stream.take()?;
        self.passed = passed;
        let limit = Limit::new(self.clock.now(), self.limit.min(CLOSING));
        Some(async move {
            let parting = async {
                if let Some(close) = close {
                    let message = Message::Close(Some(close)).into_tungstenite()?;
                    stream.send(message).await.map_err(|error| message::named(error, 0))?;
                }
                while let Some(Ok(_)) = stream.next().await {
                    tokio::task::coop::consume_budget().await;
                }
                Ok(())
            };
            // There is nobody left to tell.
            let _: Result<(), Error> = limit.hold(parting).await;
        })
    }

    /// Messages sent, control messages of ours included.
    pub fn messages_sent(&self) -> u64 {
        self.sent
    }

    /// Messages received, the server's control messages included.
    pub fn messages_received(&self) -> u64 {
        self.received
    }

    /// Bytes written, the opening's included (before TLS).
    pub fn bytes_sent(&self) -> u64 {
        self.passed.0 + self.stream.as_ref().map_or(0, |stream| stream.get_ref().sent)
    }

    /// Bytes read, the opening's included (after TLS).
    pub fn bytes_received(&self) -> u64 {
        self.passed.1 + self.stream.as_ref().map_or(0, |stream| stream.get_ref().received)
    }

    /// How long ago the socket was opened.
    pub fn age(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.opened)
    }

    fn end(&mut self) {
        self.passed = (self.bytes_sent(), self.bytes_received());
        self.stream = None;
    }
}

/// The longest time a closing handshake takes: a server that has no more to say answers at once.
pub const CLOSING: Duration = Duration::from_secs(1);

/// What a socket reads at once. Allocated for as long as it is open.
const READING: usize = 4096;

async fn shake_hands(
    opening: &mut Opening<'_>,
    origin: &Url,
    mut request: Request,
    answer: &mut Option<Box<Answer>>,
) -> Result<(Box<WebSocketStream<Tally>>, Headers), Error> {
    let mut nonce = [0; 16];
    seaworthy_base::chance::fill_secret(&mut nonce);
    let key = STANDARD.encode(nonce);
    let ours =
        [CONNECTION, UPGRADE, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION, SEC_WEBSOCKET_EXTENSIONS];
    request.method = Method::GET;
    request.headers.retain(|(name, _)| !ours.contains(name));
    let encoded = HeaderValue::try_from(key.as_str()).expect("base64 is ASCII");
    request.headers.extend([
        (CONNECTION, HeaderValue::from_static("Upgrade")),
        (UPGRADE, HeaderValue::from_static("websocket")),
        (SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13")),
        (SEC_WEBSOCKET_KEY, encoded),
    ]);
    let Opening { options, limit, .. } = *opening;
    let wire = opening.dial(origin, Http::One).await?;
    let mut connection = http1::Connection::new(wire);
    let message = http1::Message::new(origin, &request)?;
    let begun = connection.begin(message, options.limits(limit), &mut opening.meter).await?;
    if let Err(reason) = agreed(begun.status, &begun.headers, &key, &request) {
        let status = begun.status;
        *answer = Some(Box::new(declined::rest(opening, connection, begun).await));
        return Err(Error::NotAWebSocket { status, reason: reason.to_owned() });
    }
    let (wire, ahead) = connection.into_parts();
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = READING;
    config.write_buffer_size = 0;
    config.max_message_size = Some(options.max_message);
    config.max_frame_size = Some(options.max_message);
    let stream = Tally::new(wire);
    let stream =
        WebSocketStream::from_partially_read(stream, ahead, Role::Client, Some(config)).await;
    Ok((Box::new(stream), begun.headers))
}

/// RFC 6455 §4.1: all that the server must say.
fn agreed(
    status: u16,
    headers: &HeaderMap,
    key: &str,
    request: &Request,
) -> Result<(), &'static str> {
    let has = |name: HeaderName, wanted: &[u8]| {
        let mut values = headers.get_all(name).iter();
        values.any(|value| tokens(value.as_bytes()).any(|token| is(token, wanted)))
    };
    if status != 101 {
        return Err("which is not 101");
    }
    if !has(UPGRADE, b"websocket") {
        return Err("without `Upgrade: websocket`");
    }
    if !has(CONNECTION, b"upgrade") {
        return Err("without `Connection: Upgrade`");
    }
    let digest = aws_lc_rs::digest::digest(
        &aws_lc_rs::digest::SHA1_FOR_LEGACY_USE_ONLY,
        format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes(),
    );
    let accept = headers.get(SEC_WEBSOCKET_ACCEPT).map(HeaderValue::as_bytes).unwrap_or_default();
    if accept.trim_ascii() != STANDARD.encode(digest).as_bytes() {
        return Err("with an answer to another key");
    }
    if headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().any(|value| !value.is_empty()) {
        return Err("with an extension nobody offered");
    }
    let Some(chosen) = headers.get(SEC_WEBSOCKET_PROTOCOL) else { return Ok(()) };
    let mut offered = request.headers.iter().filter(|(name, _)| name == SEC_WEBSOCKET_PROTOCOL);
    let offers = |value: &HeaderValue| {
        tokens(value.as_bytes()).any(|token| token == chosen.as_bytes().trim_ascii())
    };
    match offered.any(|(_, value)| offers(value)) {
        true => Ok(()),
        false => Err("with a subprotocol nobody offered"),
    }
}
