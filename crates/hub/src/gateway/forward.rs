//! Passing a request on to the role that answers it, and its answer back.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::StreamExt;
use http::{HeaderMap, HeaderName, Method, StatusCode, header, response};
use http_body_util::{BodyExt, Limited};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::limits::HEADERS;
use crate::orchestrator::{IDEMPOTENCY_KEY, REPLAYED};
use crate::peer::{Client, Trail};
use crate::problem::{self, Problem};

/// Longest answer that is passed back whole; streams have no bound.
const ANSWER: usize = 16 << 20;

/// What goes along with a request, besides its trail.
const ASKED: [HeaderName; 3] =
    [header::CONTENT_TYPE, IDEMPOTENCY_KEY, HeaderName::from_static("last-event-id")];

/// What comes back with an answer.
const ANSWERED: [HeaderName; 6] = [
    header::CONTENT_TYPE,
    header::CACHE_CONTROL,
    header::LOCATION,
    header::RETRY_AFTER,
    header::WWW_AUTHENTICATE,
    REPLAYED,
];

/// Bounds of a call.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    /// How long an answer's body may take, once its head is there.
    pub(super) deadline: Duration,
    /// Ends streams when the service stops.
    pub(super) stop: CancellationToken,
}

/// A request to be passed on.
pub(super) struct Call<'a> {
    pub(super) trail: &'a Trail,
    pub(super) method: Method,
    /// The path and query at the role.
    pub(super) target: &'a str,
    /// The path that the client asked for, for problem documents.
    pub(super) path: &'a str,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: Bytes,
}

impl Forward {
    /// Sends a call on and returns the answer as it is; an event stream flows through.
    pub(super) async fn send(&self, peer: &Client, call: Call<'_>) -> Result<Response, Problem> {
        let asked = pick(call.headers, &ASKED);
        let answer = peer.open(call.trail, call.method, call.target, asked, call.body).await?;
        let (parts, body) = answer.into_parts();
        if streams(&parts) {
            return Ok(render(&parts, self.stream(body)));
        }
        let whole = tokio::time::timeout(self.deadline, Limited::new(body, ANSWER).collect());
        let bytes = match whole.await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(_)) => {
                let detail = "the answer of a role was cut off or too long";
                return Err(Problem::new(StatusCode::BAD_GATEWAY, "peer_unreadable", detail));
            }
            Err(_) => {
                return Err(Problem::unavailable("peer_timeout", "a role did not answer in time"));
            }
        };
        let bytes = if is(&parts, problem::MEDIA_TYPE) { ours(bytes, call.path) } else { bytes };
        Ok(render(&parts, bytes.into()))
    }

    /// When the client goes away the body is dropped, and with it the connection to the role.
    fn stream(&self, body: Body) -> Body {
        let stop = self.stop.clone().cancelled_owned();
        Body::from_stream(body.into_data_stream().take_until(stop))
    }
}

fn render(parts: &response::Parts, body: Body) -> Response {
    let mut response = Response::new(body);
    *response.status_mut() = parts.status;
    *response.headers_mut() = pick(&parts.headers, &ANSWERED);
    response.headers_mut().extend(pick(&parts.headers, &HEADERS));
    response
}

fn pick(headers: &HeaderMap, names: &[HeaderName]) -> HeaderMap {
    let mut picked = HeaderMap::new();
    for name in names {
        for value in headers.get_all(name) {
            picked.append(name, value.clone());
        }
    }
    picked
}

fn streams(parts: &response::Parts) -> bool {
    parts.status.is_success() && is(parts, "text/event-stream")
}

fn is(parts: &response::Parts, media: &str) -> bool {
    parts
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|value| value.as_bytes().starts_with(media.as_bytes()))
}

/// A role's problem document under the path that the client asked for.
fn ours(bytes: Bytes, path: &str) -> Bytes {
    let Ok(Value::Object(mut problem)) = serde_json::from_slice(&bytes) else { return bytes };
    problem.insert("instance".to_owned(), path.into());
    Value::Object(problem).to_string().into()
}
