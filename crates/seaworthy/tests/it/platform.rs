//! Scripts as a team has them, with other machines' names in them and no token, against a hub of six
//! processes: a few names mapped, nothing else changed.

use std::path::Path;

use serde_json::Value;

use crate::house::{Ended, House};
use crate::hub::{Hub, ROLES};

const HEALTH: &str = include_str!("platform/health.js");
const WIZARD: &str = include_str!("platform/wizard.js");
const WORKFLOW: &str = include_str!("platform/workflow.js");

/// A hub that serves those who have no token as the tenant `demo`, and begins a wizard of its own where one
/// is asked for that it does not know.
fn open_hub() -> Hub {
    let demo = Path::new("demo");
    let tenant = ROLES.map(|role| (role, "SEAWORTHY_HUB_ANONYMOUS_TENANT", demo));
    let wizard = Path::new("quick_campaign_v1");
    let default = [("orchestrator", "SEAWORTHY_HUB_DEFAULT_WIZARD", wizard)];
    Hub::start(&[&tenant[..], &default[..]].concat())
}

/// Runs a script against it; how it ended, and its summary.
fn run(hub: &Hub, script: &str) -> (Ended, Value) {
    let house = House::new();
    house.write("script.js", script);
    let hosts = [
        ("gateway-api:10000", "gateway"),
        ("orchestrator:10001", "orchestrator"),
        ("policy-engine:10020", "policy"),
    ]
    .map(|(name, role)| format!("{name}={}", hub.address(role)));
    let mut words = vec!["run", "-q", "--summary-export", "summary.json"];
    for host in &hosts {
        words.extend(["--hosts", host]);
    }
    words.push("script.js");
    let ended = house.run(&words);
    let summary = std::fs::read_to_string(house.root().join("summary.json")).unwrap_or_default();
    (ended, serde_json::from_str(&summary).unwrap_or_default())
}

fn count(summary: &Value, metric: &str) -> f64 {
    summary["metrics"][metric]["count"].as_f64().unwrap_or(0.0)
}

/// Its thresholds held, and it did something.
fn assert_held(name: &str, ended: &Ended, summary: &Value) {
    assert_eq!(ended.code, Some(0), "{name}:\n{}\n{}", ended.stdout, ended.stderr);
    assert!(count(summary, "http_reqs") > 100.0, "{name}: {summary}");
}

#[test]
fn a_teams_scripts_hold_their_own_thresholds() {
    let hub = open_hub();
    for (name, script) in [("health", HEALTH), ("wizard", WIZARD)] {
        let (ended, summary) = run(&hub, script);
        assert_held(name, &ended, &summary);
    }
    let (ended, summary) = run(&hub, WORKFLOW);
    assert_held("workflow", &ended, &summary);
    let started = count(&summary, "workflows_started");
    let completed = count(&summary, "workflows_completed");
    assert!(started > 20.0, "{summary}");
    assert!(completed >= 0.99 * started, "{completed} of {started} workflows were completed");
}
