//! The parts of a metric that have sinks of their own, and which of them a set of tags belongs to.

use std::sync::Arc;

use crate::registry::Metric;
use crate::sink::Watch;
use crate::tags::TagSet;

/// What of a metric a sink holds.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// All of it.
    Whole,
    /// The samples with the tags of a submetric, by its place in [`Collector::submetrics`].
    ///
    /// [`Collector::submetrics`]: crate::Collector::submetrics
    Submetric(usize),
    /// The samples of a scenario (kept for a full summary only).
    Scenario(Arc<str>),
    /// The samples that belong directly to a group of a scenario (kept for a full summary only).
    Group(Place),
    /// Of the metric `checks`: one check where it stands.
    Check(Place, Arc<str>),
}

/// A group of a scenario. The root group has the empty path; samples outside scenarios the empty
/// scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The scenario's name.
    pub scenario: Arc<str>,
    /// The group's path, as `::outer::inner`.
    pub group: Arc<str>,
}

impl Place {
    /// Where samples with these tags belong.
    pub fn of(tags: &TagSet) -> Self {
        let text = |name| tags.get(name).unwrap_or_default().into();
        Self { scenario: text("scenario"), group: text("group") }
    }
}

/// A metric and what of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// The metric.
    pub metric: Metric,
    /// What of it.
    pub part: Part,
}

/// A part of a metric that a selector cuts out: `http_req_duration{status:200}`.
#[derive(Clone, Debug, PartialEq)]
pub struct Submetric {
    /// The metric it is a part of.
    pub metric: Metric,
    /// The selector as it was written: `status:200`.
    pub suffix: String,
    /// The tags a sample must have.
    pub selector: TagSet,
    /// What thresholds on it need.
    pub watch: Watch,
    /// Whether it is there because of a threshold; otherwise it is shown when it has samples.
    pub has_thresholds: bool,
}

impl Submetric {
    /// Its full name: `http_req_duration{status:200}`.
    pub fn name(&self) -> String {
        format!("{}{{{}}}", self.metric.name(), self.suffix)
    }
}
