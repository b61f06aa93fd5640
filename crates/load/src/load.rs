//! Checked load entries: which executor drives a flow, when, and how hard.

use std::time::Duration;

/// How a flow is driven in a phase.
#[derive(Clone, Debug)]
pub struct Load {
    /// The flow's name.
    pub flow: String,
    /// When it begins, counted from the phase's start.
    pub start: Duration,
    /// How long unfinished iterations may go on after the end.
    pub graceful_stop: Duration,
    /// What drives it.
    pub executor: Executor,
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
    /// Iterations that begin at a fixed rate.
    ConstantArrivalRate(Arrivals),
}

/// An open model's numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Arrivals {
    /// Iterations that begin per `unit`.
    pub rate: f64,
    /// The unit of the rate.
    pub unit: Duration,
    /// For how long.
    pub duration: Duration,
    /// Virtual users made before the start.
    pub pre_allocated_vus: u32,
    /// The most virtual users.
    pub max_vus: u32,
    /// The most arrivals that wait for a virtual user.
    pub max_backlog: u32,
}

impl Arrivals {
    /// When arrival `index` is due, counted from the start: computed from the index alone, so
    /// that nothing drifts, whatever the generator did before.
    pub fn due(&self, index: u64) -> Duration {
        let nanos = index as f64 * (self.unit.as_nanos() as f64 / self.rate);
        Duration::from_nanos(nanos.round() as u64)
    }

    /// Iterations per second.
    pub fn per_second(&self) -> f64 {
        self.rate / self.unit.as_secs_f64()
    }
}

impl Load {
    /// How long iterations begin, counted from the entry's own start.
    pub fn duration(&self) -> Duration {
        match &self.executor {
            Executor::ConstantVus { duration, .. } => *duration,
            Executor::RampingVus { stages, .. } => stages.iter().map(|(length, _)| *length).sum(),
            Executor::ConstantArrivalRate(arrivals) => arrivals.duration,
        }
    }

    /// Whether iterations begin at their own pace, whatever the service does.
    pub fn is_open_model(&self) -> bool {
        matches!(self.executor, Executor::ConstantArrivalRate(_))
    }

    /// Iterations per second that are offered to the service; `None` in a closed model, where the
    /// service sets the pace.
    pub fn offered_per_second(&self) -> Option<f64> {
        match &self.executor {
            Executor::ConstantArrivalRate(arrivals) => Some(arrivals.per_second()),
            _ => None,
        }
    }

    /// The most virtual users at a time.
    pub fn max_vus(&self) -> u32 {
        match &self.executor {
            Executor::ConstantVus { vus, .. } => *vus,
            Executor::RampingVus { start_vus, stages, .. } => {
                stages.iter().map(|(_, target)| *target).fold(*start_vus, u32::max)
            }
            Executor::ConstantArrivalRate(arrivals) => arrivals.max_vus,
        }
    }
}
