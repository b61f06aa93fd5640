//! What must hold before a number may decide: each doubt takes a pass back.

use std::collections::BTreeMap;

use seaworthy_base::{Timestamp, Verdict};
use seaworthy_report::outcome::Objective;
use seaworthy_stats::Assumptions;
use seaworthy_stats::timeline::{Key, Timeline};

use super::{Circumstances, RanPhase, judge_all};
use crate::check;
use crate::metric;
use crate::tally::FlowRun;

const BOUND: u64 = 100_000_000;

/// 200 seconds at 50 requests a second, all of them in 10 ms, and a generator that is never late.
fn quiet() -> Timeline {
    let bounds = BTreeMap::from([("response_time".to_owned(), vec![BOUND])]);
    let mut timeline = Timeline::new(Timestamp::from_nanos(1), bounds);
    for second in 0..200 {
        for _ in 0..50 {
            timeline.record_trend(&response(), second, 10_000_000);
            timeline.record_trend(&lag(), second, 100_000);
        }
    }
    timeline
}

fn response() -> Key {
    Key::new("response_time", [("phase", "steady"), ("flow", "browse"), ("step", "home")])
}

fn lag() -> Key {
    Key::new("generator_lag", [("phase", "steady")])
}

fn steady() -> RanPhase {
    RanPhase {
        name: "steady".to_owned(),
        offset: 0.0,
        complete: true,
        from: 0.0,
        warmup_until: 10.0,
        to: 200.0,
        drained: 200.0,
        flows: vec![FlowRun {
            flow: "browse".to_owned(),
            open_model: true,
            offered_per_second: Some(50.0),
            dropped: 0,
            interrupted: 0,
            youngest_cut: None,
            unseen: 0,
            next_index: 0,
        }],
    }
}

fn objective() -> check::Objective {
    check::Objective {
        name: "fast enough".to_owned().into(),
        metric: metric::find("response_time").unwrap(),
        tags: BTreeMap::from([("flow".to_owned(), "browse".to_owned())]),
        phase: None,
        statement: "p95 < 100ms".parse().unwrap(),
    }
}

fn judged(timeline: &Timeline, phase: &RanPhase, interrupted: Option<&str>) -> Objective {
    judged_without(timeline, phase, interrupted, &[])
}

fn judged_without(
    timeline: &Timeline,
    phase: &RanPhase,
    interrupted: Option<&str>,
    gone: &[String],
) -> Objective {
    let phases = std::slice::from_ref(phase);
    let circumstances = Circumstances { interrupted, gone };
    judge_all(&[objective()], &Assumptions::default(), timeline, phases, circumstances).remove(0)
}

/// What a flow that measures something else left undone takes nothing back.
#[test]
fn only_flows_the_objective_speaks_of_are_counted() {
    let mut two = steady();
    two.flows.push(FlowRun {
        flow: "chat".to_owned(),
        open_model: false,
        dropped: 7,
        ..two.flows[0].clone()
    });
    let everywhere = |timeline: &Timeline| {
        let mut objective = objective();
        objective.tags.clear();
        let phases = std::slice::from_ref(&two);
        let circumstances = Circumstances::default();
        let assumptions = Assumptions::default();
        judge_all(&[objective], &assumptions, timeline, phases, circumstances).remove(0)
    };
    // Nobody knows what its requests would have been.
    let taken_back = everywhere(&quiet());
    assert_eq!(taken_back.verdict, Verdict::Inconclusive);
    assert!(taken_back.reason.contains("7 iterations"), "{}", taken_back.reason);
    let mut timeline = quiet();
    let chat = Key::new("iterations", [("phase", "steady"), ("flow", "chat")]);
    timeline.record_counter(&chat, 20, 1.0);
    let passed = everywhere(&timeline);
    assert_eq!(passed.verdict, Verdict::Pass, "{}", passed.reason);
}

#[test]
fn a_quiet_run_passes_on_the_seconds_after_the_warm_up() {
    let objective = judged(&quiet(), &steady(), None);
    assert_eq!(objective.verdict, Verdict::Pass, "{}", objective.reason);
    assert_eq!(objective.n, 190 * 50);
    assert_eq!(objective.seconds, 190);
}

#[test]
fn what_ends_after_the_load_counts() {
    let mut timeline = quiet();
    for second in 200..220 {
        for _ in 0..200 {
            timeline.record_trend(&response(), second, 5_000_000_000);
        }
    }
    let mut phase = steady();
    phase.drained = 219.5;
    let objective = judged(&timeline, &phase, None);
    assert_eq!(objective.n, 190 * 50 + 20 * 200);
    assert_eq!(objective.seconds, 190, "the drain is no time under load");
    assert_ne!(objective.verdict, Verdict::Pass, "{}", objective.reason);
}

#[test]
fn no_data_is_inconclusive() {
    let empty = Timeline::new(Timestamp::from_nanos(1), BTreeMap::new());
    let objective = judged(&empty, &steady(), None);
    assert_eq!(objective.verdict, Verdict::Inconclusive);
    assert!(objective.measurement.is_none());
}

#[test]
fn doubts_take_a_pass_back() {
    let inconclusive = |objective: Objective, word: &str| {
        assert_eq!(objective.verdict, Verdict::Inconclusive, "{word}: {}", objective.reason);
        assert!(objective.reason.contains(word), "{word}: {}", objective.reason);
        assert!(objective.needs.is_some(), "{word}");
    };
    let mut dropped = steady();
    dropped.flows[0].dropped = 1;
    inconclusive(judged(&quiet(), &dropped, None), "dropped");
    dropped.flows[0].open_model = false;
    inconclusive(judged(&quiet(), &dropped, None), "never began");

    let mut cut = steady();
    cut.flows[0].interrupted = 1;
    cut.flows[0].youngest_cut = Some(BOUND / 2);
    inconclusive(judged(&quiet(), &cut, None), "cut off");
    // Older than the bound: it was counted as too slow already, and nothing is unknown.
    cut.flows[0].youngest_cut = Some(BOUND * 2);
    assert_eq!(judged(&quiet(), &cut, None).verdict, Verdict::Pass);

    // What was cut off is missing from every other metric, however old it was.
    let mut service = quiet();
    for second in 0..200 {
        for _ in 0..50 {
            service.record_rate(&Key::new("http_req_failed", [("flow", "browse")]), second, false);
        }
    }
    let errors = check::Objective {
        name: "errors".to_owned().into(),
        metric: metric::find("http_req_failed").unwrap(),
        tags: BTreeMap::new(),
        phase: None,
        statement: "rate < 5%".parse().unwrap(),
    };
    let of = |phase: &RanPhase| {
        let objectives = std::slice::from_ref(&errors);
        let phases = std::slice::from_ref(phase);
        let none = Circumstances::default();
        judge_all(objectives, &Assumptions::default(), &service, phases, none).remove(0)
    };
    assert_eq!(of(&steady()).verdict, Verdict::Pass);
    inconclusive(of(&cut), "cut off");

    let mut late = quiet();
    for second in 10..200 {
        for _ in 0..10 {
            late.record_trend(&lag(), second, BOUND / 5);
        }
    }
    inconclusive(judged(&late, &steady(), None), "generator");

    let mut lost = quiet();
    lost.mark_lost(57);
    inconclusive(judged(&lost, &steady(), None), "report");

    let gone = ["api".to_owned()];
    inconclusive(judged_without(&quiet(), &steady(), None, &gone), "`api` ended by itself");

    inconclusive(judged(&quiet(), &steady(), Some("a hand on the keyboard")), "keyboard");
}

#[test]
fn a_generator_nobody_watched_decides_nothing() {
    let mut timeline = Timeline::new(
        Timestamp::from_nanos(1),
        BTreeMap::from([("response_time".to_owned(), vec![BOUND])]),
    );
    for second in 0..200 {
        timeline.record_trend(&response(), second, 10_000_000);
    }
    let objective = judged(&timeline, &steady(), None);
    assert_eq!(objective.verdict, Verdict::Inconclusive);
    assert!(objective.reason.contains("lag was not measured"), "{}", objective.reason);
}

/// The quiet run in two segments, with as many iterations under way at the stop.
fn stopped(unseen: u64) -> [RanPhase; 2] {
    let mut first = steady();
    (first.to, first.drained, first.complete) = (100.5, 100.5, false);
    first.flows[0].unseen = unseen;
    let second = RanPhase { from: 110.0, warmup_until: 120.0, offset: 90.0, ..steady() };
    [first, second]
}

fn judged_over(timeline: &Timeline, phases: &[RanPhase]) -> Objective {
    let objective = check::Objective {
        name: "fast enough".to_owned().into(),
        metric: metric::find("response_time").unwrap(),
        tags: BTreeMap::from([("flow".to_owned(), "browse".to_owned())]),
        phase: None,
        statement: "p95 < 100ms".parse().unwrap(),
    };
    let circumstances = Circumstances::default();
    judge_all(&[objective], &Assumptions::default(), timeline, phases, circumstances).remove(0)
}

#[test]
fn segments_are_judged_together_without_the_gap_and_the_renewed_warm_up() {
    let objective = judged_over(&quiet(), &stopped(0));
    assert_eq!(objective.verdict, Verdict::Pass, "{}", objective.reason);
    // What ended in the second of the stop is counted in the one before.
    assert_eq!(objective.seconds, 90 + 80);
    assert_eq!(objective.n, 91 * 50 + 80 * 50);
}

#[test]
fn what_was_under_way_at_a_stop_takes_back_only_a_pass_that_hangs_on_it() {
    let few = judged_over(&quiet(), &stopped(5));
    assert_eq!(few.verdict, Verdict::Pass, "{}", few.reason);
    let many = judged_over(&quiet(), &stopped(400));
    assert_eq!(many.verdict, Verdict::Inconclusive, "{}", many.reason);
    assert!(many.reason.contains("400 iterations were under way"), "{}", many.reason);
    // Of another flow, or in a warm-up that is not judged, they change nothing.
    let mut elsewhere = stopped(400);
    elsewhere[0].flows[0].flow = "other".to_owned();
    assert_eq!(judged_over(&quiet(), &elsewhere).verdict, Verdict::Pass);
}
