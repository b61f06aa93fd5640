//! The end of a run: the text on the terminal, the JSON export, and what `handleSummary` is given.

mod block;
mod data;
mod groups;
mod order;
mod text;

use std::str::FromStr;

use serde_json::{Value, json};

use crate::Error;
use crate::number::TimeUnit;
use crate::registry::Registry;
use crate::sink::{Trend, Values};
use crate::snapshot::Snapshot;
use crate::threshold::Thresholds;

/// How much a summary shows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Totals, without the parts of a request.
    #[default]
    Compact,
    /// Everything, and each scenario and group.
    Full,
    /// Nothing: no text, no export, and `handleSummary` is not called.
    Disabled,
}

impl FromStr for Mode {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "compact" => Ok(Self::Compact),
            "full" => Ok(Self::Full),
            "disabled" => Ok(Self::Disabled),
            _ => Err(Error::SummaryMode { mode: text.to_owned() }),
        }
    }
}

/// A statistic of trends, as `summaryTrendStats` names it.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistic {
    /// As it was written: what a summary calls it.
    pub name: String,
    what: What,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    Avg,
    Min,
    Max,
    Count,
    Quantile(f64),
}

impl Statistic {
    /// k6's own: `avg`, `min`, `med`, `max`, `p(90)`, `p(95)`.
    pub fn defaults() -> Vec<Self> {
        let quantile = |name: &str, q| Self { name: name.to_owned(), what: What::Quantile(q) };
        let one = |name: &str, what| Self { name: name.to_owned(), what };
        vec![
            one("avg", What::Avg),
            one("min", What::Min),
            quantile("med", 0.5),
            one("max", What::Max),
            quantile("p(90)", 0.9),
            quantile("p(95)", 0.95),
        ]
    }

    fn of(&self, trend: &Trend, values: &Values<'_>) -> f64 {
        match self.what {
            What::Avg => trend.mean(),
            What::Min => trend.min(),
            What::Max => trend.max(),
            What::Count => trend.count() as f64,
            What::Quantile(q) => values.percentile(q),
        }
    }

    fn is_count(&self) -> bool {
        self.what == What::Count
    }
}

impl FromStr for Statistic {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let what = match text {
            "avg" => What::Avg,
            "min" => What::Min,
            "max" => What::Max,
            "count" => What::Count,
            "med" => What::Quantile(0.5),
            _ => {
                let inner = text.strip_prefix("p(").and_then(|inner| inner.strip_suffix(')'));
                let percent = inner.and_then(|inner| inner.parse::<f64>().ok());
                let percent = percent.filter(|percent| (0.0..=100.0).contains(percent));
                let refuse = || Error::Statistic { name: text.to_owned() };
                What::Quantile(percent.ok_or_else(refuse)? / 100.0)
            }
        };
        Ok(Self { name: text.to_owned(), what })
    }
}

/// How a summary is written.
#[derive(Clone, Debug)]
pub struct Options {
    /// How much it shows.
    pub mode: Mode,
    /// What it shows of trends.
    pub statistics: Vec<Statistic>,
    /// The unit of times; `None` for the one that fits each.
    pub time_unit: Option<TimeUnit>,
    /// Whether the text has colours.
    pub color: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            mode: Mode::default(),
            statistics: Statistic::defaults(),
            time_unit: None,
            color: false,
        }
    }
}

/// What `handleSummary` is told of the run beside its metrics.
#[derive(Clone, Debug, Default)]
pub struct State {
    /// What `setup` returned, if it did.
    pub setup_data: Option<Value>,
    /// Whether colours are switched off.
    pub no_color: bool,
    /// Whether standard output is a terminal.
    pub stdout_is_terminal: bool,
    /// Whether standard error is a terminal.
    pub stderr_is_terminal: bool,
}

/// A run's end, to be told in several forms.
#[derive(Clone, Copy, Debug)]
pub struct Summary<'a> {
    /// What was measured.
    pub snapshot: &'a Snapshot,
    /// All metrics.
    pub registry: &'a Registry,
    /// What had to hold.
    pub thresholds: &'a Thresholds,
    /// How it is written.
    pub options: &'a Options,
}

impl Summary<'_> {
    /// The text a k6 user recognises; empty when the summary is disabled.
    pub fn text(&self) -> String {
        match self.options.mode {
            Mode::Disabled => String::new(),
            _ => text::write(self),
        }
    }

    /// What `--summary-export` writes: metrics by name with their values bare, each threshold with
    /// whether it *failed*, groups and checks as objects by name. Write it with
    /// [`serde_json::to_string_pretty`] or [`indented`].
    pub fn export(&self) -> Value {
        json!({ "metrics": data::exported(self), "root_group": groups::exported(self.snapshot) })
    }

    /// What `handleSummary(data)` is given. Whole numbers are whole; infinite ones are null.
    pub fn data(&self, state: &State) -> Value {
        let names: Vec<_> = self.options.statistics.iter().map(|stat| &stat.name).collect();
        let unit = self.options.time_unit.map_or("", TimeUnit::name);
        let mut data = json!({
            "root_group": groups::listed(self.snapshot),
            "options": {
                "summaryTrendStats": names,
                "summaryTimeUnit": unit,
                "noColor": state.no_color,
            },
            "state": {
                "isStdOutTTY": state.stdout_is_terminal,
                "isStdErrTTY": state.stderr_is_terminal,
                "testRunDurationMs": data::number(self.snapshot.run.as_secs_f64() * 1e3),
            },
            "metrics": data::metrics(self),
        });
        if let (Some(setup), Some(object)) = (&state.setup_data, data.as_object_mut()) {
            object.insert("setup_data".to_owned(), setup.clone());
        }
        data
    }
}

/// JSON as k6 writes an export: four spaces a level.
pub fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let formatter = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, formatter);
    match serde::Serialize::serialize(value, &mut serializer) {
        Ok(()) => String::from_utf8_lossy(&out).into_owned(),
        // A value writes into memory without an error.
        Err(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests;
