//! The timeline while it is written to: shards that workers lock one at a time, merged on demand.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seaworthy_base::{Instant, Timestamp};
use seaworthy_stats::Histogram;
use seaworthy_stats::timeline::{Key, Kind, SeriesId, Timeline, Writer};

/// How many seconds the live quantiles look back.
const RECENT: u32 = 5;

/// A timeline that many workers write to. Cheap to clone; clones are the same timeline.
///
/// Workers write to shards, so that they seldom wait for each other; [`SharedTimeline::snapshot`] merges
/// them.
#[derive(Clone, Debug)]
pub struct SharedTimeline(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    started: Instant,
    shards: Box<[Mutex<Shard>]>,
}

/// One worker's part of a timeline.
#[derive(Debug)]
pub struct Shard {
    /// What values are written with, by the handles of [`Shard::series`].
    pub writer: Writer,
    /// The series of response times, for live quantiles.
    response_times: Vec<SeriesId>,
}

impl SharedTimeline {
    /// An empty timeline. `start` and `started` are the same moment on the two clocks: second 0
    /// begins there. `bounds` are counted exactly, by metric, in nanoseconds.
    pub fn new(start: Timestamp, started: Instant, bounds: BTreeMap<String, Vec<u64>>) -> Self {
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        let empty = Timeline::new(start, bounds);
        let shard =
            || Shard { writer: Writer::new(empty.empty_like()), response_times: Vec::new() };
        let shards = (0..workers * 4).map(|_| Mutex::new(shard())).collect();
        Self(Arc::new(Inner { started, shards }))
    }

    /// The second a moment falls into.
    pub fn second(&self, now: Instant) -> u32 {
        let since = now.saturating_duration_since(self.0.started).as_secs();
        u32::try_from(since).unwrap_or(u32::MAX)
    }

    /// Counts a time, in nanoseconds.
    pub fn record_trend(&self, key: &Key, now: Instant, nanos: u64) {
        let second = self.second(now);
        self.shard(0).timeline().record_trend(key, second, nanos);
    }

    /// Adds an amount.
    pub fn record_counter(&self, key: &Key, now: Instant, amount: f64) {
        let second = self.second(now);
        self.shard(0).timeline().record_counter(key, second, amount);
    }

    /// Notes a level.
    pub fn record_gauge(&self, key: &Key, now: Instant, value: f64) {
        let second = self.second(now);
        self.shard(0).timeline().record_gauge(key, second, value);
    }

    /// Notes that nobody watched during a second.
    pub fn mark_lost(&self, second: u32) {
        self.shard(0).timeline().mark_lost(second);
    }

    /// Everything recorded so far.
    pub fn snapshot(&self) -> Timeline {
        let mut merged = self.shard(0).timeline().clone();
        for position in 1..self.0.shards.len() {
            let mut shard = self.shard(position);
            merged
                .merge(shard.timeline())
                .expect("shards are made from one empty timeline: same start, same bounds");
        }
        merged
    }

    /// Takes out what was recorded before a second, to be written down: what is over need not stay
    /// in memory. A worker that was held up may still record something for an earlier second; the
    /// next call takes it.
    #[must_use]
    pub fn drain(&self, second: u32) -> Timeline {
        let mut merged = self.shard(0).timeline().take_before(second);
        for position in 1..self.0.shards.len() {
            let taken = self.shard(position).timeline().take_before(second);
            merged
                .merge(&taken)
                .expect("shards are made from one empty timeline: same start, same bounds");
        }
        merged
    }

    /// A quantile of the response times of the last few seconds, in nanoseconds.
    pub fn recent_response_time(&self, q: f64, now: Instant) -> Option<u64> {
        let from = self.second(now).saturating_sub(RECENT);
        let mut merged = Histogram::new();
        for position in 0..self.0.shards.len() {
            self.shard(position).add_response_times(from, &mut merged);
        }
        merged.quantile(q).map(|quantile| quantile.middle())
    }

    /// The shard of a worker, locked: several values are written under one lock. Workers share
    /// shards when there are many, and [`SharedTimeline::drain`] waits for each: hold it for as long
    /// as it takes to write, never across a wait.
    pub fn shard(&self, worker: usize) -> MutexGuard<'_, Shard> {
        let shard = &self.0.shards[worker % self.0.shards.len()];
        // A worker that panicked while recording lost at most its own sample.
        shard.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shard {
    /// The handle of a series in this shard; made if it is new. Kept, it saves the look-up by name.
    pub fn series(&mut self, key: &Key, kind: Kind) -> SeriesId {
        let id = self.writer.series_id(key, kind);
        if key.metric == "response_time" && !self.response_times.contains(&id) {
            self.response_times.push(id);
        }
        id
    }

    /// What was recorded so far, the second under way included.
    pub fn timeline(&mut self) -> &mut Timeline {
        self.writer.timeline()
    }

    fn add_response_times(&mut self, from: u32, to: &mut Histogram) {
        let timeline = self.writer.timeline();
        for id in &self.response_times {
            for (_, slot) in timeline.at(*id).slots.range(from..) {
                slot.histogram.iter().for_each(|times| to.merge(times));
            }
        }
    }
}
