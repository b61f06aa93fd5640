//! What a call's end says about the dependency, and whether it may be made again.

use std::time::Duration;

use http::{HeaderMap, HeaderName, Method, Response, StatusCode, header};

/// How a call ended, in the two respects that matter here: whether the dependency is to blame, and
/// whether another try could help.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered. That it refused a wrong request is an answer, too.
    Success,
    /// It is alive, and asks to come back later (429, or 503 with `Retry-After`). To a circuit that is
    /// a success: the dependency can speak for itself. An idempotent call may be made again.
    Busy {
        /// When it asks to come back.
        retry_after: Option<Duration>,
    },
    /// It failed, and may have carried the call out all the same. An idempotent call may be made again.
    Failed,
    /// It failed before anything of the call had reached it: no connection, say. Any call may be made
    /// again, since that does nothing twice.
    NeverSent,
    /// It failed, and will fail again.
    Broken,
    /// Nothing was learnt of the dependency: the caller gave up early, or refused itself.
    Unjudged,
}

/// Whether making a call twice does the same as making it once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// It does: reads, and writes that name what they write, or carry an idempotency key.
    Idempotent,
    /// It may not. Such a call is made again only if the first try never reached the dependency.
    Once,
}

/// The header by which a client says that repeating a request is the same request.
pub const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

impl Safety {
    /// By method (RFC 9110, section 9.2.2), or by an `Idempotency-Key` where the server honours it.
    pub fn of(method: &Method, headers: &HeaderMap) -> Self {
        let idempotent = matches!(
            *method,
            Method::GET
                | Method::HEAD
                | Method::OPTIONS
                | Method::TRACE
                | Method::PUT
                | Method::DELETE
        );
        if idempotent || headers.contains_key(IDEMPOTENCY_KEY) {
            Self::Idempotent
        } else {
            Self::Once
        }
    }
}

/// Judges how calls ended. Closures from a result to an [`Outcome`] do.
pub trait Classify<T, E>: Clone {
    /// What this result says.
    fn classify(&self, result: &Result<T, E>) -> Outcome;
}

impl<T, E, F> Classify<T, E> for F
where
    F: Fn(&Result<T, E>) -> Outcome + Clone,
{
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        self(result)
    }
}

/// Any value is a success and any error a failure.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByResult;

impl<T, E> Classify<T, E> for ByResult {
    fn classify(&self, result: &Result<T, E>) -> Outcome {
        match result {
            Ok(_) => Outcome::Success,
            Err(_) => Outcome::Failed,
        }
    }
}

/// HTTP responses by their status, see [`of_response`]; any error is a failure.
///
/// A client that can tell that a request never left (hyper-util's `Error::is_connect`) says so in a
/// closure of its own: `|result| match result { Err(e) if e.is_connect() => Outcome::NeverSent, .. }`.
#[derive(Clone, Copy, Debug, Default)]
pub struct ByStatus;

impl<B, E> Classify<Response<B>, E> for ByStatus {
    fn classify(&self, result: &Result<Response<B>, E>) -> Outcome {
        match result {
            Ok(response) => of_response(response.status(), response.headers()),
            Err(_) => Outcome::Failed,
        }
    }
}

/// What a response says: 429 and 503 with `Retry-After` are [`Busy`](Outcome::Busy); 502, 504 and any
/// other 503 [`Failed`](Outcome::Failed); other 5xx [`Broken`](Outcome::Broken), but 501 and 505, which
/// are refusals as all 4xx are, and these are answers.
pub fn of_response(status: StatusCode, headers: &HeaderMap) -> Outcome {
    match status {
        StatusCode::TOO_MANY_REQUESTS => Outcome::Busy { retry_after: retry_after(headers) },
        StatusCode::SERVICE_UNAVAILABLE => match retry_after(headers) {
            None => Outcome::Failed,
            after => Outcome::Busy { retry_after: after },
        },
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => Outcome::Failed,
        StatusCode::NOT_IMPLEMENTED | StatusCode::HTTP_VERSION_NOT_SUPPORTED => Outcome::Success,
        status if status.is_server_error() => Outcome::Broken,
        _ => Outcome::Success,
    }
}

/// The seconds of a `Retry-After`. Its other form, a date, is left out: it would be read against a
/// clock that need not agree with the server's.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    // More seconds than a number holds is as good as for ever.
    digits.then(|| Duration::from_secs(text.parse().unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_repeated_is_told_by_method_or_key() {
        let mut headers = HeaderMap::new();
        for (method, safety) in [
            (Method::GET, Safety::Idempotent),
            (Method::PUT, Safety::Idempotent),
            (Method::DELETE, Safety::Idempotent),
            (Method::POST, Safety::Once),
            (Method::PATCH, Safety::Once),
            (Method::CONNECT, Safety::Once),
        ] {
            assert_eq!(Safety::of(&method, &headers), safety, "{method}");
        }
        headers.insert(IDEMPOTENCY_KEY, "k".parse().unwrap());
        assert_eq!(Safety::of(&Method::POST, &headers), Safety::Idempotent);
    }

    #[test]
    fn a_response_is_judged_by_status_and_retry_after() {
        let mut headers = HeaderMap::new();
        let judge = |status: u16, headers: &HeaderMap| {
            of_response(StatusCode::from_u16(status).unwrap(), headers)
        };
        for (status, outcome) in [
            (200, Outcome::Success),
            (404, Outcome::Success),
            (429, Outcome::Busy { retry_after: None }),
            (500, Outcome::Broken),
            (501, Outcome::Success),
            (502, Outcome::Failed),
            (503, Outcome::Failed),
            (504, Outcome::Failed),
        ] {
            assert_eq!(judge(status, &headers), outcome, "{status}");
        }
        headers.insert(header::RETRY_AFTER, "7".parse().unwrap());
        let seven = Outcome::Busy { retry_after: Some(Duration::from_secs(7)) };
        assert_eq!((judge(503, &headers), judge(429, &headers)), (seven, seven));
        assert_eq!(judge(500, &headers), Outcome::Broken);
        for unread in ["", "soon", "-1", "1.5", "Wed, 21 Oct 2026 07:28:00 GMT"] {
            headers.insert(header::RETRY_AFTER, unread.parse().unwrap());
            assert_eq!(retry_after(&headers), None, "{unread}");
        }
        headers.insert(header::RETRY_AFTER, "99999999999999999999999".parse().unwrap());
        assert_eq!(retry_after(&headers), Some(Duration::from_secs(u64::MAX)));
    }
}
