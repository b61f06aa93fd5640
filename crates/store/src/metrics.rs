//! What a store counts and times.

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

/// What one store counts. Clones share it.
#[derive(Clone, Debug)]
pub struct Metrics {
    /// Transactions that were sent to the writer and not yet taken by it.
    pub(crate) queued: Gauge,
    pub(crate) commits: Counter,
    pub(crate) transactions: Counter,
    pub(crate) batches: Histogram,
    pub(crate) commit_times: Histogram,
    pub(crate) pool_size: Gauge,
    pub(crate) pool_in_use: Gauge,
    pub(crate) pool_waiting: Gauge,
    pub(crate) pool_waits: Histogram,
    pub(crate) queries: Histogram,
}

impl Default for Metrics {
    fn default() -> Self {
        let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
        Self {
            queued: Gauge::default(),
            commits: Counter::default(),
            transactions: Counter::default(),
            batches: Histogram::new(sizes),
            commit_times: fine_seconds(),
            pool_size: Gauge::default(),
            pool_in_use: Gauge::default(),
            pool_waiting: Gauge::default(),
            pool_waits: fine_seconds(),
            queries: fine_seconds(),
        }
    }
}

impl Metrics {
    /// Metrics that stand in this registry, under `store_...` and `db_...`.
    pub fn new(registry: &mut Registry) -> Self {
        let made = Self::default();
        let gauges = [
            ("store_queue_length", "Transactions that wait for the writer", &made.queued),
            ("db_pool_size", "Reading connections there are", &made.pool_size),
            ("db_pool_in_use", "Reading connections at work", &made.pool_in_use),
            ("db_pool_waiting", "Reads that wait for a connection", &made.pool_waiting),
        ];
        for (name, help, gauge) in gauges {
            registry.register(name, help, gauge.clone());
        }
        let counters = [
            ("store_commits", "Commits synced", &made.commits),
            ("store_transactions", "Transactions made durable", &made.transactions),
        ];
        for (name, help, counter) in counters {
            registry.register(name, help, counter.clone());
        }
        let histograms = [
            ("store_batch_size", "Transactions per commit", &made.batches),
            (
                "store_commit_duration_seconds",
                "From a batch's first statement to its synced commit",
                &made.commit_times,
            ),
            ("db_pool_wait_seconds", "How long a read waited for a connection", &made.pool_waits),
            (
                "db_query_duration_seconds",
                "How long a read took once it had a connection",
                &made.queries,
            ),
        ];
        for (name, help, histogram) in histograms {
            registry.register(name, help, histogram.clone());
        }
        made
    }
}

/// A histogram for what takes less than a request: 10 µs to 1 s.
fn fine_seconds() -> Histogram {
    Histogram::new([
        0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01,
        0.025, 0.05, 0.1, 0.25, 0.5, 1.0,
    ])
}
