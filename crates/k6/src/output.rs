//! Whole samples on their way to an output, if a run has one.

use std::collections::BTreeMap;

use seaworthy_base::Timestamp;
use seaworthy_metrics::{Metric, TagSet};
use tokio::sync::mpsc;

/// One sample, as outputs take them.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Of what.
    pub metric: Metric,
    /// When.
    pub time: Timestamp,
    /// How much.
    pub value: f64,
    /// Its tags.
    pub tags: TagSet,
    /// What is known of it that is no tag.
    pub metadata: Option<Box<BTreeMap<String, String>>>,
}

impl Sample {
    pub(crate) fn new(
        metric: Metric,
        time: Timestamp,
        value: f64,
        tags: TagSet,
        metadata: &BTreeMap<String, String>,
    ) -> Self {
        let metadata = (!metadata.is_empty()).then(|| Box::new(metadata.clone()));
        Self { metric, time, value, tags, metadata }
    }
}

/// Where whole samples go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Outlet(mpsc::UnboundedSender<Vec<Sample>>);

impl Outlet {
    /// An outlet, and what comes out of it.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Vec<Sample>>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Sends samples on. Nobody waits: whoever takes them must keep up.
    pub(crate) fn send(&self, samples: impl Iterator<Item = Sample>) {
        // Gone only when the run is over.
        let _ = self.0.send(samples.collect());
    }
}
