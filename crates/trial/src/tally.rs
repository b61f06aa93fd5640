//! What each flow did in each phase, read off the timeline for the report.

use std::collections::BTreeMap;

use seaworthy_report::outcome::{Flow, Phase};
use seaworthy_stats::Histogram;
use seaworthy_stats::histogram::Quantile;
use seaworthy_stats::timeline::Timeline;

use crate::judge::RanPhase;

/// A flow's own account of a phase, as the load engine counted it.
#[derive(Clone, Debug)]
pub(crate) struct FlowRun {
    pub(crate) flow: String,
    pub(crate) open_model: bool,
    pub(crate) offered_per_second: Option<f64>,
    pub(crate) dropped: u64,
    pub(crate) interrupted: u64,
    /// Age of the youngest step that was cut off, in nanoseconds.
    pub(crate) youngest_cut: Option<u64>,
}

/// The rows of the report's table of flows: the seconds that are judged, warm-up left
/// out.
pub(crate) fn flows(timeline: &Timeline, phases: &[RanPhase]) -> Vec<Flow> {
    phases
        .iter()
        .flat_map(|phase| phase.flows.iter().map(move |run| flow(timeline, phase, run)))
        .collect()
}

fn flow(timeline: &Timeline, phase: &RanPhase, run: &FlowRun) -> Flow {
    let window = phase.with_drain();
    let tags: BTreeMap<String, String> = [("phase", &phase.name), ("flow", &run.flow)]
        .into_iter()
        .map(|(tag, value)| (tag.to_owned(), value.clone()))
        .collect();
    let failed = timeline.select("http_req_failed", &tags).total(window);
    let checks = timeline.select("checks", &tags).total(window);
    let response = timeline.select("response_time", &tags).histogram(window);
    let service = timeline.select("http_req_duration", &tags).histogram(window);
    let at = |histogram: &Histogram, q| histogram.quantile(q).map(Quantile::middle);
    let load = phase.under_load();
    let under_load = timeline.select("http_req_failed", &tags).total(load).n as f64;
    Flow {
        phase: phase.name.clone(),
        name: run.flow.clone(),
        open_model: run.open_model,
        offered_per_second: run.offered_per_second,
        requests: failed.n,
        failed: failed.hits,
        per_second: under_load / f64::from(load.seconds()),
        p50_ns: at(&response, 0.5),
        p95_ns: at(&response, 0.95),
        p99_ns: at(&response, 0.99),
        max_ns: response.max(),
        service_p50_ns: at(&service, 0.5),
        service_p95_ns: at(&service, 0.95),
        service_p99_ns: at(&service, 0.99),
        service_max_ns: service.max(),
        dropped: run.dropped,
        interrupted: run.interrupted,
        checks_passed: checks.hits,
        checks_failed: checks.n.saturating_sub(checks.hits),
    }
}

/// The phases as the report draws them.
pub(crate) fn phases(phases: &[RanPhase]) -> Vec<Phase> {
    phases
        .iter()
        .map(|phase| Phase {
            name: phase.name.clone(),
            from_second: phase.from,
            warmup_until_second: phase.warmup_until,
            to_second: phase.to,
        })
        .collect()
}
