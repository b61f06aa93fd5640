//! What an engine is opened with: its clock, its limits, and who is told of what happens.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_store::Tx;

use crate::journal::Entry;

/// How workflows are run.
#[derive(Clone)]
pub struct Options {
    /// Where the time comes from.
    pub clock: Clock,
    /// Whether no other process can have the store: whoever was here before is gone then, and what it
    /// held is taken at once.
    pub alone: bool,
    /// How long a node may be silent before others take what it holds. It gives up by itself after half
    /// of that.
    pub lease: Duration,
    /// How often to look for runs that want to be run, besides whenever something here says so.
    pub poll: Duration,
    /// A run that will wait for longer than this, or for a signal, is not kept in memory.
    pub park_after: Duration,
    /// How many runs are in memory at once.
    pub resident: usize,
    /// How many steps are done at once.
    pub effects: usize,
    /// Told of each entry of a journal once it is durable, before the code sees it.
    pub observer: Option<Observer>,
    /// Done in the transaction that ends a run.
    pub ending: Option<OnEnd>,
}

/// What is written together with a run's end.
#[derive(Clone)]
pub struct OnEnd(Arc<EndWork>);

type EndWork = dyn Fn(&mut Tx<'_>, &str) -> seaworthy_store::Result<()> + Send + Sync;

impl OnEnd {
    /// This is written, given the run's own id.
    pub fn new<F>(write: F) -> Self
    where
        F: Fn(&mut Tx<'_>, &str) -> seaworthy_store::Result<()> + Send + Sync + 'static,
    {
        Self(Arc::new(write))
    }

    pub(crate) fn write(&self, tx: &mut Tx<'_>, run: &str) -> seaworthy_store::Result<()> {
        (self.0)(tx, run)
    }
}

impl fmt::Debug for OnEnd {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("OnEnd(..)")
    }
}

/// Who is told of each entry that was journaled.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Journaled<'_>) + Send + Sync>);

/// An entry that was journaled, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Journaled<'a> {
    /// The tenant.
    pub tenant: &'a str,
    /// The workflow's id.
    pub workflow_id: &'a str,
    /// The run's own id.
    pub run_id: &'a str,
    /// The workflow's kind.
    pub kind: &'a str,
    /// What was journaled.
    pub entry: &'a Entry,
}

impl Observer {
    /// This is told.
    pub fn new(tell: impl Fn(Journaled<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(tell))
    }

    pub(crate) fn tell(&self, journaled: Journaled<'_>) {
        (self.0)(journaled);
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Observer(..)")
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            clock: Clock::system(),
            alone: true,
            lease: Duration::from_secs(10),
            poll: Duration::from_millis(500),
            park_after: Duration::from_secs(5),
            resident: 4_096,
            effects: 256,
            observer: None,
            ending: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Options")
            .field("alone", &self.alone)
            .field("lease", &self.lease)
            .field("resident", &self.resident)
            .field("effects", &self.effects)
            .finish_non_exhaustive()
    }
}
