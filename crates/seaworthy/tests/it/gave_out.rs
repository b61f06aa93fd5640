//! Trials of a service with faults planted in it: the report names what gave out, finds what leaks,
//! and finds nothing where nothing was planted.

use std::path::{Path, PathBuf};

use seaworthy_report::outcome::{Found, Leak, Resource, Status};

use crate::evidence::Evidence;
use crate::house::House;

/// The service, an example of the trial's crate: `cargo build --workspace --examples` makes it.
fn planted() -> PathBuf {
    let folder = Path::new(env!("CARGO_BIN_EXE_seaworthy")).parent().unwrap();
    let planted = folder.join("examples/planted");
    assert!(
        planted.is_file(),
        "{} is missing: run `cargo build -p seaworthy-trial --example planted`, which `cargo xtask \
         test` does",
        planted.display()
    );
    planted
}

/// A plan of one flow against the service with these faults.
fn plan(faults: &str, rest: &str, load: &str) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: planted}}
targets:
  - name: api
    command: ["{planted}", "--port", "${{port.api}}", {faults}]
    url: "http://127.0.0.1:${{port.api}}"
    ready: {{path: /ready}}
    {rest}
flows:
  - name: work
    target: api
    steps:
      - {{name: do, request: GET /work, expect: {{status: 200}}}}
phases:
{load}
objectives:
  - {{name: quick, metric: response_time, tags: {{flow: work}}, require: p95 < 250ms}}
  - {{name: errors, metric: http_req_failed, require: rate < 1%}}
"#,
        planted = planted().display()
    )
}

/// So many users from 1 on, over so many seconds.
fn ramp(users: u32, seconds: u32) -> String {
    format!(
        r"  - name: ramp
    duration: {seconds}s
    load:
      - flow: work
        executor: ramping-vus
        startVUs: 1
        stages: [{{duration: {seconds}s, target: {users}}}]"
    )
}

/// So many requests a second for so long.
fn steady(rate: u32, seconds: u32) -> String {
    format!(
        r"  - name: soak
    duration: {seconds}s
    warmup: 5s
    load:
      - {{flow: work, executor: constant-arrival-rate, rate: {rate}, preAllocatedVUs: 10, maxVUs: 40}}"
    )
}

fn resource<'a>(evidence: &'a Evidence, what: &str) -> &'a Resource {
    let found = evidence.outcome.resources.iter().find(|resource| resource.what == what);
    found.unwrap_or_else(|| panic!("{what}: {:#?}", evidence.outcome.resources))
}

fn leak<'a>(evidence: &'a Evidence, what: &str) -> &'a Leak {
    let found = evidence.outcome.leaks.iter().find(|leak| leak.what == what);
    found.unwrap_or_else(|| panic!("{what}: {:#?}", evidence.outcome.leaks))
}

#[test]
fn a_pool_that_is_too_small_is_named() {
    let house = House::new();
    // Four connections, each held for 80 ms: fifty requests a second and no more.
    let plan =
        plan(r#""--pool", "4", "--query-time", "80""#, "metrics: {every: 500ms}", &ramp(16, 45));
    // A query of 80 ms keeps its bound; that requests wait for the pool does not.
    let ended = house.trial(&plan);
    let evidence = Evidence::of(&house, &ended);
    let saturation = evidence.outcome.saturation.as_ref().unwrap();
    let first = saturation.first.as_ref().unwrap_or_else(|| panic!("{saturation:#?}"));
    assert_eq!((first.target.as_str(), first.what.as_str()), ("api", "pool database"));
    assert!(
        saturation.sentence.starts_with("Pool database of api gave out first: from 0:"),
        "{saturation:#?}"
    );
    assert!(saturation.sentence.contains("did not stay below 80%, at worst 4 of 4 in use, "));
    assert!(saturation.sentence.contains(" waiting. The p95 response time rose from "));
    assert!(
        saturation
            .advice
            .starts_with("Raise pool database of api from 4, or shorten what holds it"),
        "{saturation:#?}"
    );
    // With four connections, throughput stops to grow at about four users.
    let knee = saturation.knee.as_ref().unwrap_or_else(|| panic!("{saturation:#?}"));
    assert!((2.0..12.0).contains(&knee.load), "{saturation:#?}");
    assert_eq!(knee.load_unit, "virtual users");
    assert!(ended.stdout.contains("What gave out"), "{}", ended.stdout);
    let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("Pool database of api gave out first"), "{said}");
    let page = std::fs::read_to_string(evidence.folder.join("report.html")).unwrap();
    assert!(page.contains("Pool database of api gave out first"));
    // The rest was looked at, and what could not be is said.
    assert_eq!(resource(&evidence, "pool database").status, Status::Over);
    for kept in ["memory", "file descriptors", "cache", "error logs"] {
        assert_eq!(resource(&evidence, kept).status, Status::Within, "{kept}");
    }
    let missing = resource(&evidence, "queues");
    assert_eq!(missing.status, Status::NotMeasured);
    assert!(missing.reason.contains("no well-known metric"), "{}", missing.reason);
    assert_eq!(leak(&evidence, "pool database exhausted").status, Found::Found);
    // What was sampled is in the timeline, for whoever audits the sentence.
    for metric in ["target_cpu", "target_memory_bytes", "target_pool_waiting"] {
        let levels =
            evidence.timeline.select(metric, &[("target".to_owned(), "api".to_owned())].into());
        assert!(!levels.is_empty(), "{metric}");
    }
}

#[test]
fn what_leaks_is_found_in_a_short_soak() {
    let house = House::new();
    let faults =
        r#""--leak-memory", "20000", "--leak-files", "--log-errors", "60", "--cache", "40""#;
    let ended = house.trial(&plan(faults, "", &steady(20, 58)));
    let evidence = Evidence::of(&house, &ended);
    let memory = leak(&evidence, "memory");
    assert_eq!(memory.status, Found::Found, "{memory:#?}");
    // 20 a second keep 20,000 bytes each: 1,373 MiB in an hour.
    let wanted = 20.0 * 20_000.0 * 3600.0;
    let pace = memory.per_hour.unwrap();
    assert!((0.7 * wanted..1.5 * wanted).contains(&pace), "{memory:#?}");
    assert!(memory.hours_to_limit.is_some() && memory.sentence.contains("reaches its limit"));
    let files = leak(&evidence, "file descriptors");
    assert_eq!(files.status, Found::Found, "{files:#?}");
    assert!((60_000.0..84_000.0).contains(&files.per_hour.unwrap()), "{files:#?}");
    assert_eq!(leak(&evidence, "pool database exhausted").status, Found::NotFound);
    // A cache that seldom has what is asked for, and an error each second.
    assert_eq!(resource(&evidence, "cache").status, Status::Over);
    assert_eq!(resource(&evidence, "error logs").status, Status::Over);
    let said = ended.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains("found: Memory of api rose by"), "{said}");
}

#[test]
fn nothing_is_found_where_nothing_was_planted() {
    let house = House::new();
    let ended = house.trial(&plan(r#""--pool", "8""#, "", &steady(20, 58)));
    let evidence = Evidence::of(&house, &ended);
    for leak in &evidence.outcome.leaks {
        assert_ne!(leak.status, Found::Found, "{leak:#?}");
        // On a machine with many connections they are counted less often.
        if leak.what != "TCP connections" {
            assert_eq!(leak.status, Found::NotFound, "{leak:#?}");
        }
    }
    let whats: Vec<&str> = evidence.outcome.leaks.iter().map(|leak| leak.what.as_str()).collect();
    for what in ["memory", "file descriptors", "threads", "TCP connections", "log"] {
        assert!(whats.contains(&what), "{what}: {whats:?}");
    }
    for resource in evidence.outcome.resources.iter().filter(|one| one.target == "api") {
        // How busy the machine is, is not the service's doing.
        if resource.kind != "cpu" {
            assert_ne!(resource.status, Status::Over, "{resource:#?}");
        }
    }
}

#[test]
fn declared_metrics_that_cannot_be_read_are_not_measured() {
    let house = House::new();
    let rest = r#"metrics: {path: /nowhere, headers: {X-Key: "abc"}}
    watch:
      - {name: jobs, kind: queue, value: jobs_waiting}
      - {name: orders, kind: pool, used: orders_in_use, limit: 10}"#;
    let ended = house.trial(&plan(r#""--pool", "8""#, rest, &steady(10, 15)));
    let evidence = Evidence::of(&house, &ended);
    for what in ["jobs", "orders"] {
        let resource = resource(&evidence, what);
        assert_eq!(resource.status, Status::NotMeasured);
        assert_eq!(resource.reason, "/nowhere could not be read: it answers with status 404");
    }
    let note = evidence.outcome.notes.iter().find(|note| note.text.contains("/nowhere"));
    assert!(note.is_some_and(|note| note.text.contains("times, the first time because")));
    for leak in &evidence.outcome.leaks {
        assert_eq!(leak.status, Found::NotEnoughData, "{leak:#?}");
    }
}

#[test]
fn mistakes_in_what_is_watched_are_found_before_anything_starts() {
    let house = House::new();
    let rest = r#"metrics: {path: metrics, every: 1ms}
    watch:
      - {name: orders, kind: pool, used: orders_in_use}
      - {name: orders, kind: gauge, value: level}"#;
    let ended = house.trial(&plan(r#""--pool", "8""#, rest, &steady(10, 15))).expect(3);
    for said in [
        "plan-metrics",
        "`metrics` is not a path",
        "metrics cannot be read every 1ms",
        "plan-watch",
        "a pool needs `limit`",
        "empty or used twice",
        "a gauge has no bound",
    ] {
        assert!(ended.stderr.contains(said), "{said}: {}", ended.stderr);
    }
    assert!(house.trials().is_empty());
}
