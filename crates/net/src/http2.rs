//! One HTTP/2 connection, driven by the task that uses it, with one request on it at a time.
//!
//! On `h2` itself: hyper's client, which is built on it, would want an executor to spawn tasks on,
//! and hides which of a server's refusals promise that nothing was done.

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::{Bytes, BytesMut};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};
use http::header::{
    CONNECTION, CONTENT_LENGTH, HOST, HeaderName, SET_COOKIE, TE, TRANSFER_ENCODING, UPGRADE,
    USER_AGENT,
};
use http::{HeaderValue, Method, Uri, Version};

use crate::client::Options;
use crate::connection::Answer;
use crate::error::{Error, Refusal};
use crate::headers::Headers;
use crate::meter::Meter;
use crate::request::{AGENT, Request, wire_target};
use crate::url::Url;
use crate::wire::Wire;

mod counted;

use counted::{Counted, Counts};

/// Bytes a server may send ahead on a stream, and on the connection.
const WINDOW: u32 = 2 * 1024 * 1024;
/// Headers an answer may have, as over HTTP/1.1.
const MOST_HEADERS: usize = 100;
/// What has no meaning in HTTP/2 and may not be sent there (RFC 9113 §8.2.2).
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");

/// An open connection and the protocol state on it.
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    driver: Driver,
    /// Whether nothing has been asked yet: what opened the connection counts as the first
    /// exchange's.
    new: bool,
}

/// An answer's head, and its body to come.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) status: u16,
    pub(crate) headers: Headers,
    body: RecvStream,
}

impl Connection {
    /// Says hello. The server's own settings are taken in with its first answer.
    pub(crate) async fn open(wire: Wire, options: &Options) -> Result<Self, Error> {
        let (stream, counts) = Counted::new(wire, options.clock.clone());
        let (sender, connection) = h2::client::Builder::new()
            .enable_push(false)
            .initial_window_size(WINDOW)
            .initial_connection_window_size(WINDOW)
            .max_header_list_size(u32::try_from(most_refused(options)).unwrap_or(u32::MAX))
            .handshake(stream)
            .await
            .map_err(|error| named(&error))?;
        let driver = Driver { connection: Some(connection), counts, sent: 0, received: 0 };
        Ok(Self { sender, driver, new: true })
    }

    /// Looks at the connection once, without waiting: may another request be sent on it?
    pub(crate) fn is_usable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.driver.poll(&mut context);
        let ready = matches!(self.sender.poll_ready(&mut context), Poll::Ready(Ok(())));
        ready && self.driver.connection.is_some()
    }

    /// Sends `request` to `origin` and takes the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        origin: &Url,
        request: &Request,
        options: &Options,
        meter: &mut Meter,
    ) -> Result<Answer, Error> {
        let mut begun = self.ask(origin, request, options, meter).await?;
        let kept = request.keep.keeps(begun.status, begun.headers.contains_key(SET_COOKIE));
        let (mut length, mut joined) = (0_usize, Joined::default());
        while let Some(data) = self.read(&mut begun, meter).await? {
            length = length.saturating_add(data.len());
            if length > options.max_body {
                return Err(Error::BodyTooLarge { limit: options.max_body });
            }
            if kept {
                joined.push(data);
            }
        }
        meter.last_read = Some(options.clock.now());
        let headers = if kept { begun.headers } else { Headers::default() };
        let (status, version) = (begun.status, Version::HTTP_2);
        // There are none in HTTP/2.
        let reason = None;
        Ok(Answer { status, reason, version, headers, body: joined.finish() })
    }

    /// Sends `request` and waits for the head of the answer.
    pub(crate) async fn ask(
        &mut self,
        origin: &Url,
        request: &Request,
        options: &Options,
        meter: &mut Meter,
    ) -> Result<Begun, Error> {
        let message = message(origin, request)?;
        let new = std::mem::take(&mut self.new);
        if !new {
            self.driver.begin();
        }
        let Self { sender, driver, .. } = self;
        let ready = std::future::poll_fn(|context| sender.poll_ready(context));
        // What fails here has not left; a kept connection is then simply over.
        driver.run(meter, ready).await.map_err(|error| match new {
            true => named(&error),
            false => Error::RequestRefused(Refusal::Unsent),
        })?;
        let (answer, body) =
            sender.send_request(message, request.body.is_empty()).map_err(|error| named(&error))?;
        let mut exchange = Exchange { answer, body, rest: request.body.clone() };
        exchange.body.reserve_capacity(exchange.rest.len());
        let response = std::future::poll_fn(|context| {
            driver.poll(context);
            exchange.send(context);
            // What was handed over just now is written.
            driver.poll(context);
            driver.count(meter);
            if meter.last_write.is_none() && exchange.rest.is_empty() && !driver.counts.is_stuck() {
                meter.last_write = Some(driver.counts.last_write());
            }
            Pin::new(&mut exchange.answer).poll(context)
        })
        .await
        .map_err(|error| match named(&error) {
            // Nothing but a head came, and it was refused on our side.
            Error::ProtocolError(_) | Error::Http2Failed { .. }
                if error.is_library() && meter.received > most_refused(options) as u64 =>
            {
                Error::HeadersTooLarge
            }
            error => error,
        })?;
        meter.first_read = Some(options.clock.now());
        let (head, body) = response.into_parts();
        let sizes = head.headers.iter().map(|(name, value)| name.as_str().len() + value.len());
        if head.headers.len() > MOST_HEADERS || sizes.sum::<usize>() > longest_head(options) {
            return Err(Error::HeadersTooLarge);
        }
        Ok(Begun { status: head.status.as_u16(), headers: head.headers.into(), body })
    }

    /// The next piece of the body; `None` at its end. Dropping the call loses nothing.
    pub(crate) async fn read(
        &mut self,
        begun: &mut Begun,
        meter: &mut Meter,
    ) -> Result<Option<Bytes>, Error> {
        let body = &mut begun.body;
        let data = std::future::poll_fn(|context| body.poll_data(context));
        match self.driver.run(meter, data).await {
            None => Ok(None),
            Some(Ok(data)) => {
                let flow = begun.body.flow_control();
                flow.release_capacity(data.len()).map_err(|error| named(&error))?;
                Ok(Some(data))
            }
            // A server that has said all it has to may cut off the rest of a request so.
            Some(Err(error)) if error.is_reset() && error.reason() == Some(Reason::NO_ERROR) => {
                Ok(None)
            }
            Some(Err(error)) => Err(match named(&error) {
                // Part of the answer came, so something was done.
                Error::RequestRefused(_) => Error::ConnectionClosed,
                error => error,
            }),
        }
    }
}

/// Longest head taken, in bytes.
fn longest_head(options: &Options) -> usize {
    options.max_head.max(8192)
}

/// Longest head that is read at all: those that are a little too long are told from broken ones.
fn most_refused(options: &Options) -> usize {
    longest_head(options).saturating_mul(4)
}

impl std::fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Connection").finish_non_exhaustive()
    }
}

/// The protocol state, run by whoever waits for something on the connection.
struct Driver {
    /// `None` once the connection has ended, which fails whatever still waits for it.
    connection: Option<h2::client::Connection<Counted, Bytes>>,
    counts: Arc<Counts>,
    /// What had passed when the exchange began.
    sent: u64,
    received: u64,
}

impl Driver {
    fn begin(&mut self) {
        self.sent = self.counts.sent();
        self.received = self.counts.received();
    }

    fn poll(&mut self, context: &mut Context<'_>) {
        if let Some(running) = &mut self.connection
            && Pin::new(running).poll(context).is_ready()
        {
            self.connection = None;
        }
    }

    fn count(&self, meter: &mut Meter) {
        meter.sent = self.counts.sent() - self.sent;
        meter.received = self.counts.received() - self.received;
    }

    /// Runs the protocol state beside `future`, in one task.
    async fn run<F: Future>(&mut self, meter: &mut Meter, future: F) -> F::Output {
        let mut future = pin!(future);
        std::future::poll_fn(|context| {
            self.poll(context);
            self.count(meter);
            future.as_mut().poll(context)
        })
        .await
    }
}

/// A request on its way and the answer it waits for.
struct Exchange {
    answer: ResponseFuture,
    body: SendStream<Bytes>,
    /// What of the request's body has not been handed over.
    rest: Bytes,
}

impl Exchange {
    /// Hands over as much of the body as the server lets us. That it wants no more is no failure:
    /// its answer says why.
    fn send(&mut self, context: &mut Context<'_>) {
        while !self.rest.is_empty() {
            match self.body.poll_capacity(context) {
                Poll::Ready(Some(Ok(capacity))) if capacity > 0 => {
                    let data = self.rest.split_to(capacity.min(self.rest.len()));
                    if self.body.send_data(data, self.rest.is_empty()).is_err() {
                        self.rest.clear();
                    }
                }
                Poll::Ready(Some(Ok(_))) => {}
                Poll::Ready(_) => self.rest.clear(),
                Poll::Pending => return,
            }
        }
    }
}

/// Most bodies come in one piece, which is then handed on uncopied.
#[derive(Default)]
struct Joined {
    first: Bytes,
    more: BytesMut,
}

impl Joined {
    fn push(&mut self, data: Bytes) {
        if self.first.is_empty() && self.more.is_empty() {
            self.first = data;
        } else {
            self.more.extend_from_slice(&std::mem::take(&mut self.first));
            self.more.extend_from_slice(&data);
        }
    }

    fn finish(self) -> Bytes {
        if self.more.is_empty() { self.first } else { self.more.freeze() }
    }
}

fn message(origin: &Url, request: &Request) -> Result<http::Request<()>, Error> {
    let target = wire_target(&request.target)?;
    let named = request.headers.iter().find(|(name, _)| name == HOST);
    let authority = named.map_or(origin.authority(), |(_, value)| value);
    let uri = Uri::builder()
        .scheme(origin.scheme().as_str())
        .authority(authority.as_bytes())
        .path_and_query(&*target)
        .build()
        .map_err(|error| {
            Error::InvalidRequest(format!("its path `{target}` or its host is wrong: {error}"))
        })?;
    let mut message = http::Request::new(());
    *message.method_mut() = request.method.clone();
    *message.uri_mut() = uri;
    *message.version_mut() = Version::HTTP_2;
    let headers = message.headers_mut();
    headers.reserve(request.headers.len() + 2);
    let dropped = [
        HOST,
        CONTENT_LENGTH,
        TRANSFER_ENCODING,
        CONNECTION,
        UPGRADE,
        KEEP_ALIVE,
        PROXY_CONNECTION,
    ];
    for (name, value) in &request.headers {
        if dropped.contains(name) || (name == TE && value != "trailers") {
            continue;
        }
        headers.append(name.clone(), value.clone());
    }
    let expected = [Method::POST, Method::PUT, Method::PATCH].contains(&request.method);
    if expected || !request.body.is_empty() {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(request.body.len()));
    }
    if !headers.contains_key(USER_AGENT) {
        headers.insert(USER_AGENT, AGENT);
    }
    Ok(message)
}

/// Names the reason why an exchange broke.
fn named(error: &h2::Error) -> Error {
    if let Some(cause) = error.get_io() {
        return match cause.kind() {
            std::io::ErrorKind::BrokenPipe => Error::ConnectionClosed,
            _ => Error::streaming(cause),
        };
    }
    match error.reason() {
        // Our own side refuses heads beyond its limits so.
        Some(Reason::REFUSED_STREAM | Reason::ENHANCE_YOUR_CALM) if error.is_library() => {
            Error::HeadersTooLarge
        }
        // RFC 9113 §8.7: a refused stream, and one beyond the last that a GOAWAY names, was not
        // looked at.
        Some(Reason::REFUSED_STREAM) if error.is_remote() => Error::RequestRefused(Refusal::Stream),
        Some(reason) if error.is_remote() && error.is_go_away() => {
            Error::RequestRefused(Refusal::GoAway(reason.into()))
        }
        Some(reason) if error.is_remote() && error.is_reset() => {
            let (code, reason) = (reason.into(), reason.description().to_owned());
            Error::StreamReset { code, reason }
        }
        Some(reason) => Error::Http2Failed { code: reason.into(), reason: error.to_string() },
        None => Error::ProtocolError(error.to_string()),
    }
}
