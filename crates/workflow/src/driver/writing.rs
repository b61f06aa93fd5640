//! What a driver reads and writes: entries of the journal, what the code shows, and the run's end.

use std::sync::Arc;

use seaworthy_base::Timestamp;
use serde_json::value::RawValue;

use super::{Driver, End};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::journal::{Entry, Event};
use crate::rows::{self, Ending, Fenced};
use crate::service::Shared;
use crate::state::State;

impl Driver {
    /// Journals an event, with whatever the code shows, and only then hands it to the code.
    pub(super) async fn record(&mut self, event: Event, mail: Option<u64>) -> Result<(), End> {
        let text = serde_json::to_string(&event)
            .map_err(|error| End::Blocked(format!("an event is no JSON: {error}")))?;
        let at = self.shared.clock.wall().max(self.desk.lock().now());
        self.write(at, text, mail, None).await?;
        let entry = Entry { sequence: self.next, at, event };
        self.next += 1;
        self.shared.observe(&self.claim, &entry);
        self.desk.lock().apply(entry).map_err(|other| End::Blocked(other.to_string()))
    }

    async fn write(
        &mut self,
        at: Timestamp,
        event: String,
        mail: Option<u64>,
        ending: Option<Ending>,
    ) -> Result<(), End> {
        let facts = self.desk.lock().take_facts();
        let (fence, sequence) = (self.claim.fence, self.next);
        let held: Arc<(String, String)> = Arc::new((self.claim.run.clone(), event));
        let mut again = false;
        let written = self
            .persist(move |shared| {
                let (held, facts, ending) = (Arc::clone(&held), facts.clone(), ending.clone());
                let repeated = std::mem::replace(&mut again, true);
                async move {
                    let work = move |tx: &mut seaworthy_store::Tx<'_>| {
                        let (run, event) = &*held;
                        if repeated && ending.is_some() && rows::is_closed(tx, run)? {
                            return Ok(Ok(()));
                        }
                        let appended = rows::append(tx, run, fence, sequence, at, event, repeated)?;
                        if appended.is_err() {
                            return Ok(appended);
                        }
                        if let Some(number) = mail {
                            rows::take(tx, run, number)?;
                        }
                        if let Some(facts) = &facts {
                            rows::show(tx, run, facts)?;
                        }
                        if let Some(ending) = &ending {
                            rows::close(tx, run, at, ending)?;
                        }
                        Ok(Ok(()))
                    };
                    shared.store.write(work).await
                }
            })
            .await?;
        written.map_err(|Fenced| End::Fenced)
    }

    /// Stores what the code shows by itself: nothing else is about to be written.
    pub(super) async fn show(&mut self) -> Result<(), End> {
        self.show_at = None;
        let Some(facts) = self.desk.lock().take_facts() else { return Ok(()) };
        let (run, fence) = (self.claim.run.clone(), self.claim.fence);
        let shown = self
            .persist(move |shared| {
                let (run, facts) = (run.clone(), facts.clone());
                async move {
                    let work = move |tx: &mut seaworthy_store::Tx<'_>| {
                        if !rows::holds(tx, &run, fence)? {
                            return Ok(Err(Fenced));
                        }
                        rows::show(tx, &run, &facts)?;
                        Ok(Ok(()))
                    };
                    shared.store.write(work).await
                }
            })
            .await?;
        shown.map_err(|Fenced| End::Fenced)
    }

    /// Gives the run up until something comes for it or its next time has come. False when something
    /// has come already.
    pub(super) async fn park(&mut self) -> Result<bool, End> {
        if self.mail {
            return Ok(false);
        }
        self.show().await?;
        let (due, stopped) = {
            let replay = self.desk.lock();
            (replay.first_due().map(|(at, _)| at), replay.is_stopped())
        };
        let deadline = self.claim.deadline.filter(|_| !stopped);
        let wake_at = due.into_iter().chain(deadline).min().map_or(i64::MAX, rows::stored);
        let (run, fence) = (self.claim.run.clone(), self.claim.fence);
        // Once given up, another may have it, which looks as if it had been taken from us: the same to
        // us, so a repeat after an unknown outcome does no harm.
        let parked = self
            .persist(move |shared| {
                let run = run.clone();
                async move { shared.store.write(move |tx| rows::park(tx, &run, fence, wake_at)).await }
            })
            .await?;
        parked.map_err(|Fenced| End::Fenced)
    }

    /// Ends the run with what its code returned.
    pub(super) async fn close(&mut self, told: Result<Box<RawValue>, Failure>) -> Result<End, End> {
        let undone = serde_json::to_string(self.desk.lock().undone())
            .map_err(|error| End::Blocked(format!("what was undone is no JSON: {error}")))?;
        let (state, result, failure) = match told {
            Ok(value) => (State::Completed, Some(String::from(Box::<str>::from(value))), None),
            Err(failure) => (State::after(&failure), None, Some(failure)),
        };
        let text = failure.as_ref().map(serde_json::to_string).transpose();
        let text = text.map_err(|error| End::Blocked(format!("a failure is no JSON: {error}")))?;
        let event = Event::Closed { state, failure };
        let closed = serde_json::to_string(&event)
            .map_err(|error| End::Blocked(format!("an event is no JSON: {error}")))?;
        let at = self.shared.clock.wall().max(self.desk.lock().now());
        let ending = self.shared.ending(state, result, text, undone);
        self.write(at, closed, None, Some(ending)).await?;
        self.shared.observe(&self.claim, &Entry { sequence: self.next, at, event });
        Ok(End::Closed)
    }

    /// Has the store do something, again and again while it is away: what was not acknowledged is
    /// tried until it is, or until the run is taken from here.
    pub(super) async fn persist<T, F, Fut>(&mut self, mut work: F) -> Result<T, End>
    where
        F: FnMut(Arc<Shared>) -> Fut,
        Fut: Future<Output = Result<T>>,
    {
        let shared = Arc::clone(&self.shared);
        shared.persist(|| work(Arc::clone(&shared))).await.map_err(End::Store)
    }
}

/// The whole journal of a run.
pub(super) async fn journal(shared: &Arc<Shared>, run: &str) -> Result<Vec<Entry>, End> {
    const PAGE: u32 = 1_000;
    let mut entries: Vec<Entry> = Vec::new();
    loop {
        let first = entries.last().map_or(0, |last| last.sequence + 1);
        let page =
            shared
                .persist(|| {
                    let run = run.to_owned();
                    async move {
                        shared.store.read(move |tx| rows::journal(tx, &run, first, PAGE)).await
                    }
                })
                .await;
        let page = match page {
            Ok(page) => page,
            Err(error @ Error::Journal { .. }) => return Err(End::Blocked(error.to_string())),
            Err(error) => return Err(End::Store(error)),
        };
        let last = page.len() < usize::try_from(PAGE).unwrap_or(usize::MAX);
        entries.extend(page);
        if last {
            return Ok(entries);
        }
    }
}
