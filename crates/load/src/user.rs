//! A virtual user: one client, one scope, iterations one after another.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::{Clock, Instant};
use seaworthy_net::Client;
use tokio_util::sync::CancellationToken;

use crate::pacer::Timer;
use crate::program::Program;
use crate::recorder::{Counters, Recorder, Since};
use crate::scope::Scope;
use crate::series::Register;
use crate::step::Outcome;

/// What a virtual user is made from; one per load entry.
#[derive(Debug)]
pub(crate) struct Recruit {
    pub(crate) client: Arc<seaworthy_net::Options>,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    pub(crate) seed: u64,
    pub(crate) register: Arc<Register>,
    pub(crate) counters: Arc<Counters>,
    /// The next iteration's number within the flow and phase.
    pub(crate) index: Arc<AtomicU64>,
    /// Users before this entry's in the phase.
    pub(crate) first: u64,
    pub(crate) open: bool,
}

impl Recruit {
    /// A recorder that writes to the shard of virtual user `number`.
    pub(crate) fn recorder(&self, number: u64) -> Recorder {
        Recorder::new(
            Arc::clone(&self.register),
            usize::try_from(self.first + number).unwrap_or(0),
            Arc::clone(&self.counters),
            self.open,
        )
    }

    /// Virtual user `number` of the entry, from 0.
    pub(crate) fn user(&self, number: u64) -> User {
        let recorder = self.recorder(number);
        self.counters.vus.fetch_add(1, Ordering::Relaxed);
        User {
            program: Arc::clone(&self.register.program),
            client: Client::new(Arc::clone(&self.client)),
            scope: Scope::new(self.register.program.slots, self.clock.clone(), self.seed),
            clock: self.clock.clone(),
            number: self.first + number + 1,
            iteration: 0,
            recorder,
            under_way: None,
        }
    }

    pub(crate) fn next_index(&self) -> u64 {
        self.index.fetch_add(1, Ordering::Relaxed)
    }
}

/// A virtual user. It counts as one of the entry's from when it is made until it is dropped.
#[derive(Debug)]
pub(crate) struct User {
    program: Arc<Program>,
    client: Client,
    scope: Scope,
    clock: Clock,
    number: u64,
    iteration: u64,
    recorder: Recorder,
    /// The step that is waiting for its answer; outlives an iteration that is cut off.
    under_way: Option<(usize, Since)>,
}

impl User {
    /// Runs one iteration, unless `cut` ends it. `due` is when it was to begin (open models).
    pub(crate) async fn iterate(
        &mut self,
        index: u64,
        due: Option<Instant>,
        cut: &CancellationToken,
    ) {
        let counters = Arc::clone(self.recorder.counters());
        Counters::add(&counters.started);
        counters.in_flight.fetch_add(1, Ordering::Relaxed);
        self.scope.begin(self.number, self.iteration, index);
        self.iteration += 1;
        let began = self.clock.now();
        self.under_way = Some((0, Since { step: began, due }));
        let ended = tokio::select! {
            biased;
            done = self.run(due) => Some(done),
            () = cut.cancelled() => None,
        };
        let now = self.clock.now();
        match ended {
            Some(true) => self.recorder.iteration(due.unwrap_or(began), now),
            Some(false) => self.recorder.failed_iteration(now),
            None => {
                let under_way = self.under_way.take();
                self.recorder.interrupted(under_way, now);
            }
        }
        counters.in_flight.fetch_sub(1, Ordering::Relaxed);
    }

    /// Draws the variables and does the steps; whether all of them were done.
    async fn run(&mut self, due: Option<Instant>) -> bool {
        let program = Arc::clone(&self.program);
        let unfilled = program.draw(&mut self.scope).err();
        if let Some(unfilled) = unfilled {
            // Nothing can be asked: the first step fails in its place.
            let outcome = Outcome::Unfilled(unfilled);
            self.finish(0, &outcome, Since { step: self.clock.now(), due });
            return false;
        }
        for (position, step) in program.steps.iter().enumerate() {
            let due = due.filter(|_| position == 0);
            let since = Since { step: self.clock.now(), due };
            self.under_way = Some((position, since));
            let outcome = step.perform(&self.scope, &mut self.client).await;
            let goes_on = self.finish(position, &outcome, since);
            self.under_way = None;
            step.pause(&mut self.scope).await;
            if !goes_on {
                return false;
            }
        }
        true
    }

    /// Judges and records a step; whether the iteration goes on.
    fn finish(&mut self, position: usize, outcome: &Outcome, since: Since) -> bool {
        let now = self.clock.now();
        let step = &self.program.steps[position];
        let judged = step.judge(outcome, &mut self.scope);
        let scope = &self.scope;
        let program = &self.program;
        let explain = || scope.without(program.extracts(), step.explain(outcome, &judged, scope));
        self.recorder.step(position, outcome, &judged, since, now, explain);
        !judged.ends
    }
}

impl Drop for User {
    fn drop(&mut self) {
        self.recorder.counters().vus.fetch_sub(1, Ordering::Relaxed);
    }
}
