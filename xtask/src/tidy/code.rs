//! Rust source as a list of words and signs, without comments and what stands in quotes.

/// A word (letters, digits, underscores) or one sign, and the line it stands on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
}

/// The tokens of a source text. A text that is not Rust gives tokens that mean little, no panic.
pub(super) fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut scanner = Scanner { source, at: 0, line: 1, tokens: Vec::new() };
    while scanner.at < source.len() {
        scanner.step();
    }
    scanner.tokens
}

/// Where `tokens` continue with `pattern`, from `index` on.
pub(super) fn starts(tokens: &[Token<'_>], index: usize, pattern: &[&str]) -> bool {
    tokens.get(index..).is_some_and(|rest| {
        rest.len() >= pattern.len()
            && rest.iter().zip(pattern).all(|(token, text)| token.text == *text)
    })
}

struct Scanner<'a> {
    source: &'a str,
    at: usize,
    line: usize,
    tokens: Vec<Token<'a>>,
}

impl Scanner<'_> {
    fn step(&mut self) {
        let rest = &self.source[self.at..];
        let first = rest.chars().next().unwrap_or_default();
        if rest.starts_with("//") {
            self.skip(rest.find('\n').unwrap_or(rest.len()));
        } else if rest.starts_with("/*") {
            self.skip(block_comment(rest));
        } else if first == '"' {
            self.skip(quoted(rest));
        } else if first == '\'' {
            self.skip(letter_or_lifetime(rest));
        } else if first.is_alphanumeric() || first == '_' {
            let length = word(rest);
            match raw_quote(&rest[..length], &rest[length..]) {
                Some(quote) => self.skip(length + quote),
                None => self.push(length),
            }
        } else if first.is_whitespace() {
            self.skip(first.len_utf8());
        } else {
            self.push(first.len_utf8());
        }
    }

    fn push(&mut self, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.tokens.push(Token { text, line: self.line });
        self.at += length;
    }

    fn skip(&mut self, length: usize) {
        let text = &self.source[self.at..self.at + length];
        self.line += text.matches('\n').count();
        self.at += length;
    }
}

fn word(text: &str) -> usize {
    text.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(text.len())
}

/// Length of a block comment, which may hold others.
fn block_comment(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        if rest.starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest.starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest.chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a string literal in plain quotes.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (index, letter) in text.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return index + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a letter in quotes, or of the quote that begins a lifetime.
fn letter_or_lifetime(text: &str) -> usize {
    let mut letters = text.char_indices().skip(1);
    match letters.next() {
        Some((_, '\\')) => {
            letters.next();
            letters.find(|(_, letter)| *letter == '\'').map_or(text.len(), |(index, _)| index + 1)
        }
        Some(_) => match letters.next() {
            Some((index, '\'')) => index + 1,
            _ => 1,
        },
        None => 1,
    }
}

/// Length of what follows a string's prefix (`r`, `b`, `br`, `c`, `cr`) up to its end; `None` when
/// the word is no prefix of a string.
fn raw_quote(prefix: &str, rest: &str) -> Option<usize> {
    match prefix {
        "b" | "c" if rest.starts_with('"') => Some(quoted(rest)),
        "b" if rest.starts_with('\'') => Some(letter_or_lifetime(rest)),
        "r" | "br" | "cr" => {
            let hashes = rest.find(|sign: char| sign != '#')?;
            let body = rest[hashes..].strip_prefix('"')?;
            let end = format!("\"{}", "#".repeat(hashes));
            Some(body.find(&end).map_or(rest.len(), |index| hashes + 1 + index + end.len()))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expect: &[&str]) {
        let found: Vec<&str> = tokens(source).iter().map(|token| token.text).collect();
        assert_eq!(found, expect, "{source}");
    }

    #[test]
    fn comments_and_quotes_hold_no_tokens() {
        check("a // unsafe\nb", &["a", "b"]);
        check("a /* x /* unsafe */ y */ b", &["a", "b"]);
        check(r#"f("un\"safe", b"x", c"y")"#, &["f", "(", ",", ",", ")"]);
        check("r#\"a \"quoted\" unsafe\"# b", &["b"]);
        check("br##\"a\"# unsafe\"## b", &["b"]);
        check(r"m('\'', '\u{7f}', b'x', 'é') d", &["m", "(", ",", ",", ",", ")", "d"]);
    }

    #[test]
    fn lifetimes_and_raw_names_are_not_quotes() {
        check(
            "fn f<'a>(x: &'a str)",
            &["fn", "f", "<", "a", ">", "(", "x", ":", "&", "a", "str", ")"],
        );
        check("r#type", &["r", "#", "type"]);
    }

    #[test]
    fn lines_are_counted_through_comments_and_quotes() {
        let found = tokens("/* 1\n2 */ \"3\n4\" x\ny");
        assert_eq!(found, [Token { text: "x", line: 3 }, Token { text: "y", line: 4 }]);
    }

    #[test]
    fn a_text_cut_off_anywhere_does_not_panic() {
        let source = "r#\"x\"# /* é */ 'a' b'\\'' \"s\\\"\" <'b> r##";
        for end in (0..=source.len()).filter(|end| source.is_char_boundary(*end)) {
            tokens(&source[..end]);
        }
    }
}
