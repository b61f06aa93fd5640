//! What a workflow's journal holds: everything its code has seen, in the order it saw it.

use std::fmt;

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::failure::Failure;
use crate::state::State;

/// One entry of a journal.
#[derive(Clone, Debug, Serialize)]
pub struct Entry {
    /// Its place, from 0, without gaps.
    pub sequence: u64,
    /// When it was written.
    pub at: Timestamp,
    /// What happened.
    pub event: Event,
}

/// Something that happened to a workflow. Those with a `command` answer something its code asked for;
/// commands are counted from 0 in the order in which the code asks.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// The workflow was started.
    Started {
        /// What kind it is.
        kind: String,
    },
    /// A step was done.
    Step {
        /// Which command.
        command: u32,
        /// The step's name.
        name: String,
        /// What it returned.
        value: Box<RawValue>,
    },
    /// An attempt at a step failed, and there will be another.
    Attempt {
        /// Which command.
        command: u32,
        /// The step's name.
        name: String,
        /// Which attempt it was, from 1; the one before where it does not count.
        attempt: u32,
        /// Why it failed.
        failure: Failure,
        /// When the next one begins.
        next_at: Timestamp,
    },
    /// A step failed for good.
    Failed {
        /// Which command.
        command: u32,
        /// The step's name.
        name: String,
        /// How many attempts were made.
        attempts: u32,
        /// Why the last one failed.
        failure: Failure,
    },
    /// A sleep is over.
    Slept {
        /// Which command.
        command: u32,
    },
    /// A signal arrived.
    Signal {
        /// Its name.
        name: String,
        /// What it said.
        payload: Box<RawValue>,
    },
    /// A signal that was waited for did not arrive in time.
    Silence {
        /// Which command.
        command: u32,
        /// The signal's name.
        name: String,
    },
    /// Somebody asked the workflow to stop.
    Cancel {
        /// Why.
        reason: String,
    },
    /// The workflow's time is over.
    Overdue,
    /// The workflow has ended.
    Closed {
        /// How.
        state: State,
        /// Why, unless it was completed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<Failure>,
    },
}

/// What kind of thing the code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Step,
    Sleep,
    Signal,
}

impl Event {
    /// Which command this answers, of which kind and name; none when it answers no command.
    pub(crate) fn answers(&self) -> Option<(u32, Kind, &str)> {
        match self {
            Self::Step { command, name, .. }
            | Self::Attempt { command, name, .. }
            | Self::Failed { command, name, .. } => Some((*command, Kind::Step, name)),
            Self::Slept { command } => Some((*command, Kind::Sleep, "")),
            Self::Silence { command, name } => Some((*command, Kind::Signal, name)),
            _ => None,
        }
    }
}

/// A command in words, for people who look for what differs.
pub(crate) fn describe(kind: Kind, name: &str) -> String {
    match kind {
        Kind::Sleep => "a sleep".to_owned(),
        _ => format!("{kind} `{name}`"),
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Step => "the step",
            Self::Sleep => "the sleep",
            Self::Signal => "the wait for the signal",
        })
    }
}
