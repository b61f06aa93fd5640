//! What is watched of a target beside the load, and the bound each resource should keep.

use std::collections::BTreeMap;

use seaworthy_report::outcome::{Direction, Unit};

/// What a resource is: how it is read, bounded, and what is to be done when it gives out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    Cpu,
    Memory,
    Descriptors,
    Pool,
    Queue,
    Query,
    Cache,
    ErrorLogs,
    Gauge,
    /// The processors of the machine that everything ran on.
    Machine,
    /// The load generator's own share of them.
    Generator,
    Threads,
    Connections,
    ReadBytes,
    WrittenBytes,
    LogBytes,
}

/// A part of a level.
type Part = fn(&Level) -> f64;

/// The level a resource should stay below, or above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Bound {
    Below(f64),
    Above(f64),
    /// A queue may have any length, but must not go on growing.
    NotGrowing,
}

impl Kind {
    /// The bound it has when the plan states none; `None` for what is only watched for leaks.
    pub(crate) fn bound(self) -> Option<Bound> {
        Some(match self {
            Self::Cpu => Bound::Below(0.70),
            Self::Memory | Self::Descriptors | Self::Pool => Bound::Below(0.80),
            Self::Cache => Bound::Above(0.85),
            Self::ErrorLogs => Bound::Below(5.0),
            Self::Query => Bound::Below(0.100),
            Self::Queue => Bound::NotGrowing,
            Self::Machine => Bound::Below(0.95),
            Self::Generator => Bound::Below(0.70),
            _ => return None,
        })
    }

    /// The unit of its level.
    pub(crate) fn unit(self) -> Unit {
        match self {
            Self::Cpu | Self::Memory | Self::Descriptors | Self::Pool | Self::Cache => Unit::Share,
            Self::Machine | Self::Generator => Unit::Share,
            Self::Query => Unit::Seconds,
            Self::ErrorLogs => Unit::PerMinute,
            Self::ReadBytes | Self::WrittenBytes | Self::LogBytes => Unit::BytesPerSecond,
            Self::Queue | Self::Gauge | Self::Threads | Self::Connections => Unit::Count,
        }
    }

    /// Whether the service is limited by it, or only shows by it that something else gave out.
    pub(crate) fn limits(self) -> bool {
        matches!(
            self,
            Self::Cpu
                | Self::Memory
                | Self::Descriptors
                | Self::Pool
                | Self::Gauge
                | Self::Machine
                | Self::Generator
        )
    }

    /// The word for it in `verdict.json`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Descriptors => "descriptors",
            Self::Pool => "pool",
            Self::Queue => "queue",
            Self::Query => "query",
            Self::Cache => "cache",
            Self::ErrorLogs => "error-logs",
            Self::Gauge => "gauge",
            Self::Machine => "machine",
            Self::Generator => "generator",
            Self::Threads => "threads",
            Self::Connections => "connections",
            Self::ReadBytes => "read-bytes",
            Self::WrittenBytes => "written-bytes",
            Self::LogBytes => "log-bytes",
        }
    }

    /// The gauges of the timeline that its levels are written to.
    pub(crate) fn metrics(self) -> &'static [(&'static str, Part)] {
        match self {
            Self::Cpu => &[("target_cpu", used), ("target_cpu_share", value)],
            Self::Memory => &[("target_memory_bytes", used), ("target_memory_share", value)],
            Self::Descriptors => &[("target_fds", used), ("target_fds_share", value)],
            Self::Pool => &[
                ("target_pool_use", value),
                ("target_pool_in_use", used),
                ("target_pool_waiting", waiting),
            ],
            Self::Queue => &[("target_queue", value)],
            Self::Query => &[("target_query_p95", value)],
            Self::Cache => &[("target_cache_hits", value)],
            Self::ErrorLogs => &[("target_error_logs", value)],
            Self::Gauge => &[("target_gauge", value)],
            Self::Machine => &[("machine_cpu_share", value)],
            Self::Generator => &[("generator_cpu_share", value)],
            Self::Threads => &[("target_threads", value)],
            Self::Connections => &[("target_connections", value)],
            Self::ReadBytes => &[("target_read_bytes", value)],
            Self::WrittenBytes => &[("target_written_bytes", value)],
            Self::LogBytes => &[("target_log_bytes", value)],
        }
    }
}

fn value(level: &Level) -> f64 {
    level.value
}

fn used(level: &Level) -> f64 {
    level.used
}

fn waiting(level: &Level) -> f64 {
    level.waiting
}

impl Bound {
    pub(crate) fn direction(self) -> Direction {
        if matches!(self, Self::Above(_)) { Direction::Above } else { Direction::Below }
    }

    /// The level itself; `None` where growth is what counts.
    pub(crate) fn level(self) -> Option<f64> {
        match self {
            Self::Below(level) | Self::Above(level) => Some(level),
            Self::NotGrowing => None,
        }
    }
}

/// What was seen of a resource at one moment. What is not known is NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Level {
    /// Seconds since the timeline's start.
    pub(crate) second: f64,
    /// What the bound is about, in the kind's unit.
    pub(crate) value: f64,
    /// How much is in use: cores, bytes, descriptors, connections.
    pub(crate) used: f64,
    /// Of how much.
    pub(crate) limit: f64,
    /// How many wait for it.
    pub(crate) waiting: f64,
}

impl Level {
    /// A level that is only a value.
    pub(crate) fn plain(second: f64, value: f64) -> Self {
        Self { second, value, used: f64::NAN, limit: f64::NAN, waiting: f64::NAN }
    }

    /// How much of a limit is in use.
    pub(crate) fn of(second: f64, used: f64, limit: f64) -> Self {
        let value = if limit > 0.0 { used / limit } else { f64::NAN };
        Self { second, value, used, limit, waiting: f64::NAN }
    }

    fn between(self, other: Self) -> Self {
        let middle = |one: f64, other: f64| match (one.is_nan(), other.is_nan()) {
            (true, _) => other,
            (_, true) => one,
            _ => 0.5 * (one + other),
        };
        Self {
            second: middle(self.second, other.second),
            value: middle(self.value, other.value),
            used: middle(self.used, other.used),
            limit: middle(self.limit, other.limit),
            waiting: middle(self.waiting, other.waiting),
        }
    }
}

/// The most levels that are kept of one resource; from there on neighbours are averaged.
const MOST_LEVELS: usize = 20_000;

/// One resource of one target over time.
#[derive(Clone, Debug)]
pub(crate) struct Track {
    /// The target; for the machine and the generator, a name for people.
    pub(crate) target: String,
    pub(crate) kind: Kind,
    /// What it is called: `CPU`, `pool orders`.
    pub(crate) name: String,
    pub(crate) bound: Option<Bound>,
    /// What sets the limit, in words; empty where it is told with each level.
    pub(crate) limit_by: String,
    pub(crate) levels: Vec<Level>,
    /// How many samples one level stands for, and those that wait to become one.
    stride: usize,
    waiting: Vec<Level>,
    /// Why nothing was measured, where that is known.
    pub(crate) missing: Option<String>,
}

impl Track {
    pub(crate) fn new(target: &str, kind: Kind, name: &str, bound: Option<Bound>) -> Self {
        Self {
            target: target.to_owned(),
            kind,
            name: name.to_owned(),
            bound,
            limit_by: String::new(),
            levels: Vec::new(),
            stride: 1,
            waiting: Vec::new(),
            missing: None,
        }
    }

    /// Adds a level; memory stays bounded however long the trial runs.
    pub(crate) fn push(&mut self, level: Level) {
        self.waiting.push(level);
        if self.waiting.len() < self.stride {
            return;
        }
        let merged = self.waiting.drain(..).reduce(Level::between);
        self.levels.extend(merged);
        if self.levels.len() >= MOST_LEVELS {
            self.levels =
                self.levels.chunks(2).map(|pair| pair[0].between(pair[pair.len() - 1])).collect();
            self.stride *= 2;
        }
    }

    /// How the target and the resource are named in a sentence.
    pub(crate) fn title(&self) -> String {
        match self.kind {
            Kind::Machine | Kind::Generator => self.target.clone(),
            _ => format!("{} of {}", self.name, self.target),
        }
    }
}

/// All resources that were seen, in a fixed order: by target, kind, name.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tracks(BTreeMap<(String, Kind, String), Track>);

impl Tracks {
    /// The track of this name, made when it is new.
    pub(crate) fn of(
        &mut self,
        target: &str,
        kind: Kind,
        name: &str,
        bound: Option<Bound>,
    ) -> &mut Track {
        let key = (target.to_owned(), kind, name.to_owned());
        self.0.entry(key).or_insert_with(|| Track::new(target, kind, name, bound))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether this one is among them.
    pub(crate) fn has(&self, target: &str, kind: Kind, name: &str) -> bool {
        self.0.contains_key(&(target.to_owned(), kind, name.to_owned()))
    }

    /// All of them.
    pub(crate) fn into_list(self) -> Vec<Track> {
        self.0.into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_track_of_days_stays_small_and_keeps_its_shape() {
        let mut track = Track::new("api", Kind::Memory, "memory", None);
        for second in 0..500_000 {
            track.push(Level::of(f64::from(second), f64::from(second), 1e6));
        }
        assert!(track.levels.len() < MOST_LEVELS, "{}", track.levels.len());
        let rising = track.levels.windows(2).all(|pair| pair[0].used < pair[1].used);
        assert!(rising && track.levels[track.levels.len() - 1].second > 499_000.0);
        let level = track.levels[1000];
        assert!((level.used - level.second).abs() < 1e-6 && level.waiting.is_nan());
    }
}
