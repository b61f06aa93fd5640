//! What an expression is of given answers. Total: no answer and no expression makes it fail.

use std::borrow::Cow;
use std::cmp::Ordering;

use jiff::civil::Date;

use super::tree::{Comparison, Form, Literal, Node, Shift};
use crate::answer::{Answer, Answers};

/// What an expression speaks of.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What was answered.
    pub answers: &'a Answers,
    /// The day it is.
    pub today: Date,
}

pub(super) fn truth(node: &Node, facts: &Facts<'_>) -> bool {
    match &node.form {
        Form::Answered(name) => facts.answers.get(name).is_some_and(|answer| !answer.is_empty()),
        Form::Compare(left, comparison, right) => {
            compare(&value(left, facts), *comparison, &value(right, facts))
        }
        Form::In(item, among) => match (&*value(item, facts), &*value(among, facts)) {
            (Answer::Text(text), Answer::List(entries)) => entries.contains(text),
            _ => false,
        },
        Form::Not(inner) => !truth(inner, facts),
        Form::All(parts) => parts.iter().all(|part| truth(part, facts)),
        Form::Any(parts) => parts.iter().any(|part| truth(part, facts)),
        Form::Implies(first, second) => !truth(first, facts) || truth(second, facts),
        _ => matches!(*value(node, facts), Answer::Truth(true)),
    }
}

fn value<'v>(node: &'v Node, facts: &Facts<'v>) -> Cow<'v, Answer> {
    let value = match &node.form {
        Form::Name(name) => {
            return facts.answers.get(name).map_or(Cow::Owned(Answer::Nothing), Cow::Borrowed);
        }
        Form::Literal(Literal::Truth(truth)) => Answer::Truth(*truth),
        Form::Literal(Literal::Number(number)) => Answer::Number(*number),
        Form::Literal(Literal::Text(text)) => Answer::Text(text.clone()),
        Form::Literal(Literal::Day(day)) => Answer::Day(*day),
        Form::List(texts) => Answer::List(texts.clone()),
        Form::Today => Answer::Day(facts.today),
        Form::Count(name) => Answer::Number(match facts.answers.get(name) {
            Some(Answer::List(entries)) => entries.len() as f64,
            Some(answer) if !answer.is_empty() => 1.0,
            _ => 0.0,
        }),
        Form::Shift(day, shift, period) => match (&*value(day, facts), shift) {
            (Answer::Day(day), Shift::Later) => Answer::Day(period.after(*day)),
            (Answer::Day(day), Shift::Earlier) => Answer::Day(period.before(*day)),
            _ => Answer::Nothing,
        },
        _ => Answer::Truth(truth(node, facts)),
    };
    Cow::Owned(value)
}

/// Unequal is the opposite of equal, also of what was not answered; everything else is false of it.
fn compare(left: &Answer, comparison: Comparison, right: &Answer) -> bool {
    let order = match (left, right) {
        (Answer::Number(left), Answer::Number(right)) => left.partial_cmp(right),
        (Answer::Day(left), Answer::Day(right)) => Some(left.cmp(right)),
        (Answer::Truth(left), Answer::Truth(right)) if !comparison.orders() => {
            Some(left.cmp(right))
        }
        (Answer::Text(left), Answer::Text(right)) if !comparison.orders() => Some(left.cmp(right)),
        _ => None,
    };
    match comparison {
        Comparison::Equal => order == Some(Ordering::Equal),
        Comparison::Unequal => order != Some(Ordering::Equal),
        Comparison::Less => order == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => order == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
    }
}
