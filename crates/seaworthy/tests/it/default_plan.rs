//! The default trial itself, cut to a few seconds: its setup fills a real hub, its four flows and its
//! conversations are answered rightly, and a plan that is met and long enough is a pass.

use seaworthy_base::Verdict;

use crate::evidence::Evidence;
use crate::house::House;
use crate::target::{Reply, Target};

const DEFAULT: &str = include_str!("../../plans/default.yaml");

/// What is made shorter or smaller in the default plan; the rest of it is run as it stands.
const CUTS: [(&str, &str); 7] = [
    ("duration: 140s", "duration: 4s"),
    ("warmup: 10s", "warmup: 1s"),
    // What is tested is that answers are right; a busy machine must not run out of users.
    ("preAllocatedVUs: 10", "gracefulStop: 60s, preAllocatedVUs: 10"),
    ("duration: 45s", "duration: 4s"),
    (
        "stages: [{duration: 20s, target: 1000}, {duration: 25s, target: 1000}]",
        "stages: [{duration: 1s, target: 20}, {duration: 3s, target: 20}]",
    ),
    ("gracefulStop: 20s", "gracefulStop: 60s"),
    ("pause: [14s, 18s]", "pause: [200ms, 400ms]"),
];

#[test]
fn the_default_plan_fills_the_hub_and_every_answer_is_right() {
    let house = House::new();
    let mut plan = DEFAULT.to_owned();
    for (whole, cut) in CUTS {
        assert!(plan.contains(whole), "the default plan has no `{whole}` any more");
        plan = plan.replace(whole, cut);
    }
    let ended = house.trial(&plan).expect(2);
    let evidence = Evidence::of(&house, &ended);
    let outcome = &evidence.outcome;
    assert_eq!(outcome.targets.len(), 6);
    for target in &outcome.targets {
        assert!(target.ended.contains("stopped when asked"), "{}: {}", target.name, target.ended);
    }
    for (flow, arrivals) in [("session", 400), ("turn", 200), ("recall", 800), ("evaluation", 2000)]
    {
        let tags = [("flow", flow)];
        assert_eq!(evidence.total("http_reqs", &tags), arrivals, "{flow}");
        assert_eq!(evidence.total("http_reqs", &[("flow", flow), ("status", "500")]), 0, "{flow}");
        let row = outcome.flows.iter().find(|row| row.name == flow).unwrap();
        assert!(row.requests > 0, "{flow}");
        assert_eq!((row.failed, row.checks_failed, row.dropped), (0, 0, 0), "{flow}");
        assert!(row.checks_passed > 0, "{flow}");
    }
    // A thousand people there, twenty here: each opens a stream, takes turns and is told of them.
    let flow = "conversation";
    let row = outcome.flows.iter().find(|row| row.name == flow).unwrap();
    assert!(row.requests > 0 && row.checks_passed > 0, "{row:?}");
    assert_eq!((row.failed, row.checks_failed, row.dropped, row.interrupted), (0, 0, 0, 0));
    for step in ["open", "message"] {
        let tags = [("flow", flow), ("step", step)];
        assert!(evidence.total("http_reqs", &tags) >= 20, "{step}");
    }
    let told = [("flow", flow), ("step", "told")];
    assert!(evidence.total("stream_events", &told) > 0);
    assert_eq!(outcome.verdict, Verdict::Inconclusive, "three seconds prove nothing");
}

/// What the summary says of a trial that lost a second.
const LOST: &str = "reports every second";

#[test]
fn what_is_met_for_long_enough_is_a_pass_and_exit_0() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(200, "{}"));
    let plan = format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: long-enough}}
targets:
  - {{name: api, url: "{}"}}
flows:
  - name: browse
    target: api
    steps:
      - {{name: look, request: GET /look, expect: {{status: 200}}}}
phases:
  - name: steady
    duration: 123s
    load:
      - {{flow: browse, executor: constant-arrival-rate, rate: 10, maxVUs: 10}}
objectives:
  - {{name: errors, metric: http_req_failed, require: rate < 25%}}
  - {{name: right, metric: checks, require: rate > 75%}}
"#,
        target.url()
    );
    // A machine that stands still for a whole second loses it, and the trial rightly says so and
    // decides nothing: that is no defect, so it may try again, once.
    let first = house.trial(&plan);
    let (before, ended) = if first.code == Some(2) && first.stdout.contains(LOST) {
        (target.count("/look"), house.trial(&plan))
    } else {
        (0, first)
    };
    let ended = ended.expect(0);
    assert!(ended.stdout.contains("PASS"), "{}", ended.stdout);
    assert_eq!(target.count("/look") - before, 1230);
    if before == 0 {
        assert_eq!(Evidence::of(&house, &ended).outcome.verdict, Verdict::Pass);
    }
}
