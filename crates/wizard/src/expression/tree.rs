//! An expression as a tree.

use jiff::civil::Date;

use crate::day::Period;

/// A part of an expression and where it stood. Two are equal when they say the same.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    /// Characters before it.
    pub(crate) at: usize,
    pub(crate) form: Form,
}

/// What a part says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Form {
    Literal(Literal),
    /// Texts in square brackets.
    List(Vec<String>),
    Today,
    /// A question's answer.
    Name(String),
    /// How many entries a question's answer has.
    Count(String),
    /// Whether a question was answered with something.
    Answered(String),
    /// A day moved by a period.
    Shift(Box<Node>, Shift, Period),
    /// Two values against each other.
    Compare(Box<Node>, Comparison, Box<Node>),
    /// Whether a text is among others.
    In(Box<Node>, Box<Node>),
    Not(Box<Node>),
    /// Two or more, joined by `and`.
    All(Vec<Node>),
    /// Two or more, joined by `or`.
    Any(Vec<Node>),
    /// The second holds wherever the first does.
    Implies(Box<Node>, Box<Node>),
}

/// A value that was written out.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Truth(bool),
    Number(f64),
    Text(String),
    Day(Date),
}

/// Later or earlier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shift {
    Later,
    Earlier,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Unequal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

impl Comparison {
    pub(crate) fn sign(self) -> &'static str {
        match self {
            Self::Equal => "==",
            Self::Unequal => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        }
    }

    pub(crate) fn of(sign: &str) -> Option<Self> {
        [
            Self::Equal,
            Self::Unequal,
            Self::Less,
            Self::LessOrEqual,
            Self::Greater,
            Self::GreaterOrEqual,
        ]
        .into_iter()
        .find(|one| one.sign() == sign)
    }

    /// Whether it asks which of two is more.
    pub(crate) fn orders(self) -> bool {
        !matches!(self, Self::Equal | Self::Unequal)
    }
}

impl Node {
    pub(crate) fn new(at: usize, form: Form) -> Self {
        Self { at, form }
    }

    /// Shows every part to `see`, outer parts first.
    pub(crate) fn walk<'n>(&'n self, see: &mut impl FnMut(&'n Self)) {
        see(self);
        match &self.form {
            Form::Shift(inner, ..) | Form::Not(inner) => inner.walk(see),
            Form::Compare(left, _, right) | Form::In(left, right) | Form::Implies(left, right) => {
                left.walk(see);
                right.walk(see);
            }
            Form::All(parts) | Form::Any(parts) => parts.iter().for_each(|part| part.walk(see)),
            Form::Literal(_)
            | Form::List(_)
            | Form::Today
            | Form::Name(_)
            | Form::Count(_)
            | Form::Answered(_) => {}
        }
    }
}

impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form
    }
}
