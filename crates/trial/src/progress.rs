//! What a trial says about itself while it runs: stages, sentences and live numbers.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Timestamp;
use tokio::sync::mpsc;

/// One thing to show to whoever watches.
#[derive(Clone, Debug)]
pub enum Progress {
    /// A new stage of the trial's life began.
    Stage(&'static str),
    /// Something happened that is worth a line.
    Said(String),
    /// How a phase is doing; sent about once a second.
    Phase(PhaseProgress),
    /// A script's run begins: its numbers as k6 tells them, for as long as it runs.
    Script(seaworthy_k6::Watching),
    /// A script's run is over: what it came to, whatever becomes of the trial.
    Ran(Arc<seaworthy_k6::Report>),
}

/// A phase's live numbers.
#[derive(Clone, Debug)]
pub struct PhaseProgress {
    /// The phase.
    pub name: String,
    /// Time since it began.
    pub elapsed: Duration,
    /// How long it is planned to last.
    pub planned: Duration,
    /// When the trial's load will have ended if all goes as planned.
    pub ends: Timestamp,
    /// Requests finished in the last second or so, per second.
    pub per_second: f64,
    /// Requests finished since the phase began.
    pub requests: u64,
    /// Of these, how many failed.
    pub failed: u64,
    /// Iterations in flight.
    pub in_flight: u64,
    /// Arrivals that wait for a free virtual user.
    pub backlog: u64,
    /// The 95th percentile of the response times of the last five seconds.
    pub recent_p95: Option<Duration>,
}

/// The sending side: cheap to clone; silent when nobody watches.
#[derive(Clone, Debug, Default)]
pub struct Speaker(Option<mpsc::UnboundedSender<Progress>>);

impl Speaker {
    /// A speaker and what it says.
    pub fn new() -> (Self, mpsc::UnboundedReceiver<Progress>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(Some(sender)), receiver)
    }

    /// Says something; a watcher that went away is no reason to stop a trial.
    pub(crate) fn say(&self, progress: Progress) {
        if let Some(sender) = &self.0 {
            let _ = sender.send(progress);
        }
    }
}
