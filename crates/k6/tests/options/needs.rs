//! How many virtual users a run needs, and for how long, as k6 reckons it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::Said;

/// The total duration as it is shown, and the most virtual users.
fn needs(options: Value) -> (String, u64) {
    let shown = Said::script(options).quietly().to_json();
    let total = shown["totalDuration"].as_str().expect("it is text").to_owned();
    (total, shown["maxVUs"].as_u64().expect("it is a number"))
}

fn scenarios(scenarios: Value) -> (String, u64) {
    needs(json!({ "scenarios": scenarios }))
}

fn expected(total: &str, vus: u64) -> (String, u64) {
    (total.to_owned(), vus)
}

fn steady(vus: u32, start: &str, stop: Value) -> Value {
    json!({
        "executor": "constant-vus", "vus": vus, "duration": "10s", "startTime": start,
        "gracefulStop": stop
    })
}

fn rate(pre: u32, max: u32, start: &str, stop: &str) -> Value {
    json!({
        "executor": "constant-arrival-rate", "rate": 1, "duration": "10s", "startTime": start,
        "gracefulStop": stop, "preAllocatedVUs": pre, "maxVUs": max
    })
}

#[test]
fn each_executor_needs_its_own() {
    assert_eq!(needs(json!({})), expected("10m30s", 1));
    assert_eq!(needs(json!({ "vus": 5, "duration": "2s" })), expected("32s", 5));
    assert_eq!(needs(json!({ "vus": 5, "iterations": 9 })), expected("10m30s", 5));
    let stages = json!([{ "duration": "3s", "target": 3 }, { "duration": 1000, "target": 4 }]);
    assert_eq!(needs(json!({ "stages": stages })), expected("34s", 4));
    assert_eq!(needs(json!({ "vus": 7, "stages": stages })), expected("34s", 7));
    let one = |scenario: Value| scenarios(json!({ "a": scenario }));
    assert_eq!(one(steady(10, "1500ms", json!(0))), expected("11.5s", 10));
    assert_eq!(one(rate(20, 30, "0s", "30s")), expected("40s", 30));
    assert_eq!(one(rate(0, 0, "0s", "30s")), expected("0s", 0));
    assert_eq!(one(rate(0, 5, "0s", "30s")), expected("40s", 5));
    let per_vu =
        json!({ "executor": "per-vu-iterations", "iterations": 23, "vus": 13, "gracefulStop": 0 });
    assert_eq!(one(per_vu), expected("10m0s", 13));
    let shared = json!({ "executor": "shared-iterations", "iterations": 22, "vus": 12, "maxDuration": "100s" });
    assert_eq!(one(shared), expected("2m10s", 12));
    let stages = json!([{ "duration": "3m", "target": 30 }, { "duration": "5m", "target": 10 }]);
    let ramp = json!({
        "executor": "ramping-arrival-rate", "startRate": 10, "timeUnit": "30s",
        "preAllocatedVUs": 20, "maxVUs": 50, "stages": stages
    });
    assert_eq!(one(ramp), expected("8m30s", 50));
}

#[test]
fn a_ramp_holds_whom_it_lets_finish() {
    let ramp = |stop: Value, down: Value, stages: Value| {
        scenarios(json!({ "v": {
            "executor": "ramping-vus", "startVUs": 1, "gracefulStop": stop,
            "gracefulRampDown": down, "stages": stages
        } }))
    };
    let hill = json!([{ "duration": "10s", "target": 10 }, { "duration": "10s", "target": 0 }]);
    assert_eq!(ramp(json!("3s"), json!("30s"), hill.clone()), expected("23s", 10));
    assert_eq!(ramp(json!("300s"), json!("30s"), hill.clone()), expected("50s", 10));
    let mut longer = hill.clone();
    longer.as_array_mut().unwrap().push(json!({ "duration": "10s", "target": 0 }));
    assert_eq!(ramp(json!("300s"), json!("3s"), longer), expected("23s", 10));
    let two = json!([{ "duration": "60s", "target": 30 }, { "duration": "130s", "target": 10 }]);
    assert_eq!(ramp(json!("15s"), json!("10s"), two), expected("3m25s", 30));
    // Up and down in one moment.
    let jump = json!([
        { "duration": "10s", "target": 10 }, { "duration": "0s", "target": 11 },
        { "duration": "0s", "target": 1 }, { "duration": "10s", "target": 5 }
    ]);
    assert_eq!(ramp(json!(0), json!(0), jump.clone()), expected("20s", 11));
    assert_eq!(ramp(json!(0), json!("5s"), jump), expected("20s", 11));
}

#[test]
fn scenarios_need_what_they_need_at_the_same_time() {
    let none = || json!(0);
    let after = json!({ "a": steady(10, "0s", none()), "b": steady(7, "10s", none()) });
    assert_eq!(scenarios(after), expected("20s", 10));
    let after = json!({ "b": steady(10, "0s", none()), "a": steady(7, "10s", none()) });
    assert_eq!(scenarios(after), expected("20s", 10));
    let beside = json!({ "b": steady(10, "0s", json!(null)), "a": steady(7, "10s", none()) });
    assert_eq!(scenarios(beside), expected("40s", 17));
    let rates = json!({ "b": rate(3, 10, "0s", "0s"), "a": rate(7, 8, "10s", "30s") });
    assert_eq!(scenarios(rates), expected("50s", 10));
    let rates = json!({ "b": rate(3, 10, "0s", "0s"), "a": rate(7, 8, "5s", "30s") });
    assert_eq!(scenarios(rates), expected("45s", 18));
    let mixed = json!({ "b": rate(1, 50, "0s", "0s"), "a": steady(60, "11s", json!(null)) });
    assert_eq!(scenarios(mixed), expected("51s", 60));
}

#[test]
fn who_begins_first_is_reckoned_first_in_one_moment() {
    let hill = json!({
        "executor": "ramping-vus", "startVUs": 1, "gracefulStop": 0, "gracefulRampDown": 0,
        "stages": [
            { "duration": "10s", "target": 10 }, { "duration": "0s", "target": 110 },
            { "duration": "0s", "target": 1 }, { "duration": "10s", "target": 5 }
        ]
    });
    let late = steady(7, "10s", json!(0));
    assert_eq!(scenarios(json!({ "a": late, "v": hill })), expected("20s", 110));
    let all = json!({
        "a": steady(50, "0s", json!(0)), "b": late, "v": hill, "z": steady(60, "0s", json!(0))
    });
    assert_eq!(scenarios(all), expected("20s", 170));
}

#[test]
fn those_that_are_sure_to_be_needed_are_told_apart() {
    let options =
        json!({ "scenarios": { "a": rate(3, 10, "0s", "0s"), "b": steady(4, "5s", json!(0)) } });
    let needs = Said::script(options).quietly().requirements();
    assert_eq!((needs.planned_vus, needs.max_vus), (7, 14));
    assert_eq!(needs.total_duration, Duration::from_secs(15));
}

#[test]
fn a_part_needs_its_share() {
    let part = |segment: &str, sequence: &str, scenario: Value| {
        needs(json!({
            "executionSegment": segment, "executionSegmentSequence": sequence,
            "scenarios": { "a": scenario }
        }))
    };
    const THIRDS: &str = "0,1/3,2/3,1";
    let shared = json!({ "executor": "shared-iterations", "iterations": 22, "vus": 12, "maxDuration": "100s" });
    assert_eq!(part("0:1/3", THIRDS, shared.clone()), expected("2m10s", 4));
    let thirteenth = (0..=13).map(|n| format!("{n}/13")).collect::<Vec<_>>().join(",");
    assert_eq!(part("12/13:1", &thirteenth, shared), expected("0s", 0));
    const QUARTERS: &str = "0,1/4,1/2,3/4,1";
    assert_eq!(part("0:1/4", QUARTERS, rate(1, 4000, "0s", "0s")), expected("10s", 1000));
    assert_eq!(part("0:1/4", QUARTERS, rate(100, 4000, "0s", "0s")), expected("10s", 1000));
    assert_eq!(part("2/3:1", "", steady(1, "0s", json!(0))), expected("0s", 0));
    // Where there is no work, the scenario still has its moment.
    assert_eq!(part("2/3:1", "", steady(1, "7s", json!(0))), expected("7s", 0));
    // Without a sequence the greater part goes first.
    assert_eq!(part("0:1/3", "", steady(1, "0s", json!(0))), expected("0s", 0));
}
