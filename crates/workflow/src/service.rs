//! The part that runs: takes runs that want to be run, drives them, and shows that this node lives.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use futures_util::FutureExt;
use seaworthy_base::{Clock, Timestamp};
use seaworthy_store::Store;
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore, mpsc};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use crate::driver::{self, End, Nudge};
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::journal::{Entry, Event};
use crate::lease::{self, Lease};
use crate::leases;
use crate::options::{Journaled, Options};
use crate::registry::Registry;
use crate::rows::{self, Claim, Ending};
use crate::state::State;

/// What handle, service and drivers share.
pub(crate) struct Shared {
    pub(crate) store: Store,
    pub(crate) clock: Clock,
    pub(crate) registry: Registry,
    pub(crate) options: Options,
    pub(crate) effects: Semaphore,
    pub(crate) lease: Lease,
    pub(crate) waiters: Waiters,
    /// Told when there may be a run that wants to be run.
    pub(crate) look: Notify,
    resident: Arc<Semaphore>,
    live: Mutex<HashMap<String, (u64, mpsc::Sender<Nudge>)>>,
    /// Cancelled when everything that runs here is to be dropped where it stands; replaced when this
    /// node begins anew.
    halt: Mutex<CancellationToken>,
    drivers: TaskTracker,
    /// Cancelled for good.
    stop: CancellationToken,
}

/// An engine that is opened; [`Service::run`] runs its workflows.
pub struct Service {
    shared: Arc<Shared>,
    _abort: DropGuard,
}

impl fmt::Debug for Service {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Service").field("options", &self.shared.options).finish()
    }
}

impl Service {
    /// Makes this node known to the others that share the store, which must have been opened with
    /// [`PART`](crate::PART). Nothing is run yet.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn open(store: Store, registry: Registry, options: Options) -> Result<Self> {
        let node = lease::name(&options.clock);
        let (alone, enlisted) = (options.alone, node.clone());
        store
            .write(move |tx| {
                if alone {
                    leases::clear(tx)?;
                }
                leases::unblock(tx)?;
                leases::enlist(tx, &enlisted)
            })
            .await?;
        let stop = CancellationToken::new();
        let shared = Arc::new(Shared {
            store,
            clock: options.clock.clone(),
            registry,
            effects: Semaphore::new(options.effects),
            lease: Lease::new(node, &options),
            waiters: Waiters::default(),
            look: Notify::new(),
            resident: Arc::new(Semaphore::new(options.resident)),
            live: Mutex::default(),
            halt: Mutex::new(stop.child_token()),
            drivers: TaskTracker::new(),
            stop: stop.clone(),
            options,
        });
        Ok(Self { shared, _abort: stop.drop_guard() })
    }

    /// A handle to start, ask and steer workflows with.
    pub fn engine(&self) -> Engine {
        Engine::new(Arc::clone(&self.shared))
    }

    /// Runs workflows until `stop` is cancelled, then leaves what is not done to whoever comes next.
    /// Dropped before that, it leaves everything as a crash would.
    pub async fn run(self, stop: CancellationToken) {
        let shared = &self.shared;
        let kept = lease::keep(Arc::clone(shared));
        let looked = shared.look_around();
        tokio::select! {
            () = stop.cancelled() => {}
            () = kept => {}
            () = looked => {}
        }
        shared.stop.cancel();
        shared.drivers.close();
        shared.drivers.wait().await;
        let node = shared.lease.node();
        let left = shared.store.write(move |tx| leases::leave(tx, &node)).await;
        if let Err(error) = left {
            tracing::warn!(%error, "what this node held stays its own until its lease is over");
        }
    }
}

impl Shared {
    /// Looks for runs that want to be run, for ever.
    async fn look_around(self: &Arc<Self>) {
        let mut graves = lease::Graves::default();
        loop {
            let wait = match self.look_once(&mut graves).await {
                Ok(wait) => wait,
                Err(error) => {
                    tracing::warn!(%error, "cannot look for workflows that want to be run");
                    self.options.poll
                }
            };
            tokio::select! {
                () = self.look.notified() => {}
                () = tokio::time::sleep(wait) => {}
            }
        }
    }

    /// Takes what wants to be run, and says when to look again.
    async fn look_once(self: &Arc<Self>, graves: &mut lease::Graves) -> Result<Duration> {
        let poll = self.options.poll;
        if !self.options.alone {
            graves.visit(self).await?;
        }
        loop {
            let now = self.clock.wall();
            let seen = self
                .store
                .peek(move |tx| Ok::<_, Error>((leases::next(tx)?, leases::overdue(tx, now)?)));
            let (next, overdue) = seen.await?;
            for run in overdue {
                self.time_out(run).await?;
            }
            let left = next.map_or(poll, |next| next.since(now));
            if !left.is_zero() {
                return Ok(left.min(poll));
            }
            let places = self.resident.available_permits().min(256);
            let claimed = self.claim(places).await?;
            if claimed < places.max(1) {
                return Ok(poll);
            }
        }
    }

    async fn claim(self: &Arc<Self>, places: usize) -> Result<usize> {
        let halt = self.halt();
        let Ok(limit) = u32::try_from(places) else { return Ok(0) };
        if limit == 0 || !self.lease.holds(&self.clock) {
            return Ok(0);
        }
        let (node, now) = (self.lease.node(), self.clock.wall());
        let kinds: Vec<&'static str> = self.registry.kinds().collect();
        let claims =
            self.store.write(move |tx| leases::claim(tx, &node, &kinds, now, limit)).await?;
        let count = claims.len();
        for claim in claims {
            // There may be fewer places by now: runs that were started here took some. Those beyond
            // wait for one as others do.
            let permit = Arc::clone(&self.resident).try_acquire_owned().ok();
            let inbox = self.enter(&claim.run, claim.fence);
            self.spawn(claim, inbox, permit, halt.clone());
        }
        Ok(count)
    }

    /// A run that was laid aside, and whose time is over.
    async fn time_out(&self, run: String) -> Result<()> {
        let failure = Failure::timed_out();
        let at = self.clock.wall();
        let text = json(&failure);
        let event = json(&Event::Closed { state: State::TimedOut, failure: Some(failure) });
        let (state, undone) = (State::TimedOut, "[]".to_owned());
        let ending = self.ending(state, None, Some(text), undone);
        self.store
            .write(move |tx| {
                if rows::is_closed(tx, &run)? {
                    return Ok(());
                }
                rows::cut(tx, &run, at, &ending, &event)
            })
            .await
    }

    /// How a run ends, with what is to be written besides.
    pub(crate) fn ending(
        &self,
        state: State,
        result: Option<String>,
        failure: Option<String>,
        undone: String,
    ) -> Ending {
        Ending { state, result, failure, undone, besides: self.options.ending.clone() }
    }

    /// A place for one more run, if there is one and this node may run anything.
    pub(crate) fn place(&self) -> Option<OwnedSemaphorePermit> {
        if self.stop.is_cancelled() || !self.lease.holds(&self.clock) {
            return None;
        }
        Arc::clone(&self.resident).try_acquire_owned().ok()
    }

    /// What everything begun now ends with.
    pub(crate) fn halt(&self) -> CancellationToken {
        self.halt.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Drops everything that runs here where it stands, and lets what comes after begin anew.
    pub(crate) fn drop_all(&self) {
        let mut halt = self.halt.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *halt, self.stop.child_token()).cancel();
    }

    /// Makes a run known as running here.
    pub(crate) fn enter(&self, run: &str, fence: u64) -> mpsc::Receiver<Nudge> {
        let (sender, inbox) = mpsc::channel(8);
        self.live().insert(run.to_owned(), (fence, sender));
        inbox
    }

    /// The run is not run here any more, in that holding.
    pub(crate) fn exit(&self, run: &str, fence: u64) {
        let mut live = self.live();
        if live.get(run).is_some_and(|(now, _)| *now == fence) {
            live.remove(run);
        }
    }

    /// Tells whoever runs it, here or elsewhere, that something came for the run.
    pub(crate) fn nudge(&self, run: &str, nudge: Nudge) {
        if let Some((_, sender)) = self.live().get(run) {
            // Full means that it will look anyway.
            let _ = sender.try_send(nudge);
        }
        self.look.notify_one();
    }

    fn live(&self) -> MutexGuard<'_, HashMap<String, (u64, mpsc::Sender<Nudge>)>> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Drives a run in a task of its own.
    pub(crate) fn spawn(
        self: &Arc<Self>,
        claim: Claim,
        inbox: mpsc::Receiver<Nudge>,
        permit: Option<OwnedSemaphorePermit>,
        halt: CancellationToken,
    ) {
        let shared = Arc::clone(self);
        self.drivers.spawn(async move {
            let (run, fence) = (claim.run.clone(), claim.fence);
            let work = AssertUnwindSafe(driver::drive(Arc::clone(&shared), claim, inbox));
            let end = tokio::select! {
                biased;
                () = halt.cancelled() => None,
                end = work.catch_unwind() => Some(end),
            };
            shared.exit(&run, fence);
            drop(permit);
            let reason = match end {
                None | Some(Ok(End::Fenced)) => None,
                Some(Ok(End::Closed)) => {
                    shared.waiters.tell(&run);
                    None
                }
                Some(Ok(End::Parked)) => {
                    shared.look.notify_one();
                    None
                }
                Some(Ok(End::Store(error))) => lasting(&error).then(|| error.to_string()),
                Some(Ok(End::Blocked(reason))) => Some(reason),
                Some(Err(panic)) => {
                    let text = driver::panic_text(panic.as_ref());
                    Some(format!("the code panicked: {text}"))
                }
            };
            if let Some(reason) = reason {
                shared.block(run, fence, reason).await;
            }
        });
    }

    async fn block(&self, run: String, fence: u64, reason: String) {
        tracing::error!(run, reason, "a workflow is laid aside until its code is mended");
        let blocked = self.store.write(move |tx| rows::block(tx, &run, fence, &reason)).await;
        if let Err(error) = blocked {
            tracing::error!(%error, "and that could not be stored");
        }
    }

    /// Has the store do something, again and again while it is away.
    pub(crate) async fn persist<T, Fut>(&self, mut work: impl FnMut() -> Fut) -> Result<T>
    where
        Fut: Future<Output = Result<T>>,
    {
        let mut wait = Duration::from_millis(20);
        loop {
            match work().await {
                Err(Error::Store(error)) if passing(&error) && !self.stop.is_cancelled() => {
                    tracing::debug!(%error, "the store is away; trying again");
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(Duration::from_secs(1));
                }
                result => return result,
            }
        }
    }

    pub(crate) fn observe(&self, claim: &Claim, entry: &Entry) {
        if let Some(observer) = &self.options.observer {
            observer.tell(Journaled {
                tenant: &claim.tenant,
                workflow_id: &claim.id,
                run_id: &claim.run,
                kind: &claim.kind,
                entry,
            });
        }
    }
}

/// Whether the store may do later what it cannot do now.
fn passing(error: &seaworthy_store::Error) -> bool {
    use seaworthy_store::Error as Store;
    matches!(error, Store::Unavailable(_) | Store::Unknown(_))
}

/// Whether the error comes from what was to be written, and not from where.
fn lasting(error: &Error) -> bool {
    use seaworthy_store::Error as Store;
    !matches!(error, Error::Store(Store::Failed(_) | Store::Unavailable(_) | Store::Unknown(_)))
}

/// JSON of a value that always has some.
pub(crate) fn json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("structs of texts and numbers are always valid JSON")
}

/// Who waits for runs to end.
#[derive(Debug, Default)]
pub(crate) struct Waiters(Mutex<HashMap<String, Weak<Notify>>>);

impl Waiters {
    /// Told when the run ends here.
    pub(crate) fn on(&self, run: &str) -> Arc<Notify> {
        let mut waiters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(there) = waiters.get(run).and_then(Weak::upgrade) {
            return there;
        }
        if waiters.len() >= 1_024 {
            waiters.retain(|_, waiter| waiter.strong_count() > 0);
        }
        let made = Arc::new(Notify::new());
        waiters.insert(run.to_owned(), Arc::downgrade(&made));
        made
    }

    pub(crate) fn tell(&self, run: &str) {
        let waiter = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(run);
        if let Some(waiter) = waiter.and_then(|waiter| waiter.upgrade()) {
            waiter.notify_waiters();
        }
    }
}

/// How long a run has left.
pub(crate) fn deadline(now: Timestamp, within: Option<Duration>) -> Option<Timestamp> {
    within.map(|within| now.plus(within))
}
