//! k6's answer: one number compared with another.

use std::time::Duration;

use super::{Aggregation, Target, Threshold, Thresholds};
use crate::sink::Sink;
use crate::snapshot::Snapshot;

/// A threshold held against what was measured.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// What the threshold is on.
    pub target: &'a Target,
    /// The threshold.
    pub threshold: &'a Threshold,
    /// What was compared with the bound; 0 when there are no samples, as in k6.
    pub value: f64,
    /// k6's answer.
    pub passed: bool,
    /// How many samples it rests on.
    pub n: u64,
    pub(super) sink: Option<&'a Sink>,
    pub(super) run: Duration,
}

impl Thresholds {
    /// All of them against a snapshot, in the order they were written.
    ///
    /// Without samples k6 compares 0, except for a rate, which then passes whatever it is compared
    /// with. A counter's `rate` is its sum over the seconds of the run. The value shown for a
    /// percentile lies on the side of the bound that decides, and that side is exact
    /// ([`Bounds`](crate::sink::Bounds)); a mean rests on a sum that is right to its last digit.
    pub fn evaluate<'a>(&'a self, snapshot: &'a Snapshot) -> Vec<Outcome<'a>> {
        let outcomes = self.targets.iter().map(|target| outcomes(target, snapshot));
        outcomes.flatten().collect()
    }

    /// The names of the targets because of which the run has to end now: a threshold with
    /// `abortOnFail` fails, on samples that exist, and the run has lasted longer than its
    /// `delayAbortEval`. k6 looks every two seconds.
    pub fn aborting(&self, snapshot: &Snapshot) -> Vec<String> {
        let due = |outcome: &Outcome<'_>| {
            let delay = outcome.threshold.delay_abort;
            outcome.threshold.abort_on_fail
                && !outcome.passed
                && outcome.n > 0
                && delay.is_none_or(|delay| delay < snapshot.run)
        };
        let targets = self.targets.iter().filter(|target| {
            target.thresholds.iter().any(|threshold| threshold.abort_on_fail)
                && outcomes(target, snapshot).iter().any(due)
        });
        targets.map(|target| target.name.clone()).collect()
    }

    /// Whether any has `abortOnFail`, so that somebody has to look while the run goes on.
    pub fn may_abort(&self) -> bool {
        let all = self.targets.iter().flat_map(|target| &target.thresholds);
        all.into_iter().any(|threshold| threshold.abort_on_fail)
    }
}

fn outcomes<'a>(target: &'a Target, snapshot: &'a Snapshot) -> Vec<Outcome<'a>> {
    let sink = snapshot.part(&target.metric, target.part.clone());
    let values = match sink {
        Some(Sink::Trend(trend)) => Some(trend.values()),
        _ => None,
    };
    let outcome = |threshold: &'a Threshold| {
        let aggregation = threshold.expression.aggregation;
        let value = match (sink, &values) {
            (Some(Sink::Trend(trend)), Some(values)) => match aggregation {
                Aggregation::Avg => trend.mean(),
                Aggregation::Min => trend.min(),
                Aggregation::Max => trend.max(),
                other => other.quantile().map_or(0.0, |q| values.percentile(q)),
            },
            (Some(Sink::Counter(counter)), _) => match aggregation {
                Aggregation::Rate => counter.rate(snapshot.run),
                _ => counter.sum,
            },
            (Some(Sink::Gauge(gauge)), _) => gauge.value,
            (Some(Sink::Rate(rate)), _) => rate.share(),
            _ => 0.0,
        };
        let n = sink.map_or(0, Sink::count);
        let excused = n == 0 && target.metric.kind() == crate::registry::Kind::Rate;
        let expression = threshold.expression;
        let passed = excused || expression.operator.holds(value, expression.bound);
        Outcome { target, threshold, value, passed, n, sink, run: snapshot.run }
    };
    target.thresholds.iter().map(outcome).collect()
}
