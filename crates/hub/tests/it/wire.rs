//! A plain HTTP client for the fleet's tests: calls, answers, event streams, and waiting for a condition.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use seaworthy_base::Clock;
use serde_json::Value;

/// No wait in these tests is longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A request to be sent.
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) url: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

impl Call {
    pub(crate) fn new(method: Method, url: String) -> Self {
        Self { method, url, headers: Vec::new(), body: Bytes::new() }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.text(&body.to_string())
    }

    pub(crate) fn text(mut self, body: &str) -> Self {
        self.body = Bytes::copy_from_slice(body.as_bytes());
        self.header("content-type", "application/json")
    }
}

/// What came back. The body is `null` when it is no JSON.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) json: Value,
    pub(crate) text: String,
}

impl Answer {
    /// Asserts a problem document with this status and code.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, code: &str) {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.headers["content-type"], "application/problem+json", "{self:?}");
        assert_eq!(self.json["code"], format!("hub.{code}"), "{self:?}");
        assert_eq!(self.json["status"], status, "{self:?}");
    }
}

#[derive(Clone)]
pub(crate) struct Http(legacy::Client<HttpConnector, Full<Bytes>>);

impl Http {
    pub(crate) fn new() -> Self {
        Self(legacy::Client::builder(TokioExecutor::new()).build_http())
    }

    pub(crate) async fn send(&self, call: Call) -> Answer {
        let what = format!("{} {}", call.method, call.url);
        self.attempt(call).await.unwrap_or_else(|| panic!("{what}: no answer"))
    }

    /// None when the connection is refused or breaks.
    pub(crate) async fn attempt(&self, call: Call) -> Option<Answer> {
        let whole = async {
            let (parts, body) = self.request(call).await?.into_parts();
            let bytes = body.collect().await.ok()?.to_bytes();
            Some(Answer {
                status: parts.status,
                headers: parts.headers,
                json: serde_json::from_slice(&bytes).unwrap_or_default(),
                text: String::from_utf8_lossy(&bytes).into_owned(),
            })
        };
        tokio::time::timeout(PATIENCE, whole).await.expect("an answer or a broken connection")
    }

    pub(crate) async fn open(&self, call: Call) -> http::Response<Incoming> {
        self.request(call).await.expect("an answer")
    }

    async fn request(&self, call: Call) -> Option<http::Response<Incoming>> {
        let mut request = Request::builder().method(call.method).uri(call.url);
        for (name, value) in call.headers {
            request = request.header(name, value);
        }
        self.0.request(request.body(Full::new(call.body)).unwrap()).await.ok()
    }
}

/// An open event stream.
pub(crate) struct Stream {
    body: Incoming,
    text: String,
}

/// One event off the wire.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) data: Value,
}

impl Stream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, text: String::new() }
    }

    /// The next event, comments skipped; none when the stream has ended cleanly.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        tokio::time::timeout(PATIENCE, self.read()).await.expect("an event or the end")
    }

    async fn read(&mut self) -> Option<Event> {
        loop {
            while let Some(end) = self.text.find("\n\n") {
                let block: String = self.text.drain(..end + 2).collect();
                let field = |name: &str| {
                    let start = format!("{name}: ");
                    block.lines().find_map(|line| line.strip_prefix(&start)).map(str::to_owned)
                };
                if let (Some(id), Some(kind), Some(data)) =
                    (field("id"), field("event"), field("data"))
                {
                    return Some(Event {
                        id: id.parse().unwrap(),
                        kind,
                        data: serde_json::from_str(&data).unwrap(),
                    });
                }
            }
            match self.body.frame().await {
                Some(frame) => {
                    let data = frame.expect("the stream is not cut off").into_data().unwrap();
                    self.text.push_str(std::str::from_utf8(&data).unwrap());
                }
                None => return None,
            }
        }
    }

    pub(crate) async fn take(&mut self, count: usize) -> Vec<Event> {
        let mut events = Vec::new();
        for _ in 0..count {
            events.push(self.next().await.expect("the stream goes on"));
        }
        events
    }
}

/// Waits until `condition` holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let clock = Clock::system();
    let end = clock.now() + PATIENCE;
    while !condition().await {
        assert!(clock.now() < end, "{what}: not within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}
