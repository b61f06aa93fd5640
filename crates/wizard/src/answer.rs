//! Answers: what was said to each question, with its type.

use jiff::civil::Date;
use serde_json::{Map, Value};

/// What was said to a question.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// Nothing, to a question that need not be answered.
    Nothing,
    /// Yes or no. No is an answer.
    Truth(bool),
    /// A number. Zero is an answer.
    Number(f64),
    /// A text, or the value of the option that was chosen.
    Text(String),
    /// A day.
    Day(Date),
    /// Texts, or the values of the options that were chosen.
    List(Vec<String>),
}

impl Answer {
    /// Whether there is nothing in it: not answered, an empty text, an empty list.
    pub fn is_empty(&self) -> bool {
        match self {
            Self::Nothing => true,
            Self::Text(text) => text.is_empty(),
            Self::List(entries) => entries.is_empty(),
            Self::Truth(_) | Self::Number(_) | Self::Day(_) => false,
        }
    }

    /// The answer as JSON; a whole number has no decimal point.
    pub fn to_json(&self) -> Value {
        match self {
            Self::Nothing => Value::Null,
            Self::Truth(truth) => (*truth).into(),
            Self::Number(number) => json_number(*number),
            Self::Text(text) => text.as_str().into(),
            Self::Day(day) => day.to_string().into(),
            Self::List(entries) => entries.clone().into(),
        }
    }
}

/// A number as JSON writes it; a whole one without a decimal point.
pub(crate) fn json_number(number: f64) -> Value {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() < EXACT {
        // Exact: a whole number below 2^53.
        Value::from(number as i64)
    } else {
        Value::from(number)
    }
}

/// The answers that were given so far, by question, in the order they were given.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers(Vec<(String, Answer)>);

impl Answers {
    /// What was said to `question`, if it was asked.
    pub fn get(&self, question: &str) -> Option<&Answer> {
        self.0.iter().find(|(one, _)| one == question).map(|(_, answer)| answer)
    }

    /// Notes an answer, in the place of an earlier one.
    pub fn set(&mut self, question: &str, answer: Answer) {
        match self.0.iter_mut().find(|(one, _)| one == question) {
            Some((_, before)) => *before = answer,
            None => self.0.push((question.to_owned(), answer)),
        }
    }

    /// How many questions were answered, with nothing too.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether no question was answered yet.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answers as a JSON object.
    pub fn to_json(&self) -> Map<String, Value> {
        self.0.iter().map(|(question, answer)| (question.clone(), answer.to_json())).collect()
    }
}

impl FromIterator<(String, Answer)> for Answers {
    fn from_iter<I: IntoIterator<Item = (String, Answer)>>(answers: I) -> Self {
        let mut all = Self::default();
        for (question, answer) in answers {
            all.set(&question, answer);
        }
        all
    }
}
