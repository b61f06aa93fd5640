//! A session's events as server-sent events: from the store, then live as they are committed.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use http::HeaderMap;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::feed::{Feed, Subscription};
use super::{READ, rows};
use crate::auth::{Token, Verified};
use crate::peer::{Client, Trail};
use crate::problem::Problem;
use crate::store::Store;

/// How often a silent stream sends a comment, so that nobody in between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How many events are read at a time: all that a slow reader ever holds in memory.
const AT_A_TIME: u32 = 64;

/// Whose stream it is: asked again whenever there is something to be sent, as a request would be.
#[derive(Clone, Debug)]
pub(super) struct Listener {
    pub(super) identity: Client,
    pub(super) trail: Trail,
    pub(super) token: Token,
}

/// Where a reader has got to.
struct Reader {
    store: Store,
    session: String,
    listener: Listener,
    /// Whether something was sent since the request was authenticated.
    sent: bool,
    /// The last event that was sent.
    cursor: i64,
    read: VecDeque<rows::Event>,
    subscription: Subscription,
    stop: CancellationToken,
}

/// Streams a session's events above `after` until the client leaves, its token is no longer good
/// or the service stops.
pub(super) fn stream(
    store: Store,
    feed: Feed,
    session: String,
    listener: Listener,
    after: i64,
    stop: CancellationToken,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    // Subscribed before the first read: what is committed in between wakes the reader.
    let subscription = feed.subscribe(&session);
    let reader = Reader {
        store,
        session,
        listener,
        sent: false,
        cursor: after,
        read: VecDeque::new(),
        subscription,
        stop,
    };
    let events = stream::unfold(reader, |mut reader| async move {
        let event = reader.next().await?;
        Some((Ok(render(&event)), reader))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE).text("keep-alive"))
}

/// Which event a reader has seen last: the `Last-Event-ID` header, which a reconnecting browser
/// sends, before the `after` parameter, which it repeats from its first request.
pub(super) fn last_seen(headers: &HeaderMap, after: Option<&str>) -> Result<i64, Problem> {
    let header = headers.get("last-event-id").map(|value| value.to_str().unwrap_or("?"));
    let Some(text) = header.or(after) else { return Ok(0) };
    // Digits only (a number's parser would take a sign too), up to the store's largest whole number.
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse::<i64>().ok().filter(|_| digits).ok_or_else(invalid)
}

/// The id is not one of this session's events.
pub(super) fn invalid() -> Problem {
    Problem::new(
        http::StatusCode::BAD_REQUEST,
        "invalid_event_id",
        "the last event id is not an event of this session",
    )
    .hint("send the `id` of an event you received, or none to read from the start")
}

impl Reader {
    async fn next(&mut self) -> Option<rows::Event> {
        loop {
            if self.stop.is_cancelled() {
                return None;
            }
            if let Some(event) = self.read.pop_front() {
                self.cursor = event.id;
                return Some(event);
            }
            let (session, after) = (self.session.clone(), self.cursor);
            let page = self
                .store
                .read(move |connection| Ok(rows::events(connection, &session, after, AT_A_TIME)?))
                .await;
            match page {
                Ok(events) => self.read = events.into(),
                Err(error) => {
                    tracing::error!(%error, session = self.session, "event stream ended");
                    return None;
                }
            }
            if self.read.is_empty() {
                tokio::select! {
                    () = self.subscription.beyond(after) => {}
                    () = self.stop.cancelled() => return None,
                }
            } else if std::mem::replace(&mut self.sent, true) && !self.listener.may_read().await {
                return None;
            }
        }
    }
}

impl Listener {
    /// Whether the token is still good: not expired or revoked, and still for reading sessions.
    async fn may_read(&self) -> bool {
        let question = json!({"token": self.token, "required_capabilities": [READ]});
        let verified: Result<Verified, Problem> =
            self.identity.post(&self.trail, "/v1/tokens/verify", &question).await;
        verified.is_ok_and(|verified| verified.valid)
    }
}

fn render(event: &rows::Event) -> Event {
    Event::default().id(event.id.to_string()).event(&event.kind).data(event.data.get())
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;
    use crate::metrics::Metrics;
    use crate::options::Role;
    use crate::store;

    fn seen(header: Option<&[u8]>, after: Option<&str>) -> Option<i64> {
        let mut headers = HeaderMap::new();
        if let Some(header) = header {
            headers.insert("last-event-id", http::HeaderValue::from_bytes(header).unwrap());
        }
        last_seen(&headers, after).ok()
    }

    #[test]
    fn the_header_comes_before_the_parameter() {
        assert_eq!(seen(None, None), Some(0));
        assert_eq!(seen(None, Some("7")), Some(7));
        assert_eq!(seen(Some(b"9"), Some("7")), Some(9));
        for wrong in
            ["", " 1", "-1", "+1", "1.0", "x", "18446744073709551615", "9223372036854775808"]
        {
            assert_eq!(seen(Some(wrong.as_bytes()), Some("7")), None, "{wrong}");
        }
        assert_eq!(seen(Some(b"\xff"), None), None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_stream_sends_comments_and_ends_when_told() {
        let folder = tempfile::tempdir().unwrap();
        let options = store::Options { folder: folder.path().into(), migrations: rows::MIGRATIONS };
        let store = Store::open(&options, &Metrics::new("orchestrator")).unwrap();
        let append = |tx: &rusqlite::Connection| {
            Ok(rows::append(tx, "s", "session.created", "{}", "2026-01-01T00:00:00Z")?)
        };
        store.write(append).await.unwrap();
        let (feed, stop) = (Feed::default(), CancellationToken::new());
        let deadline = Duration::from_secs(1);
        let identity = Client::new(Role::Identity, "http://127.0.0.1:9", deadline).unwrap();
        let (trail, token) = (Trail::default(), Token::new("t"));
        let listener = Listener { identity, trail, token };
        let response = stream(store.clone(), feed.clone(), "s".into(), listener, 0, stop.clone());
        let mut body = response.into_response().into_body();
        assert_eq!(feed.open.get(), 1);
        let mut text = String::new();
        let wanted = "id: 1\nevent: session.created\ndata: {}\n\n";
        while !(text.contains(wanted) && text.ends_with(": keep-alive\n\n")) {
            let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
            text.push_str(std::str::from_utf8(&frame).unwrap());
        }
        stop.cancel();
        while body.frame().await.is_some() {}
        assert_eq!(feed.open.get(), 0, "a stream that has ended holds nothing");
        store.close().await;
    }

    proptest! {
        #[test]
        fn no_id_panics(text in "\\PC{0,30}") {
            let _ = seen(None, Some(&text));
        }
    }
}
