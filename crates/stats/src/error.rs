//! What can be wrong with what the crate is given to read.

/// Why a statement or a timeline was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Text that is not a statement this crate can judge.
    #[error("`{text}` is not an objective: {reason}")]
    Statement {
        /// What was written.
        text: String,
        /// What is wrong with it.
        reason: String,
        /// How it could be written.
        hint: String,
    },
    /// The stream could not be read or written.
    #[error("cannot read or write the timeline")]
    Io(#[from] std::io::Error),
    /// A line that is not part of a timeline, or contradicts itself or an earlier one.
    #[error("timeline line {line}: {reason}")]
    Malformed {
        /// The line, from 1.
        line: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// Two timelines that do not start at the same time or count against different bounds.
    #[error("cannot merge timelines: {reason}")]
    Unmergeable {
        /// Where they differ.
        reason: String,
    },
    /// An objective asks for a bound that was not counted while recording.
    #[error("`{metric}` was not counted against a bound of {bound_ns} ns while it was recorded")]
    BoundNotCounted {
        /// The metric.
        metric: String,
        /// The bound, in nanoseconds.
        bound_ns: u64,
    },
    /// An assumption no interval can be made with.
    #[error("`{field}` cannot be {value}")]
    Assumption {
        /// The field, as it is written in a plan.
        field: &'static str,
        /// What it was.
        value: f64,
        /// What it may be.
        hint: &'static str,
    },
    /// A statement that does not fit what the metric records.
    #[error("`{statement}` cannot be judged on `{metric}`: {reason}")]
    WrongKind {
        /// The statement.
        statement: String,
        /// The metric.
        metric: String,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// The stable code, for reference docs and scripts.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Statement { .. } => "stats-statement",
            Self::Io(_) => "stats-io",
            Self::Malformed { .. } => "stats-malformed",
            Self::Unmergeable { .. } => "stats-unmergeable",
            Self::BoundNotCounted { .. } => "stats-bound-not-counted",
            Self::WrongKind { .. } => "stats-wrong-kind",
            Self::Assumption { .. } => "stats-assumption",
        }
    }

    /// What the user can do about it, where there is something to do.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Statement { hint, .. } => Some(hint),
            Self::Assumption { hint, .. } => Some(hint),
            Self::BoundNotCounted { .. } => Some(
                "name the bound in the plan before the run: exact counts are kept as values arrive",
            ),
            Self::WrongKind { .. } => Some(
                "times take `p95 < 500ms`, rates take `rate < 0.1%`, and everything counted takes `throughput > 99/s`",
            ),
            Self::Io(_) | Self::Malformed { .. } | Self::Unmergeable { .. } => None,
        }
    }
}
