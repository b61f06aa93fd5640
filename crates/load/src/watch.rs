//! The generator watches itself: how late it wakes, which seconds it missed, and how many virtual
//! users and waiting arrivals there are.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_stats::timeline::{Key, Kind, SeriesId, Timeline};

use crate::pacer::Pacer;
use crate::recorder::{Counters, nanos};
use crate::timeline::SharedTimeline;

/// How often the ticker wants to wake.
const TICK: Duration = Duration::from_millis(10);
/// Every how many ticks levels are noted.
const LEVELS: u64 = 10;

/// Records how late the generator did something it had a time for.
#[derive(Clone, Debug)]
pub(crate) struct Lag {
    timeline: SharedTimeline,
    worker: usize,
    series: SeriesId,
}

impl Lag {
    pub(crate) fn new(timeline: &SharedTimeline, worker: usize, phase: &str) -> Self {
        let key = Key::new("generator_lag", [("phase", phase)]);
        let series = timeline.shard(worker).series(&key, Kind::Trend);
        Self { timeline: timeline.clone(), worker, series }
    }

    pub(crate) fn record(&self, now: Instant, due: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.timeline.record_trend_at(self.series, second, nanos(due, now));
    }
}

/// A flow's levels and where they are recorded.
pub(crate) struct Levels {
    /// Of every entry that drives the flow: their levels add up.
    counters: Vec<Arc<Counters>>,
    vus: SeriesId,
    /// Only where an entry is an open model.
    backlog: Option<SeriesId>,
}

impl Levels {
    pub(crate) fn new(
        timeline: &SharedTimeline,
        worker: usize,
        phase: &str,
        flow: &str,
        open: bool,
        counters: Vec<Arc<Counters>>,
    ) -> Self {
        let mut shard = timeline.shard(worker);
        let tags = [("phase", phase), ("flow", flow)];
        let vus = shard.series(&Key::new("vus", tags), Kind::Gauge);
        let backlog = open.then(|| shard.series(&Key::new("backlog", tags), Kind::Gauge));
        drop(shard);
        Self { counters, vus, backlog }
    }

    fn note(&self, timeline: &mut Timeline, second: u32) {
        let vus: i64 = self.counters.iter().map(|entry| entry.vus.load(Ordering::Relaxed)).sum();
        timeline.record_gauge_at(self.vus, second, vus as f64);
        if let Some(series) = self.backlog {
            let backlog: u64 =
                self.counters.iter().map(|entry| entry.backlog.load(Ordering::Relaxed)).sum();
            timeline.record_gauge_at(series, second, backlog as f64);
        }
    }
}

/// Ticks from `start` until dropped. Every tick that was due is recorded with its own lateness: a
/// stall of half a second is fifty late ticks, not one. A second in which the ticker never woke is
/// lost: what happened in it was not watched.
pub(crate) async fn watch(
    timeline: SharedTimeline,
    worker: usize,
    lag: Lag,
    levels: Vec<Levels>,
    pacer: Pacer,
    clock: Clock,
    start: Instant,
) {
    let mut seen = timeline.second(start);
    let mut tick = 0_u64;
    loop {
        let due = |tick: u64| start + Duration::from_nanos(TICK.as_nanos() as u64 * tick);
        pacer.until(due(tick)).await;
        let now = clock.now();
        let second = timeline.second(now);
        let mut shard = timeline.shard(worker);
        for lost in seen + 1..second {
            shard.timeline.mark_lost(lost);
        }
        seen = second.max(seen);
        let mut note_levels = false;
        while due(tick) <= now {
            shard.timeline.record_trend_at(lag.series, second, nanos(due(tick), now));
            note_levels |= tick.is_multiple_of(LEVELS);
            tick += 1;
        }
        if note_levels {
            levels.iter().for_each(|levels| levels.note(&mut shard.timeline, second));
        }
    }
}
