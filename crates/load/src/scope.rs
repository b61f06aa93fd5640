//! An iteration's values, and compiled templates that are filled in from them.

use std::borrow::Cow;
use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use seaworthy_base::chance::Chance;
use seaworthy_base::{Clock, id};
use serde_json::Value;

use crate::data::{Asker, Data, Field};
use crate::path::Path;

/// Where a value comes from at run time.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    Slot(usize, Path),
    /// A value of the row that the iteration has from a data file.
    Row(usize, Field),
    Vu,
    Iteration,
    Index,
    Uuid,
}

/// How a value is written into a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// As it is; values that are not strings as JSON.
    Plain,
    /// Percent-encoded but for letters, digits and `-._~`.
    Encoded,
    /// As a form's value: a space is `+`, all but letters, digits and `*-._` is percent-encoded.
    Form,
    /// As a link the server gave: only what may not stand in a URL is percent-encoded.
    Link,
    /// Inside a JSON string.
    JsonText,
    /// As a JSON value.
    JsonValue,
}

/// A text whose constants are already filled in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text(pub(crate) Vec<Piece>);

#[derive(Clone, Debug)]
pub(crate) enum Piece {
    Literal(Vec<u8>),
    Insert(Source, How),
}

/// A value that is drawn, expected or kept.
#[derive(Clone, Debug)]
pub(crate) enum Expression {
    Constant(Value),
    Source(Source),
    Text(Text),
    List(Vec<Expression>),
    Object(Vec<(String, Expression)>),
}

/// A list to pick from.
#[derive(Clone, Debug)]
pub(crate) enum Choices {
    Fixed(Vec<Expression>),
    Of(Source),
}

/// Why a template could not be filled in during an iteration.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unfilled(pub(crate) String);

/// A data file, by name, that has no row left.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct OutOfRows(pub(crate) String);

impl Text {
    /// Adds literal bytes, joining them to the ones before.
    pub(crate) fn push_literal(&mut self, bytes: &[u8]) {
        match self.0.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Literal(last)) => last.extend_from_slice(bytes),
            _ => self.0.push(Piece::Literal(bytes.to_vec())),
        }
    }

    /// The whole text, when nothing is left to fill in.
    pub(crate) fn literal(&self) -> Option<&[u8]> {
        match self.0.as_slice() {
            [] => Some(&[]),
            [Piece::Literal(bytes)] => Some(bytes),
            _ => None,
        }
    }

    pub(crate) fn render(&self, scope: &Scope) -> Result<Vec<u8>, Unfilled> {
        let mut out = Vec::with_capacity(256);
        for piece in &self.0 {
            match piece {
                Piece::Literal(bytes) => out.extend_from_slice(bytes),
                // A cell of a data file is written as it stands, without a copy of its own.
                Piece::Insert(Source::Row(data, field), how)
                    if *how != How::JsonValue && scope.cell(*data, field).is_some() =>
                {
                    write_text(&mut out, scope.cell(*data, field).unwrap_or_default(), *how);
                }
                Piece::Insert(source, how) => {
                    let value = scope.find(source)?;
                    write_value(&mut out, &value, *how);
                }
            }
        }
        Ok(out)
    }

    pub(crate) fn render_text(&self, scope: &Scope) -> Result<String, Unfilled> {
        String::from_utf8(self.render(scope)?).map_err(|error| Unfilled(error.to_string()))
    }
}

/// Writes a value into a text.
pub(crate) fn write_value(out: &mut Vec<u8>, value: &Value, how: How) {
    if how == How::JsonValue {
        return write_json(out, value);
    }
    let text: Cow<'_, str> = match value {
        Value::String(text) => Cow::Borrowed(text),
        other => Cow::Owned(other.to_string()),
    };
    write_text(out, &text, how);
}

/// Writes text into a text.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str, how: How) {
    match how {
        How::Plain | How::JsonValue => out.extend_from_slice(text.as_bytes()),
        How::Encoded => {
            percent(out, text, |byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
        }
        How::Form => {
            for (position, word) in text.split(' ').enumerate() {
                if position > 0 {
                    out.push(b'+');
                }
                percent(out, word, |byte| byte.is_ascii_alphanumeric() || b"*-._".contains(&byte));
            }
        }
        How::Link => {
            percent(out, text, |byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}#".contains(&byte))
        }
        How::JsonText => write_json_text(out, text),
    }
}

/// Writes literal text into a JSON string.
pub(crate) fn write_json_text(out: &mut Vec<u8>, text: &str) {
    for byte in text.bytes() {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..=0x1f => {
                // Writing to a vector cannot fail.
                let _ = write!(out, "\\u{byte:04x}");
            }
            _ => out.push(byte),
        }
    }
}

pub(crate) fn write_json(out: &mut Vec<u8>, value: &Value) {
    if let Value::String(text) = value {
        out.push(b'"');
        write_json_text(out, text);
        out.push(b'"');
    } else {
        // Writing a value to a vector cannot fail: its keys are strings.
        let _ = serde_json::to_writer(out, value);
    }
}

fn percent(out: &mut Vec<u8>, text: &str, keep: impl Fn(u8) -> bool) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if keep(byte) {
            out.push(byte);
        } else {
            let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
            out.extend_from_slice(&[b'%', HEX[high], HEX[low]]);
        }
    }
}

impl Expression {
    pub(crate) fn evaluate<'a>(&'a self, scope: &'a Scope) -> Result<Cow<'a, Value>, Unfilled> {
        Ok(match self {
            Self::Constant(value) => Cow::Borrowed(value),
            Self::Source(source) => scope.find(source)?,
            Self::Text(text) => Cow::Owned(Value::String(text.render_text(scope)?)),
            Self::List(items) => Cow::Owned(Value::Array(
                items
                    .iter()
                    .map(|item| item.evaluate(scope).map(Cow::into_owned))
                    .collect::<Result<_, _>>()?,
            )),
            Self::Object(fields) => Cow::Owned(Value::Object(
                fields
                    .iter()
                    .map(|(key, field)| Ok((key.clone(), field.evaluate(scope)?.into_owned())))
                    .collect::<Result<_, Unfilled>>()?,
            )),
        })
    }
}

impl Choices {
    /// The element that `pick` chooses, given how many there are.
    pub(crate) fn pick(
        &self,
        scope: &Scope,
        pick: impl FnOnce(usize) -> usize,
    ) -> Result<Value, Unfilled> {
        match self {
            Self::Fixed(items) => {
                let item = items.get(pick(items.len()));
                let item = item.ok_or_else(|| Unfilled("the list is empty".to_owned()))?;
                item.evaluate(scope).map(Cow::into_owned)
            }
            Self::Of(source) => match scope.find(source)?.as_ref() {
                Value::Array(items) if !items.is_empty() => Ok(items[pick(items.len())].clone()),
                other => Err(Unfilled(format!("a list is needed, not {}", shorten(other)))),
            },
        }
    }
}

/// A value's beginning, for messages; long, so that secrets are blotted out before it is cut again.
pub(crate) fn shorten(value: &Value) -> String {
    const MOST: usize = 4096;
    let text = value.to_string();
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// An iteration's values.
#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) vu: u64,
    pub(crate) iteration: u64,
    pub(crate) index: u64,
    slots: Vec<Option<Value>>,
    /// Slots that outlive the iteration.
    kept: Range<usize>,
    data: Arc<[Data]>,
    /// The row of each data file that the iteration has.
    rows: Vec<usize>,
    clock: Clock,
    seed: u64,
    chance: Option<Chance>,
}

impl Scope {
    /// A scope with room for `slots` values. The same `seed` and index give the same draws.
    pub(crate) fn new(
        slots: usize,
        kept: Range<usize>,
        data: Arc<[Data]>,
        clock: Clock,
        seed: u64,
    ) -> Self {
        let (slots, rows) = (vec![None; slots], vec![0; data.len()]);
        Self { vu: 1, iteration: 0, index: 0, slots, kept, data, rows, clock, seed, chance: None }
    }

    /// Starts an iteration: forgets every value but those that are kept, and all chance.
    pub(crate) fn begin(&mut self, vu: u64, iteration: u64, index: u64) {
        (self.vu, self.iteration, self.index) = (vu, iteration, index);
        let Range { start, end } = self.kept;
        self.slots[..start].fill(None);
        self.slots[end..].fill(None);
        self.chance = None;
    }

    /// Takes a row of each data file; the name of one that has no row left.
    pub(crate) fn take_rows(&mut self) -> Result<(), OutOfRows> {
        let data = Arc::clone(&self.data);
        let asker = Asker { vu: self.vu, index: self.index };
        for (position, data) in data.iter().enumerate() {
            let row = data.row(asker, || data.any(self.chance()));
            self.rows[position] = row.ok_or_else(|| OutOfRows(data.name.clone()))?;
        }
        Ok(())
    }

    fn cell(&self, data: usize, field: &Field) -> Option<&str> {
        self.data[data].table.text(self.rows[data], field)
    }

    pub(crate) fn set(&mut self, slot: usize, value: Value) {
        self.slots[slot] = Some(value);
    }

    /// A text without the values these slots hold: what one step extracts is often a token.
    pub(crate) fn without<'n>(
        &self,
        slots: impl Iterator<Item = (usize, &'n str)>,
        mut text: String,
    ) -> String {
        for (slot, name) in slots {
            if let Some(Value::String(value)) = self.get(slot)
                && value.len() >= 8
            {
                text = text.replace(value.as_str(), &format!("[{name}]"));
            }
        }
        text
    }

    pub(crate) fn get(&self, slot: usize) -> Option<&Value> {
        self.slots[slot].as_ref()
    }

    /// This iteration's chance. It depends on the seed and the index only, not on which virtual
    /// user runs the iteration, so that a trial's draws can be repeated.
    pub(crate) fn chance(&mut self) -> &mut Chance {
        let seed = self.seed ^ self.index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.chance.get_or_insert_with(|| Chance::seeded(seed))
    }

    fn find(&self, source: &Source) -> Result<Cow<'_, Value>, Unfilled> {
        Ok(match source {
            Source::Slot(slot, path) => {
                let value = self.slots[*slot].as_ref();
                let value = value.ok_or_else(|| Unfilled("a value is not set yet".to_owned()))?;
                Cow::Borrowed(path.get(value).ok_or_else(|| {
                    Unfilled(format!("there is nothing at `{path}` in {}", shorten(value)))
                })?)
            }
            Source::Row(data, field) => {
                let found = self.data[*data].table.get(self.rows[*data], field);
                found.ok_or_else(|| Unfilled("the row has no such value".to_owned()))?
            }
            Source::Vu => Cow::Owned(self.vu.into()),
            Source::Iteration => Cow::Owned(self.iteration.into()),
            Source::Index => Cow::Owned(self.index.into()),
            Source::Uuid => Cow::Owned(id::uuid(self.clock.wall()).to_string().into()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(value: &str, how: How) -> String {
        let mut out = Vec::new();
        write_value(&mut out, &Value::String(value.to_owned()), how);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn values_are_written_for_their_place() {
        assert_eq!(written("a/b c?d=é", How::Encoded), "a%2Fb%20c%3Fd%3D%C3%A9");
        assert_eq!(written("/a/b c?d=%20#x", How::Link), "/a/b%20c?d=%20%23x");
        assert_eq!(written("say \"hi\"\n\u{1}", How::JsonText), "say \\\"hi\\\"\\n\\u0001");
    }

    #[test]
    fn draws_depend_on_seed_and_index_only() {
        let draw = |seed, vu, index| {
            let mut scope = Scope::new(0, 0..0, [].into(), Clock::system(), seed);
            scope.begin(vu, 3, index);
            scope.chance().bits()
        };
        assert_eq!(draw(1, 1, 7), draw(1, 9, 7));
        assert_ne!(draw(1, 1, 7), draw(1, 1, 8));
        assert_ne!(draw(1, 1, 7), draw(2, 1, 7));
    }

    proptest! {
        #[test]
        fn json_is_read_back(text in "\\PC*[\\x00-\\x1f\"\\\\]?") {
            let mut out = Vec::new();
            write_json(&mut out, &Value::String(text.clone()));
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }

        #[test]
        fn encoded_text_is_fit_for_a_url(text in "\\PC{0,16}") {
            for how in [How::Encoded, How::Link] {
                let target = format!("/{}", written(&text, how));
                prop_assert!(target.parse::<http::uri::PathAndQuery>().is_ok(), "{}", target);
            }
        }
    }
}
