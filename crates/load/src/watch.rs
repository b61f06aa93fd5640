//! The generator watches itself: how late it wakes, which seconds it missed, and how many virtual
//! users and waiting arrivals there are.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_stats::timeline::{Key, Kind, SeriesId, Writer};
use tokio_util::sync::CancellationToken;

use crate::cast::Cast;
use crate::drive::Entry;
use crate::pacer::{Pacer, Timer};
use crate::recorder::nanos;
use crate::timeline::SharedTimeline;

/// How often the ticker wants to wake.
const TICK: Duration = Duration::from_millis(10);
/// Every how many ticks levels are noted.
const LEVELS: u64 = 10;

/// Records how late the generator did something it had a time for: the series `generator_lag` of a
/// phase, in one worker's shard.
#[derive(Clone, Debug)]
pub struct Lag {
    timeline: SharedTimeline,
    worker: usize,
    series: SeriesId,
}

impl Lag {
    /// Of a worker in a phase.
    pub fn new(timeline: &SharedTimeline, worker: usize, phase: &str) -> Self {
        let key = Key::new("generator_lag", [("phase", phase)]);
        let series = timeline.shard(worker).series(&key, Kind::Trend);
        Self { timeline: timeline.clone(), worker, series }
    }

    /// What was due is done now.
    pub fn record(&self, now: Instant, due: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.writer.trend(self.series, second, nanos(due, now));
    }
}

/// A flow's levels and where they are recorded.
#[derive(Debug)]
pub(crate) struct Levels<C> {
    /// Of every entry that drives the flow, with its lane there: their levels add up. An entry's
    /// virtual users count for each of its flows.
    lanes: Vec<(Arc<Entry<C>>, usize)>,
    vus: SeriesId,
    /// Only where an entry is an open model.
    backlog: Option<SeriesId>,
}

impl<C: Cast> Levels<C> {
    pub(crate) fn new(
        timeline: &SharedTimeline,
        worker: usize,
        phase: &str,
        flow: &str,
        open: bool,
        lanes: Vec<(Arc<Entry<C>>, usize)>,
    ) -> Self {
        let mut shard = timeline.shard(worker);
        let tags = [("phase", phase), ("flow", flow)];
        let vus = shard.series(&Key::new("vus", tags), Kind::Gauge);
        let backlog = open.then(|| shard.series(&Key::new("backlog", tags), Kind::Gauge));
        drop(shard);
        Self { lanes, vus, backlog }
    }

    fn note(&self, writer: &mut Writer, second: u32) {
        let vus: i64 = self.lanes.iter().map(|(entry, lane)| entry.vus(*lane)).sum();
        writer.gauge(self.vus, second, vus as f64);
        if let Some(series) = self.backlog {
            let backlog: u64 = self.lanes.iter().map(|(entry, lane)| entry.backlog(*lane)).sum();
            writer.gauge(series, second, backlog as f64);
        }
    }
}

/// Watches one worker.
#[derive(Debug)]
pub(crate) struct Watch<C> {
    pub(crate) timeline: SharedTimeline,
    pub(crate) worker: usize,
    pub(crate) lag: Lag,
    /// Noted by one of the watches.
    pub(crate) levels: Vec<Levels<C>>,
    pub(crate) timer: Timer,
    pub(crate) clock: Clock,
    pub(crate) start: Instant,
    /// Ends it, after a last look.
    pub(crate) done: CancellationToken,
}

impl<C: Cast> Watch<C> {
    /// Ticks from the start until it is done. Every tick that was due is recorded with its own
    /// lateness: a stall of half a second is fifty late ticks, not one. A second in which the ticker
    /// never woke is lost: what happened in it was not watched.
    pub(crate) async fn run(self) {
        let Self { timeline, worker, lag, levels, timer, clock, start, done } = self;
        let pacer = Pacer::new(timer, clock.clone());
        let mut seen = timeline.second(start);
        let mut tick = 0_u64;
        loop {
            let due = |tick: u64| start + Duration::from_nanos(TICK.as_nanos() as u64 * tick);
            // At the end too: what kept the worker until then is seen.
            let is_last = tokio::select! {
                biased;
                () = done.cancelled() => true,
                () = pacer.until(due(tick)) => false,
            };
            let now = clock.now();
            let second = timeline.second(now);
            let mut shard = timeline.shard(worker);
            for lost in seen + 1..second {
                shard.timeline().mark_lost(lost);
            }
            seen = second.max(seen);
            let mut note_levels = false;
            while due(tick) <= now {
                shard.writer.trend(lag.series, second, nanos(due(tick), now));
                note_levels |= tick.is_multiple_of(LEVELS);
                tick += 1;
            }
            if note_levels {
                levels.iter().for_each(|levels| levels.note(&mut shard.writer, second));
            }
            if is_last {
                return;
            }
        }
    }
}
