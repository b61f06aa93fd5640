//! Waiting for an event of a stream that is open.

use std::time::Duration;

use seaworthy_base::Span;
use seaworthy_net::sse::Event;
use serde_json::Value;
use tokio::time::timeout_at;

use crate::links::Links;
use crate::program::Receive;
use crate::scope::{Scope, Unfilled};
use crate::step::{Missed, holds};

/// What came of a wait for an event.
#[derive(Debug)]
pub(crate) struct Wait {
    /// How long it took.
    pub(crate) waited: Duration,
    /// Events that came, the one waited for included.
    pub(crate) events: u64,
    /// The stream's number in the flow, when it was lost.
    pub(crate) lost: Option<usize>,
    /// The event's data, where it is JSON.
    pub(crate) result: Result<Option<Value>, Missed>,
}

/// The service ended a stream.
pub(crate) struct Ended;
pub(crate) const ENDED: Ended = Ended;

impl From<Ended> for Missed {
    fn from(_: Ended) -> Self {
        Self { code: "stream_ended", reason: "the service ended the stream".to_owned() }
    }
}

/// What is waited for, filled in.
struct Wanted<'r> {
    receive: &'r Receive,
    name: Option<String>,
}

impl Receive {
    pub(crate) async fn perform(&self, scope: &Scope, links: &mut Links) -> Wait {
        let began = links.clock().now();
        let mut wait = Wait { waited: Duration::ZERO, events: 0, lost: None, result: Ok(None) };
        let waiting = self.wait(scope, links, &mut wait.events, &mut wait.lost);
        let ended = match began.checked_add(self.within) {
            Some(deadline) => timeout_at(deadline, waiting).await,
            None => Ok(waiting.await),
        };
        wait.result = ended.unwrap_or_else(|_| {
            let others = match wait.events {
                0 => "none came".to_owned(),
                events => format!("{events} other(s) came"),
            };
            let reason = format!("no such event within {}, {others}", Span(self.within));
            Err(Missed { code: "event_timeout", reason })
        });
        wait.waited = links.clock().now().saturating_duration_since(began);
        if let Some(stream) = wait.lost {
            links.lose(stream);
        }
        wait
    }

    async fn wait(
        &self,
        scope: &Scope,
        links: &mut Links,
        events: &mut u64,
        lost: &mut Option<usize>,
    ) -> Result<Option<Value>, Missed> {
        let name = self.event.as_ref().map(|event| event.render_text(scope)).transpose()?;
        let wanted = Wanted { receive: self, name };
        let stream = links.stream(self.stream).ok_or_else(|| Missed {
            code: "stream_closed",
            reason: "the stream is not open".to_owned(),
        })?;
        loop {
            let missed = match stream.next().await {
                Ok(Some(event)) => {
                    *events += 1;
                    if let Some(data) = wanted.matched(&event, scope)? {
                        return Ok(data);
                    }
                    continue;
                }
                Ok(None) => ENDED.into(),
                Err(error) => error.into(),
            };
            *lost = Some(self.stream);
            return Err(missed);
        }
    }
}

impl Wanted<'_> {
    /// The event's data, if it is the one.
    fn matched(&self, event: &Event, scope: &Scope) -> Result<Option<Option<Value>>, Unfilled> {
        if self.name.as_ref().is_some_and(|name| *name != event.event) {
            return Ok(None);
        }
        let data: Option<Value> = serde_json::from_str(&event.data).ok();
        let held = |data: &Value| {
            self.receive.json.iter().all(|(path, expected)| holds(path, expected, data, scope))
        };
        let matched = self.receive.json.is_empty() || data.as_ref().is_some_and(held);
        Ok(matched.then_some(data))
    }
}
