//! The plan that is written: flows, their steps, and the phases they run in, with what they came from.

use seaworthy_base::Span;
use serde_json::{Map, Value};

use crate::wait::Pause;

/// All of a plan.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// What it is called.
    pub(crate) name: String,
    /// The file it was made from.
    pub(crate) from: String,
    pub(crate) targets: Vec<Target>,
    pub(crate) data: Vec<Data>,
    pub(crate) flows: Vec<Flow>,
    pub(crate) phases: Vec<Phase>,
    pub(crate) objectives: Vec<Objective>,
}

/// A service under load.
#[derive(Debug)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) insecure: bool,
    pub(crate) comment: String,
}

/// A file of rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Data {
    pub(crate) name: String,
    pub(crate) file: String,
    pub(crate) per: &'static str,
    pub(crate) comment: String,
}

/// What a task became.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flow {
    pub(crate) name: String,
    pub(crate) target: String,
    pub(crate) comment: String,
    pub(crate) variables: Vec<Variable>,
    pub(crate) start: Vec<Step>,
    pub(crate) steps: Vec<Step>,
    /// Requests that could not be carried over, as comments.
    pub(crate) missing: Vec<String>,
}

/// A value that is drawn for each iteration.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) draw: Draw,
    pub(crate) comment: String,
}

/// How a variable is drawn.
#[derive(Clone, Debug)]
pub(crate) enum Draw {
    Value(Value),
    Random(i64, i64),
    Choice(Value),
    /// An element for each virtual user.
    PerUser(Value),
}

/// A request, or the wait for an event.
#[derive(Clone, Debug, Default)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) comment: String,
    /// Method and address; none where an event is waited for.
    pub(crate) request: Option<(String, String)>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) body: Body,
    pub(crate) timeout: Option<Span>,
    pub(crate) redirects: Option<u8>,
    pub(crate) stream: bool,
    /// The step whose stream an event is waited for on, and how long.
    pub(crate) receive: Option<(String, Span)>,
    pub(crate) expect: Expect,
    pub(crate) extract: Map<String, Value>,
    pub(crate) pause: Option<Pause>,
}

/// What a request carries.
#[derive(Clone, Debug, Default)]
pub(crate) enum Body {
    #[default]
    None,
    Json(Value),
    Text(String),
    Form(Map<String, Value>),
    Parts(Vec<Map<String, Value>>),
}

/// What an answer must be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Expect {
    /// Statuses and classes of them; 200 to 399 when empty.
    pub(crate) status: Vec<Value>,
    pub(crate) headers: Map<String, Value>,
    pub(crate) json: Map<String, Value>,
}

/// A part of the trial.
#[derive(Clone, Debug)]
pub(crate) struct Phase {
    pub(crate) name: String,
    pub(crate) comment: String,
    pub(crate) duration: Span,
    pub(crate) warmup: Span,
    pub(crate) load: Vec<Load>,
}

/// The load of one class of users.
#[derive(Clone, Debug)]
pub(crate) struct Load {
    pub(crate) comment: String,
    pub(crate) flows: Vec<(String, f64)>,
    pub(crate) pace: Pace,
}

/// What makes iterations begin.
#[derive(Clone, Debug)]
pub(crate) enum Pace {
    /// Users who begin again when they are done: stages of their number.
    Users(Vec<(Span, u32)>),
    /// Iterations that begin at a rate per second, whatever the service does.
    Rate { stages: Vec<(Span, f64)>, most: u32 },
}

/// What is asked of the service.
#[derive(Clone, Debug)]
pub(crate) struct Objective {
    pub(crate) name: String,
    pub(crate) metric: &'static str,
    pub(crate) require: String,
    pub(crate) comment: String,
}
