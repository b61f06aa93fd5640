//! The parts of a request's time, and the trace that fills them in while it runs.

use std::time::Duration;

use seaworthy_base::Instant;

use crate::meter::Meter;
use crate::peer::Peer;

/// How long each part of a request took, in nanoseconds; zero for a part that did not happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Timings {
    /// From the call until a connection was looked for; zero when a kept one was at hand.
    pub blocked: u64,
    /// Resolving the host's name.
    pub looking_up: u64,
    /// Opening the TCP connection.
    pub connecting: u64,
    /// The TLS handshake.
    pub tls: u64,
    /// Writing the request.
    pub sending: u64,
    /// From the last byte written until the first byte of the answer.
    pub waiting: u64,
    /// From the first byte of the answer until its last.
    pub receiving: u64,
}

impl Timings {
    /// What the service took: sending, waiting and receiving, as k6's `http_req_duration`.
    pub const fn service(&self) -> u64 {
        self.sending.saturating_add(self.waiting).saturating_add(self.receiving)
    }

    /// Everything, from the call to the last byte or the failure.
    pub const fn total(&self) -> u64 {
        self.blocked
            .saturating_add(self.looking_up)
            .saturating_add(self.connecting)
            .saturating_add(self.tls)
            .saturating_add(self.service())
    }
}

/// Which part a request is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Blocked,
    LookingUp,
    Connecting,
    Tls,
    Exchange,
}

/// A request's progress. It outlives the future it watches, so a call that was cut off by its
/// timeout still says where the time went.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) timings: Timings,
    /// Whom it leads to, as soon as that is known.
    pub(crate) peer: Peer,
    part: Part,
    since: Instant,
}

impl Trace {
    pub(crate) fn new(now: Instant) -> Self {
        Self { timings: Timings::default(), peer: Peer::default(), part: Part::Blocked, since: now }
    }

    /// A request that needs no connection made: its exchange begins at once.
    pub(crate) fn exchanging(now: Instant, peer: Peer) -> Self {
        Self { timings: Timings::default(), peer, part: Part::Exchange, since: now }
    }

    /// Books the time since the last call under the part that ends, and starts `part`.
    pub(crate) fn enter(&mut self, part: Part, now: Instant) {
        self.book(now, &Meter::default());
        self.part = part;
    }

    /// Books the last part. An exchange is split by what `meter` saw on the wire.
    pub(crate) fn finish(&mut self, now: Instant, meter: &Meter) {
        self.book(now, meter);
    }

    fn book(&mut self, now: Instant, meter: &Meter) {
        let slot = match self.part {
            Part::Blocked => &mut self.timings.blocked,
            Part::LookingUp => &mut self.timings.looking_up,
            Part::Connecting => &mut self.timings.connecting,
            Part::Tls => &mut self.timings.tls,
            Part::Exchange => {
                let answered = meter.first_read.unwrap_or(now).min(now);
                let written = meter.last_write.unwrap_or(self.since);
                let written = written.clamp(self.since, answered.max(self.since));
                self.timings.sending += nanos(written - self.since);
                self.timings.waiting += nanos(answered.saturating_duration_since(written));
                self.timings.receiving += nanos(now.saturating_duration_since(answered));
                self.since = now;
                return;
            }
        };
        *slot += nanos(now.saturating_duration_since(self.since));
        self.since = now;
    }
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use seaworthy_base::Clock;

    #[test]
    fn an_exchange_is_split_by_what_the_wire_saw() {
        let start = Clock::system().now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut meter = Meter::default();
        meter.wrote(at(3), 10);
        meter.read(at(8), 20);
        meter.read(at(9), 20);
        let mut trace = Trace::new(start);
        trace.enter(Part::Connecting, at(1));
        trace.enter(Part::Exchange, at(2));
        trace.finish(at(10), &meter);
        let ms = 1_000_000;
        assert_eq!(
            trace.timings,
            Timings {
                blocked: ms,
                connecting: ms,
                sending: ms,
                waiting: 5 * ms,
                receiving: 2 * ms,
                ..Timings::default()
            }
        );
        assert_eq!(trace.timings.total(), 10 * ms);
        assert_eq!(meter.sent, 10);
        assert_eq!(meter.received, 40);
    }

    #[test]
    fn an_unanswered_request_was_waiting() {
        let start = Clock::system().now();
        let meter = Meter::default();
        let mut trace = Trace::new(start);
        trace.enter(Part::Exchange, start);
        trace.finish(start + Duration::from_millis(4), &meter);
        assert_eq!(trace.timings.waiting, 4_000_000);
        assert_eq!(trace.timings.service(), 4_000_000);
    }
}
