//! What can be wrong with what the crate is given: names, thresholds, files that cannot be written.

use std::io;

use crate::registry::{Contains, Kind};

/// Why a metric, a threshold or an output was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A metric's name that k6 does not take.
    #[error(
        "invalid metric name `{name}`: a name is 2 to 129 ASCII letters, digits and underscores and does not start with a digit"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// A name that already belongs to a metric of another kind.
    #[error("metric `{name}` already exists but with type {existing}, instead of {wanted}")]
    Kind {
        /// The metric.
        name: String,
        /// What it is.
        existing: Kind,
        /// What it was to be.
        wanted: Kind,
    },
    /// A name that already belongs to a metric that holds something else.
    #[error("metric `{name}` already exists but with value type {existing}, instead of {wanted}")]
    Contains {
        /// The metric.
        name: String,
        /// What it holds.
        existing: Contains,
        /// What it was to hold.
        wanted: Contains,
    },
    /// Text that is not a threshold.
    #[error("`{text}` is not a threshold: {reason} at column {column}")]
    Threshold {
        /// What was written.
        text: String,
        /// Where it goes wrong, in characters from 1.
        column: usize,
        /// What is wrong there.
        reason: String,
        /// How it could be written.
        hint: String,
    },
    /// A threshold in a form that is neither text nor an object with `threshold`.
    #[error("a threshold on `{metric}` has the wrong form: {reason}")]
    Form {
        /// The metric, with its selector.
        metric: String,
        /// What is wrong.
        reason: String,
    },
    /// The `{tag:value}` behind a metric's name cannot be read.
    #[error("`{text}` does not name a metric or a part of one: {reason}")]
    Selector {
        /// What was written.
        text: String,
        /// What is wrong.
        reason: String,
    },
    /// A threshold on a metric nobody defined.
    #[error("invalid threshold defined on {metric}: no metric is named `{name}`")]
    UnknownMetric {
        /// The metric, with its selector.
        metric: String,
        /// The name alone.
        name: String,
        /// A known name that is close, if there is one.
        nearest: Option<String>,
    },
    /// A threshold whose aggregation its metric does not have.
    #[error("invalid threshold `{threshold}` defined on {metric}: a {kind} has no `{aggregation}`")]
    Unsupported {
        /// The metric, with its selector.
        metric: String,
        /// The threshold.
        threshold: String,
        /// The aggregation that is not there.
        aggregation: String,
        /// What the metric is.
        kind: Kind,
    },
    /// A statistic that is not one of a Trend's.
    #[error("`{name}` is not a statistic of a trend")]
    Statistic {
        /// What was written.
        name: String,
    },
    /// A mode that no summary has.
    #[error("`{mode}` is not a mode of the summary")]
    SummaryMode {
        /// What was written.
        mode: String,
    },
    /// A unit of time that no summary is written in.
    #[error("`{unit}` is not a unit of time for the summary")]
    TimeUnit {
        /// What was written.
        unit: String,
    },
    /// A format of time that no file is written in.
    #[error("`{format}` is not a format of time")]
    TimeFormat {
        /// What was written.
        format: String,
    },
    /// An output could not be written.
    #[error("cannot write {file}: {source}")]
    Write {
        /// The file.
        file: String,
        /// Why.
        source: io::Error,
    },
    /// Outputs that were slower than the run.
    #[error("the outputs could not keep up with the run: {count} samples are not in them")]
    Lost {
        /// How many samples.
        count: u64,
    },
}

impl Error {
    /// The stable code, for reference docs and scripts.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "metrics-name",
            Self::Kind { .. } => "metrics-kind",
            Self::Contains { .. } => "metrics-contains",
            Self::Threshold { .. } => "metrics-threshold",
            Self::Form { .. } => "metrics-threshold-form",
            Self::Selector { .. } => "metrics-selector",
            Self::UnknownMetric { .. } => "metrics-unknown-metric",
            Self::Unsupported { .. } => "metrics-unsupported-aggregation",
            Self::Statistic { .. } => "metrics-statistic",
            Self::SummaryMode { .. } => "metrics-summary-mode",
            Self::TimeUnit { .. } => "metrics-time-unit",
            Self::TimeFormat { .. } => "metrics-time-format",
            Self::Write { .. } => "metrics-write",
            Self::Lost { .. } => "metrics-lost",
        }
    }

    /// What the user can do about it, where there is something to do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Name { .. } => Some("write a name such as `waiting_time`".to_owned()),
            Self::Kind { existing, .. } => {
                Some(format!("take another name, or make it a {existing} here as well"))
            }
            Self::Contains { .. } => {
                Some("give `true` as the second argument everywhere, or nowhere".to_owned())
            }
            Self::Threshold { hint, .. } => Some(hint.clone()),
            Self::Form { .. } => Some(
                "write a list, as `['p(95)<500', { threshold: 'avg<200', abortOnFail: true }]`"
                    .to_owned(),
            ),
            Self::Selector { .. } => {
                Some("write `http_req_duration` or `http_req_duration{status:200}`".to_owned())
            }
            Self::UnknownMetric { nearest, .. } => Some(match nearest {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => "define the metric in the script's init context, or mend its name".into(),
            }),
            Self::Unsupported { kind, .. } => {
                Some(format!("a {kind} has {}", kind.aggregations()))
            }
            Self::Statistic { .. } => {
                Some("write `avg`, `min`, `med`, `max`, `count` or `p(99.9)`".to_owned())
            }
            Self::SummaryMode { mode } if mode == "legacy" => {
                Some("k6 v2 has no legacy summary any more: write `compact`, `full` or `disabled`".to_owned())
            }
            Self::SummaryMode { .. } => Some("write `compact`, `full` or `disabled`".to_owned()),
            Self::TimeUnit { .. } => Some("write `s`, `ms` or `us`".to_owned()),
            Self::TimeFormat { .. } => Some(
                "write `unix`, `unix_milli`, `unix_micro`, `unix_nano`, `rfc3339` or `rfc3339_nano`"
                    .to_owned(),
            ),
            Self::Write { .. } => {
                Some("see whether the disk is full and the folder may be written to".to_owned())
            }
            Self::Lost { .. } => Some(
                "write to a faster disk; the summary and the thresholds have every sample".to_owned(),
            ),
        }
    }
}
