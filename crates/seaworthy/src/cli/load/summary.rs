//! What came of a load, as plain data: what `--json` prints and the page for people is made of.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use seaworthy_base::Timestamp;
use seaworthy_load::{Failures, PhaseReport};
use seaworthy_stats::Histogram;
use seaworthy_stats::timeline::{Slot, Timeline, Window};
use serde::Serialize;

use super::order::Order;

/// The quantiles of every distribution.
pub(super) const QUANTILES: [f64; 7] = [0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0];
/// Bars up to the 99th percentile; one more holds the rest.
const BARS: u64 = 10;
/// The share of its processors' time from which on the generator may have been the limit.
const SATURATED: f64 = 0.9;
/// Fewer slower requests than this are too few to speak of a quantile.
const FEW: f64 = 10.0;
/// The share of requests from which on nearly every one opened a connection.
const NEARLY: f64 = 0.9;

/// The parts of a request, in order: the metric and its name in the summary.
const PARTS: [(&str, &str); 7] = [
    ("http_req_blocked", "blocked"),
    ("http_req_looking_up", "lookingUp"),
    ("http_req_connecting", "connecting"),
    ("http_req_tls_handshaking", "tls"),
    ("http_req_sending", "sending"),
    ("http_req_waiting", "waiting"),
    ("http_req_receiving", "receiving"),
];

/// The summary. Documented field by field in docs/reference/load.md.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    api_version: &'static str,
    kind: &'static str,
    pub(super) url: String,
    pub(super) method: String,
    pub(super) body_bytes: usize,
    pub(super) http2: bool,
    /// Certificates were not checked.
    pub(super) insecure: bool,
    pub(super) started: Timestamp,
    /// From the first request's beginning until the last one's end.
    pub(super) seconds: f64,
    pub(super) interrupted_by_user: bool,
    /// `open` or `closed`.
    pub(super) model: &'static str,
    pub(super) offered_per_second: Option<f64>,
    pub(super) most_vus: u32,
    pub(super) requests: u64,
    pub(super) requests_per_second: f64,
    pub(super) failed: u64,
    /// Iterations that never began: in an open model arrivals that found the backlog full, in a
    /// closed one what was left of a fixed number when time was over.
    pub(super) dropped: u64,
    /// Requests that waited or were under way when the graceful stop was over.
    pub(super) cut_off: u64,
    pub(super) bytes_sent: Option<u64>,
    pub(super) bytes_received: Option<u64>,
    /// `response time` (open model: from when it was due) or `service time`.
    pub(super) latency_is: &'static str,
    pub(super) latency: Distribution,
    /// In an open model: the time of the service alone.
    pub(super) service_time: Option<Distribution>,
    pub(super) timings: Vec<Part>,
    pub(super) histogram: Vec<Bar>,
    pub(super) statuses: Vec<Status>,
    pub(super) errors: Vec<Failed>,
    pub(super) generator: Generator,
    pub(super) notes: Vec<String>,
}

/// A distribution of times, in nanoseconds; nothing is there when nothing was measured.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Distribution {
    pub(super) n: u64,
    pub(super) mean_ns: Option<u64>,
    pub(super) min_ns: Option<u64>,
    pub(super) max_ns: Option<u64>,
    pub(super) quantiles: Vec<At>,
}

/// A quantile and where it lies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct At {
    pub(super) q: f64,
    pub(super) ns: u64,
}

/// One part of all requests that had it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Part {
    pub(super) part: &'static str,
    #[serde(flatten)]
    pub(super) times: Distribution,
}

/// How many times lie between two, the lower included.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Bar {
    pub(super) from_ns: u64,
    pub(super) to_ns: u64,
    pub(super) count: u64,
}

/// Answers with one status.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Status {
    pub(super) status: u16,
    pub(super) count: u64,
}

/// Failures of one kind.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Failed {
    pub(super) code: String,
    pub(super) count: u64,
    /// The first one in words.
    pub(super) example: Option<String>,
    pub(super) hint: Option<&'static str>,
}

/// How the generator itself did.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Generator {
    pub(super) cpu_seconds: f64,
    /// Processors in use, on average.
    pub(super) processors: f64,
    /// Threads that made load.
    pub(super) workers: usize,
    /// How late it woke, at the 99th percentile.
    pub(super) lag_p99_ns: Option<u64>,
    /// Seconds in which it did not watch.
    pub(super) lost_seconds: usize,
    /// Whether the generator, not the service, may have been the limit.
    pub(super) was_limit: bool,
}

/// The processor time this process has used.
pub(super) fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let nanos = u32::try_from(time.tv_nsec).unwrap_or(0);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), nanos)
}

impl Summary {
    /// The summary of a load that ran.
    pub(super) fn of(
        order: &Order,
        report: &PhaseReport,
        timeline: &Timeline,
        started: Timestamp,
        spent: Duration,
        interrupted_by_user: bool,
    ) -> Self {
        let all = Window::new(0, u32::MAX);
        let times = |metric: &str| timeline.select(metric, &BTreeMap::new()).histogram(all);
        let total = |metric: &str| timeline.select(metric, &BTreeMap::new()).total(all);
        let amount = |metric: &str| Some(total(metric)).filter(|slot| slot.n > 0).map(whole);
        let open = order.load.load.is_open_model();
        let service = times("http_req_duration");
        let latency = if open { times("response_time") } else { service.clone() };
        let seconds = report.ended.saturating_duration_since(report.started).as_secs_f64();
        let failed = total("http_req_failed");
        let failures: Vec<&Failures> =
            report.loads.iter().flat_map(|load| &load.failures).collect();
        let (statuses, errors) = answers(timeline, &failures);
        let sum = |of: fn(&seaworthy_load::LoadReport) -> u64| report.loads.iter().map(of).sum();
        let lost = timeline.select("http_reqs", &BTreeMap::new()).lost(all);
        let mut summary = Self {
            api_version: "seaworthy.dev/v1",
            kind: "Load",
            url: order.url.to_string(),
            method: order.method.clone(),
            body_bytes: order.body_bytes,
            http2: order.http2,
            insecure: order.insecure,
            started,
            seconds,
            interrupted_by_user,
            model: if open { "open" } else { "closed" },
            offered_per_second: order.load.load.offered_per_second(),
            most_vus: order.load.load.max_vus(),
            requests: failed.n,
            requests_per_second: if seconds > 0.0 { failed.n as f64 / seconds } else { 0.0 },
            failed: failed.hits,
            dropped: sum(|load| load.dropped),
            cut_off: sum(|load| load.interrupted),
            bytes_sent: amount("data_sent"),
            bytes_received: amount("data_received"),
            latency_is: if open { "response time" } else { "service time" },
            latency: Distribution::of(&latency),
            service_time: open.then(|| Distribution::of(&service)),
            timings: parts(&times),
            histogram: bars(&latency),
            statuses,
            errors,
            generator: Generator {
                cpu_seconds: spent.as_secs_f64(),
                processors: if seconds > 0.0 { spent.as_secs_f64() / seconds } else { 0.0 },
                workers: order.workers,
                lag_p99_ns: times("generator_lag").quantile(0.99).map(|lag| lag.middle()),
                lost_seconds: lost,
                was_limit: false,
            },
            notes: Vec::new(),
        };
        summary.doubts();
        summary.notes.extend(report.notes.iter().cloned());
        summary
    }

    /// Requests that were answered, whatever the status.
    pub(super) fn answered(&self) -> u64 {
        self.statuses.iter().map(|status| status.count).sum()
    }

    /// What a reader of the numbers must know besides.
    fn doubts(&mut self) {
        let (generator, open) = (&self.generator, self.model == "open");
        let used = generator.processors / generator.workers.max(1) as f64;
        let slow = self.latency.at(0.99);
        let late = generator.lag_p99_ns.zip(slow).is_some_and(|(lag, slow)| lag > slow / 10);
        let mut notes = Vec::new();
        let limit = used > SATURATED || (open && late);
        if used > SATURATED {
            notes.push(format!(
                "the generator used {:.0} % of the processors it may use: it, and not the service, may have \
                 been the limit",
                used * 100.0
            ));
        } else if open && late {
            notes.push(
                "the generator itself was late by more than a tenth of p99: part of these times is its own"
                    .to_owned(),
            );
        }
        if generator.lost_seconds > 0 {
            notes.push(format!(
                "{} second(s) went by in which the generator was not given a processor",
                generator.lost_seconds
            ));
        }
        let few = |q: &&f64| **q < 1.0 && self.latency.n as f64 * (1.0 - **q) < FEW;
        // Without an answer no times are shown.
        if let Some(first) = QUANTILES.iter().find(few).filter(|_| self.answered() > 0) {
            let percent = trimmed(first * 100.0);
            notes.push(format!(
                "p{percent} and above rest on fewer than {FEW} slower requests ({} in all): take them as a hint",
                self.latency.n
            ));
        }
        let errors: u64 = self.requests.saturating_sub(self.answered());
        if errors > 0 && errors < self.requests {
            notes.push(format!(
                "the times of {errors} request(s) without an answer are among these, counted until they failed"
            ));
        }
        if self.cut_off > 0 {
            let among =
                if open { "among these as old as they had become" } else { "not among these" };
            notes.push(format!(
                "{} request(s) waited or were under way when the load and its graceful stop were over; they are \
                 {among}",
                self.cut_off
            ));
        }
        if self.dropped > 0 && open {
            notes.push(format!(
                "{} request(s) were dropped because a million waited already; how long they would have waited \
                 is unknown",
                self.dropped
            ));
        } else if self.dropped > 0 {
            notes
                .push(format!("{} request(s) never began: the load was over before", self.dropped));
        }
        if self.failed > 0 && self.failed == self.requests {
            notes.push("every request failed: these numbers are of failures".to_owned());
        }
        let connected = self.timings.iter().find(|part| part.part == "connecting");
        let connected = connected.map_or(0, |part| part.times.n);
        // A virtual user's first request opens its connection in any case.
        if connected > u64::from(self.most_vus) && connected as f64 > self.requests as f64 * NEARLY
        {
            let left_out = if open { "the service time leaves" } else { "these times leave" };
            notes.push(format!(
                "{connected} of {} requests opened a new connection: connecting is a part of its own, which \
                 {left_out} out",
                self.requests
            ));
        }
        if self.insecure {
            notes.push("certificates were not checked (--insecure)".to_owned());
        }
        self.generator.was_limit = limit;
        self.notes = notes;
    }
}

impl Distribution {
    fn of(times: &Histogram) -> Self {
        let quantiles = QUANTILES.iter().filter_map(|&q| {
            let ns = if q < 1.0 { times.quantile(q)?.middle() } else { times.max()? };
            Some(At { q, ns })
        });
        Self {
            n: times.count(),
            mean_ns: times.mean().map(|mean| mean.round() as u64),
            min_ns: times.min(),
            max_ns: times.max(),
            quantiles: quantiles.collect(),
        }
    }

    /// The quantile, if it is one of those kept.
    pub(super) fn at(&self, q: f64) -> Option<u64> {
        self.quantiles.iter().find(|at| (at.q - q).abs() < 1e-9).map(|at| at.ns)
    }
}

fn whole(slot: Slot) -> u64 {
    slot.sum.max(0.0) as u64
}

fn trimmed(percent: f64) -> String {
    let text = format!("{percent:.3}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn parts(times: &dyn Fn(&str) -> Histogram) -> Vec<Part> {
    let measured = PARTS.iter().filter_map(|&(metric, part)| {
        let times = times(metric);
        (times.count() > 0).then(|| Part { part, times: Distribution::of(&times) })
    });
    measured.collect()
}

/// Equal steps from the fastest to the 99th percentile, and one bar for what is slower: with the
/// slowest at the end of the scale, all others would be one bar.
fn bars(times: &Histogram) -> Vec<Bar> {
    let (Some(low), Some(high), Some(max)) =
        (times.min(), times.quantile(0.99).map(|at| at.high), times.max())
    else {
        return Vec::new();
    };
    let step = ((high - low) / BARS).max(1);
    let mut bars: Vec<Bar> = (0..BARS)
        .map(|bar| (low + bar * step, low + (bar + 1) * step))
        .map(|(from_ns, to_ns)| Bar { from_ns, to_ns, count: 0 })
        .collect();
    let end = low + BARS * step;
    bars.push(Bar { from_ns: end, to_ns: max.max(end), count: 0 });
    for bucket in times.buckets() {
        let middle = bucket.low.midpoint(bucket.high).clamp(low, max);
        let bar = ((middle - low) / step).min(BARS) as usize;
        bars[bar].count += bucket.count;
    }
    while bars.last().is_some_and(|bar| bar.count == 0) {
        bars.pop();
    }
    bars
}

/// Answers by status and failures by code: each request is counted once, as a status or as an
/// `error:CODE`; unexpected statuses are failures too.
fn answers(timeline: &Timeline, failures: &[&Failures]) -> (Vec<Status>, Vec<Failed>) {
    let all = Window::new(0, u32::MAX);
    let selection = timeline.select("http_reqs", &BTreeMap::new());
    let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
    let mut errors: BTreeMap<String, u64> = BTreeMap::new();
    for (key, _) in selection.series() {
        let Some(status) = key.tags.get("status") else { continue };
        let tags = BTreeMap::from([("status".to_owned(), status.clone())]);
        let count = whole(timeline.select("http_reqs", &tags).total(all));
        match (status.parse(), status.strip_prefix("error:")) {
            (Ok(code), _) => drop(statuses.insert(code, count)),
            (Err(_), Some(code)) => drop(errors.insert(code.to_owned(), count)),
            (Err(_), None) => drop(errors.insert(status.clone(), count)),
        }
    }
    for failure in failures {
        errors.entry(failure.code.clone()).or_insert(failure.count);
    }
    let mut errors: Vec<Failed> = errors
        .into_iter()
        .map(|(code, count)| Failed {
            example: (failures.iter())
                .find(|failure| failure.code == code)
                .map(|failure| failure.example.clone()),
            hint: hint(&code),
            code,
            count,
        })
        .collect();
    errors.sort_by_key(|failed| std::cmp::Reverse(failed.count));
    let statuses = statuses.into_iter().map(|(status, count)| Status { status, count }).collect();
    (statuses, errors)
}

/// What somebody at the command line can do about a failure.
fn hint(code: &str) -> Option<&'static str> {
    Some(match code {
        "connection_refused" => {
            "nothing listens there: is the service running, and is this its port?"
        }
        "lookup_failed" => "check the host's name",
        "tls_failed" => "for a certificate nobody vouches for, as a test server's: --insecure",
        "timeout" => "the service took longer than --timeout",
        "connect_timeout" => "no connection came about within --timeout",
        "too_many_open_files" => "raise the limit (`ulimit -n`) or use fewer virtual users",
        "no_local_port" => {
            "the service closes each connection: let it keep them, or use a lower --rate"
        }
        "connection_closed" | "connection_reset" => {
            "the service ended connections: it may be at a limit of its own, or restarting"
        }
        "protocol_error" => {
            "is this an HTTP server, and does it speak the version asked for (--http2)?"
        }
        "too_many_redirects" => "the service redirects in a circle",
        _ => return None,
    })
}
