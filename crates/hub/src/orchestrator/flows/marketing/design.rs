//! What a campaign looks like: a picture for each channel, drawn from its text.

use seaworthy_workflow::Failure;

use super::super::{Act, shorten};
use super::Campaign;
use super::content::Piece;
use crate::orchestrator::workflows::rows::Artifact;

/// Ink and paper, taken in turn by channel.
const COLORS: [(&str, &str); 4] = [
    ("#0b3c5d", "#f4f7f9"),
    ("#1d5b45", "#f3f8f5"),
    ("#6b2d3e", "#faf4f5"),
    ("#4a3b78", "#f6f4fa"),
];

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
            Artifact {
                name: format!("design/{}.svg", piece.channel),
                media: "image/svg+xml".to_owned(),
                text: picture(piece, at, template.map(String::as_str)),
            }
        })
        .collect();
    let names = drawn.iter().map(|artifact| artifact.name.clone()).collect();
    act.keep(drawn).await?;
    Ok(names)
}

fn picture(piece: &Piece, at: usize, template: Option<&str>) -> String {
    let (width, height) = match piece.channel.as_str() {
        "social" => (1_080, 1_080),
        "email" => (600, 200),
        _ => (1_200, 630),
    };
    let (ink, paper) = COLORS[at % COLORS.len()];
    let (large, small) = (height / 8, height / 18);
    let title = escaped(&shorten(&piece.title, 40));
    let line = escaped(&shorten(piece.body.lines().next().unwrap_or_default(), 80));
    let described = template.map_or_else(String::new, |template| {
        format!("<desc>Template: {}</desc>", escaped(template))
    });
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         viewBox=\"0 0 {width} {height}\"><title>{title}</title>{described}\
         <rect width=\"100%\" height=\"100%\" fill=\"{paper}\"/>\
         <rect width=\"{}\" height=\"100%\" fill=\"{ink}\"/>\
         <g fill=\"{ink}\" font-family=\"sans-serif\">\
         <text x=\"8%\" y=\"45%\" font-size=\"{large}\" font-weight=\"bold\">{title}</text>\
         <text x=\"8%\" y=\"70%\" font-size=\"{small}\">{line}</text></g></svg>\n",
        width / 40
    )
}

/// Text as XML holds it; what XML cannot hold is left out.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{0}'..='\u{8}'
            | '\u{b}'
            | '\u{c}'
            | '\u{e}'..='\u{1f}'
            | '\u{fffe}'
            | '\u{ffff}' => {}
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_breaks_out_of_its_picture() {
        let piece = Piece {
            content_id: "email-1".into(),
            channel: "email".into(),
            title: "</title><script>alert(1)</script>".into(),
            body: "a \"quote\" & more\u{1}".into(),
            written_by: "a person".into(),
            grounded: false,
            sources: Vec::new(),
        };
        let drawn = picture(&piece, 5, Some("<b>"));
        assert!(!drawn.contains("<script>") && !drawn.contains("<b>"), "{drawn}");
        assert!(drawn.contains("a &quot;quote&quot; &amp; more<"), "{drawn}");
    }
}
