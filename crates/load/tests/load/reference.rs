//! The reference page names every field, metric, error code and finding there is.

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use seaworthy_load::{check, spec};
use serde_json::{Value, json};

use crate::world::{Trial, World};

fn page() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference/flows.md");
    std::fs::read_to_string(path).unwrap()
}

/// Every name under `properties`, at any depth.
fn properties(schema: &Value, names: &mut BTreeSet<String>) {
    match schema {
        Value::Object(fields) => {
            if let Some(Value::Object(properties)) = fields.get("properties") {
                names.extend(properties.keys().cloned());
            }
            fields.values().for_each(|field| properties(field, names));
        }
        Value::Array(items) => items.iter().for_each(|item| properties(item, names)),
        _ => {}
    }
}

fn fields<T: JsonSchema>() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    properties(&json!(schemars::schema_for!(T)), &mut names);
    names
}

#[test]
fn every_field_is_described() {
    let page = page();
    let mut names = fields::<spec::Flow>();
    names.extend(fields::<spec::Routine>());
    names.extend(fields::<spec::Load>());
    names.extend(fields::<spec::Data>());
    assert!(names.len() > 30, "{names:?}");
    for name in names {
        let named = page.contains(&format!("`{name}`")) || page.contains(&format!(".{name}`"));
        // Two fields of small objects are shown in an example of their parent.
        assert!(named || page.contains(&format!("{name}: ")), "`{name}` is not described");
    }
    for name in check::BUILT_IN {
        assert!(page.contains(&format!("`{name}`")), "`{name}` is not described");
    }
}

#[test]
fn every_error_code_is_described() {
    let page = page();
    for code in seaworthy_net::Error::CODES {
        assert!(page.contains(&format!("`{code}`")), "`{code}` is not described");
    }
    // Every code a source file of this crate writes down.
    let mut codes = BTreeSet::new();
    let mut folders = vec![format!("{}/src", env!("CARGO_MANIFEST_DIR"))];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path.to_str().unwrap().to_owned());
                continue;
            }
            let text = std::fs::read_to_string(path).unwrap();
            codes.extend(text.split('"').filter(|part| is_code(part)).map(str::to_owned));
        }
    }
    assert!(codes.len() > 15, "{codes:?}");
    for code in codes {
        assert!(page.contains(&format!("`{code}`")), "`{code}` is not described");
    }
}

fn is_code(text: &str) -> bool {
    text.strip_prefix("load-").is_some_and(|rest| {
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    })
}

#[tokio::test(start_paused = true)]
async fn every_metric_is_described() {
    let world = World::taking(Duration::from_secs(2));
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: GET /, expect: {status: 200}}]}]
load: [{flow: f, executor: constant-arrival-rate, rate: 5, maxVUs: 1, maxBacklog: 1, gracefulStop: 1s}]";
    let done = Trial::new(&world, yaml, Duration::from_secs(5)).run().await;
    let page = page();
    let page = page.split("\n## ").find(|section| section.starts_with("Metrics")).unwrap();
    let metrics: BTreeSet<&str> =
        done.timeline.series().map(|(key, _)| key.metric.as_str()).collect();
    assert_eq!(metrics.len(), 22, "{metrics:?}");
    for (key, _) in done.timeline.series() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{}` |", key.metric)));
        let row = row.unwrap_or_else(|| panic!("`{}` is not described", key.metric));
        let tags: Vec<&str> = row.split('|').nth(3).unwrap().split(',').map(str::trim).collect();
        let mut carried: Vec<&str> = key.tags.keys().map(String::as_str).collect();
        carried.sort_unstable();
        let mut described = tags.clone();
        described.sort_unstable();
        assert_eq!(carried, described, "{}", key.metric);
    }
}
