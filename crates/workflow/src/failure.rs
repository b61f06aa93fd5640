//! Why a step or a whole workflow did not do what it was to do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// Why a step failed, or a workflow ended without a result. It is journaled, so it holds no secrets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// A short stable name, for programs.
    pub code: String,
    /// What went wrong, for people.
    pub message: String,
    /// Whether trying again cannot help.
    #[serde(default, skip_serializing_if = "is_false")]
    pub lasting: bool,
    /// What it came from.
    #[serde(default, skip_serializing_if = "Cause::is_fault")]
    cause: Cause,
    /// When to try again, where that is no attempt that counts.
    #[serde(skip)]
    pub(crate) after: Option<Duration>,
}

/// What a failure came from; it decides the state that the workflow ends in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Something went wrong.
    #[default]
    Fault,
    /// Somebody asked the workflow to stop.
    Canceled,
    /// The workflow's own time is over.
    TimedOut,
}

impl Failure {
    /// Something went wrong that may go right the next time.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        let (code, message) = (code.into(), message.into());
        Self { code, message, lasting: false, cause: Cause::Fault, after: None }
    }

    /// Something went wrong that will go wrong again: it is not tried again.
    pub fn lasting(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { lasting: true, ..Self::new(code, message) }
    }

    /// It cannot be done now, and nothing was begun: it is tried again after this time, as often as it
    /// takes until the workflow's own time is over. None of that counts as an attempt.
    pub fn later(code: impl Into<String>, message: impl Into<String>, after: Duration) -> Self {
        Self { after: Some(after), ..Self::new(code, message) }
    }

    /// What it came from.
    pub fn cause(&self) -> Cause {
        self.cause
    }

    pub(crate) fn canceled(reason: &str) -> Self {
        Self { lasting: true, cause: Cause::Canceled, ..Self::new("canceled", reason) }
    }

    pub(crate) fn timed_out() -> Self {
        let message = "the workflow's time is over";
        Self { lasting: true, cause: Cause::TimedOut, ..Self::new("timed_out", message) }
    }
}

impl Cause {
    fn is_fault(&self) -> bool {
        *self == Self::Fault
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
fn is_false(value: &bool) -> bool {
    !*value
}
