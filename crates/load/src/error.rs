//! What can go wrong with a load before or while it runs.

/// Why a load or a routine could not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A flow uses a name that has no value, or a path into a value that is not there.
    #[error("[load-unbound] {flow}, {place}: {reason}")]
    Unbound {
        /// The flow or routine.
        flow: String,
        /// The step, variable or expectation.
        place: String,
        /// What is missing.
        reason: String,
    },
    /// A flow names a target that was not given.
    #[error("[load-no-target] {flow}: no target is named `{target}`")]
    NoTarget {
        /// The flow or routine.
        flow: String,
        /// The target.
        target: String,
    },
    /// A load entry names a flow that was not given.
    #[error("[load-no-flow] no flow is named `{flow}`")]
    NoFlow {
        /// The flow.
        flow: String,
    },
    /// The client cannot be set up.
    #[error("[load-client] {0}")]
    Client(#[from] seaworthy_net::Error),
    /// A step of a routine failed.
    #[error("[load-step] `{routine}`, step `{step}`{}: {reason}", repetition(*.index))]
    Step {
        /// The routine.
        routine: String,
        /// The step.
        step: String,
        /// Which repetition, counted from 0, when the routine repeats.
        index: Option<u64>,
        /// What was expected and what came, with the beginning of the body.
        reason: String,
    },
    /// A worker of the generator itself broke.
    #[error("[load-worker] a worker of the load generator broke: {0}")]
    Worker(String),
}

impl Error {
    /// The error's stable code.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unbound { .. } => "load-unbound",
            Self::NoTarget { .. } => "load-no-target",
            Self::NoFlow { .. } => "load-no-flow",
            Self::Client(_) => "load-client",
            Self::Step { .. } => "load-step",
            Self::Worker(_) => "load-worker",
        }
    }

    /// What the user can do about it, where there is something.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Unbound { .. } => {
                Some("define it as a variable, a secret, or by `extract` in an earlier step")
            }
            Self::NoTarget { .. } => Some("name one of the plan's `targets`"),
            Self::NoFlow { .. } => Some("name one of the plan's `flows`"),
            Self::Client(error) => error.hint(),
            Self::Step { .. } => Some("look at the target's log, and at what the step expects"),
            Self::Worker(_) => None,
        }
    }
}

fn repetition(index: Option<u64>) -> String {
    index.map_or_else(String::new, |index| format!(", repetition {index}"))
}
