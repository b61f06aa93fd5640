//! Metrics as JSON, in the two shapes k6 has.

use serde_json::{Map, Number, Value, json};

use super::Summary;
use super::order::{Entry, entries};
use crate::sink::Sink;
use crate::threshold::Outcome;

/// A number that is whole stays whole; what JSON cannot write is null.
pub(super) fn number(value: f64) -> Value {
    // Up to 2^53 a float tells whole numbers apart.
    if value.fract() == 0.0 && value.abs() < 9_007_199_254_740_992.0 {
        return Value::from(value as i64);
    }
    Number::from_f64(value).map_or(Value::Null, Value::Number)
}

/// `{ name: { type, contains, values, thresholds: { source: { ok } } } }`
pub(super) fn metrics(summary: &Summary<'_>) -> Value {
    let outcomes = summary.thresholds.evaluate(summary.snapshot);
    let one = |entry: Entry| {
        let name = entry.name();
        let mut value = json!({
            "type": entry.metric.kind().name(),
            "contains": entry.metric.contains().name(),
            "values": values(summary, &entry.sink, "rate"),
        });
        let thresholds = thresholds(&outcomes, &name, |passed| json!({ "ok": passed }));
        if let (Some(thresholds), Some(object)) = (thresholds, value.as_object_mut()) {
            object.insert("thresholds".to_owned(), thresholds);
        }
        (name, value)
    };
    entries(summary).into_iter().map(one).collect::<Map<_, _>>().into()
}

/// `{ name: { …values, thresholds: { source: failed } } }`
pub(super) fn exported(summary: &Summary<'_>) -> Value {
    let outcomes = summary.thresholds.evaluate(summary.snapshot);
    let one = |entry: Entry| {
        let name = entry.name();
        let mut object = values(summary, &entry.sink, "value");
        if let Some(thresholds) = thresholds(&outcomes, &name, |passed| Value::Bool(!passed)) {
            object.insert("thresholds".to_owned(), thresholds);
        }
        (name, Value::Object(object))
    };
    entries(summary).into_iter().map(one).collect::<Map<_, _>>().into()
}

fn thresholds(
    outcomes: &[Outcome<'_>],
    name: &str,
    value: impl Fn(bool) -> Value,
) -> Option<Value> {
    let own = outcomes.iter().filter(|outcome| outcome.target.name == name);
    let own: Map<_, _> =
        own.map(|outcome| (outcome.threshold.source.clone(), value(outcome.passed))).collect();
    (!own.is_empty()).then_some(Value::Object(own))
}

fn values(summary: &Summary<'_>, sink: &Sink, share: &str) -> Map<String, Value> {
    let pairs = match sink {
        Sink::Counter(counter) => {
            vec![
                ("count", number(counter.sum)),
                ("rate", number(counter.rate(summary.snapshot.run))),
            ]
        }
        Sink::Gauge(gauge) => {
            vec![
                ("value", number(gauge.value)),
                ("min", number(gauge.min)),
                ("max", number(gauge.max)),
            ]
        }
        Sink::Rate(rate) => vec![
            (share, number(rate.share())),
            ("passes", Value::from(rate.trues)),
            ("fails", Value::from(rate.total - rate.trues)),
        ],
        Sink::Trend(trend) => {
            let values = trend.values();
            let statistics = summary.options.statistics.iter();
            return statistics
                .map(|statistic| (statistic.name.clone(), number(statistic.of(trend, &values))))
                .collect();
        }
    };
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
