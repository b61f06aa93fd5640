//! What a request costs the generator: a closed loop against a URL, and the processor time it took.
//!
//! `cargo run --release -p seaworthy-load --example request_cost -- http://127.0.0.1:8080/ --vus 50 \
//! --workers 1 --duration 10s`; `--requests N` makes a number of requests instead, `--pause 1s`
//! lets each virtual user wait after each. Prints one JSON object.

use std::collections::BTreeMap;
use std::error::Error;
use std::num::NonZeroUsize;
use std::time::Duration;

use seaworthy_base::{Clock, Span};
use seaworthy_load::{Options, Service, SharedTimeline, check, spec};
use seaworthy_net::Url;
use seaworthy_stats::timeline::Window;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
struct Plan {
    flows: Vec<spec::Flow>,
    load: Vec<spec::Load>,
}

struct Arguments {
    url: String,
    vus: u32,
    workers: Option<NonZeroUsize>,
    duration: Duration,
    requests: Option<u64>,
    pause: String,
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut given = std::env::args().skip(1);
    let mut found = Arguments {
        url: String::new(),
        vus: 50,
        workers: None,
        duration: Duration::from_secs(10),
        requests: None,
        pause: String::new(),
    };
    while let Some(name) = given.next() {
        let mut value = || given.next().ok_or(format!("{name} needs a value"));
        match name.as_str() {
            "--vus" => found.vus = value()?.parse()?,
            "--workers" => found.workers = Some(value()?.parse()?),
            "--duration" => found.duration = value()?.parse::<Span>()?.0,
            "--requests" => found.requests = Some(value()?.parse()?),
            "--pause" => found.pause = format!(", pause: {}", value()?),
            url if url.starts_with("http") => found.url = name,
            other => return Err(format!("unknown argument `{other}`").into()),
        }
    }
    if found.url.is_empty() { Err("which URL?".into()) } else { Ok(found) }
}

fn main() -> Result<(), Box<dyn Error>> {
    let Arguments { url, vus, workers, duration, requests, pause } = arguments()?;
    let executor = match requests {
        Some(requests) => format!("shared-iterations, iterations: {requests}, maxDuration: 1d"),
        None => "constant-vus".to_owned(),
    };
    let yaml = format!(
        "flows: [{{name: f, steps: [{{name: s, request: GET {url}{pause}}}]}}]\n\
         load: [{{flow: f, executor: {executor}, vus: {vus}, gracefulStop: 5s}}]"
    );
    let plan: Plan = seaworthy_document::yaml("cost", &yaml).map_err(|found| found.to_string())?;
    let phase = if requests.is_some() { Duration::from_secs(86_400) } else { duration };
    let known =
        check::Known { file: "cost", targets: [].into(), names: [].into(), ..Default::default() };
    let (flows, found) = check::flows(&known, &plan.flows);
    let (loads, more) = check::loads(&known, &plan.flows, &plan.load, phase);
    if let Some(finding) = found.iter().chain(&more).next() {
        return Err(finding.to_string().into());
    }
    let clock = Clock::system();
    let bounds = BTreeMap::from([("response_time".to_owned(), vec![500_000_000])]);
    let timeline = SharedTimeline::new(clock.wall(), clock.now(), bounds);
    let service = Service::new(Options {
        phase: "cost".to_owned(),
        loads,
        flows,
        targets: BTreeMap::<String, Url>::new(),
        variables: BTreeMap::new(),
        client: seaworthy_net::Options::default(),
        seed: 1,
        workers,
        clock,
        timeline: timeline.clone(),
        stop: CancellationToken::new(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let before = cpu_seconds().ok_or("processor time cannot be read")?;
    let report = runtime.block_on(service.run())?;
    let cpu = cpu_seconds().unwrap_or(before) - before;
    let load = &report.loads[0];
    let timeline = timeline.snapshot();
    let all = Window::new(0, timeline.seconds());
    let times = timeline.select("response_time", &BTreeMap::new()).histogram(all);
    let ms = |q| times.quantile(q).map(|quantile| quantile.middle() as f64 / 1e6);
    let seconds = (report.ended - report.started).as_secs_f64();
    println!(
        "{}",
        json!({
            "requests": load.requests,
            "failed": load.failed,
            "seconds": seconds,
            "perSecond": load.requests as f64 / seconds,
            "cpuSeconds": cpu,
            "cpuSecondsPer1000": cpu / load.requests as f64 * 1000.0,
            "requestsPerCpuSecond": load.requests as f64 / cpu,
            "p50Ms": ms(0.5), "p99Ms": ms(0.99),
            "peakResidentKb": peak_kb(),
        })
    );
    Ok(())
}

/// Processor time of this process so far, user and system, to a hundredth of a second. From `/proc`:
/// the system's own clock for it cannot be read under valgrind.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // After the name, which may hold spaces: state is the first field, user time the twelfth.
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / 100.0)
}

/// The most memory this process has had, in kilobytes.
fn peak_kb() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}
