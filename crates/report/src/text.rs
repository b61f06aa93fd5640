//! Foreign text made fit to show: cleaned, measured, wrapped and cut to a width.

use std::borrow::Cow;

/// The text without control, escape and direction-changing characters; line breaks and tabs stay.
pub fn clean(text: &str) -> Cow<'_, str> {
    if text.contains(unprintable) {
        Cow::Owned(text.chars().filter(|letter| !unprintable(*letter)).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn unprintable(letter: char) -> bool {
    (letter.is_control() && letter != '\n' && letter != '\t')
        || matches!(letter,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

/// The text on one line, each run of white space one blank.
pub fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The text as a sentence: a capital at its front, a full stop at its end.
pub(crate) fn sentence(text: &str) -> String {
    let mut letters = text.trim().chars();
    let front: String = letters.next().into_iter().flat_map(char::to_uppercase).collect();
    ended(&format!("{front}{}", letters.as_str()))
}

/// The text with a full stop at its end, unless it has an end of its own.
pub(crate) fn ended(text: &str) -> String {
    let text = text.trim_end();
    let dot = if text.is_empty() || text.ends_with(['.', '!', '?', ':']) { "" } else { "." };
    format!("{text}{dot}")
}

/// Columns a terminal needs for the text.
pub fn width(text: &str) -> usize {
    text.chars().map(letter_width).sum()
}

fn letter_width(letter: char) -> usize {
    match u32::from(letter) {
        0x300..=0x36f | 0x200b..=0x200d | 0xfe00..=0xfe0f => 0,
        0x1100..=0x115f
        | 0x2e80..=0xa4cf
        | 0xac00..=0xd7a3
        | 0xf900..=0xfaff
        | 0xfe30..=0xfe6f
        | 0xff00..=0xff60
        | 0xffe0..=0xffe6
        | 0x1f300..=0x1faff
        | 0x20000..=0x3fffd => 2,
        _ => 1,
    }
}

/// The text cut to `columns`, with an ellipsis where something was cut.
pub fn cut(text: &str, columns: usize) -> String {
    if width(text) <= columns {
        return text.to_owned();
    }
    let mut result = String::new();
    let mut used = 0;
    for letter in text.chars() {
        used += letter_width(letter);
        if used + 1 > columns {
            break;
        }
        result.push(letter);
    }
    result.push('…');
    result
}

/// The text padded with blanks to `columns`.
pub fn pad_right(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Blanks, then the text, `columns` wide.
pub fn pad_left(text: &str, columns: usize) -> String {
    format!("{}{text}", " ".repeat(columns.saturating_sub(width(text))))
}

/// The text in lines of at most `columns`, broken between words, and inside a word only when it is
/// longer than a line.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let columns = columns.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        for letter in word.chars() {
            if width(&line) + letter_width(letter) > columns {
                lines.push(std::mem::take(&mut line));
            }
            line.push(letter);
        }
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_drives_a_terminal_is_left() {
        assert_eq!(clean("a\u{1b}[31mred\u{7}\u{202e}b\u{9b}c\r\0"), "a[31mredbc");
        assert!(matches!(clean("two\nlines\tand a tab, ünïcode 船"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_sentence_begins_and_ends_as_one() {
        assert_eq!(sentence("all did "), "All did.");
        assert_eq!(sentence("Did all?"), "Did all?");
        assert_eq!(sentence("éclat"), "Éclat.");
        assert_eq!(sentence(" "), "");
    }

    #[test]
    fn cutting_counts_columns_not_letters() {
        assert_eq!(width("船 ship"), 7);
        assert_eq!(cut("船船船船", 5), "船船…");
        assert_eq!(cut("ship", 4), "ship");
        assert_eq!(pad_left("7", 3), "  7");
    }

    #[test]
    fn wrapping_keeps_every_word_and_the_width() {
        let lines = wrap("a few words and averyveryverylongword end", 10);
        assert!(lines.iter().all(|line| width(line) <= 10), "{lines:?}");
        assert_eq!(lines.concat().replace(' ', ""), "afewwordsandaveryveryverylongwordend");
        assert!(wrap("  ", 10).is_empty());
    }
}
