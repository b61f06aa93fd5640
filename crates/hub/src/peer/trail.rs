//! Who asked, which request it belongs to and until when an answer is of use: what goes along with every
//! call.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use seaworthy_resilience::Deadline;

use crate::server::{TRACEPARENT, TRACESTATE};

/// The header that names a request in logs and answers.
pub const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The headers that go along with every call, and the deadline of the request they came with.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    headers: Vec<(HeaderName, HeaderValue)>,
    deadline: Option<Deadline>,
}

impl Trail {
    /// Takes `Authorization`, `X-Request-ID`, `traceparent` and `tracestate` from a request, and its
    /// deadline.
    pub fn of(parts: &Parts) -> Self {
        let names = [header::AUTHORIZATION, REQUEST_ID, TRACEPARENT, TRACESTATE];
        let mut headers = Vec::new();
        for name in names {
            if let Some(value) = parts.headers.get(&name) {
                let mut value = value.clone();
                value.set_sensitive(name == header::AUTHORIZATION);
                headers.push((name, value));
            }
        }
        Self { headers, deadline: parts.extensions.get().copied() }
    }

    /// A trail of the service's own, in the name of whoever `authorization` is of; without one, as a
    /// request without a token. None when one of the two is no header.
    pub(crate) fn in_the_name_of(authorization: Option<&str>, request_id: &str) -> Option<Self> {
        let mut headers = vec![(REQUEST_ID, HeaderValue::from_str(request_id).ok()?)];
        if let Some(authorization) = authorization {
            let mut value = HeaderValue::from_str(authorization).ok()?;
            value.set_sensitive(true);
            headers.push((header::AUTHORIZATION, value));
        }
        Some(Self { headers, deadline: None })
    }

    /// The `Authorization` header, to be used again in the sender's name, never logged.
    pub(crate) fn authorization(&self) -> Option<&str> {
        let (_, value) = self.headers.iter().find(|(name, _)| name == header::AUTHORIZATION)?;
        value.to_str().ok()
    }

    /// For what goes on after the request was answered: its deadline is left behind.
    #[must_use]
    pub fn lasting(self) -> Self {
        Self { deadline: None, ..self }
    }

    /// Until when an answer is of use, if the request said so.
    pub fn deadline(&self) -> Option<Deadline> {
        self.deadline
    }

    pub(super) fn write(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.headers {
            headers.insert(name, value.clone());
        }
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Trail {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(parts))
    }
}
