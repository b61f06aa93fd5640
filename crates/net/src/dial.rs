//! Opening a connection: looking up, connecting and the TLS handshake, each timed, under limits.

use std::net::SocketAddr;

use seaworthy_base::Instant;
use tokio::time::timeout_at;

use crate::client::{Http, Options};
use crate::error::Error;
use crate::network::Plain;
use crate::peer::Peer;
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
    /// Opens a stream to `origin` that offers `http` where TLS negotiates it. Fails with
    /// `connect_timeout` or, when the request's own limit comes first, with `timeout`.
    pub(crate) async fn dial(
        &self,
        origin: &Url,
        http: Http,
        limit: Limit,
        trace: &mut Trace,
    ) -> Result<Wire, Error> {
        let connecting = Limit::new(self.clock.now(), self.connect_timeout);
        let opening = self.stream(origin, http, trace);
        let (deadline, error) = match (connecting.deadline, limit.deadline) {
            (Some(own), Some(whole)) if whole < own => (whole, limit.error()),
            (None, Some(whole)) => (whole, limit.error()),
            (Some(own), _) => (own, Error::ConnectTimeout { after: self.connect_timeout }),
            (None, None) => return opening.await,
        };
        timeout_at(deadline, opening).await.unwrap_or(Err(error))
    }

    async fn stream(&self, origin: &Url, http: Http, trace: &mut Trace) -> Result<Wire, Error> {
        let clock = &self.clock;
        trace.enter(Part::LookingUp, clock.now());
        let addresses = self
            .network
            .look_up(origin.host(), origin.port())
            .await
            .map_err(|error| Error::looking_up(origin.host(), error))?;
        trace.enter(Part::Connecting, clock.now());
        let mut last = Error::LookupFailed {
            host: origin.host().to_owned(),
            reason: "the name has no address".to_owned(),
            missing: true,
        };
        for address in addresses {
            match self.network.dial(address).await {
                Ok(plain) => {
                    trace.peer = Peer::plain(address);
                    return self.secure(origin, http, (address, plain), trace).await;
                }
                Err(error) => last = Error::connecting(address, error),
            }
        }
        Err(last)
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
