//! An HTTP/1.1 connection of our own: one write, one read, and no allocation for most requests.

pub(crate) mod body;
pub(crate) mod head;

mod alarm;
mod exchange;
mod memory;
mod scratch;
mod streamed;

use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use seaworthy_base::Clock;
use tokio::io::{AsyncRead, ReadBuf};

use crate::connection::Answer;
use crate::dial::Limit;
use crate::error::Error;
use crate::http1::alarm::Alarm;
use crate::http1::exchange::Exchange;
use crate::meter::Meter;
use crate::proxy::Proxy;
use crate::request::{Keep, Prepared, Request};
use crate::url::Url;
use crate::wire::Wire;

pub(crate) use streamed::Begun;

/// What a request says about reading its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rules {
    /// It is a `HEAD`: the answer has no body, whatever it states.
    pub(crate) head: bool,
    /// It is a `CONNECT`: what follows a success is no HTTP.
    pub(crate) connect: bool,
    /// It asks for the connection to be closed.
    pub(crate) closes: bool,
    pub(crate) keep: Keep,
}

/// The limits of an exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits<'a> {
    pub(crate) clock: &'a Clock,
    pub(crate) time: Limit,
    pub(crate) max_head: usize,
    pub(crate) max_body: usize,
}

/// A request as bytes: a head, and what of the body does not stand behind it.
#[derive(Debug)]
pub(crate) struct Message<'a> {
    head: Head<'a>,
    body: &'a [u8],
    rules: Rules,
}

#[derive(Debug)]
enum Head<'a> {
    Fixed(&'a [u8]),
    Scratch(Vec<u8>),
}

impl<'a> Message<'a> {
    pub(crate) fn new(origin: &Url, request: &'a Request) -> Result<Self, Error> {
        let mut scratch = scratch::writing();
        request.write(origin, None, &mut scratch)?;
        let (body, rules) = (request.apart(), request.rules());
        Ok(Self { head: Head::Scratch(scratch), body, rules })
    }

    /// For a proxy that is to forward it.
    pub(crate) fn forwarded(
        origin: &Url,
        request: &'a Request,
        proxy: &Proxy,
    ) -> Result<Self, Error> {
        let mut scratch = scratch::writing();
        request.write(origin, Some(proxy), &mut scratch)?;
        let (body, rules) = (request.apart(), request.rules());
        Ok(Self { head: Head::Scratch(scratch), body, rules })
    }

    /// What asks a proxy for a tunnel to `origin`.
    pub(crate) fn tunnel(origin: &Url, proxy: &Proxy) -> Self {
        let host = origin.host();
        let host = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        let to = format!("{host}:{}", origin.port());
        let mut head = format!("CONNECT {to} HTTP/1.1\r\nHost: {to}\r\n").into_bytes();
        if let Some(authorization) = &proxy.authorization {
            head.extend_from_slice(b"Proxy-Authorization: ");
            head.extend_from_slice(authorization.as_bytes());
            head.extend_from_slice(b"\r\n");
        }
        head.extend_from_slice(b"\r\n");
        let rules = Rules { head: false, connect: true, closes: false, keep: Keep::Failures };
        Self { head: Head::Scratch(head), body: &[], rules }
    }

    pub(crate) fn prepared(prepared: &'a Prepared) -> Self {
        let (head, body) = (Head::Fixed(prepared.bytes()), prepared.request().apart());
        Self { head, body, rules: prepared.rules() }
    }

    fn head(&self) -> &[u8] {
        match &self.head {
            Head::Fixed(head) => head,
            Head::Scratch(head) => head,
        }
    }

    /// All is written: what was lent is given back.
    fn finish(&mut self) {
        if let Head::Scratch(scratch) = std::mem::replace(&mut self.head, Head::Fixed(&[])) {
            scratch::wrote(scratch);
        }
        self.body = &[];
    }
}

/// An open connection. While it is idle it holds no buffer.
#[derive(Debug)]
pub(crate) struct Connection {
    wire: Wire,
    /// The beginning of a head that is not whole yet, or what came behind an upgrade.
    partial: Vec<u8>,
    alarm: Alarm,
    /// The last exchange came to a clean end, and another may follow.
    clean: bool,
}

impl Connection {
    pub(crate) fn new(wire: Wire) -> Self {
        Self { wire, partial: Vec::new(), alarm: Alarm::default(), clean: true }
    }

    /// Whether the last exchange left it so that another may follow.
    pub(crate) fn is_clean(&self) -> bool {
        self.clean
    }

    /// Whether a request may be sent. Looks once, without waiting: has the server closed the
    /// connection meanwhile, or said something unasked? Nobody reads that as an answer. A system
    /// call is made only when the runtime knows of something to read, so what came in the very
    /// moment since it last looked is not seen, as little as what comes in the moment after.
    pub(crate) fn is_usable(&mut self) -> bool {
        if !self.clean {
            return false;
        }
        if let Wire::Plain(plain) = &self.wire
            && let Some(silent) = plain.is_silent()
        {
            return silent;
        }
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(Waker::noop());
        Pin::new(&mut self.wire).poll_read(&mut context, &mut buffer).is_pending()
    }

    /// Sends `message` and takes the whole answer.
    pub(crate) async fn exchange(
        &mut self,
        message: Message<'_>,
        limits: Limits<'_>,
        meter: &mut Meter,
    ) -> Result<Answer, Error> {
        let mut exchange = Exchange::new(self, message, limits, meter);
        std::future::poll_fn(|context| exchange.poll(context)).await
    }

    /// What an upgraded connection goes on with: the stream, and what came behind the answer.
    pub(crate) fn into_parts(self) -> (Wire, Vec<u8>) {
        (self.wire, self.partial)
    }
}

/// Reads what is there once. `Ready` with no bytes: the server closed the stream.
fn poll_bytes<'a>(
    wire: &mut Wire,
    context: &mut Context<'_>,
    scratch: &'a mut [u8],
) -> Poll<std::io::Result<&'a [u8]>> {
    let mut buffer = ReadBuf::new(scratch);
    match Pin::new(wire).poll_read(context, &mut buffer) {
        Poll::Ready(Ok(())) => {
            let length = buffer.filled().len();
            Poll::Ready(Ok(&scratch[..length]))
        }
        Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
        Poll::Pending => Poll::Pending,
    }
}
