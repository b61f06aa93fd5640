//! What was measured so far, merged from all workers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use crate::part::{Key, Part, Place, Submetric};
use crate::registry::Metric;
use crate::sink::Sink;

/// All sinks of a run at one time.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// How long the run had been going on.
    pub run: Duration,
    submetrics: Vec<Submetric>,
    sinks: Vec<(Key, Sink)>,
    places: HashMap<Key, usize>,
    groups: Vec<Place>,
}

/// One check where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Check<'a> {
    /// The scenario and the group.
    pub place: &'a Place,
    /// Its name.
    pub name: &'a Arc<str>,
    /// How often it held.
    pub passes: u64,
    /// How often it did not.
    pub fails: u64,
}

impl Snapshot {
    pub(crate) fn new(run: Duration, submetrics: Vec<Submetric>) -> Self {
        let (sinks, places, groups) = (Vec::new(), HashMap::new(), Vec::new());
        Self { run, submetrics, sinks, places, groups }
    }

    pub(crate) fn merge(&mut self, key: &Key, sink: &Sink) {
        match self.places.get(key) {
            Some(&place) => self.sinks[place].1.merge(sink),
            None => {
                self.places.insert(key.clone(), self.sinks.len());
                self.sinks.push((key.clone(), sink.clone()));
            }
        }
    }

    /// In the order in which parts appeared.
    pub(crate) fn sort(&mut self, order: &HashMap<Key, usize>, groups: Vec<Place>) {
        self.sinks.sort_by_key(|(key, _)| order.get(key).copied().unwrap_or(usize::MAX));
        let keys = self.sinks.iter().enumerate().map(|(place, (key, _))| (key.clone(), place));
        self.places = keys.collect();
        self.groups = groups;
    }

    /// All samples of a metric; `None` when there is none.
    pub fn metric(&self, metric: &Metric) -> Option<&Sink> {
        self.part(metric, Part::Whole)
    }

    /// A part of a metric; `None` when it has no samples.
    pub fn part(&self, metric: &Metric, part: Part) -> Option<&Sink> {
        let place = self.places.get(&Key { metric: metric.clone(), part })?;
        Some(&self.sinks[*place].1)
    }

    /// The samples of a submetric, by its place in [`Snapshot::submetrics`].
    pub fn submetric(&self, place: usize) -> Option<&Sink> {
        self.part(&self.submetrics.get(place)?.metric, Part::Submetric(place))
    }

    /// The parts of metrics that have sinks of their own.
    pub fn submetrics(&self) -> &[Submetric] {
        &self.submetrics
    }

    /// All parts that have samples, in the order in which they appeared.
    pub fn parts(&self) -> impl Iterator<Item = (&Key, &Sink)> + '_ {
        self.sinks.iter().map(|(key, sink)| (key, sink))
    }

    /// The checks, in the order in which they appeared.
    pub fn checks(&self) -> impl Iterator<Item = Check<'_>> + '_ {
        self.parts().filter_map(|(key, sink)| match (&key.part, sink) {
            (Part::Check(place, name), Sink::Rate(rate)) => {
                Some(Check { place, name, passes: rate.trues, fails: rate.total - rate.trues })
            }
            _ => None,
        })
    }

    /// The groups that samples came from, in the order in which they appeared; the root group, where
    /// samples carry it, has the empty path.
    pub fn groups(&self) -> &[Place] {
        &self.groups
    }
}
