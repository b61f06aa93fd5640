//! Whole samples on their way to an output, if a run has one.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_metrics::Sample;
use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TryRecvError;

/// The most samples that wait to be written: some 200 MB of them, a quarter of a minute of a run that
/// makes 20,000 requests a second.
pub const MOST_WAITING: u64 = 4_000_000;

/// Where whole samples go. Cheap to clone.
///
/// Nobody who measures waits for a disk, since what they measure would be the disk's; and memory has
/// an end. What comes when too many samples wait is left out, and counted.
#[derive(Clone, Debug)]
pub struct Outlet {
    sender: mpsc::UnboundedSender<Vec<Sample>>,
    state: Arc<State>,
}

/// What comes out of an [`Outlet`].
#[derive(Debug)]
pub struct Outflow {
    receiver: mpsc::UnboundedReceiver<Vec<Sample>>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    most: u64,
    waiting: AtomicU64,
    lost: AtomicU64,
}

impl Outlet {
    /// An outlet in which up to `most` samples wait, and what comes out of it.
    pub fn new(most: u64) -> (Self, Outflow) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let (waiting, lost) = (AtomicU64::new(0), AtomicU64::new(0));
        let state = Arc::new(State { most, waiting, lost });
        (Self { sender, state: Arc::clone(&state) }, Outflow { receiver, state })
    }

    /// Samples that were left out because too many waited.
    pub fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    /// Sends samples on, all or none of them.
    pub fn send(&self, samples: impl ExactSizeIterator<Item = Sample>) {
        let State { most, waiting, lost } = &*self.state;
        let count = samples.len() as u64;
        if waiting.fetch_add(count, Ordering::Relaxed) + count > *most {
            waiting.fetch_sub(count, Ordering::Relaxed);
            lost.fetch_add(count, Ordering::Relaxed);
            return;
        }
        // Gone only when the run is over.
        let _ = self.sender.send(samples.collect());
    }
}

impl Outflow {
    /// The next samples; `None` when no more will come.
    pub async fn recv(&mut self) -> Option<Vec<Sample>> {
        let batch = self.receiver.recv().await?;
        Some(self.took(batch))
    }

    /// The next samples, if there are any now.
    ///
    /// # Errors
    /// That there are none.
    pub fn try_recv(&mut self) -> Result<Vec<Sample>, TryRecvError> {
        self.receiver.try_recv().map(|batch| self.took(batch))
    }

    /// No more may be sent. What was sent until now still comes out.
    pub fn close(&mut self) {
        self.receiver.close();
    }

    /// Whether it was closed, or everybody who sent is gone.
    pub fn is_closed(&self) -> bool {
        self.receiver.is_closed()
    }

    /// Samples that were left out because too many waited.
    pub fn lost(&self) -> u64 {
        self.state.lost.load(Ordering::Relaxed)
    }

    fn took(&self, batch: Vec<Sample>) -> Vec<Sample> {
        self.state.waiting.fetch_sub(batch.len() as u64, Ordering::Relaxed);
        batch
    }
}

#[cfg(test)]
mod tests {
    use seaworthy_base::Clock;
    use seaworthy_metrics::{Registry, TagSet};

    use super::*;

    fn samples(values: std::ops::Range<u32>) -> impl ExactSizeIterator<Item = Sample> {
        let registry = Registry::new();
        let (metric, at) = (registry.builtin().iterations.clone(), Clock::system().wall());
        let values = values.collect::<Vec<_>>().into_iter();
        values.map(move |value| Sample {
            metric: metric.clone(),
            tags: TagSet::empty(),
            metadata: TagSet::empty(),
            at,
            value: value.into(),
        })
    }

    #[test]
    fn what_finds_no_room_is_left_out_and_counted_and_later_there_is_room_again() {
        let (outlet, mut outflow) = Outlet::new(5);
        outlet.send(samples(0..3));
        outlet.send(samples(3..6));
        outlet.send(samples(6..8));
        outlet.send(samples(8..9));
        assert_eq!((outlet.lost(), outflow.lost()), (4, 4));
        let values = |outflow: &mut Outflow| -> Vec<f64> {
            outflow.try_recv().unwrap().iter().map(|sample| sample.value).collect()
        };
        assert_eq!(values(&mut outflow), [0.0, 1.0, 2.0]);
        outlet.send(samples(9..12));
        assert_eq!(values(&mut outflow), [6.0, 7.0]);
        assert_eq!(values(&mut outflow), [9.0, 10.0, 11.0]);
        assert!(outflow.try_recv().is_err());
        assert_eq!(outlet.lost(), 4);
        outflow.close();
        outlet.send(samples(12..13));
        assert!(outflow.is_closed() && outflow.try_recv().is_err());
    }
}
