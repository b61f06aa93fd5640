//! Rules in plain English, of the few forms that mean one thing only, turned into expressions.
//!
//! ```text
//! If channels includes 'paid_ads', budget must be > 0
//!     'paid_ads' in channels implies budget > 0
//! launch_date must be at least 7 days from today if approval_required is true
//!     approval_required == true implies launch_date >= today + 7 days
//! ```
//!
//! A rule is `If <claims>, <claims>`, `<claims> if <claims>` or `<claims>`; claims are joined by `and`.
//! A claim is a question's id and what is said of it: `includes`, `is answered`, or `is`, `must be` (also
//! with `not`) and a measure: a value, or one of `at least`, `at most`, `more than`, `less than`, `after`,
//! `before`, `>`, `>=`, `<`, `<=` and a value. Days may be `7 days from today` or `2 weeks before launch_date`.

use crate::day::{self, Period, Unit};
use crate::expression::{
    Comparison, Expression, Fault, Form, KEYWORDS, Literal, Node, Placed, Shift, Token, cut, limit,
};

/// Whether a text is rather meant as a sentence than as an expression.
pub(crate) fn looks_like(text: &str) -> bool {
    let words = ["if", "must", "should", "is", "are", "includes"];
    text.split(|letter: char| !letter.is_ascii_alphabetic())
        .any(|word| words.iter().any(|known| word.eq_ignore_ascii_case(known)))
}

/// Reads a sentence.
///
/// # Errors
/// The first word that does not fit.
pub fn read(text: &str) -> Result<Expression, Fault> {
    let text = text.trim_end_matches(['.', ' ']);
    let tokens = cut(text)?;
    let mut reader = Reader { tokens: &tokens, next: 0, end: text.chars().count() };
    let at = reader.at();
    let node = if reader.word("if") {
        let condition = reader.claims()?;
        if !reader.sign(",") && !reader.word("then") {
            return Err(reader.expected("a comma"));
        }
        reader.word("then");
        let claim = reader.claims()?;
        Node::new(at, Form::Implies(condition.into(), claim.into()))
    } else {
        let claim = reader.claims()?;
        if reader.word("if") || reader.word("when") {
            let condition = reader.claims()?;
            Node::new(at, Form::Implies(condition.into(), claim.into()))
        } else {
            claim
        }
    };
    match reader.peek() {
        None => limit(node).map(Expression),
        Some(_) => Err(reader.expected("the end of the sentence")),
    }
}

/// How measures are said, longer ones first.
const MEASURES: [(&[&str], Comparison); 14] = [
    (&["at", "least"], Comparison::GreaterOrEqual),
    (&["at", "most"], Comparison::LessOrEqual),
    (&["more", "than"], Comparison::Greater),
    (&["greater", "than"], Comparison::Greater),
    (&["less", "than"], Comparison::Less),
    (&["later", "than"], Comparison::Greater),
    (&["earlier", "than"], Comparison::Less),
    (&["equal", "to"], Comparison::Equal),
    (&["above"], Comparison::Greater),
    (&["over"], Comparison::Greater),
    (&["below"], Comparison::Less),
    (&["under"], Comparison::Less),
    (&["after"], Comparison::Greater),
    (&["before"], Comparison::Less),
];

struct Reader<'t> {
    tokens: &'t [Placed],
    next: usize,
    end: usize,
}

impl Reader<'_> {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.next).map(|placed| &placed.token)
    }

    fn at(&self) -> usize {
        self.tokens.get(self.next).map_or(self.end, |placed| placed.at)
    }

    fn word(&mut self, wanted: &str) -> bool {
        self.words(&[wanted])
    }

    /// Takes these words, when they all stand here.
    fn words(&mut self, wanted: &[&str]) -> bool {
        let found = wanted.iter().enumerate().all(|(index, wanted)| {
            matches!(self.tokens.get(self.next + index), Some(Placed { token: Token::Word(word), .. })
                if word.eq_ignore_ascii_case(wanted))
        });
        self.next += if found { wanted.len() } else { 0 };
        found
    }

    fn sign(&mut self, wanted: &str) -> bool {
        let found = matches!(self.peek(), Some(Token::Sign(sign)) if *sign == wanted);
        self.next += usize::from(found);
        found
    }

    fn expected(&self, what: &str) -> Fault {
        let reason = match self.peek() {
            Some(token) => format!("expected {what}, found {}", token.describe()),
            None => format!("expected {what}, found the end"),
        };
        Fault::new(self.at(), reason)
    }

    fn claims(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let mut claims = vec![self.claim()?];
        while self.word("and") {
            claims.push(self.claim()?);
        }
        match claims.len() {
            1 => Ok(claims.remove(0)),
            _ => Ok(Node::new(at, Form::All(claims))),
        }
    }

    fn claim(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let name = self.name()?;
        if self.word("includes") || self.word("contains") || self.word("include") {
            return self.membership(at, name);
        }
        let (is, must) = (self.word("is") || self.word("are"), self.word("must"));
        if !is && !must {
            return Err(self.expected("`is`, `must be` or `includes`"));
        }
        let negated = self.word("not");
        let claim = if must && (self.word("include") || self.word("contain")) {
            self.membership(at, name)?
        } else if must && !self.word("be") {
            return Err(self.expected("`be` or `include`"));
        } else {
            self.measure(at, name)?
        };
        Ok(if negated { Node::new(at, Form::Not(claim.into())) } else { claim })
    }

    fn name(&mut self) -> Result<String, Fault> {
        match self.peek() {
            Some(Token::Word(name)) if !KEYWORDS.contains(&name.as_str()) => {
                let name = name.clone();
                self.next += 1;
                Ok(name)
            }
            _ => Err(self.expected("a question's id")),
        }
    }

    fn membership(&mut self, at: usize, name: String) -> Result<Node, Fault> {
        let item = self.value()?;
        let among = Node::new(at, Form::Name(name));
        Ok(Node::new(at, Form::In(item.into(), among.into())))
    }

    fn measure(&mut self, at: usize, name: String) -> Result<Node, Fault> {
        if self.word("answered") || self.word("given") {
            return Ok(Node::new(at, Form::Answered(name)));
        }
        let sign = match self.peek() {
            Some(Token::Sign(sign)) => Comparison::of(sign),
            _ => None,
        };
        let comparison = match sign {
            Some(comparison) => {
                self.next += 1;
                comparison
            }
            None => MEASURES
                .iter()
                .find(|(words, _)| self.words(words))
                .map_or(Comparison::Equal, |(_, comparison)| *comparison),
        };
        let value = self.value()?;
        let name = Node::new(at, Form::Name(name));
        Ok(Node::new(at, Form::Compare(name.into(), comparison, value.into())))
    }

    /// A value that is written out, another question's, or a day so far from another.
    fn value(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        if let Some(period) = self.period() {
            let shift = match () {
                () if self.word("from") || self.word("after") => Shift::Later,
                () if self.word("before") => Shift::Earlier,
                () => return Err(self.expected("`from`, `after` or `before`")),
            };
            let day = self.plain()?;
            return Ok(Node::new(at, Form::Shift(day.into(), shift, period)));
        }
        self.plain()
    }

    fn period(&mut self) -> Option<Period> {
        let [first, second] = self.tokens.get(self.next..self.next + 2)? else { return None };
        let (Token::Number(number), Token::Word(unit)) = (&first.token, &second.token) else {
            return None;
        };
        let unit = Unit::named(&unit.to_ascii_lowercase())?;
        if number.fract() != 0.0 || *number > f64::from(day::MOST) {
            return None;
        }
        self.next += 2;
        // In range: it was held against `day::MOST`, and a number token has no sign.
        Some(Period { amount: *number as u32, unit })
    }

    fn plain(&mut self) -> Result<Node, Fault> {
        let at = self.at();
        let form = match self.peek() {
            Some(Token::Number(number)) => Form::Literal(Literal::Number(*number)),
            Some(Token::Text(text)) => Form::Literal(Literal::Text(text.clone())),
            Some(Token::Day(day)) => Form::Literal(Literal::Day(*day)),
            Some(Token::Word(word)) if word == "today" => Form::Today,
            Some(Token::Word(word)) if word == "true" => Form::Literal(Literal::Truth(true)),
            Some(Token::Word(word)) if word == "false" => Form::Literal(Literal::Truth(false)),
            _ => return self.name().map(|name| Node::new(at, Form::Name(name))),
        };
        self.next += 1;
        Ok(Node::new(at, form))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sentences_have_one_meaning() {
        for (sentence, meaning) in [
            (
                "If channels includes 'paid_ads', budget must be > 0",
                "'paid_ads' in channels implies budget > 0",
            ),
            (
                "launch_date must be at least 7 days from today if approval_required is true",
                "approval_required == true implies launch_date >= today + 7 days",
            ),
            ("budget must be given.", "answered(budget)"),
            ("channels must not include 'fax'", "not 'fax' in channels"),
            ("end_date must be after start_date", "end_date > start_date"),
            (
                "If budget is more than 1000 and approval_required is not true, then channels must include 'email' and end_date must be 2 weeks before start_date",
                "budget > 1000 and not approval_required == true implies 'email' in channels and end_date == start_date - 2 weeks",
            ),
            ("IF a IS 1 THEN b MUST BE at most 2", "a == 1 implies b <= 2"),
        ] {
            let read = read(sentence).unwrap();
            assert_eq!(read.to_string(), meaning);
            assert_eq!(read, Expression::read(meaning).unwrap());
        }
    }

    #[test]
    fn what_is_not_understood_is_refused_at_its_word() {
        for (sentence, at) in [
            ("budget ought to be large", 7),
            ("budget must be > 0 unless channels includes 'x'", 19),
            ("If budget is 1 channels must include 'x'", 15),
            ("launch_date must be at least 7 days", 35),
            ("If budget is 1, then", 20),
            ("", 0),
        ] {
            let fault = read(sentence).unwrap_err();
            assert_eq!(fault.at, at, "{sentence}: {fault}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "(If |must be |is |and |, |if |channels |[a-z]{1,4} |7 days |from |today |'x' |> |\\PC){0,12}") {
            if let Ok(expression) = read(&text) {
                prop_assert_eq!(Expression::read(&expression.to_string()).unwrap(), expression);
            }
        }
    }
}
