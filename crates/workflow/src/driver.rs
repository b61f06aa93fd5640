//! Drives one run: lets its code go on, does its steps, journals what comes of them, in this order.

use std::collections::{HashMap, VecDeque};
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use seaworthy_base::Instant;
use seaworthy_base::chance::Chance;
use serde_json::value::RawValue;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};

use crate::effect::{Attempt, Work};
use crate::error::{Error, Result};
use crate::failure::Failure;
use crate::journal::{Entry, Event};
use crate::registry::Story;
use crate::replay::{Ready, Replay};
use crate::retry::Retry;
use crate::rows::{self, Claim};
use crate::run::{Desk, Run};
use crate::service::Shared;

mod writing;

/// How often code may wake itself without having been given anything, before that is taken for a
/// workflow that waits for something else than its run.
const SPIN: u32 = 10_000;

/// What is shown to others is stored with the next entry of the journal, or by itself after this long.
const SHOW_AFTER: Duration = Duration::from_millis(50);

/// Something outside happened that the driver should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nudge {
    /// There is mail.
    Mail,
    /// The run has changed hands or was ended.
    Gone,
}

/// How driving a run ended.
#[derive(Debug)]
pub(crate) enum End {
    /// The run has ended.
    Closed,
    /// The run waits for something that will take a while; whoever is free goes on with it.
    Parked,
    /// Another has the run now.
    Fenced,
    /// The code does not fit its journal, or does what it must not.
    Blocked(String),
    /// The store does not answer.
    Store(Error),
}

/// One attempt under way.
struct Under {
    command: u32,
    name: String,
    retry: Retry,
    attempt: u32,
    handle: AbortHandle,
}

pub(crate) struct Driver {
    shared: Arc<Shared>,
    claim: Claim,
    desk: Arc<Desk>,
    story: Story,
    awake: Arc<Awake>,
    /// What the journal holds and the code has not seen yet.
    past: VecDeque<Entry>,
    /// The next entry's place.
    next: u64,
    effects: JoinSet<Result<Box<RawValue>, Failure>>,
    under: HashMap<tokio::task::Id, Under>,
    inbox: mpsc::Receiver<Nudge>,
    /// Whether there may be mail.
    mail: bool,
    /// When what the code shows is to be stored by itself.
    show_at: Option<Instant>,
    chance: Chance,
}

/// Drives a run until it ends, waits for long, or is another's.
pub(crate) async fn drive(shared: Arc<Shared>, claim: Claim, inbox: mpsc::Receiver<Nudge>) -> End {
    match Driver::open(shared, claim, inbox).await {
        Ok(driver) => driver.run().await,
        Err(end) => end,
    }
}

impl Driver {
    async fn open(
        shared: Arc<Shared>,
        claim: Claim,
        inbox: mpsc::Receiver<Nudge>,
    ) -> Result<Self, End> {
        let past =
            if claim.fresh { Vec::new() } else { writing::journal(&shared, &claim.run).await? };
        let desk = Arc::new(Desk {
            run: claim.run.clone(),
            tenant: claim.tenant.clone(),
            id: claim.id.clone(),
            subject: claim.subject.clone(),
            started_at: claim.started_at,
            replay: Replay::new(claim.started_at, &past).into(),
        });
        let story =
            shared.registry.begin(&claim.kind, Run::new(Arc::clone(&desk)), &claim.input).map_err(
                |reason| End::Blocked(format!("the code does not take its input: {reason}")),
            )?;
        let next = past.last().map_or(1, |last| last.sequence + 1);
        Ok(Self {
            mail: !claim.fresh,
            shared,
            claim,
            desk,
            story,
            awake: Arc::default(),
            past: past.into(),
            next,
            effects: JoinSet::new(),
            under: HashMap::new(),
            inbox,
            show_at: None,
            chance: Chance::system(),
        })
    }

    async fn run(mut self) -> End {
        match self.go().await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn go(&mut self) -> Result<End, End> {
        loop {
            if let Some(told) = self.advance().await? {
                return self.close(told).await;
            }
            if let Some(entry) = self.past.pop_front() {
                self.desk.lock().apply(entry).map_err(|other| End::Blocked(other.to_string()))?;
                continue;
            }
            if self.next >= crate::LONGEST_JOURNAL {
                let message = format!("the journal has {} entries", self.next);
                return self.close(Err(Failure::lasting("journal_full", message))).await;
            }
            if std::mem::take(&mut self.mail) && self.open_mail().await? {
                self.mail = true;
                continue;
            }
            self.tidy();
            self.begin();
            match self.wait().await? {
                Some(event) => self.record(event, None).await?,
                None if self.park().await? => return Ok(End::Parked),
                None => self.mail = true,
            }
        }
    }

    /// Lets the code go on until it waits or ends.
    async fn advance(&mut self) -> Result<Option<Result<Box<RawValue>, Failure>>, End> {
        let waker = Waker::from(Arc::clone(&self.awake));
        for turn in 1..=SPIN {
            self.awake.0.store(false, Ordering::Release);
            let told = match self.story.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(told) => Some(told),
                Poll::Pending => None,
            };
            if let Some(divergence) = self.desk.lock().divergence() {
                return Err(End::Blocked(divergence.to_string()));
            }
            if told.is_some() {
                return self.finished().map(|()| told);
            }
            if !self.awake.0.load(Ordering::Acquire) {
                return self.check_waiting().map(|()| None);
            }
            if turn % 64 == 0 {
                tokio::task::yield_now().await;
            }
        }
        Err(End::Blocked("the code wakes itself without end".to_owned()))
    }

    /// Refuses code that ended where its journal goes on.
    fn finished(&self) -> Result<(), End> {
        let missing = self.desk.lock().missing();
        match missing.or_else(|| self.past.front().map(|entry| format!("{:?} came", entry.event))) {
            Some(journal) => Err(End::Blocked(format!(
                "the code does not fit its journal: {journal}, but it ends before that"
            ))),
            None => Ok(()),
        }
    }

    /// Refuses code that waits for something nobody will ever give it.
    fn check_waiting(&self) -> Result<(), End> {
        if self.past.is_empty() && !self.desk.lock().waits() {
            let reason = "the code waits for something that is not its run's";
            return Err(End::Blocked(reason.to_owned()));
        }
        Ok(())
    }

    /// Journals the oldest mail, if there is any, and hands it to the code.
    async fn open_mail(&mut self) -> Result<bool, End> {
        let run = self.claim.run.clone();
        let found = self
            .persist(move |shared| {
                let run = run.clone();
                async move { shared.store.peek(move |tx| rows::mail(tx, &run)).await }
            })
            .await?;
        let Some(mail) = found else { return Ok(false) };
        let event = match mail.name {
            None => Event::Cancel { reason: mail.text },
            Some(name) => {
                let payload = RawValue::from_string(mail.text)
                    .map_err(|error| End::Blocked(format!("a signal is no JSON: {error}")))?;
                Event::Signal { name, payload }
            }
        };
        self.record(event, Some(mail.number)).await?;
        Ok(true)
    }

    /// Stops what the code does not want any more.
    fn tidy(&mut self) {
        if self.under.is_empty() {
            return;
        }
        let replay = self.desk.lock();
        self.under.retain(|_, under| {
            let wanted = replay.wants(under.command);
            if !wanted {
                under.handle.abort();
            }
            wanted
        });
    }

    /// Begins the steps that wait to be done.
    fn begin(&mut self) {
        let ready = self
            .desk
            .lock()
            .ready(|command| self.under.values().any(|under| under.command == command));
        for step in ready {
            self.begin_one(step);
        }
    }

    fn begin_one(&mut self, step: Ready) {
        let Ready { command, name, effect, retry, attempt, not_before } = step;
        let key = format!("{}/{command}/{name}", self.claim.run);
        let attempt_at = Attempt { key, number: attempt, fence: self.claim.fence };
        let wait = not_before.map(|time| time.since(self.shared.clock.wall()));
        let shared = Arc::clone(&self.shared);
        let work = async move {
            if let Some(wait) = wait.filter(|wait| !wait.is_zero()) {
                tokio::time::sleep(wait).await;
            }
            let _place = shared.effects.acquire().await;
            if !shared.lease.holds(&shared.clock) {
                // The driver is about to be stopped; what is not begun here is begun elsewhere.
                return pending().await;
            }
            attempted(effect.begin(attempt_at), retry.within).await
        };
        let handle = self.effects.spawn(work);
        let id = handle.id();
        self.under.insert(id, Under { command, name, retry, attempt, handle });
    }

    /// Waits for the next thing to be journaled. None when there is mail, or nothing will come soon.
    async fn wait(&mut self) -> Result<Option<Event>, End> {
        loop {
            let (due, fresh, stopped) = {
                let replay = self.desk.lock();
                (replay.first_due(), replay.has_fresh_facts(), replay.is_stopped())
            };
            let deadline = self.claim.deadline.filter(|_| !stopped);
            let (at, event) = match (due, deadline) {
                (Some((at, event)), Some(deadline)) if at <= deadline => (Some(at), event),
                (_, Some(deadline)) => (Some(deadline), Event::Overdue),
                (Some((at, event)), None) => (Some(at), event),
                (None, None) => (None, Event::Overdue),
            };
            let (now, wall) = (self.shared.clock.now(), self.shared.clock.wall());
            let left = at.map(|at| at.since(wall));
            if left.is_some_and(|left| left.is_zero()) {
                return Ok(Some(event));
            }
            let short = left.is_some_and(|left| left <= self.shared.options.park_after);
            if self.under.is_empty() && !short {
                return Ok(None);
            }
            if !fresh {
                self.show_at = None;
            } else if self.show_at.is_none() {
                self.show_at = Some(now + SHOW_AFTER);
            }
            tokio::select! {
                biased;
                nudge = self.inbox.recv() => match nudge {
                    Some(Nudge::Mail) => {
                        self.mail = true;
                        return Ok(None);
                    }
                    Some(Nudge::Gone) | None => return Err(End::Fenced),
                },
                done = self.effects.join_next_with_id(), if !self.effects.is_empty() => {
                    if let Some(event) = done.and_then(|done| self.outcome(done)) {
                        return Ok(Some(event));
                    }
                }
                () = until(left.map(|left| now + left)) => return Ok(Some(event)),
                () = until(self.show_at) => self.show().await?,
            }
        }
    }

    /// What came of an attempt; none when the code does not want it any more.
    fn outcome(
        &mut self,
        done: Result<(tokio::task::Id, Result<Box<RawValue>, Failure>), tokio::task::JoinError>,
    ) -> Option<Event> {
        let (id, result) = match done {
            Ok(done) => done,
            Err(error) if error.is_panic() => {
                let id = error.id();
                let reason = panic_text(error.into_panic().as_ref());
                (id, Err(Failure::new("panicked", format!("the step panicked: {reason}"))))
            }
            Err(_) => return None,
        };
        let Under { command, name, retry, attempt, .. } = self.under.remove(&id)?;
        if !self.desk.lock().wants(command) {
            return None;
        }
        Some(match result {
            Ok(value) => Event::Step { command, name, value },
            Err(failure @ Failure { after: Some(after), .. }) => {
                let next_at = self.shared.clock.wall().plus(after);
                Event::Attempt { command, name, attempt: attempt - 1, failure, next_at }
            }
            Err(failure) if failure.lasting || attempt >= retry.attempts => {
                Event::Failed { command, name, attempts: attempt, failure }
            }
            Err(failure) => {
                let wait = retry.wait(attempt, &mut self.chance);
                let next_at = self.shared.clock.wall().plus(wait);
                Event::Attempt { command, name, attempt, failure, next_at }
            }
        })
    }
}

async fn attempted(work: Work, within: Duration) -> Result<Box<RawValue>, Failure> {
    match tokio::time::timeout(within, work).await {
        Ok(result) => result,
        Err(_) => {
            let message = format!("the attempt took longer than {within:?}");
            Err(Failure::new("step_timed_out", message))
        }
    }
}

async fn until(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => pending().await,
    }
}

/// What a panic said.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    panic
        .downcast_ref::<&str>()
        .map(|text| (*text).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "without a text".to_owned())
}

/// Set when something the code waits for is there.
#[derive(Debug, Default)]
struct Awake(AtomicBool);

impl Wake for Awake {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}
