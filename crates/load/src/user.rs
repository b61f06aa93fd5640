//! A virtual user: one client, a scope for each flow, iterations one after another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use seaworthy_base::Instant;
use seaworthy_net::Client;

use crate::counters::Counters;
use crate::program::Program;
use crate::recorder::{Recorder, Since};
use crate::recruit::{Lane, Recruit, Turn};
use crate::scope::Scope;
use crate::step::Outcome;

/// A virtual user. It counts as one of the entry's from when it is made until it is dropped; an
/// iteration that is under way then was cut off.
#[derive(Debug)]
pub(crate) struct User {
    recruit: Arc<Recruit>,
    client: Client,
    /// One for each of the entry's flows.
    scopes: Box<[Scope]>,
    worker: usize,
    number: u64,
    iteration: u64,
    /// When the user last looked at the clock.
    now: Instant,
    /// The lane of the iteration under way.
    lane: Option<usize>,
    /// The step that is waiting for its answer.
    under_way: Option<(usize, Since)>,
}

impl User {
    /// User `number` of the entry, from 0, at `worker`.
    pub(crate) fn new(recruit: Arc<Recruit>, number: u64, worker: usize) -> Self {
        let scope = |lane: &Lane| Scope::new(lane.program.slots, recruit.clock.clone(), lane.seed);
        for lane in &recruit.lanes {
            lane.recorders[worker].counters.vus.fetch_add(1, Ordering::Relaxed);
        }
        Self {
            client: Client::new(Arc::clone(&recruit.client)),
            scopes: recruit.lanes.iter().map(scope).collect(),
            worker,
            number: recruit.first + number + 1,
            iteration: 0,
            now: recruit.clock.now(),
            lane: None,
            under_way: None,
            recruit,
        }
    }

    /// When the user last looked at the clock: when it was made, or its last iteration ended.
    pub(crate) fn now(&self) -> Instant {
        self.now
    }

    /// Runs one iteration. `due` is when it was to begin (open models).
    pub(crate) async fn iterate(&mut self, turn: Turn, due: Option<Instant>) {
        let Turn { lane, index } = turn;
        if due.is_some() {
            // Idle until now.
            self.look();
        }
        self.lane = Some(lane);
        Counters::add(&self.recorder(lane).counters.started);
        self.scopes[lane].begin(self.number, self.iteration, index);
        self.iteration += 1;
        let began = self.now;
        self.under_way = Some((0, Since { step: began, due }));
        let done = self.run(lane, due).await;
        match done {
            true => self.recorder(lane).iteration(due.unwrap_or(began), self.now),
            false => self.recorder(lane).failed_iteration(self.now),
        }
        (self.lane, self.under_way) = (None, None);
        // A flow that never waits must still let others have their turn.
        tokio::task::coop::consume_budget().await;
    }

    /// Draws the variables and does the steps; whether all of them were done.
    async fn run(&mut self, lane: usize, due: Option<Instant>) -> bool {
        // Taken apart, so that no step counts references that all workers share.
        let Self { recruit, client, scopes, worker, now, under_way, .. } = self;
        let clock = &recruit.clock;
        let (program, recorder) = (&*recruit.lanes[lane].program, recruit.recorder(lane, *worker));
        let scope = &mut scopes[lane];
        if let Err(unfilled) = program.draw(scope) {
            // Nothing can be asked: the first step fails in its place.
            let since = Since { step: *now, due };
            finish(program, 0, recorder, scope, &Outcome::Unfilled(unfilled), since, *now);
            return false;
        }
        for (position, step) in program.steps.iter().enumerate() {
            let since = Since { step: *now, due: due.filter(|_| position == 0) };
            *under_way = Some((position, since));
            let outcome = step.perform(scope, client).await;
            *now = clock.now();
            let goes_on = finish(program, position, recorder, scope, &outcome, since, *now);
            *under_way = None;
            if step.pause.is_some() {
                step.pause(scope).await;
                *now = clock.now();
            }
            if !goes_on {
                return false;
            }
        }
        true
    }

    fn look(&mut self) {
        self.now = self.recruit.clock.now();
    }

    fn recorder(&self, lane: usize) -> &Recorder {
        self.recruit.recorder(lane, self.worker)
    }
}

/// Judges and records a step; whether the iteration goes on.
fn finish(
    program: &Program,
    position: usize,
    recorder: &Recorder,
    scope: &mut Scope,
    outcome: &Outcome,
    since: Since,
    now: Instant,
) -> bool {
    let step = &program.steps[position];
    let judged = step.judge(outcome, scope);
    let scope = &*scope;
    let explain = || scope.without(program.extracts(), step.explain(outcome, &judged, scope));
    recorder.step(position, outcome, &judged, since, now, &[], explain);
    !judged.ends
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some(lane) = self.lane {
            self.recorder(lane).cut(self.under_way, self.recruit.clock.now());
        }
        for lane in &self.recruit.lanes {
            lane.recorders[self.worker].counters.vus.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
