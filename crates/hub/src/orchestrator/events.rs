//! A session's events as server-sent events: from the store, then live as they are committed.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use http::{HeaderMap, StatusCode, header};
use seaworthy_base::{Clock, Timestamp};
use seaworthy_store::Store;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::feed::{Feed, Subscription};
use super::{READ, rows};
use crate::auth::{self, Authenticator, Credential};
use crate::peer::Trail;
use crate::problem::Problem;

/// How often a silent stream sends a comment, so that nobody in between takes it for dead.
const KEEP_ALIVE: Duration = Duration::from_secs(10);

/// How many events are read at a time: all that a slow reader ever holds in memory.
const AT_A_TIME: u32 = 64;

/// Whose stream it is: asked again whenever there is something to be sent, when tokens change and
/// when the token ends, as a request would be.
#[derive(Clone)]
pub(super) struct Listener {
    pub(super) authenticator: Authenticator,
    pub(super) clock: Clock,
    pub(super) trail: Trail,
    pub(super) credential: Credential,
    pub(super) expires_at: Timestamp,
}

/// Where a reader has got to.
struct Reader {
    store: Store,
    session: String,
    listener: Listener,
    /// Told when tokens were revoked, or users or tenants changed.
    changes: watch::Receiver<u64>,
    /// Whether something was sent since the request was authenticated.
    sent: bool,
    /// The last event that was sent.
    cursor: i64,
    /// Whether the store may hold events beyond the cursor.
    behind: bool,
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
) -> Response {
    // Subscribed before the first read: what is committed in between wakes the reader.
    let subscription = feed.subscribe(&session);
    let changes = listener.authenticator.watch();
    let reader = Reader {
        store,
        session,
        listener,
        changes,
        sent: false,
        cursor: after,
        behind: true,
        subscription,
        stop,
    };
    let text = stream::unfold(reader, |mut reader| async move {
        let text = reader.next().await?;
        Some((Ok::<_, Infallible>(text), reader))
    });
    let headers =
        [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(text)).into_response()
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
    /// What is to be sent next: a page of events or a comment; none at the end.
    async fn next(&mut self) -> Option<Bytes> {
        while !self.stop.is_cancelled() {
            if self.behind {
                let page = self.page().await?;
                self.behind = !page.is_empty();
                if let Some(last) = page.last() {
                    if std::mem::replace(&mut self.sent, true)
                        && self.listener.stands().await != Standing::Good
                    {
                        return None;
                    }
                    self.cursor = last.id;
                    return Some(render(&page));
                }
            }
            let pause = self.listener.left().min(KEEP_ALIVE);
            let comment = tokio::select! {
                () = self.subscription.beyond(self.cursor) => {
                    self.behind = true;
                    continue;
                }
                () = self.stop.cancelled() => return None,
                Ok(()) = self.changes.changed() => false,
                () = tokio::time::sleep(pause) => pause == KEEP_ALIVE,
            };
            // Nothing is sent here that a token would be needed for, so that an identity service
            // that does not answer ends no stream that has nothing to say.
            if self.listener.stands().await == Standing::Refused {
                return None;
            }
            if comment {
                return Some(Bytes::from_static(b": keep-alive\n\n"));
            }
        }
        None
    }

    async fn page(&self) -> Option<Vec<rows::Event>> {
        let (session, after) = (self.session.clone(), self.cursor);
        let page = self.store.read(move |tx| rows::events(tx, &session, after, AT_A_TIME)).await;
        page.inspect_err(|error| {
            tracing::error!(%error, session = self.session, "event stream ended");
        })
        .ok()
    }
}

/// How a token fares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Standing {
    /// It may read sessions.
    Good,
    /// It has ended, was revoked, or may not read sessions any more.
    Refused,
    /// Nobody can say.
    Unknown,
}

impl Listener {
    async fn stands(&self) -> Standing {
        match self.authenticator.verify(&self.trail, &self.credential).await {
            Ok(verified) if auth::holds(&verified.capabilities, READ) => Standing::Good,
            Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => {
                Standing::Unknown
            }
            Ok(_) | Err(_) => Standing::Refused,
        }
    }

    /// How long until the token ends, and at least a little, so that waiting for it takes no time of
    /// the processor once identity, whose clock counts, has another opinion.
    fn left(&self) -> Duration {
        self.expires_at.since(self.clock.wall()).max(Duration::from_millis(50))
    }
}

fn render(events: &[rows::Event]) -> Bytes {
    let mut text = String::new();
    for event in events {
        // Data is JSON on one line, as it was committed: a line break inside would be an escape.
        let data = event.data.get();
        let _ = write!(text, "id: {}\nevent: {}\ndata: {data}\n\n", event.id, event.kind);
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use proptest::prelude::*;

    use super::*;
    use crate::auth::{Source, Token};
    use crate::metrics::Metrics;
    use crate::options::Role;
    use crate::peer::Client;
    use seaworthy_store::{self as store, Part, Tx};

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
        let options = store::Options::file(folder.path(), [Part::own(rows::MIGRATIONS)]);
        let store = Store::open(&options, &store::Metrics::default()).unwrap();
        let at = "2026-01-01T00:00:00Z";
        let append = move |tx: &mut Tx<'_>| rows::append(tx, "s", "session.created", "{}", at);
        store.write(append).await.unwrap();
        let (feed, stop) = (Feed::default(), CancellationToken::new());
        let deadline = Duration::from_secs(1);
        let identity = Client::new(Role::Identity, "http://127.0.0.1:9", deadline).unwrap();
        let clock = Clock::system();
        let source = Source::elsewhere(identity, &clock, &stop);
        let listener = Listener {
            authenticator: Authenticator::new(source, &Metrics::new("orchestrator")),
            expires_at: clock.wall().plus(Duration::from_secs(3_600)),
            clock,
            trail: Trail::default(),
            credential: Credential::Token(Token::new("t")),
        };
        let response = stream(store.clone(), feed.clone(), "s".into(), listener, 0, stop.clone());
        let mut body = response.into_body();
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
