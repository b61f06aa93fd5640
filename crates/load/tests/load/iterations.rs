//! Executors with a fixed number of iterations, rates that follow stages, and several flows in one
//! entry, on paused time.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::world::{Trial, World, answer};
use seaworthy_base::Clock;
use serde_json::json;

const MS: u64 = 1_000_000;

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn entry(executor: &str) -> String {
    format!(
        "flows: [{{name: f, target: service, steps: [{{name: s, request: 'GET /${{vu}}/${{iteration}}/${{index}}'}}]}}]\n\
         load: [{{flow: f, executor: {executor}}}]"
    )
}

fn targets(world: &World) -> Vec<String> {
    let mut targets: Vec<String> = world.seen().into_iter().map(|seen| seen.target).collect();
    targets.sort();
    targets
}

/// Of each request: virtual user, its iteration, the flow's.
fn numbers(world: &World) -> Vec<Vec<u64>> {
    let split = |target: String| {
        target[1..].split('/').map(|part| part.parse().unwrap()).collect::<Vec<u64>>()
    };
    targets(world).into_iter().map(split).collect()
}

#[tokio::test(start_paused = true)]
async fn each_virtual_user_makes_its_own_iterations() {
    let world = World::taking(ms(100));
    let yaml = entry("per-vu-iterations, vus: 3, iterations: 4");
    let done = Trial::new(&world, &yaml, ms(60_000)).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.started, load.completed, load.dropped, load.interrupted), (12, 12, 0, 0));
    // The phase ends with the last iteration, not with the time there was for them.
    assert_eq!(done.report.ended - done.report.started, ms(400));
    let mut own: Vec<(u64, u64)> = numbers(&world).iter().map(|all| (all[0], all[1])).collect();
    own.sort_unstable();
    let expected: Vec<(u64, u64)> = (1..=3).flat_map(|vu| (0..4).map(move |i| (vu, i))).collect();
    assert_eq!(own, expected);
    assert!(!load.open_model);
}

#[tokio::test(start_paused = true)]
async fn iterations_that_find_no_time_are_dropped() {
    let world = World::taking(ms(100));
    let yaml = entry("per-vu-iterations, vus: 3, iterations: 4, maxDuration: 250ms");
    let done = Trial::new(&world, &yaml, ms(60_000)).run().await;
    let load = &done.report.loads[0];
    // Begun at 0, 100 and 200 ms; the last ends at 300 ms, in its grace.
    assert_eq!((load.completed, load.dropped, load.interrupted), (9, 3, 0));
    assert_eq!(done.count("dropped_iterations", &[("flow", "f")]), 3);
    assert_eq!(done.report.ended - done.report.started, ms(300));

    let world = World::taking(ms(10_000));
    let yaml = entry("shared-iterations, vus: 2, iterations: 5, maxDuration: 1s, gracefulStop: 2s");
    let done = Trial::new(&world, &yaml, ms(60_000)).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.started, load.completed, load.dropped, load.interrupted), (2, 0, 3, 2));
    assert_eq!(load.youngest_cut, Some(3000 * MS));
    assert_eq!(done.report.ended - done.report.started, ms(3000));
}

#[tokio::test(start_paused = true)]
async fn shared_iterations_go_to_whoever_is_free() {
    // The second virtual user gets answers nine times as fast.
    let world = World::new(|seen| async move {
        let fast = seen.target.starts_with("/2/");
        tokio::time::sleep(ms(if fast { 100 } else { 900 })).await;
        answer(200, &json!({}))
    });
    let yaml = entry("shared-iterations, vus: 2, iterations: 20");
    let done = Trial::new(&world, &yaml, ms(60_000)).run().await;
    assert_eq!((done.report.loads[0].completed, done.report.loads[0].dropped), (20, 0));
    let mut by_user = BTreeMap::new();
    let mut indices: Vec<u64> = Vec::new();
    for all in numbers(&world) {
        *by_user.entry(all[0]).or_insert(0) += 1;
        indices.push(all[2]);
    }
    assert_eq!(by_user, BTreeMap::from([(1, 2), (2, 18)]));
    indices.sort_unstable();
    assert_eq!(indices, (0..20).collect::<Vec<u64>>());
}

#[tokio::test(start_paused = true)]
async fn a_rate_that_follows_stages_has_its_arrivals_where_its_integral_says() {
    let world = World::taking(ms(1));
    let yaml = entry(
        "ramping-arrival-rate, maxVUs: 5, stages: [{duration: 5s, target: 10}, {duration: 0s, target: 2}, {duration: 2s, target: 2}]",
    );
    let start = Clock::system().now();
    let done = Trial::new(&world, &yaml, ms(10_000)).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.arrivals, load.completed, load.dropped), (29, 29, 0));
    assert!(load.open_model && (load.offered_per_second.unwrap() - 29.0 / 7.0).abs() < 1e-9);
    for (index, seen) in world.seen().iter().enumerate() {
        let count = (index + 1) as f64;
        // t² up to 25, then two a second.
        let due = if count <= 25.0 { count.sqrt() } else { 5.0 + (count - 25.0) / 2.0 };
        let at = (seen.at - start).as_secs_f64();
        // The runtime's timer rounds up to its next millisecond.
        assert!(at >= due - 1e-6 && at <= due + 0.002, "arrival {index}: {at}, due {due}");
    }
    // It ends when its last arrival, due at the very end, is done.
    assert!(done.report.ended - done.report.started >= ms(7000));
}

#[tokio::test(start_paused = true)]
async fn an_iteration_is_of_the_flow_its_number_picks() {
    let run = |seed: u64| async move {
        let world = World::taking(ms(1));
        let yaml = "
flows:
  - {name: a, target: service, steps: [{name: s, request: 'GET /a/${index}'}]}
  - {name: b, target: service, steps: [{name: s, request: 'GET /b/${index}'}]}
  - {name: c, target: service, steps: [{name: s, request: 'GET /c/${index}'}]}
load:
  - executor: constant-arrival-rate
    rate: 1000
    maxVUs: 5
    flows: [{flow: a, weight: 7}, {flow: b, weight: 2.5}, {flow: c, weight: 0.5}]";
        let mut trial = Trial::new(&world, yaml, ms(2000));
        trial.options.seed = seed;
        let done = trial.run().await;
        let order: Vec<String> = world.seen().into_iter().map(|seen| seen.target).collect();
        (done, order)
    };
    let (done, order) = run(7).await;
    assert_eq!(order.len(), 2000);
    // The same seed, the same flows in the same order; another seed, others.
    assert_eq!(run(7).await.1, order);
    assert_ne!(run(8).await.1, order);
    let [a, b, c] = &done.report.loads[..] else { panic!("three flows") };
    assert_eq!(a.arrivals + b.arrivals + c.arrivals, 2000);
    assert_eq!(a.offered_per_second, Some(700.0));
    for (load, expected) in [(a, 1400_u64), (b, 500), (c, 100)] {
        let flow = [("flow", load.flow.as_str())];
        assert_eq!((load.arrivals, load.started), (load.completed, load.completed));
        assert_eq!(done.count("iterations", &flow), load.completed);
        assert_eq!(done.times("response_time", &flow).count(), load.completed);
        // Four standard deviations of a binomial.
        let share = expected as f64 / 2000.0;
        let slack = 4.0 * (2000.0 * share * (1.0 - share)).sqrt();
        assert!((load.completed as f64 - expected as f64).abs() < slack, "{}", load.flow);
        // Each flow numbers its own iterations.
        let prefix = format!("/{}/", load.flow);
        let mut own: Vec<u64> =
            order.iter().filter_map(|target| target.strip_prefix(&prefix)?.parse().ok()).collect();
        own.sort_unstable();
        assert_eq!(own, (0..load.completed).collect::<Vec<u64>>());
    }
}

#[tokio::test(start_paused = true)]
async fn every_part_of_a_request_is_recorded() {
    let world = World::new(|_| async move {
        tokio::time::sleep(ms(30)).await;
        answer(200, &json!({"body": "of some length"}))
    });
    let yaml = entry("per-vu-iterations, vus: 2, iterations: 5");
    let done = Trial::new(&world, &yaml, ms(60_000)).run().await;
    let step = [("step", "s"), ("flow", "f"), ("phase", "steady")];
    for metric in ["http_req_sending", "http_req_waiting", "http_req_receiving"] {
        assert_eq!(done.times(metric, &step).count(), 10, "{metric}");
    }
    assert_eq!(done.times("http_req_waiting", &step).min(), Some(30 * MS));
    // Two connections were opened, without TLS.
    assert_eq!(done.times("http_req_blocked", &step).count(), 2);
    assert_eq!(done.times("http_req_tls_handshaking", &step).count(), 0);
    let sent: usize = world.seen().iter().map(|seen| format!("GET {}", seen.target).len()).sum();
    assert!(done.count("data_sent", &step) > sent as u64);
    assert!(done.count("data_received", &step) >= 10 * 25);
}
