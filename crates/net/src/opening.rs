//! The opening of a stream: one exchange on a connection of its own, which then goes on.

use std::future::Future;
use std::time::Duration;

use tokio::time::timeout_at;

use crate::client::{Http, Options};
use crate::dial::Limit;
use crate::error::{Error, Failure};
use crate::meter::Meter;
use crate::peer::Peer;
use crate::timings::{Part, Timings, Trace};
use crate::url::Url;
use crate::wire::Wire;

/// An opening under way: its limit, and where the time goes.
#[derive(Debug)]
pub(crate) struct Opening<'o> {
    pub(crate) options: &'o Options,
    pub(crate) limit: Limit,
    pub(crate) meter: Meter,
    trace: Trace,
}

impl<'o> Opening<'o> {
    /// Begins now; without a limit of its own it has a request's.
    pub(crate) fn new(options: &'o Options, timeout: Option<Duration>) -> Self {
        let start = options.clock.now();
        let limit = Limit::new(start, timeout.unwrap_or(options.request_timeout));
        Self { options, limit, meter: Meter::default(), trace: Trace::new(start) }
    }

    /// Connects to `origin`; what follows is the exchange.
    pub(crate) async fn dial(&mut self, origin: &Url, http: Http) -> Result<Wire, Error> {
        let wire = self.options.dial(origin, http, true, self.limit, &mut self.trace).await?;
        self.trace.enter(Part::Exchange, self.options.clock.now());
        Ok(wire)
    }

    /// Whom it leads to, once it is connected.
    pub(crate) fn peer(&self) -> Peer {
        self.trace.peer
    }

    /// The opening came to its end.
    pub(crate) fn finish(&mut self) -> Timings {
        self.trace.finish(self.options.clock.now(), &self.meter);
        self.trace.timings
    }

    /// The opening came to nothing.
    pub(crate) fn failed(mut self, error: Error) -> Failure {
        let timings = self.finish();
        let Meter { sent: bytes_sent, received: bytes_received, .. } = self.meter;
        let peer = self.peer();
        Failure { error, timings, bytes_sent, bytes_received, peer }
    }
}

impl Limit {
    /// What `future` gives in time; otherwise `timeout`.
    pub(crate) async fn hold<T>(
        self,
        future: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Error> {
        match self.deadline {
            Some(deadline) => timeout_at(deadline, future).await.unwrap_or(Err(self.error())),
            None => future.await,
        }
    }
}
