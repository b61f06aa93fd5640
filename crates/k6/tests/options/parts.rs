//! What the load engine is told to do, undivided and in segments.

use std::time::Duration;

use seaworthy_load::{Arrivals, Executor, Ramp, Schedule};
use serde_json::{Value, json};

use crate::Said;

const SECOND: Duration = Duration::from_secs(1);

fn executor(options: Value, backlog: u32) -> Executor {
    let mut entries = Said::script(options).quietly().loads(backlog);
    assert_eq!(entries.len(), 1, "{entries:?}");
    entries.remove(0).load.executor
}

#[test]
fn an_undivided_scenario_is_what_was_typed() {
    let of = |scenario: Value| executor(json!({ "scenarios": { "a": scenario } }), 0);
    assert_eq!(
        of(json!({ "executor": "constant-vus", "vus": 5, "duration": "1m" })),
        Executor::ConstantVus { vus: 5, duration: 60 * SECOND }
    );
    let stages = json!([{ "duration": "10s", "target": 5 }, { "duration": "0s", "target": 9 }]);
    assert_eq!(
        of(json!({ "executor": "ramping-vus", "stages": stages, "gracefulRampDown": "3s" })),
        Executor::RampingVus {
            start_vus: 1,
            stages: vec![(10 * SECOND, 5), (Duration::ZERO, 9)],
            graceful_ramp_down: 3 * SECOND,
        }
    );
    assert_eq!(
        of(json!({ "executor": "shared-iterations", "vus": 2, "iterations": 7 })),
        Executor::SharedIterations { vus: 2, iterations: 7, max_duration: 600 * SECOND }
    );
    assert_eq!(
        of(json!({ "executor": "per-vu-iterations", "vus": 2, "maxDuration": "9s" })),
        Executor::PerVuIterations { vus: 2, iterations: 1, max_duration: 9 * SECOND }
    );
    let arrivals = |schedule, pre_allocated_vus, max_vus, max_backlog| {
        Executor::Arrivals(Arrivals { schedule, pre_allocated_vus, max_vus, max_backlog })
    };
    let constant = Schedule::Constant { rate: 30.0, unit: 60 * SECOND, duration: 10 * SECOND };
    assert_eq!(
        of(json!({
            "executor": "constant-arrival-rate", "rate": 30, "timeUnit": "1m", "duration": "10s",
            "preAllocatedVUs": 3
        })),
        arrivals(constant, 3, 3, 0)
    );
    let ramp = Ramp::new(10.0, SECOND, &[(10 * SECOND, 5.0), (Duration::ZERO, 9.0)]);
    let options = json!({ "scenarios": { "a": {
        "executor": "ramping-arrival-rate", "startRate": 10, "stages": stages,
        "preAllocatedVUs": 1, "maxVUs": 4
    } } });
    assert_eq!(executor(options, 77), arrivals(Schedule::Ramping(ramp), 1, 4, 77));
}

#[test]
fn entries_are_named_and_timed_as_their_scenarios() {
    let options = json!({ "scenarios": {
        "b": { "executor": "constant-vus", "duration": "5s", "startTime": "3s", "gracefulStop": 0 },
        "a": { "executor": "constant-vus", "duration": "5s" },
        "idle": { "executor": "constant-arrival-rate", "rate": 1, "duration": "1s", "preAllocatedVUs": 0 },
    } });
    let entries = Said::script(options).quietly().loads(0);
    let told: Vec<_> = entries
        .iter()
        .map(|entry| (entry.scenario.as_str(), entry.load.start, entry.load.graceful_stop))
        .collect();
    assert_eq!(told, [("a", Duration::ZERO, 30 * SECOND), ("b", 3 * SECOND, Duration::ZERO)]);
    assert!(entries.iter().all(|entry| entry.load.drives(&entry.scenario)));
}

/// A part of a scenario; `None` if it has no work there.
fn part(segment: &str, sequence: &str, scenario: Value) -> Option<Executor> {
    let options = json!({
        "executionSegment": segment, "executionSegmentSequence": sequence,
        "scenarios": { "a": scenario }
    });
    let entries = Said::script(options).quietly().loads(0);
    entries.into_iter().next().map(|entry| entry.load.executor)
}

const THIRDS: &str = "0,1/3,2/3,1";

#[test]
fn virtual_users_and_iterations_are_shared_out() {
    let shared = json!({ "executor": "shared-iterations", "iterations": 22, "vus": 12 });
    let found = ["0:1/3", "1/3:2/3", "2/3:1"].map(|third| part(third, THIRDS, shared.clone()));
    let expected = [8, 7, 7].map(|iterations| {
        Some(Executor::SharedIterations { vus: 4, iterations, max_duration: 600 * SECOND })
    });
    assert_eq!(found, expected);
    // Each segment gets iterations as it has hands: 20 users are 7, 7 and 6.
    let shared = json!({ "executor": "shared-iterations", "iterations": 50, "vus": 20 });
    let found =
        ["0:1/3", "1/3:2/3", "2/3:1"].map(|third| match part(third, THIRDS, shared.clone()) {
            Some(Executor::SharedIterations { vus, iterations, .. }) => (vus, iterations),
            other => panic!("{other:?}"),
        });
    assert_eq!(found, [(7, 18), (7, 17), (6, 15)]);
    let each = json!({ "executor": "per-vu-iterations", "iterations": 22, "vus": 2 });
    let found = ["0:1/3", "1/3:2/3", "2/3:1"].map(|third| part(third, THIRDS, each.clone()));
    let one = Executor::PerVuIterations { vus: 1, iterations: 22, max_duration: 600 * SECOND };
    assert_eq!(found, [Some(one.clone()), Some(one), None]);
}

#[test]
fn a_ramp_in_a_part_jumps_when_its_share_changes() {
    let stages = json!([{ "duration": "2s", "target": 2 }, { "duration": "2s", "target": 0 }]);
    let ramp = json!({ "executor": "ramping-vus", "startVUs": 0, "stages": stages });
    let half = |stages: &[(u32, u32)]| {
        Some(Executor::RampingVus {
            start_vus: 0,
            stages: stages.iter().map(|(seconds, vus)| (*seconds * SECOND, *vus)).collect(),
            graceful_ramp_down: 30 * SECOND,
        })
    };
    assert_eq!(part("0:1/2", "", ramp.clone()), half(&[(1, 0), (0, 1), (3, 1), (0, 0)]));
    assert_eq!(part("1/2:1", "", ramp.clone()), half(&[(2, 0), (0, 1), (1, 1), (0, 0), (1, 0)]));
    assert_eq!(part("2/3:1", THIRDS, ramp), None);
}

#[test]
fn arrivals_in_a_part_are_those_dealt_to_it_each_when_it_is_due() {
    let arrivals = |segment: &str, scenario: &Value| match part(segment, THIRDS, scenario.clone()) {
        Some(Executor::Arrivals(arrivals)) => arrivals,
        other => panic!("{other:?}"),
    };
    let rate = json!({
        "executor": "constant-arrival-rate", "rate": 10, "duration": "2s", "preAllocatedVUs": 7, "maxVUs": 9
    });
    let found = ["0:1/3", "1/3:2/3", "2/3:1"].map(|third| arrivals(third, &rate));
    let tenths = |schedule: &Schedule| -> Vec<u128> {
        (0..schedule.total()).map(|number| schedule.due(number).as_millis() / 100).collect()
    };
    assert_eq!(tenths(&found[0].schedule), [0, 3, 6, 9, 12, 15, 18]);
    assert_eq!(tenths(&found[1].schedule), [1, 4, 7, 10, 13, 16, 19]);
    assert_eq!(tenths(&found[2].schedule), [2, 5, 8, 11, 14, 17]);
    let users = found.each_ref().map(|it| (it.pre_allocated_vus, it.max_vus));
    assert_eq!(users, [(3, 3), (2, 3), (2, 3)]);
    // Two users are the first two thirds', and so are all arrivals.
    let stages = json!([{ "duration": "1s", "target": 20 }, { "duration": "1s", "target": 0 }]);
    let ramp = json!({ "executor": "ramping-arrival-rate", "startRate": 2, "stages": stages, "preAllocatedVUs": 2 });
    let whole = match executor(json!({ "scenarios": { "a": ramp.clone() } }), 0) {
        Executor::Arrivals(arrivals) => arrivals.schedule,
        other => panic!("{other:?}"),
    };
    let dues = |schedule: &Schedule, first: u64, step: usize| -> Vec<Duration> {
        (first..schedule.total()).step_by(step).map(|number| schedule.due(number)).collect()
    };
    for (third, first) in [("0:1/3", 0), ("1/3:2/3", 1)] {
        assert_eq!(dues(&arrivals(third, &ramp).schedule, 0, 1), dues(&whole, first, 2), "{third}");
    }
    assert_eq!(part("2/3:1", THIRDS, ramp), None);
}

#[test]
fn a_segment_outside_its_sequence_is_refused() {
    let options = json!({ "executionSegment": "0:1/4", "executionSegmentSequence": "0,1/3,1" });
    let error = Said::script(options).error();
    assert_eq!(error.reason, "the segment 0:1/4 is none of the sequence 0,1/3,1");
}
