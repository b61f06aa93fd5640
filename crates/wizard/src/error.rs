//! Why an answer, or another step of a session, is refused.

use jiff::civil::Date;

/// Why a step of a session is refused. Nothing was changed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Error {
    /// A question that must be answered was answered with nothing.
    #[error("`{question}` must be answered")]
    Missing {
        /// The question.
        question: String,
    },
    /// The answer is of the wrong kind.
    #[error("`{question}` is answered with {expected}")]
    WrongKind {
        /// The question.
        question: String,
        /// What was expected, in words.
        expected: &'static str,
    },
    /// A text is too short.
    #[error("`{question}` has {length} characters; at least {least} are needed")]
    TooShort {
        /// The question.
        question: String,
        /// How long the text is, in characters.
        length: usize,
        /// The least it may be.
        least: usize,
    },
    /// A text is too long.
    #[error("`{question}` has {length} characters; at most {most} are taken")]
    TooLong {
        /// The question.
        question: String,
        /// How long the text is, in characters.
        length: usize,
        /// The most it may be.
        most: usize,
    },
    /// A text holds a control character.
    #[error("`{question}` holds a control character")]
    Control {
        /// The question.
        question: String,
    },
    /// A choice that is not offered.
    #[error("`{choice}` is not an option of `{question}`")]
    NotAnOption {
        /// The question.
        question: String,
        /// What was chosen, shortened.
        choice: String,
        /// What may be chosen.
        options: Vec<String>,
    },
    /// The same choice or entry twice.
    #[error("`{entry}` is given twice to `{question}`")]
    Repeated {
        /// The question.
        question: String,
        /// The entry, shortened.
        entry: String,
    },
    /// Too few choices or entries.
    #[error("`{question}` has {count} entries; at least {least} are needed")]
    TooFew {
        /// The question.
        question: String,
        /// How many there are.
        count: usize,
        /// The least there may be.
        least: usize,
    },
    /// Too many choices or entries.
    #[error("`{question}` has {count} entries; at most {most} are taken")]
    TooMany {
        /// The question.
        question: String,
        /// How many there are.
        count: usize,
        /// The most there may be.
        most: usize,
    },
    /// A number below its bound.
    #[error("`{question}` is {number}; at least {least} is needed")]
    TooSmall {
        /// The question.
        question: String,
        /// The number.
        number: f64,
        /// The least it may be.
        least: f64,
    },
    /// A number above its bound.
    #[error("`{question}` is {number}; at most {most} is taken")]
    TooLarge {
        /// The question.
        question: String,
        /// The number.
        number: f64,
        /// The most it may be.
        most: f64,
    },
    /// A day before the first that is allowed.
    #[error("`{question}` is {day}; the first day allowed is {earliest}")]
    TooEarly {
        /// The question.
        question: String,
        /// The day.
        day: Date,
        /// The first day allowed.
        earliest: Date,
    },
    /// A day after the last that is allowed.
    #[error("`{question}` is {day}; the last day allowed is {latest}")]
    TooLate {
        /// The question.
        question: String,
        /// The day.
        day: Date,
        /// The last day allowed.
        latest: Date,
    },
    /// A rule of the wizard does not hold.
    #[error("{message}")]
    Rule {
        /// What the definition says of it.
        message: String,
        /// The rule as it was written.
        rule: String,
        /// The questions it speaks of.
        questions: Vec<String>,
    },
    /// The wizard has no such question.
    #[error("the wizard has no question `{question}`")]
    UnknownQuestion {
        /// What was asked for, shortened.
        question: String,
        /// The nearest question there is.
        nearest: Option<String>,
    },
    /// Another question is the next one.
    #[error("the question to be answered now is `{current}`")]
    NotCurrent {
        /// The question to be answered now.
        current: String,
    },
    /// An earlier answer is to be changed that was not given yet.
    #[error("`{question}` was not answered yet")]
    NotYetAnswered {
        /// The question.
        question: String,
    },
    /// All questions are answered.
    #[error("every question is answered")]
    Complete,
    /// Questions are still open.
    #[error("questions that are still open: {open}")]
    Incomplete {
        /// How many.
        open: usize,
    },
    /// Answers that were kept do not fit their definition.
    #[error("the kept answers do not fit the wizard: `{question}`")]
    Unfit {
        /// The question.
        question: String,
    },
}

impl Error {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "wizard.missing",
            Self::WrongKind { .. } => "wizard.wrong_kind",
            Self::TooShort { .. } => "wizard.too_short",
            Self::TooLong { .. } => "wizard.too_long",
            Self::Control { .. } => "wizard.control_character",
            Self::NotAnOption { .. } => "wizard.not_an_option",
            Self::Repeated { .. } => "wizard.repeated",
            Self::TooFew { .. } => "wizard.too_few",
            Self::TooMany { .. } => "wizard.too_many",
            Self::TooSmall { .. } => "wizard.too_small",
            Self::TooLarge { .. } => "wizard.too_large",
            Self::TooEarly { .. } => "wizard.too_early",
            Self::TooLate { .. } => "wizard.too_late",
            Self::Rule { .. } => "wizard.rule_broken",
            Self::UnknownQuestion { .. } => "wizard.unknown_question",
            Self::NotCurrent { .. } => "wizard.not_current",
            Self::NotYetAnswered { .. } => "wizard.not_yet_answered",
            Self::Complete => "wizard.complete",
            Self::Incomplete { .. } => "wizard.incomplete",
            Self::Unfit { .. } => "wizard.unfit",
        }
    }

    /// What the person who answers can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAnOption { options, .. } => {
                Some(format!("choose from {}", options.join(", ")))
            }
            Self::Rule { questions, .. } => Some(format!("change one of {}", questions.join(", "))),
            Self::UnknownQuestion { nearest, .. } => {
                nearest.as_ref().map(|near| format!("did you mean `{near}`?"))
            }
            Self::NotCurrent { .. } | Self::Complete => {
                Some("change an earlier answer with modify".to_owned())
            }
            Self::NotYetAnswered { .. } | Self::Incomplete { .. } => {
                Some("answer the open questions first".to_owned())
            }
            _ => None,
        }
    }

    /// The question it is about, when it is one.
    pub fn question(&self) -> Option<&str> {
        match self {
            Self::Missing { question }
            | Self::WrongKind { question, .. }
            | Self::TooShort { question, .. }
            | Self::TooLong { question, .. }
            | Self::Control { question }
            | Self::NotAnOption { question, .. }
            | Self::Repeated { question, .. }
            | Self::TooFew { question, .. }
            | Self::TooMany { question, .. }
            | Self::TooSmall { question, .. }
            | Self::TooLarge { question, .. }
            | Self::TooEarly { question, .. }
            | Self::TooLate { question, .. }
            | Self::UnknownQuestion { question, .. }
            | Self::NotYetAnswered { question }
            | Self::Unfit { question } => Some(question),
            Self::Rule { .. }
            | Self::NotCurrent { .. }
            | Self::Complete
            | Self::Incomplete { .. } => None,
        }
    }
}

/// A foreign text as an error quotes it.
pub(crate) fn shortened(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(60)
        .map(|letter| if letter.is_control() { ' ' } else { letter })
        .collect();
    if text.chars().nth(60).is_some() {
        short.push('…');
    }
    short
}
