//! Whole samples on their way to an output, if a run has one.

use seaworthy_metrics::Sample;
use tokio::sync::mpsc;

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
