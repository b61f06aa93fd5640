//! Which metrics a summary shows, in which section, in which order.

use std::cmp::Ordering;

use super::Summary;
use crate::part::{Part, Submetric};
use crate::registry::Metric;
use crate::sink::{Sink, Watch};

/// The sections of a block, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Section {
    Custom,
    Http,
    Execution,
    Network,
    Websocket,
    Grpc,
}

impl Section {
    pub(super) const ALL: [Self; 6] =
        [Self::Custom, Self::Http, Self::Execution, Self::Network, Self::Websocket, Self::Grpc];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Custom => "CUSTOM",
            Self::Http => "HTTP",
            Self::Execution => "EXECUTION",
            Self::Network => "NETWORK",
            Self::Websocket => "WEBSOCKET",
            Self::Grpc => "GRPC",
        }
    }

    /// Checks have a place of their own, and groups' durations none.
    pub(super) fn of(metric: &Metric) -> Option<Self> {
        if !metric.is_builtin() {
            return Some(Self::Custom);
        }
        Some(match metric.name() {
            "checks" | "group_duration" => return None,
            name if name.starts_with("http_") => Self::Http,
            name if name.starts_with("data_") => Self::Network,
            name if name.starts_with("ws_") => Self::Websocket,
            name if name.starts_with("grpc_") => Self::Grpc,
            _ => Self::Execution,
        })
    }
}

/// Whether a compact summary leaves the metric out: the parts of a request.
pub(super) fn is_detail(metric: &Metric) -> bool {
    metric.is_builtin()
        && metric.name().starts_with("http_req_")
        && !matches!(metric.name(), "http_req_duration" | "http_req_failed")
}

/// Something with a name and a sink.
pub(super) struct Entry {
    pub(super) metric: Metric,
    /// Of a submetric: its selector.
    pub(super) suffix: Option<String>,
    pub(super) sink: Sink,
}

impl Entry {
    /// `name` or `name{selector}`.
    pub(super) fn name(&self) -> String {
        match &self.suffix {
            Some(suffix) => format!("{}{{{suffix}}}", self.metric.name()),
            None => self.metric.name().to_owned(),
        }
    }
}

/// All metrics and submetrics that have samples or thresholds, by name, a metric before its parts.
pub(super) fn entries(summary: &Summary<'_>) -> Vec<Entry> {
    let Summary { snapshot, registry, thresholds, .. } = summary;
    let empty = |metric: &Metric| Sink::new(metric.kind(), &Watch::default());
    let mut metrics = registry.all();
    metrics.sort_by(|one, other| collate(one.name(), other.name()));
    let mut entries = Vec::new();
    for metric in metrics {
        let targets = thresholds.targets().iter();
        let wanted =
            targets.clone().any(|target| target.metric == metric && target.part == Part::Whole);
        // A metric whose part is looked at is there as well, and where nothing was added, empty.
        if let Some(sink) = snapshot.metric(&metric) {
            entries.push(Entry { metric: metric.clone(), suffix: None, sink: sink.clone() });
        } else if wanted {
            entries.push(Entry { metric: metric.clone(), suffix: None, sink: empty(&metric) });
        }
        let mut parts: Vec<(usize, &Submetric)> = snapshot
            .submetrics()
            .iter()
            .enumerate()
            .filter(|(_, submetric)| submetric.metric == metric)
            .collect();
        parts.sort_by(|(_, one), (_, other)| collate(&one.suffix, &other.suffix));
        for (place, submetric) in parts {
            let sink = match snapshot.submetric(place) {
                Some(sink) => sink.clone(),
                None if submetric.has_thresholds => empty(&metric),
                None => continue,
            };
            let suffix = Some(submetric.suffix.clone());
            entries.push(Entry { metric: metric.clone(), suffix, sink });
        }
    }
    entries
}

/// As a dictionary orders names: marks, digits, letters; capitals only where nothing else differs,
/// and after small letters.
pub(super) fn collate(one: &str, other: &str) -> Ordering {
    let key = |letter: char| {
        let class = if letter.is_alphabetic() { 2 } else { u8::from(letter.is_numeric()) };
        (class, letter.to_lowercase().next().unwrap_or(letter))
    };
    let loosely = one.chars().map(key).cmp(other.chars().map(key));
    loosely.then_with(|| {
        let small = |letter: char| (letter.is_uppercase(), letter);
        one.chars().map(small).cmp(other.chars().map(small))
    })
}
