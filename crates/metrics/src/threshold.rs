//! Thresholds: what a script says must hold of its metrics, k6's answer to it, and what that answer
//! is worth.
//!
//! k6 decides a threshold by comparing one number with another, and so does [`Outcome::passed`],
//! which decides the exit code. [`Outcome::judge`] says beside it how sure one can be.

mod evaluate;
mod form;
mod judge;
mod parse;
mod selector;

use std::fmt;
use std::time::Duration;

pub use evaluate::Outcome;

use crate::part::{Part, Submetric};
use crate::registry::{Kind, Metric};
use crate::sink::Watch;
use crate::tags::TagSet;

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Aggregation {
    /// `count`: a counter's sum.
    Count,
    /// `rate`: a counter's sum a second, or a rate's share.
    Rate,
    /// `value`: a gauge's last value.
    Value,
    /// `avg`: a trend's mean.
    Avg,
    /// `min`: a trend's smallest value.
    Min,
    /// `max`: a trend's largest value.
    Max,
    /// `med`: a trend's median.
    Med,
    /// `p(95)`: a trend's percentile, in percent, 0..=100.
    Percentile(f64),
}

impl Aggregation {
    /// Whether a metric of that kind has it.
    pub fn suits(self, kind: Kind) -> bool {
        match kind {
            Kind::Counter => matches!(self, Self::Count | Self::Rate),
            Kind::Gauge => matches!(self, Self::Value),
            Kind::Rate => matches!(self, Self::Rate),
            Kind::Trend => !matches!(self, Self::Count | Self::Rate | Self::Value),
        }
    }

    /// As a share of the values, 0..=1, where it is a percentile.
    pub fn quantile(self) -> Option<f64> {
        match self {
            Self::Med => Some(0.5),
            Self::Percentile(percent) => Some(percent / 100.0),
            _ => None,
        }
    }
}

impl fmt::Display for Aggregation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Count => "count",
            Self::Rate => "rate",
            Self::Value => "value",
            Self::Avg => "avg",
            Self::Min => "min",
            Self::Max => "max",
            Self::Med => "med",
            Self::Percentile(percent) => return write!(formatter, "p({percent})"),
        })
    }
}

/// How it is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `==` or `===`
    Equal,
    /// `!=`
    NotEqual,
}

impl Operator {
    /// Whether the comparison holds.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            #[expect(clippy::float_cmp, reason = "the script asks for exactly this")]
            Self::Equal => left == right,
            #[expect(clippy::float_cmp, reason = "the script asks for exactly this")]
            Self::NotEqual => left != right,
        }
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "==",
            Self::NotEqual => "!=",
        })
    }
}

/// A comparison, as `p(95)<500`. [`Display`](fmt::Display) writes it in one way, whatever the
/// spaces it was written with; [`FromStr`](std::str::FromStr) reads it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// What is compared.
    pub aggregation: Aggregation,
    /// How.
    pub operator: Operator,
    /// With what; never NaN.
    pub bound: f64,
}

impl fmt::Display for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}{}{}", self.aggregation, self.operator, self.bound)
    }
}

/// One threshold on a metric.
#[derive(Clone, Debug, PartialEq)]
pub struct Threshold {
    /// As it was written: what summaries and exports call it.
    pub source: String,
    /// What it says.
    pub expression: Expression,
    /// Whether the run ends when it fails.
    pub abort_on_fail: bool,
    /// How long the run must have been going on before it ends because of this.
    pub delay_abort: Option<Duration>,
}

/// The thresholds on one metric, or on a part of one.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    /// The metric, with its selector as it was written: `http_req_duration{status:200}`.
    pub name: String,
    /// The metric.
    pub metric: Metric,
    /// Which part of it.
    pub part: Part,
    /// The tags a sample must have.
    pub selector: TagSet,
    /// The thresholds, in the order they were written.
    pub thresholds: Vec<Threshold>,
}

impl Target {
    fn watch(&self) -> Watch {
        let quantiles = self.thresholds.iter().map(|threshold| threshold.expression);
        let bounds = quantiles
            .filter(|expression| expression.aggregation.quantile().is_some())
            .map(|expression| expression.bound);
        let seconds = self
            .thresholds
            .iter()
            .any(|threshold| judge::supports(self.metric.kind(), &threshold.expression).is_ok());
        Watch { bounds: bounds.collect(), seconds }
    }
}

/// All thresholds of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Thresholds {
    targets: Vec<Target>,
}

impl Thresholds {
    /// What they are on, in the order they were written.
    pub fn targets(&self) -> &[Target] {
        &self.targets
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.targets.iter().all(|target| target.thresholds.is_empty())
    }

    /// What sinks of whole metrics (by metric) and of submetrics need to keep.
    pub(crate) fn watches(&self) -> (std::collections::HashMap<usize, Watch>, Vec<Submetric>) {
        let mut whole = std::collections::HashMap::new();
        let mut submetrics = Vec::new();
        for target in &self.targets {
            if target.part == Part::Whole {
                whole.insert(target.metric.id(), target.watch());
            } else {
                submetrics.push(Submetric {
                    metric: target.metric.clone(),
                    suffix: selector::suffix(&target.name).to_owned(),
                    selector: target.selector.clone(),
                    watch: target.watch(),
                    has_thresholds: !target.thresholds.is_empty(),
                });
            }
        }
        (whole, submetrics)
    }
}

#[cfg(test)]
mod tests;
