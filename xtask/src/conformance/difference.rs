//! Where two observations differ.

use serde_json::Value;

use super::script::Script;

/// A place where they differ, and what stands there on each side.
#[derive(Debug, PartialEq)]
pub(super) struct Difference {
    /// Names from the outside in, between dots.
    pub(super) at: String,
    pub(super) theirs: String,
    pub(super) ours: String,
    /// Why this is wanted, where the script's head says so.
    pub(super) wanted: Option<String>,
}

/// All of them, in order.
pub(super) fn between(theirs: &Value, ours: &Value, script: &Script) -> Vec<Difference> {
    let mut found = Vec::new();
    walk(String::new(), theirs, ours, script, &mut found);
    for difference in &mut found {
        let declared = script.differs.iter().find(|(what, _)| matches(what, &difference.at));
        difference.wanted = declared.map(|(_, why)| why.clone());
    }
    found
}

fn walk(at: String, theirs: &Value, ours: &Value, script: &Script, found: &mut Vec<Difference>) {
    if script.varies.iter().any(|pattern| matches(pattern, &at)) {
        return;
    }
    match (theirs, ours) {
        (Value::Object(one), Value::Object(other)) => {
            let also = other.keys().filter(|key| !one.contains_key(*key));
            for key in one.keys().chain(also) {
                let next = if at.is_empty() { key.clone() } else { format!("{at}.{key}") };
                let side = |side: &serde_json::Map<String, Value>| {
                    side.get(key).cloned().unwrap_or(Value::Null)
                };
                walk(next, &side(one), &side(other), script, found);
            }
        }
        (Value::Number(one), Value::Number(other)) => {
            let (one, other) = (one.as_f64().unwrap_or(0.0), other.as_f64().unwrap_or(0.0));
            let near = script.near.iter().find(|(what, _)| matches(what, &at));
            let allowed = near.map_or(1e-9, |(_, share)| *share) * one.abs().max(other.abs());
            if (one - other).abs() > allowed {
                found.push(difference(at, theirs, ours));
            }
        }
        (Value::Array(one), Value::Array(other)) if any_order(&at) => {
            // What only one side has is all that has to be said.
            let (less, more) = (without(one, other), without(other, one));
            if !less.is_empty() || !more.is_empty() {
                found.push(Difference { at, theirs: told(&less), ours: told(&more), wanted: None });
            }
        }
        (Value::Array(one), Value::Array(other)) if one.len() == other.len() => {
            for (index, (one, other)) in one.iter().zip(other).enumerate() {
                walk(format!("{at}.{index}"), one, other, script, found);
            }
        }
        _ if theirs == ours => {}
        _ => found.push(difference(at, theirs, ours)),
    }
}

/// Whether the order of a list means nothing.
fn any_order(at: &str) -> bool {
    ["groups", "lines", "tags.*", "metrics.submetrics"].iter().any(|pattern| matches(pattern, at))
}

/// What of `one` is left when each of `other` has taken its like.
fn without<'a>(one: &'a [Value], other: &[Value]) -> Vec<&'a Value> {
    let mut takers: Vec<&Value> = other.iter().collect();
    let mut left = Vec::new();
    for value in one {
        match takers.iter().position(|taker| *taker == value) {
            Some(index) => {
                takers.swap_remove(index);
            }
            None => left.push(value),
        }
    }
    left
}

fn told(values: &[&Value]) -> String {
    match values {
        [] => "nothing more".to_owned(),
        _ => values.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(" "),
    }
}

fn difference(at: String, theirs: &Value, ours: &Value) -> Difference {
    Difference { at, theirs: theirs.to_string(), ours: ours.to_string(), wanted: None }
}

/// Whether a place lies at or below a pattern, in which `*` is any one name.
fn matches(pattern: &str, at: &str) -> bool {
    let mut names = at.split('.');
    pattern.split('.').all(|part| names.next().is_some_and(|name| part == "*" || part == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn places(theirs: Value, ours: Value, script: &Script) -> Vec<String> {
        between(&theirs, &ours, script).into_iter().map(|it| it.at).collect()
    }

    #[test]
    fn every_difference_has_its_place() {
        let script = Script::default();
        let theirs =
            json!({"exit": 0, "counts": {"GET /a": 1, "GET /b": 2}, "console": ["x", "a"]});
        assert!(places(theirs.clone(), theirs.clone(), &script).is_empty());
        let ours = json!({"exit": 99, "counts": {"GET /a": 1, "GET /c": 2}, "console": ["a", "x"]});
        let expected = ["exit", "counts.GET /b", "counts.GET /c", "console.0", "console.1"];
        assert_eq!(places(theirs, ours, &script), expected);
    }

    #[test]
    fn where_order_means_nothing_only_what_one_side_lacks_is_said() {
        let (theirs, ours) = (json!({"lines": ["a", "b", "b"]}), json!({"lines": ["b", "c", "a"]}));
        let found = between(&theirs, &ours, &Script::default());
        assert_eq!((found[0].theirs.as_str(), found[0].ours.as_str()), ("\"b\"", "\"c\""));
    }

    #[test]
    fn near_is_near_and_what_varies_is_left_out() {
        let script = Script {
            near: vec![("counts".to_owned(), 0.1)],
            varies: vec!["tags.*.error".to_owned()],
            differs: vec![("exit".to_owned(), "a reason".to_owned())],
            ..Script::default()
        };
        let theirs =
            json!({"counts": {"a": 100, "b": 100}, "tags": {"m": {"error": "x"}}, "exit": 0});
        let ours =
            json!({"counts": {"a": 109, "b": 112}, "tags": {"m": {"error": "y"}}, "exit": 1});
        let found = between(&theirs, &ours, &script);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].at.as_str(), &found[0].wanted), ("counts.b", &None));
        assert_eq!(found[1].wanted.as_deref(), Some("a reason"));
    }
}
