//! The client of one virtual user: kept connections, limits, timeouts and one careful retry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, USER_AGENT};
use http::{HeaderMap, Method};
use http_body_util::Full;
use seaworthy_base::Clock;
use tokio::time::timeout_at;

use crate::connection::{Answer, Connection};
use crate::error::{Error, Failure};
use crate::network::{Network, Stream, Tcp};
use crate::timings::{Part, Timings, Trace};
use crate::tls::Tls;
use crate::url::{Scheme, Url};

/// How a client behaves. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the time comes from.
    pub clock: Clock,
    /// What resolves names and opens streams.
    pub network: Arc<dyn Network>,
    /// How servers are trusted.
    pub tls: Tls,
    /// Limit on looking up, connecting and the TLS handshake together.
    pub connect_timeout: Duration,
    /// Limit on a whole request, from the call to the last byte of the body.
    pub request_timeout: Duration,
    /// Longest head (status line and headers) taken, in bytes; at least 8,192. Within it at most
    /// 100 headers.
    pub max_head: usize,
    /// Longest body taken, in bytes.
    pub max_body: usize,
    /// Which version of HTTP is spoken.
    pub http: Http,
}

/// Which version of HTTP a client speaks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Http {
    /// HTTP/1.1.
    #[default]
    One,
    /// HTTP/2 and nothing else: over TLS the server must agree to it, over plain TCP it is spoken
    /// without asking (prior knowledge).
    Two,
    /// Over TLS what the server prefers of HTTP/2 and HTTP/1.1; over plain TCP HTTP/1.1.
    Auto,
}

impl Default for Options {
    /// The machine's network and roots; 10 s to connect, 60 s for a request, heads up to 64 KiB and
    /// bodies up to 16 MiB.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            network: Arc::new(Tcp),
            tls: Tls::system(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            max_head: 64 * 1024,
            max_body: 16 * 1024 * 1024,
            http: Http::One,
        }
    }
}

/// Opening connections. On the options and not on the client, so that no call borrows the client's
/// kept connections, which only one task at a time may touch, while it waits.
impl Options {
    async fn open(&self, origin: &Url, trace: &mut Trace) -> Result<Connection, Error> {
        let limit = self.connect_timeout;
        let opening = self.stream(origin, trace);
        let stream = match self.clock.now().checked_add(limit) {
            Some(deadline) => timeout_at(deadline, opening)
                .await
                .map_err(|_| Error::ConnectTimeout { after: limit })??,
            None => opening.await?,
        };
        let clock = self.clock.clone();
        Connection::open(origin.clone(), stream, clock, self.max_head.max(8192)).await
    }

    async fn stream(&self, origin: &Url, trace: &mut Trace) -> Result<Box<dyn Stream>, Error> {
        let clock = &self.clock;
        trace.enter(Part::LookingUp, clock.now());
        let failed = |reason| Error::LookupFailed { host: origin.host().to_owned(), reason };
        let addresses = self
            .network
            .look_up(origin.host(), origin.port())
            .await
            .map_err(|error| failed(error.to_string()))?;
        trace.enter(Part::Connecting, clock.now());
        let mut last = failed("the name has no address".to_owned());
        for address in addresses {
            match self.network.connect(address).await {
                Ok(stream) if origin.scheme() == Scheme::Https => {
                    trace.enter(Part::Tls, clock.now());
                    return self.tls.connect(origin.host(), stream).await;
                }
                Ok(stream) => return Ok(stream),
                Err(error) => last = Error::connecting(address, &error),
            }
        }
        Err(last)
    }
}

/// What is to be sent. `Host` and `User-Agent` are added when missing; `Content-Length` is always
/// the body's own.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query as they go on the wire, beginning with `/`.
    pub target: String,
    /// Headers, in order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty for none.
    pub body: Bytes,
    /// Limit on this request, in place of [`Options::request_timeout`].
    pub timeout: Option<Duration>,
    /// What of the answer is handed on.
    pub keep: Keep,
}

/// What of an answer is handed on. Its status, counts and timings always are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Keep {
    /// Headers and body.
    #[default]
    Everything,
    /// Headers and body only when the status is 400 or more; else both are read, checked against
    /// the limits, and left empty.
    Failures,
}

/// A request written out once for one origin, to be sent again and again without formatting it
/// anew. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Prepared {
    request: Arc<Request>,
}

impl Request {
    /// A request without headers and body.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self {
            method,
            target: target.into(),
            headers: Vec::new(),
            body: Bytes::new(),
            timeout: None,
            keep: Keep::Everything,
        }
    }

    /// A `GET`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::GET, target)
    }

    /// Writes the request out for `origin` (any URL of it), for [`Client::repeat`].
    ///
    /// # Errors
    /// `invalid_request` when it may not go on the wire.
    pub fn prepare(&self, _origin: &Url) -> Result<Prepared, Error> {
        Ok(Prepared { request: Arc::new(self.clone()) })
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The version of HTTP it came in.
    pub version: http::Version,
    /// The headers.
    pub headers: HeaderMap,
    /// The whole body.
    pub body: Bytes,
    /// Where the time went.
    pub timings: Timings,
    /// Bytes written, headers included (before TLS).
    pub bytes_sent: u64,
    /// Bytes read, headers included (after TLS).
    pub bytes_received: u64,
    /// Whether a new connection was made for it.
    pub connected: bool,
}

/// A virtual user's client: at most one kept connection per origin.
#[derive(Debug)]
pub struct Client {
    options: Arc<Options>,
    kept: Vec<Connection>,
}

impl Client {
    /// A client without connections.
    pub fn new(options: impl Into<Arc<Options>>) -> Self {
        Self { options: options.into(), kept: Vec::new() }
    }

    /// Closes the kept connections.
    pub fn close(&mut self) {
        self.kept.clear();
    }

    /// Sends `request` to `origin` (whose base is *not* joined to the target) and takes the answer.
    ///
    /// A kept connection that the server had closed is replaced once: always when that shows before
    /// a byte was written, and after that only when the method is idempotent and no byte of an
    /// answer had come. Dropping the call drops its connection.
    ///
    /// # Errors
    /// A [`Failure`] with the error, the timings until then and the bytes that passed.
    pub async fn send(&mut self, origin: &Url, request: Request) -> Result<Response, Failure> {
        let clock = self.options.clock.clone();
        let start = clock.now();
        let limit = request.timeout.unwrap_or(self.options.request_timeout);
        let mut call = Call { trace: Trace::new(start), connection: None, connected: false };
        // A limit beyond the clock's end is no limit.
        let deadline = start.checked_add(limit);
        let result = match deadline {
            Some(deadline) => {
                match timeout_at(deadline, self.attempt(origin, &request, &mut call)).await {
                    Ok(result) => result,
                    Err(_) => Err(Error::Timeout { after: limit }),
                }
            }
            None => self.attempt(origin, &request, &mut call).await,
        };
        let meter = call.connection.as_ref().map(|connection| Arc::clone(&connection.meter));
        call.trace.finish(clock.now(), meter.as_deref());
        let timings = call.trace.timings;
        let (bytes_sent, bytes_received) =
            meter.map_or((0, 0), |meter| (meter.sent(), meter.received()));
        match result {
            Ok(Answer { status, headers, body }) => {
                if let Some(mut connection) = call.connection
                    && connection.is_usable().await
                {
                    self.kept.push(connection);
                }
                Ok(Response {
                    status,
                    version: http::Version::HTTP_11,
                    headers,
                    body,
                    timings,
                    bytes_sent,
                    bytes_received,
                    connected: call.connected,
                })
            }
            Err(error) => Err(Failure { error, timings, bytes_sent, bytes_received }),
        }
    }

    /// Sends `prepared` to the origin it was prepared for and takes the answer; otherwise as
    /// [`Client::send`].
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn repeat(&mut self, origin: &Url, prepared: &Prepared) -> Result<Response, Failure> {
        self.send(origin, prepared.request.as_ref().clone()).await
    }

    async fn attempt(
        &mut self,
        origin: &Url,
        request: &Request,
        call: &mut Call,
    ) -> Result<Answer, Error> {
        let clock = &self.options.clock;
        let kept = self.kept.iter().position(|connection| connection.origin.same_origin(origin));
        if let Some(position) = kept {
            let mut connection = self.kept.swap_remove(position);
            if connection.is_usable().await {
                let connection = call.connection.insert(connection);
                connection.meter.begin();
                call.trace.enter(Part::Exchange, clock.now());
                let message = self.message(origin, request)?;
                let result = connection.exchange(message, self.options.max_body).await;
                let meter = &connection.meter;
                let unwritten = meter.sent() == 0;
                let unanswered = meter.first_read().is_none();
                match result {
                    Err(Error::ConnectionClosed | Error::ConnectionReset)
                        if unanswered && (unwritten || is_idempotent(&request.method)) => {}
                    result => return result,
                }
                // The dead connection's time stays booked; the call goes on with a fresh one.
                call.trace.finish(clock.now(), Some(meter));
                call.connection = None;
            }
        }
        let message = self.message(origin, request)?;
        let connection = self.options.open(origin, &mut call.trace).await?;
        call.connected = true;
        let connection = call.connection.insert(connection);
        connection.meter.begin();
        call.trace.enter(Part::Exchange, clock.now());
        connection.exchange(message, self.options.max_body).await
    }

    fn message(
        &self,
        origin: &Url,
        request: &Request,
    ) -> Result<http::Request<Full<Bytes>>, Error> {
        let mut message = http::Request::new(Full::new(request.body.clone()));
        *message.method_mut() = request.method.clone();
        if !request.target.starts_with('/') {
            let reason = format!("its path `{}` does not begin with `/`", request.target);
            return Err(Error::InvalidRequest(reason));
        }
        if !request.target.is_ascii() {
            let reason = format!("its path `{}` is not ASCII; percent-encode it", request.target);
            return Err(Error::InvalidRequest(reason));
        }
        *message.uri_mut() = request.target.parse().map_err(|error| {
            Error::InvalidRequest(format!("its path `{}` is wrong: {error}", request.target))
        })?;
        let headers = message.headers_mut();
        headers.reserve(request.headers.len() + 2);
        for (name, value) in &request.headers {
            // The body's length is known, and a wrong one would garble the next request.
            if name == CONTENT_LENGTH || name == TRANSFER_ENCODING {
                continue;
            }
            headers.append(name.clone(), value.clone());
        }
        if !headers.contains_key(HOST) {
            headers.insert(HOST, origin.authority().clone());
        }
        if !headers.contains_key(USER_AGENT) {
            headers.insert(USER_AGENT, AGENT);
        }
        Ok(message)
    }
}

const AGENT: HeaderValue =
    HeaderValue::from_static(concat!("seaworthy/", env!("CARGO_PKG_VERSION")));

/// What outlives an attempt that is cut off.
#[derive(Debug)]
struct Call {
    trace: Trace,
    connection: Option<Connection>,
    connected: bool,
}

/// RFC 9110 §9.2.2.
fn is_idempotent(method: &Method) -> bool {
    [Method::GET, Method::HEAD, Method::OPTIONS, Method::TRACE, Method::PUT, Method::DELETE]
        .contains(method)
}
