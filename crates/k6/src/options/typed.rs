//! Every option k6 takes, typed, and none of them given.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::scenario::Scenario;
use super::segment::{Segment, Sequence};
use super::values::{
    ClientCertificate, Dns, HostPatterns, Hosts, LocalAddresses, Network, SYSTEM_TAGS, Stage,
    ThresholdSpec, TimeUnit, TlsVersions,
};

/// What one source says of a run, or all of them together. What is `None` was not said; the methods
/// give what holds then.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Whether the run waits to be resumed. Refused: there is nothing that could resume it.
    pub paused: Option<bool>,
    /// Virtual users of the one scenario that `duration`, `iterations` and `stages` make.
    pub vus: Option<u32>,
    /// How long it lasts.
    pub duration: Option<Duration>,
    /// How many iterations all its virtual users make together.
    pub iterations: Option<u64>,
    /// How the number of its virtual users changes.
    pub stages: Option<Vec<Stage>>,
    /// Scenarios by name.
    pub scenarios: Option<BTreeMap<String, Scenario>>,
    /// The part of the run that is ours.
    pub execution_segment: Option<Segment>,
    /// All parts of the run.
    pub execution_segment_sequence: Option<Sequence>,
    /// Whether `setup` is left out.
    pub no_setup: Option<bool>,
    /// How long `setup` may take.
    pub setup_timeout: Option<Duration>,
    /// Whether `teardown` is left out.
    pub no_teardown: Option<bool>,
    /// How long `teardown` may take.
    pub teardown_timeout: Option<Duration>,
    /// How long `handleSummary` may take.
    pub handle_summary_timeout: Option<Duration>,
    /// The most requests per second, of all virtual users together; 0 for no limit.
    pub rps: Option<u32>,
    /// How names are looked up.
    pub dns: Dns,
    /// The most redirects a request follows.
    pub max_redirects: Option<u32>,
    /// What `User-Agent` says; nothing at all when it is empty.
    pub user_agent: Option<String>,
    /// The most requests of one `http.batch` at a time.
    pub batch: Option<u32>,
    /// The most of them to one host.
    pub batch_per_host: Option<u32>,
    /// Whether requests and answers are logged: with `full` with their bodies, with any other text
    /// without. Secrets in headers and bodies too, as in k6.
    pub http_debug: Option<String>,
    /// Whether certificates of servers are taken as they come.
    pub insecure_skip_tls_verify: Option<bool>,
    /// The cipher suites that may be spoken, by their names.
    pub tls_cipher_suites: Option<Vec<&'static str>>,
    /// The versions of TLS that may be spoken.
    pub tls_version: Option<TlsVersions>,
    /// Certificates that servers are shown.
    pub tls_auth: Option<Vec<ClientCertificate>>,
    /// Whether a failed request throws.
    pub throw: Option<bool>,
    /// Thresholds of each metric or submetric, in their order.
    pub thresholds: Option<BTreeMap<String, Vec<ThresholdSpec>>>,
    /// Addresses that are never called.
    pub blacklist_ips: Option<Vec<Network>>,
    /// Names that are never called.
    pub block_hostnames: Option<HostPatterns>,
    /// Names that stand for other addresses.
    pub hosts: Option<Hosts>,
    /// Whether each request has a connection of its own.
    pub no_connection_reuse: Option<bool>,
    /// Whether each iteration has connections of its own.
    pub no_vu_connection_reuse: Option<bool>,
    /// How long an iteration takes at least.
    pub min_iteration_duration: Option<Duration>,
    /// What a script says to k6's cloud: without effect here, and shown as it is.
    pub cloud: Option<Value>,
    /// What a script says to others: without effect here, and shown as it is.
    pub ext: Option<Value>,
    /// The statistics that a Trend is summed up as.
    pub summary_trend_stats: Option<Vec<String>>,
    /// The unit of all times in the summary.
    pub summary_time_unit: Option<TimeUnit>,
    /// The tags that are set by themselves.
    pub system_tags: Option<BTreeSet<&'static str>>,
    /// Tags of every sample.
    pub tags: Option<BTreeMap<String, String>>,
    /// How many samples k6 keeps between two steps. Nothing here has such a buffer; shown as it is.
    pub metric_samples_buffer_size: Option<u32>,
    /// Whether cookies outlive their iteration.
    pub no_cookies_reset: Option<bool>,
    /// Whether bodies are dropped unless a request asks for its own.
    pub discard_response_bodies: Option<bool>,
    /// Feature flags by name.
    pub features: Option<Vec<String>>,
    /// The file that `console` writes to; from flags and environment only.
    pub console_output: Option<String>,
    /// The addresses that virtual users call from; from flags and environment only.
    pub local_ips: Option<LocalAddresses>,
}

impl Options {
    /// How long `setup` may take.
    pub fn setup_timeout(&self) -> Duration {
        self.setup_timeout.unwrap_or(Duration::from_secs(60))
    }

    /// How long `teardown` may take.
    pub fn teardown_timeout(&self) -> Duration {
        self.teardown_timeout.unwrap_or(Duration::from_secs(60))
    }

    /// How long `handleSummary` may take.
    pub fn handle_summary_timeout(&self) -> Duration {
        self.handle_summary_timeout.unwrap_or(Duration::from_secs(120))
    }

    /// The most redirects a request follows.
    pub fn max_redirects(&self) -> u32 {
        self.max_redirects.unwrap_or(10)
    }

    /// The most requests of one `http.batch` at a time.
    pub fn batch(&self) -> u32 {
        self.batch.unwrap_or(20)
    }

    /// The most of them to one host.
    pub fn batch_per_host(&self) -> u32 {
        self.batch_per_host.unwrap_or(6)
    }

    /// The most requests per second, if there is a limit.
    pub fn rps(&self) -> Option<u32> {
        self.rps.filter(|limit| *limit > 0)
    }

    /// Whether a tag is set by itself.
    pub fn has_system_tag(&self, name: &str) -> bool {
        match &self.system_tags {
            Some(tags) => tags.contains(name),
            None => SYSTEM_TAGS.iter().any(|(tag, default)| *default && *tag == name),
        }
    }
}
