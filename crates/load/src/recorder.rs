//! What one worker records for one flow of a load entry, through handles found once.

mod streams;

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, PoisonError};

use seaworthy_base::Instant;
use seaworthy_net::Timings;

use crate::counters::Counters;
use crate::program::{Action, Program};
use crate::series::{Handles, Place, Status, StepHandles};
use crate::step::{Judged, Outcome};
use crate::tags::{Tag, Tags};
use crate::timeline::SharedTimeline;

/// Records for the virtual users of one worker.
#[derive(Debug)]
pub(crate) struct Recorder {
    pub(crate) counters: Counters,
    timeline: SharedTimeline,
    worker: usize,
    phase: Arc<str>,
    program: Arc<Program>,
    open: bool,
    handles: Handles,
    tags: Arc<Tags>,
    tagged: Tagged,
}

/// The handles of steps with tags, by the hash of step and tags.
#[derive(Debug, Default)]
struct Tagged {
    hasher: RandomState,
    known: Mutex<HashMap<u64, Vec<Arc<TaggedStep>>>>,
}

#[derive(Debug)]
struct TaggedStep {
    position: usize,
    tags: Box<[Tag]>,
    handles: StepHandles,
}

/// When a step's time is counted from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Since {
    /// When the step began.
    pub(crate) step: Instant,
    /// When the iteration was due; only for the first step of an open model.
    pub(crate) due: Option<Instant>,
}

/// What a request took and moved.
struct Measured {
    status: Status,
    /// Until the answer or the failure; `None` when nothing could be sent.
    service: Option<u64>,
    timings: Timings,
    sent: u64,
    received: u64,
    /// Whether there was an exchange to take apart.
    exchanged: bool,
    connected: bool,
}

impl Recorder {
    /// Records into the shard of `worker`. `tags` are shared by the recorders of all workers.
    pub(crate) fn new(
        timeline: SharedTimeline,
        worker: usize,
        phase: Arc<str>,
        program: Arc<Program>,
        open: bool,
        tags: Arc<Tags>,
    ) -> Self {
        let place = Place { timeline: &timeline, worker, phase: &phase, program: &program };
        let handles = place.handles();
        let (counters, tagged) = (Counters::default(), Tagged::default());
        Self { counters, timeline, worker, phase, program, open, handles, tags, tagged }
    }

    /// A step that came to an end, well or not, with the tags it gives what is recorded.
    #[expect(clippy::too_many_arguments, reason = "all of a step's end, from the one caller")]
    pub(crate) fn step(
        &self,
        position: usize,
        outcome: &Outcome,
        judged: &Judged,
        since: Since,
        now: Instant,
        tags: &[Tag],
        explain: impl Fn() -> String,
    ) {
        let measured = Measured::of(outcome);
        if tags.is_empty() {
            let handles = &self.handles.steps[position];
            self.request(position, handles, &[], &measured, judged, Some(since), now);
        } else {
            let step = self.tagged(position, tags);
            let since = Some(since);
            self.request(position, &step.handles, &step.tags, &measured, judged, since, now);
        }
        Counters::add(&self.counters.requests);
        if judged.failed {
            Counters::add(&self.counters.failed);
        }
        if !judged.is_clean() {
            let step = &self.program.steps[position];
            let first = judged.checks.iter().position(|passed| !passed);
            let code = match (measured.status, first) {
                (Status::Error(code), _) => code.to_owned(),
                (Status::Code(code), _) if judged.failed => format!("status {code}"),
                (_, Some(check)) => format!("check {}", step.checks[check]),
                (_, None) => return,
            };
            self.counters.fail(&step.name, code, explain);
        }
    }

    #[expect(clippy::too_many_arguments, reason = "all of a request, for one lock")]
    fn request(
        &self,
        position: usize,
        handles: &StepHandles,
        tags: &[Tag],
        measured: &Measured,
        judged: &Judged,
        since: Option<Since>,
        now: Instant,
    ) {
        let place = self.place();
        let requests = handles.requests(measured.status, &place, position, tags);
        let opening = measured
            .connected
            .then(|| *handles.opening.get_or_init(|| place.opening(position, tags)));
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        let writer = &mut shard.writer;
        let timings = &measured.timings;
        if let Some(service) = measured.service {
            let response_time = since.map(|since| match since {
                Since { due: Some(due), .. } => nanos(due, now),
                Since { step, .. } if self.open => nanos(step, now),
                _ => service,
            });
            if let Some(response_time) = response_time {
                writer.trend(handles.response_time, second, response_time);
            }
            writer.trend(handles.duration, second, service);
            writer.counter(handles.sent, second, measured.sent as f64);
            writer.counter(handles.received, second, measured.received as f64);
        }
        if measured.exchanged {
            writer.trend(handles.sending, second, timings.sending);
            writer.trend(handles.waiting, second, timings.waiting);
            writer.trend(handles.receiving, second, timings.receiving);
        }
        if let Some(opening) = opening {
            writer.trend(opening.blocked, second, timings.blocked);
            let parts = [
                (opening.looking_up, timings.looking_up),
                (opening.connecting, timings.connecting),
                (opening.tls, timings.tls),
            ];
            for (series, part) in parts.into_iter().filter(|(_, part)| *part > 0) {
                writer.trend(series, second, part);
            }
        }
        writer.rate(handles.failed, second, judged.failed);
        writer.counter(requests, second, 1.0);
        for (check, passed) in handles.checks.iter().zip(judged.checks.iter()) {
            writer.rate(*check, second, passed);
        }
    }

    /// An iteration that ran to its end. `since` is when it was due (open) or began (closed).
    pub(crate) fn iteration(&self, since: Instant, now: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.writer.counter(self.handles.iterations, second, 1.0);
        shard.writer.trend(self.handles.iteration_duration, second, nanos(since, now));
        drop(shard);
        Counters::add(&self.counters.completed);
    }

    /// An iteration that a failed step ended early. It has no duration: it was not done.
    pub(crate) fn failed_iteration(&self, now: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.writer.counter(self.handles.failed_iterations, second, 1.0);
        drop(shard);
        Counters::add(&self.counters.failed_iterations);
    }

    /// An iteration that was cut off under way. The step that was waited for, if any, is recorded
    /// with its age so far: the true time can only be longer.
    pub(crate) fn cut(&self, under_way: Option<(usize, Since)>, now: Instant) {
        let age = under_way
            .map(|(position, since)| (position, nanos(since.due.unwrap_or(since.step), now)));
        self.interrupted(age, now);
        Counters::add(&self.counters.cut);
    }

    /// An arrival that was still waiting when the graceful stop was over.
    pub(crate) fn expired(&self, due: Instant, now: Instant) {
        self.interrupted(Some((self.program.starts, nanos(due, now))), now);
        Counters::add(&self.counters.expired);
    }

    fn interrupted(&self, age: Option<(usize, u64)>, now: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.writer.counter(self.handles.interrupted, second, 1.0);
        // A wait for an event, or an exchange of messages, has no response time.
        let of_request = |(position, _): &(usize, u64)| {
            matches!(self.program.steps[*position].action, Action::Call(_))
        };
        if let Some((position, age)) = age.filter(of_request) {
            shard.writer.trend(self.handles.steps[position].response_time, second, age);
            self.counters.note_cut(age);
        }
    }

    /// Iterations that were to be made and never began.
    pub(crate) fn dropped(&self, count: u64, now: Instant) {
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        shard.writer.counter(self.handles.dropped, second, count as f64);
        drop(shard);
        self.counters.dropped.fetch_add(count, std::sync::atomic::Ordering::Relaxed);
    }

    fn place(&self) -> Place<'_> {
        let Self { timeline, worker, phase, program, .. } = self;
        Place { timeline, worker: *worker, phase, program }
    }

    /// The handles of a step with tags. Known sets are found without allocating.
    fn tagged(&self, position: usize, tags: &[Tag]) -> Arc<TaggedStep> {
        let Tagged { hasher, known } = &self.tagged;
        let find = |tags: &[Tag]| {
            let hash = hasher.hash_one((position, tags));
            let known = known.lock().unwrap_or_else(PoisonError::into_inner);
            let same = |step: &&Arc<TaggedStep>| step.position == position && *step.tags == *tags;
            (hash, known.get(&hash).and_then(|steps| steps.iter().find(same)).cloned())
        };
        if let (_, Some(step)) = find(tags) {
            return step;
        }
        let tags = self.tags.admit(position, tags);
        let (hash, step) = find(&tags);
        step.unwrap_or_else(|| {
            let handles = self.place().step(position, &tags);
            let step = Arc::new(TaggedStep { position, tags, handles });
            let mut known = known.lock().unwrap_or_else(PoisonError::into_inner);
            known.entry(hash).or_default().push(Arc::clone(&step));
            step
        })
    }
}

impl Measured {
    fn of(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Answered(response) => Self {
                status: Status::Code(response.status),
                service: Some(response.timings.service()),
                timings: response.timings,
                sent: response.bytes_sent,
                received: response.bytes_received,
                exchanged: true,
                connected: response.connected,
            },
            // No answer: the time until the failure, connecting included.
            Outcome::Failed(failure) => Self {
                status: Status::Error(failure.code()),
                service: Some(failure.timings.total()),
                timings: failure.timings,
                sent: failure.bytes_sent,
                received: failure.bytes_received,
                exchanged: failure.timings.service() > 0,
                connected: failure.timings.connecting > 0 || failure.timings.looking_up > 0,
            },
            Outcome::Unfilled(_) => Self {
                status: Status::Error("template_unfilled"),
                service: None,
                timings: Timings::default(),
                sent: 0,
                received: 0,
                exchanged: false,
                connected: false,
            },
        }
    }
}

/// Nanoseconds from one moment to another.
pub(crate) fn nanos(from: Instant, to: Instant) -> u64 {
    u64::try_from(to.saturating_duration_since(from).as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use seaworthy_base::Clock;
    use seaworthy_stats::timeline::Window;

    use super::*;
    use crate::scope::Unfilled;
    use crate::tags::{MOST_VALUES, OTHERS};
    use crate::{check, spec};

    #[test]
    fn tags_of_a_step_are_series_of_their_own_up_to_a_bound() {
        let yaml = "[{name: f, steps: [{name: s, request: GET http://localhost/}]}]";
        let typed: Vec<spec::Flow> = seaworthy_document::yaml("p", yaml).unwrap();
        let known =
            check::Known { file: "p", targets: [].into(), names: [].into(), ..Default::default() };
        let (flows, findings) = check::flows(&known, &typed);
        assert_eq!(findings, []);
        let program = Program::compile(&flows[0], &BTreeMap::new(), &BTreeMap::new()).unwrap();
        let clock = Clock::system();
        let timeline = SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new());
        let tags: Arc<Tags> = Arc::default();
        // Two workers: the bound holds for both together.
        let recorders = [0, 1].map(|worker| {
            let (program, tags) = (Arc::clone(&program), Arc::clone(&tags));
            Recorder::new(timeline.clone(), worker, "phase".into(), program, false, tags)
        });
        let (user, now): (Arc<str>, _) = ("user".into(), clock.now());
        let outcome = Outcome::Unfilled(Unfilled("no value".to_owned()));
        let judged = Judged { failed: true, ends: true, ..Judged::default() };
        for value in 0..150 {
            for (worker, times) in [(0, 2), (1, 1)] {
                for _ in 0..times {
                    let tags = [(Arc::clone(&user), format!("u{value}"))];
                    let since = Since { step: now, due: None };
                    recorders[worker].step(0, &outcome, &judged, since, now, &tags, String::new);
                }
            }
        }
        let timeline = timeline.snapshot();
        let count = |user: &str| {
            let tags = [("user", user), ("step", "s"), ("status", "error:template_unfilled")];
            let tags = tags.map(|(tag, value)| (tag.to_owned(), value.to_owned())).into();
            timeline.select("http_reqs", &tags).total(Window::new(0, 100)).sum as u64
        };
        assert_eq!((count("u0"), count("u99"), count("u100")), (3, 3, 0));
        assert_eq!(count(OTHERS), 150);
        let exploded = tags.exploded(|_| "s".to_owned());
        assert_eq!((exploded.len(), exploded[0].requests), (1, 150));
        let series = timeline.select("http_req_failed", &BTreeMap::new()).series().len();
        // Each value, the others, and the step without tags.
        assert_eq!(series, MOST_VALUES + 2);
    }
}
