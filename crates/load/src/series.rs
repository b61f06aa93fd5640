//! The series of a flow: where its measurements go, found once for each worker.

use std::sync::{Mutex, OnceLock, PoisonError};

use seaworthy_stats::timeline::{Key, Kind, SeriesId};

use crate::program::Program;
use crate::tags::Tag;
use crate::timeline::SharedTimeline;

/// Where the series of a flow are: phase and flow in one shard of the timeline.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) timeline: &'a SharedTimeline,
    pub(crate) worker: usize,
    pub(crate) phase: &'a str,
    pub(crate) program: &'a Program,
}

/// The handles of a flow's series in one shard.
#[derive(Debug)]
pub(crate) struct Handles {
    pub(crate) iterations: SeriesId,
    pub(crate) iteration_duration: SeriesId,
    pub(crate) failed_iterations: SeriesId,
    pub(crate) interrupted: SeriesId,
    pub(crate) dropped: SeriesId,
    pub(crate) steps: Vec<StepHandles>,
}

/// The handles of a step's series, for one set of tags.
#[derive(Debug)]
pub(crate) struct StepHandles {
    pub(crate) response_time: SeriesId,
    pub(crate) duration: SeriesId,
    pub(crate) sending: SeriesId,
    pub(crate) waiting: SeriesId,
    pub(crate) receiving: SeriesId,
    pub(crate) failed: SeriesId,
    pub(crate) sent: SeriesId,
    pub(crate) received: SeriesId,
    pub(crate) checks: Vec<SeriesId>,
    pub(crate) opening: OnceLock<OpeningHandles>,
    /// `http_reqs` with the status that came first, which most often is the only one.
    first: OnceLock<(Status, SeriesId)>,
    others: Mutex<Vec<(Status, SeriesId)>>,
}

/// The parts of a request that only one over a new connection has.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OpeningHandles {
    pub(crate) blocked: SeriesId,
    pub(crate) looking_up: SeriesId,
    pub(crate) connecting: SeriesId,
    pub(crate) tls: SeriesId,
}

/// What a request ended with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Code(u16),
    Error(&'static str),
}

impl Place<'_> {
    /// The handles of the flow and of its steps without tags of their own.
    pub(crate) fn handles(&self) -> Handles {
        let mut shard = self.timeline.shard(self.worker);
        let tags = [("phase", self.phase), ("flow", self.program.flow.as_str())];
        let mut flow = |metric: &str, kind| shard.series(&Key::new(metric, tags), kind);
        let iterations = flow("iterations", Kind::Counter);
        let iteration_duration = flow("iteration_duration", Kind::Trend);
        let failed_iterations = flow("failed_iterations", Kind::Counter);
        let interrupted = flow("interrupted_iterations", Kind::Counter);
        let dropped = flow("dropped_iterations", Kind::Counter);
        drop(shard);
        let steps = (0..self.program.steps.len()).map(|position| self.step(position, &[]));
        let steps = steps.collect();
        Handles { iterations, iteration_duration, failed_iterations, interrupted, dropped, steps }
    }

    /// The handles of the step at `position` with these tags.
    pub(crate) fn step(&self, position: usize, tags: &[Tag]) -> StepHandles {
        let step = &self.program.steps[position];
        let of_step = |metric: &str, kind| self.find(metric, ("step", &step.name), tags, kind);
        let of_check = |check: &String| self.find("checks", ("check", check), tags, Kind::Rate);
        StepHandles {
            response_time: of_step("response_time", Kind::Trend),
            duration: of_step("http_req_duration", Kind::Trend),
            sending: of_step("http_req_sending", Kind::Trend),
            waiting: of_step("http_req_waiting", Kind::Trend),
            receiving: of_step("http_req_receiving", Kind::Trend),
            failed: of_step("http_req_failed", Kind::Rate),
            sent: of_step("data_sent", Kind::Counter),
            received: of_step("data_received", Kind::Counter),
            checks: step.checks.iter().map(of_check).collect(),
            opening: OnceLock::new(),
            first: OnceLock::new(),
            others: Mutex::default(),
        }
    }

    /// The handles of what only a new connection has.
    pub(crate) fn opening(&self, position: usize, tags: &[Tag]) -> OpeningHandles {
        let step = ("step", self.program.steps[position].name.as_str());
        let of_step = |metric: &str| self.find(metric, step, tags, Kind::Trend);
        OpeningHandles {
            blocked: of_step("http_req_blocked"),
            looking_up: of_step("http_req_looking_up"),
            connecting: of_step("http_req_connecting"),
            tls: of_step("http_req_tls_handshaking"),
        }
    }

    pub(crate) fn find(
        &self,
        metric: &str,
        own: (&str, &str),
        tags: &[Tag],
        kind: Kind,
    ) -> SeriesId {
        self.timeline.shard(self.worker).series(&self.key(metric, own, tags), kind)
    }

    pub(crate) fn key(&self, metric: &str, own: (&str, &str), tags: &[Tag]) -> Key {
        let given = tags.iter().map(|(tag, value)| (&**tag, value.as_str()));
        let fixed = [("phase", self.phase), ("flow", &self.program.flow), own];
        // The fixed ones last: no tag of the plan's takes their place.
        Key::new(metric, given.chain(fixed))
    }
}

impl StepHandles {
    /// Requests of the step that ended with `status`.
    pub(crate) fn requests(
        &self,
        status: Status,
        place: &Place<'_>,
        position: usize,
        tags: &[Tag],
    ) -> SeriesId {
        let find = || {
            let text = match status {
                Status::Code(code) => code.to_string(),
                Status::Error(code) => format!("error:{code}"),
            };
            let step = ("step", place.program.steps[position].name.as_str());
            let mut key = place.key("http_reqs", step, tags);
            key.tags.insert("status".to_owned(), text);
            place.timeline.shard(place.worker).series(&key, Kind::Counter)
        };
        let (first, id) = *self.first.get_or_init(|| (status, find()));
        if first == status {
            return id;
        }
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, id)) = others.iter().find(|(other, _)| *other == status) {
            return *id;
        }
        let id = find();
        others.push((status, id));
        id
    }
}
