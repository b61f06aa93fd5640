//! Something that happened, as the timeline and the report tell it.

use serde::{Deserialize, Serialize};

use crate::time::Timestamp;

/// One line of a trial's `events.jsonl`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When it happened, on the wall clock.
    pub at: Timestamp,
    /// What kind of thing: `<noun>.<verb>`, as `phase.started` or `target.exited`.
    pub kind: String,
    /// What it happened to (a phase, a target), or empty.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subject: String,
    /// What happened, in a sentence a person reads.
    pub text: String,
}

impl Event {
    /// An event at `at`.
    pub fn new(
        at: Timestamp,
        kind: impl Into<String>,
        subject: impl Into<String>,
        text: impl Into<String>,
    ) -> Self {
        Self { at, kind: kind.into(), subject: subject.into(), text: text.into() }
    }
}
