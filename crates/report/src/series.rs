//! From the timeline to what a chart draws: a value for each second, or none where none was measured.

use std::collections::BTreeMap;

use seaworthy_stats::histogram::Histogram;
use seaworthy_stats::timeline::{Slot, Timeline};

use crate::chart::Point;
use crate::text;

/// The timeline's slots of one metric whose series carry all of the given tags.
pub(crate) struct Series<'a> {
    slots: Vec<(u32, &'a Slot)>,
    /// The same slots with their series' tags.
    tagged: Vec<(&'a BTreeMap<String, String>, &'a Slot)>,
    /// How many seconds a histogram may hold.
    grain: u32,
}

impl<'a> Series<'a> {
    pub(crate) fn select(timeline: &'a Timeline, metric: &str, tags: &[(&str, &str)]) -> Self {
        // Names in an outcome are printable already; those in a timeline are as they came.
        let carries = |all: &BTreeMap<String, String>, name: &str, value: &str| {
            all.get(name).is_some_and(|own| text::clean(own) == value)
        };
        let chosen: Vec<_> = timeline
            .series()
            .filter(|(key, _)| key.metric == metric)
            .filter(|(key, _)| tags.iter().all(|(name, value)| carries(&key.tags, name, value)))
            .collect();
        let slots = chosen
            .iter()
            .flat_map(|(_, series)| series.slots.iter().map(|(second, slot)| (*second, slot)))
            .collect();
        let tagged = chosen
            .iter()
            .flat_map(|(key, series)| series.slots.values().map(|slot| (&key.tags, slot)))
            .collect();
        Self { slots, tagged, grain: timeline.grain() }
    }

    /// The total of something for each value of a tag, without those where it is zero.
    pub(crate) fn totals(&self, tag: &str, value: impl Fn(&Slot) -> f64) -> BTreeMap<String, f64> {
        let mut totals = BTreeMap::new();
        for (tags, slot) in &self.tagged {
            if let Some(name) = tags.get(tag) {
                *totals.entry(text::clean(name).into_owned()).or_insert(0.0) += value(slot);
            }
        }
        totals.retain(|_, total| *total != 0.0);
        totals
    }

    /// The sum of something over all series, for each second that has any.
    pub(crate) fn sums(&self, value: impl Fn(&Slot) -> f64) -> BTreeMap<u32, f64> {
        let mut sums = BTreeMap::new();
        for (second, slot) in &self.slots {
            *sums.entry(*second).or_insert(0.0) += value(slot);
        }
        sums
    }

    /// The values of all series in the seconds of a window, in one histogram.
    pub(crate) fn histogram(&self, from: f64, to: f64) -> Histogram {
        let mut histogram = Histogram::new();
        for (second, slot) in &self.slots {
            if f64::from(*second) >= from
                && f64::from(*second) < to
                && let Some(part) = &slot.histogram
            {
                histogram.merge(part);
            }
        }
        histogram
    }

    /// Quantiles for each second: one list of points for each of `quantiles`.
    pub(crate) fn quantiles(&self, quantiles: &[f64], seconds: u32) -> Vec<Vec<Point>> {
        let mut merged: BTreeMap<u32, Histogram> = BTreeMap::new();
        for (second, slot) in &self.slots {
            if let Some(part) = &slot.histogram {
                merged.entry(*second).or_default().merge(part);
            }
        }
        let read = |q: f64| {
            points(seconds, |second| {
                // A histogram of several seconds is drawn as long as it is.
                let since = (second + 1).saturating_sub(self.grain);
                let (_, nearest) = merged.range(since..=second).next_back()?;
                let quantile = nearest.quantile(q)?;
                Some(quantile.middle() as f64)
            })
        };
        quantiles.iter().map(|q| read(*q)).collect()
    }
}

/// A point in the middle of each second.
pub(crate) fn points(seconds: u32, value: impl Fn(u32) -> Option<f64>) -> Vec<Point> {
    (0..seconds)
        .map(|second| Point { second: f64::from(second) + 0.5, value: value(second) })
        .collect()
}
