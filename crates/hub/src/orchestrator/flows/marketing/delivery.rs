//! Getting a campaign out, as far as that is possible here, and telling what came of it.

use std::fmt::Write as _;

use seaworthy_workflow::Failure;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Act, NOT_SENT, document, markdown};
use super::content::Piece;
use super::{Campaign, Findings, Outcome};

/// A delivery that was prepared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Prepared {
    channel: String,
    /// `prepared, not sent`.
    status: String,
    /// Why it was not sent.
    reason: String,
    /// The artifact that holds all that is needed to send it.
    artifact: String,
}

impl Prepared {
    pub(super) fn is_sent(&self) -> bool {
        self.status == "sent"
    }
}

/// Prepares a delivery for each channel. Nothing that sends is configured, so nothing is sent.
pub(super) async fn prepare(
    act: Act,
    (campaign, pieces): (Campaign, Vec<Piece>),
) -> Result<Vec<Prepared>, Failure> {
    let (mut prepared, mut artifacts) = (Vec::new(), Vec::new());
    for piece in &pieces {
        let name = format!("distribution/{}.json", piece.channel);
        let reason = format!("no {} is configured", outside(&piece.channel));
        artifacts.push(document(
            name.clone(),
            &json!({
                "channel": piece.channel,
                "status": NOT_SENT,
                "reason": reason,
                "prepared_at": act.now(),
                "audience": campaign.target_audience,
                "subject": piece.title,
                "body": piece.body,
                "design": format!("design/{}.svg", piece.channel),
                "schedule_time": campaign.schedule_time,
            }),
        ));
        let channel = piece.channel.clone();
        prepared.push(Prepared { channel, status: NOT_SENT.to_owned(), reason, artifact: name });
    }
    act.keep(artifacts).await?;
    Ok(prepared)
}

fn outside(channel: &str) -> String {
    match channel {
        "email" => "e-mail gateway".to_owned(),
        "social" => "social network".to_owned(),
        "blog" => "blog".to_owned(),
        "paid_ads" => "ad network".to_owned(),
        other => format!("system for `{other}`"),
    }
}

/// Writes the report, has it remembered, and returns under which key.
pub(super) async fn report(
    act: Act,
    (campaign, pieces, found, outcome): (Campaign, Vec<Piece>, Findings, Outcome),
) -> Result<String, Failure> {
    let text = words(&campaign, &pieces, &found, &outcome);
    let numbers = json!({
        "campaign_name": campaign.campaign_name,
        "budget": campaign.budget,
        "budget_per_channel": campaign.budget / pieces.len().max(1) as f64,
        "sources_found": found.count(),
        "pieces": pieces.iter().map(|piece| json!({
            "content_id": piece.content_id,
            "words": piece.words(),
            "grounded": piece.grounded,
            "written_by": piece.written_by,
        })).collect::<Vec<_>>(),
        "prepared": outcome.prepared_count,
        "sent": outcome.sent_count,
        // Nothing was sent, so there is nothing to measure: unknown is not zero.
        "reach": null,
        "elapsed_seconds": act.now().since(act.run().started_at()).as_secs_f64(),
    });
    let artifacts = vec![markdown("report.md", text.clone()), document("analytics.json", &numbers)];
    act.keep(artifacts).await?;
    act.remember(&text).await
}

fn words(campaign: &Campaign, pieces: &[Piece], found: &Findings, outcome: &Outcome) -> String {
    let mut text = format!("# {}\n\n{}\n", campaign.campaign_name, campaign.brief());
    // Writing to a text cannot fail.
    let _ = writeln!(text, "\nThe research found {} notes in memory.", found.count());
    for piece in pieces {
        let basis = match (piece.grounded, piece.written_by.as_str()) {
            (true, _) => "resting on them",
            (false, "a person") => "corrected",
            (false, _) => "from the brief alone",
        };
        let (id, count) = (&piece.content_id, piece.words());
        let _ = writeln!(text, "- {id}: {count} words by {}, {basis}", piece.written_by);
    }
    for delivery in &outcome.deliveries {
        let _ = writeln!(text, "- {}: {} ({})", delivery.channel, delivery.status, delivery.reason);
    }
    let _ = writeln!(
        text,
        "\nReach: unknown, as {} of {} deliveries were sent.",
        outcome.sent_count, outcome.prepared_count
    );
    text
}
