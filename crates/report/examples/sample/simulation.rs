//! A trial that never touched a service: queues simulated from a seed, counted, and judged for real.
//!
//! It exists to look at reports and to test them. Its title says that it is a simulation.

use std::collections::BTreeMap;
use std::time::Duration;

use seaworthy_base::chance::Chance;
use seaworthy_base::{Event, Timestamp, Verdict};
use seaworthy_report::outcome::{
    Direction, Ending, Flow, Host, Note, Objective, Observed, Outcome, Phase, ResourceSample,
    Severity, Target, Trial,
};
use seaworthy_stats::{Assumptions, Comparison, Key, Statement, Timeline, Window};

#[path = "pools.rs"]
mod pools;

const START: Timestamp = Timestamp::from_nanos(1_795_199_906_000_000_000);
const PHASES: [(&str, u32, u32, u32); 2] = [("baseline", 0, 30, 180), ("peak", 180, 190, 260)];

/// One flow in one phase, and the queue it meets.
struct Load {
    flow: &'static str,
    phase: usize,
    rate: f64,
    workers: usize,
    service_ms: f64,
    spread: f64,
    failing: f64,
}

const LOADS: [Load; 6] = [
    load("sessions", 0, 100.0, 16, 9.0, 0.45, 0.0),
    load("turns", 0, 50.0, 12, 38.0, 0.55, 0.0002),
    load("recall", 0, 200.0, 8, 6.5, 0.5, 0.0),
    load("evaluate", 0, 500.0, 6, 1.4, 0.4, 0.0),
    load("turns", 1, 220.0, 12, 45.0, 0.55, 0.004),
    load("recall", 1, 300.0, 8, 8.5, 0.5, 0.0),
];

const fn load(
    flow: &'static str,
    phase: usize,
    rate: f64,
    workers: usize,
    service_ms: f64,
    spread: f64,
    failing: f64,
) -> Load {
    Load { flow, phase, rate, workers, service_ms, spread, failing }
}

/// Flow, phase, metric, statement, name, what was asked.
const ASKED: [(&str, usize, &str, &str, &str, &str); 8] = [
    (
        "sessions",
        0,
        "response_time",
        "p95 < 200ms",
        "sessions are quick",
        "95 of 100 sessions are created within 200 ms.",
    ),
    (
        "turns",
        0,
        "response_time",
        "p95 < 500ms",
        "turns are quick",
        "95 of 100 conversation turns are answered within 500 ms.",
    ),
    (
        "recall",
        0,
        "response_time",
        "p95 < 100ms",
        "recall is quick",
        "95 of 100 recalls are answered within 100 ms.",
    ),
    (
        "evaluate",
        0,
        "response_time",
        "p95 < 50ms",
        "evaluation is quick",
        "95 of 100 policy evaluations are answered within 50 ms.",
    ),
    (
        "turns",
        0,
        "http_req_failed",
        "rate < 0.1%",
        "turns hardly fail",
        "Fewer than 1 in 1,000 turns fail.",
    ),
    (
        "recall",
        0,
        "checks",
        "rate > 99.9%",
        "recall finds what was stored",
        "More than 999 of 1,000 answers name the right memory.",
    ),
    (
        "recall",
        0,
        "http_reqs",
        "throughput > 195/s",
        "recall keeps up",
        "More than 195 recalls are answered each second.",
    ),
    (
        "turns",
        1,
        "response_time",
        "p95 < 500ms",
        "turns stay quick at peak",
        "95 of 100 conversation turns are answered within 500 ms, also at peak.",
    ),
];

/// The simulated trial: the same every time.
pub(crate) fn trial() -> (Outcome, Timeline) {
    let mut timeline = Timeline::new(START, bounds());
    let (mut busy, mut in_use) = (BTreeMap::new(), pools::InUse::new());
    let mut chance = Chance::seeded(2);
    let flows: Vec<Flow> = LOADS
        .iter()
        .map(|load| run(load, &mut chance, &mut timeline, &mut busy, &mut in_use))
        .collect();
    let objectives: Vec<Objective> =
        ASKED.iter().map(|asked| objective(asked, &timeline)).collect();
    let resources = pools::resources(&in_use);
    let outcome = Outcome {
        api_version: "seaworthy.dev/v1".to_owned(),
        trial: Trial {
            id: "20261120t183826-demo".to_owned(),
            name: "Sample: simulated, not measured".to_owned(),
            description: "Queues simulated from a seed, to show what a report looks like. No service was involved.".to_owned(),
            started: Timestamp::from_nanos(START.as_nanos() - 4_300_000_000),
            ended: at(262.4),
            seaworthy_version: env!("CARGO_PKG_VERSION").to_owned(),
            host: Host {
                os: "simulated".to_owned(),
                kernel: "none".to_owned(),
                cpus: 2,
                memory_bytes: 8 << 30,
            },
        },
        verdict: Verdict::all(objectives.iter().map(|objective| objective.verdict)),
        ending: Ending::Completed,
        interrupted: None,
        objectives,
        flows,
        saturation: Some(pools::saturation(&resources)),
        resources,
        leaks: pools::leaks(),
        targets: targets(&busy),
        phases: PHASES
            .iter()
            .map(|(name, from, warm, to)| Phase {
                name: (*name).to_owned(),
                from_second: f64::from(*from),
                warmup_until_second: f64::from(*warm),
                to_second: f64::from(*to),
            })
            .collect(),
        events: events(),
        notes: vec![
            Note {
                severity: Severity::Warning,
                text: "These numbers were simulated; they say nothing about any service.".to_owned(),
            },
            Note { severity: Severity::Info, text: "No model configured: turns are answered from stored memory.".to_owned() },
        ],
        capacity: None,
        seal: Some("seaworthy receipts verify .seaworthy/trials/20261120t183826-demo".to_owned()),
    };
    (outcome, timeline)
}

fn bounds() -> BTreeMap<String, Vec<u64>> {
    let statements = ASKED.iter().filter_map(|asked| asked.3.parse().ok());
    let bounds = statements.filter_map(|statement| match statement {
        Statement::Quantile { bound_ns, .. } => Some(bound_ns),
        _ => None,
    });
    BTreeMap::from([("response_time".to_owned(), bounds.collect())])
}

fn at(second: f64) -> Timestamp {
    START.plus(Duration::from_secs_f64(second))
}

/// Processor time in use by each flow's target, per second.
type Busy = BTreeMap<(&'static str, u32), f64>;

fn run(
    load: &Load,
    chance: &mut Chance,
    timeline: &mut Timeline,
    busy: &mut Busy,
    in_use: &mut pools::InUse,
) -> Flow {
    let (phase, from, _, to) = PHASES[load.phase];
    let tags = [("phase", phase), ("flow", load.flow)];
    let key = |metric: &str| Key::new(metric, tags);
    let [response, failed, iterations] =
        ["response_time", "http_req_failed", "iterations"].map(key);
    let checks = Key::new("checks", [tags[0], tags[1], ("check", "answer is right")]);
    let mut free = vec![f64::from(from); load.workers];
    let mut service = seaworthy_stats::Histogram::new();
    let mut answered = seaworthy_stats::Histogram::new();
    let (mut failures, mut wrong) = (0, 0);
    let arrivals = (f64::from(to - from) * load.rate) as u32;
    for arrival in 0..arrivals {
        let due = f64::from(from) + f64::from(arrival) / load.rate;
        let next = (0..free.len()).min_by(|a, b| free[*a].total_cmp(&free[*b])).unwrap_or(0);
        let start = pause(due.max(free[next]));
        let cold = 1.0 + 1.5 * (-(due - f64::from(from)) / 6.0).exp();
        let took = load.service_ms / 1e3 * cold * (load.spread * normal(chance)).exp();
        let end = start + took;
        free[next] = end;
        let second = end as u32;
        let fails = chance.fraction() < load.failing;
        let right = !fails && chance.fraction() >= 0.000_02;
        failures += u64::from(fails);
        wrong += u64::from(!right);
        let nanos = ((end - due) * 1e9) as u64;
        answered.record(nanos);
        service.record((took * 1e9) as u64);
        timeline.record_trend(&response, second, nanos);
        timeline.record_rate(&failed, second, fails);
        timeline.record_rate(&checks, second, right);
        let status = if fails { "503" } else { "200" };
        let requests = Key::new("http_reqs", [tags[0], tags[1], ("status", status)]);
        timeline.record_counter(&requests, second, 1.0);
        timeline.record_counter(&iterations, second, 1.0);
        *in_use.entry((load.flow, second)).or_insert(0.0) += took;
        *busy.entry((target_of(load.flow), second)).or_insert(0.0) += took * 0.08;
    }
    let total = u64::from(arrivals);
    let read = |histogram: &seaworthy_stats::Histogram, q| {
        histogram.quantile(q).map(seaworthy_stats::histogram::Quantile::middle)
    };
    Flow {
        phase: phase.to_owned(),
        name: load.flow.to_owned(),
        open_model: true,
        offered_per_second: Some(load.rate),
        requests: total,
        failed: failures,
        per_second: total as f64 / f64::from(to - from),
        p50_ns: read(&answered, 0.5),
        p95_ns: read(&answered, 0.95),
        p99_ns: read(&answered, 0.99),
        max_ns: answered.max(),
        service_p50_ns: read(&service, 0.5),
        service_p95_ns: read(&service, 0.95),
        service_p99_ns: read(&service, 0.99),
        service_max_ns: service.max(),
        failed_iterations: 0,
        dropped: 0,
        interrupted: 0,
        checks_passed: total - wrong,
        checks_failed: wrong,
    }
}

/// The store pauses for 60 ms every 20 s; who comes then waits.
fn pause(start: f64) -> f64 {
    let into = start % 20.0;
    if into < 0.06 { start - into + 0.06 } else { start }
}

/// Box and Muller's transform of two fractions.
fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt();
    radius * (std::f64::consts::TAU * chance.fraction()).cos()
}

fn target_of(flow: &str) -> &'static str {
    match flow {
        "recall" => "memory",
        "evaluate" => "policy",
        _ => "gateway",
    }
}

fn targets(busy: &Busy) -> Vec<Target> {
    ["gateway", "memory", "policy"]
        .into_iter()
        .enumerate()
        .map(|(index, name)| {
            let mut used = 0.0;
            let mut chance = Chance::seeded(index as u64);
            let samples: Vec<ResourceSample> = (1..=260)
                .map(|second| {
                    let cores = busy.get(&(name, second - 1)).copied().unwrap_or(0.0);
                    used += cores;
                    let grown = 40e6 + 60e6 * (1.0 - (-f64::from(second) / 50.0).exp());
                    ResourceSample {
                        second: f64::from(second),
                        cpu_cores: cores,
                        rss_bytes: (grown * (1.0 + index as f64) + chance.fraction() * 4e6) as u64,
                        threads: 9,
                        fds: Some(60 + second / 10),
                        read_bytes: Some(0),
                        write_bytes: Some(u64::from(second) * 220_000),
                    }
                })
                .collect();
            Target {
                name: name.to_owned(),
                address: format!("http://127.0.0.1:{}", 10_000 + index),
                command: Some(format!("seaworthy hub serve --role {name}")),
                ended: "stopped on request, exit code 0".to_owned(),
                cpu_seconds: Some(used),
                peak_rss_bytes: samples.iter().map(|sample| sample.rss_bytes).max(),
                samples,
            }
        })
        .collect()
}

fn events() -> Vec<Event> {
    let event = |second: f64, kind: &str, subject: &str, text: &str| {
        Event::new(at(second), kind, subject, text)
    };
    vec![
        Event::new(
            Timestamp::from_nanos(START.as_nanos() - 4_100_000_000),
            "target.started",
            "memory",
            "Started, process 4021.",
        ),
        Event::new(
            Timestamp::from_nanos(START.as_nanos() - 2_600_000_000),
            "target.ready",
            "memory",
            "Ready after 1.5 s.",
        ),
        event(0.0, "phase.started", "baseline", "Phase baseline began: 4 flows."),
        event(30.0, "phase.warm", "baseline", "Warm-up ended; from here on objectives are judged."),
        event(96.4, "store.checkpoint", "memory", "The store wrote a checkpoint of 48 MiB."),
        event(180.0, "phase.started", "peak", "Phase peak began: 2 flows."),
        event(221.7, "store.checkpoint", "memory", "The store wrote a checkpoint of 61 MiB."),
        event(260.0, "phase.ended", "peak", "Phase peak ended."),
    ]
}

fn objective(
    (flow, phase, metric, statement, name, plain): &(&str, usize, &str, &str, &str, &str),
    timeline: &Timeline,
) -> Objective {
    let (phase, _, warm, to) = PHASES[*phase];
    let statement: Statement =
        statement.parse().expect("every statement in ASKED is one the judge knows");
    let tags = BTreeMap::from([
        ("flow".to_owned(), (*flow).to_owned()),
        ("phase".to_owned(), phase.to_owned()),
    ]);
    let counts = timeline
        .select(metric, &tags)
        .counts(&statement, Window::new(warm, to))
        .expect("each metric above is recorded as the kind its statement needs");
    let judgement = counts.judge(&statement, &Assumptions::default());
    Objective {
        name: (*name).to_owned(),
        statement: statement.to_string(),
        subject: format!("{metric} of flow {flow} in phase {phase}"),
        plain: (*plain).to_owned(),
        verdict: judgement.verdict,
        measurement: judgement.measurement,
        bound: judgement.bound,
        direction: match statement {
            Statement::Throughput { comparison: Comparison::Above, .. } => Direction::Above,
            _ => Direction::Below,
        },
        k6: None,
        observed: judgement.observed.map(|observed| Observed {
            value_ns: observed.value as u64,
            low_ns: observed.low as u64,
            high_ns: observed.high as u64,
        }),
        bound_ns: match statement {
            Statement::Quantile { bound_ns, .. } => Some(bound_ns),
            _ => None,
        },
        n: counts.n.iter().sum(),
        n_effective: judgement.n_effective,
        design_effect: judgement.design_effect,
        seconds: judgement.seconds,
        reason: judgement.reason,
        needs: judgement.needs,
        method: "Share of bad values against the bound; two-sided 95 % Clopper–Pearson interval on the effective sample size (long-run variance over a ladder of batches, and self-normalised).".to_owned(),
        rarer_than_seconds: judgement.rarer_than_seconds,
    }
}
