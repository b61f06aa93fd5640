//! A virtual user: one client, a scope for each flow, iterations one after another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use seaworthy_base::Instant;
use seaworthy_net::Response;
use seaworthy_net::session::Session;

use crate::cast::{Turn, VirtualUser};
use crate::counters::Counters;
use crate::links::Links;
use crate::program::Program;
use crate::recorder::{Recorder, Since};
use crate::recruit::{Lane, Recruit};
use crate::scope::{OutOfRows, Scope};
use crate::step::{Done, Outcome};

/// A virtual user. It counts as one of the entry's from when it is made until it is dropped; an
/// iteration that is under way then was cut off.
#[derive(Debug)]
pub(crate) struct User {
    recruit: Arc<Recruit>,
    session: Session,
    /// One for each of the entry's flows.
    scopes: Box<[Scope]>,
    links: Box<[Links]>,
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
        let scope = |lane: &Lane| lane.program.scope(recruit.clock.clone(), lane.seed);
        let links = |lane: &Lane| Links::new(&lane.program, Arc::clone(&recruit.client));
        for lane in &recruit.lanes {
            lane.recorders[worker].counters.vus.fetch_add(1, Ordering::Relaxed);
        }
        Self {
            session: Session::new(Arc::clone(&recruit.client)),
            scopes: recruit.lanes.iter().map(scope).collect(),
            links: recruit.lanes.iter().map(links).collect(),
            worker,
            number: recruit.first + number + 1,
            iteration: 0,
            now: recruit.clock.now(),
            lane: None,
            under_way: None,
            recruit,
        }
    }

    /// Draws the variables and does the steps, those of `start` where they are not done yet;
    /// whether all of them were done.
    async fn run(&mut self, lane: usize, due: Option<Instant>) -> bool {
        // Taken apart, so that no step counts references that all workers share.
        let Self { recruit, session, scopes, links, worker, now, under_way, .. } = self;
        let clock = &recruit.clock;
        let (program, recorder) = (&*recruit.lanes[lane].program, recruit.recorder(lane, *worker));
        let (scope, links) = (&mut scopes[lane], &mut links[lane]);
        if let Err(unfilled) = program.draw(scope) {
            // Nothing can be asked: the first step fails in its place.
            let since = Since { step: *now, due };
            let done = Done::Call(Outcome::Unfilled(unfilled));
            finish(program, program.starts, recorder, scope, &done, &[], since, *now);
            return false;
        }
        links.begin(session);
        if !streams_last(program, recorder, links, *now) {
            return false;
        }
        let first = if links.must_start() { 0 } else { program.starts };
        for (position, step) in program.steps.iter().enumerate().skip(first) {
            let since = Since { step: *now, due: due.filter(|_| position == program.starts) };
            *under_way = Some((position, since));
            let done = step.perform(scope, session, links).await;
            *now = clock.now();
            let hops = links.take_hops();
            // What was followed is part of what the user waited for, in a closed model too.
            let since = match hops.is_empty() {
                true => since,
                false => Since { due: since.due.or(Some(since.step)), ..since },
            };
            let goes_on = finish(program, position, recorder, scope, &done, &hops, since, *now);
            *under_way = None;
            // After what failed on it was recorded: an entry that ends meanwhile loses nothing.
            links.part().await;
            if step.pause.is_some() {
                step.pause(scope).await;
                *now = clock.now();
            }
            if !goes_on {
                *now = clock.now();
                return false;
            }
            if position + 1 == program.starts {
                links.started(session);
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

impl VirtualUser for User {
    fn now(&self) -> Instant {
        self.now
    }

    /// `false` when a data file has no row left for the iteration.
    async fn iterate(&mut self, turn: Turn, due: Option<Instant>) -> bool {
        let Turn { lane, index } = turn;
        if due.is_some() {
            // Idle until now.
            self.look();
        }
        self.scopes[lane].begin(self.number, self.iteration, index);
        self.iteration += 1;
        if let Err(OutOfRows(data)) = self.scopes[lane].take_rows() {
            self.recorder(lane).without_row(&data, self.now);
            tokio::task::coop::consume_budget().await;
            return false;
        }
        self.lane = Some(lane);
        Counters::add(&self.recorder(lane).counters.started);
        let began = self.now;
        let first = self.recruit.lanes[lane].program.starts;
        self.under_way = Some((first, Since { step: began, due }));
        let done = self.run(lane, due).await;
        match done {
            true => self.recorder(lane).iteration(due.unwrap_or(began), self.now),
            false => self.recorder(lane).failed_iteration(self.now),
        }
        (self.lane, self.under_way) = (None, None);
        // A flow that never waits must still let others have their turn.
        tokio::task::coop::consume_budget().await;
        true
    }
}

/// Whether every stream that was open still is.
fn streams_last(program: &Program, recorder: &Recorder, links: &mut Links, now: Instant) -> bool {
    let look = links.look();
    let lost = look.lost.as_ref().map(|(stream, _)| *stream);
    for (stream, events) in look.passed {
        recorder.passed_over(program.opener(stream), events, now);
        if lost != Some(stream) {
            recorder.still_open(program.opener(stream), now);
        }
    }
    let Some((stream, missed)) = look.lost else { return true };
    recorder.lost(program.opener(stream), &missed, now);
    false
}

/// Judges and records a step; whether the iteration goes on.
#[expect(clippy::too_many_arguments, reason = "the user, taken apart, and what came of its step")]
fn finish(
    program: &Program,
    position: usize,
    recorder: &Recorder,
    scope: &mut Scope,
    done: &Done,
    hops: &[Response],
    since: Since,
    now: Instant,
) -> bool {
    let step = &program.steps[position];
    let judged = step.judge(done, scope);
    let scope = &*scope;
    let tags = step.tags(scope);
    let explain = || scope.without(program.extracts(), step.explain(done, &judged, scope));
    for hop in hops {
        recorder.hop(position, hop, now, &tags);
    }
    match done {
        Done::Call(outcome) => {
            recorder.step(position, outcome, &judged, since, now, &tags, explain);
        }
        Done::Wait(wait) => {
            recorder.wait(position, wait, &judged, now, &tags, explain);
            if let (Some(stream), Err(missed)) = (wait.lost, &wait.result) {
                recorder.lost(program.opener(stream), missed, now);
            }
        }
        Done::Talk(talk) => recorder.talk(position, talk, &judged, now, &tags, explain),
    }
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
