//! What comes of a call: what it says of the peer, and what the client is told when there is no answer or a
//! refusal.

use std::fmt;
use std::sync::atomic::Ordering;

use http::{StatusCode, header};
use seaworthy_resilience::Error;
use seaworthy_resilience::error::whole_seconds;
use seaworthy_resilience::outcome::Outcome;

use super::{Client, Line};
use crate::problem::{self, Problem};

/// Why a try has no answer, and what that says of the peer.
pub(super) struct Failure {
    pub(super) outcome: Outcome,
    pub(super) why: Why,
}

pub(super) enum Why {
    Problem(Problem),
    Refused(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self { outcome: Outcome::Unjudged, why: Why::Refused(error) }
    }
}

impl Client {
    pub(super) fn unreachable(&self, error: &dyn fmt::Display, never_sent: bool) -> Failure {
        self.lose(error);
        let detail = format!("{} cannot be reached", self.0.role);
        Failure {
            outcome: if never_sent { Outcome::NeverSent } else { Outcome::Failed },
            why: Why::Problem(Problem::unavailable("peer_unreachable", detail)),
        }
    }

    /// What a client is told of a call that was not made, or not waited for any longer.
    pub(super) fn refused(&self, error: &Error) -> Problem {
        let role = self.0.role;
        let (code, detail) = match error {
            Error::CircuitOpen { .. } => {
                ("circuit_open", format!("{role} has failed and is left alone for a moment"))
            }
            Error::TimedOut { .. } => {
                self.lose(&"not in time");
                ("peer_timeout", format!("{role} did not answer in time"))
            }
            Error::DeadlinePassed => ("deadline_passed", format!("no time was left to ask {role}")),
            _ => ("peer_busy", format!("{role} has as many calls under way as it may have")),
        };
        let problem = Problem::unavailable(code, detail);
        match error.retry_after() {
            Some(after) => {
                problem.retry_after(u32::try_from(whole_seconds(after)).unwrap_or(u32::MAX))
            }
            None => problem,
        }
    }

    fn lose(&self, reason: &dyn fmt::Display) {
        let Line { role, place, lost, .. } = &*self.0;
        if lost.swap(true, Ordering::Relaxed) {
            tracing::debug!(%role, place, %reason, "peer does not answer");
        } else {
            tracing::warn!(%role, place, %reason, "peer does not answer");
        }
    }

    /// The peer's problem as it sent it, but for the path, which is ours.
    pub(super) fn passed_on(&self, parts: &http::response::Parts, bytes: &[u8]) -> Problem {
        let typed = parts
            .headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().starts_with(problem::MEDIA_TYPE.as_bytes()));
        let problem: Option<Problem> = typed.then(|| serde_json::from_slice(bytes).ok()).flatten();
        match problem {
            Some(problem) if problem.status() == parts.status && !parts.status.is_success() => {
                let problem = problem.adopted();
                let retry = parts
                    .headers
                    .get(header::RETRY_AFTER)
                    .and_then(|value| value.to_str().ok()?.parse().ok());
                match retry {
                    Some(seconds) => problem.retry_after(seconds),
                    None => problem,
                }
            }
            _ => self.unreadable(&format!("status {} without a problem document", parts.status)),
        }
    }

    pub(super) fn unreadable(&self, reason: &str) -> Problem {
        tracing::warn!(role = %self.0.role, place = self.0.place, reason, "peer's answer is unreadable");
        Problem::new(
            StatusCode::BAD_GATEWAY,
            "peer_unreadable",
            format!("the answer of {} cannot be read", self.0.role),
        )
    }
}

/// What a status says of the peer. One that tells what is wrong, and when to come back, is alive: with
/// 502 and 503 it speaks of those behind it, or of its store, and its other routes may do well.
pub(super) fn judge(status: StatusCode) -> Outcome {
    match status {
        StatusCode::INTERNAL_SERVER_ERROR => Outcome::Broken,
        _ => Outcome::Success,
    }
}

/// Whether the peer says that it was too slow itself: it was told when to give up, and did.
pub(super) fn ran_out_of_time(parts: &http::response::Parts, bytes: &[u8]) -> bool {
    parts.status == StatusCode::SERVICE_UNAVAILABLE
        && serde_json::from_slice::<Problem>(bytes)
            .is_ok_and(|problem| problem.code == "hub.timed_out")
}
