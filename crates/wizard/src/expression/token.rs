//! The words of an expression: text into tokens, each with its place.

use jiff::civil::Date;

use super::Fault;
use crate::day;

/// The longest expression, in bytes.
pub const LONGEST: usize = 2_000;

/// A word or sign.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A name or keyword, as it was written.
    Word(String),
    /// A number without a sign.
    Number(f64),
    /// What stood between quotes.
    Text(String),
    /// `2026-12-01`.
    Day(Date),
    /// One of [`SIGNS`].
    Sign(&'static str),
}

impl Token {
    /// The token as a person may be told of it.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Number(number) => format!("`{number}`"),
            Self::Text(_) => "a text".to_owned(),
            Self::Day(day) => format!("`{day}`"),
            Self::Sign(sign) => format!("`{sign}`"),
        }
    }
}

/// A token and the number of characters before it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Placed {
    pub(crate) token: Token,
    pub(crate) at: usize,
}

/// Longer signs first, so that `<=` is not read as `<`.
const SIGNS: [&str; 15] =
    ["==", "!=", "<=", ">=", "<", ">", "+", "-", "(", ")", "[", "]", ",", "≥", "≤"];

/// Signs of other languages, and what they are here.
const FOREIGN: [(&str, &str); 4] = [("&&", "and"), ("||", "or"), ("!", "not"), ("=", "==")];

/// Cuts a text into tokens.
pub(crate) fn cut(text: &str) -> Result<Vec<Placed>, Fault> {
    if text.len() > LONGEST {
        let reason = format!("the expression has {} bytes; at most {LONGEST} are read", text.len());
        return Err(Fault::new(0, reason));
    }
    let mut tokens = Vec::new();
    let (mut rest, mut at) = (text, 0);
    loop {
        let trimmed = rest.trim_start();
        at += rest.chars().count() - trimmed.chars().count();
        rest = trimmed;
        let Some(first) = rest.chars().next() else { return Ok(tokens) };
        let (token, length) = match first {
            '\'' | '"' => quoted(rest, first, at)?,
            _ if first.is_ascii_digit() => digits(rest, at)?,
            _ if first.is_ascii_alphabetic() || first == '_' => {
                let end = rest.find(|letter: char| !inside(letter)).unwrap_or(rest.len());
                (Token::Word(rest[..end].to_owned()), end)
            }
            _ => sign(rest, first, at)?,
        };
        tokens.push(Placed { token, at });
        at += rest[..length].chars().count();
        rest = &rest[length..];
    }
}

fn inside(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '_'
}

/// A text in quotes; a backslash takes the next character as it is.
fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), Fault> {
    let mut text = String::new();
    let mut letters = rest.char_indices().skip(1);
    while let Some((index, letter)) = letters.next() {
        match letter {
            '\\' => text.extend(letters.next().map(|(_, letter)| letter)),
            letter if letter == quote => return Ok((Token::Text(text), index + quote.len_utf8())),
            letter => text.push(letter),
        }
    }
    Err(Fault::new(at, "the text is not closed").hint(format!("end it with `{quote}`")))
}

fn digits(rest: &str, at: usize) -> Result<(Token, usize), Fault> {
    let end = |from: usize| {
        let tail = &rest[from..];
        from + tail.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(tail.len())
    };
    let whole = end(0);
    if whole == 4
        && let Some(day) = rest.get(..10).and_then(day::read)
        && !rest[10..].starts_with(inside)
    {
        return Ok((Token::Day(day), 10));
    }
    let mut length = whole;
    if rest[whole..].starts_with('.') && end(whole + 1) > whole + 1 {
        length = end(whole + 1);
    }
    if rest[length..].starts_with(inside) {
        return Err(Fault::new(at, "a number is followed by a letter")
            .hint("leave a space between a number and a word"));
    }
    match rest[..length].parse::<f64>() {
        Ok(number) if number <= MOST => Ok((Token::Number(number), length)),
        _ => Err(Fault::new(at, "the number is too large to be exact")),
    }
}

/// Up to here every whole number is exact.
const MOST: f64 = 9_007_199_254_740_991.0;

fn sign(rest: &str, first: char, at: usize) -> Result<(Token, usize), Fault> {
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        let read = match *sign {
            "≥" => ">=",
            "≤" => "<=",
            sign => sign,
        };
        return Ok((Token::Sign(read), sign.len()));
    }
    let fault = Fault::new(at, format!("`{first}` means nothing here"));
    Err(match FOREIGN.iter().find(|(foreign, _)| rest.starts_with(foreign)) {
        Some((_, ours)) => fault.hint(format!("write `{ours}`")),
        None => fault,
    })
}
