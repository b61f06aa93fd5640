//! The metrics objectives can speak of: what each is, and which tags its series carry.

use seaworthy_stats::statement::Statement;
use seaworthy_stats::timeline::Kind;

/// A metric of the load engine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Metric {
    pub(crate) name: &'static str,
    pub(crate) kind: Kind,
    pub(crate) tags: &'static [&'static str],
    /// The metric in words, as the report says it.
    pub(crate) words: &'static str,
}

/// Every metric an objective may name. Gauges are shown in the report and not judged.
pub(crate) const METRICS: &[Metric] = &[
    Metric {
        name: "response_time",
        kind: Kind::Trend,
        tags: &["phase", "flow", "step"],
        words: "response time",
    },
    Metric {
        name: "http_req_duration",
        kind: Kind::Trend,
        tags: &["phase", "flow", "step"],
        words: "service time",
    },
    Metric {
        name: "iteration_duration",
        kind: Kind::Trend,
        tags: &["phase", "flow"],
        words: "iteration time",
    },
    Metric {
        name: "http_req_failed",
        kind: Kind::Rate,
        tags: &["phase", "flow", "step"],
        words: "failed requests",
    },
    Metric {
        name: "checks",
        kind: Kind::Rate,
        tags: &["phase", "flow", "check"],
        words: "passed checks",
    },
    Metric {
        name: "http_reqs",
        kind: Kind::Counter,
        tags: &["phase", "flow", "step", "status"],
        words: "requests",
    },
    Metric {
        name: "stream_wait",
        kind: Kind::Trend,
        tags: &["phase", "flow", "step"],
        words: "wait for an event",
    },
    Metric {
        name: "stream_events",
        kind: Kind::Counter,
        tags: &["phase", "flow", "step"],
        words: "events of streams",
    },
    Metric {
        name: "ws_connecting",
        kind: Kind::Trend,
        tags: &["phase", "flow", "step"],
        words: "opening of WebSockets",
    },
    Metric {
        name: "ws_session_duration",
        kind: Kind::Trend,
        tags: &["phase", "flow", "step"],
        words: "time of WebSocket sessions",
    },
    Metric {
        name: "iterations",
        kind: Kind::Counter,
        tags: &["phase", "flow"],
        words: "iterations",
    },
];

/// The metric of this name.
pub(crate) fn find(name: &str) -> Option<&'static Metric> {
    METRICS.iter().find(|metric| metric.name == name)
}

impl Metric {
    /// Whether this kind of statement can be made about the metric, and which can if not.
    pub(crate) fn takes(&self, statement: &Statement) -> Result<(), &'static str> {
        match (self.kind, statement) {
            (Kind::Trend, Statement::Quantile { .. })
            | (Kind::Rate, Statement::Ratio { .. })
            | (Kind::Counter, Statement::Throughput { .. }) => Ok(()),
            (Kind::Trend, _) => Err("a time is judged by a percentile, as `p95 < 500ms`"),
            (Kind::Rate, _) => Err("a rate is judged by its share, as `rate < 0.1%`"),
            (Kind::Counter, _) => Err("a counter is judged by its pace, as `throughput > 100/s`"),
            (Kind::Gauge, _) => Err("gauges are shown in the report and not judged"),
        }
    }
}
