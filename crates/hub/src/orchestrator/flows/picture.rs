//! Pictures, drawn from texts.

use super::shorten;
use crate::orchestrator::workflows::rows::Artifact;

/// Ink and paper, taken in turn by channel.
const COLORS: [(&str, &str); 4] = [
    ("#0b3c5d", "#f4f7f9"),
    ("#1d5b45", "#f3f8f5"),
    ("#6b2d3e", "#faf4f5"),
    ("#4a3b78", "#f6f4fa"),
];

/// What a picture shows.
pub(super) struct Picture<'a> {
    /// Where it appears; its size is by that.
    pub(super) channel: &'a str,
    /// What stands in it large.
    pub(super) title: &'a str,
    /// Of this the first line stands below.
    pub(super) body: &'a str,
    /// A template that whoever finishes it is to follow; told in its description.
    pub(super) template: Option<&'a str>,
}

impl Picture<'_> {
    /// The picture under this name; `at` chooses its colours.
    pub(super) fn draw(&self, name: String, at: usize) -> Artifact {
        Artifact { name, media: "image/svg+xml".to_owned(), text: picture(self, at) }
    }
}

fn picture(shown: &Picture<'_>, at: usize) -> String {
    let (width, height) = match shown.channel {
        channel if channel.starts_with("social") => (1_080, 1_080),
        "email" => (600, 200),
        _ => (1_200, 630),
    };
    let (ink, paper) = COLORS[at % COLORS.len()];
    let (large, small) = (height / 8, height / 18);
    let title = escaped(&shorten(shown.title, 40));
    let line = escaped(&shorten(shown.body.lines().next().unwrap_or_default(), 80));
    let described = shown.template.map_or_else(String::new, |template| {
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

/// Text as XML holds it. What XML cannot hold is replaced, not left out: what stood on both sides of it
/// does not become one word.
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
            | '\u{ffff}' => escaped.push('\u{fffd}'),
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
        let shown = Picture {
            channel: "email",
            title: "</title><script>alert(1)</script>",
            body: "a \"quote\" & more\u{1}",
            template: Some("<b>"),
        };
        let drawn = picture(&shown, 5);
        assert!(!drawn.contains("<script>") && !drawn.contains("<b>"), "{drawn}");
        assert!(drawn.contains("a &quot;quote&quot; &amp; more\u{fffd}<"), "{drawn}");
    }
}
