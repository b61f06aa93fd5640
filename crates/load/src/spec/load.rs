//! A phase's load entries, as they are typed.

use schemars::JsonSchema;
use seaworthy_base::Span;
use seaworthy_document::Located;
use serde::Deserialize;

/// How flows are driven in a phase. Each executor takes its own fields; any other is an error.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Load {
    /// The flow; or `flows`.
    pub flow: Option<Located<String>>,
    /// Several flows: each iteration is of one of them, picked by weight.
    pub flows: Option<Located<Vec<Share>>>,
    /// The executor.
    pub executor: Located<Executor>,
    /// When it begins, counted from the phase's start.
    pub start_time: Option<Located<Span>>,
    /// How long; to the phase's end when not given. For `constant-vus` and `constant-arrival-rate`.
    pub duration: Option<Located<Span>>,
    /// How long unfinished iterations may go on after the end; 30 s when not given.
    pub graceful_stop: Option<Located<Span>>,
    /// `constant-vus`, `per-vu-iterations` and `shared-iterations`: how many virtual users.
    pub vus: Option<Located<u32>>,
    /// `per-vu-iterations`: how many iterations each virtual user makes; `shared-iterations`: how
    /// many all make together.
    pub iterations: Option<Located<u64>>,
    /// `per-vu-iterations` and `shared-iterations`: after which time no more iterations begin; 10
    /// minutes, or to the phase's end, when not given.
    pub max_duration: Option<Located<Span>>,
    /// `ramping-vus`: how many virtual users at the start; 0 when not given.
    #[serde(rename = "startVUs")]
    pub start_vus: Option<Located<u32>>,
    /// `ramping-vus` and `ramping-arrival-rate`: the stages, one after another.
    pub stages: Option<Located<Vec<Stage>>>,
    /// `ramping-vus`: how long a virtual user that is ramped down may finish its iteration; 30 s
    /// when not given.
    pub graceful_ramp_down: Option<Located<Span>>,
    /// `constant-arrival-rate`: how many iterations begin per `timeUnit`.
    pub rate: Option<Located<f64>>,
    /// `ramping-arrival-rate`: how many iterations begin per `timeUnit` at the start; 0 when not
    /// given.
    pub start_rate: Option<Located<f64>>,
    /// Arrival rates: the unit of every rate; 1 s when not given.
    pub time_unit: Option<Located<Span>>,
    /// Arrival rates: the most virtual users; `preAllocatedVUs` when not given.
    #[serde(rename = "maxVUs")]
    pub max_vus: Option<Located<u32>>,
    /// Arrival rates: virtual users made before the start; `maxVUs` when not given.
    #[serde(rename = "preAllocatedVUs")]
    pub pre_allocated_vus: Option<Located<u32>>,
    /// Arrival rates: the most arrivals that wait for a free virtual user; what overflows is
    /// dropped and counted. With 0 none waits, as in k6. 10,000 when not given.
    pub max_backlog: Option<Located<u32>>,
}

/// A flow and how often it is picked.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// The flow.
    pub flow: Located<String>,
    /// Its part of the sum of all weights; above 0.
    pub weight: Located<f64>,
}

/// The ways to drive a flow, with k6's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Executor {
    /// A fixed number of virtual users, each beginning its next iteration when the last one ends.
    ConstantVus,
    /// The same with a number that follows stages.
    RampingVus,
    /// Each of a fixed number of virtual users makes a fixed number of iterations.
    PerVuIterations,
    /// A fixed number of virtual users make a fixed number of iterations together.
    SharedIterations,
    /// Iterations begin at a fixed rate, whatever the service does.
    ConstantArrivalRate,
    /// The same with a rate that follows stages.
    RampingArrivalRate,
}

impl Executor {
    /// The name in a plan.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ConstantVus => "constant-vus",
            Self::RampingVus => "ramping-vus",
            Self::PerVuIterations => "per-vu-iterations",
            Self::SharedIterations => "shared-iterations",
            Self::ConstantArrivalRate => "constant-arrival-rate",
            Self::RampingArrivalRate => "ramping-arrival-rate",
        }
    }
}

/// A stage of a ramp.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stage {
    /// How long the ramp to `target` takes; 0 jumps.
    pub duration: Span,
    /// At the stage's end: virtual users, or iterations that begin per `timeUnit`.
    pub target: Located<f64>,
}
