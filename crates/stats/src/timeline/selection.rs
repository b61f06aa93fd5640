//! A part of a timeline: some series, some seconds, and the counts a verdict is made from.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{Key, Kind, Series, Slot};
use crate::judge::{Evidence, Judgement, judge};
use crate::{Assumptions, Comparison, Error, Histogram, Statement};

/// Seconds since the timeline's start, from `from_second` up to but not including `to_second`.
/// Every one of them counts, whether or not anything happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The first second.
    pub from_second: u32,
    /// The second after the last.
    pub to_second: u32,
}

impl Window {
    /// From one second up to but not including another.
    pub fn new(from_second: u32, to_second: u32) -> Self {
        Self { from_second, to_second }
    }

    /// How many seconds it has.
    pub fn seconds(self) -> u32 {
        self.to_second.saturating_sub(self.from_second)
    }

    /// Whether it holds this second.
    pub fn contains(self, second: u32) -> bool {
        (self.from_second..self.to_second).contains(&second)
    }
}

/// The series of one metric that carry the tags asked for.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    metric: String,
    bounds: &'a [u64],
    lost: &'a BTreeSet<u32>,
    series: Vec<(&'a Key, &'a Series)>,
}

/// What a statement is judged on, second by second; the owned form of [`Evidence`].
#[derive(Clone, Debug, PartialEq)]
pub struct Counts {
    /// Values in each second; for a counter under a throughput, the amount, rounded.
    pub n: Vec<u64>,
    /// How many of them were on the wrong side; zeros under a throughput.
    pub bad: Vec<u64>,
    /// All values, for a percentile.
    pub histogram: Option<Histogram>,
    /// Seconds the generator did not report.
    pub lost: usize,
}

impl Counts {
    /// The counts as the judge takes them.
    pub fn evidence(&self) -> Evidence<'_> {
        Evidence { n: &self.n, bad: &self.bad, histogram: self.histogram.as_ref(), lost: self.lost }
    }

    /// The judge's word on `statement`.
    pub fn judge(&self, statement: &Statement, assumptions: &Assumptions) -> Judgement {
        judge(statement, &self.evidence(), assumptions)
    }
}

impl<'a> Selection<'a> {
    pub(super) fn new(
        metric: &str,
        bounds: &'a [u64],
        lost: &'a BTreeSet<u32>,
        series: Vec<(&'a Key, &'a Series)>,
    ) -> Self {
        Self { metric: metric.to_owned(), bounds, lost, series }
    }

    /// The series, in the order of their keys.
    pub fn series(&self) -> &[(&'a Key, &'a Series)] {
        &self.series
    }

    /// Whether no series matches.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    /// What the series record; `None` when there are none, or they record different things.
    pub fn kind(&self) -> Option<Kind> {
        let kind = self.series.first()?.1.kind;
        self.series.iter().all(|(_, series)| series.kind == kind).then_some(kind)
    }

    /// Values in each second; 0 where nothing was recorded.
    pub fn n(&self, window: Window) -> Vec<u64> {
        self.fold(window, |total: &mut u64, slot| *total = total.saturating_add(slot.n))
    }

    /// Values that held in each second (`Rate`).
    pub fn hits(&self, window: Window) -> Vec<u64> {
        self.fold(window, |total: &mut u64, slot| *total = total.saturating_add(slot.hits))
    }

    /// The sum in each second (`Counter`, `Gauge`).
    pub fn sums(&self, window: Window) -> Vec<f64> {
        self.fold(window, |total: &mut f64, slot| *total += slot.sum)
    }

    /// Values over a bound in each second (`Trend`), exactly; `None` when that bound was not
    /// counted while recording.
    pub fn over(&self, bound_ns: u64, window: Window) -> Option<Vec<u64>> {
        let position = self.bounds.binary_search(&bound_ns).ok()?;
        Some(self.fold(window, |total: &mut u64, slot| {
            *total = total.saturating_add(slot.over.get(position).copied().unwrap_or(0));
        }))
    }

    /// The series merged, second by second; empty slots where nothing was recorded.
    pub fn per_second(&self, window: Window) -> Vec<Slot> {
        self.fold(window, |total: &mut Slot, slot| total.merge(slot))
    }

    /// The mean of the times in each second (`Trend`); none where nothing was recorded.
    pub fn means(&self, window: Window) -> Vec<Option<f64>> {
        let totals = self.fold(window, |(n, sum): &mut (u64, f64), slot| {
            *n = n.saturating_add(slot.n);
            // Where the histogram holds several seconds, the slot has the sum of its own.
            *sum += match &slot.histogram {
                Some(histogram) if slot.sum == 0.0 => histogram.sum() as f64,
                _ => slot.sum,
            };
        });
        totals.into_iter().map(|(n, sum)| (n > 0).then(|| sum / n as f64)).collect()
    }

    /// Everything in the window merged into one slot.
    pub fn total(&self, window: Window) -> Slot {
        let mut total = Slot::default();
        for (_, slot) in self.slots(window) {
            total.merge(slot);
        }
        total
    }

    /// All times in the window; empty when none were recorded.
    pub fn histogram(&self, window: Window) -> Histogram {
        let mut histogram = Histogram::new();
        for (_, slot) in self.slots(window) {
            if let Some(more) = &slot.histogram {
                histogram.merge(more);
            }
        }
        histogram
    }

    /// How many seconds of the window the generator did not report.
    pub fn lost(&self, window: Window) -> usize {
        self.lost.range(window.from_second..window.to_second.max(window.from_second)).count()
    }

    /// What `statement` is to be judged on.
    ///
    /// # Errors
    /// [`Error::BoundNotCounted`] when a percentile's bound was not given to the timeline before
    /// recording; [`Error::WrongKind`] when the metric does not record what the statement is about.
    /// No series at all is no error: the counts are zero and the verdict will be inconclusive.
    pub fn counts(&self, statement: &Statement, window: Window) -> Result<Counts, Error> {
        let wrong = |reason: &str| Error::WrongKind {
            statement: statement.to_string(),
            metric: self.metric.clone(),
            reason: reason.to_owned(),
        };
        let kind = self.kind();
        if kind.is_none() && !self.is_empty() {
            return Err(wrong("the metric was recorded as more than one kind"));
        }
        let n = self.n(window);
        let counts = |n: Vec<u64>, bad: Vec<u64>, histogram| Counts {
            n,
            bad,
            histogram,
            lost: self.lost(window),
        };
        Ok(match *statement {
            Statement::Quantile { bound_ns, .. } => {
                if !matches!(kind, None | Some(Kind::Trend)) {
                    return Err(wrong("a percentile needs times"));
                }
                let unknown = Error::BoundNotCounted { metric: self.metric.clone(), bound_ns };
                let bad = self.over(bound_ns, window).ok_or(unknown)?;
                counts(n, bad, Some(self.histogram(window)))
            }
            Statement::Ratio { comparison, .. } => {
                if !matches!(kind, None | Some(Kind::Rate)) {
                    return Err(wrong("a rate needs things that hold or do not"));
                }
                let hits = self.hits(window);
                let bad = match comparison {
                    Comparison::Below => hits,
                    Comparison::Above => n.iter().zip(&hits).map(|(n, hits)| n - hits).collect(),
                };
                counts(n, bad, None)
            }
            Statement::Throughput { .. } => {
                let n = match kind {
                    Some(Kind::Gauge) => return Err(wrong("a level is not counted")),
                    Some(Kind::Counter) => {
                        // A negative or huge amount is cut to what a count can be.
                        self.sums(window).iter().map(|sum| sum.round() as u64).collect()
                    }
                    _ => n,
                };
                let bad = vec![0; n.len()];
                counts(n, bad, None)
            }
        })
    }

    fn slots(&self, window: Window) -> impl Iterator<Item = (u32, &'a Slot)> {
        let range = window.from_second..window.to_second.max(window.from_second);
        self.series.iter().flat_map(move |(_, series)| {
            series.slots.range(range.clone()).map(|(&second, slot)| (second, slot))
        })
    }

    fn fold<T: Clone + Default>(&self, window: Window, add: impl Fn(&mut T, &Slot)) -> Vec<T> {
        let mut seconds = vec![T::default(); window.seconds() as usize];
        for (second, slot) in self.slots(window) {
            add(&mut seconds[(second - window.from_second) as usize], slot);
        }
        seconds
    }
}
