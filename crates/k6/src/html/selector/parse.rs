//! Reading a selector.

use regex::{Regex, RegexBuilder};

use super::pseudo::{Nth, Pseudo};
use super::{Combinator, Complex, Compound, Error, Group, Simple, Test};

/// How deep `:not(:has(…))` may nest. This and the next bound what a match takes of the small stack
/// that scripts run on.
const MAX_NESTING: usize = 8;

/// How many combinators a selector may have, those inside `:not(…)` and the like included.
const MAX_COMBINATORS: usize = 64;

/// How large a regular expression may become.
const MAX_EXPRESSION: usize = 1 << 20;

/// Reads selectors with commas between them, to the end of the text.
pub(super) fn group(text: &str) -> Result<Group, Error> {
    let mut reader = Reader { text, at: 0, nesting: 0, combinators: 0 };
    let group = reader.group().and_then(|group| match reader.peek() {
        None => Ok(group),
        Some(other) => reader.fail(format!("a selector does not go on with `{other}`")),
    });
    group.map_err(|Failure { at, reason }| Error::Selector {
        selector: text.to_owned(),
        column: text[..at].chars().count() + 1,
        reason,
    })
}

/// What is wrong at which byte.
struct Failure {
    at: usize,
    reason: String,
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    nesting: usize,
    combinators: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) {
        self.at += self.peek().map_or(0, char::len_utf8);
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.bump();
        }
        found
    }

    fn fail<T>(&self, reason: impl Into<String>) -> Result<T, Failure> {
        Err(Failure { at: self.at, reason: reason.into() })
    }

    fn expect(&mut self, wanted: char) -> Result<(), Failure> {
        if self.take(wanted) { Ok(()) } else { self.expected(&format!("`{wanted}`")) }
    }

    fn expected<T>(&self, what: &str) -> Result<T, Failure> {
        match self.peek() {
            Some(found) => self.fail(format!("expected {what}, found `{found}`")),
            None => self.fail(format!("expected {what}, found the end")),
        }
    }

    /// Skips white space and comments, and says whether there were any.
    fn space(&mut self) -> bool {
        let start = self.at;
        loop {
            if self.peek().is_some_and(is_space) {
                self.bump();
            } else if let Some(comment) = self.rest().strip_prefix("/*")
                && let Some(length) = comment.find("*/")
            {
                self.at += length + 4;
            } else {
                return self.at > start;
            }
        }
    }

    fn group(&mut self) -> Result<Group, Failure> {
        let mut group = vec![self.complex()?];
        while self.take(',') {
            group.push(self.complex()?);
        }
        Ok(Group(group))
    }

    fn complex(&mut self) -> Result<Complex, Failure> {
        self.space();
        let mut subject = self.compound()?;
        let mut rest = Vec::new();
        loop {
            let spaced = self.space();
            let combinator = match self.peek() {
                Some('>') => Combinator::Child,
                Some('+') => Combinator::Next,
                Some('~') => Combinator::Later,
                None | Some(',' | ')') => break,
                Some(_) if spaced => Combinator::Descendant,
                Some(_) => break,
            };
            self.combinators += 1;
            if self.combinators > MAX_COMBINATORS {
                return self.fail(format!("a selector has at most {MAX_COMBINATORS} combinators"));
            }
            if combinator != Combinator::Descendant {
                self.bump();
                self.space();
            }
            rest.push((combinator, std::mem::replace(&mut subject, self.compound()?)));
        }
        rest.reverse();
        Ok(Complex { subject, rest })
    }

    fn compound(&mut self) -> Result<Compound, Failure> {
        let mut simples = Vec::new();
        match self.peek() {
            Some('*') => {
                self.bump();
                if self.rest().starts_with("|*") {
                    self.at += 2;
                }
            }
            Some('#' | '.' | '[' | ':') => {}
            Some(_) => simples.push(Simple::Tag(self.identifier()?.to_ascii_lowercase())),
            None => return self.expected("a selector"),
        }
        loop {
            simples.push(match self.peek() {
                Some('#') => {
                    self.bump();
                    Simple::Id(self.name()?)
                }
                Some('.') => {
                    self.bump();
                    Simple::Class(self.identifier()?)
                }
                Some('[') => self.attribute()?,
                Some(':') => Simple::Pseudo(self.pseudo()?),
                _ => return Ok(Compound(simples)),
            });
        }
    }

    fn attribute(&mut self) -> Result<Simple, Failure> {
        self.bump();
        self.space();
        let name = self.identifier()?.to_ascii_lowercase();
        self.space();
        if self.take(']') {
            return Ok(Simple::Attribute { name, test: Test::Present, ignore_case: false });
        }
        let start = self.at;
        let operator = match self.peek() {
            Some('=') => None,
            Some(operator) if !is_space(operator) => {
                self.bump();
                Some(operator)
            }
            _ => return self.expected("`]` or an operator like `=`"),
        };
        self.expect('=')?;
        let make: fn(String) -> Test = match operator {
            None => Test::Equal,
            Some('!') => Test::NotEqual,
            Some('~') => Test::Word,
            Some('|') => Test::Dash,
            Some('^') => Test::Prefix,
            Some('$') => Test::Suffix,
            Some('*') => Test::Part,
            Some('#') => Test::Equal,
            Some(other) => {
                self.at = start;
                return self.fail(format!("there is no operator `{other}=`"));
            }
        };
        self.space();
        let test = match operator {
            Some('#') => Test::Expression(self.expression()?),
            _ => make(self.word()?),
        };
        self.space();
        let ignore_case = self.take('i') || self.take('I');
        self.space();
        self.expect(']')?;
        Ok(Simple::Attribute { name, test, ignore_case })
    }

    fn pseudo(&mut self) -> Result<Pseudo, Failure> {
        let start = self.at;
        self.bump();
        let element = self.take(':');
        let name = self.identifier()?.to_ascii_lowercase();
        const ELEMENTS: [&str; 11] = [
            "after",
            "backdrop",
            "before",
            "cue",
            "first-letter",
            "first-line",
            "grammar-error",
            "marker",
            "placeholder",
            "selection",
            "spelling-error",
        ];
        if element || ELEMENTS.contains(&&*name) {
            self.at = start;
            return self.fail(format!("pseudo-elements like `::{name}` are not in the page"));
        }
        let nth = |a, b, last, of_type| Pseudo::Nth(Nth { a, b, last, of_type });
        Ok(match &*name {
            "not" => Pseudo::Not(self.nested()?),
            "has" => Pseudo::Has(self.nested()?),
            "haschild" => Pseudo::HasChild(self.nested()?),
            "contains" | "containsown" => {
                self.open()?;
                let text = self.word()?.to_lowercase();
                self.close()?;
                Pseudo::Contains { text, own: name == "containsown" }
            }
            "matches" | "matchesown" => {
                self.open()?;
                let expression = self.expression()?;
                self.close()?;
                Pseudo::Matches { expression, own: name == "matchesown" }
            }
            "nth-child" | "nth-last-child" | "nth-of-type" | "nth-last-of-type" => {
                self.open()?;
                let (a, b) = self.nth()?;
                self.close()?;
                nth(a, b, name.starts_with("nth-last"), name.ends_with("of-type"))
            }
            "first-child" => nth(0, 1, false, false),
            "last-child" => nth(0, 1, true, false),
            "first-of-type" => nth(0, 1, false, true),
            "last-of-type" => nth(0, 1, true, true),
            "only-child" => Pseudo::Only { of_type: false },
            "only-of-type" => Pseudo::Only { of_type: true },
            "input" => Pseudo::Input,
            "empty" => Pseudo::Empty,
            "root" => Pseudo::Root,
            "link" => Pseudo::Link,
            "lang" => {
                self.open()?;
                let language = self.identifier()?.to_lowercase();
                self.close()?;
                Pseudo::Language(language)
            }
            "enabled" => Pseudo::Enabled,
            "disabled" => Pseudo::Disabled,
            "checked" => Pseudo::Checked,
            "visited" | "hover" | "active" | "focus" | "target" => Pseudo::Never,
            _ => {
                self.at = start;
                return self.fail(format!("there is no pseudo-class `:{name}`"));
            }
        })
    }

    fn nested(&mut self) -> Result<Group, Failure> {
        self.nesting += 1;
        if self.nesting > MAX_NESTING {
            return self.fail(format!("selectors nest deeper than {MAX_NESTING}"));
        }
        self.open()?;
        let group = self.group()?;
        self.close()?;
        self.nesting -= 1;
        Ok(group)
    }

    fn open(&mut self) -> Result<(), Failure> {
        self.expect('(')?;
        self.space();
        Ok(())
    }

    fn close(&mut self) -> Result<(), Failure> {
        self.space();
        self.expect(')')
    }

    /// A name that does not begin with a digit.
    fn identifier(&mut self) -> Result<String, Failure> {
        let start = self.at;
        while self.take('-') {}
        match self.peek() {
            Some(first) if first == '\\' || (is_name(first) && !first.is_ascii_digit()) => {
                let dashes = &self.text[start..self.at];
                Ok(dashes.to_owned() + &self.name()?)
            }
            _ => self.expected("a name"),
        }
    }

    fn name(&mut self) -> Result<String, Failure> {
        let mut name = String::new();
        while let Some(next) = self.peek() {
            if next == '\\' {
                name.push(self.escape()?);
            } else if is_name(next) {
                name.push(next);
                self.bump();
            } else {
                break;
            }
        }
        if name.is_empty() { self.expected("a name") } else { Ok(name) }
    }

    /// A name, or text in quotes.
    fn word(&mut self) -> Result<String, Failure> {
        match self.peek() {
            Some(quote @ ('\'' | '"')) => self.quoted(quote),
            _ => self.identifier(),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<String, Failure> {
        self.bump();
        let mut text = String::new();
        loop {
            match self.peek() {
                None => return self.expected(&format!("`{quote}`")),
                Some('\r' | '\n' | '\u{c}') => return self.fail("text in quotes ends on its line"),
                Some(next) if next == quote => {
                    self.bump();
                    return Ok(text);
                }
                Some('\\') => {
                    let after = &self.rest()[1..];
                    let line_end = ["\r\n", "\r", "\n", "\u{c}"]
                        .into_iter()
                        .find(|end| after.starts_with(end));
                    match line_end {
                        Some(end) => self.at += 1 + end.len(),
                        None => text.push(self.escape()?),
                    }
                }
                Some(next) => {
                    text.push(next);
                    self.bump();
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Failure> {
        self.bump();
        match self.peek() {
            None => self.expected("a character after `\\`"),
            Some('\r' | '\n' | '\u{c}') => self.fail("`\\` ends a line outside of quotes"),
            Some(first) if first.is_ascii_hexdigit() => {
                let digits = self.rest().bytes().take(6).take_while(u8::is_ascii_hexdigit).count();
                let number = u32::from_str_radix(&self.rest()[..digits], 16).unwrap_or(u32::MAX);
                self.at += digits;
                if self.rest().starts_with("\r\n") {
                    self.at += 2;
                } else if self.peek().is_some_and(is_space) {
                    self.bump();
                }
                Ok(char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER))
            }
            Some(other) => {
                self.bump();
                Ok(other)
            }
        }
    }

    /// A regular expression, up to a bracket that closes what was not opened in it.
    fn expression(&mut self) -> Result<Regex, Failure> {
        let mut open = 0_usize;
        let length = self.rest().find(|next| match next {
            '(' | '[' => {
                open += 1;
                false
            }
            ')' | ']' if open == 0 => true,
            ')' | ']' => {
                open -= 1;
                false
            }
            _ => false,
        });
        let Some(length) = length else {
            return self.fail("the regular expression does not end");
        };
        let text = &self.rest()[..length];
        match RegexBuilder::new(text).size_limit(MAX_EXPRESSION).build() {
            Ok(expression) => {
                self.at += length;
                Ok(expression)
            }
            Err(regex::Error::CompiledTooBig(_)) => {
                self.fail("the regular expression is too large")
            }
            Err(_) => self.fail(format!("`{text}` is not a regular expression")),
        }
    }

    /// `an+b`, `odd` or `even`.
    fn nth(&mut self) -> Result<(i64, i64), Failure> {
        let what = "a number, `odd`, `even` or something like `2n+1`";
        if self.peek().is_some_and(|next| matches!(next, 'o' | 'O' | 'e' | 'E')) {
            let start = self.at;
            return match &*self.name()?.to_ascii_lowercase() {
                "odd" => Ok((2, 1)),
                "even" => Ok((2, 0)),
                _ => {
                    self.at = start;
                    self.expected(what)
                }
            };
        }
        let sign = if self.take('-') {
            -1
        } else {
            self.take('+');
            1
        };
        let number = self.number()?;
        if !(self.take('n') || self.take('N')) {
            return match number {
                Some(number) => Ok((0, sign * number)),
                None => self.expected(what),
            };
        }
        let a = sign * number.unwrap_or(1);
        self.space();
        let sign = match self.peek() {
            Some('+') => 1,
            Some('-') => -1,
            _ => return Ok((a, 0)),
        };
        self.bump();
        self.space();
        match self.number()? {
            Some(number) => Ok((a, sign * number)),
            None => self.expected("a number"),
        }
    }

    fn number(&mut self) -> Result<Option<i64>, Failure> {
        let digits = self.rest().bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return Ok(None);
        }
        let Ok(number) = self.rest()[..digits].parse::<i32>() else {
            return self.fail("the number is too large");
        };
        self.at += digits;
        Ok(Some(i64::from(number)))
    }
}

fn is_space(next: char) -> bool {
    matches!(next, ' ' | '\t' | '\r' | '\n' | '\u{c}')
}

fn is_name(next: char) -> bool {
    next.is_ascii_alphanumeric() || matches!(next, '_' | '-') || !next.is_ascii()
}
