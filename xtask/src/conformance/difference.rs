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
        (Value::Array(one), Value::Array(other)) if is_set(one) && is_set(other) => {
            // Sorted texts: what only one side has is all that has to be said.
            let less: Vec<&Value> = one.iter().filter(|it| !other.contains(it)).collect();
            let more: Vec<&Value> = other.iter().filter(|it| !one.contains(it)).collect();
            if !less.is_empty() || !more.is_empty() {
                let text = |values: &[&Value]| {
                    let text = values.iter().map(|it| it.to_string()).collect::<Vec<_>>().join(" ");
                    if text.is_empty() { "nothing more".to_owned() } else { text }
                };
                found.push(Difference { at, theirs: text(&less), ours: text(&more), wanted: None });
            }
        }
        _ if theirs == ours => {}
        _ => found.push(difference(at, theirs, ours)),
    }
}

/// Whether an array is sorted texts, none twice.
fn is_set(values: &[Value]) -> bool {
    let texts: Option<Vec<&str>> = values.iter().map(Value::as_str).collect();
    texts.is_some_and(|texts| texts.windows(2).all(|two| two[0] < two[1]))
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
        let expected = ["exit", "counts.GET /b", "counts.GET /c", "console"];
        assert_eq!(places(theirs, ours, &script), expected);
    }

    #[test]
    fn of_sets_only_what_one_side_lacks_is_said() {
        let found =
            between(&json!({"t": ["a", "b"]}), &json!({"t": ["a", "c"]}), &Script::default());
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
