//! Load shedding: a service that is late takes less on, the least important first.
//!
//! How many calls a service can work on at once is not known beforehand, and changes. So the limit is
//! found: while calls are answered within the target, and the limit is used, it grows by up to one for each
//! round of calls; when one takes longer, it shrinks by a tenth, at most once an interval (additive
//! increase, multiplicative decrease, as in TCP). Beyond the limit calls are refused at once, which costs
//! next to nothing, instead of being answered too late, which costs as much as an answer in time.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use serde::Serialize;

use crate::error::Error;

mod layer;

pub use layer::{Layer, Shielded, Urgency};

/// How the limit is found.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Settings {
    /// The limit never falls below this; none counts as one. 8.
    pub least: u32,
    /// The limit never rises above this. 1024.
    pub most: u32,
    /// The limit at the start. 64.
    pub first: u32,
    /// How long a call may take. 250 ms.
    #[serde(serialize_with = "crate::breaker::span")]
    pub target: Duration,
    /// How long the limit rests once it was lowered: those that were under way then will be late, too. 250 ms.
    #[serde(serialize_with = "crate::breaker::span")]
    pub interval: Duration,
    /// When those that are refused are asked to come back. 1 s.
    #[serde(serialize_with = "crate::breaker::span")]
    pub retry_after: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            least: 8,
            most: 1_024,
            first: 64,
            target: Duration::from_millis(250),
            interval: Duration::from_millis(250),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// How much a call matters when there is too much to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Priority {
    /// Nobody waits for it. It may use half of the limit.
    Background,
    /// Someone waits for it. It may use nine tenths of the limit.
    #[default]
    Normal,
    /// Without it others fail: health checks, sign-ins, what a workflow waits for. It may use the whole
    /// limit.
    Critical,
}

/// Sheds load. Clones share the limit.
#[derive(Clone, Debug)]
pub struct Shedder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: Settings,
    clock: Clock,
    under_way: AtomicU32,
    /// The limit, in whole calls.
    limit: AtomicU32,
    adapting: Mutex<Adapting>,
    refused: [AtomicU64; 3],
}

#[derive(Debug)]
struct Adapting {
    limit: f64,
    lowered: Option<Instant>,
}

/// How much is under way, and how much may be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Snapshot {
    /// Calls under way.
    pub under_way: u32,
    /// How many may be.
    pub limit: u32,
    /// Refused so far: background, normal and critical calls.
    pub refused: [u64; 3],
    /// How the limit is found.
    pub settings: Settings,
}

impl Shedder {
    /// A shedder with its first limit.
    pub fn new(settings: Settings, clock: Clock) -> Self {
        let least = settings.least.max(1);
        let most = settings.most.max(least);
        let settings =
            Settings { least, most, first: settings.first.clamp(least, most), ..settings };
        Self(Arc::new(Shared {
            settings,
            clock,
            under_way: AtomicU32::new(0),
            limit: AtomicU32::new(settings.first),
            adapting: Mutex::new(Adapting { limit: settings.first.into(), lowered: None }),
            refused: Default::default(),
        }))
    }

    /// Takes a call on.
    ///
    /// # Errors
    /// [`Error::Overloaded`].
    pub fn admit(&self, priority: Priority) -> Result<Ticket, Error> {
        let Shared { settings, clock, under_way, limit, refused, .. } = &*self.0;
        let limit = limit.load(Ordering::Relaxed);
        let most = match priority {
            Priority::Critical => limit,
            Priority::Normal => limit - limit / 10,
            Priority::Background => limit - limit / 2,
        };
        let take = |now: u32| (now < most).then_some(now + 1);
        match under_way.fetch_update(Ordering::Relaxed, Ordering::Relaxed, take) {
            Ok(before) => {
                let busy = before + 1 >= limit / 2;
                Ok(Ticket { shedder: self.clone(), since: clock.now(), busy, ended: false })
            }
            Err(_) => {
                refused[priority as usize].fetch_add(1, Ordering::Relaxed);
                Err(Error::Overloaded { retry_after: settings.retry_after })
            }
        }
    }

    /// Does `work` if it is taken on.
    ///
    /// # Errors
    /// [`Error::Overloaded`], or what the work ended with.
    pub async fn call<T, E, F>(&self, priority: Priority, work: impl FnOnce() -> F) -> Result<T, E>
    where
        F: Future<Output = Result<T, E>>,
        E: From<Error>,
    {
        let ticket = self.admit(priority)?;
        let result = work().await;
        ticket.ended();
        result
    }

    /// How it stands.
    pub fn snapshot(&self) -> Snapshot {
        let Shared { settings, under_way, limit, refused, .. } = &*self.0;
        Snapshot {
            under_way: under_way.load(Ordering::Relaxed),
            limit: limit.load(Ordering::Relaxed),
            refused: [0, 1, 2].map(|index| refused[index].load(Ordering::Relaxed)),
            settings: *settings,
        }
    }
}

impl Shared {
    fn learn(&self, took: Duration, busy: bool, ended: bool) {
        let Settings { least, most, target, interval, .. } = self.settings;
        let late = took > target;
        // A limit that is not used proves nothing by not being missed; and who gave up early was not
        // answered.
        let learns = late || (busy && ended);
        if !learns {
            return;
        }
        let now = self.clock.now();
        let mut adapting = self.adapting.lock().unwrap_or_else(PoisonError::into_inner);
        if late {
            if adapting.lowered.is_some_and(|lowered| now < lowered + interval) {
                return;
            }
            adapting.lowered = Some(now);
            adapting.limit *= 0.9;
        } else {
            adapting.limit += 1.0 / adapting.limit;
        }
        adapting.limit = adapting.limit.clamp(least.into(), most.into());
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it lies between two numbers of this type"
        )]
        self.limit.store(adapting.limit as u32, Ordering::Relaxed);
    }
}

/// A call that was taken on, until it has ended or was dropped.
#[derive(Debug)]
#[must_use = "the call is over when this is dropped"]
pub struct Ticket {
    shedder: Shedder,
    since: Instant,
    /// Whether at least half of the limit was in use.
    busy: bool,
    ended: bool,
}

impl Ticket {
    /// The call was answered; how long it took is learnt from.
    pub fn ended(mut self) {
        self.ended = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        let shared = &self.shedder.0;
        shared.under_way.fetch_sub(1, Ordering::Relaxed);
        let took = shared.clock.now().saturating_duration_since(self.since);
        shared.learn(took, self.busy, self.ended);
    }
}
