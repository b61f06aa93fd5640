//! Reads one comparison: an aggregation, an operator, a number.

use std::str::FromStr;

use super::{Aggregation, Expression, Operator};
use crate::Error;

const FORM: &str = "write an aggregation, an operator and a number, as `p(95)<500`";

impl FromStr for Expression {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        read(text).map_err(|refusal| Error::Threshold {
            text: text.to_owned(),
            column: text.get(..refusal.at).map_or(0, |before| before.chars().count()) + 1,
            reason: refusal.reason,
            hint: refusal.hint,
        })
    }
}

/// What is wrong, and the byte at which it is.
struct Refusal {
    at: usize,
    reason: String,
    hint: String,
}

fn refuse(at: usize, reason: impl Into<String>, hint: impl Into<String>) -> Refusal {
    Refusal { at, reason: reason.into(), hint: hint.into() }
}

fn read(text: &str) -> Result<Expression, Refusal> {
    let sign = text.find(['<', '>', '=', '!']);
    let sign = sign.ok_or_else(|| refuse(text.len(), "it compares nothing", FORM))?;
    let (left, rest) = text.split_at(sign);
    let aggregation = aggregation(left)?;
    let end = rest.find(|letter| !"<>=!".contains(letter)).unwrap_or(rest.len());
    let (operator, right) = rest.split_at(end);
    let operator = match operator {
        ">" => Operator::Greater,
        ">=" => Operator::GreaterOrEqual,
        "<" => Operator::Less,
        "<=" => Operator::LessOrEqual,
        "==" | "===" => Operator::Equal,
        "!=" => Operator::NotEqual,
        other => {
            let hint = match other {
                "=" => "write `==` to ask for equality",
                "=>" => "write `>=`",
                "=<" => "write `<=`",
                "<>" | "!==" => "write `!=`",
                _ => "the operators are `>`, `>=`, `<`, `<=`, `==`, `===` and `!=`",
            };
            return Err(refuse(sign, format!("`{other}` is not an operator"), hint));
        }
    };
    let bound = right.trim();
    let at = sign + end + (right.len() - right.trim_start().len());
    Ok(Expression { aggregation, operator, bound: number(bound, at)? })
}

fn aggregation(left: &str) -> Result<Aggregation, Refusal> {
    let name = left.trim();
    let at = left.len() - left.trim_start().len();
    Ok(match name {
        "count" => Aggregation::Count,
        "rate" => Aggregation::Rate,
        "value" => Aggregation::Value,
        "avg" => Aggregation::Avg,
        "min" => Aggregation::Min,
        "max" => Aggregation::Max,
        "med" => Aggregation::Med,
        "" => return Err(refuse(at, "it does not say what is compared", FORM)),
        _ => match name.strip_prefix("p(").and_then(|inner| inner.strip_suffix(')')) {
            Some(percent) => Aggregation::Percentile(percentile(percent, at + 2)?),
            None => return Err(refuse(at, format!("`{name}` is not an aggregation"), like(name))),
        },
    })
}

/// What was probably meant.
fn like(name: &str) -> String {
    let lower = name.to_lowercase();
    let digits: String =
        lower.chars().filter(|letter| letter.is_ascii_digit() || *letter == '.').collect();
    match lower.as_str() {
        "mean" | "average" => "write `avg`".to_owned(),
        "median" => "write `med`".to_owned(),
        "minimum" => "write `min`".to_owned(),
        "maximum" => "write `max`".to_owned(),
        _ if lower.starts_with('p') && !digits.is_empty() => format!("write `p({digits})`"),
        _ => {
            let names = ["count", "rate", "value", "avg", "min", "max", "med"];
            match seaworthy_document::nearest(&lower, names) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "the aggregations are `count`, `rate`, `value`, `avg`, `min`, `max`, `med` and `p(95)`".to_owned(),
            }
        }
    }
}

fn percentile(text: &str, at: usize) -> Result<f64, Refusal> {
    let percent = decimal(text).filter(|percent| (0.0..=100.0).contains(percent));
    percent.ok_or_else(|| {
        refuse(
            at,
            format!("`{text}` is not a percentile, a number from 0 to 100"),
            "write `p(95)` or `p(99.9)`, without spaces",
        )
    })
}

fn number(text: &str, at: usize) -> Result<f64, Refusal> {
    if text.is_empty() {
        return Err(refuse(at, "the number is missing", FORM));
    }
    let infinite = ["inf", "infinity"].iter().any(|word| {
        text.trim_start_matches(['+', '-']).eq_ignore_ascii_case(word)
            && text.len() <= word.len() + 1
    });
    if infinite {
        return Ok(if text.starts_with('-') { f64::NEG_INFINITY } else { f64::INFINITY });
    }
    decimal(text).ok_or_else(|| {
        let hint = match text {
            _ if text.ends_with("ms") => "times are milliseconds without a unit, as `p(95)<500`",
            _ if text.ends_with('s') => {
                "times are milliseconds without a unit: `p(95)<2000` is 2 s"
            }
            _ if text.ends_with('%') => "shares are numbers from 0 to 1, as `rate<0.01`",
            _ if text.contains("&&") || text.contains("||") => {
                "write one comparison each, as `['avg<200', 'p(95)<500']`"
            }
            _ => FORM,
        };
        refuse(at, format!("`{text}` is not a number"), hint)
    })
}

/// A finite decimal number: sign, digits, point and exponent, with `_` between digits.
fn decimal(text: &str) -> Option<f64> {
    let bytes = text.as_bytes();
    let digit = |at: Option<usize>| {
        at.and_then(|at| bytes.get(at)).is_some_and(|byte| byte.is_ascii_digit())
    };
    let mut plain = String::with_capacity(text.len());
    for (at, &byte) in bytes.iter().enumerate() {
        match byte {
            b'_' if digit(at.checked_sub(1)) && digit(Some(at + 1)) => {}
            b'0'..=b'9' | b'.' | b'+' | b'-' | b'e' | b'E' => plain.push(char::from(byte)),
            _ => return None,
        }
    }
    plain.parse::<f64>().ok().filter(|number| number.is_finite())
}
