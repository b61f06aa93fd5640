//! The plan as it is typed: one YAML file that says what to start, fill, load and ask.
//!
//! What was typed and what it means are two types: [`Plan`] is the first, `check::Checked` the
//! second. Each engine owns its own section (`flows` and `load` are `load::spec`'s); this file only
//! composes them.

mod http;
mod script;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use seaworthy_base::Span;
use seaworthy_document::Located;
use seaworthy_load::spec;
use serde::Deserialize;
use serde_json::Value;

use crate::profile;
pub use http::HttpVersion;
pub use script::{ScriptOptions, ScriptStage};

/// The only API version there is.
pub const API_VERSION: &str = "seaworthy.dev/v1";

/// A trial's plan.
///
/// Text in targets, secrets, setup, flows and teardown may use `${port.NAME}` (a free loopback
/// port, the same wherever the name is used), `${seaworthy}` (this program), `${scratch}` (a folder
/// for the targets' data, removed at the end), `${plan}` (the plan's own folder), `${env.NAME}`,
/// the plan's `variables`, its `secrets`, and what earlier setup steps extracted. `$${` is a literal
/// `${`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// `seaworthy.dev/v1`.
    pub api_version: Located<String>,
    /// `Trial`.
    pub kind: Located<String>,
    /// What the trial is called.
    pub metadata: Metadata,
    /// Values that must not be written down: read from a file or the environment when first used.
    #[serde(default)]
    pub secrets: BTreeMap<String, Located<Secret>>,
    /// Constants for templates.
    #[serde(default)]
    pub variables: BTreeMap<String, Value>,
    /// Files of rows for templates: users to sign in, questions to ask.
    #[serde(default)]
    pub data: Vec<spec::Data>,
    /// The services on trial.
    pub targets: Vec<Target>,
    /// What is done once, in order, after every target is ready and before the first phase.
    #[serde(default)]
    pub setup: Vec<spec::Routine>,
    /// What virtual users do; a plan whose phases all have a script needs none.
    #[serde(default)]
    pub flows: Vec<spec::Flow>,
    /// The parts of the trial, one after another.
    pub phases: Vec<Phase>,
    /// What is asked of the service, beside the thresholds of its phases' scripts.
    #[serde(default)]
    pub objectives: Vec<Objective>,
    /// What is done once, in order, after the last phase, also when the trial was interrupted.
    #[serde(default)]
    pub teardown: Vec<spec::Routine>,
    /// What the judge assumes where a run is too short to measure it.
    #[serde(default)]
    pub assume: Assume,
}

/// What a trial is called.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// A short name: letters, digits, `-`, `_` and `.`.
    pub name: Located<String>,
    /// What the trial is for, in a sentence.
    #[serde(default)]
    pub description: String,
}

/// Where a secret is read; exactly one of `file` and `env`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Secret {
    /// A file that holds the secret and nothing else (white space around it is cut off).
    pub file: Option<String>,
    /// An environment variable of the command that runs the trial.
    pub env: Option<String>,
    /// When given, the value becomes what an `Authorization: Basic` header carries for this user.
    pub basic_user: Option<String>,
}

/// A service on trial: started by its `command`, or already running at its `url`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Target {
    /// The name flows and setup steps use.
    pub name: Located<String>,
    /// Program and arguments. Without it, the target is expected to be running at `url`.
    pub command: Option<Located<Vec<String>>>,
    /// Environment variables for the command, beside those of the trial itself.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// The folder the command starts in; the plan's own when not given.
    pub folder: Option<String>,
    /// Where it is reached, as `http://127.0.0.1:${port.api}`.
    pub url: Located<String>,
    /// Which version of HTTP is spoken with it: `1.1`, `2` or `auto`; 1.1 when not given.
    pub http: Option<HttpVersion>,
    /// Whether its certificate is taken unchecked; the report then says so.
    #[serde(default)]
    pub insecure: bool,
    /// When it counts as ready; without it, when its port accepts a connection.
    pub ready: Option<Ready>,
    /// How long it has to stop after the polite signal; 10 s when not given.
    pub stop_within: Option<Span>,
    /// Where it tells its own metrics in Prometheus' text format; when not given, `/metrics` is
    /// asked once, and read on if it answers.
    pub metrics: Option<Metrics>,
    /// Pools, caches, queues, queries and other levels in its metrics that are to keep a bound,
    /// beside those whose names are well known.
    #[serde(default)]
    pub watch: Vec<Watch>,
}

/// Where a target tells its own metrics.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Metrics {
    /// The path asked with GET; `/metrics` when not given.
    pub path: Option<Located<String>>,
    /// Headers sent with it.
    #[serde(default)]
    pub headers: BTreeMap<String, Located<String>>,
    /// How often it is asked; 1 s when not given.
    pub every: Option<Located<Span>>,
}

/// A resource in a target's metrics and the bound it should keep. Metrics are named as
/// `db_in_use` or `jobs{state="waiting"}`; all series that match are summed.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Watch {
    /// What it is called in the report.
    pub name: Located<String>,
    /// What it is.
    pub kind: Located<WatchKind>,
    /// `pool`: the metric that tells how much is in use.
    pub used: Option<Located<String>>,
    /// `pool`: the metric that tells of how much, or a number.
    pub limit: Option<Located<Value>>,
    /// `pool`: the metric that tells how many wait for it, where there is one.
    pub waiting: Option<Located<String>>,
    /// `cache`: the counter of hits.
    pub hits: Option<Located<String>>,
    /// `cache`: the counter of misses.
    pub misses: Option<Located<String>>,
    /// `queue` and `gauge`: the metric that tells the level.
    pub value: Option<Located<String>>,
    /// `query`: the histogram of durations in seconds, without `_bucket`.
    pub histogram: Option<Located<String>>,
    /// The level it should stay below: a number, `80%`, or for `query` a time such as `100ms`.
    pub below: Option<Located<Value>>,
    /// The level it should stay above.
    pub above: Option<Located<Value>>,
}

/// What a watched resource is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum WatchKind {
    /// Something there is a limited number of, as database connections: below 80 % of its limit.
    Pool,
    /// Hits and misses: more than 85 % hits.
    Cache,
    /// What waits to be done: must not go on growing, unless a bound is given.
    Queue,
    /// A histogram of durations: 95 of 100 below 100 ms.
    Query,
    /// Any level; needs a bound.
    Gauge,
}

/// When a target counts as ready.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Ready {
    /// The path asked with GET until it answers with `status`.
    pub path: Option<Located<String>>,
    /// The status that means ready; 200 when not given.
    pub status: Option<Located<u16>>,
    /// How long it may take; 30 s when not given.
    pub within: Option<Span>,
}

/// A named part of a trial: flows side by side for a while. Either `duration` and `load` say how, or
/// `profile` does, for one `flow` or several `flows`, or a k6 `script` is the load.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Phase {
    /// The name objectives use.
    pub name: Located<String>,
    /// How long it lasts, warm-up included; load entries may end earlier. With `script`, as long as
    /// the script says when not given.
    pub duration: Option<Located<Span>>,
    /// How much of its beginning is shown but not judged.
    pub warmup: Option<Located<Span>>,
    /// The flows that run side by side, each with its executor.
    #[serde(default)]
    pub load: Vec<spec::Load>,
    /// A named profile, in place of `duration` and `load`.
    pub profile: Option<Located<profile::Name>>,
    /// With `profile`: the flow its virtual users do; or `flows`.
    pub flow: Option<Located<String>>,
    /// With `profile`: several flows; each iteration is of one of them, picked by weight.
    #[serde(default)]
    pub flows: Vec<spec::Share>,
    /// A k6 script that is the load, in place of `load` and `profile`. Its scenarios are the flows,
    /// the names of its requests the steps, and its thresholds are objectives.
    pub script: Option<Located<String>>,
    /// With `script`: what it finds in `__ENV`, and nothing else; templates.
    #[serde(default)]
    pub env: BTreeMap<String, Located<String>>,
    /// With `script`: the folder in which modules of other hosts are found, as
    /// `jslib.k6.io/k6-utils/1.4.0/index.js` in it.
    pub modules_dir: Option<Located<String>>,
    /// With `script`: options that go before its own.
    pub options: Option<Located<ScriptOptions>>,
}

/// What is asked: a statement about a metric, for the series whose tags match.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Objective {
    /// What the objective is called in the verdict.
    pub name: Located<String>,
    /// The metric, as `response_time` or `http_req_failed`.
    pub metric: Located<String>,
    /// Only series that carry all of these tags.
    #[serde(default)]
    pub tags: BTreeMap<String, Located<String>>,
    /// The phase it speaks of; all phases together when not given.
    pub phase: Option<Located<String>>,
    /// The statement: `p95 < 200ms`, `rate < 0.1%`, `throughput > 99/s`.
    pub require: Located<String>,
}

/// The judge's assumptions; the defaults are for services nobody has measured yet.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Assume {
    /// The confidence of every interval; 0.95 when not given.
    pub confidence: Option<Located<f64>>,
    /// How long one second's trouble is expected to last into the next ones; 9 s when not given.
    pub correlation_time: Option<Located<Span>>,
    /// The longest cycle the service is known to have (garbage collection, cron, batch): nothing
    /// passes before five of it.
    pub cycle: Option<Located<Span>>,
    /// How long failures are expected to clump together when there are too few to tell; 30 s when
    /// not given.
    pub clump_time: Option<Located<Span>>,
}
