//! Thresholds as a script says them: an expression, or an object with one.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::options::source::Reader;
use crate::options::values::ThresholdSpec;

pub(super) fn thresholds(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<BTreeMap<String, Vec<ThresholdSpec>>> {
    let object = reader.object(path, value)?;
    let mut thresholds = BTreeMap::new();
    for (metric, value) in object {
        let path = format!("{path}.{metric}");
        let specs: Vec<ThresholdSpec> = match reader.list(&path, value) {
            Some(list) => list
                .iter()
                .enumerate()
                .filter_map(|(position, value)| {
                    threshold(reader, &format!("{path}[{position}]"), value)
                })
                .collect(),
            None => Vec::new(),
        };
        thresholds.insert(metric.clone(), specs);
    }
    Some(thresholds)
}

fn threshold(reader: &mut Reader<'_>, path: &str, value: &Value) -> Option<ThresholdSpec> {
    const FIELDS: &[&str] = &["threshold", "abortOnFail", "delayAbortEval"];
    let object = match value {
        Value::String(text) => {
            return Some(ThresholdSpec { threshold: text.clone(), ..ThresholdSpec::default() });
        }
        Value::Object(object) => object,
        other => {
            let hint = "write 'p(95)<500' or { threshold: 'p(95)<500', abortOnFail: true }";
            reader.mistyped(path, other, "a threshold", hint);
            return None;
        }
    };
    let mut spec = ThresholdSpec::default();
    for (name, value) in object {
        let path = format!("{path}.{name}");
        match name.to_lowercase().as_str() {
            "threshold" => spec.threshold = reader.text(&path, value).unwrap_or_default(),
            "abortonfail" => spec.abort_on_fail = reader.bool(&path, value).unwrap_or_default(),
            "delayaborteval" => spec.delay_abort_eval = reader.duration(&path, value),
            _ => reader.unknown(&path, name, FIELDS),
        }
    }
    Some(spec)
}
