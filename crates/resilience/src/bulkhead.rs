//! The bulkhead: one slow dependency does not take the whole ship down with it.
//!
//! A dependency is given a number of calls at once. A few more wait their turn, for a while; the rest
//! is refused at once. So a dependency that hangs holds that many of its callers and not all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use seaworthy_base::Clock;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::deadline::Deadline;
use crate::error::Error;

mod layer;

pub use layer::{Layer, Partitioned};

/// How much room there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// Calls under way at once; none counts as one. 64.
    pub concurrent: usize,
    /// Calls that wait for one of them to end. 64.
    pub waiting: usize,
    /// How long one waits at most. 1 s.
    #[serde(serialize_with = "crate::breaker::span")]
    pub wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self { concurrent: 64, waiting: 64, wait: Duration::from_secs(1) }
    }
}

/// Room for calls to one dependency. Clones share it.
#[derive(Clone, Debug)]
pub struct Bulkhead(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: Arc<str>,
    settings: Settings,
    clock: Clock,
    room: Arc<Semaphore>,
    waiting: AtomicUsize,
    refused: AtomicU64,
}

/// A place in the bulkhead, until it is dropped.
#[derive(Debug)]
#[must_use = "the place is given up when this is dropped"]
pub struct Place {
    _permit: OwnedSemaphorePermit,
}

/// How full it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Snapshot {
    /// Calls under way.
    pub in_use: usize,
    /// Calls that wait.
    pub waiting: usize,
    /// Calls refused so far.
    pub refused: u64,
    /// How much room there is.
    pub settings: Settings,
}

impl Bulkhead {
    /// Room for calls to the dependency `name`.
    pub fn new(name: impl Into<Arc<str>>, settings: Settings, clock: Clock) -> Self {
        let concurrent = settings.concurrent.clamp(1, Semaphore::MAX_PERMITS);
        let settings = Settings { concurrent, ..settings };
        let room = Arc::new(Semaphore::new(concurrent));
        let (waiting, refused) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self(Arc::new(Shared { name: name.into(), settings, clock, room, waiting, refused }))
    }

    /// A place at once.
    ///
    /// # Errors
    /// [`Error::BulkheadFull`].
    pub fn try_enter(&self) -> Result<Place, Error> {
        self.now().ok_or_else(|| self.full())
    }

    /// A place, in turn; not longer than calls may wait, nor past `deadline`.
    ///
    /// # Errors
    /// [`Error::BulkheadFull`], and [`Error::DeadlinePassed`] when that came first.
    pub async fn enter(&self, deadline: Option<Deadline>) -> Result<Place, Error> {
        if let Some(place) = self.now() {
            return Ok(place);
        }
        let Shared { settings, clock, room, waiting, .. } = &*self.0;
        let queue = Queue::join(waiting, settings.waiting).ok_or_else(|| self.full())?;
        let patience = Deadline::after(clock, settings.wait);
        let end = deadline.map_or(patience, |deadline| deadline.sooner(patience));
        let place = tokio::time::timeout_at(end.instant(), Arc::clone(room).acquire_owned()).await;
        drop(queue);
        match place {
            Ok(Ok(permit)) => Ok(Place { _permit: permit }),
            _ if deadline.is_some_and(|deadline| deadline.passed(clock)) => {
                Err(Error::DeadlinePassed)
            }
            _ => Err(self.full()),
        }
    }

    /// Makes a call once there is room for it.
    ///
    /// # Errors
    /// As [`enter`](Self::enter), or what the call ended with.
    pub async fn call<T, E, F>(
        &self,
        deadline: Option<Deadline>,
        call: impl FnOnce() -> F,
    ) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let place = self.enter(deadline).await?;
        let result = call().await;
        drop(place);
        result
    }

    /// How full it is.
    pub fn snapshot(&self) -> Snapshot {
        let Shared { settings, room, waiting, refused, .. } = &*self.0;
        Snapshot {
            in_use: settings.concurrent - room.available_permits().min(settings.concurrent),
            waiting: waiting.load(Ordering::Relaxed),
            refused: refused.load(Ordering::Relaxed),
            settings: *settings,
        }
    }

    fn now(&self) -> Option<Place> {
        let permit = Arc::clone(&self.0.room).try_acquire_owned().ok()?;
        Some(Place { _permit: permit })
    }

    fn full(&self) -> Error {
        self.0.refused.fetch_add(1, Ordering::Relaxed);
        Error::BulkheadFull { dependency: Arc::clone(&self.0.name) }
    }
}

/// A place in the queue, given back however the wait ends.
struct Queue<'a>(&'a AtomicUsize);

impl<'a> Queue<'a> {
    fn join(waiting: &'a AtomicUsize, most: usize) -> Option<Self> {
        let join = |now: usize| (now < most).then_some(now + 1);
        waiting.fetch_update(Ordering::Relaxed, Ordering::Relaxed, join).ok()?;
        Some(Self(waiting))
    }
}

impl Drop for Queue<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
