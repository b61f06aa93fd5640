//! Several workers over real sockets: whatever they do at the same time, every iteration is
//! accounted for, once.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{Done, Trial, World, answer};
use seaworthy_load::Error;
use seaworthy_net::{Network, Options, Pending, Stream, Url};
use serde_json::json;

/// A phase on three workers against a server on a real port.
async fn on_three(world: &World, yaml: &str, phase: Duration) -> Trial {
    let address = world.listen().await;
    let mut trial = Trial::new(world, yaml, phase);
    trial.options.client = Options::default();
    trial.options.workers = NonZeroUsize::new(3);
    let url = Url::parse(&format!("http://{address}/")).unwrap();
    trial.options.targets = BTreeMap::from([("service".to_owned(), url)]);
    trial
}

fn entry(executor: &str) -> String {
    format!(
        "flows: [{{name: f, target: service, steps: [{{name: s, request: 'GET /${{vu}}/${{iteration}}/${{index}}'}}]}}]\n\
         load: [{{flow: f, executor: {executor}}}]"
    )
}

fn numbers(world: &World) -> Vec<[u64; 3]> {
    let split = |target: &str| {
        let parts: Vec<u64> = target[1..].split('/').map(|part| part.parse().unwrap()).collect();
        [parts[0], parts[1], parts[2]]
    };
    world.seen().iter().map(|seen| split(&seen.target)).collect()
}

fn agree(world: &World, done: &Done) {
    let load = &done.report.loads[0];
    let seen = numbers(world);
    assert_eq!(seen.len() as u64, load.started, "what began reached the server");
    let indices: BTreeSet<u64> = seen.iter().map(|all| all[2]).collect();
    assert_eq!(indices.len(), seen.len(), "no index was used twice");
    // Each virtual user counts its own iterations without a gap.
    let mut own: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    seen.iter().for_each(|all| own.entry(all[0]).or_default().push(all[1]));
    for (vu, mut iterations) in own {
        iterations.sort_unstable();
        assert_eq!(iterations, (0..iterations.len() as u64).collect::<Vec<_>>(), "VU {vu}");
    }
    assert_eq!(done.count("http_reqs", &[]), load.requests);
    assert_eq!(done.count("iterations", &[]), load.completed);
    assert_eq!(done.count("dropped_iterations", &[]), load.dropped);
    assert_eq!(done.count("interrupted_iterations", &[]), load.interrupted);
    assert_eq!(done.times("iteration_duration", &[]).count(), load.completed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_arrival_is_accounted_for() {
    // Four virtual users, 40 requests a second each at most: of 400 arrivals a second some wait, some
    // find no room, some are still waiting or under way when the time is over.
    let world = World::new(|_| async move {
        tokio::time::sleep(Duration::from_millis(25)).await;
        answer(200, &json!({}))
    });
    let yaml = entry(
        "constant-arrival-rate, rate: 400, maxVUs: 4, preAllocatedVUs: 1, maxBacklog: 30, gracefulStop: 50ms",
    );
    let done = on_three(&world, &yaml, Duration::from_secs(1)).await.run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!(load.arrivals, 400);
    assert_eq!(
        load.arrivals,
        load.completed + load.failed_iterations + load.dropped + load.interrupted
    );
    assert!(load.dropped > 0 && load.interrupted > 0, "{load:?}");
    let seen: BTreeSet<u64> = numbers(&world).iter().map(|all| all[2]).collect();
    assert_eq!(seen.len() as u64, load.started);
    assert!(world.connections() <= 4);
    assert_eq!(done.count("dropped_iterations", &[]), load.dropped);
    assert_eq!(done.count("interrupted_iterations", &[]), load.interrupted);
    assert_eq!(done.times("response_time", &[]).count(), load.requests + load.interrupted);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fixed_numbers_of_iterations_are_exact() {
    let world = World::new(|_| async { answer(200, &json!({})) });
    let yaml = entry("per-vu-iterations, vus: 7, iterations: 60");
    let done = on_three(&world, &yaml, Duration::from_secs(120)).await.run_for_real().await;
    assert_eq!(done.report.loads[0].completed, 420);
    agree(&world, &done);
    let most = numbers(&world).iter().map(|all| all[1]).max();
    assert_eq!(most, Some(59));
    assert_eq!(world.connections(), 7);

    let world = World::new(|_| async { answer(200, &json!({})) });
    let yaml = entry("shared-iterations, vus: 7, iterations: 500");
    let done = on_three(&world, &yaml, Duration::from_secs(120)).await.run_for_real().await;
    assert_eq!(done.report.loads[0].completed, 500);
    agree(&world, &done);
    let all: BTreeSet<u64> = numbers(&world).iter().map(|all| all[2]).collect();
    assert_eq!(all, (0..500).collect());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_come_and_go_on_their_workers() {
    let world = World::new(|_| async {
        tokio::time::sleep(Duration::from_millis(2)).await;
        answer(200, &json!({}))
    });
    let yaml = entry(
        "ramping-vus, startVUs: 1, gracefulStop: 20s, stages: [{duration: 300ms, target: 9}, {duration: 300ms, target: 0}, {duration: 0s, target: 3}, {duration: 200ms, target: 3}]",
    );
    let done = on_three(&world, &yaml, Duration::from_secs(30)).await.run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!((load.interrupted, load.failed), (0, 0));
    assert!(load.completed > 0);
    let indices: BTreeSet<u64> = numbers(&world).iter().map(|all| all[2]).collect();
    assert_eq!(indices, (0..load.started).collect());
    assert!(numbers(&world).iter().all(|all| (1..=9).contains(&all[0])));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_cuts_off_what_is_under_way_on_every_worker() {
    let world = World::taking(Duration::from_secs(3600));
    let yaml = entry("constant-arrival-rate, rate: 1000, maxVUs: 6, maxBacklog: 100000");
    let trial = on_three(&world, &yaml, Duration::from_secs(3600)).await;
    let stop = trial.options.stop.clone();
    let seeing = world.clone();
    let stopping = async move {
        while seeing.seen().len() < 6 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (done, ()) = tokio::join!(trial.run_for_real(), stopping);
    let load = &done.report.loads[0];
    assert_eq!((load.started, load.completed), (6, 0));
    assert_eq!(load.arrivals, load.interrupted);
    assert_eq!(done.count("interrupted_iterations", &[]), load.interrupted);
}

/// A network that breaks the program.
#[derive(Debug)]
struct Breaking;

impl Network for Breaking {
    fn look_up<'a>(&'a self, _: &'a str, _: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        panic!("the resolver is gone")
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        panic!("the network is gone")
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_worker_that_breaks_is_an_error_and_not_a_hang() {
    for executor in [
        "constant-vus, vus: 3, duration: 1h",
        "per-vu-iterations, vus: 3, iterations: 9",
        "constant-arrival-rate, rate: 100, maxVUs: 3, duration: 1s",
    ] {
        let world = World::taking(Duration::ZERO);
        let mut trial = on_three(&world, &entry(executor), Duration::from_secs(3600)).await;
        trial.options.client.network = Arc::new(Breaking);
        let service = seaworthy_load::Service::new(trial.options).unwrap();
        let ended = tokio::time::timeout(Duration::from_secs(60), service.run()).await;
        match ended.unwrap() {
            Err(Error::Worker(reason)) => assert_eq!(reason, "the resolver is gone"),
            other => panic!("{executor}: {other:?}"),
        }
    }
}
