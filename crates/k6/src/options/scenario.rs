//! Scenarios as they are typed: what drives which function of a script, when, and how hard.

mod read;
mod rules;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use seaworthy_document::{Finding, Place};

use super::codes;
use super::values::Stage;

pub(super) use read::{read, stages};
pub(super) use rules::rules;

/// The name of the scenario that `vus`, `duration`, `iterations` and `stages` make.
pub const DEFAULT_NAME: &str = "default";

/// A part of a run with an executor of its own. What is `None` was not typed; the methods give
/// what holds then.
#[derive(Clone, Debug, PartialEq)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// When it begins, counted from the run's start.
    pub start_time: Option<Duration>,
    /// How long unfinished iterations may go on after its end.
    pub graceful_stop: Option<Duration>,
    /// Variables of its own, beside those of the run.
    pub env: Option<BTreeMap<String, String>>,
    /// The function that is an iteration.
    pub exec: Option<String>,
    /// Tags of its samples.
    pub tags: Option<BTreeMap<String, String>>,
    /// What drives it.
    pub executor: Executor,
}

/// What drives a scenario.
#[derive(Clone, Debug, PartialEq)]
pub enum Executor {
    /// `constant-vus`: a fixed number of virtual users.
    ConstantVus {
        /// How many; 1 when not given.
        vus: Option<u32>,
        /// For how long.
        duration: Option<Duration>,
    },
    /// `ramping-vus`: a number of virtual users that follows stages.
    RampingVus {
        /// How many at the start; 1 when not given.
        start_vus: Option<u32>,
        /// How the number changes.
        stages: Vec<Stage>,
        /// How long one that is ramped down may finish its iteration; 30 s when not given.
        graceful_ramp_down: Option<Duration>,
    },
    /// `shared-iterations`: a fixed number of iterations by whoever is free.
    SharedIterations {
        /// How many virtual users; 1 when not given.
        vus: Option<u32>,
        /// How many iterations all make together; 1 when not given.
        iterations: Option<u64>,
        /// When no more begin; 10 min when not given.
        max_duration: Option<Duration>,
    },
    /// `per-vu-iterations`: a fixed number of iterations by each virtual user.
    PerVuIterations {
        /// How many virtual users; 1 when not given.
        vus: Option<u32>,
        /// How many iterations each makes; 1 when not given.
        iterations: Option<u64>,
        /// When no more begin; 10 min when not given.
        max_duration: Option<Duration>,
    },
    /// `constant-arrival-rate`: iterations that begin at a fixed rate.
    ConstantArrivalRate {
        /// How many per time unit.
        rate: Option<u32>,
        /// The time unit; 1 s when not given.
        time_unit: Option<Duration>,
        /// For how long.
        duration: Option<Duration>,
        /// The virtual users that serve them.
        pool: Pool,
    },
    /// `ramping-arrival-rate`: iterations that begin at a rate that follows stages.
    RampingArrivalRate {
        /// How many per time unit at the start; 0 when not given.
        start_rate: Option<u32>,
        /// The time unit; 1 s when not given.
        time_unit: Option<Duration>,
        /// How the rate changes.
        stages: Vec<Stage>,
        /// The virtual users that serve them.
        pool: Pool,
    },
}

/// The virtual users that serve arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pool {
    /// How many are made before the start.
    pub pre_allocated_vus: Option<u32>,
    /// The most there may be; as many as at the start when not given.
    pub max_vus: Option<u32>,
}

/// How long unfinished iterations may go on unless told otherwise.
const GRACE: Duration = Duration::from_secs(30);
/// How long a fixed number of iterations may take unless told otherwise.
const MAX_DURATION: Duration = Duration::from_secs(600);
/// What a rate counts per unless told otherwise.
const TIME_UNIT: Duration = Duration::from_secs(1);

impl Scenario {
    /// The scenario that a run has by itself.
    pub(super) fn implicit(executor: Executor) -> Self {
        Self::new(DEFAULT_NAME, executor)
    }

    /// A scenario of that name, with nothing else said of it.
    pub fn new(name: &str, executor: Executor) -> Self {
        Self {
            name: name.to_owned(),
            start_time: None,
            graceful_stop: None,
            env: None,
            exec: None,
            tags: None,
            executor,
        }
    }

    /// The function that is an iteration.
    pub fn exec(&self) -> &str {
        self.exec.as_deref().unwrap_or("default")
    }

    /// When it begins, counted from the run's start.
    pub fn start_time(&self) -> Duration {
        self.start_time.unwrap_or_default()
    }

    /// How long unfinished iterations may go on after its end.
    pub fn graceful_stop(&self) -> Duration {
        self.graceful_stop.unwrap_or(GRACE)
    }
}

impl Executor {
    /// Its name, as it is typed.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::ConstantVus { .. } => "constant-vus",
            Self::RampingVus { .. } => "ramping-vus",
            Self::SharedIterations { .. } => "shared-iterations",
            Self::PerVuIterations { .. } => "per-vu-iterations",
            Self::ConstantArrivalRate { .. } => "constant-arrival-rate",
            Self::RampingArrivalRate { .. } => "ramping-arrival-rate",
        }
    }

    /// How long it takes, without any grace; with a fixed number of iterations, at most.
    pub fn duration(&self) -> Duration {
        match self {
            Self::ConstantVus { duration, .. } | Self::ConstantArrivalRate { duration, .. } => {
                duration.unwrap_or_default()
            }
            Self::RampingVus { stages, .. } | Self::RampingArrivalRate { stages, .. } => {
                stages.iter().fold(Duration::ZERO, |all, stage| all.saturating_add(stage.duration))
            }
            Self::SharedIterations { max_duration, .. }
            | Self::PerVuIterations { max_duration, .. } => max_duration.unwrap_or(MAX_DURATION),
        }
    }
}

impl Pool {
    /// How many virtual users are made before the start.
    pub fn pre_allocated(&self) -> u32 {
        self.pre_allocated_vus.unwrap_or_default()
    }

    /// The most there may be.
    pub fn max(&self) -> u32 {
        self.max_vus.unwrap_or_else(|| self.pre_allocated())
    }
}

/// A number of virtual users or iterations that was not typed.
pub(super) fn or_one<T: From<u8>>(number: Option<T>) -> T {
    number.unwrap_or_else(|| 1.into())
}

/// A time unit that was not typed.
pub(super) fn or_second(unit: Option<Duration>) -> Duration {
    unit.unwrap_or(TIME_UNIT)
}

/// A grace for those ramped down that was not typed.
pub(super) fn or_grace(grace: Option<Duration>) -> Duration {
    grace.unwrap_or(GRACE)
}

/// What is wrong with the scenarios' functions, given the functions a script exports.
pub fn missing_functions(
    scenarios: &BTreeMap<String, Scenario>,
    places: &BTreeMap<String, Place>,
    exported: &BTreeSet<String>,
) -> Vec<Finding> {
    let missing = scenarios.values().filter(|scenario| !exported.contains(scenario.exec()));
    missing
        .map(|scenario| {
            let (name, exec) = (&scenario.name, scenario.exec());
            let reason = match exec {
                "default" => format!("scenario `{name}`: the script has no default export"),
                _ => format!("scenario `{name}`: the script exports no function `{exec}`"),
            };
            let names = exported.iter().map(String::as_str);
            let hint = match seaworthy_document::nearest(exec, names) {
                Some(near) => format!("did you mean `{near}`?"),
                None if exec == "default" => "write `export default function () { … }`".to_owned(),
                None => format!("write `export function {exec}() {{ … }}`"),
            };
            placed(Finding::error(codes::EXEC, reason).hint(hint), places.get(name))
        })
        .collect()
}

/// A finding about a scenario, at the scenario's place if that is known.
pub(super) fn placed(finding: Finding, place: Option<&Place>) -> Finding {
    match place {
        Some(place) => finding.at(place.clone()),
        None => finding,
    }
}
