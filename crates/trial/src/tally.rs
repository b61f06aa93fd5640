//! What each flow did in each phase, read off the timeline for the report.

use std::collections::BTreeMap;

use seaworthy_report::outcome::{Flow, Phase};
use seaworthy_stats::Histogram;
use seaworthy_stats::histogram::Quantile;
use seaworthy_stats::timeline::{Slot, Timeline};
use serde::{Deserialize, Serialize};

use crate::judge::RanPhase;

/// A flow's own account of a phase, as the load engine counted it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct FlowRun {
    pub(crate) flow: String,
    pub(crate) open_model: bool,
    pub(crate) offered_per_second: Option<f64>,
    pub(crate) dropped: u64,
    pub(crate) interrupted: u64,
    /// Age of the youngest step that was cut off, in nanoseconds.
    pub(crate) youngest_cut: Option<u64>,
    /// Iterations that were under way when the trial was stopped here, to be resumed later.
    pub(crate) unseen: u64,
    /// The index of the next iteration.
    pub(crate) next_index: u64,
}

/// The rows of the report's table of flows: the seconds that are judged, warm-up left
/// out. The segments of a phase that was resumed are one row.
pub(crate) fn flows(timeline: &Timeline, phases: &[RanPhase]) -> Vec<Flow> {
    let mut rows: Vec<(&str, &str)> = Vec::new();
    for phase in phases {
        for run in &phase.flows {
            if !rows.contains(&(&phase.name, &run.flow)) {
                rows.push((&phase.name, &run.flow));
            }
        }
    }
    rows.into_iter().map(|(phase, name)| flow(timeline, phases, phase, name)).collect()
}

fn flow(timeline: &Timeline, phases: &[RanPhase], phase: &str, name: &str) -> Flow {
    let segments: Vec<(&RanPhase, &FlowRun)> = phases
        .iter()
        .filter(|segment| segment.name == phase)
        .flat_map(|segment| segment.flows.iter().map(move |run| (segment, run)))
        .filter(|(_, run)| run.flow == name)
        .collect();
    let tags: BTreeMap<String, String> = [("phase", phase), ("flow", name)]
        .into_iter()
        .map(|(tag, value)| (tag.to_owned(), value.to_owned()))
        .collect();
    let total = |metric: &str| {
        let selection = timeline.select(metric, &tags);
        let mut total = Slot::default();
        segments
            .iter()
            .for_each(|(segment, _)| total.merge(&selection.total(segment.with_drain())));
        total
    };
    let (failed, checks) = (total("http_req_failed"), total("checks"));
    let times = |metric: &str| total(metric).histogram.unwrap_or_default();
    let (response, service) = (times("response_time"), times("http_req_duration"));
    let at = |histogram: &Histogram, q| histogram.quantile(q).map(Quantile::middle);
    let requests = timeline.select("http_req_failed", &tags);
    let (under_load, seconds) = segments.iter().fold((0, 0), |(n, seconds), (segment, _)| {
        let load = segment.under_load();
        (n + requests.total(load).n, seconds + load.seconds())
    });
    let sum = |of: fn(&FlowRun) -> u64| segments.iter().map(|(_, run)| of(run)).sum();
    let first = segments.first().map(|(_, run)| *run);
    Flow {
        phase: phase.to_owned(),
        name: name.to_owned(),
        open_model: first.is_some_and(|run| run.open_model),
        offered_per_second: first.and_then(|run| run.offered_per_second),
        requests: failed.n,
        failed: failed.hits,
        per_second: under_load as f64 / f64::from(seconds),
        p50_ns: at(&response, 0.5),
        p95_ns: at(&response, 0.95),
        p99_ns: at(&response, 0.99),
        max_ns: response.max(),
        service_p50_ns: at(&service, 0.5),
        service_p95_ns: at(&service, 0.95),
        service_p99_ns: at(&service, 0.99),
        service_max_ns: service.max(),
        failed_iterations: total("failed_iterations").sum as u64,
        dropped: sum(|run| run.dropped),
        interrupted: sum(|run| run.interrupted + run.unseen),
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
