//! Reads what a threshold is on: `http_req_duration{status:200,method:GET}`.

use crate::Error;
use crate::tags::TagSet;

/// A metric's name, and the tags its samples must have.
pub(super) fn read(text: &str) -> Result<(&str, TagSet), Error> {
    let text = text.trim();
    let refuse =
        |reason: &str| Err(Error::Selector { text: text.to_owned(), reason: reason.to_owned() });
    let Some((name, rest)) = text.split_once('{') else {
        if text.contains('}') {
            return refuse("a `}` closes what no `{` opened");
        }
        return Ok((text, TagSet::empty()));
    };
    let Some(inner) = rest.strip_suffix('}') else {
        return refuse(if rest.contains('}') {
            "something follows the closing `}`"
        } else {
            "the `{` is not closed"
        });
    };
    let mut pairs = Vec::new();
    for pair in inner.split(',') {
        let Some((name, value)) = pair.split_once(':') else {
            return refuse("between `{` and `}` stand tags as `name:value`, with commas between");
        };
        let bare = |text: &'_ str| -> String { text.trim().trim_matches(['"', '\'']).to_owned() };
        let (name, value) = (bare(name), bare(value));
        if name.is_empty() || value.is_empty() {
            return refuse("a tag has a name and a value");
        }
        pairs.push((name, value));
    }
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    Ok((name.trim(), TagSet::of(&pairs)))
}

/// The name as summaries write it: without the spaces at the ends of the name and of the selector.
pub(super) fn canonical(text: &str) -> String {
    match text.trim().split_once('{') {
        Some((name, _)) => format!("{}{{{}}}", name.trim(), suffix(text)),
        None => text.trim().to_owned(),
    }
}

/// What stands between the braces.
pub(super) fn suffix(text: &str) -> &str {
    let inner = text.trim().split_once('{').map_or("", |(_, inner)| inner);
    inner.strip_suffix('}').unwrap_or(inner).trim()
}
