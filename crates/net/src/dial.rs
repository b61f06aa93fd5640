//! Opening a connection: looking up, connecting and the TLS handshake, each timed, under limits.

use std::net::SocketAddr;

use seaworthy_base::Instant;
use tokio::time::timeout_at;

use crate::client::{Http, Options};
use crate::error::Error;
use crate::http1;
use crate::meter::Meter;
use crate::network::Plain;
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::timings::{Part, Trace};
use crate::url::{Scheme, Url};
use crate::wire::Wire;

/// A request's time limit: when it is over, and how long it was. A limit beyond the clock's end is
/// none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limit {
    pub(crate) deadline: Option<Instant>,
    pub(crate) after: std::time::Duration,
}

impl Limit {
    pub(crate) fn new(start: Instant, after: std::time::Duration) -> Self {
        Self { deadline: start.checked_add(after), after }
    }

    pub(crate) fn error(&self) -> Error {
        Error::Timeout { after: self.after }
    }
}

/// On the options and not on the client, so that no call borrows the client's kept connections,
/// which only one task at a time may touch, while it waits.
impl Options {
    /// Opens a stream to `origin` that offers `http` where TLS negotiates it; `tunnels` through a
    /// proxy, or just to it where there is one. Fails with
    /// `connect_timeout` or, when the request's own limit comes first, with `timeout`.
    pub(crate) async fn dial(
        &self,
        origin: &Url,
        http: Http,
        tunnels: bool,
        limit: Limit,
        trace: &mut Trace,
    ) -> Result<Wire, Error> {
        let connecting = Limit::new(self.clock.now(), self.connect_timeout);
        let opening = self.stream(origin, http, tunnels, trace);
        let (deadline, error) = match (connecting.deadline, limit.deadline) {
            (Some(own), Some(whole)) if whole < own => (whole, limit.error()),
            (None, Some(whole)) => (whole, limit.error()),
            (Some(own), _) => (own, Error::ConnectTimeout { after: self.connect_timeout }),
            (None, None) => return opening.await,
        };
        timeout_at(deadline, opening).await.unwrap_or(Err(error))
    }

    async fn stream(
        &self,
        origin: &Url,
        http: Http,
        tunnels: bool,
        trace: &mut Trace,
    ) -> Result<Wire, Error> {
        let clock = &self.clock;
        let proxy = self.proxies.to(origin);
        let next = proxy.map_or(origin, |proxy| &proxy.url);
        trace.enter(Part::LookingUp, clock.now());
        let addresses = self
            .network
            .look_up(next.host(), next.port())
            .await
            .map_err(|error| Error::looking_up(next.host(), error))?;
        trace.enter(Part::Connecting, clock.now());
        let mut last = Error::LookupFailed {
            host: next.host().to_owned(),
            reason: "the name has no address".to_owned(),
            missing: true,
        };
        for address in addresses {
            match self.network.dial(address).await {
                Ok(plain) => {
                    trace.peer = Peer::plain(address);
                    let plain = match proxy.filter(|_| tunnels) {
                        // Boxed, as it is rare: who waits for a plain connection is to be small.
                        Some(proxy) => Box::pin(self.tunnel(origin, proxy, plain)).await?,
                        None => plain,
                    };
                    return self.secure(origin, http, (address, plain), trace).await;
                }
                Err(error) => last = Error::connecting(address, error),
            }
        }
        Err(last)
    }

    /// Asks `proxy` at the other end of `plain` for a tunnel to `origin`.
    async fn tunnel(&self, origin: &Url, proxy: &Proxy, plain: Plain) -> Result<Plain, Error> {
        let mut connection = http1::Connection::new(Wire::Plain(plain));
        // Whoever dials holds the limit.
        let limit = Limit { deadline: None, after: self.connect_timeout };
        let message = http1::Message::tunnel(origin, proxy);
        let begun = connection.begin(message, self.limits(limit), &mut Meter::default()).await?;
        if !(200..300).contains(&begun.status) {
            let proxy = String::from_utf8_lossy(proxy.url.authority().as_bytes()).into_owned();
            return Err(Error::ProxyRefused { proxy, status: begun.status });
        }
        match connection.into_parts() {
            (Wire::Plain(plain), ahead) if ahead.is_empty() => Ok(plain),
            _ => Err(Error::ProtocolError("the proxy spoke before the server".to_owned())),
        }
    }

    async fn secure(
        &self,
        origin: &Url,
        http: Http,
        (address, plain): (SocketAddr, Plain),
        trace: &mut Trace,
    ) -> Result<Wire, Error> {
        if origin.scheme() == Scheme::Http {
            return Ok(Wire::Plain(plain));
        }
        trace.enter(Part::Tls, self.clock.now());
        let stream = self.tls_with(origin).connect(origin.host(), http, plain).await?;
        trace.peer = Peer::secure(address, &stream);
        let wire = Wire::Tls(Box::new(stream));
        if http == Http::Two && !wire.chose_http2() {
            return Err(Error::tls("the server does not agree to HTTP/2"));
        }
        Ok(wire)
    }
}
