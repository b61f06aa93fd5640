//! What was measured, second by second: series of slots that merge by adding.
//!
//! A slot keeps what a verdict needs exactly (how many values, how many over each objective's
//! bound, decided as each value arrives) beside a histogram for everything else. A second in which
//! nothing happened has no slot; a second the generator did not report is *lost*, which is not the
//! same: see [`Timeline::mark_lost`].

mod selection;
mod wire;
mod writer;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use seaworthy_base::Timestamp;
use serde::{Deserialize, Serialize};

pub use selection::{Counts, Selection, Window};
pub use wire::{MAX_LINE, MAX_SECONDS, Readable};
pub use writer::Writer;

use crate::{Error, Histogram};

/// What a series is called: a metric and its tags.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Key {
    /// The metric, as `http_req_duration`.
    pub metric: String,
    /// The tags, as `flow=recall`.
    pub tags: BTreeMap<String, String>,
}

impl Key {
    /// A key from a metric and pairs of tags.
    pub fn new<K: Into<String>, V: Into<String>>(
        metric: impl Into<String>,
        tags: impl IntoIterator<Item = (K, V)>,
    ) -> Self {
        let tags = tags.into_iter().map(|(tag, value)| (tag.into(), value.into())).collect();
        Self { metric: metric.into(), tags }
    }
}

/// As k6 writes a threshold's metric: `http_req_duration{flow:recall,phase:steady}`.
impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.metric)?;
        for (position, (tag, value)) in self.tags.iter().enumerate() {
            let open = if position == 0 { '{' } else { ',' };
            write!(formatter, "{open}{tag}:{value}")?;
        }
        if self.tags.is_empty() { Ok(()) } else { formatter.write_str("}") }
    }
}

/// What a series records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Times in nanoseconds: a histogram, and exact counts over each bound.
    Trend,
    /// Things that hold or do not.
    Rate,
    /// Amounts that add up.
    Counter,
    /// A level that goes up and down.
    Gauge,
}

/// One second of one series. Fields a kind does not use stay at zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Slot {
    /// Values recorded.
    pub n: u64,
    /// How many of them held (`Rate`).
    pub hits: u64,
    /// Their sum (`Counter`, `Gauge`; `Trend` where the histogram holds several seconds).
    pub sum: f64,
    /// The smallest (`Counter`, `Gauge`).
    pub min: f64,
    /// The largest (`Counter`, `Gauge`).
    pub max: f64,
    /// The latest (`Gauge`); merging takes the other side's.
    pub last: f64,
    /// How many exceeded each of the metric's bounds (`Trend`), exactly.
    pub over: Vec<u64>,
    /// All values (`Trend`).
    pub histogram: Option<Histogram>,
}

impl Slot {
    fn trend(&mut self, value: u64, bounds: &[u64]) {
        self.over(value, bounds);
        self.histogram.get_or_insert_default().record(value);
    }

    /// Counts a time against its bounds, but not into the histogram.
    fn over(&mut self, value: u64, bounds: &[u64]) {
        self.n = self.n.saturating_add(1);
        if self.over.len() != bounds.len() {
            self.over.resize(bounds.len(), 0);
        }
        for (over, bound) in self.over.iter_mut().zip(bounds) {
            *over += u64::from(value > *bound);
        }
    }

    fn amount(&mut self, value: f64) {
        if self.n == 0 {
            (self.min, self.max) = (value, value);
        } else {
            (self.min, self.max) = (self.min.min(value), self.max.max(value));
        }
        self.n = self.n.saturating_add(1);
        self.sum = (self.sum + value).clamp(f64::MIN, f64::MAX);
        self.last = value;
    }

    /// Adds another slot of the same series or of a sibling.
    pub fn merge(&mut self, other: &Self) {
        if other.n == 0 {
            return;
        }
        if self.n == 0 {
            (self.min, self.max) = (other.min, other.max);
        } else {
            (self.min, self.max) = (self.min.min(other.min), self.max.max(other.max));
        }
        self.n = self.n.saturating_add(other.n);
        self.hits = self.hits.saturating_add(other.hits);
        self.sum = (self.sum + other.sum).clamp(f64::MIN, f64::MAX);
        self.last = other.last;
        if self.over.len() < other.over.len() {
            self.over.resize(other.over.len(), 0);
        }
        for (over, more) in self.over.iter_mut().zip(&other.over) {
            *over = over.saturating_add(*more);
        }
        if let Some(histogram) = &other.histogram {
            self.histogram.get_or_insert_default().merge(histogram);
        }
    }

    /// The mean of what was recorded.
    pub fn mean(&self) -> Option<f64> {
        match &self.histogram {
            Some(histogram) => histogram.mean(),
            None => (self.n > 0).then(|| self.sum / self.n as f64),
        }
    }
}

/// One series: its kind and its slots by second.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    /// What it records.
    pub kind: Kind,
    /// The seconds in which something was recorded.
    pub slots: BTreeMap<u32, Slot>,
    bounds: Arc<[u64]>,
}

/// A series of one timeline, found once and then recorded to without a look-up by name. Good for
/// the timeline that gave it (and its clones) only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SeriesId {
    position: usize,
    kind: Kind,
}

/// Everything measured in a trial, second by second since its start. A key used with two kinds is
/// two series.
#[derive(Clone, Debug, Default)]
pub struct Timeline {
    start: Timestamp,
    /// How many seconds a histogram holds at most, where that is more than its own.
    grain: u32,
    bounds: BTreeMap<String, Arc<[u64]>>,
    lost: BTreeSet<u32>,
    index: BTreeMap<Key, Vec<SeriesId>>,
    series: Vec<Series>,
}

impl Timeline {
    /// An empty timeline that starts at `start` and counts, for each metric named, the values over
    /// each bound (nanoseconds). Bounds are sorted and duplicates dropped.
    pub fn new(start: Timestamp, bounds: BTreeMap<String, Vec<u64>>) -> Self {
        let sorted = |mut bounds: Vec<u64>| {
            bounds.sort_unstable();
            bounds.dedup();
            Arc::from(bounds)
        };
        let bounds = bounds.into_iter().map(|(metric, list)| (metric, sorted(list))).collect();
        Self { start, bounds, ..Self::default() }
    }

    /// An empty timeline with the same start and bounds: a shard of this one.
    #[must_use]
    pub fn empty_like(&self) -> Self {
        Self { start: self.start, bounds: self.bounds.clone(), ..Self::default() }
    }

    /// When second 0 began.
    pub fn start(&self) -> Timestamp {
        self.start
    }

    /// How many seconds a histogram may hold: 1, or more where a long timeline was read with
    /// [`Timeline::decode_grained`]; then most seconds have none.
    pub fn grain(&self) -> u32 {
        self.grain.max(1)
    }

    /// The bounds a metric's values are counted against, ascending.
    pub fn bounds(&self, metric: &str) -> &[u64] {
        self.bounds.get(metric).map_or(&[], |bounds| bounds)
    }

    /// The handle of a series, made if it is new. Recording through it allocates only when a second
    /// or a histogram bucket is new.
    pub fn series_id(&mut self, key: &Key, kind: Kind) -> SeriesId {
        if let Some(known) = self.find(key, kind) {
            return known;
        }
        let id = SeriesId { position: self.series.len(), kind };
        let bounds = match kind {
            Kind::Trend => self.bounds.get(&key.metric).cloned().unwrap_or_default(),
            _ => Arc::default(),
        };
        self.series.push(Series { kind, slots: BTreeMap::new(), bounds });
        let kinds = self.index.entry(key.clone()).or_default();
        kinds.push(id);
        kinds.sort_unstable_by_key(|id| id.kind);
        id
    }

    /// Counts a time, in nanoseconds.
    pub fn record_trend(&mut self, key: &Key, second: u32, value_ns: u64) {
        let id = self.series_id(key, Kind::Trend);
        self.record_trend_at(id, second, value_ns);
    }

    /// Counts something that held (`hit`) or did not.
    pub fn record_rate(&mut self, key: &Key, second: u32, hit: bool) {
        let id = self.series_id(key, Kind::Rate);
        self.record_rate_at(id, second, hit);
    }

    /// Adds an amount. One that is not a finite number is not an amount and is left out.
    pub fn record_counter(&mut self, key: &Key, second: u32, amount: f64) {
        let id = self.series_id(key, Kind::Counter);
        self.record_counter_at(id, second, amount);
    }

    /// Notes a level. One that is not a finite number is not a level and is left out.
    pub fn record_gauge(&mut self, key: &Key, second: u32, value: f64) {
        let id = self.series_id(key, Kind::Gauge);
        self.record_gauge_at(id, second, value);
    }

    /// [`Timeline::record_trend`] by handle: the hot path.
    ///
    /// # Panics
    /// As all `record_*_at`: when the handle is of another kind or another timeline.
    pub fn record_trend_at(&mut self, id: SeriesId, second: u32, value_ns: u64) {
        let series = self.of(id, Kind::Trend);
        series.slots.entry(second).or_default().trend(value_ns, &series.bounds);
    }

    /// [`Timeline::record_rate`] by handle.
    pub fn record_rate_at(&mut self, id: SeriesId, second: u32, hit: bool) {
        let slot = self.of(id, Kind::Rate).slots.entry(second).or_default();
        slot.n = slot.n.saturating_add(1);
        slot.hits = slot.hits.saturating_add(u64::from(hit));
    }

    /// [`Timeline::record_counter`] by handle.
    pub fn record_counter_at(&mut self, id: SeriesId, second: u32, amount: f64) {
        let series = self.of(id, Kind::Counter);
        if amount.is_finite() {
            let slot = series.slots.entry(second).or_default();
            slot.amount(amount);
            slot.last = 0.0;
        }
    }

    /// [`Timeline::record_gauge`] by handle.
    pub fn record_gauge_at(&mut self, id: SeriesId, second: u32, value: f64) {
        let series = self.of(id, Kind::Gauge);
        if value.is_finite() {
            series.slots.entry(second).or_default().amount(value);
        }
    }

    /// Notes that the generator did not report this second. What happened in it is unknown: no
    /// objective over it can pass or fail.
    pub fn mark_lost(&mut self, second: u32) {
        self.lost.insert(second);
    }

    /// The seconds the generator did not report.
    pub fn lost(&self) -> &BTreeSet<u32> {
        &self.lost
    }

    /// Adds what another timeline recorded, as if it had been recorded here.
    ///
    /// # Errors
    /// [`Error::Unmergeable`] when the two start at different times or count against different
    /// bounds; then nothing is merged.
    pub fn merge(&mut self, other: &Self) -> Result<(), Error> {
        if self.start != other.start {
            let reason = format!("one starts at {}, the other at {}", self.start, other.start);
            return Err(Error::Unmergeable { reason });
        }
        if self.bounds != other.bounds {
            let reason = "they count against different bounds".to_owned();
            return Err(Error::Unmergeable { reason });
        }
        self.lost.extend(&other.lost);
        for (key, more) in other.series() {
            let id = self.series_id(key, more.kind);
            let slots = &mut self.of(id, more.kind).slots;
            for (&second, slot) in &more.slots {
                slots.entry(second).or_default().merge(slot);
            }
        }
        Ok(())
    }

    /// The series behind a handle.
    ///
    /// # Panics
    /// When the handle is of another timeline.
    pub fn at(&self, id: SeriesId) -> &Series {
        &self.series[id.position]
    }

    /// Takes out what was recorded before a second, lost seconds too: what is over can be written
    /// down and forgotten. The series, and handles of them, stay good.
    #[must_use]
    pub fn take_before(&mut self, second: u32) -> Self {
        let mut taken = self.empty_like();
        let lost = self.lost.split_off(&second);
        taken.lost = std::mem::replace(&mut self.lost, lost);
        for (key, ids) in &self.index {
            for id in ids {
                let slots = &mut self.series[id.position].slots;
                if slots.first_key_value().is_none_or(|(&first, _)| first >= second) {
                    continue;
                }
                let rest = slots.split_off(&second);
                let over = std::mem::replace(slots, rest);
                let position = taken.series_id(key, id.kind).position;
                taken.series[position].slots = over;
            }
        }
        taken
    }

    /// Whether nothing was recorded and no second was lost.
    pub fn is_empty(&self) -> bool {
        self.lost.is_empty() && self.series.iter().all(|series| series.slots.is_empty())
    }

    /// All series in the order of their keys.
    pub fn series(&self) -> impl Iterator<Item = (&Key, &Series)> {
        self.index
            .iter()
            .flat_map(move |(key, ids)| ids.iter().map(move |id| (key, &self.series[id.position])))
    }

    /// How many seconds the timeline spans: the last one with a slot or lost, plus one.
    pub fn seconds(&self) -> u32 {
        let recorded = self.series.iter().filter_map(|series| series.slots.last_key_value());
        let last = recorded.map(|(&second, _)| second).chain(self.lost.last().copied()).max();
        last.map_or(0, |last| last.saturating_add(1))
    }

    /// All series of a metric whose tags contain all of `tags`.
    pub fn select(&self, metric: &str, tags: &BTreeMap<String, String>) -> Selection<'_> {
        let matches = |key: &Key| {
            key.metric == metric && tags.iter().all(|(tag, value)| key.tags.get(tag) == Some(value))
        };
        let series = self.series().filter(|(key, _)| matches(key)).collect();
        Selection::new(metric, self.bounds(metric), &self.lost, series)
    }

    fn find(&self, key: &Key, kind: Kind) -> Option<SeriesId> {
        self.index.get(key)?.iter().find(|id| id.kind == kind).copied()
    }

    fn of(&mut self, id: SeriesId, kind: Kind) -> &mut Series {
        let series = &mut self.series[id.position];
        assert!(
            id.kind == kind && series.kind == kind,
            "a series of another kind or of another timeline was recorded to"
        );
        series
    }
}

/// Equal when they say the same: the order in which series were made does not matter.
impl PartialEq for Timeline {
    fn eq(&self, other: &Self) -> bool {
        self.start == other.start
            && self.bounds == other.bounds
            && self.lost == other.lost
            && self
                .series()
                .filter(|(_, series)| !series.slots.is_empty())
                .eq(other.series().filter(|(_, series)| !series.slots.is_empty()))
    }
}

#[cfg(test)]
mod tests;
