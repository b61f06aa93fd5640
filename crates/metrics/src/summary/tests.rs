//! Summaries as a k6 user knows them.

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::registry::{Contains, Kind, Metric};
use crate::snapshot::Snapshot;
use crate::tags::TagSet;
use crate::{Collector, Registry, Thresholds};

/// A small run with a bit of everything.
struct Run {
    registry: Registry,
    thresholds: Thresholds,
    snapshot: Snapshot,
}

fn run(full: bool) -> Run {
    let registry = Registry::new();
    let custom = |name: &str, kind| registry.define(name, kind, Contains::Default).unwrap();
    let queue = custom("queue", Kind::Gauge);
    let orders = custom("Orders", Kind::Counter);
    let size = custom("size_of_answers", Kind::Trend);
    let wanted = json!({
        "http_req_duration": ["p(95)<500", "avg<10"],
        "http_req_duration{status:404}": ["max<1"],
        "Orders{kind:none}": ["count == 0"],
        "checks": ["rate>0.9"],
    });
    let thresholds = Thresholds::read(&wanted, &registry).unwrap();
    let collector =
        Collector::new(&registry, &thresholds, &crate::Options { full, ..Default::default() });
    let add = |tags: &TagSet, samples: &[(&Metric, f64)]| {
        collector.shard(0).record(Duration::from_secs(1), tags, samples);
    };
    let builtin = registry.builtin();
    let setup = TagSet::of(&[("group", "::setup")]);
    add(&setup.with("check", "seeded"), &[(&builtin.checks, 1.0)]);
    let buy = TagSet::of(&[("scenario", "buy"), ("group", "")]);
    let pay = buy.with("group", "::pay");
    for (status, duration) in [("200", 10.0), ("200", 20.5), ("200", 1_234.0)] {
        let tags = pay.with("status", status).with("expected_response", "true");
        let samples = [
            (&builtin.http_reqs, 1.0),
            (&builtin.http_req_duration, duration),
            (&builtin.http_req_waiting, 1.0),
            (&builtin.http_req_failed, 0.0),
        ];
        add(&tags, &samples);
        let held = f64::from(u8::from(duration < 1_000.0));
        add(&pay.with("check", "fast"), &[(&builtin.checks, held)]);
    }
    add(&pay, &[(&builtin.group_duration, 1_300.0)]);
    add(&buy, &[(&queue, 7.0), (&queue, 2.0), (&orders, 3.0), (&size, 0.5), (&size, 12.0)]);
    add(&buy, &[(&builtin.iterations, 1.0), (&builtin.iteration_duration, 61_000.0)]);
    add(&buy, &[(&builtin.data_sent, 1_513.0), (&builtin.data_received, 9.0)]);
    add(&TagSet::empty(), &[(&builtin.vus, 1.0), (&builtin.vus_max, 4.0)]);
    let snapshot = collector.snapshot(Duration::from_millis(2_000));
    Run { registry, thresholds, snapshot }
}

impl Run {
    fn summary<'a>(&'a self, options: &'a Options) -> Summary<'a> {
        Summary {
            snapshot: &self.snapshot,
            registry: &self.registry,
            thresholds: &self.thresholds,
            options,
        }
    }
}

fn options(mode: Mode) -> Options {
    Options {
        mode,
        statistics: ["avg", "p(99.9)", "count"].iter().map(|name| name.parse().unwrap()).collect(),
        ..Options::default()
    }
}

#[test]
fn a_compact_summary() {
    // Ends of lines that hold spaces are written out, so that an editor does not take them.
    let expected = "

  █ THRESHOLDS~

    checks
    ✗ 'rate>0.9' rate=75.00%

    http_req_duration
    ✗ 'p(95)<500' p(95)=1.11s
    ✗ 'avg<10' avg=421.5ms

      {status:404}
      ✓ 'max<1' max=0s

    Orders{kind:none}
    ✓ 'count == 0' count=0


  █ TOTAL RESULTS~

    checks_total.......: 4      2/s
    checks_succeeded...: 75.00% 3 out of 4
    checks_failed......: 25.00% 1 out of 4

    ✓ seeded
    ✗ fast
      ↳  66% — ✓ 2 / ✗ 1

    CUSTOM
    Orders.........................: 3      1.5/s
      { kind:none }................: 0      0/s
    queue..........................: 2      min=2      max=7
    size_of_answers................: avg=6.25    p(99.9)=11.9885 count=2

    HTTP
    http_req_duration..............: avg=421.5ms p(99.9)=1.23s   count=3
      { expected_response:true }...: avg=421.5ms p(99.9)=1.23s   count=3
      { status:404 }...............: avg=0s      p(99.9)=0s      count=0
    http_req_failed................: 0.00%  0 out of 3
    http_reqs......................: 3      1.5/s

    EXECUTION
    iteration_duration.............: avg=1m1s    p(99.9)=1m1s    count=1
    iterations.....................: 1      0.5/s
    vus............................: 1      min=1      max=1
    vus_max........................: 4      min=4      max=4

    NETWORK
    data_received..................: 9 B    4.5 B/s
    data_sent......................: 1.5 kB 757 B/s



"
    .replace('~', " ");
    let run = run(false);
    let text = run.summary(&options(Mode::Compact)).text();
    assert_eq!(text, expected, "\n{text}");
    assert_eq!(run.summary(&options(Mode::Disabled)).text(), "");
}

#[test]
fn a_full_summary_has_scenarios_and_groups() {
    let run = run(true);
    let text = run.summary(&options(Mode::Full)).text();
    let (_, scenario) = text.split_once("  █ SCENARIO: buy \n").unwrap();
    let expected = "
    checks_total.......: 3      1.5/s
    checks_succeeded...: 66.66% 2 out of 3
    checks_failed......: 33.33% 1 out of 3

    ✗ fast
      ↳  66% — ✓ 2 / ✗ 1

    CUSTOM
    Orders...............: 3      1.5/s
    queue................: 2      min=2      max=7
    size_of_answers......: avg=6.25    p(99.9)=11.9885 count=2

    HTTP
    http_req_duration....: avg=421.5ms p(99.9)=1.23s   count=3
    http_req_failed......: 0.00%  0 out of 3
    http_req_waiting.....: avg=1ms     p(99.9)=1ms     count=3
    http_reqs............: 3      1.5/s

    EXECUTION
    iteration_duration...: avg=1m1s    p(99.9)=1m1s    count=1
    iterations...........: 1      0.5/s

    NETWORK
    data_received........: 9 B    4.5 B/s
    data_sent............: 1.5 kB 757 B/s

    ↳ GROUP: pay~

      checks_total.......: 3      1.5/s
      checks_succeeded...: 66.66% 2 out of 3
      checks_failed......: 33.33% 1 out of 3

      ✗ fast
          ↳  66% — ✓ 2 / ✗ 1

      HTTP
      http_req_duration...: avg=421.5ms p(99.9)=1.23s count=3
      http_req_failed.....: 0.00% 0 out of 3
      http_req_waiting....: avg=1ms     p(99.9)=1ms   count=3
      http_reqs...........: 3     1.5/s



"
    .replace('~', " ");
    assert_eq!(scenario, expected, "\n{scenario}");
    // What runs in setup is in the totals only, unless it has groups.
    assert!(!text.contains("GROUP: setup"));
    assert!(text.contains("    http_req_waiting....."));
}

#[test]
fn colours_change_no_letter() {
    let run = run(true);
    let plain = run.summary(&options(Mode::Full)).text();
    let painted = Options { color: true, ..options(Mode::Full) };
    let painted = run.summary(&painted).text();
    assert!(painted.contains("\x1b[31m✗ fast\x1b[0m\n"));
    assert!(
        painted.contains("queue\x1b[2;37m..........................:\x1b[0m \x1b[36m2\x1b[0m ")
    );
    let mut bare = String::new();
    let mut rest = painted.as_str();
    while let Some((before, after)) = rest.split_once("\x1b[") {
        bare.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    bare.push_str(rest);
    assert_eq!(bare, plain);
}

#[test]
fn an_export_says_what_failed() {
    let run = run(false);
    let export = run.summary(&options(Mode::Compact)).export();
    let duration = &export["metrics"]["http_req_duration"];
    assert_eq!((&duration["avg"], &duration["count"]), (&json!(421.5), &json!(3)));
    assert!((duration["p(99.9)"].as_f64().unwrap() - 1_231.573).abs() < 1e-9);
    assert_eq!(duration["thresholds"], json!({ "p(95)<500": true, "avg<10": true }));
    assert_eq!(
        export["metrics"]["checks"],
        json!({ "value": 0.75, "passes": 3, "fails": 1, "thresholds": { "rate>0.9": true } })
    );
    assert_eq!(
        export["metrics"]["Orders{kind:none}"],
        json!({ "count": 0, "rate": 0, "thresholds": { "count == 0": false } })
    );
    assert_eq!(export["metrics"]["queue"], json!({ "value": 2, "min": 2, "max": 7 }));
    assert_eq!(export["root_group"]["id"], "d41d8cd98f00b204e9800998ecf8427e");
    let fast = &export["root_group"]["groups"]["pay"]["checks"]["fast"];
    assert_eq!(
        (&fast["path"], &fast["passes"], &fast["fails"]),
        (&json!("::pay::fast"), &json!(2), &json!(1))
    );
    let text = indented(&export);
    assert!(text.starts_with("{\n    \"metrics\": {\n        \""), "{text}");
    assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), export);
}

#[test]
fn handle_summary_is_given_all_of_it() {
    let run = run(false);
    let state = State { setup_data: Some(json!({ "a": 1 })), no_color: true, ..State::default() };
    let data = run.summary(&options(Mode::Compact)).data(&state);
    assert_eq!(
        data["metrics"]["http_req_failed"],
        json!({
            "type": "rate", "contains": "default",
            "values": { "rate": 0, "passes": 0, "fails": 3 },
        })
    );
    assert_eq!(data["metrics"]["checks"]["thresholds"], json!({ "rate>0.9": { "ok": false } }));
    assert_eq!(
        data["options"],
        json!({ "summaryTrendStats": ["avg", "p(99.9)", "count"], "summaryTimeUnit": "", "noColor": true })
    );
    assert_eq!(data["state"]["testRunDurationMs"], json!(2_000));
    assert_eq!(data["setup_data"], json!({ "a": 1 }));
    let names: Vec<_> = data["root_group"]["groups"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| &group["name"])
        .collect();
    assert_eq!(names, ["setup", "pay"]);
    // The MD5 of the path, as k6 names groups.
    assert_eq!(data["root_group"]["groups"][0]["id"], "5c0f8025f7e0b6654089e5b00e950f1a");
    let none = run.summary(&options(Mode::Compact)).data(&State::default());
    assert!(none.get("setup_data").is_none());
}

#[test]
fn options_are_read_as_k6_reads_them() {
    for wrong in ["foo", "p(abc)", "p(101)", "p95", " avg", "p(NaN)"] {
        let error = wrong.parse::<Statistic>().unwrap_err();
        assert_eq!(error.code(), "metrics-statistic", "{wrong}");
    }
    assert_eq!("p(5e1)".parse::<Statistic>().unwrap().name, "p(5e1)");
    assert_eq!(Statistic::defaults().len(), 6);
    for (name, mode) in
        [("compact", Mode::Compact), ("full", Mode::Full), ("disabled", Mode::Disabled)]
    {
        assert_eq!(name.parse::<Mode>().unwrap(), mode);
    }
    let legacy = "legacy".parse::<Mode>().unwrap_err();
    assert!(legacy.hint().unwrap().contains("v2"));
}

#[test]
fn names_are_in_the_order_of_a_dictionary() {
    let mut names = ["ZZ", "zz", "z_z", "aB", "a1", "a_1", "Ab", "aa"];
    names.sort_by(|one, other| order::collate(one, other));
    assert_eq!(names, ["a_1", "a1", "aa", "aB", "Ab", "z_z", "zz", "ZZ"]);
}
