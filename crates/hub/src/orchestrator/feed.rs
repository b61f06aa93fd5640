//! Tells the readers of a session that events were committed; the events themselves stay in the store.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::watch;

/// Who is waiting for which session. Cheap to clone.
///
/// A reader that falls behind costs nothing here: it holds one number, and reads the events from
/// the store when it gets to them.
#[derive(Clone, Debug, Default)]
pub(super) struct Feed {
    readers: Arc<Mutex<HashMap<String, watch::Sender<i64>>>>,
    /// How many readers there are.
    pub(super) open: Gauge,
}

/// A reader of one session; leaves the feed when dropped.
#[derive(Debug)]
pub(super) struct Subscription {
    feed: Feed,
    session: String,
    latest: Option<watch::Receiver<i64>>,
}

impl Feed {
    /// Joins the readers of a session. To miss nothing: subscribe first, then read the store.
    pub(super) fn subscribe(&self, session: &str) -> Subscription {
        let latest = self
            .lock()
            .entry(session.to_owned())
            .or_insert_with(|| watch::Sender::new(0))
            .subscribe();
        self.open.inc();
        Subscription { feed: self.clone(), session: session.to_owned(), latest: Some(latest) }
    }

    /// Says that a session's events up to `sequence` are committed.
    pub(super) fn announce(&self, session: &str, sequence: i64) {
        if let Some(sender) = self.lock().get(session) {
            sender.send_if_modified(|latest| {
                let newer = sequence > *latest;
                *latest = sequence.max(*latest);
                newer
            });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, watch::Sender<i64>>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Subscription {
    /// Waits until an event beyond `sequence` was committed since the subscription began.
    pub(super) async fn beyond(&mut self, sequence: i64) {
        let ended = match &mut self.latest {
            Some(latest) => latest.wait_for(|latest| *latest > sequence).await.is_err(),
            None => true,
        };
        if ended {
            // The sender lives as long as any subscription: there is nothing that could come.
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.feed.open.dec();
        let mut readers = self.feed.lock();
        self.latest = None;
        if readers.get(&self.session).is_some_and(|sender| sender.receiver_count() == 0) {
            readers.remove(&self.session);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn a_reader_is_woken_by_what_it_has_not_seen_and_leaves_nothing_behind() {
        let feed = Feed::default();
        feed.announce("s", 1);
        let mut reader = feed.subscribe("s");
        let mut other = feed.subscribe("s");
        feed.announce("s", 3);
        feed.announce("s", 2);
        reader.beyond(2).await;
        other.beyond(0).await;
        {
            let mut wait = std::pin::pin!(reader.beyond(3));
            assert!(futures_util::poll!(&mut wait).is_pending());
            feed.announce("t", 9);
            assert!(futures_util::poll!(&mut wait).is_pending());
            feed.announce("s", 4);
            wait.await;
        }
        drop(reader);
        assert_eq!((feed.lock().len(), feed.open.get()), (1, 1));
        drop(other);
        assert_eq!(feed.open.get(), 0);
        assert!(feed.lock().is_empty());
    }
}
