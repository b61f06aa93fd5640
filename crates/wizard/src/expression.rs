//! Conditions and rules: a small language over a wizard's answers, read, checked and evaluated.
//!
//! ```text
//! approval_required == true
//! 'paid_ads' in channels implies budget > 0
//! launch_date >= today + 7 days and not (count(channels) == 1)
//! ```
//!
//! An [`Expression`] is what was written, a [`Condition`] is one that was checked against the
//! questions it speaks of. Evaluation is total: it ends, it cannot fail, and a question that was not
//! answered makes every comparison with it false (so `!=` and `not in`, which are their opposites,
//! are true). There are no loops, no variables and no calls but `count` and `answered`; length, depth
//! and size are bounded before anything is evaluated.

mod check;
mod evaluate;
mod parse;
mod print;
mod token;
mod tree;

pub(crate) use parse::limit;
pub(crate) use token::{Placed, Token, cut};
pub(crate) use tree::{Comparison, Form, Literal, Node, Shift};

pub use check::{Names, Type};
pub use evaluate::Facts;
pub use parse::{DEEPEST, KEYWORDS, MOST_NODES};
pub use token::LONGEST;

use std::fmt;

/// What is wrong with an expression, and where in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct Fault {
    /// Characters before the place.
    pub at: usize,
    /// Lowercase, no full stop.
    pub reason: String,
    /// What mends it.
    pub hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(at: usize, reason: impl Into<String>) -> Self {
        Self { at, reason: reason.into(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// An expression as it was written. Its text is its canonical form: read again, it is the same.
#[derive(Clone, Debug, PartialEq)]
pub struct Expression(pub(crate) Node);

impl Expression {
    /// Reads an expression.
    ///
    /// # Errors
    /// The first thing that cannot be read.
    pub fn read(text: &str) -> Result<Self, Fault> {
        parse::read(&cut(text)?, text.chars().count()).map(Self)
    }

    /// Holds the expression against what its names are. Every fault is told, not the first only.
    ///
    /// # Errors
    /// Names that are unknown, comparisons that make no sense, values that no answer can have.
    pub fn check(self, names: &Names) -> Result<Condition, Vec<Fault>> {
        let mut faults = Vec::new();
        check::truth(&self.0, names, &mut faults);
        if faults.is_empty() { Ok(Condition(self)) } else { Err(faults) }
    }

    /// The questions it speaks of, each once, in the order they are first named.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.0.walk(&mut |node| {
            if let Form::Name(name) | Form::Count(name) | Form::Answered(name) = &node.form
                && !names.contains(&name.as_str())
            {
                names.push(name.as_str());
            }
        });
        names
    }

    /// Whether it is true of these answers. An expression that was not checked may compare what
    /// cannot be compared: that is false.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        evaluate::truth(&self.0, facts)
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// An expression that was checked: all its names are questions, and its comparisons make sense.
#[derive(Clone, Debug, PartialEq)]
pub struct Condition(Expression);

impl Condition {
    /// Whether it is true of these answers.
    pub fn holds(&self, facts: &Facts<'_>) -> bool {
        self.0.holds(facts)
    }

    /// The expression itself.
    pub fn expression(&self) -> &Expression {
        &self.0
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}
