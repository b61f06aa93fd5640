//! What a campaign says: a text for each channel, from the brief and what was found.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::super::{Act, document, markdown};
use super::{Campaign, Findings};
use crate::orchestrator::workflows::rows::Artifact;
use seaworthy_workflow::Failure;

/// A text for a channel.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    pub(super) content_id: String,
    pub(super) channel: String,
    pub(super) title: String,
    pub(super) body: String,
    /// Who wrote it: a model, the built-in responder, or a person.
    pub(super) written_by: String,
    /// Whether it rests on something that was found.
    pub(super) grounded: bool,
    /// The memories it rests on.
    pub(super) sources: Vec<String>,
}

impl Piece {
    /// A person wrote it anew.
    pub(super) fn rewrite(&mut self, body: String) {
        self.body = body;
        "a person".clone_into(&mut self.written_by);
        // What it rests on is theirs to know.
        (self.grounded, self.sources) = (false, Vec::new());
    }

    pub(super) fn words(&self) -> usize {
        self.body.split_whitespace().count()
    }

    fn artifact(&self) -> Artifact {
        let text = format!("# {}\n\n{}\n", self.title, self.body);
        markdown(format!("content/{}.md", self.channel), text)
    }
}

/// Writes the text for one channel.
pub(super) async fn write(
    act: Act,
    (campaign, channel, found): (Campaign, String, Findings),
) -> Result<Piece, Failure> {
    let notes = found.notes();
    let prompt = prompt(&campaign, &channel);
    let reply = act.ask(&prompt, &notes).await?;
    let piece = Piece {
        content_id: format!("{channel}-1"),
        title: campaign.campaign_name.clone(),
        body: body(&campaign, &channel, &reply.completion, reply.grounded),
        written_by: reply.model,
        grounded: reply.grounded,
        sources: reply.sources.into_iter().map(|source| source.key).collect(),
        channel,
    };
    act.keep(vec![piece.artifact()]).await?;
    Ok(piece)
}

/// Keeps texts that were written anew.
pub(super) async fn keep(act: Act, pieces: Vec<Piece>) -> Result<(), Failure> {
    act.keep(pieces.iter().map(Piece::artifact).collect()).await
}

/// Has each text judged by the tenant's policy, and keeps what was found.
pub(super) async fn review(act: Act, pieces: Vec<Piece>) -> Result<(), Failure> {
    let mut checks = Vec::new();
    for piece in &pieces {
        let answer = act.judge(&format!("{}\n{}", piece.title, piece.body)).await?;
        checks.push(json!({
            "content_id": piece.content_id,
            "words": piece.words(),
            "grounded": piece.grounded,
            "written_by": piece.written_by,
            "policy": answer,
        }));
        if !answer.allowed {
            act.keep(vec![document("review.json", &json!({"checks": checks}))]).await?;
            let message = format!("the tenant's policy denies the text `{}`", piece.content_id);
            return Err(Failure::lasting("content_denied", message));
        }
    }
    act.keep(vec![document("review.json", &json!({"checks": checks}))]).await
}

fn prompt(campaign: &Campaign, channel: &str) -> String {
    format!("Write the {channel} text of a marketing campaign.\n{}", campaign.brief())
}

/// The text: what is known for certain, then what was answered, if that rests on anything.
fn body(campaign: &Campaign, channel: &str, answer: &str, grounded: bool) -> String {
    let mut parts = Vec::new();
    let audience = campaign.target_audience.trim();
    if !audience.is_empty() {
        parts.push(format!("For {audience}."));
    }
    if !campaign.campaign_goals.is_empty() {
        parts.push(format!("Our aims: {}.", campaign.campaign_goals.join("; ")));
    }
    if grounded {
        parts.push(answer.to_owned());
    }
    if parts.is_empty() {
        parts.push(format!("{} ({channel})", campaign.campaign_name));
    }
    // A post is short.
    let between = if channel == "social" { " " } else { "\n\n" };
    parts.join(between)
}
