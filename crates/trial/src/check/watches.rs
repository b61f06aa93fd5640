//! A target's declared metrics and the resources to watch in them.

use std::collections::BTreeSet;
use std::time::Duration;

use http::{HeaderName, HeaderValue};
use seaworthy_base::Span;
use seaworthy_document::Located;
use serde_json::Value;

use super::Checker;
use crate::gauge::{Bound, Kind};
use crate::plan::{Target, Watch, WatchKind};
use crate::watch::{self, Limit, Reading, Selector};

/// The shortest and the longest time between two looks at metrics.
const EVERY: std::ops::RangeInclusive<Duration> =
    Duration::from_millis(100)..=Duration::from_secs(3600);

impl Checker<'_> {
    /// Checks `metrics` and `watch` of a target.
    pub(super) fn watches(&mut self, target: &Target, known: &BTreeSet<String>) {
        if let Some(metrics) = &target.metrics {
            if let Some(path) = metrics.path.as_ref().filter(|path| !path.starts_with('/')) {
                let reason = format!("`{path}` is not a path");
                self.error(path, "plan-metrics", reason, "begin it with `/`");
            }
            if let Some(every) = metrics.every.as_ref().filter(|it| !EVERY.contains(&it.get())) {
                let reason = format!("metrics cannot be read every {every}");
                self.error(every, "plan-metrics", reason, "write a time from 100ms to 1h");
            }
            for (name, value) in &metrics.headers {
                self.template(value, known);
                let dynamic = value.contains("${");
                if HeaderName::try_from(name.as_str()).is_err()
                    || (!dynamic && HeaderValue::try_from(value.value.as_str()).is_err())
                {
                    let reason = format!("`{name}: {value}` is no header");
                    self.error(value, "plan-metrics", reason, "write `Name: value`");
                }
            }
        }
        let mut seen = BTreeSet::new();
        for watch in &target.watch {
            if watch.name.trim().is_empty() || !seen.insert(watch.name.value.clone()) {
                let reason = format!("the name `{}` is empty or used twice", watch.name);
                self.error(&watch.name, "plan-watch", reason, "give each a name of its own");
            }
            if let Err((at, reason, hint)) = resolve(watch) {
                self.error(&at, "plan-watch", reason, &hint);
            }
        }
    }
}

/// What is wrong with a watched resource: where, why, and what would be right.
type Wrong = (Located<()>, String, String);

/// What the plan's words mean.
pub(crate) fn resolve(typed: &Watch) -> Result<watch::Watch, Wrong> {
    let at = |located: &Located<String>| located.with(());
    let kind = match typed.kind.value {
        WatchKind::Pool => Kind::Pool,
        WatchKind::Cache => Kind::Cache,
        WatchKind::Queue => Kind::Queue,
        WatchKind::Query => Kind::Query,
        WatchKind::Gauge => Kind::Gauge,
    };
    let word = kind.word();
    let needed: &[&str] = match kind {
        Kind::Pool => &["used", "limit"],
        Kind::Cache => &["hits", "misses"],
        Kind::Query => &["histogram"],
        _ => &["value"],
    };
    let allowed: &[&str] = if kind == Kind::Pool { &["used", "limit", "waiting"] } else { needed };
    let given = [
        ("used", typed.used.as_ref().map(at)),
        ("limit", typed.limit.as_ref().map(|limit| limit.with(()))),
        ("waiting", typed.waiting.as_ref().map(at)),
        ("hits", typed.hits.as_ref().map(at)),
        ("misses", typed.misses.as_ref().map(at)),
        ("value", typed.value.as_ref().map(at)),
        ("histogram", typed.histogram.as_ref().map(at)),
    ];
    for (field, place) in given {
        match place {
            Some(place) if !allowed.contains(&field) => {
                let hint = format!("a {word} is read from {}", allowed.join(", "));
                return Err((place, format!("`{field}` has no meaning for a {word}"), hint));
            }
            None if needed.contains(&field) => {
                let hint = format!("say which metric tells it, as `{field}: some_metric`");
                return Err((at(&typed.name), format!("a {word} needs `{field}`"), hint));
            }
            _ => {}
        }
    }
    let reading = reading(kind, typed)?;
    Ok(watch::Watch {
        name: typed.name.value.clone(),
        kind,
        bound: Some(bound(kind, typed)?),
        reading,
        declared: true,
    })
}

fn reading(kind: Kind, typed: &Watch) -> Result<Reading, Wrong> {
    // Of what is needed for its kind, everything was given.
    let missing = || (typed.name.with(()), "a metric is missing".to_owned(), String::new());
    let metric = |field: &Option<Located<String>>, suffix: &str| {
        let field = field.as_ref().ok_or_else(missing)?;
        selector(field, suffix)
    };
    Ok(match kind {
        Kind::Pool => Reading::Use {
            used: metric(&typed.used, "")?,
            limit: limit(typed.limit.as_ref().ok_or_else(missing)?)?,
            waiting: typed.waiting.as_ref().map(|waiting| selector(waiting, "")).transpose()?,
        },
        Kind::Cache => {
            Reading::Hits { hits: metric(&typed.hits, "")?, misses: metric(&typed.misses, "")? }
        }
        Kind::Query => {
            Reading::Histogram { buckets: metric(&typed.histogram, "_bucket")?, scale: 1.0 }
        }
        _ => Reading::Value(metric(&typed.value, "")?),
    })
}

fn selector(text: &Located<String>, suffix: &str) -> Result<Selector, Wrong> {
    let name = text.split('{').next().unwrap_or_default();
    let full = match text.strip_prefix(name) {
        Some(labels) => format!("{}{suffix}{labels}", name.trim()),
        None => text.value.clone(),
    };
    Selector::parse(&full)
        .map_err(|reason| (text.with(()), format!("`{text}`: {reason}"), String::new()))
}

fn limit(typed: &Located<Value>) -> Result<Limit, Wrong> {
    match &typed.value {
        Value::Number(number) => {
            let number = number.as_f64().filter(|number| number.is_finite() && *number > 0.0);
            number.map(Limit::Number).ok_or_else(|| {
                let hint = "write a number above zero, or a metric's name".to_owned();
                (typed.with(()), "the limit is not above zero".to_owned(), hint)
            })
        }
        Value::String(text) => selector(&typed.with(text.clone()), "").map(Limit::Metric),
        other => {
            let hint = "write a number above zero, or a metric's name".to_owned();
            Err((typed.with(()), format!("`{other}` is no limit"), hint))
        }
    }
}

fn bound(kind: Kind, typed: &Watch) -> Result<Bound, Wrong> {
    let (level, make): (_, fn(f64) -> Bound) = match (&typed.below, &typed.above) {
        (Some(below), None) => (below, Bound::Below),
        (None, Some(above)) => (above, Bound::Above),
        (Some(_), Some(above)) => {
            let reason = "a resource has one bound, not two".to_owned();
            return Err((above.with(()), reason, "leave out `below` or `above`".to_owned()));
        }
        (None, None) => {
            return kind.bound().ok_or_else(|| {
                let reason = "a gauge has no bound that everybody would agree on".to_owned();
                let hint = "say what it should stay below or above, as `below: 100`".to_owned();
                (typed.name.with(()), reason, hint)
            });
        }
    };
    let wrong = |hint: &str| {
        let told = match &level.value {
            Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        Err((
            level.with(()),
            format!("`{told}` is no bound for a {}", kind.word()),
            hint.to_owned(),
        ))
    };
    let share = matches!(kind, Kind::Pool | Kind::Cache);
    let number = match &level.value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => match text.trim().strip_suffix('%') {
            Some(percent) if kind != Kind::Query => {
                percent.trim().parse::<f64>().ok().map(|percent| percent / 100.0)
            }
            None if kind == Kind::Query => {
                text.parse::<Span>().ok().map(|span| span.get().as_secs_f64())
            }
            _ => text.trim().parse().ok(),
        },
        _ => None,
    };
    match number.filter(|number| number.is_finite()) {
        Some(number) if share && !(0.0..=1.0).contains(&number) => {
            wrong("write a share, as `80%` or `0.8`")
        }
        Some(number) if kind == Kind::Query && number <= 0.0 => wrong("write a time, as `100ms`"),
        Some(number) => Ok(make(number)),
        None if kind == Kind::Query => wrong("write a time, as `100ms`"),
        None if share => wrong("write a share, as `80%` or `0.8`"),
        None => wrong("write a number"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolved(yaml: &str) -> Result<watch::Watch, Wrong> {
        resolve(&seaworthy_document::yaml::<Watch>("watch.yaml", yaml).unwrap())
    }

    #[test]
    fn every_kind_has_its_metrics_and_its_bound() {
        let pool =
            resolved("{name: p, kind: pool, used: a, limit: 'b{x=\"y\"}', waiting: c}").unwrap();
        assert_eq!((pool.kind, pool.bound), (Kind::Pool, Some(Bound::Below(0.8))));
        let pool = resolved("{name: p, kind: pool, used: a, limit: 20, below: 95%}").unwrap();
        assert_eq!(pool.bound, Some(Bound::Below(0.95)));
        assert!(matches!(pool.reading, Reading::Use { limit: Limit::Number(20.0), .. }));
        let cache = resolved("{name: c, kind: cache, hits: h_total, misses: m_total}").unwrap();
        assert_eq!(cache.bound, Some(Bound::Above(0.85)));
        let query =
            resolved("{name: q, kind: query, histogram: 'q_seconds{op=\"read\"}', below: 50ms}")
                .unwrap();
        assert_eq!(query.bound, Some(Bound::Below(0.05)));
        let Reading::Histogram { buckets, .. } = query.reading else { panic!("a histogram") };
        assert_eq!(buckets.name, "q_seconds_bucket");
        let queue = resolved("{name: j, kind: queue, value: jobs}").unwrap();
        assert_eq!(queue.bound, Some(Bound::NotGrowing));
        let gauge = resolved("{name: g, kind: gauge, value: level, above: 3}").unwrap();
        assert_eq!(gauge.bound, Some(Bound::Above(3.0)));
    }

    #[test]
    fn mistakes_are_told_with_what_would_be_right() {
        for (yaml, reason) in [
            ("{name: p, kind: pool, used: a}", "a pool needs `limit`"),
            ("{name: p, kind: pool, used: a, limit: 0}", "the limit is not above zero"),
            ("{name: p, kind: pool, used: a, limit: true}", "`true` is no limit"),
            (
                "{name: p, kind: pool, used: a, limit: b, hits: c}",
                "`hits` has no meaning for a pool",
            ),
            ("{name: p, kind: pool, used: a, limit: b, below: 80}", "`80` is no bound for a pool"),
            ("{name: c, kind: cache, hits: a, misses: b, above: fast}", "`fast` is no bound"),
            ("{name: q, kind: query, histogram: a, below: 10%}", "`10%` is no bound for a query"),
            ("{name: q, kind: query, histogram: 'rate(a)'}", "it is no metric's name"),
            ("{name: g, kind: gauge, value: a}", "a gauge has no bound"),
            ("{name: g, kind: gauge, value: a, below: 1, above: 0}", "one bound, not two"),
        ] {
            let (_, said, _) = resolved(yaml).unwrap_err();
            assert!(said.contains(reason), "{yaml}: {said}");
        }
    }
}
