//! The metrics of a run: what k6 has built in and what a script defines, each name once.

mod builtin;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex, PoisonError};

pub use builtin::Builtin;

use crate::Error;

/// How the values of a metric are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Values are added up.
    Counter,
    /// The last value counts; the smallest and the largest are kept.
    Gauge,
    /// How many of the values are not zero.
    Rate,
    /// All values: mean, extremes, percentiles.
    Trend,
}

impl Kind {
    /// As k6 writes it: `counter`, `gauge`, `rate`, `trend`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Rate => "rate",
            Self::Trend => "trend",
        }
    }

    /// The aggregations a threshold may name, in words.
    pub const fn aggregations(self) -> &'static str {
        match self {
            Self::Counter => "`count` and `rate`",
            Self::Gauge => "`value`",
            Self::Rate => "`rate`",
            Self::Trend => "`avg`, `min`, `max`, `med` and percentiles such as `p(95)`",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// What the values of a metric are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Contains {
    /// Plain numbers.
    #[default]
    Default,
    /// Times, in milliseconds.
    Time,
    /// Amounts of data, in bytes.
    Data,
}

impl Contains {
    /// As k6 writes it: `default`, `time`, `data`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Time => "time",
            Self::Data => "data",
        }
    }
}

impl fmt::Display for Contains {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// A metric of a [`Registry`]. Cheap to clone; clones are the same metric.
#[derive(Clone, Debug)]
pub struct Metric(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    id: usize,
    name: Box<str>,
    kind: Kind,
    contains: Contains,
    builtin: bool,
}

impl Metric {
    /// Its place in the registry, from 0.
    pub fn id(&self) -> usize {
        self.0.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// How its values are put together.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What its values are.
    pub fn contains(&self) -> Contains {
        self.0.contains
    }

    /// Whether k6 has it without a script.
    pub fn is_builtin(&self) -> bool {
        self.0.builtin
    }
}

/// Metrics are the same when they stand at the same place; a program has one registry.
impl PartialEq for Metric {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id && self.0.name == other.0.name
    }
}

impl Eq for Metric {}

impl Hash for Metric {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

/// All metrics of a run. Cheap to clone; clones are the same registry.
#[derive(Clone, Debug)]
pub struct Registry(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    metrics: Mutex<Vec<Metric>>,
    builtin: Builtin,
}

impl Default for Registry {
    fn default() -> Self {
        Self::new()
    }
}

impl Registry {
    /// With what k6 has built in.
    pub fn new() -> Self {
        let mut metrics = Vec::new();
        let builtin = Builtin::define(&mut |name, kind, contains| {
            let inner =
                Inner { id: metrics.len(), name: name.into(), kind, contains, builtin: true };
            metrics.push(Metric(Arc::new(inner)));
            metrics[metrics.len() - 1].clone()
        });
        Self(Arc::new(Shared { metrics: Mutex::new(metrics), builtin }))
    }

    /// What k6 has built in.
    pub fn builtin(&self) -> &Builtin {
        &self.0.builtin
    }

    /// The metric of that name, made if there is none: every virtual user's init defines the same.
    ///
    /// # Errors
    /// A name k6 does not take, or one that belongs to a metric of another kind or value type.
    pub fn define(&self, name: &str, kind: Kind, contains: Contains) -> Result<Metric, Error> {
        if !is_name(name) {
            return Err(Error::Name { name: name.to_owned() });
        }
        let mut metrics = self.metrics();
        if let Some(metric) = metrics.iter().find(|metric| metric.name() == name) {
            if metric.kind() != kind {
                let (name, existing) = (name.to_owned(), metric.kind());
                return Err(Error::Kind { name, existing, wanted: kind });
            }
            if metric.contains() != contains {
                let (name, existing) = (name.to_owned(), metric.contains());
                return Err(Error::Contains { name, existing, wanted: contains });
            }
            return Ok(metric.clone());
        }
        let inner = Inner { id: metrics.len(), name: name.into(), kind, contains, builtin: false };
        let metric = Metric(Arc::new(inner));
        metrics.push(metric.clone());
        Ok(metric)
    }

    /// The metric of that name.
    pub fn get(&self, name: &str) -> Option<Metric> {
        self.metrics().iter().find(|metric| metric.name() == name).cloned()
    }

    /// All metrics, in the order they were defined.
    pub fn all(&self) -> Vec<Metric> {
        self.metrics().clone()
    }

    fn metrics(&self) -> std::sync::MutexGuard<'_, Vec<Metric>> {
        self.0.metrics.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A letter or an underscore, then letters, digits and underscores: 2 to 129 in all.
fn is_name(name: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (2..=129).contains(&name.len())
        && name.bytes().all(word)
        && !name.starts_with(|letter: char| letter.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_k6_takes_them() {
        for good in ["ab", "_a", "a1", "A_b_9", &"x".repeat(129)] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "a", "1a", "a b", "a-b", "a.b", "é1", &"x".repeat(130)] {
            assert!(!is_name(bad), "{bad}");
            let error = Registry::new().define(bad, Kind::Trend, Contains::Time).unwrap_err();
            assert_eq!(error.code(), "metrics-name");
        }
    }

    #[test]
    fn a_name_has_one_kind() {
        let registry = Registry::new();
        let one = registry.define("waiting", Kind::Trend, Contains::Time).unwrap();
        let two = registry.define("waiting", Kind::Trend, Contains::Time).unwrap();
        assert_eq!((one.id(), &one), (two.id(), &two));
        let error = registry.define("waiting", Kind::Counter, Contains::Time).unwrap_err();
        assert_eq!(
            error.to_string(),
            "metric `waiting` already exists but with type trend, instead of counter"
        );
        let error = registry.define("waiting", Kind::Trend, Contains::Default).unwrap_err();
        assert_eq!(error.code(), "metrics-contains");
        assert!(registry.define("http_reqs", Kind::Counter, Contains::Default).is_ok());
    }

    #[test]
    fn what_k6_has_is_there() {
        let registry = Registry::new();
        let builtin = registry.builtin();
        assert_eq!(registry.get("http_req_duration").unwrap(), builtin.http_req_duration);
        assert_eq!(builtin.data_sent.contains(), Contains::Data);
        let names: std::collections::HashSet<_> =
            registry.all().iter().map(|metric| metric.name().to_owned()).collect();
        assert_eq!(names.len(), registry.all().len());
        assert!(registry.get("nothing").is_none());
    }
}
