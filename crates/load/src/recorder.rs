//! What one virtual user records, through handles found once; and the counters a phase shows live.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_base::Instant;
use seaworthy_stats::timeline::SeriesId;

use crate::series::{Handles, Register};
use crate::step::{Judged, Outcome};

/// Kinds of failures kept with an example for the report.
const MOST_FAILURES: usize = 50;

/// A load entry's counters. Shared by its virtual users and whoever watches.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) arrivals: AtomicU64,
    pub(crate) started: AtomicU64,
    pub(crate) completed: AtomicU64,
    pub(crate) dropped: AtomicU64,
    pub(crate) failed_iterations: AtomicU64,
    pub(crate) interrupted: AtomicU64,
    pub(crate) requests: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) vus: AtomicI64,
    pub(crate) in_flight: AtomicI64,
    pub(crate) backlog: AtomicU64,
    /// Age of the youngest iteration that was cut off, in nanoseconds plus one; 0 for none.
    pub(crate) youngest_cut: AtomicU64,
    pub(crate) failures: Mutex<BTreeMap<(String, String), Failures>>,
}

/// Failures of one kind in one step: how many, and what the first one was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures {
    /// The step.
    pub step: String,
    /// The error's code, `status 500`, or `check` with its name.
    pub code: String,
    /// How many.
    pub count: u64,
    /// The first one in words, with the beginning of the body.
    pub example: String,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn cut(&self, age: u64) {
        let age = age.saturating_add(1);
        let keep = |youngest: u64| (youngest == 0 || age < youngest).then_some(age);
        // Failing to exchange means that a younger one is already noted.
        let _ = self.youngest_cut.fetch_update(Ordering::Relaxed, Ordering::Relaxed, keep);
    }

    fn fail(&self, step: &str, code: String, explain: impl FnOnce() -> String) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        let full = failures.len() >= MOST_FAILURES;
        let key = (step.to_owned(), code);
        if let Some(known) = failures.get_mut(&key) {
            known.count += 1;
        } else if !full {
            let (step, code) = key.clone();
            failures.insert(key, Failures { step, code, count: 1, example: explain() });
        }
    }
}

/// Records for one virtual user.
#[derive(Debug)]
pub(crate) struct Recorder {
    register: Arc<Register>,
    worker: usize,
    counters: Arc<Counters>,
    handles: Arc<Handles>,
    /// `http_reqs` by step and status, found when first needed.
    requests: Vec<(usize, Status, SeriesId)>,
    open: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Status {
    Code(u16),
    Error(&'static str),
}

/// When a step's time is counted from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    /// When the step began.
    pub(crate) step: Instant,
    /// When the iteration was due; only for the first step of an open model.
    pub(crate) due: Option<Instant>,
}

impl Recorder {
    pub(crate) fn new(
        register: Arc<Register>,
        worker: usize,
        counters: Arc<Counters>,
        open: bool,
    ) -> Self {
        let handles = register.handles(worker);
        Self { register, worker, counters, handles, requests: Vec::new(), open }
    }

    pub(crate) fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// A step that came to an end, well or not.
    pub(crate) fn step(
        &mut self,
        position: usize,
        outcome: &Outcome,
        judged: &Judged,
        since: Since,
        now: Instant,
        explain: impl Fn() -> String,
    ) {
        let (status, service) = match outcome {
            Outcome::Answered(response) => {
                (Status::Code(response.status), Some(response.timings.service()))
            }
            // No answer: the time until the failure, connecting included.
            Outcome::Failed(failure) => {
                (Status::Error(failure.code()), Some(failure.timings.total()))
            }
            Outcome::Unfilled(_) => (Status::Error("template_unfilled"), None),
        };
        let requests = self.requests(position, status);
        let second = self.register.timeline.second(now);
        let handles = &self.handles.steps[position];
        let mut shard = self.register.timeline.shard(self.worker);
        if let Some(service) = service {
            let response_time = match since {
                Since { due: Some(due), .. } => nanos(due, now),
                Since { step, .. } if self.open => nanos(step, now),
                _ => service,
            };
            shard.response_time(handles.response_time, second, response_time);
            shard.timeline.record_trend_at(handles.duration, second, service);
        }
        shard.timeline.record_rate_at(handles.failed, second, judged.failed);
        shard.timeline.record_counter_at(requests, second, 1.0);
        for (check, passed) in handles.checks.iter().zip(&judged.checks) {
            shard.timeline.record_rate_at(*check, second, *passed);
        }
        drop(shard);
        Counters::add(&self.counters.requests);
        if judged.failed {
            Counters::add(&self.counters.failed);
        }
        if !judged.is_clean() {
            let step = &self.register.program.steps[position];
            let first = judged.checks.iter().position(|passed| !passed);
            let code = match (status, first) {
                (Status::Error(code), _) => code.to_owned(),
                (Status::Code(code), _) if judged.failed => format!("status {code}"),
                (_, Some(check)) => format!("check {}", step.checks[check]),
                (_, None) => return,
            };
            self.counters.fail(&step.name, code, explain);
        }
    }

    /// An iteration that ran to its end. `since` is when it was due (open) or began (closed).
    pub(crate) fn iteration(&self, since: Instant, now: Instant) {
        let second = self.register.timeline.second(now);
        let mut shard = self.register.timeline.shard(self.worker);
        shard.timeline.record_counter_at(self.handles.iterations, second, 1.0);
        let nanos = nanos(since, now);
        shard.timeline.record_trend_at(self.handles.iteration_duration, second, nanos);
        drop(shard);
        Counters::add(&self.counters.completed);
    }

    /// An iteration that a failed step ended early. It has no duration: it was not done.
    pub(crate) fn failed_iteration(&self, now: Instant) {
        let second = self.register.timeline.second(now);
        let mut shard = self.register.timeline.shard(self.worker);
        shard.timeline.record_counter_at(self.handles.failed_iterations, second, 1.0);
        drop(shard);
        Counters::add(&self.counters.failed_iterations);
    }

    /// An iteration that was cut off. The step that was under way, if any, is recorded with its age
    /// so far: the true time can only be longer.
    pub(crate) fn interrupted(&self, under_way: Option<(usize, Since)>, now: Instant) {
        let second = self.register.timeline.second(now);
        let mut shard = self.register.timeline.shard(self.worker);
        shard.timeline.record_counter_at(self.handles.interrupted, second, 1.0);
        if let Some((position, since)) = under_way {
            let age = nanos(since.due.unwrap_or(since.step), now);
            shard.response_time(self.handles.steps[position].response_time, second, age);
            self.counters.cut(age);
        }
        drop(shard);
        Counters::add(&self.counters.interrupted);
    }

    /// An arrival that overflowed the backlog.
    pub(crate) fn dropped(&self, now: Instant) {
        let second = self.register.timeline.second(now);
        let mut shard = self.register.timeline.shard(self.worker);
        shard.timeline.record_counter_at(self.handles.dropped, second, 1.0);
        drop(shard);
        Counters::add(&self.counters.dropped);
    }

    fn requests(&mut self, position: usize, status: Status) -> SeriesId {
        let known =
            |(step, other, _): &&(usize, Status, SeriesId)| *step == position && *other == status;
        if let Some((_, _, id)) = self.requests.iter().find(known) {
            return *id;
        }
        let text = match status {
            Status::Code(code) => code.to_string(),
            Status::Error(code) => format!("error:{code}"),
        };
        let id = self.register.requests(self.worker, position, &text);
        self.requests.push((position, status, id));
        id
    }
}

/// Nanoseconds from one moment to another.
pub(crate) fn nanos(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}
