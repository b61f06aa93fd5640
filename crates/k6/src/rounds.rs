//! What is done regularly while a run goes on: levels are noted, thresholds that may end it looked at.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use seaworthy_metrics::{Sample, TagSet, Thresholds};
use tokio::time::Interval;

use crate::shared::Shared;

/// How often thresholds that may end the run are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often levels are noted.
const NOTE_EVERY: Duration = Duration::from_secs(1);

/// A run's regular work, from `setup` to `teardown`.
pub(crate) struct Rounds<'r> {
    /// Thresholds because of which the run ended early.
    pub(crate) crossed: Vec<String>,
    shared: &'r Arc<Shared>,
    thresholds: &'r Thresholds,
    notes: Interval,
    looks: Interval,
}

impl<'r> Rounds<'r> {
    /// As k6 does, the first of each once its time has passed.
    pub(crate) fn begin(shared: &'r Arc<Shared>, thresholds: &'r Thresholds) -> Self {
        let every = |period| {
            let first = shared.clock.now() + period;
            tokio::time::interval_at(first, period)
        };
        let (notes, looks) = (every(NOTE_EVERY), every(LOOK_EVERY));
        Self { crossed: Vec::new(), shared, thresholds, notes, looks }
    }

    /// Goes on until `work` is done. When a threshold is crossed the run is told to stop.
    pub(crate) async fn around<T>(&mut self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = self.next() => {}
            }
        }
    }

    /// The same, but drops `work` when a threshold is crossed.
    pub(crate) async fn until_crossed<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::pin!(work);
        while self.crossed.is_empty() {
            tokio::select! {
                biased;
                done = &mut work => return Some(done),
                () = self.next() => {}
            }
        }
        None
    }

    async fn next(&mut self) {
        let may_end = self.thresholds.may_abort() && self.crossed.is_empty();
        tokio::select! {
            biased;
            _ = self.notes.tick() => self.note(),
            _ = self.looks.tick(), if may_end => self.look(),
        }
    }

    fn look(&mut self) {
        let Some(settled) = self.shared.settled() else { return };
        let snapshot = settled.collector.watched(self.shared.elapsed());
        self.crossed = self.thresholds.aborting(&snapshot);
        if !self.crossed.is_empty() {
            self.shared.stop.cancel();
        }
    }

    /// Notes how many virtual users there are.
    fn note(&self) {
        let Some(settled) = self.shared.settled() else { return };
        let counts = &self.shared.counts;
        let builtin = self.shared.registry.builtin();
        let active = counts.active.load(Ordering::Relaxed).max(0) as f64;
        let all = counts.initialised.load(Ordering::Relaxed) as f64;
        let mut tags = TagSet::empty();
        for (name, value) in settled.options.tags.iter().flatten() {
            tags = tags.with(name, value);
        }
        let samples = [(&builtin.vus, active), (&builtin.vus_max, all)];
        settled.collector.shard(0).record(self.shared.elapsed(), &tags, &samples);
        if let Some(outlet) = &settled.outlet {
            let at = self.shared.clock.wall();
            outlet.send(samples.iter().map(|(metric, value)| Sample {
                metric: (*metric).clone(),
                tags: tags.clone(),
                metadata: TagSet::empty(),
                at,
                value: *value,
            }));
        }
        if settled.outlet.as_ref().is_some_and(|outlet| outlet.lost() > 0) {
            self.shared.warn_once(
                "the outputs cannot keep up with the run: samples are being left out of them \
                 (the summary and thresholds have all)",
            );
        }
        if let Some(warning) = settled.collector.series_warning() {
            self.shared.warn_once(&warning.to_string());
        }
    }
}
