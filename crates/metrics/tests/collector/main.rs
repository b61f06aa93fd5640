//! Samples reach the sinks they belong to, from many workers, whatever the number of tags.

use std::time::Duration;

use proptest::prelude::*;
use seaworthy_metrics::{
    Collector, Interner, Metric, Options, Part, Registry, Sink, Snapshot, TagSet, Thresholds,
};
use serde_json::json;

fn thresholds(registry: &Registry, value: &serde_json::Value) -> Thresholds {
    Thresholds::read(value, registry).expect("the thresholds of these tests are sound")
}

fn count(sink: Option<&Sink>) -> u64 {
    sink.map_or(0, Sink::count)
}

#[test]
fn samples_reach_their_submetrics() {
    let registry = Registry::new();
    let wanted = json!({
        "http_req_duration{status:200}": ["avg<1"],
        "http_req_duration{status:200,method:GET}": ["avg<1"],
        "http_req_duration{nothing:here}": ["avg<1"],
        "http_reqs{method:GET}": ["count>1"],
    });
    let thresholds = thresholds(&registry, &wanted);
    let collector = Collector::new(&registry, &thresholds, &Options::default());
    let builtin = registry.builtin();
    let samples = [(&builtin.http_req_duration, 5.0), (&builtin.http_reqs, 1.0)];
    for (status, method, expected) in
        [("200", "GET", "true"), ("200", "POST", "true"), ("404", "GET", "false")]
    {
        let pairs = [("status", status), ("method", method), ("expected_response", expected)];
        collector.shard(0).record(Duration::ZERO, &TagSet::of(&pairs), &samples);
    }
    let snapshot = collector.snapshot(Duration::from_secs(1));
    let counts: Vec<_> = (0..5).map(|place| count(snapshot.submetric(place))).collect();
    // The last one is k6's own.
    assert_eq!(counts, [2, 1, 0, 2, 2]);
    assert_eq!(collector.submetrics()[4].name(), "http_req_duration{expected_response:true}");
    assert_eq!(count(snapshot.metric(&builtin.http_req_duration)), 3);
    assert_eq!(count(snapshot.metric(&builtin.vus)), 0);
    let watched = collector.watched(Duration::from_secs(1));
    assert!(watched.metric(&builtin.http_req_duration).is_none());
    assert_eq!(count(watched.submetric(0)), 2);
}

#[test]
fn checks_groups_and_scenarios_are_kept_apart() {
    let registry = Registry::new();
    let options = Options { full: true, workers: 2, ..Options::default() };
    let collector = Collector::new(&registry, &Thresholds::default(), &options);
    let builtin = registry.builtin();
    let base = TagSet::of(&[("scenario", "one"), ("group", "")]);
    let outer = base.with("group", "::outer");
    collector.shard(0).record(Duration::ZERO, &base.with("check", "up"), &[(&builtin.checks, 1.0)]);
    for worker in [0, 1] {
        let tags = outer.with("check", "up");
        collector.shard(worker).record(Duration::ZERO, &tags, &[(&builtin.checks, 0.0)]);
        collector.shard(worker).record(Duration::ZERO, &outer, &[(&builtin.group_duration, 1.0)]);
    }
    let snapshot = collector.snapshot(Duration::from_secs(1));
    let checks: Vec<_> = snapshot
        .checks()
        .map(|check| {
            (check.place.group.to_string(), check.name.to_string(), check.passes, check.fails)
        })
        .collect();
    let text = |text: &str| text.to_owned();
    assert_eq!(checks, [(text(""), text("up"), 1, 0), (text("::outer"), text("up"), 0, 2)]);
    let groups: Vec<_> = snapshot.groups().iter().map(|place| place.group.to_string()).collect();
    assert_eq!(groups, ["", "::outer"]);
    let part = |metric: &Metric, part: Part| count(snapshot.part(metric, part));
    assert_eq!(part(&builtin.checks, Part::Scenario("one".into())), 3);
    let place = snapshot.groups()[1].clone();
    assert_eq!(part(&builtin.group_duration, Part::Group(place)), 2);
}

#[test]
fn a_handle_is_good_for_as_long_as_its_shard() {
    let registry = Registry::new();
    let collector = Collector::new(&registry, &Thresholds::default(), &Options::default());
    let shard = collector.shard(0);
    let metric = registry.builtin().http_reqs.clone();
    let first = shard.handle(&metric, &TagSet::of(&[("url", "/first")]));
    // More sets of tags than are remembered.
    let mut interner = Interner::default();
    for number in 0..20_000 {
        let url = format!("/{number}");
        let tags = interner.with(&TagSet::empty(), &[("url", &url)]);
        shard.record(Duration::ZERO, &tags, &[(&metric, 1.0)]);
        assert_eq!(shard.handle(&metric, &tags), first, "they all belong to the metric alone");
    }
    shard.add(Duration::ZERO, &[(first, 1.0), (first, 2.0)]);
    let snapshot = collector.snapshot(Duration::from_secs(1));
    let Some(Sink::Counter(counter)) = snapshot.metric(&metric) else { panic!("a counter") };
    assert_eq!((counter.sum, counter.n), (20_003.0, 20_002));
}

#[test]
fn too_many_time_series_are_told_once() {
    let registry = Registry::new();
    let options = Options { series_limit: 100, ..Options::default() };
    let collector = Collector::new(&registry, &Thresholds::default(), &options);
    let metric = &registry.builtin().http_reqs;
    for round in 0..3 {
        for number in 0..=100 {
            assert_eq!(collector.series_warning(), None, "{round} {number}");
            let tags = TagSet::of(&[("url", &number.to_string())]);
            collector.shard(0).record(Duration::ZERO, &tags, &[(metric, 1.0)]);
            if round == 0 && number == 100 {
                assert_eq!(collector.series_warning().map(|warning| warning.limit), Some(100));
            }
        }
    }
}

/// Everything of a snapshot that can be compared.
fn view(snapshot: &Snapshot) -> Vec<(String, u64, String)> {
    let mut view: Vec<_> = snapshot
        .parts()
        .map(|(key, sink)| {
            let inside = match sink {
                Sink::Trend(trend) => format!(
                    "{} {} {:?} {:?}",
                    trend.min(),
                    trend.max(),
                    trend.bounds(),
                    trend.values().percentile(0.95)
                ),
                Sink::Counter(counter) => counter.sum.to_string(),
                other => format!("{other:?}"),
            };
            (format!("{} {:?}", key.metric.name(), key.part), sink.count(), inside)
        })
        .collect();
    view.sort();
    view
}

proptest! {
    #[test]
    fn workers_together_are_one_worker(
        samples in prop::collection::vec((0_usize..4, 0_usize..4, 0_u32..900, 0_usize..3), 0..400),
    ) {
        let registry = Registry::new();
        let builtin = registry.builtin();
        let metrics = [
            &builtin.http_req_duration, &builtin.http_reqs, &builtin.http_req_failed, &builtin.checks,
        ];
        let wanted = json!({ "http_req_duration": ["p(95)<500"], "http_reqs{kind:1}": ["count>1"] });
        let thresholds = thresholds(&registry, &wanted);
        let run = |workers: usize| {
            let options = Options { workers, full: true, ..Options::default() };
            let collector = Collector::new(&registry, &thresholds, &options);
            for &(metric, kind, value, worker) in &samples {
                let kind = kind.to_string();
                let tags = TagSet::of(&[("kind", &kind), ("check", &kind), ("group", "::g")]);
                let shard = collector.shard(worker % workers);
                shard.record(Duration::ZERO, &tags, &[(metrics[metric], f64::from(value))]);
            }
            collector.snapshot(Duration::from_secs(1))
        };
        let (one, three) = (run(1), run(3));
        prop_assert_eq!(view(&one), view(&three));
        let passed = |snapshot: &Snapshot| -> Vec<bool> {
            thresholds.evaluate(snapshot).iter().map(|outcome| outcome.passed).collect()
        };
        prop_assert_eq!(passed(&one), passed(&three));
    }
}
