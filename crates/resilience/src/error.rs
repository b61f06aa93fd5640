//! Why a call was refused or given up: one enum for every part of the crate.

use std::sync::Arc;
use std::time::Duration;

use http::StatusCode;

/// An error of any kind, as tower's own middleware returns it. Every layer here does, so that layers
/// of this crate and of others stack; [`Error::of`] finds ours in it.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why a call was not made, or not waited for any longer.
///
/// What the called service itself says is not in here: it is passed on as it is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The dependency has failed often enough that it is not called for a while.
    #[error("the circuit to {dependency} is open")]
    CircuitOpen {
        /// Which dependency.
        dependency: Arc<str>,
        /// When it may be called again.
        retry_after: Duration,
    },
    /// As many calls are under way as the dependency is given, and as many wait as may.
    #[error("{dependency} has no room for another call")]
    BulkheadFull {
        /// Which dependency.
        dependency: Arc<str>,
    },
    /// The deadline passed before the call was made: nothing was sent.
    #[error("no time is left for the call")]
    DeadlinePassed,
    /// The call was made, and there was no answer in time. It may have been carried out.
    #[error("there was no answer within {} ms", .after.as_millis())]
    TimedOut {
        /// How long it was waited for.
        after: Duration,
    },
    /// The service has more to do than it can answer in time, and takes nothing more.
    #[error("the service is overloaded")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The caller has asked too often.
    #[error("the rate limit of {limit} is reached")]
    RateLimited {
        /// The most that may be taken at once.
        limit: u64,
        /// What could still be taken, which was less than what was asked for.
        remaining: u64,
        /// When what was asked for can be had; none when it is more than the limit ever gives.
        retry_after: Option<Duration>,
    },
    /// The caller has used up what it may use in this window.
    #[error("the quota of {limit} is used up: {remaining} is left")]
    QuotaSpent {
        /// The most that may be used in a window.
        limit: u64,
        /// What is left of it, which was less than what was asked for.
        remaining: u64,
        /// When the next window begins; none when it is more than any window gives.
        retry_after: Option<Duration>,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CircuitOpen { .. } => "resilience-circuit-open",
            Self::BulkheadFull { .. } => "resilience-bulkhead-full",
            Self::DeadlinePassed => "resilience-deadline-passed",
            Self::TimedOut { .. } => "resilience-timed-out",
            Self::Overloaded { .. } => "resilience-overloaded",
            Self::RateLimited { .. } => "resilience-rate-limited",
            Self::QuotaSpent { .. } => "resilience-quota-spent",
        }
    }

    /// What the caller can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::CircuitOpen { .. } => {
                Some("wait as long as it says: the circuit closes by itself once calls succeed")
            }
            Self::BulkheadFull { .. } | Self::Overloaded { .. } => {
                Some("come back later, with fewer calls at once")
            }
            Self::DeadlinePassed | Self::TimedOut { .. } => {
                Some("give the call more time, or ask for less")
            }
            Self::RateLimited { retry_after: None, .. }
            | Self::QuotaSpent { retry_after: None, .. } => {
                Some("ask for less at once: this is more than there ever is")
            }
            Self::RateLimited { .. } | Self::QuotaSpent { .. } => {
                Some("come back when it says, or ask for less")
            }
        }
    }

    /// When it makes sense to try again: none when nobody knows, or when it never will.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::CircuitOpen { retry_after, .. } | Self::Overloaded { retry_after } => {
                Some(*retry_after)
            }
            Self::RateLimited { retry_after, .. } | Self::QuotaSpent { retry_after, .. } => {
                *retry_after
            }
            Self::BulkheadFull { .. } | Self::DeadlinePassed | Self::TimedOut { .. } => None,
        }
    }

    /// Whether nothing of the call can have reached the service: all but a timeout.
    pub fn never_sent(&self) -> bool {
        !matches!(self, Self::TimedOut { .. })
    }

    /// The HTTP status that says it: 429 for limits and quotas, 504 when time ran out, else 503.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::RateLimited { .. } | Self::QuotaSpent { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::DeadlinePassed | Self::TimedOut { .. } => StatusCode::GATEWAY_TIMEOUT,
            Self::CircuitOpen { .. } | Self::BulkheadFull { .. } | Self::Overloaded { .. } => {
                StatusCode::SERVICE_UNAVAILABLE
            }
        }
    }

    /// The error of this crate in `error`, or in what caused it.
    pub fn of<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            next = error.source();
        }
        None
    }

    /// A response that says it: the status, `Retry-After` in whole seconds where there is one, and a
    /// problem document (RFC 9457) with code and hint.
    pub fn response<B: From<String>>(&self) -> http::Response<B> {
        let mut document = serde_json::json!({
            "title": self.status().canonical_reason(),
            "status": self.status().as_u16(),
            "code": self.code(),
            "detail": self.to_string(),
        });
        if let Some(hint) = self.hint() {
            document["hint"] = hint.into();
        }
        let mut response = http::Response::new(B::from(document.to_string()));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        let media = http::HeaderValue::from_static("application/problem+json");
        headers.insert(http::header::CONTENT_TYPE, media);
        if let Some(after) = self.retry_after() {
            headers.insert(http::header::RETRY_AFTER, whole_seconds(after).into());
        }
        response
    }
}

/// `Retry-After` counts whole seconds: upwards, and never none, which would mean at once.
pub fn whole_seconds(time: Duration) -> u64 {
    (time.as_secs() + u64::from(time.subsec_nanos() > 0)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_found_below_other_errors() {
        #[derive(Debug, thiserror::Error)]
        #[error("outer")]
        struct Outer(#[source] Error);
        let outer: BoxError = Box::new(Outer(Error::DeadlinePassed));
        assert_eq!(Error::of(&*outer), Some(&Error::DeadlinePassed));
        let other: BoxError = "something else".into();
        assert_eq!(Error::of(&*other), None);
    }

    #[test]
    fn seconds_are_counted_upwards() {
        for (millis, seconds) in [(0, 1), (1, 1), (1_000, 1), (1_001, 2), (59_999, 60)] {
            assert_eq!(whole_seconds(Duration::from_millis(millis)), seconds);
        }
    }
}
