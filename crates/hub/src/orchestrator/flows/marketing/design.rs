//! What a campaign looks like: a picture for each channel, drawn from its text.

use seaworthy_workflow::Failure;

use super::super::Act;
use super::super::picture::Picture;
use super::Campaign;
use super::content::Piece;
use crate::orchestrator::workflows::rows::Artifact;

/// Draws a picture for each text and returns their names.
pub(super) async fn draw(
    act: Act,
    (campaign, pieces): (Campaign, Vec<Piece>),
) -> Result<Vec<String>, Failure> {
    let drawn: Vec<Artifact> = pieces
        .iter()
        .enumerate()
        .map(|(at, piece)| {
            let template =
                campaign.design_templates.get(at % campaign.design_templates.len().max(1));
            let picture = Picture {
                channel: &piece.channel,
                title: &piece.title,
                body: &piece.body,
                template: template.map(String::as_str),
            };
            picture.draw(format!("design/{}.svg", piece.channel), at)
        })
        .collect();
    let names = drawn.iter().map(|artifact| artifact.name.clone()).collect();
    act.keep(drawn).await?;
    Ok(names)
}
