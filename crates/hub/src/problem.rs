//! The one error response: an RFC 9457 problem document with a stable code.

use std::borrow::Cow;
use std::ops::Deref;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use schemars::JsonSchema;
use seaworthy_store as store;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::limits::Quota;

mod body;

pub use body::{Body, Path, Query};
pub(crate) use body::{Limit, parse};

/// The media type of a problem document.
pub const MEDIA_TYPE: &str = "application/problem+json";

/// Why a request was refused or failed. Dereferences to its [`Document`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{}: {}", .0.code, .0.detail)]
#[serde(transparent)]
pub struct Problem(Box<Document>);

impl Deref for Problem {
    type Target = Document;

    fn deref(&self) -> &Document {
        &self.0
    }
}

/// A problem as the client reads it.
///
/// `code` is stable and starts with `hub.`; `type` is a URI made from it. `instance` is filled in by
/// the server with the request's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct Document {
    /// A URI that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: Cow<'static, str>,
    /// The kind of problem in words.
    pub title: Cow<'static, str>,
    /// The HTTP status.
    pub status: u16,
    /// The stable code.
    pub code: Cow<'static, str>,
    /// What went wrong this time.
    pub detail: String,
    /// The path of the request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<String>,
    /// Where in the body, as an RFC 6901 JSON pointer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pointer: Option<String>,
    /// What the client or the operator can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// The limit that was reached, and what is left of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quota>,
    /// What else this kind of problem tells.
    #[serde(flatten)]
    pub more: Map<String, Value>,
    #[serde(skip)]
    retry_after: Option<u32>,
    #[serde(skip)]
    challenge: Option<&'static str>,
}

impl From<store::Error> for Problem {
    fn from(error: store::Error) -> Self {
        match error {
            store::Error::Failed(_) => {
                Self::unavailable("store_failed", "the service cannot write durably any more")
                    .retry_after(30)
                    .hint("the operator must check the disk and restart the service")
            }
            store::Error::Unavailable(_) => Self::unavailable(
                "store_unavailable",
                "the service's database cannot be reached now; nothing was written",
            ),
            store::Error::Unknown(_) => Self::unavailable(
                "outcome_unknown",
                "the database went away while this was being committed: it may be there or not",
            )
            .hint("repeat it under the same idempotency key, or read whether it is there"),
            store::Error::Value { reason, .. } => Self::new(
                StatusCode::UNPROCESSABLE_ENTITY,
                "unstorable_value",
                format!("a value in the request cannot be stored: {reason}"),
            ),
            other => Self::internal(&other),
        }
    }
}

impl Problem {
    /// A problem with a short snake-case `code` (without the crate's prefix) and what went wrong.
    pub fn new(status: StatusCode, code: &str, detail: impl Into<String>) -> Self {
        let mut title = code.replace('_', " ");
        if let Some(first) = title.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        Self(Box::new(Document {
            kind: format!("https://seaworthy.dev/problems/hub/{}", code.replace('_', "-")).into(),
            title: title.into(),
            status: status.as_u16(),
            code: format!("hub.{code}").into(),
            detail: detail.into(),
            instance: None,
            pointer: None,
            hint: None,
            quota: None,
            more: Map::new(),
            retry_after: None,
            challenge: None,
        }))
    }

    /// A fault of ours: the cause goes to the log, never to the client.
    pub fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "the service failed to handle the request; its log has the cause under this request id",
        )
    }

    /// 503 with `Retry-After: 1`.
    pub fn unavailable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, detail).retry_after(1)
    }

    /// 401 that asks for a bearer token.
    pub fn unauthorized(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, code, detail)
            .challenge("Bearer realm=\"seaworthy\", error=\"invalid_token\"")
    }

    /// 403.
    pub fn forbidden(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, code, detail)
    }

    /// 404.
    pub fn not_found(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, code, detail)
    }

    /// 409.
    pub fn conflict(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, code, detail)
    }

    /// 422.
    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// 422 for a value that is well-formed and still not acceptable; `pointer` says which.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::unprocessable("invalid_value", detail).pointer(pointer)
    }

    /// Adds where in the body.
    #[must_use]
    pub fn pointer(mut self, pointer: impl Into<String>) -> Self {
        self.0.pointer = Some(pointer.into());
        self
    }

    /// Adds what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the limit that was reached; it is written to the head, too.
    #[must_use]
    pub fn quota(mut self, quota: Quota) -> Self {
        self.0.quota = Some(quota);
        self
    }

    /// Adds a member of this kind of problem's own.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.0.more.insert(name.to_owned(), value);
        self
    }

    /// How long to wait before trying again, where that is known.
    pub(crate) fn waits(&self) -> Option<Duration> {
        self.0.retry_after.map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Adds `Retry-After`, in seconds.
    #[must_use]
    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.0.retry_after = Some(seconds);
        self
    }

    /// Sets `WWW-Authenticate`.
    #[must_use]
    pub fn challenge(mut self, challenge: &'static str) -> Self {
        self.0.challenge = Some(challenge);
        self
    }

    /// A peer's problem, to be answered as ours: under the path that was asked of us.
    #[must_use]
    pub(crate) fn adopted(mut self) -> Self {
        self.0.instance = None;
        self
    }

    /// The HTTP status; 500 when a peer sent one that does not exist.
    pub fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The document in a response, with the request's path as its instance.
    pub(crate) fn render(mut self, instance: Option<&str>) -> Response {
        if self.0.instance.is_none() {
            self.0.instance = instance.map(str::to_owned);
        }
        let body = serde_json::to_vec(&self)
            .expect("a struct of strings, numbers and JSON is always valid JSON");
        let mut response = (self.status(), body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if let Some(quota) = &self.quota {
            quota.write(headers);
        }
        if let Some(challenge) = self.challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        } else if self.status == 401 {
            headers.insert(
                header::WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"seaworthy\""),
            );
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        self.render(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_names_its_kind() {
        let quota = Quota { unit: "requests".into(), limit: 2, remaining: 0, reset_seconds: 1 };
        let problem = Problem::forbidden("wrong_tenant", "no")
            .pointer("/tenant")
            .quota(quota)
            .with("strike_count", 3.into());
        let json = serde_json::to_value(&problem).unwrap();
        assert_eq!(json["type"], "https://seaworthy.dev/problems/hub/wrong-tenant");
        assert_eq!(json["title"], "Wrong tenant");
        assert_eq!(json["code"], "hub.wrong_tenant");
        assert_eq!(json["status"], 403);
        assert_eq!((&json["strike_count"], &json["quota"]["limit"]), (&3.into(), &2.into()));
        let response = problem.clone().into_response();
        assert_eq!(response.headers()["ratelimit-remaining"], "0");
        let back: Problem = serde_json::from_value(json).unwrap();
        assert_eq!(back, problem);
    }

    #[test]
    fn a_401_always_carries_a_challenge() {
        let response = Problem::new(StatusCode::UNAUTHORIZED, "x", "y").into_response();
        assert!(response.headers().contains_key(header::WWW_AUTHENTICATE));
        let response = Problem::unavailable("x", "y").into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
    }
}
