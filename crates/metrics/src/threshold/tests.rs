//! Thresholds read, hold and abort as k6's do.

use std::time::Duration;

use proptest::prelude::*;
use seaworthy_base::Verdict;
use seaworthy_stats::Assumptions;
use serde_json::json;

use super::*;
use crate::{Collector, Contains, Error, Options, Registry, TagSet};

fn registry() -> Registry {
    let registry = Registry::new();
    for (name, kind) in
        [("cc", Kind::Counter), ("gg", Kind::Gauge), ("rr", Kind::Rate), ("tt", Kind::Trend)]
    {
        registry.define(name, kind, Contains::Default).unwrap();
    }
    registry
}

fn read(value: &serde_json::Value) -> Result<Thresholds, Vec<Error>> {
    Thresholds::read(value, &registry())
}

/// Whether the threshold holds after these values.
fn holds(metric: &str, expression: &str, values: &[f64]) -> bool {
    let registry = registry();
    let thresholds = Thresholds::read(&json!({ metric: [expression] }), &registry).unwrap();
    let collector = Collector::new(&registry, &thresholds, &Options::default());
    let tags = TagSet::of(&[("a", "b")]);
    let metric = registry.get(metric.split('{').next().unwrap()).unwrap();
    for &value in values {
        collector.shard(0).record(Duration::from_secs(1), &tags, &[(&metric, value)]);
    }
    let snapshot = collector.snapshot(Duration::from_secs(10));
    thresholds.evaluate(&snapshot)[0].passed
}

#[test]
fn what_k6_takes_is_taken() {
    for (text, canonical) in [
        ("p(95)<500", "p(95)<500"),
        ("  p(95)   <   10  ", "p(95)<10"),
        ("avg\t<5", "avg<5"),
        ("p(99.9)<=1e1", "p(99.9)<=10"),
        ("med===5", "med==5"),
        ("med==5", "med==5"),
        ("max!=5", "max!=5"),
        ("min>-1e1", "min>-10"),
        ("avg<+6", "avg<6"),
        ("avg<.5", "avg<0.5"),
        ("avg<1_000", "avg<1000"),
        ("avg<inf", "avg<inf"),
        ("p(1e2)<5", "p(100)<5"),
        ("count>=100", "count>=100"),
        ("rate<0.01", "rate<0.01"),
        ("value<3", "value<3"),
    ] {
        let expression: Expression = text.parse().unwrap();
        assert_eq!(expression.to_string(), canonical, "{text}");
    }
}

#[test]
fn what_k6_refuses_is_refused_with_place_and_hint() {
    for (text, column) in [
        ("", 1),
        ("p(95) <", 8),
        ("p(95) < abc", 9),
        ("foo<1", 1),
        ("p(abc)<1", 3),
        ("p(101)<1", 3),
        ("p(-1)<1", 3),
        ("p( 95 )<10", 3),
        ("p()<5", 3),
        ("p(99.9.9)<5", 3),
        ("p(95)<0x10", 7),
        ("med=5", 4),
        ("med!==5", 4),
        ("med=>5", 4),
        ("med<>5", 4),
        ("avg<5 && max<3", 5),
        ("AVG<5", 1),
        ("p95<5", 1),
        ("p(95", 5),
        ("5>avg", 1),
        ("avg<5ms", 5),
        ("avg<5%", 5),
        ("  a vg<5", 3),
        ("avg<1_", 5),
        ("avg<é", 5),
        ("é é<5", 1),
    ] {
        let error = text.parse::<Expression>().unwrap_err();
        assert!(error.hint().is_some_and(|hint| !hint.is_empty()), "{text}");
        let Error::Threshold { column: got, .. } = error else { panic!("{text}: {error}") };
        assert_eq!(got, column, "{text}");
    }
    let said = "p95<5".parse::<Expression>().unwrap_err();
    assert_eq!(said.hint().unwrap(), "write `p(95)`");
}

#[test]
fn forms() {
    let thresholds = read(&json!({
        "tt": ["avg<1", { "threshold": "p(95)<1", "abortOnFail": true, "delayAbortEval": "1m30s" }],
        "cc": [], "gg": [{ "threshold": "value<1", "delayAbortEval": 500 }],
        " rr{ a : \"b\" , c:'d:e'} ": ["rate<1"],
    }))
    .unwrap();
    let targets = thresholds.targets();
    assert_eq!(targets[0].thresholds[1].delay_abort, Some(Duration::from_secs(90)));
    assert!(targets[0].thresholds[1].abort_on_fail && !targets[0].thresholds[0].abort_on_fail);
    assert_eq!(targets[2].thresholds[0].delay_abort, Some(Duration::from_millis(500)));
    assert_eq!(targets[3].selector, TagSet::of(&[("a", "b"), ("c", "d:e")]));
    assert_eq!(targets[3].name, "rr{a : \"b\" , c:'d:e'}");
    assert!(read(&json!(null)).unwrap().is_empty());
    assert!(read(&json!({ "cc": [] })).unwrap().is_empty());
    assert_eq!(read(&json!({ "tt{vu:1}": ["max<1"] })).unwrap().warnings().len(), 1);
    assert!(thresholds.warnings().is_empty() && thresholds.may_abort());
}

#[test]
fn what_stops_a_run_before_it_starts() {
    for (value, code) in [
        (json!({ "nope": ["count>0"] }), "metrics-unknown-metric"),
        (json!({ "cc": ["avg>0"] }), "metrics-unsupported-aggregation"),
        (json!({ "cc": ["p(95)>0"] }), "metrics-unsupported-aggregation"),
        (json!({ "tt": ["count>0"] }), "metrics-unsupported-aggregation"),
        (json!({ "gg": ["min>0"] }), "metrics-unsupported-aggregation"),
        (json!({ "rr": ["value>0"] }), "metrics-unsupported-aggregation"),
        (json!({ "tt": [""] }), "metrics-threshold"),
        (json!({ "tt": "p(95)<1" }), "metrics-threshold-form"),
        (json!({ "tt": [5] }), "metrics-threshold-form"),
        (json!({ "tt": [{ "abortOnFail": true }] }), "metrics-threshold"),
        (
            json!({ "tt": [{ "threshold": "avg<1", "abortOnFail": "yes" }] }),
            "metrics-threshold-form",
        ),
        (
            json!({ "tt": [{ "threshold": "avg<1", "delayAbortEval": "10x" }] }),
            "metrics-threshold-form",
        ),
        (json!({ "tt{a:b": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{ab}": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{a:}": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{:b}": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{}": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{a:b}x": ["max<1"] }), "metrics-selector"),
        (json!({ "tt{a:b,}": ["max<1"] }), "metrics-selector"),
        (json!({ "tt}": ["max<1"] }), "metrics-selector"),
        (json!([]), "metrics-threshold-form"),
    ] {
        let errors = read(&value).unwrap_err();
        assert_eq!(errors[0].code(), code, "{value}: {}", errors[0]);
        assert!(errors[0].hint().is_some());
    }
    let errors = read(&json!({ "http_req_duraton": ["avg<1"], "tt": ["x"] })).unwrap_err();
    assert_eq!(errors.len(), 2);
    assert_eq!(errors[0].hint().unwrap(), "did you mean `http_req_duration`?");
}

#[test]
fn without_samples_as_k6() {
    assert!(!holds("cc", "count>0", &[]) && holds("cc", "count<1", &[]));
    assert!(holds("rr", "rate<0.5", &[]) && holds("rr", "rate>0.5", &[]));
    assert!(!holds("tt", "p(95)>1", &[]) && holds("tt", "p(95)<1", &[]));
    assert!(!holds("gg", "value>1", &[]));
    assert!(!holds("cc{a:c}", "count>0", &[1.0]) && holds("cc{a:b}", "count>0", &[1.0]));
}

#[test]
fn with_samples_as_k6() {
    assert!(holds("cc", "rate==0.5", &[2.0, 3.0]) && holds("cc", "count==5", &[2.0, 3.0]));
    assert!(holds("gg", "value==3", &[2.0, 3.0]));
    assert!(holds("rr", "rate>=0.5", &[0.0, 3.0]) && !holds("rr", "rate>0.5", &[0.0, 3.0]));
    let values: Vec<f64> = (1..=100).map(f64::from).collect();
    // The 95th percentile of 1..=100 by interpolation is 95.05.
    assert!(holds("tt", "p(95)<95.06", &values) && !holds("tt", "p(95)<95.05", &values));
    assert!(holds("tt", "med===50.5", &values) && holds("tt", "max<=100", &values));
    let many: Vec<f64> = (0..50_000).map(|value| f64::from(value % 1_000)).collect();
    // Ranks 47499 and 47500 are 949 and 950: the percentile is a twentieth of the way between.
    assert!(holds("tt", "p(95)>949", &many) && !holds("tt", "p(95)<=949", &many));
    assert!(holds("tt", "p(95)<949.051", &many) && holds("tt", "p(95)>949.049", &many));
    // Both neighbours are 950.
    assert!(holds("tt", "p(95.05)==950", &many) && !holds("tt", "p(95.05)!=950", &many));
}

#[test]
fn a_run_is_aborted_after_its_delay_only() {
    let registry = registry();
    let value = json!({
        "tt": [{ "threshold": "max<5", "abortOnFail": true, "delayAbortEval": "10s" }],
        "cc": [{ "threshold": "count>5", "abortOnFail": true }],
        "rr": ["rate>0.5"],
    });
    let thresholds = Thresholds::read(&value, &registry).unwrap();
    let collector = Collector::new(&registry, &thresholds, &Options::default());
    let [trend, rate] = ["tt", "rr"].map(|name| registry.get(name).unwrap());
    let record = |metric: &Metric, value: f64| {
        collector.shard(0).record(Duration::ZERO, &TagSet::empty(), &[(metric, value)]);
    };
    let aborting = |seconds: u64| {
        let at = Duration::from_secs(seconds);
        let (some, all) = (collector.watched(at), collector.snapshot(at));
        assert_eq!(thresholds.aborting(&some), thresholds.aborting(&all));
        thresholds.aborting(&some)
    };
    record(&rate, 0.0);
    record(&trend, 4.0);
    // The counter fails, but nothing was counted yet.
    assert!(aborting(60).is_empty());
    record(&trend, 6.0);
    assert!(aborting(10).is_empty());
    assert_eq!(aborting(11), ["tt"]);
}

#[test]
fn a_judgement_knows_how_little_it_knows() {
    let registry = registry();
    let value = json!({
        "http_req_duration": ["p(95)<500", "p(95)>400", "avg<500"],
        "tt": ["p(90)>0.5"],
        "checks": ["rate>0.9", "rate>=1"],
        "http_reqs": ["rate>5", "count>5"],
        "vus": ["value>0"],
    });
    let thresholds = Thresholds::read(&value, &registry).unwrap();
    let collector = Collector::new(&registry, &thresholds, &Options::default());
    let builtin = registry.builtin();
    let trend = registry.get("tt").unwrap();
    let mut judged = Vec::new();
    for second in 0..300_u64 {
        for request in 0..10_u64 {
            let at = Duration::from_millis(second * 1_000 + request);
            let duration = if request == 9 && second % 10 == 0 { 800.0 } else { 100.0 };
            let samples = [
                (&builtin.http_req_duration, duration),
                (&builtin.http_reqs, 1.0),
                (&builtin.checks, 1.0),
                (&trend, (request as f64) / 10.0),
            ];
            collector.shard(0).record(at, &TagSet::empty(), &samples);
        }
        if second == 4 || second == 299 {
            let snapshot = collector.snapshot(Duration::from_secs(second + 1));
            let outcomes = thresholds.evaluate(&snapshot);
            let assumptions = Assumptions::default();
            let all: Vec<_> = outcomes.iter().map(|one| one.judge(&assumptions)).collect();
            let contrast = all[0].as_ref().ok().and_then(|one| outcomes[0].contrast(one));
            judged.push((all, contrast));
        }
    }
    let (early, contrast) = &judged[0];
    let first = early[0].as_ref().unwrap();
    assert_eq!(first.verdict, Verdict::Inconclusive);
    assert!(contrast.as_ref().unwrap().contains("does not decide it"), "{contrast:?}");
    let (late, contrast) = &judged[1];
    let verdicts: Vec<_> =
        late.iter().map(|one| one.as_ref().map(|judgement| judgement.verdict).ok()).collect();
    let (pass, fail) = (Some(Verdict::Pass), Some(Verdict::Fail));
    assert_eq!(verdicts, [pass, fail, None, pass, pass, None, pass, None, None]);
    assert_eq!(contrast, &None);
    let first = late[0].as_ref().unwrap();
    assert_eq!((first.measurement.unwrap().n, first.measurement.unwrap().value), (3_000, 0.01));
    assert!(
        first.reason.starts_with("at least 95 % of the values must be below 500 ms; 1"),
        "{}",
        first.reason
    );
    assert!(first.observed.is_some());
}

fn expression() -> impl Strategy<Value = Expression> {
    let aggregation = prop_oneof![
        Just(Aggregation::Count),
        Just(Aggregation::Rate),
        Just(Aggregation::Value),
        Just(Aggregation::Avg),
        Just(Aggregation::Min),
        Just(Aggregation::Max),
        Just(Aggregation::Med),
        (0.0..=100.0_f64).prop_map(Aggregation::Percentile),
    ];
    let operator = prop_oneof![
        Just(Operator::Greater),
        Just(Operator::GreaterOrEqual),
        Just(Operator::Less),
        Just(Operator::LessOrEqual),
        Just(Operator::Equal),
        Just(Operator::NotEqual),
    ];
    let bound = any::<f64>().prop_filter("a number", |bound| !bound.is_nan());
    (aggregation, operator, bound).prop_map(|(aggregation, operator, bound)| Expression {
        aggregation,
        operator,
        bound,
    })
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC*") {
        let _ = text.parse::<Expression>();
        let _ = selector::read(&text);
        let _ = read(&json!({ text: ["avg<1"] }));
    }

    #[test]
    fn nearly_thresholds_do_not_panic(
        text in "[ \t]?(p\\(|p|avg|med|count|rate)? ?[0-9._eE+-]{0,6}\\)? ?[<>=!]{0,3} ?[0-9._eE+-]{0,9}(ms|%|é| &&)?",
        name in "tt ?(\\{|\\}|:|,|a|\"| ){0,9}",
    ) {
        if let Ok(expression) = text.parse::<Expression>() {
            prop_assert_eq!(expression.to_string().parse::<Expression>().unwrap(), expression);
        }
        if let Ok(thresholds) = read(&json!({ name: ["avg<1"] })) {
            let name = thresholds.targets()[0].name.clone();
            let again = read(&json!({ &name: ["avg<1"] })).unwrap();
            prop_assert_eq!(&again.targets()[0].selector, &thresholds.targets()[0].selector);
            prop_assert_eq!(&again.targets()[0].name, &name);
        }
    }

    #[test]
    fn what_is_written_is_read_back(expression in expression()) {
        prop_assert_eq!(expression.to_string().parse::<Expression>().unwrap(), expression);
    }
}
