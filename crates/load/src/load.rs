//! Checked load entries: which executor drives which flows, when, and how hard.

use std::time::Duration;

use crate::length::together;
use crate::schedule::Schedule;

/// How flows are driven in a phase.
#[derive(Clone, Debug)]
pub struct Load {
    /// The flows that iterations are picked from, at least one.
    pub flows: Vec<Share>,
    /// When it begins, counted from the phase's start.
    pub start: Duration,
    /// How long unfinished iterations may go on after the end.
    pub graceful_stop: Duration,
    /// What drives it.
    pub executor: Executor,
}

/// A flow and its part of a load entry's iterations.
#[derive(Clone, Debug, PartialEq)]
pub struct Share {
    /// The flow's name.
    pub flow: String,
    /// Above 0; what counts is its part of the sum of all.
    pub weight: f64,
}

/// An executor with its numbers.
#[derive(Clone, Debug, PartialEq)]
pub enum Executor {
    /// A fixed number of virtual users.
    ConstantVus {
        /// How many.
        vus: u32,
        /// For how long.
        duration: Duration,
    },
    /// A number of virtual users that follows stages.
    RampingVus {
        /// How many at the start.
        start_vus: u32,
        /// Length of each stage and the number at its end.
        stages: Vec<(Duration, u32)>,
        /// How long a virtual user that is ramped down may finish its iteration.
        graceful_ramp_down: Duration,
    },
    /// A fixed number of iterations by each of a fixed number of virtual users.
    PerVuIterations {
        /// How many virtual users.
        vus: u32,
        /// How many iterations each makes.
        iterations: u64,
        /// When no more begin.
        max_duration: Duration,
    },
    /// A fixed number of iterations, made by whichever virtual user is free.
    SharedIterations {
        /// How many virtual users.
        vus: u32,
        /// How many iterations all make together.
        iterations: u64,
        /// When no more begin.
        max_duration: Duration,
    },
    /// Iterations that begin on a schedule: `constant-arrival-rate` and `ramping-arrival-rate`.
    Arrivals(Arrivals),
}

/// An open model's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// When iterations begin.
    pub schedule: Schedule,
    /// Virtual users made before the start.
    pub pre_allocated_vus: u32,
    /// The most virtual users.
    pub max_vus: u32,
    /// The most arrivals that wait for a virtual user. With 0 none does, as in k6: an arrival that
    /// finds nobody free is dropped, and if there may be more virtual users one more is made beside
    /// the schedule, one at a time. Else one is made for the arrival at once.
    pub max_backlog: u32,
}

impl Load {
    /// How long iterations begin, counted from the entry's own start. With a fixed number of
    /// iterations, at most.
    pub fn duration(&self) -> Duration {
        match &self.executor {
            Executor::ConstantVus { duration, .. } => *duration,
            Executor::RampingVus { stages, .. } => {
                together(stages.iter().map(|(length, _)| *length))
            }
            Executor::PerVuIterations { max_duration, .. }
            | Executor::SharedIterations { max_duration, .. } => *max_duration,
            Executor::Arrivals(arrivals) => arrivals.schedule.duration(),
        }
    }

    /// Whether iterations begin at their own pace, whatever the service does.
    pub fn is_open_model(&self) -> bool {
        matches!(self.executor, Executor::Arrivals(_))
    }

    /// Whether iterations of this flow are made.
    pub fn drives(&self, flow: &str) -> bool {
        self.flows.iter().any(|share| share.flow == flow)
    }

    /// Iterations per second that are offered to the service, over the entry's length and all its
    /// flows; `None` in a closed model, where the service sets the pace.
    pub fn offered_per_second(&self) -> Option<f64> {
        match &self.executor {
            Executor::Arrivals(arrivals) => Some(arrivals.schedule.per_second()),
            _ => None,
        }
    }

    /// The part of the iterations that one of the entry's flows gets: 0 to 1.
    pub fn part(&self, flow: &str) -> f64 {
        let all: f64 = self.flows.iter().map(|share| share.weight).sum();
        let own = self.flows.iter().filter(|share| share.flow == flow);
        own.map(|share| share.weight).sum::<f64>() / all
    }

    /// The most virtual users at a time.
    pub fn max_vus(&self) -> u32 {
        match &self.executor {
            Executor::ConstantVus { vus, .. }
            | Executor::PerVuIterations { vus, .. }
            | Executor::SharedIterations { vus, .. } => *vus,
            Executor::RampingVus { start_vus, stages, .. } => {
                stages.iter().map(|(_, target)| *target).fold(*start_vus, u32::max)
            }
            Executor::Arrivals(arrivals) => arrivals.max_vus,
        }
    }
}
