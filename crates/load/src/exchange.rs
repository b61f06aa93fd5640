//! An exchange of messages over a WebSocket: opened, sent and received in order, closed.

use std::time::Duration;

use bytes::Bytes;
use seaworthy_base::{Clock, Instant, Span};
use seaworthy_net::Response;
use seaworthy_net::session::Session;
use seaworthy_net::websocket::{self, Message, Socket};
use serde_json::Value;
use tokio::time::timeout_at;

use crate::links::Links;
use crate::path::Path;
use crate::program::{Body, Exchange, Move};
use crate::scope::{Expression, Scope};
use crate::step::{Missed, Outcome, holds, matches};

/// What came of an exchange.
#[derive(Debug)]
pub(crate) struct Talk {
    /// What came of the request that opens it.
    pub(crate) opening: Outcome,
    /// When that had come.
    pub(crate) at: Instant,
    /// From the call until the service had agreed, or had not.
    pub(crate) connecting: Option<Duration>,
    /// From the opening to the close; `None` when none was opened.
    pub(crate) session: Option<Duration>,
    /// Messages that were sent.
    pub(crate) sent: u64,
    /// Messages that came.
    pub(crate) received: u64,
    /// Messages that were waited for and came.
    pub(crate) replies: usize,
    /// Bytes after the opening.
    pub(crate) bytes_sent: u64,
    /// The same of what came.
    pub(crate) bytes_received: u64,
    pub(crate) result: Result<(), Missed>,
}

/// A message that is waited for, filled in.
struct Wanted<'m> {
    json: &'m [(Path, Expression)],
    text: Option<String>,
    within: Duration,
}

impl Talk {
    /// Whether the service agreed.
    pub(crate) fn is_opened(&self) -> bool {
        matches!(self.opening, Outcome::Answered(_))
    }
}

impl Exchange {
    pub(crate) async fn perform(
        &self,
        scope: &Scope,
        session: &mut Session,
        links: &mut Links,
    ) -> Talk {
        let options = links.options();
        let clock = &options.clock;
        let began = clock.now();
        let opened = self.open(scope, session, links).await;
        let at = clock.now();
        let taken = at.saturating_duration_since(began);
        let (opening, socket, result) = match opened {
            Ok(socket) => (Outcome::Answered(agreement(&socket)), Some(socket), Ok(())),
            Err(outcome) => {
                let missed = missed(&outcome);
                (outcome, None, Err(missed))
            }
        };
        let mut talk = Talk {
            connecting: (!matches!(opening, Outcome::Unfilled(_))).then_some(taken),
            opening,
            at,
            session: None,
            sent: 0,
            received: 0,
            replies: 0,
            bytes_sent: 0,
            bytes_received: 0,
            result,
        };
        if let Some(mut socket) = socket {
            let before = (socket.bytes_sent(), socket.bytes_received());
            talk.result = self.converse(scope, clock, &mut socket, &mut talk).await;
            if talk.result.is_ok() {
                talk.result = socket.close().await.map_err(Missed::from);
            }
            talk.session = Some(socket.age());
            talk.bytes_sent = socket.bytes_sent() - before.0;
            talk.bytes_received = socket.bytes_received() - before.1;
            if talk.result.is_err() {
                links.part_with(socket);
            }
        }
        talk
    }

    async fn open(
        &self,
        scope: &Scope,
        session: &mut Session,
        links: &mut Links,
    ) -> Result<Socket, Outcome> {
        let (origin, mut request) = self.head.fill(scope).map_err(Outcome::Unfilled)?;
        links.add_cookies(session, &origin, &mut request);
        let (target, headers) = (request.target.clone(), request.headers);
        let opening =
            websocket::open(&links.options(), &origin, target, headers, request.timeout).await;
        let socket = opening.map_err(Outcome::Failed)?;
        links.store_cookies(session, &origin, &request.target, &socket.headers);
        Ok(socket)
    }

    async fn converse(
        &self,
        scope: &Scope,
        clock: &Clock,
        socket: &mut Socket,
        talk: &mut Talk,
    ) -> Result<(), Missed> {
        for it in &self.moves {
            match it {
                Move::Send(body) => {
                    let bytes = match body {
                        Body::Fixed(bytes) => bytes.to_vec(),
                        Body::Filled(text) => text.render(scope)?,
                        Body::Parts(_) => Vec::new(),
                    };
                    let text = String::from_utf8_lossy(&bytes).into_owned();
                    socket.send(Message::Text(text)).await?;
                    talk.sent += 1;
                }
                Move::Receive { json, text, within } => {
                    let text = text.as_ref().map(|text| text.render_text(scope)).transpose()?;
                    let wanted = Wanted { json, text, within: *within };
                    wanted.wait(scope, clock, socket, talk).await?;
                    talk.replies += 1;
                }
            }
        }
        Ok(())
    }
}

impl Wanted<'_> {
    async fn wait(
        &self,
        scope: &Scope,
        clock: &Clock,
        socket: &mut Socket,
        talk: &mut Talk,
    ) -> Result<(), Missed> {
        let before = talk.received;
        let waiting = async {
            loop {
                let bytes = match socket.receive().await? {
                    Some(Message::Text(text)) => text.into_bytes(),
                    Some(Message::Binary(bytes)) => bytes.to_vec(),
                    Some(Message::Ping(_) | Message::Pong(_)) => continue,
                    closed @ (Some(Message::Close(_)) | None) => return Err(gone(closed)),
                };
                talk.received += 1;
                if self.matched(&bytes, scope) {
                    return Ok(());
                }
            }
        };
        let ended = match clock.now().checked_add(self.within) {
            Some(deadline) => timeout_at(deadline, waiting).await,
            None => Ok(waiting.await),
        };
        ended.unwrap_or_else(|_| {
            let others = talk.received - before;
            let reason =
                format!("no such message within {}, {others} other(s) came", Span(self.within));
            Err(Missed { code: "message_timeout", reason })
        })
    }

    fn matched(&self, bytes: &[u8], scope: &Scope) -> bool {
        if let Some(text) = &self.text {
            return matches(text, &String::from_utf8_lossy(bytes));
        }
        if self.json.is_empty() {
            return true;
        }
        let found: Option<Value> = serde_json::from_slice(bytes).ok();
        let holds = |found: &Value| {
            self.json.iter().all(|(path, expected)| holds(path, expected, found, scope))
        };
        found.as_ref().is_some_and(holds)
    }
}

/// The service's agreement, as the answer that it is.
fn agreement(socket: &Socket) -> Response {
    Response {
        status: 101,
        reason: None,
        version: http::Version::HTTP_11,
        headers: socket.headers.clone(),
        body: Bytes::new(),
        timings: socket.timings,
        bytes_sent: socket.bytes_sent(),
        bytes_received: socket.bytes_received(),
        connected: true,
        peer: socket.peer,
    }
}

/// Why no WebSocket was opened.
fn missed(outcome: &Outcome) -> Missed {
    match outcome {
        Outcome::Failed(failure) => {
            Missed { code: failure.code(), reason: failure.error.to_string() }
        }
        Outcome::Unfilled(unfilled) => {
            Missed { code: "template_unfilled", reason: unfilled.to_string() }
        }
        Outcome::Answered(_) => gone(None),
    }
}

fn gone(closed: Option<Message>) -> Missed {
    let said = match closed {
        Some(Message::Close(Some(close))) => format!(" with code {} {}", close.code, close.reason),
        _ => String::new(),
    };
    let reason = format!("the service closed the WebSocket{said}");
    Missed { code: "websocket_closed", reason: reason.trim_end().to_owned() }
}
