//! Values as k6 reads them from a script and a configuration file: numbers that may be text,
//! lengths that may be numbers, and everything else as it is.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value};

use super::duration;
use super::source::Reader;

/// The most virtual users: more than one process can hold.
pub(super) const MOST_VUS: u32 = 10_000_000;

impl Reader<'_> {
    /// `true` or `false`, nothing else.
    pub(super) fn bool(&mut self, path: &str, value: &Value) -> Option<bool> {
        match value {
            Value::Null => None,
            Value::Bool(value) => Some(*value),
            other => {
                self.mistyped(path, other, "true or false", "write `true` or `false`, unquoted");
                None
            }
        }
    }

    /// A whole number from 0 on, which may be text; empty text is nothing.
    pub(super) fn whole(&mut self, path: &str, value: &Value, most: u64) -> Option<u64> {
        let number = match value {
            Value::Null => return None,
            Value::Number(number) => number.as_i64().or_else(|| {
                // What comes from JavaScript is a float, also where it is whole.
                let float = number.as_f64()?;
                (float.fract() == 0.0 && float.abs() < 9e15).then_some(float as i64)
            }),
            Value::String(text) if text.is_empty() => return None,
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            self.mistyped(path, value, "a whole number", "write a number without a fraction");
            return None;
        };
        match u64::try_from(number) {
            Ok(number) if number <= most => Some(number),
            Ok(number) => {
                let why = format!("the most is {most}");
                self.wrong(path, &number.to_string(), &why, "write a smaller number");
                None
            }
            Err(_) => {
                let hint = "write a number of at least 0";
                self.wrong(path, &number.to_string(), "it can't be negative", hint);
                None
            }
        }
    }

    /// The same up to what 32 bits hold.
    pub(super) fn count(&mut self, path: &str, value: &Value) -> Option<u32> {
        self.whole(path, value, u32::MAX.into()).and_then(|number| u32::try_from(number).ok())
    }

    /// A number of virtual users.
    pub(super) fn vus(&mut self, path: &str, value: &Value) -> Option<u32> {
        self.whole(path, value, MOST_VUS.into()).and_then(|number| u32::try_from(number).ok())
    }

    /// Text.
    pub(super) fn text(&mut self, path: &str, value: &Value) -> Option<String> {
        match value {
            Value::Null => None,
            Value::String(text) => Some(text.clone()),
            other => {
                self.mistyped(
                    path,
                    other,
                    "text",
                    &format!("write it in quotes: {}", quoted(other)),
                );
                None
            }
        }
    }

    /// A length of time: text, or a number of milliseconds.
    pub(super) fn duration(&mut self, path: &str, value: &Value) -> Option<Duration> {
        const HINT: &str =
            "write a length as '30s', '1m30s' or '500ms', or milliseconds as a number";
        let nanos = match value {
            Value::Null => return None,
            Value::Number(number) => number.as_f64().and_then(duration::milliseconds),
            Value::String(text) => duration::lenient(text),
            _ => None,
        };
        let Some(nanos) = nanos else {
            self.mistyped(path, value, "a length of time", HINT);
            return None;
        };
        let length = u64::try_from(nanos).ok().map(Duration::from_nanos);
        if length.is_none() {
            let found = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            self.wrong(path, &found, "a length of time can't be negative", HINT);
        }
        length
    }

    /// A list.
    pub(super) fn list<'v>(&mut self, path: &str, value: &'v Value) -> Option<&'v [Value]> {
        match value {
            Value::Null => None,
            Value::Array(values) => Some(values),
            other => {
                self.mistyped(path, other, "a list", &format!("write `[{}]`", quoted(other)));
                None
            }
        }
    }

    /// A list of texts.
    pub(super) fn texts(&mut self, path: &str, value: &Value) -> Option<Vec<String>> {
        let values = self.list(path, value)?;
        let texts = values.iter().enumerate().filter_map(|(position, value)| {
            let path = format!("{path}[{position}]");
            if value.is_null() {
                self.mistyped(&path, value, "text", "leave it out");
            }
            self.text(&path, value)
        });
        Some(texts.collect())
    }

    /// An object.
    pub(super) fn object<'v>(
        &mut self,
        path: &str,
        value: &'v Value,
    ) -> Option<&'v Map<String, Value>> {
        match value {
            Value::Null => None,
            Value::Object(object) => Some(object),
            other => {
                self.mistyped(path, other, "an object", "write `{ name: value }`");
                None
            }
        }
    }

    /// An object of texts; one that is nothing is empty text.
    pub(super) fn named_texts(
        &mut self,
        path: &str,
        value: &Value,
    ) -> Option<BTreeMap<String, String>> {
        let object = self.object(path, value)?;
        let texts = object.iter().filter_map(|(name, value)| {
            let text = match value {
                Value::Null => Some(String::new()),
                value => self.text(&format!("{path}.{name}"), value),
            };
            Some((name.clone(), text?))
        });
        Some(texts.collect())
    }
}

/// A value in quotes, as JavaScript has it.
fn quoted(value: &Value) -> String {
    match value {
        Value::String(text) => format!("'{text}'"),
        Value::Number(_) | Value::Bool(_) => format!("'{value}'"),
        _ => "'…'".to_owned(),
    }
}
