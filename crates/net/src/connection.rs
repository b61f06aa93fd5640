//! A kept connection to one origin, in whichever version of HTTP it speaks.

use std::sync::Arc;

use bytes::Bytes;
use http::Version;
use tokio::time::timeout_at;

use crate::client::{Http, Options};
use crate::dial::Limit;
use crate::error::Error;
use crate::headers::Headers;
use crate::http1::{self, Limits, Message};
use crate::http2;
use crate::meter::Meter;
use crate::peer::Peer;
use crate::proxy::Proxy;
use crate::request::{Prepared, Request, wire_target};
use crate::timings::{Part, Trace};
use crate::url::{Scheme, Url};

/// An answer's parts, before it gets its timings.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) reason: Option<Arc<str>>,
    pub(crate) version: Version,
    pub(crate) headers: Headers,
    pub(crate) body: Bytes,
}

/// What is to be sent: a request as it is, or one that was written out before.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Order<'a> {
    Request(&'a Request),
    Prepared(&'a Prepared),
}

impl<'a> Order<'a> {
    pub(crate) fn request(self) -> &'a Request {
        match self {
            Self::Request(request) => request,
            Self::Prepared(prepared) => prepared.request(),
        }
    }

    /// Whether it may be sent to `origin`, before anybody connects there for it.
    pub(crate) fn check(self, origin: &Url) -> Result<(), Error> {
        match self {
            Self::Request(request) => wire_target(&request.target).map(drop),
            Self::Prepared(prepared) if prepared.origin().same_origin(origin) => Ok(()),
            Self::Prepared(_) => {
                Err(Error::InvalidRequest("it was prepared for another origin".to_owned()))
            }
        }
    }

    fn message(self, origin: &Url) -> Result<Message<'a>, Error> {
        match self {
            Self::Request(request) => Message::new(origin, request),
            Self::Prepared(prepared) => {
                self.check(origin)?;
                Ok(Message::prepared(prepared))
            }
        }
    }
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) origin: Url,
    pub(crate) peer: Peer,
    protocol: Protocol,
}

#[derive(Debug)]
enum Protocol {
    One(http1::Connection),
    Two(Box<http2::Connection>),
    /// HTTP/1.1 by a proxy that forwards it.
    Forwarded(Box<(http1::Connection, Proxy)>),
}

impl Connection {
    pub(crate) async fn open(
        origin: &Url,
        options: &Options,
        limit: Limit,
        trace: &mut Trace,
    ) -> Result<Self, Error> {
        let http = options.http_with(origin);
        let proxy = options.proxies.to(origin);
        // What is not HTTP/1.1 in the clear goes through a tunnel.
        let forwards = proxy.filter(|_| origin.scheme() == Scheme::Http && http != Http::Two);
        let wire = options.dial(origin, http, forwards.is_none(), limit, trace).await?;
        trace.enter(Part::Exchange, options.clock.now());
        let protocol = if http == Http::Two || wire.chose_http2() {
            let opened = http2::Connection::open(wire, options).await?;
            Protocol::Two(Box::new(opened))
        } else if let Some(proxy) = forwards {
            Protocol::Forwarded(Box::new((http1::Connection::new(wire), proxy.clone())))
        } else {
            Protocol::One(http1::Connection::new(wire))
        };
        Ok(Self { origin: origin.clone(), peer: trace.peer, protocol })
    }

    /// Whether it is worth keeping after an exchange that came to its end.
    pub(crate) fn lasts(&self) -> bool {
        match &self.protocol {
            Protocol::One(connection) => connection.is_clean(),
            Protocol::Two(_) => true,
            Protocol::Forwarded(both) => both.0.is_clean(),
        }
    }

    /// Whether a request may be sent on it, as far as can be seen without waiting.
    pub(crate) fn is_usable(&mut self) -> bool {
        match &mut self.protocol {
            Protocol::One(connection) => connection.is_usable(),
            Protocol::Two(connection) => connection.is_usable(),
            Protocol::Forwarded(both) => both.0.is_usable(),
        }
    }

    /// Sends what is ordered and takes the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        order: Order<'_>,
        options: &Options,
        time: Limit,
        meter: &mut Meter,
    ) -> Result<Answer, Error> {
        match &mut self.protocol {
            Protocol::One(connection) => {
                let message = order.message(&self.origin)?;
                connection.exchange(message, options.limits(time), meter).await
            }
            Protocol::Forwarded(both) => {
                order.check(&self.origin)?;
                let (connection, proxy) = &mut **both;
                let message = Message::forwarded(&self.origin, order.request(), proxy)?;
                Box::pin(connection.exchange(message, options.limits(time), meter)).await
            }
            Protocol::Two(connection) => {
                order.check(&self.origin)?;
                // Boxed, so that it costs those who speak HTTP/1.1 no memory.
                let exchange = connection.exchange(&self.origin, order.request(), options, meter);
                let exchange = Box::pin(exchange);
                match time.deadline {
                    Some(deadline) => {
                        timeout_at(deadline, exchange).await.unwrap_or(Err(time.error()))
                    }
                    None => exchange.await,
                }
            }
        }
    }
}

impl Options {
    pub(crate) fn limits(&self, time: Limit) -> Limits<'_> {
        let (max_head, max_body) = (self.max_head.max(8192), self.max_body);
        Limits { clock: &self.clock, time, max_head, max_body }
    }
}
