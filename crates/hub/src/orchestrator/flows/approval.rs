//! Approvals: somebody other than the author decides, by a signal.

use std::time::Duration;

use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Hand;
use crate::problem::Problem;

/// The signal by which something is approved of or rejected.
pub(crate) const APPROVE: &str = "approve_campaign";

/// How long an approval is waited for.
pub(super) const PATIENCE: Duration = Duration::from_secs(24 * 3_600);

/// What may be said about a decision, in bytes.
const LONGEST_NOTES: usize = 16 << 10;

/// What a signal says, and who sent it: the orchestrator adds that.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Sent<T> {
    pub(super) from: String,
    pub(super) payload: T,
}

/// What [`APPROVE`] says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Decision {
    /// What it is about, where several things are decided about.
    #[serde(default)]
    review: Option<String>,
    #[serde(default = "yes")]
    approved: bool,
    #[serde(default, alias = "comments", alias = "feedback")]
    notes: Option<String>,
}

/// What was decided, and by whom.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Approval {
    pub(super) approved: bool,
    pub(super) by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) notes: Option<String>,
}

const fn yes() -> bool {
    true
}

/// Waits until somebody who may has decided about this. None when nobody did in time.
pub(super) async fn wait(
    hand: &Hand,
    review: Option<&str>,
    reviewers: &[String],
) -> Result<Option<Approval>, Failure> {
    let run = &hand.run;
    let patience = run.now().plus(PATIENCE);
    loop {
        let left = patience.since(run.now());
        let decision = run.signal::<Sent<Decision>>(APPROVE, left).await?;
        let Some(Sent { from, payload }) = decision else { return Ok(None) };
        let Decision { approved, notes, review: about } = payload;
        let is_meant = about.is_none() || about.as_deref() == review;
        if is_meant && may_decide(run.subject(), reviewers, &from) {
            return Ok(Some(Approval { approved, by: from, notes }));
        }
    }
}

/// Whether `from` may decide about what `author` started: who asked for it cannot approve of it, and
/// with reviewers named nobody else can.
pub(crate) fn may_decide(author: &str, reviewers: &[String], from: &str) -> bool {
    from != author && (reviewers.is_empty() || reviewers.iter().any(|reviewer| reviewer == from))
}

/// Refuses a decision that would not be understood.
pub(super) fn check(payload: &Value) -> Result<(), Problem> {
    let notes = heard::<Decision>(payload)?.notes.unwrap_or_default();
    if notes.len() > LONGEST_NOTES {
        let detail = format!("notes have at most {LONGEST_NOTES} bytes");
        return Err(Problem::invalid("/payload/notes", detail));
    }
    Ok(())
}

/// Refuses what a workflow would fail on.
pub(super) fn heard<'de, T: Deserialize<'de>>(payload: &'de Value) -> Result<T, Problem> {
    let detail = |error| format!("the signal is not understood: {error}");
    T::deserialize(payload).map_err(|error| Problem::invalid("/payload", detail(error)))
}
