//! The client of one virtual user: kept connections, limits, timeouts and one careful retry.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use seaworthy_base::Clock;

use crate::connection::{Answer, Connection, Order};
use crate::dial::Limit;
use crate::error::{Error, Failure};
use crate::headers::Headers;
use crate::meter::Meter;
use crate::network::{Network, Tcp};
use crate::peer::Peer;
use crate::proxy::Proxies;
use crate::timings::{Timings, Trace};
use crate::tls::Tls;
use crate::url::Url;

pub use crate::request::{Keep, Names, Prepared, Request};

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
    /// Longest event of a stream and longest WebSocket message taken, in bytes. A connection that is
    /// open for long and one of very many is not to hold as much as a body may have.
    pub max_message: usize,
    /// Which version of HTTP is spoken.
    pub http: Http,
    /// Origins for which `tls` and `http` are others.
    pub exceptions: Arc<[Exception]>,
    /// Which requests go by a proxy. Those that are forwarded are written out each time anew.
    pub proxies: Arc<Proxies>,
}

/// What holds for one origin in place of [`Options::tls`] and [`Options::http`].
#[derive(Clone, Debug)]
pub struct Exception {
    /// Any URL of the origin.
    pub origin: Url,
    /// How the server is trusted.
    pub tls: Tls,
    /// Which version of HTTP is spoken.
    pub http: Http,
}

impl Options {
    /// Which version of HTTP is spoken with `origin`.
    pub fn http_with(&self, origin: &Url) -> Http {
        self.exception(origin).map_or(self.http, |exception| exception.http)
    }

    /// How `origin` is trusted.
    pub fn tls_with(&self, origin: &Url) -> &Tls {
        self.exception(origin).map_or(&self.tls, |exception| &exception.tls)
    }

    fn exception(&self, origin: &Url) -> Option<&Exception> {
        self.exceptions.iter().find(|exception| exception.origin.same_origin(origin))
    }
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
    /// The machine's network and roots; 10 s to connect, 60 s for a request, heads up to 64 KiB,
    /// bodies up to 16 MiB, events and messages up to 1 MiB.
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            network: Arc::new(Tcp),
            tls: Tls::system(),
            connect_timeout: Duration::from_secs(10),
            request_timeout: Duration::from_secs(60),
            max_head: 64 * 1024,
            max_body: 16 * 1024 * 1024,
            max_message: 1024 * 1024,
            http: Http::One,
            exceptions: Arc::default(),
            proxies: Arc::default(),
        }
    }
}

/// A whole answer.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// What the server calls it, where that is not its usual name.
    pub reason: Option<Arc<str>>,
    /// The version of HTTP it came in.
    pub version: http::Version,
    /// The headers.
    pub headers: Headers,
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
    /// Whom it came from.
    pub peer: Peer,
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
        self.call(origin, Order::Request(&request)).await
    }

    /// Sends `prepared` to the origin it was prepared for and takes the answer; otherwise as
    /// [`Client::send`].
    ///
    /// # Errors
    /// As [`Client::send`].
    pub async fn repeat(&mut self, origin: &Url, prepared: &Prepared) -> Result<Response, Failure> {
        self.call(origin, Order::Prepared(prepared)).await
    }

    pub(crate) fn call<'a>(
        &'a mut self,
        origin: &'a Url,
        order: Order<'a>,
    ) -> impl Future<Output = Result<Response, Failure>> + 'a {
        call(&self.options, &mut self.kept, origin, order)
    }
}

/// Where idle connections are kept.
pub(crate) trait Kept {
    /// Takes out a connection to `origin`, if one is still alive; dead ones are dropped.
    fn take(&mut self, origin: &Url) -> Option<Connection>;

    /// Takes back a connection that another request may follow on.
    fn put(&mut self, connection: Connection);
}

impl Kept for &mut Vec<Connection> {
    fn take(&mut self, origin: &Url) -> Option<Connection> {
        let position = self.iter().position(|connection| connection.origin.same_origin(origin))?;
        let mut connection = self.swap_remove(position);
        connection.is_usable().then_some(connection)
    }

    fn put(&mut self, connection: Connection) {
        // Most users have one, and room for four is wasted on a hundred thousand of them.
        if self.capacity() == 0 {
            self.reserve_exact(1);
        }
        self.push(connection);
    }
}

/// Sends `order` to `origin` on a connection that is `kept`, or on a fresh one.
pub(crate) async fn call(
    options: &Options,
    mut kept: impl Kept,
    origin: &Url,
    order: Order<'_>,
) -> Result<Response, Failure> {
    let start = options.clock.now();
    let limit = Limit::new(start, order.request().timeout.unwrap_or(options.request_timeout));
    let mut trace = Trace::new(start);
    let mut meter = Meter::default();
    let mut answered = None;
    if let Some(mut connection) = kept.take(origin) {
        trace = Trace::exchanging(start, connection.peer);
        match connection.exchange(order, options, limit, &mut meter).await {
            Err(error) if may_repeat(&error, order.request(), &meter) => {
                // The dead connection's time stays booked; the call goes on with a fresh one.
                trace.finish(options.clock.now(), &meter);
                meter = Meter::default();
            }
            result => answered = Some((result, Some(connection))),
        }
    }
    let connected = answered.is_none();
    let (result, connection) = match answered {
        Some(answered) => answered,
        // Rare, and large while it runs: boxed, so that a waiting virtual user stays small.
        None => Box::pin(fresh(origin, order, options, limit, &mut trace, &mut meter)).await,
    };
    let ended = match &result {
        Ok(_) => meter.last_read,
        Err(_) => None,
    };
    trace.finish(ended.unwrap_or_else(|| options.clock.now()), &meter);
    let Trace { timings, peer, .. } = trace;
    let Meter { sent: bytes_sent, received: bytes_received, .. } = meter;
    match result {
        Ok(Answer { status, reason, version, headers, body }) => {
            // Whether the server closes it meanwhile shows when it is needed.
            if let Some(connection) = connection.filter(Connection::lasts) {
                kept.put(connection);
            }
            Ok(Response {
                status,
                reason,
                version,
                headers,
                body,
                timings,
                bytes_sent,
                bytes_received,
                connected,
                peer,
            })
        }
        Err(error) => Err(Failure { error, timings, bytes_sent, bytes_received, peer }),
    }
}

/// Opens a connection and does the exchange on it.
async fn fresh(
    origin: &Url,
    order: Order<'_>,
    options: &Options,
    limit: Limit,
    trace: &mut Trace,
    meter: &mut Meter,
) -> (Result<Answer, Error>, Option<Connection>) {
    if let Err(error) = order.check(origin) {
        return (Err(error), None);
    }
    match Connection::open(origin, options, limit, trace).await {
        Ok(mut connection) => {
            let result = connection.exchange(order, options, limit, meter).await;
            (result, Some(connection))
        }
        Err(error) => (Err(error), None),
    }
}

/// Whether a request that failed on a kept connection may be sent once more on a fresh one: the
/// server cannot have acted on it, or acting twice does no harm.
fn may_repeat(error: &Error, request: &Request, meter: &Meter) -> bool {
    let lost =
        matches!(error, Error::ConnectionClosed | Error::ConnectionReset | Error::BrokenPipe)
            && meter.first_read.is_none()
            && (meter.sent == 0 || request.is_idempotent());
    lost || matches!(error, Error::RequestRefused(_))
}
