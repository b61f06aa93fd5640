//! An objective's numbers in words: the value, its interval and its bound, each in its own unit.

use seaworthy_base::Verdict;
use seaworthy_stats::{Comparison, Statement};

use crate::number;
use crate::outcome::{Direction, Objective};

/// What a reading counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Nanoseconds,
    Share,
    PerSecond,
}

impl Unit {
    pub(crate) fn value(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => number::duration(value),
            Self::Share => number::percent(value),
            Self::PerSecond => number::rate(value),
        }
    }

    /// Without needless zeros, for bounds and axes.
    pub(crate) fn short(self, value: f64) -> String {
        match self {
            Self::Nanoseconds => number::short_duration(value),
            Self::Share => number::short_percent(value),
            Self::PerSecond => number::short_rate(value),
        }
    }
}

/// A number with its interval, and the bound it is held against.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    pub(crate) unit: Unit,
    pub(crate) value: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
    pub(crate) bound: f64,
    pub(crate) direction: Direction,
}

impl Reading {
    /// The number a person asks for first: the quantile of a latency objective, else what was
    /// judged. `None` without data.
    pub(crate) fn first(objective: &Objective) -> Option<Self> {
        let quantile = objective.observed.zip(objective.bound_ns).map(|(observed, bound)| Self {
            unit: Unit::Nanoseconds,
            value: observed.value_ns as f64,
            low: observed.low_ns as f64,
            high: observed.high_ns as f64,
            bound: bound as f64,
            direction: objective.direction,
        });
        quantile.or_else(|| Self::judged(objective)).filter(|_| objective.n > 0)
    }

    /// The ratio or the rate that was judged. `None` without data.
    ///
    /// The judge counts what is bad. Where the statement asks for what is good (`rate > 99%`), the
    /// reading is turned round, so that it can be held against the statement as it is written.
    pub(crate) fn judged(objective: &Objective) -> Option<Self> {
        let measurement =
            objective.measurement.filter(|measurement| measurement.value.is_finite())?;
        let asked = Asked::of(objective);
        let turn = |value: f64| if asked.turned { 1.0 - value } else { value };
        let (low, high) = match asked.turned {
            true => (turn(measurement.high), turn(measurement.low)),
            false => (measurement.low, measurement.high),
        };
        Some(Self {
            unit: asked.unit,
            value: turn(measurement.value),
            low,
            high,
            bound: asked.bound,
            direction: asked.direction,
        })
    }

    pub(crate) fn value(&self) -> String {
        self.unit.value(self.value)
    }

    /// The interval without its unit, where the value stands beside it: `85.1–89.4`.
    pub(crate) fn short_interval(&self) -> String {
        let interval = self.interval();
        // Two units, or none, are left as they are.
        let unit = [" ns", " µs", " ms", " s", "%", "/s"]
            .into_iter()
            .find(|unit| interval.ends_with(unit) && interval.matches(unit).count() == 1);
        unit.and_then(|unit| interval.strip_suffix(unit)).unwrap_or(&interval).to_owned()
    }

    pub(crate) fn interval(&self) -> String {
        if !self.low.is_finite() || !self.high.is_finite() {
            return "no interval".to_owned();
        }
        match self.unit {
            Unit::Nanoseconds => number::duration_interval(self.value, self.low, self.high),
            Unit::Share => number::percent_interval(self.low, self.high),
            Unit::PerSecond => number::rate_interval(self.low, self.high),
        }
    }

    /// The bound with its side, as `< 200 ms`.
    pub(crate) fn bound(&self) -> String {
        bound(self.unit, self.bound, self.direction)
    }
}

/// What must hold, also when nothing was measured: `< 200 ms`.
pub(crate) fn bound_of(objective: &Objective) -> String {
    if objective.k6.is_some() && objective.statement.parse::<Statement>().is_err() {
        // A threshold that is not of a kind that is judged: its bound has a unit of its own.
        return objective.statement.clone();
    }
    if let Some(nanos) = objective.bound_ns {
        return bound(Unit::Nanoseconds, nanos as f64, objective.direction);
    }
    let asked = Asked::of(objective);
    bound(asked.unit, asked.bound, asked.direction)
}

/// What the statement asks of the measurement.
struct Asked {
    unit: Unit,
    bound: f64,
    direction: Direction,
    /// Whether the measurement counts the opposite of what the statement speaks of.
    turned: bool,
}

impl Asked {
    fn of(objective: &Objective) -> Self {
        let as_given = |unit| Self {
            unit,
            bound: objective.bound,
            direction: objective.direction,
            turned: false,
        };
        match objective.statement.parse() {
            Ok(Statement::Throughput { .. }) => as_given(Unit::PerSecond),
            Ok(Statement::Ratio { comparison: Comparison::Above, bound })
                if (objective.bound - (1.0 - bound)).abs() <= (objective.bound - bound).abs() =>
            {
                Self { unit: Unit::Share, bound, direction: Direction::Above, turned: true }
            }
            _ => as_given(Unit::Share),
        }
    }
}

fn bound(unit: Unit, value: f64, direction: Direction) -> String {
    let sign = match direction {
        Direction::Below => '<',
        Direction::Above => '>',
    };
    format!("{sign} {}", unit.short(value))
}

/// A verdict's sign, told apart by shape.
pub(crate) fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✓",
        Verdict::Fail => "✗",
        Verdict::Inconclusive => "?",
    }
}
