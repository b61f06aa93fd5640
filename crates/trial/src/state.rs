//! How far a trial came, written down as it goes on: what `--resume` goes on from.

use seaworthy_base::Timestamp;
use seaworthy_report::outcome::{Ending, Note};
use serde::{Deserialize, Serialize};

use crate::check::Choice;
use crate::judge::RanPhase;
use crate::profile;

/// The file in a trial's folder.
pub(crate) const FILE: &str = "progress.json";

/// What the file says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct State {
    pub(crate) api_version: String,
    pub(crate) trial: String,
    /// The trial this one goes on with.
    pub(crate) resumed_from: Option<String>,
    /// The plan's file, as an absolute path; none for the default plan.
    pub(crate) plan_file: Option<String>,
    pub(crate) plan_sha256: String,
    pub(crate) profile: Option<profile::Name>,
    pub(crate) time_scale: f64,
    /// A number of 64 bits, as text.
    pub(crate) seed: String,
    /// When second 0 of the timeline began.
    pub(crate) started: Timestamp,
    /// The phases that ran or run, in order. The last one is still running, or was stopped, when it
    /// is not complete: then `to` is the second up to which the timeline is on disk.
    pub(crate) segments: Vec<RanPhase>,
    /// What is to be said about them in the report.
    pub(crate) notes: Vec<Note>,
    /// How the trial ended; none while it runs, or when it was killed.
    pub(crate) ending: Option<Ending>,
}

impl State {
    /// What was chosen beside the plan.
    pub(crate) fn choice(&self) -> Choice {
        Choice { profile: self.profile, time_scale: self.time_scale }
    }
}
