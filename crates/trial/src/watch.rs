//! Which of a target's own metrics tell of a pool, a cache, a queue or queries: those a plan
//! declares, and those with names that are well known.

use std::collections::BTreeMap;

use crate::exposition::Sample;
use crate::gauge::{Bound, Kind};

/// One resource and how it is read off a page of metrics.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Watch {
    /// What it is called in the report.
    pub(crate) name: String,
    pub(crate) kind: Kind,
    pub(crate) bound: Option<Bound>,
    pub(crate) reading: Reading,
    /// Whether a plan declares it. One that is recognised is told apart by its labels (two pools
    /// are two resources); of one that is declared, all that its selectors match is summed.
    pub(crate) declared: bool,
}

/// Where the numbers are.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reading {
    /// How much of a limit is in use.
    Use { used: Selector, limit: Limit, waiting: Option<Selector> },
    /// Hits and misses, both counters.
    Hits { hits: Selector, misses: Selector },
    /// A level.
    Value(Selector),
    /// A counter's pace in a second.
    Pace(Selector),
    /// A histogram's 95th percentile in each interval; `scale` makes seconds of its unit.
    Histogram { buckets: Selector, scale: f64 },
}

/// A limit: told by the target, or by the plan.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Limit {
    Metric(Selector),
    Number(f64),
}

/// A metric's name and the labels a series must carry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Selector {
    pub(crate) name: String,
    labels: BTreeMap<String, String>,
}

impl Selector {
    /// Reads `name` or `name{label="value",…}`; the error says what is wrong with it.
    pub(crate) fn parse(text: &str) -> Result<Self, &'static str> {
        let page = crate::exposition::read(format!("{} 1", text.trim()).as_bytes(), |_| true);
        match page.samples.into_iter().next() {
            Some(Sample { name, labels, .. }) => Ok(Self { name, labels }),
            None => Err("it is no metric's name, as `db_pool_in_use` or `jobs{state=\"waiting\"}`"),
        }
    }

    pub(crate) fn matches(&self, sample: &Sample) -> bool {
        sample.name == self.name
            && self.labels.iter().all(|(label, value)| sample.labels.get(label) == Some(value))
    }
}

impl Reading {
    /// The selectors it reads.
    pub(crate) fn selectors(&self) -> Vec<&Selector> {
        match self {
            Self::Use { used, limit, waiting } => {
                let limit = match limit {
                    Limit::Metric(selector) => Some(selector),
                    Limit::Number(_) => None,
                };
                [used].into_iter().chain(limit).chain(waiting).collect()
            }
            Self::Hits { hits, misses } => vec![hits, misses],
            Self::Value(one) | Self::Pace(one) | Self::Histogram { buckets: one, .. } => vec![one],
        }
    }
}

/// The labels that tell one pool, cache or queue of a target from another, in order of preference.
pub(crate) const TELLING: [&str; 9] = [
    "pool",
    "pool_name",
    "db_client_connections_pool_name",
    "db_client_connection_pool_name",
    "db_name",
    "cache",
    "queue",
    "data_source",
    "name",
];

/// Used, limit, waiting, and what the pool is called when no label says.
const POOLS: &[(&str, &str, &str, &str)] = &[
    // The hub, and services of the same habit.
    ("db_pool_in_use", "db_pool_size", "db_pool_waiting", "database"),
    // HikariCP, by its own and by Micrometer's exporter.
    (
        "hikaricp_connections_active",
        "hikaricp_connections_max",
        "hikaricp_connections_pending",
        "HikariCP",
    ),
    (
        "hikaricp_active_connections",
        "hikaricp_max_connections",
        "hikaricp_pending_threads",
        "HikariCP",
    ),
    // Spring's name for any JDBC pool.
    ("jdbc_connections_active", "jdbc_connections_max", "", "JDBC"),
    // Go: database/sql, pgx.
    ("go_sql_in_use_connections", "go_sql_max_open_connections", "", "database/sql"),
    ("pgxpool_acquired_conns", "pgxpool_max_conns", "", "pgx"),
    // OpenTelemetry, as SQLAlchemy's and node-postgres' instrumentations write it, old and new.
    (
        "db_client_connections_usage{state=\"used\"}",
        "db_client_connections_max",
        "db_client_connections_pending_requests",
        "database client",
    ),
    (
        "db_client_connection_count{db_client_connection_state=\"used\"}",
        "db_client_connection_max",
        "db_client_connection_pending_requests",
        "database client",
    ),
    // c3p0 through Micrometer.
    (
        "c3p0_num_busy_connections",
        "c3p0_max_pool_size",
        "c3p0_num_threads_awaiting_checkout",
        "c3p0",
    ),
    // Threads that answer requests.
    ("tomcat_threads_busy_threads", "tomcat_threads_config_max_threads", "", "Tomcat threads"),
    ("jetty_threads_busy", "jetty_threads_config_max", "jetty_threads_jobs", "Jetty threads"),
    // Servers that count their clients.
    ("redis_connected_clients", "redis_config_maxclients", "", "Redis clients"),
    ("pg_stat_activity_count", "pg_settings_max_connections", "", "PostgreSQL connections"),
    (
        "mysql_global_status_threads_connected",
        "mysql_global_variables_max_connections",
        "",
        "MySQL connections",
    ),
];

/// Hits and misses.
const CACHES: &[(&str, &str, &str)] = &[
    ("token_cache_hits_total", "token_cache_misses_total", "tokens"),
    ("cache_hits_total", "cache_misses_total", "cache"),
    ("cache_gets_total{result=\"hit\"}", "cache_gets_total{result=\"miss\"}", "cache"),
    ("caffeine_cache_hit_total", "caffeine_cache_miss_total", "Caffeine"),
    ("redis_keyspace_hits_total", "redis_keyspace_misses_total", "Redis keys"),
];

const QUEUES: &[(&str, &str)] = &[
    // The hub's.
    ("store_queue_length", "store writer"),
    ("writer_queue", "writer"),
    ("writer_queue_length", "writer"),
    ("queue_length", "queue"),
    ("queue_size", "queue"),
    ("executor_queued_tasks", "executor"),
    ("envoy_cluster_upstream_rq_pending_active", "Envoy pending requests"),
    ("celery_queue_length", "Celery"),
    ("rabbitmq_queue_messages_ready", "RabbitMQ"),
    ("kafka_consumergroup_lag", "Kafka lag"),
];

/// Histograms and what makes seconds of their unit.
const QUERIES: &[(&str, f64, &str)] = &[
    ("db_query_duration_seconds", 1.0, "database queries"),
    ("db_client_operation_duration_seconds", 1.0, "database operations"),
    ("spring_data_repository_invocations_seconds", 1.0, "repository calls"),
    ("prisma_client_queries_duration_histogram_ms", 1e-3, "Prisma queries"),
];

/// Everything with a well-known name. What the trial reads from the system of a process it started
/// is not asked for again: `process` says whether it did.
pub(crate) fn recognised(process: bool) -> Vec<Watch> {
    let selector = |text: &str| {
        Selector::parse(text).expect("the tables hold metrics' names; a test reads them all")
    };
    let optional = |text: &str| (!text.is_empty()).then(|| selector(text));
    let watch = |name: &str, kind: Kind, reading| Watch {
        name: name.to_owned(),
        kind,
        bound: kind.bound(),
        reading,
        declared: false,
    };
    let pools = POOLS.iter().map(|(used, limit, waiting, name)| {
        let (used, limit) = (selector(used), Limit::Metric(selector(limit)));
        watch(name, Kind::Pool, Reading::Use { used, limit, waiting: optional(waiting) })
    });
    let caches = CACHES.iter().map(|(hits, misses, name)| {
        watch(name, Kind::Cache, Reading::Hits { hits: selector(hits), misses: selector(misses) })
    });
    let queues = QUEUES
        .iter()
        .map(|(value, name)| watch(name, Kind::Queue, Reading::Value(selector(value))));
    let queries = QUERIES.iter().map(|(histogram, scale, name)| {
        let buckets = selector(&format!("{histogram}_bucket"));
        watch(name, Kind::Query, Reading::Histogram { buckets, scale: *scale })
    });
    let mut all: Vec<Watch> = pools.chain(caches).chain(queues).chain(queries).collect();
    if !process {
        let (used, limit) =
            (selector("process_open_fds"), Limit::Metric(selector("process_max_fds")));
        let fds = Reading::Use { used, limit, waiting: None };
        all.push(watch("file descriptors", Kind::Descriptors, fds));
        let limit = Limit::Number(f64::NAN);
        let used = selector("process_resident_memory_bytes");
        let memory = Reading::Use { used, limit, waiting: None };
        all.push(watch("memory", Kind::Memory, memory));
        let pace = Reading::Pace(selector("process_cpu_seconds_total"));
        all.push(watch("CPU", Kind::Cpu, pace));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_well_known_name_can_be_read() {
        let (own, remote) = (recognised(true), recognised(false));
        assert_eq!(own.len() + 3, remote.len());
        for watch in &remote {
            assert!(watch.bound.is_some(), "{}", watch.name);
            assert!(!watch.reading.selectors().is_empty());
        }
        // Each is its own: two that read the same would count it twice.
        let mut used: Vec<String> =
            remote.iter().map(|watch| format!("{:?}", watch.reading)).collect();
        used.sort();
        used.dedup();
        assert_eq!(used.len(), remote.len());
    }

    #[test]
    fn selectors_have_labels_or_none() {
        let jobs = Selector::parse(" jobs{state=\"waiting\"} ").unwrap();
        let sample = |state: &str| Sample {
            name: "jobs".to_owned(),
            labels: [("state".to_owned(), state.to_owned()), ("x".to_owned(), "y".to_owned())]
                .into(),
            value: 1.0,
        };
        assert!(jobs.matches(&sample("waiting")) && !jobs.matches(&sample("running")));
        assert!(Selector::parse("jobs").unwrap().matches(&sample("running")));
        for wrong in ["", "1x", "jobs{", "rate(jobs[5m])", "a b", "a{b=c}"] {
            assert!(Selector::parse(wrong).is_err(), "{wrong}");
        }
    }
}
