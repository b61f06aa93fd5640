//! Operators and formats: numbers that are known are computed, texts are put together.

use ruff_python_ast::{Expr, Operator};
use serde_json::Value as Json;

use crate::evaluate::{LONGEST, MOST_ELEMENTS, dollar};
use crate::interpreter::Interpreter;
use crate::value::{Value, joined};

impl<'a> Interpreter<'_, 'a> {
    /// `left operator right`.
    pub(crate) fn binary(
        &mut self,
        left: Value<'a>,
        operator: Operator,
        right: Value<'a>,
        expression: &'a Expr,
        hint: &str,
    ) -> Value<'a> {
        let numbers = left.constant().zip(right.constant());
        if let Some((Json::Number(a), Json::Number(b))) = &numbers {
            return arithmetic(a, operator, b).unwrap_or_else(|| self.unsaid(expression));
        }
        match (operator, self.data(&left, hint), self.data(&right, hint)) {
            (Operator::Add, Ok(Json::String(a)), Ok(Json::String(b))) => match joined(&a, &b) {
                Some(text) if text.len() <= LONGEST => Value::Data(Json::String(text)),
                _ => dollar(),
            },
            (Operator::Add, Ok(Json::Array(mut a)), Ok(Json::Array(b))) => {
                a.extend(b);
                match a.len() <= MOST_ELEMENTS {
                    true => Value::Data(Json::Array(a)),
                    false => self.unsaid(expression),
                }
            }
            (Operator::Mult, Ok(Json::String(text)), Ok(Json::Number(times))) => {
                match usize::try_from(times.as_i64().unwrap_or(0)) {
                    Ok(times) if text.len().saturating_mul(times) <= LONGEST => {
                        Value::Data(Json::String(text.repeat(times)))
                    }
                    _ => Value::opaque("the text is too long to be written into a plan"),
                }
            }
            (Operator::BitOr, Ok(Json::Object(mut a)), Ok(Json::Object(b))) => {
                a.extend(b);
                Value::Data(Json::Object(a))
            }
            (Operator::Mod, Ok(Json::String(template)), Ok(values)) => {
                self.percent(&template, values).unwrap_or_else(|| self.unsaid(expression))
            }
            (_, Err(reason), _) | (_, _, Err(reason)) => Value::Opaque(reason),
            _ => self.unsaid(expression),
        }
    }

    /// `"/users/%s" % name`, with `%s` and `%d` only.
    fn percent(&mut self, template: &str, values: Json) -> Option<Value<'a>> {
        let mut values = match values {
            Json::Array(values) => values.into_iter(),
            value => vec![value].into_iter(),
        };
        let mut pieces = template.split('%');
        let mut text = pieces.next()?.to_owned();
        while let Some(piece) = pieces.next() {
            if let Some(rest) = piece.strip_prefix(['s', 'd']) {
                let value = self.piece(&Value::Data(values.next()?), "value").ok()?;
                text = joined(&joined(&text, &value)?, rest)?;
            } else if piece.is_empty() {
                text = format!("{text}%{}", pieces.next()?);
            } else {
                return None;
            }
        }
        values.next().is_none().then_some(Value::Data(Json::String(text)))
    }
}

/// A number with its sign turned.
pub(crate) fn negated(number: &serde_json::Number) -> Value<'static> {
    match number.as_i64().and_then(i64::checked_neg) {
        Some(number) => Value::Data(number.into()),
        None => Value::Data(number.as_f64().map_or(Json::Null, |float| (-float).into())),
    }
}

fn arithmetic<'a>(
    a: &serde_json::Number,
    operator: Operator,
    b: &serde_json::Number,
) -> Option<Value<'a>> {
    if let (Some(a), Some(b)) = (a.as_i64(), b.as_i64()) {
        let whole = match operator {
            Operator::Add => Some(a.checked_add(b)?),
            Operator::Sub => Some(a.checked_sub(b)?),
            Operator::Mult => Some(a.checked_mul(b)?),
            Operator::FloorDiv => Some(a.checked_div_euclid(b).filter(|_| b > 0)?),
            Operator::Mod => Some(a.checked_rem_euclid(b).filter(|_| b > 0)?),
            Operator::Pow => Some(a.checked_pow(u32::try_from(b).ok()?)?),
            _ => None,
        };
        if let Some(whole) = whole {
            return Some(Value::Data(whole.into()));
        }
    }
    let (a, b) = (a.as_f64()?, b.as_f64()?);
    let number = match operator {
        Operator::Add => a + b,
        Operator::Sub => a - b,
        Operator::Mult => a * b,
        Operator::Div => a / b,
        _ => return None,
    };
    number.is_finite().then(|| Value::Data(number.into()))
}

/// A literal number written with a format such as `05d`, `d` or `.2f`.
pub(crate) fn formatted(value: &Value<'_>, spec: &str) -> Option<String> {
    let constant = value.constant()?;
    if let Some(places) = spec.strip_prefix('.').and_then(|spec| spec.strip_suffix('f')) {
        let places: usize = places.parse().ok().filter(|places| *places <= 12)?;
        return Some(format!("{:.places$}", constant.as_f64()?));
    }
    let width = spec.strip_suffix('d').unwrap_or(spec);
    let number = constant.as_i64()?;
    let fill = width.strip_prefix('0');
    let width: usize = match fill.unwrap_or(width) {
        "" => 0,
        digits => digits.parse().ok().filter(|width| *width <= 32)?,
    };
    Some(match fill {
        Some(_) => format!("{number:0width$}"),
        None => format!("{number:width$}"),
    })
}
