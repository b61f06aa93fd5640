//! What is compared of a run, as JSON that is the same whenever the behaviour is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::engine::Ran;
use super::script::{Script, WHAT};

/// Metrics whose samples follow the clock, not the script.
const BY_THE_CLOCK: &[&str] = &["vus", "vus_max", "data_sent", "data_received"];

/// Metrics that a script does not make; their values are times.
const BUILT_IN: &[&str] = &[
    "vus",
    "vus_max",
    "iterations",
    "iteration_duration",
    "dropped_iterations",
    "checks",
    "group_duration",
    "http_",
    "ws_",
    "grpc_",
    "data_",
    "browser_",
];

/// Everything the script's head asks for.
pub(super) fn of(ran: &Ran, script: &Script) -> Value {
    let mut observed = Map::new();
    for what in WHAT.iter().filter(|what| script.compares(what)) {
        let value = match *what {
            "exit" => json!(ran.exit),
            "counts" => ran.counts["requests"].clone(),
            "connections" => ran.counts["connections"].clone(),
            "metrics" => metrics(&ran.points, &ran.summary),
            "values" => values(&ran.summary),
            "checks" => checks(&ran.summary),
            "groups" => json!(walk(&ran.summary["root_group"]).0),
            "thresholds" => thresholds(&ran.summary),
            "tags" => tags(&ran.points, script),
            "console" => json!(console(&ran.stderr)),
            "lines" => {
                let mut lines = console(&ran.stderr);
                lines.sort();
                json!(lines)
            }
            "stdout" => json!(ran.stdout.trim_end().lines().collect::<Vec<_>>()),
            "json" => serde_json::from_str(&ran.stdout).unwrap_or(Value::Null),
            "files" => {
                ran.files.iter().map(|(name, text)| (name.clone(), file(name, text))).collect()
            }
            _ => json!(rows(&ran.stdout)),
        };
        observed.insert((*what).to_owned(), value);
    }
    let said = format!("{}{}", ran.stderr, ran.stdout).to_lowercase();
    let unsaid: Vec<&String> =
        script.says.iter().filter(|word| !said.contains(&word.to_lowercase())).collect();
    if !script.says.is_empty() {
        observed.insert("unsaid".to_owned(), json!(unsaid));
    }
    let mut observed = Value::Object(observed);
    name(&mut observed, &ran.names);
    observed
}

/// Replaces what belongs to this run alone by what it stands for, in every text.
fn name(value: &mut Value, names: &[(String, String)]) {
    match value {
        Value::String(text) => {
            for (from, to) in names {
                if text.contains(from.as_str()) {
                    *text = text.replace(from.as_str(), to);
                }
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| name(value, names)),
        Value::Object(values) => values.values_mut().for_each(|value| name(value, names)),
        _ => {}
    }
}

/// The lines of `--out json` that are samples.
fn points(lines: &str) -> impl Iterator<Item = Value> {
    let values = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    values.filter(|value| value["type"] == "Point")
}

/// Kind and number of samples of each metric; the sum of a counter, the two sides of a rate.
fn metrics(lines: &str, summary: &Value) -> Value {
    let mut kinds: BTreeMap<String, Value> = BTreeMap::new();
    for line in lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(metric) = line["metric"].as_str().filter(|it| !BY_THE_CLOCK.contains(it)) else {
            continue;
        };
        let kind = kinds.entry(metric.to_owned()).or_insert_with(|| json!({ "samples": 0 }));
        if line["type"] == "Metric" {
            kind["type"] = line["data"]["type"].clone();
            kind["contains"] = line["data"]["contains"].clone();
            continue;
        }
        let value = line["data"]["value"].as_f64().unwrap_or(f64::NAN);
        let add = |kind: &mut Value, field: &str, value: f64| {
            kind[field] = number(kind[field].as_f64().unwrap_or(0.0) + value);
        };
        add(kind, "samples", 1.0);
        match kind["type"].as_str() {
            Some("counter") => add(kind, "sum", value),
            Some("rate") if value == 0.0 => add(kind, "fails", 1.0),
            Some("rate") => add(kind, "passes", 1.0),
            _ => {}
        }
    }
    let submetrics = summary["metrics"].as_object().into_iter().flat_map(Map::keys);
    let submetrics: BTreeSet<&String> = submetrics.filter(|name| name.contains('{')).collect();
    let mut result: Map<String, Value> = kinds.into_iter().collect();
    if !submetrics.is_empty() {
        result.insert("submetrics".to_owned(), json!(submetrics));
    }
    Value::Object(result)
}

/// A number, whole where it is.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 && value.abs() < 1e15 { json!(value as i64) } else { json!(value) }
}

/// What the summary says of the script's own metrics.
fn values(summary: &Value) -> Value {
    let own = |name: &str| !BUILT_IN.iter().any(|built_in| name.starts_with(built_in));
    let metrics = summary["metrics"].as_object().into_iter().flatten();
    let mut result = BTreeMap::new();
    for (name, figures) in metrics.filter(|(name, _)| own(name)) {
        let mut figures = figures.clone();
        if let Some(figures) = figures.as_object_mut() {
            figures.remove("thresholds");
            // A rate is by the second, except that of a Rate, which is called `value`.
            figures.remove("rate");
            figures.sort_keys();
        }
        result.insert(name.clone(), figures);
    }
    json!(result)
}

fn checks(summary: &Value) -> Value {
    json!(walk(&summary["root_group"]).1)
}

/// The paths of all groups, and passes and fails of all checks by path.
fn walk(group: &Value) -> (BTreeSet<String>, BTreeMap<String, (u64, u64)>) {
    let (mut groups, mut checks) = (BTreeSet::new(), BTreeMap::new());
    for check in group["checks"].as_object().into_iter().flat_map(Map::values) {
        let count = |field: &str| check[field].as_u64().unwrap_or(u64::MAX);
        let path = check["path"].as_str().unwrap_or("a check without a path");
        checks.insert(path.to_owned(), (count("passes"), count("fails")));
    }
    for inner in group["groups"].as_object().into_iter().flat_map(Map::values) {
        groups.extend(inner["path"].as_str().map(str::to_owned));
        let (more, theirs) = walk(inner);
        groups.extend(more);
        checks.extend(theirs);
    }
    (groups, checks)
}

/// What a file says; of a table of samples, its columns and how many there are of each metric.
fn file(name: &str, text: &str) -> Value {
    if !name.ends_with(".csv") {
        return json!(text.lines().map(timeless).collect::<Vec<_>>());
    }
    let mut lines = text.lines();
    let columns = lines.next().unwrap_or_default();
    let mut rows: BTreeMap<&str, u64> = BTreeMap::new();
    for metric in lines.filter_map(|line| line.split(',').next()) {
        if !BY_THE_CLOCK.contains(&metric) {
            *rows.entry(metric).or_default() += 1;
        }
    }
    json!({ "columns": columns, "rows": rows })
}

/// A line of a file; of one that is a log's, all but when.
fn timeless(line: &str) -> Value {
    match serde_json::from_str::<Map<String, Value>>(line) {
        Ok(mut entry) if entry.contains_key("level") => {
            entry.remove("time");
            Value::Object(entry)
        }
        _ => Value::from(line),
    }
}

/// Whether each threshold was crossed, by metric.
fn thresholds(summary: &Value) -> Value {
    let metrics = summary["metrics"].as_object().into_iter().flatten();
    let judged = metrics.filter_map(|(name, metric)| {
        Some((name.clone(), metric["thresholds"].as_object()?.clone()))
    });
    let sorted = judged.map(|(name, thresholds)| {
        (name, thresholds.into_iter().collect::<BTreeMap<String, Value>>())
    });
    json!(sorted.collect::<BTreeMap<_, _>>())
}

/// Every combination of tags that a metric's samples had.
fn tags(lines: &str, script: &Script) -> Value {
    let mut seen: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for point in points(lines) {
        let Some(metric) = point["metric"].as_str().filter(|it| !["vus", "vus_max"].contains(it))
        else {
            continue;
        };
        let pairs = |value: &Value| {
            let pairs: BTreeMap<String, String> = value
                .as_object()
                .into_iter()
                .flatten()
                .filter(|(key, _)| !script.varies.contains(&format!("tag:{key}")))
                .map(|(key, value)| (key.clone(), value.as_str().unwrap_or("?").to_owned()))
                .collect();
            pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
        };
        let mut text = pairs(&point["data"]["tags"]);
        if point["data"]["metadata"].is_object() {
            text = format!("{text}; {}", pairs(&point["data"]["metadata"]));
        }
        seen.entry(metric.to_owned()).or_default().insert(text);
    }
    // What an HTTP metric has, all have; one of them says it.
    let all = seen.get("http_reqs").cloned().unwrap_or_default();
    seen.retain(|metric, tags| {
        !(metric.starts_with("http_req") && metric != "http_reqs" && *tags == all)
    });
    json!(seen)
}

/// What the script wrote with `console`: level and text.
fn console(stderr: &str) -> Vec<String> {
    let lines = stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let by_script = lines.filter(|line| line["source"] == "console");
    let text = |line: &Value, field: &str| line[field].as_str().unwrap_or("?").to_owned();
    by_script.map(|line| format!("{} {}", text(&line, "level"), text(&line, "msg"))).collect()
}

/// The rows of a summary: what each is about and which figures it has, not what they are.
fn rows(stdout: &str) -> Vec<String> {
    let row = |line: &str| {
        let (label, figures) = line.split_once(": ")?;
        let label = label.trim().trim_end_matches('.');
        let figures: Vec<&str> = figures
            .split_whitespace()
            .filter_map(|figure| figure.split_once('='))
            .map(|(name, _)| name)
            .collect();
        (!label.is_empty()).then(|| [&[label], &figures[..]].concat().join(" "))
    };
    stdout.lines().filter_map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const POINTS: &str = r#"{"type":"Metric","data":{"type":"counter","contains":"default"},"metric":"http_reqs"}
{"metric":"http_reqs","type":"Point","data":{"value":1,"tags":{"url":"http://127.0.0.1:9/x","a":"1"}}}
{"metric":"http_reqs","type":"Point","data":{"value":1,"tags":{"url":"http://127.0.0.1:9/x","a":"1"}}}
{"metric":"http_req_waiting","type":"Point","data":{"value":1,"tags":{"a":"1","url":"http://127.0.0.1:9/x"}}}
{"metric":"vus","type":"Point","data":{"value":1,"tags":{}}}
"#;

    #[test]
    fn samples_become_counts_and_sets_of_tags() {
        let counted = metrics(POINTS, &json!({"metrics": {"http_reqs{a:1}": {}}}));
        assert_eq!(counted["http_reqs"]["samples"], 2);
        assert_eq!(counted["http_reqs"]["sum"], 2);
        assert_eq!(counted["submetrics"], json!(["http_reqs{a:1}"]));
        assert!(counted.get("vus").is_none());
        let mut tags = tags(POINTS, &Script::default());
        name(&mut tags, &[("http://127.0.0.1:9".to_owned(), "{HTTP}".to_owned())]);
        assert_eq!(tags, json!({"http_reqs": ["a=1, url={HTTP}/x"]}));
    }

    #[test]
    fn a_summary_becomes_checks_groups_thresholds_and_own_values() {
        let summary = json!({
            "root_group": {"checks": {}, "groups": {"g": {"path": "::g", "groups": {},
                "checks": {"c": {"path": "::g::c", "passes": 1, "fails": 2}}}}},
            "metrics": {"mine": {"rate": 5, "count": 3, "thresholds": {"count>1": false}},
                "http_reqs": {"count": 1}},
        });
        assert_eq!(checks(&summary), json!({"::g::c": [1, 2]}));
        assert_eq!(json!(walk(&summary["root_group"]).0), json!(["::g"]));
        assert_eq!(thresholds(&summary), json!({"mine": {"count>1": false}}));
        assert_eq!(values(&summary), json!({"mine": {"count": 3}}));
    }

    #[test]
    fn what_is_written_is_read() {
        let log = "{\"level\":\"info\",\"msg\":\"hi\",\"source\":\"console\"}\nnoise\n{\"level\":\"error\",\"msg\":\"x\"}\n";
        assert_eq!(console(log), ["info hi"]);
        let summary =
            "  █ TOTAL RESULTS\n\n    http_reqs....: 6  65/s\n    a_trend...: avg=1ms min=2ms\n";
        assert_eq!(rows(summary), ["http_reqs", "a_trend avg min"]);
    }
}
