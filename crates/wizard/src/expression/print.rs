//! An expression as text: brackets only where the grammar needs them.

use std::fmt::{self, Display};

use super::tree::{Form, Literal, Node, Shift};

/// How tightly a form binds; a part that binds less than its place asks for is bracketed.
fn tightness(form: &Form) -> u8 {
    match form {
        Form::Implies(..) => 0,
        Form::Any(_) => 1,
        Form::All(_) => 2,
        Form::Not(_) => 3,
        Form::Compare(..) | Form::In(..) => 4,
        Form::Shift(..) => 5,
        _ => 6,
    }
}

struct Part<'n>(&'n Node, u8);

impl Display for Part<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(node, least) = self;
        if tightness(&node.form) < *least {
            write!(formatter, "({node})")
        } else {
            write!(formatter, "{node}")
        }
    }
}

impl Display for Node {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.form {
            Form::Literal(literal) => literal.fmt(formatter),
            Form::List(texts) => {
                formatter.write_str("[")?;
                for (index, text) in texts.iter().enumerate() {
                    formatter.write_str(if index == 0 { "" } else { ", " })?;
                    quote(formatter, text)?;
                }
                formatter.write_str("]")
            }
            Form::Today => formatter.write_str("today"),
            Form::Name(name) => formatter.write_str(name),
            Form::Count(name) => write!(formatter, "count({name})"),
            Form::Answered(name) => write!(formatter, "answered({name})"),
            Form::Shift(day, shift, period) => {
                let sign = match shift {
                    Shift::Later => '+',
                    Shift::Earlier => '-',
                };
                write!(formatter, "{} {sign} {period}", Part(day, 5))
            }
            Form::Compare(left, comparison, right) => {
                write!(formatter, "{} {} {}", Part(left, 5), comparison.sign(), Part(right, 5))
            }
            Form::In(item, among) => write!(formatter, "{} in {}", Part(item, 5), Part(among, 5)),
            Form::Not(inner) => write!(formatter, "not {}", Part(inner, 3)),
            Form::All(parts) => joined(formatter, parts, " and ", 3),
            Form::Any(parts) => joined(formatter, parts, " or ", 2),
            Form::Implies(first, second) => {
                write!(formatter, "{} implies {}", Part(first, 1), Part(second, 1))
            }
        }
    }
}

impl Display for Literal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truth(truth) => truth.fmt(formatter),
            Self::Number(number) => number.fmt(formatter),
            Self::Text(text) => quote(formatter, text),
            Self::Day(day) => day.fmt(formatter),
        }
    }
}

fn joined(
    formatter: &mut fmt::Formatter<'_>,
    parts: &[Node],
    word: &str,
    least: u8,
) -> fmt::Result {
    for (index, part) in parts.iter().enumerate() {
        formatter.write_str(if index == 0 { "" } else { word })?;
        Part(part, least).fmt(formatter)?;
    }
    Ok(())
}

fn quote(formatter: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    formatter.write_str("'")?;
    for letter in text.chars() {
        if matches!(letter, '\'' | '\\') {
            formatter.write_str("\\")?;
        }
        write!(formatter, "{letter}")?;
    }
    formatter.write_str("'")
}
