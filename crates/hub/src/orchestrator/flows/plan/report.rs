//! What is told of a plan that was carried out.

use std::fmt::Write as _;

use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};

use super::super::{Act, markdown};
use super::{Done, Outcome};

/// Something that the plan calls success.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Criterion {
    /// Its name.
    name: String,
    /// Whether it has come; null where nothing here can tell.
    met: Option<bool>,
}

/// Says of each criterion whether it has come, where that is known: that all modules were completed, so
/// that nothing was left unsent, and that approval was received. Everything else is for whoever can measure it.
pub(super) fn judge(names: &[String], outcome: &Outcome) -> Vec<Criterion> {
    let known = |name: &str| match name {
        "all_modules_completed" => {
            Some(outcome.status == "completed" && outcome.prepared_count == 0)
        }
        "approval_received" => Some(outcome.review.as_ref().is_some_and(|review| review.approved)),
        _ => None,
    };
    names.iter().map(|name| Criterion { name: name.clone(), met: known(name) }).collect()
}

/// Keeps the report.
pub(super) async fn keep(act: Act, outcome: Outcome) -> Result<(), Failure> {
    act.keep(vec![markdown("report.md", words(&outcome))]).await
}

fn words(outcome: &Outcome) -> String {
    let mut text = format!("# {}\n", outcome.campaign_name);
    // Writing to a text cannot fail.
    for Done { title, agent, tasks, .. } in &outcome.modules {
        let _ = writeln!(text, "\n## {title}\n\nBy {agent}.\n");
        for told in tasks {
            let reason = told.reason.as_ref().map(|why| format!(" ({why})")).unwrap_or_default();
            let made = told.artifacts.join(", ");
            let basis = match told.grounded {
                Some(false) => ", from the order alone",
                _ => "",
            };
            let _ = writeln!(text, "- {}: {}{basis}{reason}: {made}", told.action, told.status);
        }
    }
    for skipped in &outcome.skipped_modules {
        let _ =
            writeln!(text, "\nNot done: {}, as `{}` does not hold.", skipped.id, skipped.condition);
    }
    if let Some(review) = &outcome.review {
        let decided = if review.approved { "Approved" } else { "Rejected" };
        let notes = review.notes.as_ref().map(|notes| format!(": {notes}")).unwrap_or_default();
        let _ = writeln!(text, "\n{decided} by {}{notes}", review.by);
    }
    let (prepared, plan) = (outcome.prepared_count, &outcome.plan_id);
    let _ = writeln!(text, "\nPrepared and not sent: {prepared}. The plan is {plan}.");
    if !outcome.success_criteria.is_empty() {
        text.push_str("\n## Success\n\n");
    }
    for Criterion { name, met } in &outcome.success_criteria {
        let told = match met {
            Some(true) => "yes",
            Some(false) => "no",
            None => "not known: nothing here measures it",
        };
        let _ = writeln!(text, "- {}: {told}", name.replace('_', " "));
    }
    text
}
