//! What a stalling server looks like from here: a constant arrival rate against it, and the
//! percentiles that come out, as one JSON object.
//!
//! `cargo run --release -p seaworthy-load --example stall -- http://127.0.0.1:PORT/ [RATE [VUS
//! [DURATION]]]`, beside the example `stall_server`. With a stall of 1 s in every 5 s, a fifth of all
//! arrivals wait, evenly between 0 and 1 s: the 90th, 95th and 99th percentiles are 500, 750 and
//! 950 ms.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use seaworthy_base::{Clock, Span};
use seaworthy_load::{Options, Service, SharedTimeline, check, spec};
use seaworthy_stats::timeline::Window;
use serde::Deserialize;
use serde_json::json;
use tokio_util::sync::CancellationToken;

#[derive(Deserialize)]
struct Plan {
    flows: Vec<spec::Flow>,
    load: Vec<spec::Load>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("which URL?")?;
    let mut number =
        |default: f64| arguments.next().map_or(Ok(default), |text| text.parse::<f64>());
    let (rate, vus) = (number(300.0)?, number(10.0)?);
    let duration = arguments
        .next()
        .map_or(Ok(Duration::from_secs(20)), |text| text.parse::<Span>().map(|span| span.0))?;
    let yaml = format!(
        "flows: [{{name: f, steps: [{{name: s, request: GET {url}}}]}}]\n\
         load: [{{flow: f, executor: constant-arrival-rate, rate: {rate}, maxVUs: {vus}}}]"
    );
    let plan: Plan = seaworthy_document::yaml("stall", &yaml).map_err(|found| found.to_string())?;
    let known =
        check::Known { file: "stall", targets: [].into(), names: [].into(), ..Default::default() };
    let (flows, found) = check::flows(&known, &plan.flows);
    let (loads, more) = check::loads(&known, &plan.flows, &plan.load, duration);
    if let Some(finding) = found.iter().chain(&more).next() {
        return Err(finding.to_string().into());
    }
    let clock = Clock::system();
    let timeline = SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new());
    let service = Service::new(Options {
        phase: "stall".to_owned(),
        loads,
        flows,
        targets: BTreeMap::new(),
        variables: BTreeMap::new(),
        client: seaworthy_net::Options::default(),
        seed: 1,
        workers: None,
        clock,
        timeline: timeline.clone(),
        stop: CancellationToken::new(),
    })?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let report = runtime.block_on(service.run())?;
    let load = &report.loads[0];
    let timeline = timeline.snapshot();
    let all = Window::new(0, timeline.seconds());
    let of = |metric: &str| {
        let times = timeline.select(metric, &BTreeMap::new()).histogram(all);
        let ms = |q| times.quantile(q).map(|quantile| quantile.middle() as f64 / 1e6);
        json!({"p50Ms": ms(0.5), "p90Ms": ms(0.9), "p95Ms": ms(0.95), "p99Ms": ms(0.99), "n": times.count()})
    };
    println!(
        "{}",
        json!({
            "arrivals": load.arrivals, "completed": load.completed, "dropped": load.dropped,
            "interrupted": load.interrupted, "failed": load.failed,
            "responseTime": of("response_time"),
            "serviceTime": of("http_req_duration"),
            "generatorLag": of("generator_lag"),
        })
    );
    Ok(())
}
