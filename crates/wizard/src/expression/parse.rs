//! Tokens into a tree. From loose to tight: `implies`, `or`, `and`, `not`, comparisons, days moved.

use super::Fault;
use super::token::{Placed, Token};
use super::tree::{Comparison, Form, Literal, Node, Shift};
use crate::day::{self, Period, Unit};

/// How deep brackets and `not` may nest.
pub const DEEPEST: usize = 32;

/// The most parts an expression may have.
pub const MOST_NODES: usize = 256;

/// Words that mean something here, so that no question is named so.
pub const KEYWORDS: [&str; 11] = [
    "and", "or", "not", "implies", "in", "contains", "true", "false", "today", "count", "answered",
];

/// Words of other languages, and what they are here.
const FOREIGN: [(&str, &str); 7] = [
    ("AND", "and"),
    ("OR", "or"),
    ("NOT", "not"),
    ("True", "true"),
    ("False", "false"),
    ("includes", "contains"),
    ("is", "=="),
];

/// Reads a whole expression that ends after `end` characters.
pub(super) fn read(tokens: &[Placed], end: usize) -> Result<Node, Fault> {
    let mut reader = Reader { tokens, next: 0, end, depth: 0 };
    let node = reader.implication()?;
    match reader.peek() {
        None => limit(node),
        Some(token) => {
            let told = format!("{} does not belong here", token.describe());
            Err(reader.foreign(Fault::new(reader.at(), told)))
        }
    }
}

/// Refuses a tree with more parts than [`MOST_NODES`].
pub(crate) fn limit(node: Node) -> Result<Node, Fault> {
    let mut count = 0;
    node.walk(&mut |_| count += 1);
    if count <= MOST_NODES {
        return Ok(node);
    }
    let reason = format!("the expression has {count} parts; at most {MOST_NODES} are read");
    Err(Fault::new(0, reason))
}

struct Reader<'t> {
    tokens: &'t [Placed],
    next: usize,
    end: usize,
    depth: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |placed| placed.at)
    }

    fn take_word(&mut self, word: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Word(next)) if next == word);
        self.next += usize::from(found);
        found
    }

    fn take_sign(&mut self, sign: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(next)) if *next == sign);
        self.next += usize::from(found);
        found
    }

    fn need_sign(&mut self, sign: &str) -> Result<(), Fault> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.expected(&format!("`{sign}`"))) }
    }

    fn expected(&self, what: &str) -> Fault {
        let reason = match self.peek() {
            Some(token) => format!("expected {what}, found {}", token.describe()),
            None => format!("expected {what}, found the end"),
        };
        self.foreign(Fault::new(self.at(), reason))
    }

    /// With a hint, when the word here is another language's.
    fn foreign(&self, fault: Fault) -> Fault {
        let Some(Token::Word(word)) = self.peek() else { return fault };
        match FOREIGN.iter().find(|(foreign, _)| foreign == word) {
            Some((_, ours)) => fault.hint(format!("write `{ours}`")),
            None => fault,
        }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == DEEPEST {
            let reason = format!("the expression is nested deeper than {DEEPEST}");
            return Err(Fault::new(self.at(), reason));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn implication(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let first = self
            .several("or", Form::Any, |reader| reader.several("and", Form::All, Self::negation))?;
        if !self.take_word("implies") {
            return Ok(first);
        }
        let second = self
            .several("or", Form::Any, |reader| reader.several("and", Form::All, Self::negation))?;
        if matches!(self.peek(), Some(Token::Word(word)) if word == "implies") {
            return Err(Fault::new(self.at(), "`implies` stands once between two conditions")
                .hint("put brackets around one of them"));
        }
        Ok(Node::new(at, Form::Implies(first.into(), second.into())))
    }

    fn several(
        &mut self,
        word: &str,
        form: fn(Vec<Node>) -> Form,
        mut part: impl FnMut(&mut Self) -> Result<Node, Fault>,
    ) -> Result<Node, Fault> {
        let at = self.at();
        let first = part(self)?;
        let mut parts = vec![first];
        while self.take_word(word) {
            parts.push(part(self)?);
        }
        match parts.len() {
            1 => Ok(parts.remove(0)),
            _ => Ok(Node::new(at, form(parts))),
        }
    }

    fn negation(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        if !self.take_word("not") {
            return self.comparison();
        }
        let inner = self.deeper(Self::negation)?;
        Ok(Node::new(at, Form::Not(inner.into())))
    }

    fn comparison(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let left = self.shifted()?;
        let sign = match self.peek() {
            Some(Token::Sign(sign)) => Comparison::of(sign),
            _ => None,
        };
        if let Some(comparison) = sign {
            self.next += 1;
            let right = self.shifted()?;
            if matches!(self.peek(), Some(Token::Sign(sign)) if Comparison::of(sign).is_some()) {
                return Err(Fault::new(self.at(), "comparisons do not chain")
                    .hint("join two comparisons with `and`"));
            }
            return Ok(Node::new(at, Form::Compare(left.into(), comparison, right.into())));
        }
        if self.take_word("in") {
            let among = self.shifted()?;
            return Ok(Node::new(at, Form::In(left.into(), among.into())));
        }
        if self.take_word("contains") {
            let item = self.shifted()?;
            return Ok(Node::new(at, Form::In(item.into(), left.into())));
        }
        let before = self.next;
        if self.take_word("not") {
            if self.take_word("in") {
                let among = self.shifted()?;
                let inside = Node::new(at, Form::In(left.into(), among.into()));
                return Ok(Node::new(at, Form::Not(inside.into())));
            }
            self.next = before;
        }
        Ok(left)
    }

    /// A value, moved by any number of periods.
    fn shifted(&mut self) -> Result<Node, Fault> {
        let mut value = self.value()?;
        loop {
            let at = self.at();
            let shift = if self.take_sign("+") {
                Shift::Later
            } else if self.take_sign("-") {
                Shift::Earlier
            } else {
                return Ok(value);
            };
            let period = self.period()?;
            value = Node::new(at, Form::Shift(value.into(), shift, period));
        }
    }

    fn period(&mut self) -> Result<Period, Fault> {
        let Some(Token::Number(number)) = self.peek() else {
            return Err(self.expected("a number of days, weeks, months or years"));
        };
        let number = *number;
        if number.fract() != 0.0 || number > f64::from(day::MOST) {
            let reason = format!("a period is a whole number up to {}", day::MOST);
            return Err(Fault::new(self.at(), reason));
        }
        self.next += 1;
        let unit = match self.peek() {
            Some(Token::Word(word)) => Unit::named(word),
            _ => None,
        };
        let Some(unit) = unit else {
            return Err(self.expected("`days`, `weeks`, `months` or `years`"));
        };
        self.next += 1;
        // In range: it was held against `day::MOST`, and a number token has no sign.
        Ok(Period { amount: number as u32, unit })
    }

    fn value(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let literal = |literal| Ok(Node::new(at, Form::Literal(literal)));
        let Some(token) = self.peek().cloned() else { return Err(self.expected("a value")) };
        match token {
            Token::Sign("(") => {
                self.next += 1;
                let inner = self.deeper(Self::implication)?;
                self.need_sign(")")?;
                Ok(inner)
            }
            Token::Sign("[") => {
                self.next += 1;
                self.list(at)
            }
            Token::Sign("-") => {
                self.next += 1;
                let Some(Token::Number(number)) = self.peek() else {
                    return Err(self.expected("a number"));
                };
                let number = -number;
                self.next += 1;
                literal(Literal::Number(number))
            }
            Token::Sign(_) => Err(self.expected("a value")),
            Token::Number(number) => {
                self.next += 1;
                literal(Literal::Number(number))
            }
            Token::Text(text) => {
                self.next += 1;
                literal(Literal::Text(text))
            }
            Token::Day(day) => {
                self.next += 1;
                literal(Literal::Day(day))
            }
            Token::Word(word) => self.word(at, &word),
        }
    }

    fn word(&mut self, at: usize, word: &str) -> Result<Node, Fault> {
        let form = match word {
            "true" => Form::Literal(Literal::Truth(true)),
            "false" => Form::Literal(Literal::Truth(false)),
            "today" => Form::Today,
            "count" | "answered" => {
                self.next += 1;
                self.need_sign("(")?;
                let name = match self.peek() {
                    Some(Token::Word(name)) if !KEYWORDS.contains(&name.as_str()) => name.clone(),
                    _ => return Err(self.expected("a question's id")),
                };
                self.next += 1;
                self.need_sign(")")?;
                let form = if word == "count" { Form::Count } else { Form::Answered };
                return Ok(Node::new(at, form(name)));
            }
            word if KEYWORDS.contains(&word) => return Err(self.expected("a value")),
            name => Form::Name(name.to_owned()),
        };
        self.next += 1;
        Ok(Node::new(at, form))
    }

    fn list(&mut self, at: usize) -> Result<Node, Fault> {
        let mut texts = Vec::new();
        loop {
            let Some(Token::Text(text)) = self.peek() else {
                return Err(self.expected("a text in quotes"));
            };
            texts.push(text.clone());
            self.next += 1;
            if self.take_sign("]") {
                return Ok(Node::new(at, Form::List(texts)));
            }
            self.need_sign(",")?;
        }
    }
}
