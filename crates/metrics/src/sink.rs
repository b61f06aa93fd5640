//! Where the values of one metric, or of a part of it, end up: small, bounded, mergeable.

mod bounds;
mod seconds;
mod spread;
mod trend;

use std::sync::Arc;
use std::time::Duration;

use crate::registry::Kind;

pub use bounds::{Bound, Bounds};
pub use seconds::{LONGEST, Seconds};
pub use spread::{FEW, Spread, Step};
pub use trend::{Trend, Values};

/// What the thresholds on a sink need it to keep beside its totals.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Watch {
    /// Bounds that a percentile, or a trend's value, is held against: counted exactly.
    pub bounds: Arc<[f64]>,
    /// Whether counts are also kept second by second, for an interval.
    pub seconds: bool,
}

/// The values of one metric, or of a part of it.
///
/// Merging is adding: sinks merged in any split and any order equal one sink that saw all values,
/// but for the last digits of sums of fractions.
#[derive(Clone, Debug)]
pub enum Sink {
    /// Of a counter.
    Counter(Counter),
    /// Of a gauge.
    Gauge(Gauge),
    /// Of a rate.
    Rate(Rate),
    /// Of a trend.
    Trend(Box<Trend>),
}

impl Sink {
    /// An empty one.
    pub fn new(kind: Kind, watch: &Watch) -> Self {
        let seconds = watch.seconds.then(Box::default);
        match kind {
            Kind::Counter => Self::Counter(Counter { seconds, ..Counter::default() }),
            Kind::Gauge => Self::Gauge(Gauge::default()),
            Kind::Rate => Self::Rate(Rate { seconds, ..Rate::default() }),
            Kind::Trend => Self::Trend(Box::new(Trend::new(watch))),
        }
    }

    /// Adds a value, `at` after the run began. Not a number is not a value: it is left out, and
    /// callers refuse it before.
    pub fn add(&mut self, at: Duration, value: f64) {
        if value.is_nan() {
            return;
        }
        match self {
            Self::Counter(counter) => counter.add(at, value),
            Self::Gauge(gauge) => gauge.add(at, value),
            Self::Rate(rate) => rate.add(at, value != 0.0),
            Self::Trend(trend) => trend.add(at, value),
        }
    }

    /// Adds what another sink of the same metric holds. A sink of another kind adds nothing.
    pub fn merge(&mut self, other: &Self) {
        match (self, other) {
            (Self::Counter(own), Self::Counter(other)) => own.merge(other),
            (Self::Gauge(own), Self::Gauge(other)) => own.merge(other),
            (Self::Rate(own), Self::Rate(other)) => own.merge(other),
            (Self::Trend(own), Self::Trend(other)) => own.merge(other),
            _ => debug_assert!(false, "a metric has one kind"),
        }
    }

    /// How many values were added.
    pub fn count(&self) -> u64 {
        match self {
            Self::Counter(counter) => counter.n,
            Self::Gauge(gauge) => gauge.n,
            Self::Rate(rate) => rate.total,
            Self::Trend(trend) => trend.count(),
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.count() == 0
    }

    /// The kind of its metric.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Rate(_) => Kind::Rate,
            Self::Trend(_) => Kind::Trend,
        }
    }
}

/// A sum.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counter {
    /// The sum of all values.
    pub sum: f64,
    /// How many values were added.
    pub n: u64,
    /// How many of them were not exactly 1.
    pub not_one: u64,
    /// Values second by second (`n` of each second), where a threshold needs them.
    pub seconds: Option<Box<Seconds>>,
}

impl Counter {
    fn add(&mut self, at: Duration, value: f64) {
        self.sum += value;
        self.n += 1;
        self.not_one += u64::from(value != 1.0);
        if let Some(seconds) = &mut self.seconds {
            seconds.add(at, &[]);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.sum += other.sum;
        self.n += other.n;
        self.not_one += other.not_one;
        seconds::merge(&mut self.seconds, other.seconds.as_deref());
    }

    /// The sum a second, over a run of that length; 0 when there was no time.
    pub fn rate(&self, run: Duration) -> f64 {
        if run.is_zero() { 0.0 } else { self.sum / run.as_secs_f64() }
    }
}

/// The last value, and the extremes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Gauge {
    /// The last value; of several at one time the largest.
    pub value: f64,
    /// The smallest value.
    pub min: f64,
    /// The largest value.
    pub max: f64,
    /// How many values were added.
    pub n: u64,
    /// When the last value was added.
    pub at: Duration,
}

impl Gauge {
    fn add(&mut self, at: Duration, value: f64) {
        if self.n == 0 {
            *self = Self { value, min: value, max: value, n: 1, at };
            return;
        }
        // Two values at one time: the later call is the later value.
        if at >= self.at {
            (self.value, self.at) = (value, at);
        }
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        self.n += 1;
    }

    fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            self.clone_from(other);
            return;
        }
        if other.at > self.at || (other.at == self.at && other.value > self.value) {
            (self.value, self.at) = (other.value, other.at);
        }
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
        self.n += other.n;
    }
}

/// How many of all.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rate {
    /// Values that were not zero.
    pub trues: u64,
    /// All values.
    pub total: u64,
    /// Second by second (`n` all, one column the trues), where a threshold needs it.
    pub seconds: Option<Box<Seconds>>,
}

impl Rate {
    fn add(&mut self, at: Duration, hit: bool) {
        self.trues += u64::from(hit);
        self.total += 1;
        if let Some(seconds) = &mut self.seconds {
            seconds.add(at, &[hit]);
        }
    }

    fn merge(&mut self, other: &Self) {
        self.trues += other.trues;
        self.total += other.total;
        seconds::merge(&mut self.seconds, other.seconds.as_deref());
    }

    /// The share, 0..1; 0 when there is nothing.
    pub fn share(&self) -> f64 {
        if self.total == 0 { 0.0 } else { self.trues as f64 / self.total as f64 }
    }
}

#[cfg(test)]
mod tests;
