//! What the virtual users of one thread share: where their samples go, found once for each set of
//! tags, and the URLs they have called before.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::hash::{BuildHasherDefault, Hasher};
use std::rc::Rc;
use std::sync::Arc;

use seaworthy_load::Shard as TimelineShard;
use seaworthy_metrics::{Contains, Interner, Kind, Metric, Sample, Shard, TagSet};
use seaworthy_stats::timeline::{Key, Kind as SeriesKind, SeriesId};

use crate::address::Addresses;
use crate::modules::http::RequestTags;
use crate::shared::{Settled, Shared};
use crate::vu::{Stage, Vu};

/// As many sets of tags have their series remembered; then all are forgotten, and found again.
const ROWS: usize = 4096;
/// The most names of requests of a scenario that are told apart in the timeline.
const MOST_STEPS: usize = 100;
/// The most of a request's or a check's name that the timeline has, in bytes.
const MOST_LETTERS: usize = 1000;
/// The name of all others.
const OTHERS: &str = "…";

/// One thread of the run.
pub(crate) struct Worker {
    pub(crate) number: usize,
    pub(crate) interner: RefCell<Interner>,
    pub(crate) addresses: Addresses,
    pub(crate) requests: RequestTags,
    shard: Shard,
    rows: RefCell<HashMap<usize, Rc<Row>, BuildHasherDefault<Places>>>,
    /// The row that was asked for last.
    last: RefCell<Option<Rc<Row>>>,
    steps: RefCell<HashMap<String, BTreeSet<String>>>,
    shared: Arc<Shared>,
}

/// Where samples with one set of tags stand in the timeline.
struct Row {
    /// While it lives, no other set has its address.
    tags: TagSet,
    series: RefCell<Vec<Option<Series>>>,
}

/// Where samples of one metric stand, if anywhere.
#[derive(Clone, Copy)]
enum Series {
    Nowhere,
    /// Times, given in milliseconds.
    Times(SeriesId),
    /// The same, only where there are any.
    Openings(SeriesId),
    Amounts(SeriesId),
    Levels(SeriesId),
    Shares(SeriesId),
}

thread_local! {
    static HERE: RefCell<Option<Rc<Worker>>> = const { RefCell::new(None) };
}

impl Worker {
    /// The worker that this thread is for a run.
    pub(crate) fn here(shared: &Arc<Shared>, settled: &Settled, number: usize) -> Rc<Self> {
        HERE.with_borrow_mut(|here| {
            let known = here.take();
            let same = known.filter(|it| Arc::ptr_eq(&it.shared, shared) && it.number == number);
            let worker = same.unwrap_or_else(|| {
                Rc::new(Self {
                    number,
                    interner: RefCell::default(),
                    addresses: Addresses::default(),
                    requests: RequestTags::default(),
                    shard: settled.collector.shard(number),
                    rows: RefCell::default(),
                    last: RefCell::default(),
                    steps: RefCell::default(),
                    shared: Arc::clone(shared),
                })
            });
            *here = Some(Rc::clone(&worker));
            worker
        })
    }

    /// Forgets the worker that this thread was.
    pub(crate) fn leave() {
        HERE.with_borrow_mut(|here| *here = None);
    }

    /// Records samples that have the same tags and happened now.
    pub(crate) fn record(&self, vu: &Vu, tags: &TagSet, samples: &[(&Metric, f64)]) {
        self.record_request(vu, tags, samples, None);
    }

    /// Records samples of a request and, for the timeline, how long it took since it was to be made,
    /// in nanoseconds.
    pub(crate) fn record_request(
        &self,
        vu: &Vu,
        tags: &TagSet,
        samples: &[(&Metric, f64)],
        response_time: Option<u64>,
    ) {
        let Some(settled) = self.shared.settled() else { return };
        let now = self.shared.clock.now();
        let at = settled.since(now);
        self.shard.record(at, tags, samples);
        if vu.stage.get() == Stage::Iteration {
            let row = self.row(tags);
            let second = settled.timeline.second(now);
            let mut shard = settled.timeline.shard(self.number);
            for (metric, value) in samples {
                let series = row.series(metric, || self.find(settled, &mut shard, tags, metric));
                series.add(&mut shard, second, *value);
            }
            if let Some(nanos) = response_time {
                let make = || {
                    let key = self.key(settled, "response_time", tags);
                    Series::Times(shard.series(&key, SeriesKind::Trend))
                };
                if let Series::Times(id) = row.at(0, make) {
                    shard.writer.trend(id, second, nanos);
                }
            }
        }
        if let Some(outlet) = &settled.outlet {
            let metadata = vu.metadata();
            let at = self.shared.clock.wall();
            outlet.send(samples.iter().map(|(metric, value)| Sample {
                metric: (*metric).clone(),
                tags: tags.clone(),
                metadata: metadata.clone(),
                at,
                value: *value,
            }));
        }
    }

    fn row(&self, tags: &TagSet) -> Rc<Row> {
        if let Some(row) = self.last.borrow().as_ref().filter(|row| row.tags.is(tags)) {
            return Rc::clone(row);
        }
        let row = self.find_row(tags);
        *self.last.borrow_mut() = Some(Rc::clone(&row));
        row
    }

    fn find_row(&self, tags: &TagSet) -> Rc<Row> {
        let mut rows = self.rows.borrow_mut();
        if let Some(row) = rows.get(&tags.address())
            && row.tags.is(tags)
        {
            return Rc::clone(row);
        }
        if rows.len() >= ROWS {
            rows.clear();
        }
        let row = Rc::new(Row { tags: tags.clone(), series: RefCell::default() });
        rows.insert(tags.address(), Rc::clone(&row));
        row
    }

    #[cold]
    fn find(
        &self,
        settled: &Settled,
        shard: &mut TimelineShard,
        tags: &TagSet,
        metric: &Metric,
    ) -> Series {
        let mut make = |kind| shard.series(&self.key(settled, metric.name(), tags), kind);
        match (metric.kind(), metric.contains()) {
            // Levels of virtual users are noted by the load engine itself.
            (Kind::Gauge, _) if metric.is_builtin() => Series::Nowhere,
            (Kind::Gauge, _) => Series::Levels(make(SeriesKind::Gauge)),
            (Kind::Counter, _) => Series::Amounts(make(SeriesKind::Counter)),
            (Kind::Rate, _) => Series::Shares(make(SeriesKind::Rate)),
            // Most requests open no connection: only those that do are worth a place.
            (Kind::Trend, Contains::Time) if opens(metric.name()) => {
                Series::Openings(make(SeriesKind::Trend))
            }
            (Kind::Trend, Contains::Time) => Series::Times(make(SeriesKind::Trend)),
            // The timeline's trends are times: other values stand in the summary only.
            (Kind::Trend, _) => Series::Nowhere,
        }
    }

    /// The key of a series: phase, flow and, by metric, the request's name, status or check.
    fn key(&self, settled: &Settled, metric: &str, tags: &TagSet) -> Key {
        let flow = tags.get("scenario").unwrap_or("default");
        let mut pairs = vec![("phase", settled.phase.as_str()), ("flow", flow)];
        let step;
        if metric.starts_with("http_") || metric.starts_with("ws_") || metric == "response_time" {
            let name = tags.get("name").or_else(|| tags.get("url")).unwrap_or("request");
            step = self.step(flow, short(&self.shared.shown(name)));
            pairs.push(("step", &step));
        }
        let status;
        if metric == "http_reqs" {
            status = match (tags.get("status"), tags.get("error_code")) {
                (Some("0") | None, Some(code)) => format!("error:{code}"),
                (status, _) => status.unwrap_or("0").to_owned(),
            };
            pairs.push(("status", &status));
        }
        let check = tags.get("check").filter(|_| metric == "checks");
        let check = check.map(|check| self.shared.shown(check));
        if let Some(check) = &check {
            pairs.push(("check", short(check)));
        }
        Key::new(metric, pairs)
    }

    fn step(&self, flow: &str, name: &str) -> String {
        let mut steps = self.steps.borrow_mut();
        let known = steps.entry(flow.to_owned()).or_default();
        if !known.contains(name) {
            if known.len() >= MOST_STEPS {
                return OTHERS.to_owned();
            }
            known.insert(name.to_owned());
        }
        name.to_owned()
    }
}

impl Row {
    fn series(&self, metric: &Metric, find: impl FnOnce() -> Series) -> Series {
        // The first place is the response time's.
        self.at(metric.id() + 1, find)
    }

    fn at(&self, place: usize, find: impl FnOnce() -> Series) -> Series {
        let mut series = self.series.borrow_mut();
        if let Some(Some(known)) = series.get(place) {
            return *known;
        }
        if series.len() <= place {
            series.resize(place + 1, None);
        }
        *series[place].insert(find())
    }
}

impl Series {
    fn add(self, shard: &mut TimelineShard, second: u32, value: f64) {
        match self {
            Self::Nowhere => {}
            Self::Times(id) => {
                // From milliseconds; what is negative or no number is nothing.
                shard.writer.trend(id, second, (value * 1e6 + 0.5) as u64);
            }
            Self::Openings(id) => {
                if value > 0.0 {
                    shard.writer.trend(id, second, (value * 1e6 + 0.5) as u64);
                }
            }
            Self::Amounts(id) => shard.writer.counter(id, second, value),
            Self::Levels(id) => shard.writer.gauge(id, second, value),
            Self::Shares(id) => shard.writer.rate(id, second, value != 0.0),
        }
    }
}

/// The beginning of a name that is longer than anybody reads: the timeline keeps short ones.
fn short(name: &str) -> &str {
    &name[..name.floor_char_boundary(MOST_LETTERS)]
}

/// Whether a time is one of opening a connection.
fn opens(metric: &str) -> bool {
    matches!(metric, "http_req_blocked" | "http_req_connecting" | "http_req_tls_handshaking")
}

/// Hashes addresses of sets, which are spread well enough but for their last bits.
#[derive(Default)]
struct Places(u64);

impl Hasher for Places {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_usize(usize::from(*byte));
        }
    }

    fn write_usize(&mut self, value: usize) {
        self.0 = (self.0 ^ value as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(32);
    }
}
