//! Where something stands in a file, and the line it stands on, shown to a person.

use std::fmt;
use std::sync::Arc;

/// Where in a file something stands. Lines and columns count from 1; a line of 0 is the whole file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The file, as `file:///path/script.ts`, `https://host/path` or what a source map calls it.
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl Place {
    /// The file as a whole.
    pub fn file(file: impl Into<Arc<str>>) -> Self {
        Self { file: file.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => formatter.write_str(&self.file),
            (line, 0) => write!(formatter, "{}:{line}", self.file),
            (line, column) => write!(formatter, "{}:{line}:{column}", self.file),
        }
    }
}

/// The lines of a text as JavaScript counts them, to turn byte offsets into places.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut starts = vec![0];
        let mut letters = text.char_indices().peekable();
        while let Some((at, letter)) = letters.next() {
            let ends = match letter {
                '\r' => !matches!(letters.peek(), Some((_, '\n'))),
                '\n' | '\u{2028}' | '\u{2029}' => true,
                _ => false,
            };
            if ends {
                starts.push(at + letter.len_utf8());
            }
        }
        Self { text, starts }
    }

    /// The place of a byte offset; one behind the end, or within a character, is moved back.
    pub(super) fn place(&self, file: &Arc<str>, offset: usize) -> Place {
        let mut offset = offset.min(self.text.len());
        while !self.text.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let column = self.text[self.starts[line - 1]..offset].chars().count();
        Place { file: file.clone(), line: small(line), column: small(column + 1) }
    }

    /// A line's text without its terminator.
    pub(super) fn get(&self, line: u32) -> Option<&'a str> {
        let index = (line as usize).checked_sub(1)?;
        let start = *self.starts.get(index)?;
        let end = self.starts.get(index + 1).copied().unwrap_or(self.text.len());
        Some(self.text[start..end].trim_end_matches(['\r', '\n', '\u{2028}', '\u{2029}']))
    }

    /// A line's text without its terminator; empty when there is none.
    pub(super) fn line(&self, line: u32) -> &'a str {
        self.get(line).unwrap_or_default()
    }
}

/// A count as the 32 bits a place has.
pub(super) fn small(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// The line a place points at and a caret below it, at most 120 characters wide; empty when the
/// place has no line.
pub(super) fn quote(place: &Place, line: &str) -> String {
    const WIDTH: usize = 120;
    if place.line == 0 {
        return String::new();
    }
    let column = place.column.max(1) as usize - 1;
    let from = column.saturating_sub(WIDTH / 2);
    let more = if line.chars().nth(from + WIDTH).is_some() { "…" } else { "" };
    let shown: String = line.chars().skip(from).take(WIDTH).map(plain).collect();
    let gutter = " ".repeat(place.line.to_string().len());
    let (cut, indent) = match from {
        0 => ("", " ".repeat(column)),
        _ => ("…", " ".repeat(column - from + 1)),
    };
    format!("{gutter} |\n{} | {cut}{shown}{more}\n{gutter} | {indent}^", place.line)
}

/// A letter as it may reach a terminal: no control, no change of direction.
pub(super) fn plain(letter: char) -> char {
    match letter {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_terminator_of_javascript_ends_a_line() {
        let text = "a\nbé\r\nc\rd\u{2028}e";
        let lines = Lines::new(text);
        let file: Arc<str> = "x.js".into();
        let at = |needle| lines.place(&file, text.find(needle).expect("it is there"));
        assert_eq!((at("b").line, at("b").column), (2, 1));
        assert_eq!((at("c").line, at("d").line, at("e").line), (3, 4, 5));
        assert_eq!(lines.line(2), "bé");
        assert_eq!(lines.line(9), "");
        let past = lines.place(&file, 900);
        assert_eq!((past.line, past.column), (5, 2));
        // Within the two bytes of `é`.
        assert_eq!(lines.place(&file, 4).column, 2);
    }

    #[test]
    fn a_quote_has_its_caret_under_the_letter() {
        let place = Place { file: "x.js".into(), line: 12, column: 3 };
        assert_eq!(quote(&place, "a b c"), "   |\n12 | a b c\n   |   ^");
        let far = Place { file: "x.js".into(), line: 1, column: 500 };
        let text = quote(&far, &format!("{}X{}", "a".repeat(499), "b".repeat(499)));
        let rows: Vec<&str> = text.lines().collect();
        let caret = rows[2].chars().position(|letter| letter == '^').expect("a caret");
        assert_eq!(rows[1].chars().nth(caret), Some('X'));
    }
}
