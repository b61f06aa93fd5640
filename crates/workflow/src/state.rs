//! The states a workflow can be in, and how one is described to others.

use std::fmt;
use std::str::FromStr;

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::failure::{Cause, Failure};

/// Where a workflow stands. All but the first are for good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// It has not ended; it may well be waiting.
    Running,
    /// It ended with a result.
    Completed,
    /// It ended with a failure; what it had done was undone as far as it said how.
    Failed,
    /// It was asked to stop, undid what it had done, and ended.
    Canceled,
    /// It was ended from outside, on the spot; nothing was undone.
    Terminated,
    /// Its time was over; what it had done was undone as far as it said how.
    TimedOut,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 6] = [
        Self::Running,
        Self::Completed,
        Self::Failed,
        Self::Canceled,
        Self::Terminated,
        Self::TimedOut,
    ];

    /// The name in JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Terminated => "terminated",
            Self::TimedOut => "timed_out",
        }
    }

    /// Whether it is for good.
    pub fn is_closed(self) -> bool {
        self != Self::Running
    }

    pub(crate) fn after(failure: &Failure) -> Self {
        match failure.cause() {
            Cause::Fault => Self::Failed,
            Cause::Canceled => Self::Canceled,
            Cause::TimedOut => Self::TimedOut,
        }
    }
}

impl fmt::Display for State {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// A word that is no state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a state of a workflow")]
pub struct UnknownState(String);

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(text: &str) -> Result<Self, UnknownState> {
        let found = Self::ALL.into_iter().find(|state| state.as_str() == text);
        found.ok_or_else(|| UnknownState(text.to_owned()))
    }
}

/// A workflow as others see it.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// Its id, unique in the tenant.
    pub workflow_id: String,
    /// The run's own id, unique everywhere.
    pub run_id: String,
    /// What kind it is.
    pub kind: String,
    /// Who started it.
    pub subject: String,
    /// Where it stands.
    pub status: State,
    /// How far it says it has come, 0 to 100.
    pub progress: u32,
    /// What it says it is at.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// When it was started.
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed_at: Option<Timestamp>,
    /// When its time is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<Timestamp>,
    /// How many entries its journal has.
    pub history_length: u64,
    /// What it returned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<Box<RawValue>>,
    /// Why it did not complete.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// Why it cannot go on: its code does not fit its journal. It goes on when a version starts whose
    /// code does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked: Option<String>,
    /// What was undone, in that order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<Undone>,
    /// What it answers to queries.
    #[serde(skip)]
    pub views: Map<String, Value>,
}

/// One thing that was undone, or was to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// What.
    pub name: String,
    /// Why it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
}
