//! The series of a flow: where its measurements go, found once for each shard.

use std::sync::{Arc, OnceLock};

use seaworthy_stats::timeline::{Key, Kind, SeriesId};

use crate::program::Program;
use crate::timeline::SharedTimeline;

/// A flow's series in every shard of the timeline, found when a shard is first written to.
#[derive(Debug)]
pub(crate) struct Register {
    pub(crate) timeline: SharedTimeline,
    pub(crate) phase: String,
    pub(crate) program: Arc<Program>,
    shards: Box<[OnceLock<Arc<Handles>>]>,
}

/// The handles of a flow's series in one shard.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) iterations: SeriesId,
    pub(crate) iteration_duration: SeriesId,
    pub(crate) failed_iterations: SeriesId,
    pub(crate) interrupted: SeriesId,
    pub(crate) dropped: SeriesId,
    pub(crate) steps: Vec<StepHandles>,
}

#[derive(Debug)]
pub(crate) struct StepHandles {
    pub(crate) response_time: SeriesId,
    pub(crate) duration: SeriesId,
    pub(crate) failed: SeriesId,
    pub(crate) checks: Vec<SeriesId>,
}

impl Register {
    pub(crate) fn new(timeline: SharedTimeline, phase: &str, program: Arc<Program>) -> Self {
        let shards = (0..timeline.shards()).map(|_| OnceLock::new()).collect();
        Self { timeline, phase: phase.to_owned(), program, shards }
    }

    /// The handles in the shard of `worker`.
    pub(crate) fn handles(&self, worker: usize) -> Arc<Handles> {
        let known = &self.shards[worker % self.shards.len()];
        Arc::clone(known.get_or_init(|| Arc::new(self.find(worker))))
    }

    /// Requests of one step with one status.
    pub(crate) fn requests(&self, worker: usize, position: usize, status: &str) -> SeriesId {
        let tags = [
            ("phase", self.phase.as_str()),
            ("flow", &self.program.flow),
            ("step", &self.program.steps[position].name),
            ("status", status),
        ];
        self.timeline.shard(worker).series(&Key::new("http_reqs", tags), Kind::Counter)
    }

    fn find(&self, worker: usize) -> Handles {
        let mut shard = self.timeline.shard(worker);
        let tags = [("phase", self.phase.as_str()), ("flow", &self.program.flow)];
        let mut flow = |metric: &str, kind| shard.series(&Key::new(metric, tags), kind);
        let iterations = flow("iterations", Kind::Counter);
        let iteration_duration = flow("iteration_duration", Kind::Trend);
        let failed_iterations = flow("failed_iterations", Kind::Counter);
        let interrupted = flow("interrupted_iterations", Kind::Counter);
        let dropped = flow("dropped_iterations", Kind::Counter);
        let steps = self.program.steps.iter().map(|step| {
            let mut tagged = |metric: &str, tag, value: &str, kind| {
                let [phase, flow] = tags;
                shard.series(&Key::new(metric, [phase, flow, (tag, value)]), kind)
            };
            StepHandles {
                response_time: tagged("response_time", "step", &step.name, Kind::Trend),
                duration: tagged("http_req_duration", "step", &step.name, Kind::Trend),
                failed: tagged("http_req_failed", "step", &step.name, Kind::Rate),
                checks: (step.checks.iter())
                    .map(|check| tagged("checks", "check", check, Kind::Rate))
                    .collect(),
            }
        });
        let steps = steps.collect();
        Handles { iterations, iteration_duration, failed_iterations, interrupted, dropped, steps }
    }
}
