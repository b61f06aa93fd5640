//! What a worker records of redirects, streams and WebSockets, and of data files that have ended.
//! These come by the thousand a second and not by the hundred thousand: their series are looked up.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::Instant;
use seaworthy_net::Response;
use seaworthy_stats::timeline::Kind;

use super::{Measured, Recorder, TaggedStep};
use crate::counters::Counters;
use crate::exchange::Talk;
use crate::series::Status;
use crate::step::{Judged, Missed, Outcome};
use crate::stream::Wait;
use crate::tags::Tag;

/// A value of a metric with the tag `step`.
enum Value {
    Trend(Duration),
    Count(u64),
}

impl Recorder {
    /// An answer that was a redirect and was followed. It is a request like any other; the time a
    /// step took is its last one's.
    pub(crate) fn hop(&self, position: usize, answer: &Response, now: Instant, tags: &[Tag]) {
        let place = self.place();
        let tagged = self.with_tags(position, tags);
        let (handles, tags) = match &tagged {
            Some(step) => (&step.handles, &*step.tags),
            None => (&self.handles.steps[position], &[][..]),
        };
        let requests = handles.requests(Status::Code(answer.status), &place, position, tags);
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        let writer = &mut shard.writer;
        writer.trend(handles.duration, second, answer.timings.service());
        writer.counter(handles.sent, second, answer.bytes_sent as f64);
        writer.counter(handles.received, second, answer.bytes_received as f64);
        writer.rate(handles.failed, second, false);
        writer.counter(requests, second, 1.0);
        drop(shard);
        Counters::add(&self.counters.requests);
    }

    /// A wait for an event that came to an end, well or not.
    pub(crate) fn wait(
        &self,
        position: usize,
        wait: &Wait,
        judged: &Judged,
        now: Instant,
        tags: &[Tag],
        explain: impl Fn() -> String,
    ) {
        self.value("stream_wait", position, Value::Trend(wait.waited), now, tags);
        self.value("stream_events", position, Value::Count(wait.events), now, tags);
        self.judged(position, judged, wait.result.as_ref().err(), now, tags, explain);
    }

    /// An exchange over a WebSocket that came to an end, well or not. Its opening is a request like
    /// any other, but for the response time: no step is over when its WebSocket is open.
    pub(crate) fn talk(
        &self,
        position: usize,
        talk: &Talk,
        judged: &Judged,
        now: Instant,
        tags: &[Tag],
        explain: impl Fn() -> String,
    ) {
        let failed = !matches!(talk.opening, Outcome::Answered(_));
        let opening = Judged { failed, ..Judged::default() };
        let admitted = self.with_tags(position, tags);
        let (handles, own) = match &admitted {
            Some(step) => (&step.handles, &*step.tags),
            None => (&self.handles.steps[position], &[][..]),
        };
        let measured = Measured::of(&talk.opening);
        self.request(position, handles, own, &measured, &opening, None, talk.at);
        Counters::add(&self.counters.requests);
        if failed {
            Counters::add(&self.counters.failed);
        }
        let value = |metric, value| self.value(metric, position, value, now, tags);
        if let Some(connecting) = talk.connecting {
            value("ws_connecting", Value::Trend(connecting));
        }
        if let Some(session) = talk.session {
            value("ws_session_duration", Value::Trend(session));
            value("ws_sessions", Value::Count(1));
        }
        value("ws_msgs_sent", Value::Count(talk.sent));
        value("ws_msgs_received", Value::Count(talk.received));
        value("data_sent", Value::Count(talk.bytes_sent));
        value("data_received", Value::Count(talk.bytes_received));
        self.judged(position, judged, talk.result.as_ref().err(), now, tags, explain);
    }

    /// Events of the stream that the step at `position` opened, for which no step waited.
    pub(crate) fn passed_over(&self, position: usize, events: u64, now: Instant) {
        self.value("stream_events", position, Value::Count(events), now, &[]);
    }

    /// A stream that ended or broke, opened by the step at `position`.
    pub(crate) fn lost(&self, position: usize, missed: &Missed, now: Instant) {
        let step = &self.program.steps[position].name;
        let mut key = self.place().key("stream_errors", ("step", step), &[]);
        key.tags.insert("error".to_owned(), missed.code.to_owned());
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        let series = shard.series(&key, Kind::Counter);
        shard.writer.counter(series, second, 1.0);
        drop(shard);
        self.is_open(position, false, now);
        self.counters.fail(step, missed.code.to_owned(), || missed.reason.clone());
    }

    /// A stream that was looked at and is open still.
    pub(crate) fn still_open(&self, position: usize, now: Instant) {
        self.is_open(position, true, now);
    }

    /// The check whether the stream of the step at `position` is open; the last of its checks.
    fn is_open(&self, position: usize, open: bool, now: Instant) {
        let Some(check) = self.handles.steps[position].checks.last() else { return };
        let second = self.timeline.second(now);
        self.timeline.shard(self.worker).writer.rate(*check, second, open);
    }

    /// An iteration that was not begun, because the data file has no row left for it.
    pub(crate) fn without_row(&self, data: &str, now: Instant) {
        let own = ("data", data);
        let series = self.place().find("iterations_without_row", own, &[], Kind::Counter);
        let second = self.timeline.second(now);
        self.timeline.shard(self.worker).writer.counter(series, second, 1.0);
        let first = self.program.steps.first().map_or("", |step| &step.name);
        let explain = || format!("the data file of `{data}` has no row left");
        self.counters.fail(first, "out_of_rows".to_owned(), explain);
    }

    fn value(&self, metric: &str, position: usize, value: Value, now: Instant, tags: &[Tag]) {
        if matches!(value, Value::Count(0)) {
            return;
        }
        let kind = match value {
            Value::Trend(_) => Kind::Trend,
            Value::Count(_) => Kind::Counter,
        };
        let own = ("step", self.program.steps[position].name.as_str());
        let admitted = self.with_tags(position, tags);
        let tags = admitted.as_ref().map_or(&[][..], |step| &step.tags);
        let series = self.place().find(metric, own, tags, kind);
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        match value {
            Value::Trend(time) => {
                let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                shard.writer.trend(series, second, nanos);
            }
            Value::Count(count) => shard.writer.counter(series, second, count as f64),
        }
    }

    /// The step's handles under its own tags, if it has any.
    fn with_tags(&self, position: usize, tags: &[Tag]) -> Option<Arc<TaggedStep>> {
        (!tags.is_empty()).then(|| self.tagged(position, tags))
    }

    /// The checks of a step that is no request, and its failure if it is one.
    fn judged(
        &self,
        position: usize,
        judged: &Judged,
        missed: Option<&Missed>,
        now: Instant,
        tags: &[Tag],
        explain: impl Fn() -> String,
    ) {
        let admitted = self.with_tags(position, tags);
        let handles = match &admitted {
            Some(step) => &step.handles,
            None => &self.handles.steps[position],
        };
        let second = self.timeline.second(now);
        let mut shard = self.timeline.shard(self.worker);
        for (check, passed) in handles.checks.iter().zip(judged.checks.iter()) {
            shard.writer.rate(*check, second, passed);
        }
        drop(shard);
        if judged.is_clean() {
            return;
        }
        let step = &self.program.steps[position];
        let first = judged.checks.iter().position(|passed| !passed);
        let code = match (missed, first) {
            (Some(missed), _) => missed.code.to_owned(),
            (None, Some(check)) => format!("check {}", step.checks[check]),
            (None, None) => return,
        };
        self.counters.fail(&step.name, code, explain);
    }
}
