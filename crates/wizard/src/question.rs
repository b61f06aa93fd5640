//! Questions: what is asked, and which answers are taken.

use jiff::civil::Date;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, json_number};
use crate::day::{self, Day};
use crate::error::{Error, shortened};
use crate::expression::Type;

/// The longest one-line text when a definition says nothing, in characters.
pub const LONGEST_TEXT: usize = 1_000;
/// The longest text of several lines, in characters; also the most a definition may allow.
pub const LONGEST_LONG_TEXT: usize = 20_000;
/// The most entries in a list of free texts.
pub const MOST_ENTRIES: usize = 100;

/// A question.
#[derive(Clone, Debug, PartialEq)]
pub struct Question {
    /// Its id: what conditions and answers call it.
    pub id: String,
    /// Its place, from 1.
    pub step: usize,
    /// What is asked.
    pub prompt: String,
    /// Which answers are taken.
    pub kind: Kind,
    /// Whether it must be answered with something.
    pub required: bool,
    /// What is answered by who gives no value.
    pub default: Option<Fallback>,
    /// An example for an empty field.
    pub placeholder: Option<String>,
    /// A longer explanation.
    pub help: Option<String>,
}

/// Which answers a question takes.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One line of text.
    Text(Length),
    /// Several lines of text.
    LongText {
        /// How long it may be.
        length: Length,
        /// How many rows a form should show.
        rows: Option<u32>,
    },
    /// One of several options.
    Select(Vec<Choice>),
    /// Texts, each of such a length.
    MultiText {
        /// How long each may be.
        length: Length,
        /// How many there must be.
        least: usize,
    },
    /// Any of several options.
    MultiSelect {
        /// What may be chosen.
        options: Vec<Choice>,
        /// How many must be.
        least: usize,
    },
    /// A day.
    Date {
        /// The first day allowed.
        earliest: Option<Day>,
        /// The last day allowed.
        latest: Option<Day>,
    },
    /// A number.
    Number {
        /// The least allowed.
        least: Option<f64>,
        /// The most allowed.
        most: Option<f64>,
        /// What is counted, as `USD`.
        unit: Option<String>,
    },
    /// Yes or no.
    Boolean,
}

/// How many characters a text may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Length {
    /// The least.
    pub least: usize,
    /// The most.
    pub most: usize,
}

/// An option.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is answered.
    pub value: String,
    /// What is shown.
    pub label: String,
    /// What it means.
    pub description: Option<String>,
    /// The tools that are needed when it is chosen.
    pub tools: Vec<String>,
}

/// What is answered by who gives no value.
#[derive(Clone, Debug, PartialEq)]
pub enum Fallback {
    /// Always the same.
    Fixed(Answer),
    /// A day that may move with today.
    Day(Day),
}

impl Fallback {
    /// The answer it is when it is `today`.
    pub fn on(&self, today: Date) -> Answer {
        match self {
            Self::Fixed(answer) => answer.clone(),
            Self::Day(day) => Answer::Day(day.on(today)),
        }
    }
}

impl Question {
    /// The answer that `given` is, when it is `today`: checked, and with the default for what is not
    /// given. `false` and `0` are answers.
    ///
    /// # Errors
    /// Why it is not taken.
    pub fn accept(&self, given: &Value, today: Date) -> Result<Answer, Error> {
        let answer = match (given, &self.default) {
            (Value::Null, Some(default)) => default.on(today),
            (given, _) => self.read(given)?,
        };
        self.judge(&answer, today)?;
        Ok(answer)
    }

    /// The answer that `given` is by its kind, whether it would be taken now or not.
    ///
    /// # Errors
    /// When it is of another kind.
    pub(crate) fn read(&self, given: &Value) -> Result<Answer, Error> {
        let answer = match (&self.kind, given) {
            (_, Value::Null) => Some(Answer::Nothing),
            (Kind::Text(_) | Kind::LongText { .. } | Kind::Select(_), Value::String(text)) => {
                Some(Answer::Text(text.trim().to_owned()))
            }
            (Kind::MultiText { .. }, Value::String(text)) => Some(Answer::List(
                text.split(',')
                    .map(|one| one.trim().to_owned())
                    .filter(|one| !one.is_empty())
                    .collect(),
            )),
            (Kind::MultiText { .. } | Kind::MultiSelect { .. }, Value::Array(entries)) => entries
                .iter()
                .map(|entry| entry.as_str().map(|text| text.trim().to_owned()))
                .collect::<Option<_>>()
                .map(Answer::List),
            (Kind::Date { .. }, Value::String(text)) => day::read(text.trim()).map(Answer::Day),
            (Kind::Number { .. }, Value::Number(number)) => {
                number.as_f64().filter(|number| number.is_finite()).map(Answer::Number)
            }
            (Kind::Boolean, Value::Bool(truth)) => Some(Answer::Truth(*truth)),
            _ => None,
        };
        let wrong =
            || Error::WrongKind { question: self.id.clone(), expected: self.kind.expected() };
        answer.ok_or_else(wrong)
    }

    /// Whether an answer is taken when it is `today`.
    pub(crate) fn judge(&self, answer: &Answer, today: Date) -> Result<(), Error> {
        let question = || self.id.clone();
        if answer.is_empty() && self.required {
            return Err(Error::Missing { question: question() });
        }
        match (&self.kind, answer) {
            (_, Answer::Nothing) => Ok(()),
            (_, Answer::Text(text)) if text.is_empty() => Ok(()),
            (Kind::Text(length), Answer::Text(text)) => self.text(text, *length, false),
            (Kind::LongText { length, .. }, Answer::Text(text)) => self.text(text, *length, true),
            (Kind::Select(options), Answer::Text(text)) => self.offered(text, options),
            (Kind::MultiText { length, least }, Answer::List(entries)) => {
                self.entries(entries, *least, MOST_ENTRIES)?;
                entries.iter().try_for_each(|entry| match entry.is_empty() {
                    true => Err(Error::TooShort { question: question(), length: 0, least: 1 }),
                    false => self.text(entry, *length, false),
                })
            }
            (Kind::MultiSelect { options, least }, Answer::List(entries)) => {
                self.entries(entries, *least, options.len())?;
                entries.iter().try_for_each(|entry| self.offered(entry, options))
            }
            (Kind::Date { earliest, latest }, Answer::Day(day)) => {
                let (earliest, latest) =
                    (earliest.map(|day| day.on(today)), latest.map(|day| day.on(today)));
                match (earliest, latest) {
                    (Some(earliest), _) if *day < earliest => {
                        Err(Error::TooEarly { question: question(), day: *day, earliest })
                    }
                    (_, Some(latest)) if *day > latest => {
                        Err(Error::TooLate { question: question(), day: *day, latest })
                    }
                    _ => Ok(()),
                }
            }
            (Kind::Number { least, most, .. }, Answer::Number(number)) => match (least, most) {
                (Some(least), _) if number < least => {
                    Err(Error::TooSmall { question: question(), number: *number, least: *least })
                }
                (_, Some(most)) if number > most => {
                    Err(Error::TooLarge { question: question(), number: *number, most: *most })
                }
                _ => Ok(()),
            },
            (Kind::Boolean, Answer::Truth(_)) => Ok(()),
            _ => Err(Error::WrongKind { question: question(), expected: self.kind.expected() }),
        }
    }

    fn text(&self, text: &str, length: Length, lines: bool) -> Result<(), Error> {
        let question = || self.id.clone();
        let allowed = |letter: char| lines && matches!(letter, '\n' | '\r' | '\t');
        if text.chars().any(|letter| letter.is_control() && !allowed(letter)) {
            return Err(Error::Control { question: question() });
        }
        let count = text.chars().count();
        if count < length.least {
            return Err(Error::TooShort {
                question: question(),
                length: count,
                least: length.least,
            });
        }
        if count > length.most {
            return Err(Error::TooLong { question: question(), length: count, most: length.most });
        }
        Ok(())
    }

    fn offered(&self, text: &str, options: &[Choice]) -> Result<(), Error> {
        if options.iter().any(|option| option.value == text) {
            return Ok(());
        }
        Err(Error::NotAnOption {
            question: self.id.clone(),
            choice: shortened(text),
            options: options.iter().map(|option| option.value.clone()).collect(),
        })
    }

    fn entries(&self, entries: &[String], least: usize, most: usize) -> Result<(), Error> {
        let (question, count) = (self.id.clone(), entries.len());
        // First, so that looking for repetitions takes no time to speak of.
        if count > most.max(MOST_ENTRIES) {
            return Err(Error::TooMany { question, count, most });
        }
        let again = entries.iter().enumerate().find(|(index, one)| entries[..*index].contains(one));
        if let Some((_, entry)) = again {
            return Err(Error::Repeated { question, entry: shortened(entry) });
        }
        // Nothing at all is no answer, and whether that will do is said by `required`.
        if count < least && (count > 0 || self.required) {
            return Err(Error::TooFew { question, count, least });
        }
        Ok(())
    }

    /// The question as clients are shown it when it is `today`; days that move are days of the
    /// calendar.
    pub fn describe(&self, today: Date) -> Value {
        let mut validation = Map::new();
        let mut shown = json!({
            "id": self.id,
            "step": self.step,
            "prompt": self.prompt,
            "type": self.kind.name(),
            "required": self.required,
            "options": self.kind.options().iter().map(Choice::describe).collect::<Vec<_>>(),
            "default": self.default.as_ref().map(|default| default.on(today).to_json()),
            "placeholder": self.placeholder,
            "help": self.help,
        });
        match &self.kind {
            Kind::Text(length) => length.describe(&mut validation),
            Kind::LongText { length, rows } => {
                length.describe(&mut validation);
                shown["rows"] = json!(rows);
            }
            Kind::MultiText { length, least } => {
                length.describe(&mut validation);
                validation.insert("min_selections".into(), (*least).into());
            }
            Kind::MultiSelect { least, .. } => {
                validation.insert("min_selections".into(), (*least).into());
            }
            Kind::Date { earliest, latest } => {
                for (name, day) in [("min_date", earliest), ("max_date", latest)] {
                    if let Some(day) = day {
                        validation.insert(name.into(), day.on(today).to_string().into());
                    }
                }
            }
            Kind::Number { least, most, unit } => {
                for (name, bound) in [("min", least), ("max", most)] {
                    if let Some(bound) = bound {
                        validation.insert(name.into(), json_number(*bound));
                    }
                }
                shown["unit"] = json!(unit);
            }
            Kind::Select(_) | Kind::Boolean => {}
        }
        shown["validation"] = validation.into();
        shown
    }
}

impl Length {
    fn describe(self, validation: &mut Map<String, Value>) {
        validation.insert("min_length".into(), self.least.into());
        validation.insert("max_length".into(), self.most.into());
    }
}

impl Choice {
    fn describe(&self) -> Value {
        json!({
            "value": self.value,
            "label": self.label,
            "description": self.description,
            "tools": self.tools,
        })
    }
}

impl Kind {
    /// Its name in definitions.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::LongText { .. } => "long_text",
            Self::Select(_) => "select",
            Self::MultiText { .. } => "multi_text",
            Self::MultiSelect { .. } => "multi_select",
            Self::Date { .. } => "date",
            Self::Number { .. } => "number",
            Self::Boolean => "boolean",
        }
    }

    /// What kind of value conditions see.
    pub fn value(&self) -> Type {
        match self {
            Self::Text(_) | Self::LongText { .. } | Self::Select(_) => Type::Text,
            Self::MultiText { .. } | Self::MultiSelect { .. } => Type::List,
            Self::Date { .. } => Type::Day,
            Self::Number { .. } => Type::Number,
            Self::Boolean => Type::Truth,
        }
    }

    /// What may be chosen; nothing for kinds without options.
    pub fn options(&self) -> &[Choice] {
        match self {
            Self::Select(options) | Self::MultiSelect { options, .. } => options,
            _ => &[],
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::LongText { .. } => "a text, with line breaks if need be",
            Self::Select(_) => "the value of one option",
            Self::MultiText { .. } => "a list of texts, or texts separated by commas",
            Self::MultiSelect { .. } => "a list of the values of options",
            Self::Date { .. } => "a day, as 2026-12-01",
            Self::Number { .. } => "a number",
            Self::Boolean => "true or false",
        }
    }
}
