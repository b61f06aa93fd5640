//! One worker's sinks, and the way from a metric and its tags to them.
//!
//! What a sample costs. A *route* is the list of sinks that a sample of some metric with some tags
//! belongs to; a [`Handle`] names one. The first sample of a metric with a set of tags finds its
//! route (about a microsecond: selectors are held against the tags); from then on the same set
//! object (an [`Interner`](crate::tags::Interner) sees to that) costs one look into a map for all
//! samples of a request, an index for each, and the sink: 1–5 ns for counters, rates and gauges,
//! 20–40 ns for a trend with thousands of values. The lock is the worker's own: nobody waits for
//! it but a snapshot.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::collector::Shared;
use crate::part::{Key, Part, Place};
use crate::registry::Metric;
use crate::sink::Sink;
use crate::tags::{Ready, TagSet};

/// As many sets of tags have their handles remembered in a shard; then all are forgotten, and found
/// again as they come.
const ROWS: usize = 4_096;

/// Where samples of one metric with one set of tags go. Belongs to the shard that made it, and stays
/// good as long as that shard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Handle(u32);

/// One worker's part of a [`Collector`](crate::Collector). Cheap to clone; clones are the same.
#[derive(Clone, Debug)]
pub struct Shard {
    shared: Arc<Shared>,
    sinks: Arc<Mutex<Sinks>>,
}

impl Shard {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, sinks: Arc::default() }
    }

    /// Locks the shard to add samples. Hold it for a batch, never across a wait.
    pub fn lock(&self) -> Writer<'_> {
        Writer { shared: &self.shared, sinks: self.sinks() }
    }

    /// The handle for samples of a metric with these tags.
    pub fn handle(&self, metric: &Metric, tags: &TagSet) -> Handle {
        self.lock().handle(metric, tags)
    }

    /// Adds samples through handles, all `at` the same time since the run began.
    pub fn add(&self, at: Duration, samples: &[(Handle, f64)]) {
        let mut writer = self.lock();
        for &(handle, value) in samples {
            writer.add(at, handle, value);
        }
    }

    /// Adds samples that have the same tags, all `at` the same time since the run began.
    pub fn record(&self, at: Duration, tags: &TagSet, samples: &[(&Metric, f64)]) {
        self.lock().record(at, tags, samples);
    }

    pub(crate) fn sinks(&self) -> MutexGuard<'_, Sinks> {
        self.sinks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A shard that is locked for adding.
#[derive(Debug)]
pub struct Writer<'a> {
    shared: &'a Shared,
    sinks: MutexGuard<'a, Sinks>,
}

impl Writer<'_> {
    /// The handle for samples of a metric with these tags.
    pub fn handle(&mut self, metric: &Metric, tags: &TagSet) -> Handle {
        self.sinks.handle(self.shared, metric, tags)
    }

    /// Adds one sample. A handle of another shard adds nothing.
    pub fn add(&mut self, at: Duration, handle: Handle, value: f64) {
        self.sinks.add(at, handle, value);
    }

    /// Adds samples that have the same tags.
    pub fn record(&mut self, at: Duration, tags: &TagSet, samples: &[(&Metric, f64)]) {
        for (metric, value) in samples {
            let handle = self.sinks.handle(self.shared, metric, tags);
            self.sinks.add(at, handle, *value);
        }
    }
}

/// What a shard's lock guards.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    sinks: Vec<(Key, Sink)>,
    places: HashMap<Key, u32>,
    /// Sinks of each route, by handle.
    routes: Vec<Box<[u32]>>,
    known: HashMap<Box<[u32]>, u32>,
    /// Handles of each set of tags, by the address of the set, which the row keeps alive.
    rows: Ready<usize, Row>,
    groups: HashSet<Place>,
}

#[derive(Debug)]
struct Row {
    /// Never read: while it lives, no other set has its address.
    _tags: TagSet,
    /// By metric; 0 is none yet, otherwise the handle and one.
    handles: Vec<u32>,
}

impl Sinks {
    pub(crate) fn iter(&self) -> impl Iterator<Item = &(Key, Sink)> + '_ {
        self.sinks.iter()
    }

    fn add(&mut self, at: Duration, handle: Handle, value: f64) {
        let Some(route) = self.routes.get(handle.0 as usize) else { return };
        for &sink in route {
            self.sinks[sink as usize].1.add(at, value);
        }
    }

    fn handle(&mut self, shared: &Shared, metric: &Metric, tags: &TagSet) -> Handle {
        if let Some(row) = self.rows.get(&tags.address())
            && let Some(handle) =
                row.handles.get(metric.id()).and_then(|known| known.checked_sub(1))
        {
            return Handle(handle);
        }
        self.find(shared, metric, tags)
    }

    #[cold]
    fn find(&mut self, shared: &Shared, metric: &Metric, tags: &TagSet) -> Handle {
        shared.series(metric, tags);
        let handle = self.route(shared, metric, tags);
        if self.rows.len() >= ROWS && !self.rows.contains_key(&tags.address()) {
            self.rows.clear();
        }
        let row = self.rows.entry(tags.address()).or_insert_with(|| {
            if tags.get("group").is_some() {
                let place = Place::of(tags);
                if !self.groups.contains(&place) {
                    shared.group(&place);
                    self.groups.insert(place);
                }
            }
            Row { _tags: tags.clone(), handles: Vec::new() }
        });
        if row.handles.len() <= metric.id() {
            row.handles.resize(metric.id() + 1, 0);
        }
        row.handles[metric.id()] = handle.0 + 1;
        handle
    }

    fn route(&mut self, shared: &Shared, metric: &Metric, tags: &TagSet) -> Handle {
        let mut route = vec![self.place(shared, metric, Part::Whole)];
        for (submetric, selector) in shared.selectors(metric) {
            if tags.contains(selector) {
                route.push(self.place(shared, metric, Part::Submetric(submetric)));
            }
        }
        if shared.is_full() {
            let place = Place::of(tags);
            if !place.scenario.is_empty() {
                let part = Part::Scenario(Arc::clone(&place.scenario));
                route.push(self.place(shared, metric, part));
            }
            if !place.group.is_empty() {
                route.push(self.place(shared, metric, Part::Group(place)));
            }
        }
        if shared.is_checks(metric)
            && let Some(check) = tags.get("check")
        {
            route.push(self.place(shared, metric, Part::Check(Place::of(tags), check.into())));
        }
        let route = route.into_boxed_slice();
        if let Some(&handle) = self.known.get(&route) {
            return Handle(handle);
        }
        let handle = u32::try_from(self.routes.len()).expect("fewer routes than memory holds");
        self.routes.push(route.clone());
        self.known.insert(route, handle);
        Handle(handle)
    }

    /// Where the sink of that part stands; made if there is none.
    fn place(&mut self, shared: &Shared, metric: &Metric, part: Part) -> u32 {
        let key = Key { metric: metric.clone(), part };
        if let Some(&place) = self.places.get(&key) {
            return place;
        }
        shared.order(&key);
        let place = u32::try_from(self.sinks.len()).expect("fewer sinks than memory holds");
        self.sinks.push((key.clone(), Sink::new(metric.kind(), shared.watch(&key))));
        self.places.insert(key, place);
        place
    }
}
