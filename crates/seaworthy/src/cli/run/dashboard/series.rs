//! What the page shows of a run: from one snapshot to the next.

use std::time::Duration;

use seaworthy_k6::{Script, Watching};
use seaworthy_metrics::{Metric, Registry, Sink, Snapshot, Thresholds};
use serde_json::{Value as Json, json};

use crate::cli::run::conduct::Begun;

/// The last look, and what is looked at.
pub(super) struct Series {
    script: String,
    registry: Registry,
    thresholds: Thresholds,
    at: Duration,
    counts: Vec<f64>,
    failed: (u64, u64),
    steps: Vec<(f64, u64)>,
}

impl Series {
    pub(super) fn new(script: &Script, thresholds: &Thresholds) -> Self {
        Self {
            script: script.path.display().to_string(),
            registry: script.registry().clone(),
            thresholds: thresholds.clone(),
            at: Duration::ZERO,
            counts: vec![0.0; 5],
            failed: (0, 0),
            steps: Vec::new(),
        }
    }

    /// An event: what happened since the last look, and how all of it stands.
    pub(super) fn look(&mut self, begun: &Begun, over: bool) -> String {
        let watching = begun.get();
        let Some((watching, snapshot)) = watching.and_then(|it| Some((it, it.snapshot()?))) else {
            return json!({ "over": over, "script": self.script, "t": 0.0 }).to_string();
        };
        let at = snapshot.run;
        let seconds = at.saturating_sub(self.at).as_secs_f64();
        let builtin = self.registry.builtin();
        let counters = [
            &builtin.http_reqs,
            &builtin.iterations,
            &builtin.dropped_iterations,
            &builtin.data_received,
            &builtin.data_sent,
        ];
        let counts: Vec<f64> = counters.iter().map(|metric| sum(&snapshot, metric)).collect();
        let rates: Vec<Json> = counts
            .iter()
            .zip(&self.counts)
            .map(
                |(now, then)| {
                    if seconds > 0.0 { json!((now - then) / seconds) } else { Json::Null }
                },
            )
            .collect();
        let failed = match snapshot.metric(&builtin.http_req_failed) {
            Some(Sink::Rate(rate)) => (rate.trues, rate.total),
            _ => (0, 0),
        };
        let share =
            share(failed.0 - self.failed.0.min(failed.0), failed.1 - self.failed.1.min(failed.1));
        let steps: Vec<(f64, u64)> = match snapshot.metric(&builtin.http_req_duration) {
            Some(Sink::Trend(trend)) => {
                trend.spread().steps().iter().map(|step| (step.value, step.count)).collect()
            }
            _ => Vec::new(),
        };
        let times = between(&self.steps, &steps).map_or(Json::Null, |new| {
            json!({
                "p50": percentile(&new, 0.5),
                "p95": percentile(&new, 0.95),
                "p99": percentile(&new, 0.99),
                "n": new.iter().map(|(_, count)| count).sum::<u64>(),
            })
        });
        let (active, all) = watching.vus();
        let event = json!({
            "over": over,
            "script": self.script,
            "t": at.as_secs_f64(),
            "vus": active.max(0),
            "vusMax": all,
            "perSecond": {
                "requests": rates[0], "iterations": rates[1], "dropped": rates[2],
                "received": rates[3], "sent": rates[4],
            },
            "failed": share,
            "duration": times,
            "totals": { "requests": counts[0], "iterations": counts[1], "dropped": counts[2] },
            "checks": checks(&snapshot),
            "thresholds": self.held(&snapshot),
        });
        (self.at, self.counts, self.failed, self.steps) = (at, counts, failed, steps);
        event.to_string()
    }

    fn held(&self, snapshot: &Snapshot) -> Vec<Json> {
        let outcomes = self.thresholds.evaluate(snapshot);
        let outcomes = outcomes.iter().map(|outcome| {
            json!({
                "metric": outcome.target.name,
                "threshold": outcome.threshold.source,
                "value": outcome.value,
                "n": outcome.n,
                "passed": outcome.passed,
            })
        });
        outcomes.collect()
    }
}

fn sum(snapshot: &Snapshot, metric: &Metric) -> f64 {
    match snapshot.metric(metric) {
        Some(Sink::Counter(counter)) => counter.sum,
        _ => 0.0,
    }
}

fn share(part: u64, all: u64) -> Json {
    if all == 0 { Json::Null } else { json!(part as f64 / all as f64) }
}

fn checks(snapshot: &Snapshot) -> Vec<Json> {
    let checks = snapshot.checks().map(
        |check| json!({ "name": &**check.name, "passes": check.passes, "fails": check.fails }),
    );
    checks.collect()
}

/// The values that came between two looks; nothing where the way they are kept has changed in between,
/// or none came.
fn between(then: &[(f64, u64)], now: &[(f64, u64)]) -> Option<Vec<(f64, u64)>> {
    let mut new = Vec::with_capacity(now.len());
    let mut old = then.iter().peekable();
    for &(value, count) in now {
        let before = match old.peek() {
            Some(&&(known, before)) if known == value => {
                old.next();
                before
            }
            Some(&&(known, _)) if known < value => return None,
            _ => 0,
        };
        match count.checked_sub(before)? {
            0 => {}
            count => new.push((value, count)),
        }
    }
    (old.next().is_none() && !new.is_empty()).then_some(new)
}

/// The smallest value that so many of them do not exceed.
fn percentile(values: &[(f64, u64)], q: f64) -> f64 {
    let all: u64 = values.iter().map(|(_, count)| count).sum();
    let rank = (q * all as f64).ceil().max(1.0) as u64;
    let mut seen = 0;
    let found = values.iter().find(|(_, count)| {
        seen += count;
        seen >= rank
    });
    found.map_or(0.0, |(value, _)| *value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_between_two_looks_is_what_the_second_has_more() {
        let then = [(1.0, 2), (3.0, 1)];
        let now = [(1.0, 2), (2.0, 5), (3.0, 4)];
        let new = between(&then, &now).unwrap();
        assert_eq!(new, [(2.0, 5), (3.0, 3)]);
        assert_eq!((percentile(&new, 0.5), percentile(&new, 0.95)), (2.0, 3.0));
        assert_eq!(between(&[], &then).unwrap(), then);
        // A value of before is gone: values are kept in another way by now.
        assert_eq!(between(&then, &[(1.1, 3), (3.0, 4)]), None);
        assert_eq!(between(&then, &[(1.0, 9)]), None);
        assert_eq!(between(&then, &then), None);
    }
}
