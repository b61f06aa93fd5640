//! The whole engine over real sockets and several threads: what was sent, what the server counted
//! and what the timeline says must agree to the last request.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::{Trial, World, answer, known, plan};
use seaworthy_base::Clock;
use seaworthy_load::{Setting, check, run_once};
use seaworthy_net::{Options, Url};
use serde_json::json;

fn numbered() -> World {
    World::new(|seen| async move {
        let status = if seen.target.ends_with('7') { 500 } else { 200 };
        answer(status, &json!({"target": seen.target}))
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_request_is_counted_once_on_both_sides() {
    let world = numbered();
    let address = world.listen().await;
    let yaml = r#"
flows:
  - {name: a, target: service, steps: [{name: s, request: "GET /a/${index}", expect: {json: {"$.target": "/a/${index}"}}}]}
  - {name: b, target: service, steps: [{name: s, request: "POST /b/${index}", body: {}}, {name: t, request: GET /c}]}
load:
  - {flow: a, executor: constant-arrival-rate, rate: 400, maxVUs: 8, duration: 1500ms}
  - {flow: b, executor: constant-vus, vus: 4, duration: 1s}
  - {flow: b, executor: ramping-vus, stages: [{duration: 1s, target: 3}]}
"#;
    let mut trial = Trial::new(&world, yaml, Duration::from_secs(2));
    trial.options.client = Options::default();
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    trial.options.targets = BTreeMap::from([("service".to_owned(), url)]);
    let done = trial.run_for_real().await;
    let seen = world.seen();
    let [a, b, ramp] = &done.report.loads[..] else { panic!("three entries") };
    // Every index that ends in 7 is answered 500: those iterations are not completed.
    assert_eq!((a.arrivals, a.completed, a.failed_iterations), (600, 540, 60));
    assert_eq!((a.dropped, a.interrupted), (0, 0));
    assert_eq!(a.requests, 600);
    assert_eq!((b.interrupted, ramp.interrupted), (0, 0));
    let requests = a.requests + b.requests + ramp.requests;
    assert_eq!(seen.len() as u64, requests);
    assert_eq!(done.count("http_reqs", &[]), requests);
    assert_eq!(done.times("http_req_duration", &[]).count(), requests);
    assert_eq!(done.times("response_time", &[]).count(), requests);
    assert_eq!(done.rate("http_req_failed", &[]).0, requests);
    let failing = seen.iter().filter(|seen| seen.target.ends_with('7')).count() as u64;
    assert_eq!(done.rate("http_req_failed", &[]).1, failing);
    assert_eq!(done.count("http_reqs", &[("status", "500")]), failing);
    assert_eq!(a.failed + b.failed + ramp.failed, failing);
    // Every index was used exactly once, also between two entries of one flow.
    for flow in ["/a/", "/b/"] {
        let mut indices: Vec<u64> =
            seen.iter().filter_map(|seen| seen.target.strip_prefix(flow)?.parse().ok()).collect();
        indices.sort_unstable();
        assert_eq!(indices, (0..indices.len() as u64).collect::<Vec<_>>(), "{flow}");
    }
    assert_eq!(done.rate("checks", &[("flow", "a")]), (600, 600));
    assert_eq!(done.count("iterations", &[]), a.completed + b.completed + ramp.completed);
    // The timeline can be written down and read back.
    let mut bytes = Vec::new();
    done.timeline.encode(&mut bytes).unwrap();
    let read = seaworthy_stats::timeline::Timeline::decode(bytes.as_slice()).unwrap();
    assert_eq!(read, done.timeline);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_setup_requests_go_over_few_connections() {
    let world = World::new(|seen| async move {
        answer(201, &json!({"id": seen.target.trim_start_matches("/").to_owned()}))
    });
    let address = world.listen().await;
    let typed = plan(
        "setup: [{name: fill, target: service, repeat: 10000, parallel: 32, steps: [
           {name: put, request: 'PUT /${index}', body: {key: 'voyage-${index}'}, extract: {ids: $.id}}]}]",
    )
    .setup
    .remove(0);
    let (routine, findings) = check::routine(&known(&[]), &typed);
    assert_eq!(findings, []);
    let setting = Setting {
        targets: BTreeMap::from([(
            "service".to_owned(),
            Url::parse(&format!("http://{address}/")).unwrap(),
        )]),
        variables: BTreeMap::new(),
        client: Options::default(),
        seed: 1,
        clock: Clock::system(),
    };
    let extracted = run_once(&routine.unwrap(), &setting).await.unwrap();
    let ids = extracted["ids"].as_array().unwrap();
    assert_eq!(ids.len(), 10_000);
    assert!(ids.iter().enumerate().all(|(index, id)| *id == json!(index.to_string())));
    assert_eq!(world.seen().len(), 10_000);
    assert_eq!(world.connections(), 32);
}

#[tokio::test]
async fn a_limit_of_descriptors_that_is_too_low_is_told() {
    let service = crate::service::Service::start(|_, _| crate::service::ok("")).await;
    let plan = "load: [{flow: f, executor: constant-arrival-rate, rate: 5, duration: 1s, preAllocatedVUs: 1, maxVUs: 100000}]
flows: [{name: f, target: service, steps: [{name: s, request: GET /}, {name: t, request: GET /, websocket: [{send: a}]}]}]";
    let plan = crate::world::plan(plan);
    let known = crate::world::known(&[]);
    let (flows, _) = seaworthy_load::check::flows(&known, &plan.flows);
    let (phase, here) = (std::time::Duration::from_secs(1), std::path::Path::new("."));
    let (loads, _) = seaworthy_load::check::loads(&known, &plan.flows, &plan.load, phase);
    let flow = "flows: [{name: f, target: service, steps: [{name: s, request: GET /}]}]";
    let load = "load: [{flow: f, executor: constant-vus, vus: 1}]";
    let mut trial = service.trial(&format!("{load}\n{flow}"), phase, here);
    (trial.options.flows, trial.options.loads) = (flows, loads);
    let done = trial.run_for_real().await;
    let most = rustix::process::getrlimit(rustix::process::Resource::Nofile).maximum;
    let short = most.is_some_and(|most| most < 200_256);
    assert_eq!(done.report.notes.len(), usize::from(short), "{:?}", done.report.notes);
    if let Some(note) = done.report.notes.first() {
        assert!(note.starts_with("100000 virtual users with 200000 connections"), "{note}");
    }
}
