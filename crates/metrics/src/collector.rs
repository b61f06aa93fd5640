//! All samples of a run: a shard for each worker, merged when somebody looks.

use std::collections::{HashMap, HashSet};
use std::hash::Hasher;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::part::{Key, Part, Place, Submetric};
use crate::registry::{Metric, Registry};
use crate::shard::Shard;
use crate::sink::Watch;
use crate::snapshot::Snapshot;
use crate::tags::{Mix, TagSet};
use crate::threshold::Thresholds;

/// What a collector keeps.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many workers add samples.
    pub workers: usize,
    /// Whether metrics are also kept by scenario and by group, for a full summary.
    pub full: bool,
    /// Whether `http_req_duration{expected_response:true}` is kept, as k6 does while that system
    /// tag is on.
    pub expected_response: bool,
    /// With more time series than this a warning is due; k6's number is 100,000.
    pub series_limit: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { workers: 1, full: false, expected_response: true, series_limit: 100_000 }
    }
}

/// All samples of a run. Cheap to clone; clones are the same collector.
///
/// Its memory depends on the number of metrics, submetrics, checks (and, for a full summary, of
/// scenarios and groups) and not on the number of samples or of tag values. What grows with time is
/// the seconds of sinks with a threshold: see [`Seconds`](crate::sink::Seconds).
#[derive(Clone, Debug)]
pub struct Collector {
    shared: Arc<Shared>,
    shards: Arc<[Shard]>,
}

impl Collector {
    /// For a run with these thresholds.
    pub fn new(registry: &Registry, thresholds: &Thresholds, options: &Options) -> Self {
        let builtin = registry.builtin();
        let (whole, mut submetrics) = thresholds.watches();
        if options.expected_response {
            let selector = TagSet::of(&[("expected_response", "true")]);
            let metric = &builtin.http_req_duration;
            if !submetrics.iter().any(|known| known.metric == *metric && known.selector == selector)
            {
                submetrics.push(Submetric {
                    metric: metric.clone(),
                    suffix: "expected_response:true".to_owned(),
                    selector,
                    watch: Watch::default(),
                    has_thresholds: false,
                });
            }
        }
        let mut selectors: Vec<Vec<(usize, TagSet)>> = Vec::new();
        for (place, submetric) in submetrics.iter().enumerate() {
            let metric = submetric.metric.id();
            selectors.resize(selectors.len().max(metric + 1), Vec::new());
            selectors[metric].push((place, submetric.selector.clone()));
        }
        let shared = Arc::new(Shared {
            full: options.full,
            checks: builtin.checks.clone(),
            whole,
            submetrics,
            selectors,
            unwatched: Watch::default(),
            seen: Mutex::default(),
            counting: AtomicBool::new(options.series_limit > 0),
            series: Mutex::new(Series { limit: options.series_limit, ..Series::default() }),
        });
        let shards = (0..options.workers.max(1)).map(|_| Shard::new(Arc::clone(&shared)));
        let shards = shards.collect();
        Self { shared, shards }
    }

    /// The shard of a worker, from 0; numbers beyond the last begin again at 0.
    pub fn shard(&self, worker: usize) -> Shard {
        self.shards[worker % self.shards.len()].clone()
    }

    /// The parts of metrics that have sinks of their own: those thresholds name, and k6's own.
    pub fn submetrics(&self) -> &[Submetric] {
        &self.shared.submetrics
    }

    /// Everything so far, `run` after the run began. Each worker is held up for the instant its
    /// shard is read.
    pub fn snapshot(&self, run: Duration) -> Snapshot {
        self.merged(run, |_| true)
    }

    /// Only what thresholds are held against, which is all that looking whether to abort needs.
    pub fn watched(&self, run: Duration) -> Snapshot {
        self.merged(run, |key| match key.part {
            Part::Whole => self.shared.whole.contains_key(&key.metric.id()),
            Part::Submetric(place) => self.shared.submetrics[place].has_thresholds,
            _ => false,
        })
    }

    /// That the run has more time series than it should, once, when it has.
    pub fn series_warning(&self) -> Option<SeriesWarning> {
        let mut series = lock(&self.shared.series);
        let due = series.over && !series.told;
        series.told |= due;
        due.then_some(SeriesWarning { limit: series.limit })
    }

    fn merged(&self, run: Duration, wanted: impl Fn(&Key) -> bool) -> Snapshot {
        let mut snapshot = Snapshot::new(run, self.shared.submetrics.clone());
        for shard in self.shards.iter() {
            for (key, sink) in shard.sinks().iter().filter(|(key, _)| wanted(key)) {
                snapshot.merge(key, sink);
            }
        }
        let seen = lock(&self.shared.seen);
        snapshot.sort(&seen.keys, seen.groups.clone());
        snapshot
    }
}

/// A run whose tags have too many different values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the run has more than {limit} unique time series; outputs and whatever reads them pay for each. \
     Give requests to different URLs of one kind the same `name` tag, or use `http.url`"
)]
pub struct SeriesWarning {
    /// The number that was exceeded.
    pub limit: usize,
}

/// What all shards know.
#[derive(Debug)]
pub(crate) struct Shared {
    full: bool,
    checks: Metric,
    /// What thresholds on whole metrics need, by metric.
    whole: HashMap<usize, Watch>,
    submetrics: Vec<Submetric>,
    /// The submetrics of each metric, and the tags they ask for.
    selectors: Vec<Vec<(usize, TagSet)>>,
    unwatched: Watch,
    seen: Mutex<Seen>,
    counting: AtomicBool,
    series: Mutex<Series>,
}

/// What came first.
#[derive(Debug, Default)]
struct Seen {
    keys: HashMap<Key, usize>,
    groups: Vec<Place>,
    /// The same, to be found.
    known_groups: HashSet<Place>,
}

/// Which time series there were, until there are too many.
#[derive(Debug, Default)]
struct Series {
    seen: HashSet<u64>,
    limit: usize,
    over: bool,
    told: bool,
}

impl Shared {
    pub(crate) fn is_full(&self) -> bool {
        self.full
    }

    pub(crate) fn is_checks(&self, metric: &Metric) -> bool {
        self.checks == *metric
    }

    /// The submetrics of a metric, and the tags they ask for.
    pub(crate) fn selectors(&self, metric: &Metric) -> &[(usize, TagSet)] {
        self.selectors.get(metric.id()).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn watch(&self, key: &Key) -> &Watch {
        match key.part {
            Part::Whole => self.whole.get(&key.metric.id()).unwrap_or(&self.unwatched),
            Part::Submetric(place) => &self.submetrics[place].watch,
            _ => &self.unwatched,
        }
    }

    /// Remembers in which order parts appeared.
    pub(crate) fn order(&self, key: &Key) {
        let mut seen = lock(&self.seen);
        let next = seen.keys.len();
        seen.keys.entry(key.clone()).or_insert(next);
    }

    /// Remembers in which order groups appeared.
    pub(crate) fn group(&self, place: &Place) {
        let mut seen = lock(&self.seen);
        if seen.known_groups.insert(place.clone()) {
            seen.groups.push(place.clone());
        }
    }

    /// Counts a time series, until there are too many.
    pub(crate) fn series(&self, metric: &Metric, tags: &TagSet) {
        if !self.counting.load(Ordering::Relaxed) {
            return;
        }
        let mut hash = Mix::default();
        hash.word(tags.hash_value());
        hash.word(metric.id() as u64);
        let mut series = lock(&self.series);
        series.seen.insert(hash.finish());
        if series.seen.len() > series.limit {
            series.over = true;
            series.seen = HashSet::new();
            self.counting.store(false, Ordering::Relaxed);
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
