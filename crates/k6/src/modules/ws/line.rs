//! An open WebSocket of a virtual user: what passes is accounted for, and it never stays open
//! without its owner.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use seaworthy_base::Instant;
use seaworthy_metrics::{Metric, TagSet};
use seaworthy_net::Error;
use seaworthy_net::websocket::{Close, Message, Socket};

use crate::vu::Vu;

/// The code of one who leaves (RFC 6455 §7.4.1).
pub(crate) const GOING_AWAY: u16 = 1001;
/// The code of a close without one.
pub(crate) const NO_STATUS: u16 = 1005;
/// The code of a connection that broke.
pub(crate) const ABNORMAL: u16 = 1006;

/// The socket.
pub(crate) struct Line {
    vu: Rc<Vu>,
    tags: TagSet,
    /// `None` while it is in use.
    socket: RefCell<Option<Socket>>,
    /// Bytes out and in that were accounted for.
    counted: Cell<(u64, u64)>,
    /// Pings under way: their number, and when they were sent.
    pings: RefCell<Vec<(u64, Instant)>>,
    last_ping: Cell<u64>,
}

impl Line {
    pub(crate) fn new(vu: Rc<Vu>, socket: Socket, tags: TagSet) -> Self {
        let (counted, pings) = (Cell::default(), RefCell::default());
        let line = Self {
            vu,
            tags,
            socket: RefCell::new(Some(socket)),
            counted,
            pings,
            last_ping: Cell::new(0),
        };
        line.account();
        line
    }

    /// Sends a message.
    pub(crate) async fn send(&self, message: Message) -> Result<(), Error> {
        let mut lent = self.lend();
        match &mut lent.socket {
            Some(socket) => socket.send(message).await,
            None => Err(Error::ConnectionClosed),
        }
    }

    /// Waits for a message.
    pub(crate) async fn receive(&self) -> Result<Option<Message>, Error> {
        let mut lent = self.lend();
        match &mut lent.socket {
            Some(socket) => socket.receive().await,
            None => Ok(None),
        }
    }

    /// Sends a ping, whose answer will be known.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        let number = self.last_ping.get() + 1;
        self.last_ping.set(number);
        self.pings.borrow_mut().push((number, self.vu.shared.clock.now()));
        self.send(Message::Ping(number.to_string().into_bytes().into())).await
    }

    /// The answer to a ping came: how long it took is recorded, if it is one of ours.
    pub(crate) fn pong(&self, payload: &[u8]) {
        let number = std::str::from_utf8(payload).ok().and_then(|text| text.parse::<u64>().ok());
        let mut pings = self.pings.borrow_mut();
        let Some(place) = pings.iter().position(|(known, _)| Some(*known) == number) else {
            return;
        };
        let (_, since) = pings.swap_remove(place);
        drop(pings);
        self.record(&self.vu.shared.registry.builtin().ws_ping, ms(&self.vu, since));
    }

    /// Records a sample with the socket's tags.
    pub(crate) fn record(&self, metric: &Metric, value: f64) {
        self.vu.record(&self.tags, &[(metric, value)]);
    }

    /// The owner leaves, with these words, or without when they were said.
    pub(crate) fn leave(&self, close: Option<u16>) {
        let close = close.map(|code| Close { code, reason: String::new() });
        let parting = self.socket.borrow_mut().as_mut().and_then(|socket| socket.parting(close));
        // A thread without a runtime is one that ends: its connections end as well.
        if let (Some(parting), Ok(runtime)) = (parting, tokio::runtime::Handle::try_current()) {
            runtime.spawn(parting);
        }
        self.account();
        *self.socket.borrow_mut() = None;
    }

    fn lend(&self) -> Lent<'_> {
        Lent { line: self, socket: self.socket.borrow_mut().take() }
    }

    /// Notes what went over the network since it was last noted.
    fn account(&self) {
        if let Some(socket) = self.socket.borrow().as_ref() {
            let (out, into) = self.counted.get();
            let now = (socket.bytes_sent(), socket.bytes_received());
            self.counted.set(now);
            self.vu.passed(now.0 - out, now.1 - into);
        }
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.leave(Some(GOING_AWAY));
    }
}

/// A socket in use; it is given back even when whoever uses it is dropped.
struct Lent<'l> {
    line: &'l Line,
    socket: Option<Socket>,
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        if let Some(socket) = self.socket.take() {
            *self.line.socket.borrow_mut() = Some(socket);
            self.line.account();
        }
    }
}

/// Milliseconds since a moment.
pub(crate) fn ms(vu: &Vu, since: Instant) -> f64 {
    vu.shared.clock.now().saturating_duration_since(since).as_secs_f64() * 1e3
}

/// Code and reason that a close gives, and what is wrong with it, if anything.
pub(crate) fn closed(close: Option<Close>) -> (u16, String, Option<String>) {
    let (code, reason) = close.map_or((NO_STATUS, String::new()), |it| (it.code, it.reason));
    let expected = matches!(code, 1000 | GOING_AWAY);
    let words = (!expected).then(|| words(code, &reason));
    (code, reason, words)
}

/// Why a connection ended without a close.
pub(crate) fn broken(error: &Error) -> (u16, String, String) {
    let reason = match error {
        Error::ConnectionClosed => "unexpected EOF".to_owned(),
        error => error.to_string(),
    };
    let words = words(ABNORMAL, &reason);
    (ABNORMAL, reason, words)
}

fn words(code: u16, reason: &str) -> String {
    let named = match code {
        1002 => " (protocol error)",
        1003 => " (unsupported data)",
        NO_STATUS => " (no status)",
        ABNORMAL => " (abnormal closure)",
        1007 => " (invalid payload data)",
        1008 => " (policy violation)",
        1009 => " (message too big)",
        1010 => " (mandatory extension missing)",
        1011 => " (internal server error)",
        1015 => " (TLS handshake error)",
        _ => "",
    };
    match reason {
        "" => format!("websocket: close {code}{named}"),
        reason => format!("websocket: close {code}{named}: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn closes_are_told_as_k6_does() {
        let close = |code, reason: &str| closed(Some(Close { code, reason: reason.to_owned() }));
        assert_eq!(close(1000, "counted"), (1000, "counted".to_owned(), None));
        assert_eq!(close(1001, "").2, None);
        assert_eq!(close(4002, "as you wish").2.unwrap(), "websocket: close 4002: as you wish");
        assert_eq!(closed(None).2.unwrap(), "websocket: close 1005 (no status)");
        let (code, _, words) = broken(&Error::ConnectionClosed);
        assert_eq!(code, 1006);
        assert_eq!(words, "websocket: close 1006 (abnormal closure): unexpected EOF");
    }
}
