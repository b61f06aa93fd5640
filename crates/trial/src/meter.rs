//! From a page of metrics to levels: counters become what they gained since the page before.

use std::collections::BTreeMap;

use crate::exposition::{Page, Sample};
use crate::gauge::{Bound, Kind, Level};
use crate::watch::{Limit, Reading, Selector, TELLING, Watch};

/// What was read of one resource on one page.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) kind: Kind,
    pub(crate) name: String,
    pub(crate) bound: Option<Bound>,
    pub(crate) level: Level,
}

/// Reads pages of one target, one after another.
#[derive(Debug)]
pub(crate) struct Meter {
    watches: Vec<Watch>,
    counters: Counters,
    last: Option<f64>,
}

/// What counters stood at on the page before.
#[derive(Debug, Default)]
struct Counters {
    before: BTreeMap<String, f64>,
    now: BTreeMap<String, f64>,
    first: bool,
}

impl Meter {
    pub(crate) fn new(watches: Vec<Watch>) -> Self {
        Self { watches, counters: Counters { first: true, ..Counters::default() }, last: None }
    }

    /// Whether a metric of this name is read.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let named = |watch: &Watch| watch.reading.selectors().iter().any(|one| one.name == name);
        self.watches.iter().any(named)
    }

    /// The levels on this page, read at `second`. What a page does not tell has no level.
    pub(crate) fn read(&mut self, page: &Page, second: f64) -> Vec<Measured> {
        let elapsed = self.last.map(|last| second - last).filter(|elapsed| *elapsed > 0.0);
        let mut measured = Vec::new();
        for watch in &self.watches {
            let counters = &mut self.counters;
            for (group, samples) in groups(watch, &page.samples) {
                let Some(level) = level(watch, &samples, second, elapsed, counters) else {
                    continue;
                };
                let name = match (group.as_str(), watch.declared, watch.kind) {
                    ("", false, Kind::Pool) => format!("pool {}", watch.name),
                    ("", ..) => watch.name.clone(),
                    (group, _, Kind::Pool) => format!("pool {group}"),
                    (group, ..) => format!("{} {group}", watch.name),
                };
                measured.push(Measured { kind: watch.kind, name, bound: watch.bound, level });
            }
        }
        self.counters.turn();
        self.last = Some(second);
        measured
    }
}

/// The samples a watch reads, apart by the label that tells one resource from another.
fn groups<'a>(watch: &Watch, samples: &'a [Sample]) -> BTreeMap<String, Vec<&'a Sample>> {
    let mut groups: BTreeMap<String, Vec<&Sample>> = BTreeMap::new();
    let selectors = watch.reading.selectors();
    for sample in samples.iter().filter(|sample| selectors.iter().any(|one| one.matches(sample))) {
        let telling = TELLING.iter().find_map(|label| sample.labels.get(*label));
        let group = telling.filter(|_| !watch.declared).cloned().unwrap_or_default();
        groups.entry(group).or_default().push(sample);
    }
    groups
}

fn level(
    watch: &Watch,
    samples: &[&Sample],
    second: f64,
    elapsed: Option<f64>,
    counters: &mut Counters,
) -> Option<Level> {
    match &watch.reading {
        Reading::Use { used, limit, waiting } => {
            let used = sum(samples, used)?;
            let limit = match limit {
                Limit::Metric(selector) => sum(samples, selector)?,
                Limit::Number(number) => *number,
            };
            let waiting = waiting.as_ref().and_then(|waiting| sum(samples, waiting));
            let level = Level::of(second, used, limit);
            Some(Level { waiting: waiting.unwrap_or(f64::NAN), ..level })
        }
        Reading::Value(value) => Some(Level::plain(second, sum(samples, value)?)),
        Reading::Hits { hits, misses } => {
            let hits = counters.gained(samples, hits);
            let misses = counters.gained(samples, misses);
            let (hits, misses) = (hits?, misses?);
            (hits + misses > 0.0).then(|| Level::plain(second, hits / (hits + misses)))
        }
        Reading::Pace(counter) => {
            let pace = counters.gained(samples, counter)? / elapsed?;
            Some(Level { used: pace, ..Level::plain(second, f64::NAN) })
        }
        Reading::Histogram { buckets, scale } => {
            let mut gained: BTreeMap<u64, f64> = BTreeMap::new();
            for sample in samples.iter().filter(|sample| buckets.matches(sample)) {
                let edge = sample.labels.get("le").and_then(|edge| edge.parse::<f64>().ok());
                let gain = counters.gain(sample);
                if let (Some(edge), Some(gain)) = (edge.filter(|edge| *edge >= 0.0), gain) {
                    // The bits of numbers that are not negative are in the order of the numbers.
                    *gained.entry(edge.to_bits()).or_default() += gain;
                }
            }
            let buckets: Vec<(f64, f64)> =
                gained.into_iter().map(|(edge, count)| (f64::from_bits(edge), count)).collect();
            Some(Level::plain(second, quantile(&buckets, 0.95)? * scale))
        }
    }
}

/// The sum of a gauge's series; `None` when there is none, or one that is not a number.
fn sum(samples: &[&Sample], selector: &Selector) -> Option<f64> {
    let mut values = samples.iter().filter(|sample| selector.matches(sample)).peekable();
    values.peek()?;
    let sum: f64 = values.map(|sample| sample.value).sum();
    sum.is_finite().then_some(sum)
}

impl Counters {
    /// What all series of a counter gained; `None` on the first page, or when there is none.
    fn gained(&mut self, samples: &[&Sample], selector: &Selector) -> Option<f64> {
        let matching = samples.iter().filter(|sample| selector.matches(sample));
        let gains: Vec<Option<f64>> = matching.map(|sample| self.gain(sample)).collect();
        if gains.is_empty() { None } else { gains.into_iter().sum() }
    }

    /// What one series gained since the page before. One that fell was reset: it gained what it has
    /// now. One that is new began at nothing; on the first page nobody knows.
    fn gain(&mut self, sample: &Sample) -> Option<f64> {
        if !sample.value.is_finite() {
            return None;
        }
        let series = format!("{}{:?}", sample.name, sample.labels);
        let before = self.before.get(&series).copied();
        self.now.insert(series, sample.value);
        match before {
            Some(before) if sample.value >= before => Some(sample.value - before),
            _ if self.first => None,
            _ => Some(sample.value.max(0.0)),
        }
    }

    fn turn(&mut self) {
        self.before = std::mem::take(&mut self.now);
        self.first = false;
    }
}

/// The quantile of cumulative buckets, straight within a bucket; of what lies beyond the last edge,
/// that edge. `None` when nothing was counted.
fn quantile(buckets: &[(f64, f64)], q: f64) -> Option<f64> {
    let total = buckets.last()?.1;
    if total <= 0.0 {
        return None;
    }
    let rank = q * total;
    let (mut low, mut below) = (0.0, 0.0);
    for (edge, count) in buckets {
        if *count >= rank {
            if edge.is_infinite() {
                return Some(low);
            }
            let inside = (count - below).max(f64::MIN_POSITIVE);
            return Some(low + (edge - low) * ((rank - below) / inside).clamp(0.0, 1.0));
        }
        (low, below) = (*edge, *count);
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watch::recognised;

    fn read(meter: &mut Meter, text: &str, second: f64) -> Vec<Measured> {
        let page = crate::exposition::read(text.as_bytes(), |name| meter.wants(name));
        meter.read(&page, second)
    }

    #[test]
    fn pools_are_told_apart_by_their_labels() {
        let mut meter = Meter::new(recognised(true));
        let text = "hikaricp_connections_active{pool=\"orders\"} 7\n\
            hikaricp_connections_max{pool=\"orders\"} 8\nhikaricp_connections_pending{pool=\"orders\"} 3\n\
            hikaricp_connections_active{pool=\"users\"} 1\nhikaricp_connections_max{pool=\"users\"} 10\n\
            db_pool_in_use 2\ndb_pool_size 4\nhikaricp_connections_active{pool=\"lost\"} 5\n";
        let found = read(&mut meter, text, 1.0);
        let told: Vec<(&str, f64)> =
            found.iter().map(|one| (one.name.as_str(), one.level.value)).collect();
        assert_eq!(told, [("pool database", 0.5), ("pool orders", 0.875), ("pool users", 0.1)]);
        assert_eq!((found[1].level.waiting, found[1].level.limit), (3.0, 8.0));
    }

    #[test]
    fn counters_are_read_as_gains_and_resets_are_no_losses() {
        let mut meter = Meter::new(recognised(true));
        let page = |hits: u32, misses: u32| {
            format!("cache_hits_total {hits}\ncache_misses_total {misses}\n")
        };
        assert_eq!(read(&mut meter, &page(1_000, 0), 1.0), []);
        assert_eq!(read(&mut meter, &page(1_030, 10), 2.0)[0].level.value, 0.75);
        assert_eq!(read(&mut meter, &page(1_030, 10), 3.0), [], "nothing asked is no share");
        // The service was started anew.
        assert_eq!(read(&mut meter, &page(8, 2), 4.0)[0].level.value, 0.8);
    }

    #[test]
    fn a_histogram_is_read_interval_by_interval() {
        let mut meter = Meter::new(recognised(true));
        let page = |counts: [u32; 4]| {
            let edges = ["0.01", "0.1", "1", "+Inf"];
            let lines = edges.iter().zip(counts).map(|(edge, count)| {
                format!("db_query_duration_seconds_bucket{{op=\"read\",le=\"{edge}\"}} {count}\n")
            });
            lines.collect::<String>()
        };
        assert_eq!(read(&mut meter, &page([100, 100, 100, 100]), 1.0), []);
        let slow = read(&mut meter, &page([100, 100, 200, 200]), 2.0);
        assert!((slow[0].level.value - (0.1 + 0.9 * 0.95)).abs() < 1e-9, "{slow:?}");
        let endless = read(&mut meter, &page([100, 100, 200, 300]), 3.0);
        assert_eq!(endless[0].level.value, 1.0, "at least the last edge");
    }

    #[test]
    fn a_process_that_is_not_ours_tells_of_itself() {
        let mut meter = Meter::new(recognised(false));
        let page = |cpu: f64| {
            format!(
                "process_cpu_seconds_total {cpu}\nprocess_open_fds 30\nprocess_max_fds 1000\n\
                 process_resident_memory_bytes 5e6\n"
            )
        };
        read(&mut meter, &page(10.0), 1.0);
        let found = read(&mut meter, &page(11.0), 3.0);
        let level = |kind| found.iter().find(|one| one.kind == kind).unwrap().level;
        assert_eq!(level(Kind::Cpu).used, 0.5);
        assert_eq!(level(Kind::Descriptors).value, 0.03);
        assert!(level(Kind::Memory).value.is_nan() && level(Kind::Memory).used == 5e6);
    }

    #[test]
    fn quantiles_of_odd_buckets() {
        assert_eq!(quantile(&[], 0.95), None);
        assert_eq!(quantile(&[(1.0, 0.0), (f64::INFINITY, 0.0)], 0.95), None);
        assert_eq!(quantile(&[(f64::INFINITY, 5.0)], 0.95), Some(0.0));
        // Cumulative counts that fall are a target's mistake, not ours.
        assert!(quantile(&[(1.0, 9.0), (2.0, 3.0), (f64::INFINITY, 10.0)], 0.5).is_some());
    }
}
