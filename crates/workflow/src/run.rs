//! What a workflow's code has in its hands: steps, sleeps, signals, progress, and how to undo.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use seaworthy_base::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::effect::{Attempt, Effect};
use crate::failure::Failure;
use crate::replay::{Answer, Replay, Wanted};
use crate::retry::Retry;
use crate::state::Undone;

/// A workflow's run, for its code. Cheap to clone.
///
/// The code is run anew whenever its workflow is resumed, and must then take the same way: whatever
/// depends on the world (calls, clocks, chance) stands in a [`Run::step`], and nothing is awaited but
/// what this hands out. Time is [`Run::now`].
#[derive(Clone, Debug)]
pub struct Run(Arc<Desk>);

/// What code and driver share.
#[derive(Debug)]
pub(crate) struct Desk {
    pub(crate) run: String,
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) subject: String,
    pub(crate) started_at: Timestamp,
    pub(crate) replay: Mutex<Replay>,
}

impl Desk {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Replay> {
        self.replay.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Run {
    pub(crate) fn new(desk: Arc<Desk>) -> Self {
        Self(desk)
    }

    /// The workflow's id.
    pub fn id(&self) -> &str {
        &self.0.id
    }

    /// The run's own id, unique everywhere.
    pub fn run_id(&self) -> &str {
        &self.0.run
    }

    /// The tenant it is run for.
    pub fn tenant(&self) -> &str {
        &self.0.tenant
    }

    /// Who started it.
    pub fn subject(&self) -> &str {
        &self.0.subject
    }

    /// When it was started.
    pub fn started_at(&self) -> Timestamp {
        self.0.started_at
    }

    /// The time of what the code has seen last: the same in every run of the code.
    pub fn now(&self) -> Timestamp {
        self.0.lock().now()
    }

    /// Does something once, and returns what it returned then whenever the code is run again.
    ///
    /// It is done at least once: after a crash, or when an attempt fails, it is begun again under the
    /// same [`Attempt::key`]. Its value is journaled before the code sees it.
    ///
    /// # Errors
    /// The last attempt's failure, or that the workflow is to stop.
    pub async fn step<T, F, Fut>(&self, name: &str, retry: Retry, effect: F) -> Result<T, Failure>
    where
        T: Serialize + DeserializeOwned,
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<T, Failure>> + Send + 'static,
    {
        let command = self.0.lock().step(name, retry, Effect::new(effect))?;
        let value = self.answer(command).await?;
        self.read(&format!("the step `{name}`"), value.as_deref()).await
    }

    /// Waits, also across restarts.
    ///
    /// # Errors
    /// When the workflow is to stop.
    pub async fn sleep(&self, duration: Duration) -> Result<(), Failure> {
        let command = self.0.lock().sleep(duration)?;
        self.answer(command).await.map(drop)
    }

    /// Waits for a signal; none when it did not come in time. Each signal is returned once, in the order
    /// of their arrival, also those that came before the code asked.
    ///
    /// # Errors
    /// When the signal says something else than a `T` (`invalid_signal`), or the workflow is to stop.
    pub async fn signal<T: DeserializeOwned>(
        &self,
        name: &str,
        within: Duration,
    ) -> Result<Option<T>, Failure> {
        let wanted = self.0.lock().signal(name, within)?;
        let payload = match wanted {
            Wanted::Here(payload) => Some(payload),
            Wanted::Later(command) => self.answer(command).await?,
        };
        payload.map(|payload| understood(name, &payload)).transpose()
    }

    /// The signals of this name that have arrived and were not returned yet.
    ///
    /// # Errors
    /// When one of them says something else than a `T` (`invalid_signal`).
    pub fn received<T: DeserializeOwned>(&self, name: &str) -> Result<Vec<T>, Failure> {
        let received = self.0.lock().received(name);
        received.iter().map(|payload| understood(name, payload)).collect()
    }

    /// Shows others how far the workflow is, from 0 to 100, and what it is at.
    pub fn progress(&self, percent: u32, phase: &str) {
        self.0.lock().progress(percent.min(100), phase);
    }

    /// What the query `name` is answered with from now on.
    pub fn show<T: Serialize>(&self, name: &str, value: &T) {
        // A value that is no JSON is shown as nothing rather than as what was there before.
        let value = serde_json::to_value(value).unwrap_or_default();
        self.0.lock().show(name, value);
    }

    /// How to undo what was just done, should the workflow fail, be canceled or run out of time. It is
    /// done as a step, the last first, and whatever comes of one the others follow.
    pub fn undo_with<F, Fut>(&self, name: &str, retry: Retry, effect: F)
    where
        F: Fn(Attempt) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Failure>> + Send + 'static,
    {
        self.0.lock().undo_with(name, retry, Effect::new(effect));
    }

    /// Undoes now what [`Run::undo_with`] said how to undo, the last first, and says what came of it.
    pub async fn undo(&self) -> Vec<Undone> {
        let mut undone = Vec::new();
        loop {
            // The guard must not be held while the step is waited for.
            let next = self.0.lock().next_undo();
            let Some((name, retry, effect)) = next else { break };
            let issued = self.0.lock().step(&format!("undo {name}"), retry, effect);
            let failure = match issued {
                Ok(command) => self.answer(command).await.err(),
                Err(failure) => Some(failure),
            };
            let one = Undone { name, failure };
            self.0.lock().undid(one.clone());
            undone.push(one);
        }
        undone
    }

    fn answer(&self, command: u32) -> Ticket<'_> {
        Ticket { desk: &self.0, command, answered: false }
    }

    async fn read<T: DeserializeOwned>(
        &self,
        what: &str,
        value: Option<&RawValue>,
    ) -> Result<T, Failure> {
        match serde_json::from_str(value.map_or("null", RawValue::get)) {
            Ok(value) => Ok(value),
            Err(error) => {
                let journal = format!("{what} returned something");
                self.0.lock().diverge(journal, format!("it cannot read that now: {error}"));
                // The driver takes it from here; the code goes no further.
                std::future::pending().await
            }
        }
    }
}

fn understood<T: DeserializeOwned>(name: &str, payload: &RawValue) -> Result<T, Failure> {
    serde_json::from_str(payload.get()).map_err(|error| {
        Failure::lasting("invalid_signal", format!("the signal `{name}`: {error}"))
    })
}

/// A wait for a command's answer.
struct Ticket<'a> {
    desk: &'a Desk,
    command: u32,
    answered: bool,
}

impl Future for Ticket<'_> {
    type Output = Answer;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Answer> {
        let answer = self.desk.lock().answer(self.command, context.waker());
        match answer {
            Some(answer) => {
                self.answered = true;
                Poll::Ready(answer)
            }
            None => Poll::Pending,
        }
    }
}

impl Drop for Ticket<'_> {
    fn drop(&mut self) {
        if !self.answered {
            self.desk.lock().abandon(self.command);
        }
    }
}
