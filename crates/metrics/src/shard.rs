//! One worker's sinks, and the way from a metric and its tags to them.
//!
//! What a sample costs. A *route* is the list of sinks that a sample of some metric with some tags
//! belongs to; a [`Handle`] names one. The first sample of a metric with a set of tags finds its
//! route: selectors are held against the tags. From then on the same set object (an
//! [`Interner`](crate::tags::Interner) sees to that) costs one look into a map for all samples of a
//! request, an index for each, and the sink, where a trend is an addition in a bucket at a known
//! place. `examples/recording_cost.rs` measures it: on a machine shared with others, 0.7 µs of processor time
//! for the nine samples of a request, a third of it for finding their tags; 7 µs when every request
//! has a URL of its own and nothing can be found again. The lock is the worker's own: nobody waits
//! for it but a snapshot.

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
        self.sinks.record(self.shared, at, tags, samples);
    }
}

/// What a shard's lock guards.
#[derive(Debug, Default)]
pub(crate) struct Sinks {
    sinks: Vec<(Key, Sink)>,
    places: HashMap<Key, u32>,
    /// Places of the sinks of whole metrics, by metric; 0 is none yet, otherwise the place and one.
    wholes: Vec<u32>,
    /// Likewise of submetrics.
    submetrics: Vec<u32>,
    /// Sinks of each route, by handle.
    routes: Vec<Box<[u32]>>,
    known: HashMap<Box<[u32]>, u32>,
    /// Handles of each set of tags, by the address of the set, which the row keeps alive.
    rows: Ready<usize, Row>,
    groups: HashSet<Place>,
    /// The route that is being looked for.
    route: Vec<u32>,
}

#[derive(Debug)]
struct Row {
    /// Never read: while it lives, no other set has its address.
    _tags: TagSet,
    /// By metric; 0 is none yet, otherwise the handle and one.
    handles: Vec<u32>,
}

impl Row {
    fn handle(&self, metric: &Metric) -> Option<Handle> {
        self.handles.get(metric.id()).and_then(|known| known.checked_sub(1)).map(Handle)
    }
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

    fn record(&mut self, shared: &Shared, at: Duration, tags: &TagSet, samples: &[(&Metric, f64)]) {
        let address = tags.address();
        let row = self.rows.get(&address);
        for (position, (metric, value)) in samples.iter().enumerate() {
            let Some(handle) = row.and_then(|row| row.handle(metric)) else {
                return self.record_new(shared, at, tags, &samples[position..]);
            };
            for &sink in &self.routes[handle.0 as usize] {
                self.sinks[sink as usize].1.add(at, *value);
            }
        }
    }

    #[cold]
    fn record_new(
        &mut self,
        shared: &Shared,
        at: Duration,
        tags: &TagSet,
        samples: &[(&Metric, f64)],
    ) {
        for (metric, value) in samples {
            let handle = self.handle(shared, metric, tags);
            self.add(at, handle, *value);
        }
    }

    fn handle(&mut self, shared: &Shared, metric: &Metric, tags: &TagSet) -> Handle {
        let row = self.rows.get(&tags.address());
        match row.and_then(|row| row.handle(metric)) {
            Some(handle) => handle,
            None => self.find(shared, metric, tags),
        }
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
        let mut route = std::mem::take(&mut self.route);
        route.clear();
        route.push(match known(&self.wholes, metric.id()) {
            Some(place) => place,
            None => {
                let place = self.place(shared, metric, Part::Whole);
                remember(&mut self.wholes, metric.id(), place)
            }
        });
        for (submetric, selector) in shared.selectors(metric) {
            if tags.contains(selector) {
                route.push(match known(&self.submetrics, *submetric) {
                    Some(place) => place,
                    None => {
                        let place = self.place(shared, metric, Part::Submetric(*submetric));
                        remember(&mut self.submetrics, *submetric, place)
                    }
                });
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
        let handle = match self.known.get(route.as_slice()) {
            Some(&handle) => handle,
            None => {
                let handle =
                    u32::try_from(self.routes.len()).expect("fewer routes than memory holds");
                self.routes.push(route.as_slice().into());
                self.known.insert(route.as_slice().into(), handle);
                handle
            }
        };
        self.route = route;
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

fn known(places: &[u32], at: usize) -> Option<u32> {
    places.get(at).and_then(|place| place.checked_sub(1))
}

fn remember(places: &mut Vec<u32>, at: usize, place: u32) -> u32 {
    places.resize(places.len().max(at + 1), 0);
    places[at] = place + 1;
    place
}
