//! What k6's answer is worth: the same claim, judged on all that was counted, with an interval.

use std::time::Duration;

use seaworthy_base::Verdict;
use seaworthy_stats::{Assumptions, Comparison, Evidence, Judgement, Statement, judge};

use super::{Aggregation, Expression, Operator, Outcome, Target, Threshold};
use crate::registry::{Contains, Kind};
use crate::sink::{LONGEST, Seconds, Sink, Spread};

impl Outcome<'_> {
    /// The claim as the house judges it: with an interval, a number of samples, and
    /// `inconclusive` where the run cannot tell. A percentile is a statement about a share of the
    /// samples, counted exactly; a rate is a share already; a counter's `rate` counts events a
    /// second.
    ///
    /// # Errors
    /// Why there is no such judgement, in words: the claim is not of a kind that has one.
    pub fn judge(&self, assumptions: &Assumptions) -> Result<Judgement, String> {
        let expression = self.threshold.expression;
        supports(self.target.metric.kind(), &expression)?;
        match self.sink {
            Some(Sink::Trend(trend)) => {
                let seconds = counted(trend.seconds())?;
                let position = trend.bounds().position(expression.bound).ok_or(UNCOUNTED)?;
                let (below, equal) = (seconds.hits(2 * position), seconds.hits(2 * position + 1));
                self.percentile(seconds, &below, &equal, trend.spread(), assumptions)
            }
            Some(Sink::Rate(rate)) => {
                let seconds = counted(rate.seconds.as_deref())?;
                let (all, hits) = (seconds.all(), seconds.hits(0));
                let comparison = comparison(expression.operator);
                let bad = match comparison {
                    Comparison::Below => hits,
                    Comparison::Above => rest(&all, &hits),
                };
                let statement = Statement::Ratio { comparison, bound: expression.bound };
                let evidence = Evidence { n: &all, bad: &bad, histogram: None, lost: 0 };
                Ok(judge(&statement, &evidence, assumptions))
            }
            Some(Sink::Counter(counter)) => {
                if counter.not_one > 0 {
                    return Err("amounts were added, not events: how they vary together is not known, so their rate has no interval".to_owned());
                }
                let seconds = counted(counter.seconds.as_deref())?;
                let all = seconds.whole(whole(self.run));
                let statement = Statement::Throughput {
                    comparison: comparison(expression.operator),
                    bound_per_second: expression.bound,
                };
                let evidence = Evidence { n: &all, bad: &[], histogram: None, lost: 0 };
                Ok(judge(&statement, &evidence, assumptions))
            }
            _ => Err("there are no samples, and nothing is known of what was not measured".into()),
        }
    }

    /// One line for when k6's answer and the judgement differ: both, and why.
    pub fn contrast(&self, judgement: &Judgement) -> Option<String> {
        let word = |passed: bool| if passed { "passes" } else { "fails" };
        let agrees = match judgement.verdict {
            Verdict::Pass => self.passed,
            Verdict::Fail => !self.passed,
            Verdict::Inconclusive => false,
        };
        let verdict = match judgement.verdict {
            Verdict::Pass => "it passes",
            Verdict::Fail => "it fails",
            Verdict::Inconclusive => "the run does not decide it",
        };
        (!agrees).then(|| {
            format!(
                "{}: '{}' {} by k6's rule; judged with its interval {verdict}: {}",
                self.target.name,
                self.threshold.source,
                word(self.passed),
                judgement.reason
            )
        })
    }

    fn percentile(
        &self,
        seconds: &Seconds,
        below: &[u64],
        equal: &[u64],
        spread: &Spread,
        assumptions: &Assumptions,
    ) -> Result<Judgement, String> {
        let Expression { aggregation, operator, bound } = self.threshold.expression;
        let q = aggregation.quantile().ok_or(UNCOUNTED)?;
        let all = seconds.all();
        let up_to: Vec<u64> = below.iter().zip(equal).map(|(below, equal)| below + equal).collect();
        // The percentile keeps its side of the bound when at least this share of the values does.
        let (bad, keeps, side) = match operator {
            Operator::Less => (rest(&all, below), q, "below"),
            Operator::LessOrEqual => (rest(&all, &up_to), q, "at most"),
            Operator::Greater => (up_to, 1.0 - q, "above"),
            _ => (below.to_vec(), 1.0 - q, "at least"),
        };
        let time = self.target.metric.contains() == Contains::Time;
        let unit = if time { " ms" } else { "" };
        let claim = format!(
            "at least {} % of the values must be {side} {}{unit}",
            plain(keeps * 100.0),
            plain(bound)
        );
        let upper = matches!(operator, Operator::Less | Operator::LessOrEqual);
        let nanos = (bound * 1e6).round();
        // A cast from a float stops at the ends of the range.
        let bound_ns = nanos as u64;
        let histogram = spread.millionths();
        if let (true, true, Some(histogram)) = (upper && time, nanos >= 1.0, &histogram) {
            let statement = Statement::Quantile { q, bound_ns };
            let evidence = Evidence { n: &all, bad: &bad, histogram: Some(histogram), lost: 0 };
            return Ok(claiming(judge(&statement, &evidence, assumptions), &claim));
        }
        let statement = Statement::Ratio { comparison: Comparison::Above, bound: keeps };
        let evidence = Evidence { n: &all, bad: &bad, histogram: None, lost: 0 };
        Ok(claiming(judge(&statement, &evidence, assumptions), &claim))
    }
}

impl Target {
    /// Whether a threshold on it says something that has a judgement, whatever is measured.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn judgeable(&self, threshold: &Threshold) -> Result<(), String> {
        supports(self.metric.kind(), &threshold.expression)
    }
}

/// Whether a comparison says something that can be judged.
pub(super) fn supports(kind: Kind, expression: &Expression) -> Result<(), String> {
    let Expression { aggregation, operator, bound } = *expression;
    let refuse = |reason: &str| Err(reason.to_owned());
    if matches!(operator, Operator::Equal | Operator::NotEqual) {
        return refuse("whether a number is exactly another has no interval");
    }
    match (kind, aggregation) {
        (Kind::Counter, Aggregation::Rate) if bound > 0.0 && bound.is_finite() => Ok(()),
        (Kind::Counter, Aggregation::Rate) => {
            refuse("every rate of events is above a bound that is not above zero")
        }
        (Kind::Rate, Aggregation::Rate) if bound > 0.0 && bound < 1.0 => Ok(()),
        (Kind::Rate, Aggregation::Rate) => refuse(
            "its bound is not above 0 and below 1, and no finite run can show that something never or always happens",
        ),
        (Kind::Trend, _) => match aggregation.quantile() {
            Some(q) if q > 0.0 && q < 1.0 && bound.is_finite() => Ok(()),
            Some(q) if q > 0.0 && q < 1.0 => refuse("every value lies on one side of infinity"),
            None if aggregation == Aggregation::Avg => refuse(
                "a mean hides slow requests, and its interval rests on the rarest of them: say a percentile",
            ),
            _ => refuse("an extreme rests on one value: say a percentile"),
        },
        (Kind::Gauge, _) => refuse("a gauge is its last value, and one value has no interval"),
        _ => refuse("a count depends on how long the run is: say a `rate`"),
    }
}

const UNCOUNTED: &str = "nothing was counted against this bound";

fn counted(seconds: Option<&Seconds>) -> Result<&Seconds, String> {
    let seconds = seconds.ok_or(UNCOUNTED)?;
    if seconds.is_complete() {
        Ok(seconds)
    } else {
        Err("the run was longer than the week of which counts are kept second by second".to_owned())
    }
}

fn comparison(operator: Operator) -> Comparison {
    match operator {
        Operator::Greater | Operator::GreaterOrEqual => Comparison::Above,
        _ => Comparison::Below,
    }
}

fn rest(all: &[u64], part: &[u64]) -> Vec<u64> {
    all.iter().zip(part).map(|(all, part)| all.saturating_sub(*part)).collect()
}

fn whole(run: Duration) -> usize {
    usize::try_from(run.min(LONGEST).as_secs()).unwrap_or(0)
}

/// The judge's reason begins with the claim as an objective says it; here it is a threshold's.
fn claiming(mut judgement: Judgement, claim: &str) -> Judgement {
    if let Some((_, found)) = judgement.reason.split_once("; ") {
        let found = found.replace(" did not", " are not").replace("all did", "all are");
        judgement.reason = format!("{claim}; {found}");
    }
    judgement
}

/// Without the digits that arithmetic makes up.
fn plain(number: f64) -> String {
    let text = format!("{number:.9}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
