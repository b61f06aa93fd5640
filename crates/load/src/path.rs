//! JSON paths: `$`, then keys and positions, as `$.sources[0].key` or `$["odd key"]`.

use std::fmt;

use serde_json::Value;

/// A path into a JSON value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Path(Vec<Segment>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Segment {
    Key(String),
    Position(usize),
}

/// Why a text is not a path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a JSON path: {reason}")]
pub struct InvalidPath {
    /// What was written.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl Path {
    /// Reads a path that begins with `$`.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn parse(text: &str) -> Result<Self, InvalidPath> {
        let invalid = |reason| InvalidPath { text: text.to_owned(), reason };
        let rest = text.strip_prefix('$').ok_or_else(|| invalid("it does not begin with `$`"))?;
        Self::segments(rest).map_err(invalid)
    }

    /// Reads what follows the `$`: any number of `.key`, `[0]` and `["key"]`.
    pub(crate) fn segments(mut rest: &str) -> Result<Self, &'static str> {
        let mut segments = Vec::new();
        while !rest.is_empty() {
            if let Some(tail) = rest.strip_prefix('.') {
                let end = tail.find(['.', '[']).unwrap_or(tail.len());
                let (key, tail) = tail.split_at(end);
                if key.is_empty() {
                    return Err("a key is missing after `.`");
                }
                if key.contains([']', '"', '\'', '*', ' ']) {
                    return Err("a key with such letters is written as `[\"key\"]`");
                }
                segments.push(Segment::Key(key.to_owned()));
                rest = tail;
            } else if let Some(tail) = rest.strip_prefix('[') {
                let quote = tail.chars().next().filter(|letter| matches!(letter, '"' | '\''));
                if let Some(quote) = quote {
                    let (key, tail) = tail[1..].split_once(quote).ok_or("a quote is not closed")?;
                    segments.push(Segment::Key(key.to_owned()));
                    rest = tail.strip_prefix(']').ok_or("a `]` is missing")?;
                } else {
                    let (digits, tail) = tail.split_once(']').ok_or("a `]` is missing")?;
                    let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
                    let position = digits.parse().ok().filter(|_| plain);
                    segments.push(Segment::Position(
                        position.ok_or("a position is a whole number from 0, as `[0]`")?,
                    ));
                    rest = tail;
                }
            } else {
                return Err("a `.` or `[` is missing");
            }
        }
        Ok(Self(segments))
    }

    /// Whether the path names the whole value.
    pub fn is_whole(&self) -> bool {
        self.0.is_empty()
    }

    /// The key it begins with.
    pub(crate) fn first_key(&self) -> Option<&str> {
        match self.0.first() {
            Some(Segment::Key(key)) => Some(key),
            _ => None,
        }
    }

    /// The key, when the path is one key and nothing else.
    pub(crate) fn only_key(&self) -> Option<&str> {
        self.first_key().filter(|_| self.0.len() == 1)
    }

    /// What the path leads to, if it is there.
    pub fn get<'a>(&self, value: &'a Value) -> Option<&'a Value> {
        self.0.iter().try_fold(value, |value, segment| match segment {
            Segment::Key(key) => value.get(key.as_str()),
            Segment::Position(position) => value.get(*position),
        })
    }
}

impl fmt::Display for Path {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("$")?;
        for segment in &self.0 {
            match segment {
                Segment::Position(position) => write!(formatter, "[{position}]")?,
                Segment::Key(key)
                    if key.is_empty()
                        || key.contains(|letter: char| ".[]\"'* ".contains(letter)) =>
                {
                    let quote = if key.contains('"') { '\'' } else { '"' };
                    write!(formatter, "[{quote}{key}{quote}]")?;
                }
                Segment::Key(key) => write!(formatter, ".{key}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    #[test]
    fn paths_lead_into_values() {
        let value = json!({"sources": [{"key": "a"}, {"odd key": [1, 2]}], "": 7});
        for (path, expected) in [
            ("$", Some(value.clone())),
            ("$.sources[0].key", Some(json!("a"))),
            ("$.sources[1][\"odd key\"][1]", Some(json!(2))),
            ("$['sources'][1]['odd key']", Some(json!([1, 2]))),
            ("$['']", Some(json!(7))),
            ("$.sources[2]", None),
            ("$.sources.key", None),
            ("$.sources[0].key.more", None),
        ] {
            assert_eq!(Path::parse(path).unwrap().get(&value).cloned(), expected, "{path}");
        }
    }

    #[test]
    fn mistakes_are_named() {
        for (text, reason) in [
            ("", "it does not begin with `$`"),
            ("sources", "it does not begin with `$`"),
            ("$sources", "a `.` or `[` is missing"),
            ("$.", "a key is missing after `.`"),
            ("$.a..b", "a key is missing after `.`"),
            ("$.*", "a key with such letters is written as `[\"key\"]`"),
            ("$[0", "a `]` is missing"),
            ("$[-1]", "a position is a whole number from 0, as `[0]`"),
            ("$[+1]", "a position is a whole number from 0, as `[0]`"),
            ("$[]", "a position is a whole number from 0, as `[0]`"),
            ("$[99999999999999999999999]", "a position is a whole number from 0, as `[0]`"),
            ("$[\"a]", "a quote is not closed"),
            ("$[\"a\"", "a `]` is missing"),
        ] {
            assert_eq!(Path::parse(text).unwrap_err().reason, reason, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\$?[.\\[\\]a-c0-9\"' \\PC]{0,20}") {
            if let Ok(path) = Path::parse(&text) {
                let _ = path.get(&json!({"a": [{"b": 1}]}));
                prop_assert_eq!(Path::parse(&path.to_string()).unwrap(), path);
            }
        }
    }
}
