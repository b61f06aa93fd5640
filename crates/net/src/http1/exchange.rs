//! One request and its answer, as a state machine that reads and writes until it would have to wait.

use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::io::AsyncWrite;

use crate::connection::Answer;
use crate::error::Error;
use crate::http1::body::{Body, Framing};
use crate::http1::head::Head;
use crate::http1::{Begun, Connection, Limits, Message, memory, poll_bytes, scratch};
use crate::meter::Meter;

/// An exchange under way.
#[derive(Debug)]
pub(super) struct Exchange<'a> {
    connection: &'a mut Connection,
    message: Message<'a>,
    limits: Limits<'a>,
    meter: &'a mut Meter,
    /// All of the message is on its way.
    written: bool,
    /// Why it could not be written. What the server said before it stopped listening is still read.
    broken: Option<Error>,
    /// The task has waited before: what woke it may have been the alarm.
    waited: bool,
    reads: u32,
    /// The body is not waited for.
    streams: bool,
    /// How it goes on then.
    framing: Option<Framing>,
    /// The answer, once its head is whole.
    answer: Option<(Head, Body)>,
}

impl<'a> Exchange<'a> {
    pub(super) fn new(
        connection: &'a mut Connection,
        message: Message<'a>,
        limits: Limits<'a>,
        meter: &'a mut Meter,
    ) -> Self {
        // Until the answer is whole: who drops the exchange leaves a connection behind that is in
        // the middle of something.
        connection.clean = false;
        Self {
            connection,
            message,
            limits,
            meter,
            written: false,
            broken: None,
            waited: false,
            reads: 0,
            streams: false,
            framing: None,
            answer: None,
        }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<Answer, Error>> {
        if !self.written {
            let sent = self.poll_send(context);
            if sent.is_ready() {
                self.written = true;
                self.message.finish();
            }
        }
        let mut scratch = scratch::reading();
        let received = self.poll_receive(context, &mut scratch);
        scratch::read(scratch);
        if let Poll::Ready(result) = received {
            return Poll::Ready(result);
        }
        if let Some(deadline) = self.limits.time.deadline {
            let late = (self.waited && self.is_late()) || {
                self.waited = true;
                self.connection.alarm.is_past(deadline, context)
            };
            if late {
                return Poll::Ready(Err(self.limits.time.error()));
            }
        }
        Poll::Pending
    }

    /// As [`Exchange::poll`], but done when the head is there. What came behind it is left in the
    /// connection.
    pub(super) fn poll_begin(&mut self, context: &mut Context<'_>) -> Poll<Result<Begun, Error>> {
        self.streams = true;
        let answer = ready!(self.poll(context))?;
        let framing = self.framing.take();
        let Answer { status, version, headers, .. } = answer;
        Poll::Ready(Ok(Begun { status, version, headers, framing, broken: None }))
    }

    #[cold]
    fn is_late(&self) -> bool {
        let deadline = self.limits.time.deadline;
        deadline.is_some_and(|deadline| self.limits.clock.now() >= deadline)
    }

    /// Writes what is left of the message.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let sending = ready!(self.poll_write(context));
        if let Err(error) = sending {
            self.broken = Some(error);
        }
        Poll::Ready(())
    }

    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        let mut wire = Pin::new(&mut self.connection.wire);
        let (head, body) = (self.message.head(), self.message.body);
        let total = head.len() + body.len();
        loop {
            let sent = usize::try_from(self.meter.sent).unwrap_or(usize::MAX);
            if sent >= total {
                break;
            }
            let written = match head.get(sent..) {
                Some(head) if body.is_empty() => wire.as_mut().poll_write(context, head),
                Some(head) if !head.is_empty() => {
                    let parts = [IoSlice::new(head), IoSlice::new(body)];
                    wire.as_mut().poll_write_vectored(context, &parts)
                }
                _ => wire.as_mut().poll_write(context, &body[sent - head.len()..]),
            };
            match ready!(written) {
                Ok(0) => return Poll::Ready(Err(Error::ConnectionClosed)),
                Ok(bytes) => self.meter.wrote(self.limits.clock.now(), bytes),
                Err(error) => return Poll::Ready(Err(Error::streaming(&error))),
            }
        }
        if wire.holds_back() {
            let flushed = ready!(wire.as_mut().poll_flush(context));
            return Poll::Ready(flushed.map_err(|error| Error::streaming(&error)));
        }
        Poll::Ready(Ok(()))
    }

    /// Reads until the answer is whole or nothing is there to read.
    fn poll_receive(
        &mut self,
        context: &mut Context<'_>,
        scratch: &mut [u8],
    ) -> Poll<Result<Answer, Error>> {
        loop {
            let read = poll_bytes(&mut self.connection.wire, context, scratch);
            let bytes = match ready!(read) {
                Ok([]) => return Poll::Ready(self.closed()),
                Ok(bytes) => bytes,
                Err(error) => {
                    let error = self.broken.take().unwrap_or_else(|| Error::streaming(&error));
                    return Poll::Ready(Err(error));
                }
            };
            if self.reads == 0 {
                self.meter.read(self.limits.clock.now(), bytes.len());
            } else {
                self.meter.received += bytes.len() as u64;
            }
            if let Some(answer) = self.take(bytes)? {
                self.meter.last_read = match self.reads {
                    0 => self.meter.first_read,
                    _ => Some(self.limits.clock.now()),
                };
                return Poll::Ready(Ok(answer));
            }
            self.reads = self.reads.wrapping_add(1);
            // A server that never stops talking leaves no room for the alarm.
            if self.reads.is_multiple_of(64) && self.is_late() {
                return Poll::Ready(Err(self.limits.time.error()));
            }
        }
    }

    /// Takes what was read. Gives the answer once it is whole.
    fn take(&mut self, bytes: &[u8]) -> Result<Option<Answer>, Error> {
        if let Some((head, body)) = &mut self.answer {
            let (taken, whole) = head.framing.take(bytes, body)?;
            return Ok(if whole { self.finish(&bytes[taken..]) } else { None });
        }
        if self.connection.partial.is_empty() {
            return self.take_head(bytes);
        }
        // Read anew only when it may have become whole, so that a head that comes in single bytes
        // is not read once for each.
        const TELLING: usize = 16;
        let mut held = std::mem::take(&mut self.connection.partial);
        held.extend_from_slice(bytes);
        if held.len() > TELLING && held.len() < self.limits.max_head && !bytes.contains(&b'\n') {
            self.connection.partial = held;
            return Ok(None);
        }
        self.take_head(&held)
    }

    /// Reads a head from the beginning of `bytes`, over any interim ones, and what follows it.
    fn take_head(&mut self, mut bytes: &[u8]) -> Result<Option<Answer>, Error> {
        let rules = self.message.rules;
        let mut head = loop {
            match memory::read(bytes, rules, self.limits.max_head)? {
                Some(head) => {
                    bytes = &bytes[head.length..];
                    if head.status >= 200 || head.status == 101 {
                        break head;
                    }
                }
                None => {
                    self.connection.partial.extend_from_slice(bytes);
                    return Ok(None);
                }
            }
        };
        if self.streams {
            self.connection.partial = bytes.to_vec();
            let Head { status, reason, version, headers, framing, .. } = head;
            self.framing = (framing != Framing::Length(0)).then_some(framing);
            return Ok(Some(Answer { status, reason, version, headers, body: Bytes::new() }));
        }
        let mut body = Body::new(&head.framing, head.keeps, self.limits.max_body)?;
        let (taken, whole) = head.framing.take(bytes, &mut body)?;
        self.answer = Some((head, body));
        Ok(if whole { self.finish(&bytes[taken..]) } else { None })
    }

    /// The answer is whole, and `left` came behind it.
    fn finish(&mut self, left: &[u8]) -> Option<Answer> {
        let (head, body) = self.answer.take()?;
        let Head { status, reason, version, headers, lasts, .. } = head;
        let rules = self.message.rules;
        if status == 101 || rules.connect {
            // No HTTP follows.
            self.connection.partial = left.to_vec();
        } else {
            // Whatever was said unasked is no answer to the next request.
            self.connection.clean =
                lasts && left.is_empty() && self.written && self.broken.is_none() && !rules.closes;
        }
        Some(Answer { status, reason, version, headers, body: body.into_bytes() })
    }

    /// The server closed the connection.
    fn closed(&mut self) -> Result<Answer, Error> {
        let ends = |(head, _): &(Head, Body)| matches!(head.framing, Framing::UntilClose);
        if self.answer.as_ref().is_some_and(ends)
            && let Some(answer) = self.finish(&[])
        {
            self.meter.last_read = Some(self.limits.clock.now());
            return Ok(answer);
        }
        Err(self.broken.take().unwrap_or(Error::ConnectionClosed))
    }
}
