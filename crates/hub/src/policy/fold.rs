//! Text without case: both sides of a match are folded the same way, and places can be found again.

use std::ops::Range;

/// Folds one character: lower, upper, lower again, so that `ß`, `ẞ` and `SS` meet, as do the three
/// sigmas. Close to Unicode's full case folding, and stable under repetition.
fn fold(letter: char) -> impl Iterator<Item = char> {
    letter.to_lowercase().flat_map(char::to_uppercase).flat_map(char::to_lowercase)
}

/// Folds a whole text.
pub(super) fn text(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.chars().flat_map(fold).collect() }
}

/// A folded text that knows where each of its bytes came from.
pub(super) struct Folded<'a> {
    original: &'a str,
    folded: String,
    /// For each folded byte the start of its character in the original; empty when folding moved
    /// nothing.
    origins: Vec<usize>,
}

impl<'a> Folded<'a> {
    pub(super) fn new(original: &'a str) -> Self {
        if original.is_ascii() {
            return Self { original, folded: original.to_ascii_lowercase(), origins: Vec::new() };
        }
        let mut folded = String::with_capacity(original.len());
        let mut origins = Vec::with_capacity(original.len());
        for (start, letter) in original.char_indices() {
            folded.extend(fold(letter));
            origins.resize(folded.len(), start);
        }
        Self { original, folded, origins }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.folded.as_bytes()
    }

    /// The original characters behind a range of folded bytes, with up to `margin` characters on
    /// either side.
    pub(super) fn excerpt(&self, range: Range<usize>, margin: usize) -> &'a str {
        let origin = |byte: usize| self.origins.get(byte).copied().unwrap_or(byte);
        let (start, last) = (origin(range.start), origin(range.end.saturating_sub(1)));
        let end = last + self.original[last..].chars().next().map_or(0, char::len_utf8);
        let start = self.original[..start]
            .char_indices()
            .rev()
            .take(margin)
            .last()
            .map_or(start, |(index, _)| index);
        let end = self.original[end..]
            .char_indices()
            .nth(margin)
            .map_or(self.original.len(), |(index, _)| end + index);
        &self.original[start..end]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_meet() {
        assert_eq!(text("STRASSE"), text("straße"));
        assert_eq!(text("STRAẞE"), text("strasse"));
        assert_eq!(text("ΟΔΥΣΣΕΥΣ"), text("οδυσσευς"));
        assert_eq!(text("\u{212A}"), "k");
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for letter in (0..=u32::from(char::MAX)).filter_map(char::from_u32) {
            let once = text(&letter.to_string());
            assert_eq!(text(&once), once, "{letter:?}");
            assert!(!once.is_empty(), "{letter:?}");
        }
    }

    #[test]
    fn excerpts_are_of_the_original() {
        let folded = Folded::new("Über die STRAẞE gehen");
        let at = folded.folded.find("strasse").unwrap();
        assert_eq!(folded.excerpt(at..at + 7, 0), "STRAẞE");
        assert_eq!(folded.excerpt(at..at + 7, 4), "die STRAẞE geh");
        assert_eq!(folded.excerpt(at..at + 7, 40), "Über die STRAẞE gehen");
        // A match that begins inside a folded character takes the whole of it.
        assert_eq!(folded.excerpt(at + 5..at + 7, 0), "ẞE");
        assert_eq!(Folded::new("plain Text").excerpt(6..10, 2), "n Text");
    }
}
