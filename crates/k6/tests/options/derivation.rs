//! The one scenario that nobody typed.

use seaworthy_k6::options::Flags;
use serde_json::{Value, json};

use crate::{Said, only_scenario, text};

fn flags(flags: Flags) -> Said {
    Said::default().flags(flags)
}

#[test]
fn nothing_said_is_one_iteration() {
    let once = json!({ "executor": "per-vu-iterations" });
    assert_eq!(only_scenario(&Said::default().quietly()), once);
    assert_eq!(only_scenario(&Said::script(json!({})).quietly()), once);
    assert_eq!(only_scenario(&Said::script(json!({ "vus": null })).quietly()), once);
}

#[test]
fn each_way_to_say_how_long_has_its_executor() {
    let stages = json!([{ "duration": "3s", "target": 3 }, { "duration": 1000, "target": "4" }]);
    let shown = json!([{ "duration": "3s", "target": 3 }, { "duration": "1s", "target": 4 }]);
    let cases = [
        (json!({ "duration": "123s" }), json!({ "executor": "constant-vus", "duration": "2m3s" })),
        (
            json!({ "vus": "5", "duration": 10000.5 }),
            json!({ "executor": "constant-vus", "vus": 5, "duration": "10.0005s" }),
        ),
        (json!({ "iterations": 3 }), json!({ "executor": "shared-iterations", "iterations": 3 })),
        (
            json!({ "vus": 2, "iterations": 6, "duration": "10s" }),
            json!({
                "executor": "shared-iterations", "vus": 2, "iterations": 6, "maxDuration": "10s"
            }),
        ),
        (
            json!({ "vus": 8 }),
            json!({ "executor": "shared-iterations", "vus": 8, "iterations": 8 }),
        ),
        (json!({ "stages": stages }), json!({ "executor": "ramping-vus", "stages": shown })),
        (
            json!({ "vus": 7, "stages": stages }),
            json!({ "executor": "ramping-vus", "startVUs": 7, "stages": shown }),
        ),
        (
            json!({ "vus": 0, "stages": stages }),
            json!({ "executor": "ramping-vus", "startVUs": 0, "stages": shown }),
        ),
    ];
    for (options, scenario) in cases {
        assert_eq!(only_scenario(&Said::script(options.clone()).quietly()), scenario, "{options}");
    }
}

#[test]
fn flags_and_variables_say_the_same() {
    let shared = json!({ "executor": "shared-iterations", "vus": 2, "iterations": 6 });
    let said = Flags { vus: text("2"), iterations: text("6"), ..Flags::default() };
    assert_eq!(only_scenario(&flags(said).quietly()), shared);
    let said = Said::default().environment(&[("K6_VUS", "2"), ("K6_ITERATIONS", "6")]);
    assert_eq!(only_scenario(&said.quietly()), shared);
    // A bare number is of milliseconds in a variable, and nothing in a flag.
    let said = Said::default().environment(&[("K6_VUS", "10"), ("K6_DURATION", "10000")]);
    let steady = json!({ "executor": "constant-vus", "vus": 10, "duration": "10s" });
    assert_eq!(only_scenario(&said.quietly()), steady);
    let said = Flags { duration: text("1000"), ..Flags::default() };
    assert_eq!(flags(said).error().code, "k6-option-value");
    let stages =
        json!([{ "duration": "2m30s", "target": 11 }, { "duration": "1h1m0s", "target": 100 }]);
    let ramp = json!({ "executor": "ramping-vus", "stages": stages });
    let said = Said::default().environment(&[("K6_STAGES", "2m30s:11,1h1m:100")]);
    assert_eq!(only_scenario(&said.quietly()), ramp);
    let typed = vec!["2m30s:11".to_owned(), "1h1m:100".to_owned()];
    let said = Flags { stages: typed, ..Flags::default() };
    assert_eq!(only_scenario(&flags(said).quietly()), ramp);
}

#[test]
fn what_contradicts_itself_is_refused() {
    let stages = json!([{ "duration": "3s", "target": 3 }]);
    let scenarios = json!({ "a": { "executor": "constant-vus", "vus": 5, "duration": "1s" } });
    let cases: [(Value, &[&str]); 7] = [
        (json!({ "iterations": 3, "stages": stages }), &["iterations", "stages"]),
        (json!({ "duration": "3s", "stages": stages }), &["duration", "stages"]),
        (json!({ "duration": "3s", "scenarios": scenarios }), &["duration", "scenarios"]),
        (json!({ "iterations": 3, "scenarios": scenarios }), &["iterations", "scenarios"]),
        (json!({ "stages": stages, "scenarios": scenarios }), &["stages", "scenarios"]),
        (json!({ "iterations": 3, "stages": [], "scenarios": {} }), &["iterations", "scenarios"]),
        (json!({ "vus": 2, "duration": "1s", "scenarios": {} }), &["duration", "scenarios"]),
    ];
    for (options, names) in cases {
        let error = Said::script(options.clone()).error();
        assert_eq!(error.code, "k6-option-conflict", "{options}");
        assert!(names.iter().all(|name| error.reason.contains(name)), "{error}");
    }
    for duration in [json!(0), json!("0s"), json!("0")] {
        let error = Said::script(json!({ "duration": duration })).error();
        assert_eq!(error.reason, "`duration` must be more than 0");
    }
}

#[test]
fn empty_stages_and_scenarios_are_told() {
    let once = json!({ "executor": "per-vu-iterations" });
    for options in
        [json!({ "scenarios": {} }), json!({ "stages": [] }), json!({ "stages": [], "vus": 5 })]
    {
        let (read, warning) = Said::script(options.clone()).with_warning();
        assert_eq!(warning.code, "k6-option-empty", "{options}");
        assert_eq!(only_scenario(&read), once);
    }
    // Empty stages beside scenarios say nothing.
    let scenarios = json!({ "a": { "executor": "constant-vus", "vus": 5, "duration": "1s" } });
    let said = Said::script(json!({ "stages": [], "scenarios": scenarios })).quietly();
    assert_eq!(said.scenarios().keys().collect::<Vec<_>>(), ["a"]);
}

#[test]
fn vus_alone_put_scenarios_aside() {
    let scenarios = json!({ "a": { "executor": "constant-vus", "vus": 5, "duration": "1s" } });
    let shared = json!({ "executor": "shared-iterations", "vus": 3, "iterations": 3 });
    for scenarios in [scenarios, json!({})] {
        let (read, warning) =
            Said::script(json!({ "vus": 3, "scenarios": scenarios })).with_warning();
        assert_eq!(warning.code, "k6-option-overridden");
        assert_eq!(only_scenario(&read), shared);
    }
}

#[test]
fn stages_without_a_duration_are_left_out() {
    let options = json!({ "stages": [{ "duration": "3s", "target": 3 }, { "target": 5 }] });
    let (read, warning) = Said::script(options).with_warning();
    assert_eq!(warning.code, "k6-option-ignored");
    let stages = json!([{ "duration": "3s", "target": 3 }]);
    assert_eq!(only_scenario(&read)["stages"], stages);
}
