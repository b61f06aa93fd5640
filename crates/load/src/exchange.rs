//! An exchange of messages over a WebSocket: opened, sent and received in order, closed.

use std::time::Duration;

use seaworthy_base::{Clock, Span};
use seaworthy_net::session::Session;
use seaworthy_net::websocket::{self, Message, Socket};
use serde_json::Value;
use tokio::time::timeout_at;

use crate::links::Links;
use crate::path::Path;
use crate::program::{Body, Exchange, Move};
use crate::scope::{Expression, Scope};
use crate::step::{Missed, holds, matches};

/// What came of an exchange.
#[derive(Debug)]
pub(crate) struct Talk {
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
    pub(crate) bytes_sent: u64,
    pub(crate) bytes_received: u64,
    pub(crate) result: Result<(), Missed>,
}

/// A message that is waited for, filled in.
struct Wanted<'m> {
    json: &'m [(Path, Expression)],
    text: Option<String>,
    within: Duration,
}

impl Exchange {
    pub(crate) async fn perform(
        &self,
        scope: &Scope,
        session: &mut Session,
        links: &mut Links,
    ) -> Talk {
        let mut talk = Talk {
            connecting: None,
            session: None,
            sent: 0,
            received: 0,
            replies: 0,
            bytes_sent: 0,
            bytes_received: 0,
            result: Ok(()),
        };
        let result = self.talk(scope, session, links, &mut talk).await;
        Talk { result, ..talk }
    }

    async fn talk(
        &self,
        scope: &Scope,
        session: &mut Session,
        links: &mut Links,
        talk: &mut Talk,
    ) -> Result<(), Missed> {
        let (origin, mut request) = self.head.fill(scope)?;
        links.add_cookies(session, &origin, &mut request);
        let options = links.options();
        let clock = &options.clock;
        let began = clock.now();
        let opening = websocket::open(
            &options,
            &origin,
            request.target.clone(),
            request.headers,
            request.timeout,
        );
        let opened = opening.await;
        talk.connecting = Some(clock.now().saturating_duration_since(began));
        let mut socket = opened.map_err(|failure| Missed::from(failure.error))?;
        links.store_cookies(session, &origin, &request.target, &socket.headers);
        let moved = self.converse(scope, clock, &mut socket, talk).await;
        // What went wrong first is what is told.
        let closed = socket.close().await;
        talk.session = Some(socket.age());
        (talk.bytes_sent, talk.bytes_received) = (socket.bytes_sent(), socket.bytes_received());
        moved?;
        Ok(closed?)
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

fn gone(closed: Option<Message>) -> Missed {
    let said = match closed {
        Some(Message::Close(Some(close))) => format!(" with code {} {}", close.code, close.reason),
        _ => String::new(),
    };
    let reason = format!("the service closed the WebSocket{said}");
    Missed { code: "websocket_closed", reason: reason.trim_end().to_owned() }
}
