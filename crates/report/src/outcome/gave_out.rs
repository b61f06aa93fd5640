//! What gave out: each resource against its bound, the first to saturate, the knee, and leaks.

use serde::{Deserialize, Serialize};

use super::{Direction, finite};

/// A resource of a target, or of the machine, held against its bound.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Resource {
    /// The target's name; `this machine` or `the load generator` for those two.
    pub target: String,
    /// What it is: `CPU`, `memory`, `pool orders`.
    pub what: String,
    /// Its kind: `cpu`, `memory`, `descriptors`, `pool`, `queue`, `query`, `cache`, `error-logs`,
    /// `gauge`, `machine`, `generator`; of what could not be read at all, `metrics`.
    pub kind: String,
    /// The unit of bound, peak and levels.
    pub unit: Unit,
    /// The level it should keep; `None` where growth is what counts, and where nothing was measured.
    pub bound: Option<f64>,
    /// Which side of the bound it should keep to.
    pub direction: Direction,
    /// What was found.
    pub status: Status,
    /// The level farthest towards or over the bound, under load.
    pub peak: Option<f64>,
    /// When that was, in seconds since the timeline's start.
    pub peak_second: Option<f64>,
    /// From when on it was over its bound: seven of eight samples in a row.
    pub over_from_second: Option<f64>,
    /// Seconds over the bound, under load.
    #[serde(with = "finite")]
    pub over_seconds: f64,
    /// Seconds measured, under load.
    #[serde(with = "finite")]
    pub measured_seconds: f64,
    /// What was seen, or why nothing was, in words.
    pub reason: String,
    /// The levels over time, thinned to what a chart can show.
    pub levels: Vec<Level>,
}

/// What a resource's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// A share of a whole, 0 to 1.
    Share,
    /// Seconds.
    Seconds,
    /// Events in a minute.
    PerMinute,
    /// A number of things.
    Count,
    /// Bytes in a second.
    BytesPerSecond,
}

/// A resource's level at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Level {
    /// Seconds since the timeline's start.
    #[serde(with = "finite")]
    pub second: f64,
    /// The level, in the resource's unit.
    #[serde(with = "finite")]
    pub value: f64,
}

/// How a resource stands to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Status {
    /// It kept its bound, but for less than a sustained crossing.
    Within,
    /// It was over its bound, sustained.
    Over,
    /// It could not be read, or not often enough: neither good nor bad.
    NotMeasured,
}

/// Which resource gave out first, and what to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Saturation {
    /// What gave out first, or that nothing did, in a sentence or two.
    pub sentence: String,
    /// What to do about it.
    pub advice: String,
    /// The first resource to saturate; `None` when none did.
    pub first: Option<First>,
    /// The knee of the ramp; `None` where none was seen.
    pub knee: Option<Knee>,
    /// The knee in words, or why none can be named.
    pub ramp: String,
}

/// The first resource to saturate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct First {
    /// The target.
    pub target: String,
    /// The resource, as [`Resource::what`] names it.
    pub what: String,
    /// Its kind, as [`Resource::kind`] names it.
    pub kind: String,
    /// From when on, in seconds since the timeline's start.
    #[serde(with = "finite")]
    pub from_second: f64,
}

/// Where a ramp bends.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Knee {
    /// The phase.
    pub phase: String,
    /// What the load is counted in: `virtual users` or `arrivals/s`.
    pub load_unit: String,
    /// The load at the knee.
    #[serde(with = "finite")]
    pub load: f64,
    /// Loads from here on explain what was seen almost as well.
    #[serde(with = "finite")]
    pub low: f64,
    /// Up to here.
    #[serde(with = "finite")]
    pub high: f64,
    /// When the ramp came to that load, in seconds since the timeline's start.
    #[serde(with = "finite")]
    pub second: f64,
    /// What bent there: `throughput` or `p95`.
    pub of: String,
}

/// A detector's word on one resource over a long stretch of equal load.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Leak {
    /// The target.
    pub target: String,
    /// What was looked at: `memory`, `file descriptors`, `TCP connections`, `threads`, `log`,
    /// or a pool's name.
    pub what: String,
    /// What was found.
    pub status: Found,
    /// How fast it rises in an hour, in bytes or in things.
    pub per_hour: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: Option<f64>,
    /// Upper end of its 95 % interval.
    pub high: Option<f64>,
    /// Hours until its limit is reached at that pace.
    pub hours_to_limit: Option<f64>,
    /// Seconds of equal load behind it.
    #[serde(with = "finite")]
    pub seconds: f64,
    /// All this in a sentence.
    pub sentence: String,
}

/// What a detector found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Found {
    /// What it looks for is there.
    Found,
    /// It is not there, or too small to be told from noise.
    NotFound,
    /// The trial is too short, or too little was measured, to say either.
    NotEnoughData,
}

impl Resource {
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            target,
            what,
            kind,
            unit: _,
            bound: _,
            direction: _,
            status: _,
            peak: _,
            peak_second: _,
            over_from_second: _,
            over_seconds: _,
            measured_seconds: _,
            reason,
            levels: _,
        } = self;
        [target, what, kind, reason].into_iter()
    }
}

impl Saturation {
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self { sentence, advice, first, knee, ramp } = self;
        let first =
            first.as_mut().map(|First { target, what, kind, from_second: _ }| [target, what, kind]);
        let knee = knee.as_mut().map(
            |Knee { phase, load_unit, load: _, low: _, high: _, second: _, of }| {
                [phase, load_unit, of]
            },
        );
        [sentence, advice, ramp]
            .into_iter()
            .chain(first.into_iter().flatten())
            .chain(knee.into_iter().flatten())
    }
}

impl Leak {
    pub(super) fn texts(&mut self) -> impl Iterator<Item = &mut String> {
        let Self {
            target,
            what,
            status: _,
            per_hour: _,
            low: _,
            high: _,
            hours_to_limit: _,
            seconds: _,
            sentence,
        } = self;
        [target, what, sentence].into_iter()
    }
}
