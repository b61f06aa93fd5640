//! A script's `thresholds` option: read in all the forms k6 takes, bound to metrics, and written.

use std::time::Duration;

use seaworthy_base::Span;
use serde::ser::{Serialize, SerializeStruct, Serializer};
use serde_json::Value;

use super::{Target, Threshold, Thresholds, selector};
use crate::Error;
use crate::number;
use crate::part::Part;
use crate::registry::{Metric, Registry};

impl Thresholds {
    /// From the option's value: an object from metric (with an optional selector) to a list of
    /// texts and objects `{ threshold, abortOnFail, delayAbortEval }`. Metrics must be defined:
    /// call it after the first init.
    ///
    /// # Errors
    /// Everything that is wrong; the run must not begin (exit code 104).
    pub fn read(value: &Value, registry: &Registry) -> Result<Self, Vec<Error>> {
        let mut errors = Vec::new();
        let mut targets = Vec::new();
        let mut submetrics = 0;
        let object = match value {
            Value::Null => return Ok(Self::default()),
            Value::Object(object) => object,
            _ => {
                let reason = "the option is not an object from metrics to lists".to_owned();
                return Err(vec![Error::Form { metric: "*".to_owned(), reason }]);
            }
        };
        for (name, list) in object {
            let (metric, selector) = match find(name, registry) {
                Ok(found) => found,
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            };
            let part = if selector.is_empty() {
                Part::Whole
            } else {
                submetrics += 1;
                Part::Submetric(submetrics - 1)
            };
            let mut thresholds = Vec::new();
            match list {
                Value::Array(list) => {
                    for one in list {
                        match threshold(name, one, &metric) {
                            Ok(threshold) => thresholds.push(threshold),
                            Err(error) => errors.push(error),
                        }
                    }
                }
                Value::Null => {}
                _ => errors.push(form(name, "it is not a list")),
            }
            let name = selector::canonical(name);
            targets.push(Target { name, metric, part, selector, thresholds });
        }
        if errors.is_empty() { Ok(Self { targets }) } else { Err(errors) }
    }

    /// Selectors that cannot find what they look for, in words: `vu` and `iter` are not tags of a
    /// sample.
    pub fn warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        for target in &self.targets {
            for name in ["vu", "iter"] {
                if target.selector.get(name).is_some() {
                    warnings.push(format!(
                        "no sample has the tag `{name}` of `{}`: `vu` and `iter` are metadata, which thresholds do not see",
                        target.name
                    ));
                }
            }
        }
        warnings
    }
}

fn find(text: &str, registry: &Registry) -> Result<(Metric, crate::TagSet), Error> {
    let (name, selector) = selector::read(text)?;
    let metric = registry.get(name).ok_or_else(|| {
        let all = registry.all();
        let names = all.iter().map(Metric::name);
        Error::UnknownMetric {
            metric: text.to_owned(),
            name: name.to_owned(),
            nearest: seaworthy_document::nearest(name, names).map(str::to_owned),
        }
    })?;
    Ok((metric, selector))
}

fn threshold(name: &str, value: &Value, metric: &Metric) -> Result<Threshold, Error> {
    let (source, abort_on_fail, delay_abort) = match value {
        Value::String(text) => (text.as_str(), false, None),
        Value::Object(object) => {
            let source = match object.get("threshold") {
                None | Some(Value::Null) => "",
                Some(Value::String(text)) => text.as_str(),
                Some(_) => return Err(form(name, "`threshold` is not text")),
            };
            let abort = match object.get("abortOnFail") {
                None | Some(Value::Null) => false,
                Some(Value::Bool(abort)) => *abort,
                Some(_) => return Err(form(name, "`abortOnFail` is not true or false")),
            };
            let delay = match object.get("delayAbortEval") {
                None | Some(Value::Null) => None,
                Some(delay) => Some(duration(delay).ok_or_else(|| {
                    form(name, "`delayAbortEval` is not a duration such as `10s` or 500 (ms)")
                })?),
            };
            (source, abort, delay)
        }
        _ => return Err(form(name, "it is neither text nor an object with `threshold`")),
    };
    let expression: super::Expression = source.parse()?;
    if !expression.aggregation.suits(metric.kind()) {
        return Err(Error::Unsupported {
            metric: name.to_owned(),
            threshold: source.to_owned(),
            aggregation: expression.aggregation.to_string(),
            kind: metric.kind(),
        });
    }
    Ok(Threshold { source: source.to_owned(), expression, abort_on_fail, delay_abort })
}

/// Text with units, or a number of milliseconds.
fn duration(value: &Value) -> Option<Duration> {
    let millis = |number: f64| Duration::try_from_secs_f64(number / 1e3).ok();
    match value {
        Value::Number(number) => millis(number.as_f64()?),
        Value::String(text) => match text.trim().parse::<f64>() {
            Ok(number) => millis(number),
            Err(_) => text.parse::<Span>().ok().map(Span::get),
        },
        _ => None,
    }
}

/// As k6 writes it: text, or an object when its failing ends the run.
impl Serialize for Threshold {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.abort_on_fail {
            return serializer.serialize_str(&self.source);
        }
        let mut object = serializer.serialize_struct("Threshold", 3)?;
        object.serialize_field("threshold", &self.source)?;
        object.serialize_field("abortOnFail", &true)?;
        object.serialize_field("delayAbortEval", &self.delay_abort.map(written))?;
        object.end()
    }
}

/// As `1h0m0s`, `1.5s`, `500ms`.
fn written(duration: Duration) -> String {
    let seconds = duration.as_secs();
    if seconds == 0 {
        return format!("{}ms", number::plain(duration.as_secs_f64() * 1e3));
    }
    let rest = duration - Duration::from_secs(seconds / 60 * 60);
    let rest = number::plain(rest.as_secs_f64());
    match (seconds / 3_600, seconds / 60 % 60) {
        (0, 0) => format!("{rest}s"),
        (0, minutes) => format!("{minutes}m{rest}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{rest}s"),
    }
}

fn form(metric: &str, reason: &str) -> Error {
    Error::Form { metric: metric.to_owned(), reason: reason.to_owned() }
}
