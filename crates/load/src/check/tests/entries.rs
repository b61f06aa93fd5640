//! Tests of the checks of load entries.

use super::*;
use crate::load::{Arrivals, Executor, Load, Share};
use crate::schedule::Schedule;

/// What a sound entry becomes, in a phase of a minute.
fn checked(entry: &str) -> Load {
    let plan: Plan = seaworthy_document::yaml("p", &load(entry)).unwrap();
    let (mut found, findings) = loads(&known(), &plan.flows, &plan.load, Duration::from_secs(60));
    assert_eq!(findings, []);
    found.remove(0)
}

#[test]
fn load_entries_become_numbers() {
    let load =
        checked("executor: constant-arrival-rate, rate: 200, preAllocatedVUs: 20, startTime: 10s");
    let (unit, duration) = (Duration::from_secs(1), Duration::from_secs(50));
    let arrivals = Arrivals {
        schedule: Schedule::Constant { rate: 200.0, unit, duration },
        pre_allocated_vus: 20,
        max_vus: 20,
        max_backlog: 10_000,
    };
    assert_eq!(load.executor, Executor::Arrivals(arrivals));
    assert_eq!(load.flows, [Share { flow: "f".to_owned(), weight: 1.0 }]);
    assert_eq!(load.graceful_stop, Duration::from_secs(30));
    assert_eq!(load.offered_per_second(), Some(200.0));
    assert_eq!((load.duration().as_secs(), load.max_vus()), (50, 20));

    let load = checked("executor: per-vu-iterations, vus: 3, iterations: 7, startTime: 20s");
    let max_duration = Duration::from_secs(40);
    assert_eq!(load.executor, Executor::PerVuIterations { vus: 3, iterations: 7, max_duration });
    assert_eq!((load.duration().as_secs(), load.max_vus()), (40, 3));

    let ramp = "executor: ramping-arrival-rate, startRate: 60, timeUnit: 1m, maxVUs: 4";
    let load = checked(&format!("{ramp}, stages: [{{duration: 20s, target: 120}}]"));
    assert_eq!(load.offered_per_second(), Some(1.5));
    assert!(load.is_open_model());
    assert_eq!((load.duration().as_secs(), load.max_vus()), (20, 4));
}

#[test]
fn due_times_come_from_the_index_alone() {
    let (unit, duration) = (Duration::from_secs(1), Duration::from_secs(50));
    let schedule = Schedule::Constant { rate: 3.0, unit, duration };
    assert_eq!(schedule.due(1), Duration::from_nanos(333_333_333));
    // A million thirds of a second are that many seconds, not what a sum of rounded ones gives.
    assert_eq!(schedule.due(3_000_000), Duration::from_secs(1_000_000));
}

#[test]
fn executors_take_their_own_fields_only() {
    let field = "load-executor-field";
    expect(
        &load("executor: constant-vus, vus: 1, rate: 5"),
        "5}",
        field,
        "`rate` is not a field of constant-vus",
        "leave it out, or use constant-arrival-rate",
    );
    expect(
        &load("executor: ramping-vus, stages: [{duration: 1s, target: 1}], duration: 1s"),
        "1s}]",
        field,
        "`duration` is not a field of ramping-vus",
        "leave it out, or use constant-vus or constant-arrival-rate",
    );
    let (vus, rate) = ("constant-vus, vus: 1", "constant-arrival-rate, rate: 1, maxVUs: 1");
    let shared = "shared-iterations, vus: 1, iterations: 1";
    let ramp = "ramping-arrival-rate, maxVUs: 1, stages: [{duration: 1s, target: 9}]";
    for (fields, foreign) in [
        (vus, "startVUs: 1"),
        (vus, "stages: []"),
        (vus, "gracefulRampDown: 1s"),
        (vus, "timeUnit: 1s"),
        (vus, "maxVUs: 1"),
        (vus, "preAllocatedVUs: 1"),
        (vus, "maxBacklog: 1"),
        (vus, "iterations: 1"),
        (vus, "startRate: 1"),
        (rate, "vus: 1"),
        (rate, "startRate: 1"),
        (rate, "maxDuration: 1s"),
        (shared, "duration: 1s"),
        (shared, "rate: 1"),
        (ramp, "rate: 1"),
        (ramp, "duration: 1s"),
        (ramp, "gracefulRampDown: 1s"),
    ] {
        let found = one(&load(&format!("executor: {fields}, {foreign}")));
        assert_eq!(found.0, field, "{foreign}");
    }
}

#[test]
fn executors_need_their_fields_within_range() {
    let missing = |executor: &str, hint: &str| {
        let found = one(&load(&format!("executor: {executor}")));
        assert_eq!((found.0, found.4.as_str()), ("load-missing", hint));
    };
    missing("constant-vus", "add `vus: 10`");
    missing("ramping-vus", "add `stages: [{duration: 30s, target: 10}]`");
    missing("per-vu-iterations, iterations: 5", "add `vus: 10`");
    missing("shared-iterations, vus: 5", "add `iterations: 100`");
    missing("constant-arrival-rate", "add `rate: 50`");
    missing("constant-arrival-rate, rate: 1", "add `maxVUs: 100`");
    missing("ramping-arrival-rate", "add `stages: [{duration: 30s, target: 50}]`");
    missing("ramping-arrival-rate, stages: [{duration: 1s, target: 5}]", "add `maxVUs: 100`");
    for fields in [
        "constant-vus, vus: 0",
        "constant-vus, vus: 100001",
        "constant-vus, vus: 1, duration: 0s",
        "constant-vus, vus: 1, duration: 61s",
        "constant-vus, vus: 1, duration: 20s, startTime: 41s",
        "constant-vus, vus: 1, startTime: 60s",
        "constant-vus, vus: 1, gracefulStop: 31d",
        "per-vu-iterations, vus: 1, iterations: 0",
        "per-vu-iterations, vus: 1, iterations: 2000000000",
        "per-vu-iterations, vus: 1, iterations: 1, maxDuration: 61s",
        "per-vu-iterations, vus: 1, iterations: 1, maxDuration: 0s",
        "shared-iterations, vus: 5, iterations: 4",
        "ramping-vus, stages: [{duration: 61s, target: 1}]",
        "ramping-vus, stages: [{duration: 0s, target: 1}]",
        "ramping-vus, stages: [{duration: 1s, target: 0}]",
        "ramping-vus, stages: [{duration: 1s, target: 1.5}]",
        "ramping-vus, stages: [{duration: 1s, target: -1}]",
        "constant-arrival-rate, rate: 0, maxVUs: 1",
        "constant-arrival-rate, rate: -1, maxVUs: 1",
        "constant-arrival-rate, rate: .nan, maxVUs: 1",
        "constant-arrival-rate, rate: .inf, maxVUs: 1",
        "constant-arrival-rate, rate: 2000000, maxVUs: 1",
        "constant-arrival-rate, rate: 2000, timeUnit: 1ms, maxVUs: 1",
        "constant-arrival-rate, rate: 1, maxVUs: 0",
        "constant-arrival-rate, rate: 1, maxVUs: 1, preAllocatedVUs: 2",
        "constant-arrival-rate, rate: 1, maxVUs: 1, maxBacklog: 99999999",
        "ramping-arrival-rate, maxVUs: 1, stages: [{duration: 61s, target: 5}]",
        "ramping-arrival-rate, maxVUs: 1, stages: [{duration: 1s, target: -5}]",
        "ramping-arrival-rate, maxVUs: 1, stages: [{duration: 1s, target: 2000000}]",
        "ramping-arrival-rate, maxVUs: 1, startRate: .nan, stages: [{duration: 1s, target: 5}]",
        "ramping-arrival-rate, maxVUs: 1, stages: [{duration: 1s, target: 0}]",
    ] {
        let found = findings(&load(&format!("executor: {fields}")));
        assert!(!found.is_empty(), "{fields}");
        assert!(
            found.iter().all(|found| found.code == "load-range" && found.hint.is_some()),
            "{fields}: {found:?}"
        );
    }
}

#[test]
fn an_entry_names_one_flow_or_weighs_several() {
    let entry = |fields: &str| {
        let yaml = load(&format!("executor: constant-vus, vus: 1, {fields}"));
        // The entry's own flow stands first.
        one(&yaml.replace("load: [{flow: f, ", "load: [{"))
    };
    assert_eq!(entry("").0, "load-missing");
    assert_eq!(entry("flows: []").0, "load-flows");
    assert_eq!(entry("flow: f, flows: [{flow: f, weight: 1}]").0, "load-flows");
    assert_eq!(entry("flows: [{flow: f, weight: 1}, {flow: f, weight: 2}]").0, "load-flows");
    assert_eq!(entry("flows: [{flow: g, weight: 1}]").0, "load-unknown-flow");
    for weight in ["0", "-1", ".nan", ".inf"] {
        assert_eq!(entry(&format!("flows: [{{flow: f, weight: {weight}}}]")).0, "load-range");
    }
}

#[test]
fn connections_are_counted_where_descriptors_are_few() {
    let found = |vus: u32, steps: &str| {
        let yaml = format!(
            "flows: [{{name: f, target: memory, steps: [{steps}]}}]\n\
             load: [{{flow: f, executor: constant-vus, vus: {vus}}}]"
        );
        let found = findings(&yaml);
        assert!(found.iter().all(|it| it.code == "load-descriptors" && it.hint.is_some()));
        found.into_iter().next().map(|finding| finding.reason)
    };
    let plain = "{name: a, request: GET /}, {name: b, request: GET /b}";
    let more = "{name: c, request: GET /, stream: sse}, {name: d, request: GET /, stream: sse}, \
                {name: e, target: policy, request: GET /}, \
                {name: g, request: GET /, websocket: [{send: x}]}";
    for vus in [1, 4_000, 9_000, 100_000] {
        for (steps, each) in [(plain.to_owned(), 1), (format!("{plain}, {more}"), 5)] {
            let connections = u64::from(vus) * each;
            let reason = found(vus, &steps);
            // What there is differs from machine to machine.
            let short = crate::descriptors::shortage(connections);
            assert_eq!(reason.is_some(), short.is_some(), "{vus} times {each}");
            if let Some(reason) = reason {
                let said = format!("{vus} virtual users with {connections} connections");
                assert!(reason.starts_with(&said), "{reason}");
            }
        }
    }
}
