//! Executors on paused time against a real HTTP server over in-memory streams: schedules, waiting,
//! dropping, cutting off. Nothing here depends on how fast the machine is.

use std::time::Duration;

use crate::world::{Trial, World, answer};
use seaworthy_base::Clock;
use serde_json::json;

const MS: u64 = 1_000_000;

fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

fn arrivals(rate: u32, more: &str) -> String {
    format!(
        "flows: [{{name: f, target: service, steps: [{{name: s, request: GET /}}]}}]\n\
         load: [{{flow: f, executor: constant-arrival-rate, rate: {rate}, {more}}}]"
    )
}

/// Within the histogram's resolution (1/512) and the timer's millisecond.
fn assert_near(found: u64, expected: u64) {
    let slack = expected / 100 + 2 * MS;
    assert!(found.abs_diff(expected) <= slack, "{found} is not about {expected}");
}

#[tokio::test(start_paused = true)]
async fn arrivals_follow_their_schedule_exactly() {
    let world = World::taking(ms(3));
    let trial = Trial::new(&world, &arrivals(40, "maxVUs: 10"), seconds(5));
    let start = Clock::system().now();
    let done = trial.run().await;
    let seen = world.seen();
    assert_eq!(seen.len(), 200);
    for (index, seen) in seen.iter().enumerate() {
        let due = start + ms(25 * index as u64);
        assert_eq!(seen.at, due, "arrival {index}");
    }
    let load = &done.report.loads[0];
    assert_eq!((load.arrivals, load.started, load.completed), (200, 200, 200));
    assert_eq!((load.dropped, load.interrupted, load.failed, load.requests), (0, 0, 0, 200));
    assert_eq!(load.offered_per_second, Some(40.0));
    assert!(load.open_model);
    assert_eq!(done.count("iterations", &[("phase", "steady"), ("flow", "f")]), 200);
    assert_eq!(done.count("http_reqs", &[("step", "s"), ("status", "200")]), 200);
    assert_eq!(done.rate("http_req_failed", &[]), (200, 0));
    assert_near(done.quantile("response_time", 0.5), 3 * MS);
    assert_near(done.quantile("http_req_duration", 0.99), 3 * MS);
    // One free user took them all: the last to become idle is the first to work.
    assert_eq!(world.connections(), 1);
    assert_eq!(done.times("generator_lag", &[("phase", "steady")]).max(), Some(0));
    // Every second has its arrivals.
    let iterations = done.timeline.select("iterations", &Default::default());
    let window = seaworthy_stats::timeline::Window::new(0, 5);
    assert_eq!(iterations.sums(window), vec![40.0; 5]);
    assert!(done.timeline.lost().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_stall_counts_from_when_each_arrival_was_due() {
    // The service stands still for the first of every five seconds, as the truth for arrivals at
    // an even rate has it: a fifth waits, evenly between 0 and 1 s.
    let begin = Clock::system().now();
    let world = World::new(move |seen| async move {
        let into = (seen.at - begin).as_millis() as u64 % 5000;
        tokio::time::sleep(ms(if into < 1000 { 1000 - into } else { 1 })).await;
        answer(200, &json!({}))
    });
    let trial = Trial::new(&world, &arrivals(100, "maxVUs: 10"), seconds(20));
    let done = trial.run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.arrivals, load.completed, load.dropped), (2000, 2000, 0));
    // With ten users, ninety of a stall's hundred arrivals wait in line: a closed view would hide
    // them. Counted from when they were due, the stall shows in full.
    let response = |q| done.quantile("response_time", q);
    assert_near(response(0.9), 500 * MS);
    assert_near(response(0.95), 750 * MS);
    assert_near(response(0.99), 950 * MS);
    // What the service took, request by request, shows almost none of it.
    assert_near(done.quantile("http_req_duration", 0.95), MS);
    assert!(done.most("backlog") >= 85.0, "{}", done.most("backlog"));
    assert!(world.connections() <= 10);
}

#[tokio::test(start_paused = true)]
async fn what_overflows_the_backlog_is_dropped_and_counted() {
    let world = World::taking(seconds(3));
    let yaml = arrivals(10, "maxVUs: 2, maxBacklog: 5, gracefulStop: 60s");
    let done = Trial::new(&world, &yaml, seconds(4)).run().await;
    let load = &done.report.loads[0];
    // Two begin at 0 s, two at 3 s; five wait; two more find the room that the latter left.
    assert_eq!(load.arrivals, 40);
    assert_eq!(load.completed, 9);
    assert_eq!(load.dropped, 31);
    assert_eq!(load.arrivals, load.completed + load.dropped);
    assert_eq!(done.count("dropped_iterations", &[("flow", "f")]), 31);
    assert_eq!(world.seen().len(), 9);
    assert_eq!(done.most("backlog"), 5.0);
    assert_eq!(done.most("vus"), 2.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_unfinished_at_the_end_is_cut_off_with_its_age() {
    let world = World::taking(seconds(3600));
    let yaml = arrivals(10, "maxVUs: 4, gracefulStop: 2s");
    let done = Trial::new(&world, &yaml, seconds(1)).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.arrivals, load.started, load.completed), (10, 4, 0));
    assert_eq!(load.interrupted, 10);
    assert_eq!(done.count("interrupted_iterations", &[]), 10);
    // In flight or still waiting, each is recorded with its age: 2.1 s to 3 s.
    let times = done.times("response_time", &[("step", "s")]);
    assert_eq!(times.count(), 10);
    assert_eq!((times.min(), times.max()), (Some(2100 * MS), Some(3000 * MS)));
    assert_eq!(load.youngest_cut, Some(2100 * MS));
    assert_eq!(done.report.ended - done.report.started, seconds(3));
    // No answer came, so no request ended.
    assert_eq!(done.count("http_reqs", &[]), 0);
    assert_eq!(load.requests, 0);
}

#[tokio::test(start_paused = true)]
async fn the_backlog_is_worked_off_in_the_graceful_stop() {
    let world = World::taking(ms(500));
    let yaml = arrivals(10, "maxVUs: 1, gracefulStop: 30s");
    let done = Trial::new(&world, &yaml, seconds(1)).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.completed, load.interrupted), (10, 0));
    // The last was due at 0.9 s and done at 5 s.
    assert_eq!(done.times("response_time", &[]).max(), Some(4100 * MS));
    assert_eq!(done.report.ended - done.report.started, seconds(5));
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_everything_at_once() {
    let world = World::taking(seconds(10));
    for executor in [
        "executor: constant-arrival-rate, rate: 10, maxVUs: 5",
        "executor: constant-vus, vus: 5",
        "executor: ramping-vus, stages: [{duration: 0s, target: 5}, {duration: 60s, target: 5}]",
        "executor: constant-vus, vus: 5, startTime: 50s",
    ] {
        let yaml = format!(
            "flows: [{{name: f, target: service, steps: [{{name: s, request: GET /}}]}}]\n\
             load: [{{flow: f, {executor}}}]"
        );
        let trial = Trial::new(&world, &yaml, seconds(60));
        let stop = trial.options.stop.clone();
        let stopping = async {
            tokio::time::sleep(ms(1250)).await;
            stop.cancel();
        };
        let (done, ()) = tokio::join!(trial.run(), stopping);
        assert_eq!(done.report.ended - done.report.started, ms(1250), "{executor}");
        let load = &done.report.loads[0];
        let expected = match (load.open_model, load.started) {
            (true, _) => 13,
            (false, 0) => 0,
            (false, _) => 5,
        };
        assert_eq!((load.completed, load.interrupted), (0, expected), "{executor}");
    }
}

#[tokio::test(start_paused = true)]
async fn constant_vus_keep_a_fixed_number_busy() {
    let world = World::taking(ms(100));
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: GET /, pause: 150ms}]}]
load: [{flow: f, executor: constant-vus, vus: 4, duration: 10s, gracefulStop: 1s}]";
    let done = Trial::new(&world, yaml, seconds(10)).run().await;
    let load = &done.report.loads[0];
    // Four users, 250 ms an iteration, ten seconds.
    assert_eq!((load.completed, load.interrupted, load.arrivals), (160, 0, 0));
    assert!(!load.open_model);
    assert_eq!(world.connections(), 4);
    assert_eq!(done.times("response_time", &[]).max(), Some(100 * MS));
    assert_eq!(done.times("iteration_duration", &[]).max(), Some(250 * MS));
    assert_eq!(done.most("vus"), 4.0);
}

#[tokio::test(start_paused = true)]
async fn ramping_vus_reach_their_targets() {
    let world = World::taking(ms(100));
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: 'GET /${vu}'}]}]
load:
  - flow: f
    executor: ramping-vus
    startVUs: 1
    stages: [{duration: 4s, target: 5}, {duration: 2s, target: 5}, {duration: 4s, target: 1}]";
    let done = Trial::new(&world, yaml, seconds(10)).run().await;
    let window = seaworthy_stats::timeline::Window::new(0, 10);
    let vus = done.timeline.select("vus", &Default::default()).per_second(window);
    let highest: Vec<f64> = vus.iter().map(|slot| slot.max).collect();
    // A user that is ramped down on the second still ends its iteration.
    assert_eq!(highest, [1.0, 2.0, 3.0, 4.0, 5.0, 5.0, 5.0, 5.0, 4.0, 3.0]);
    assert_eq!(done.report.loads[0].interrupted, 0);
    // Ten iterations a second for each user.
    assert_eq!(done.report.loads[0].completed, 10 * (1 + 2 + 3 + 4 + 5 + 5 + 5 + 4 + 3 + 2));
    let mut users: Vec<String> = world.seen().into_iter().map(|seen| seen.target).collect();
    users.sort();
    users.dedup();
    assert_eq!(users, ["/1", "/2", "/3", "/4", "/5"]);
}

#[tokio::test(start_paused = true)]
async fn ramped_down_users_have_their_own_grace() {
    let world = World::taking(seconds(100));
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: GET /}]}]
load:
  - flow: f
    executor: ramping-vus
    startVUs: 3
    gracefulRampDown: 2s
    gracefulStop: 5s
    stages: [{duration: 2s, target: 1}, {duration: 8s, target: 1}]";
    let done = Trial::new(&world, yaml, seconds(10)).run().await;
    assert_eq!(done.report.loads[0].interrupted, 3);
    let times = done.times("response_time", &[]);
    // Ramped down at 1 s and 2 s, cut off 2 s later; the last one 5 s after the end.
    assert_eq!((times.min(), times.max()), (Some(3000 * MS), Some(15_000 * MS)));
    assert_near(times.quantile(0.5).unwrap().middle(), 4000 * MS);
}

#[tokio::test(start_paused = true)]
async fn entries_run_side_by_side_each_from_its_own_start() {
    let world = World::taking(ms(10));
    let yaml = "
flows:
  - {name: a, target: service, steps: [{name: s, request: 'GET /a/${index}/${vu}'}]}
  - {name: b, target: service, steps: [{name: s, request: 'GET /b/${index}/${vu}'}]}
load:
  - {flow: a, executor: constant-arrival-rate, rate: 60, timeUnit: 1m, maxVUs: 3}
  - {flow: b, executor: constant-arrival-rate, rate: 1, preAllocatedVUs: 2, startTime: 5s, duration: 3s}";
    let start = Clock::system().now();
    let done = Trial::new(&world, yaml, seconds(10)).run().await;
    assert_eq!(done.report.loads[0].completed, 10);
    assert_eq!(done.report.loads[1].completed, 3);
    assert_eq!(done.count("iterations", &[("flow", "b")]), 3);
    let seen: Vec<(u64, String)> = world
        .seen()
        .into_iter()
        .filter(|seen| seen.target.starts_with("/b"))
        .map(|seen| ((seen.at - start).as_secs(), seen.target))
        .collect();
    // Users of the second entry count on from the first's.
    let expected = [(5, "/b/0/5"), (6, "/b/1/5"), (7, "/b/2/5")];
    assert_eq!(seen, expected.map(|(second, target)| (second, target.to_owned())));
}

#[tokio::test(start_paused = true)]
async fn a_generator_that_stood_still_says_so() {
    let world = World::taking(ms(1));
    let trial = Trial::new(&world, &arrivals(10, "maxVUs: 5"), seconds(10));
    let standing_still = async {
        tokio::time::sleep(ms(2250)).await;
        // The process is not run for 3.5 s: its clock moves on without it.
        tokio::time::advance(ms(3500)).await;
    };
    let (done, ()) = tokio::join!(trial.run(), standing_still);
    // From 2.25 s to 5.75 s: seconds 3 and 4 were missed whole, 2 and 5 in part.
    assert_eq!(done.timeline.lost().iter().copied().collect::<Vec<_>>(), [3, 4]);
    // Each of the 350 ticks of the ticker that were missed is late by its own time, evenly from 0
    // to 3.5 s, and so is each arrival that was due meanwhile and found a free user.
    let lag = done.times("generator_lag", &[]);
    assert!(lag.max().unwrap() >= 3450 * MS, "{:?}", lag.max());
    let late = lag.buckets().filter(|bucket| bucket.low > 10 * MS);
    let late: u64 = late.map(|bucket| bucket.count).sum();
    assert!((345..=390).contains(&late), "{late}");
    // No arrival is left out, and each counts from when it was due.
    let load = &done.report.loads[0];
    assert_eq!((load.arrivals, load.completed), (100, 100));
    let times = done.times("response_time", &[]);
    assert_near(times.max().unwrap(), 3451 * MS);
    assert_near(times.quantile(0.83).unwrap().middle(), 1750 * MS);
}

#[tokio::test(start_paused = true)]
async fn seconds_without_arrivals_are_not_lost() {
    let world = World::taking(ms(1));
    let yaml = "
flows: [{name: f, target: service, steps: [{name: s, request: GET /}]}]
load: [{flow: f, executor: constant-arrival-rate, rate: 1, timeUnit: 1m, maxVUs: 1}]";
    let done = Trial::new(&world, yaml, seconds(120)).run().await;
    assert_eq!(done.report.loads[0].completed, 2);
    assert!(done.timeline.lost().is_empty());
    assert_eq!(done.times("generator_lag", &[]).max(), Some(0));
}
