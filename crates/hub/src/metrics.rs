//! What a role counts: a registry in OpenMetrics text, and the two series every route has.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::{Metric, Registry};

/// The media type of [`Metrics::encode`].
pub const MEDIA_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Bucket bounds for durations, in seconds: 1 ms to 10 s.
pub const SECONDS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// One role's metrics. Clones share them.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Mutex<Registry>>,
    service: &'static str,
    requests: Family<Labels, Counter>,
    errors: Family<Fault, Counter>,
    cache_hits: Family<Cache, Counter>,
    cache_misses: Family<Cache, Counter>,
    open_descriptors: Gauge,
    most_descriptors: Gauge,
    durations: Family<Labels, Histogram, fn() -> Histogram>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Labels {
    service: &'static str,
    method: &'static str,
    route: String,
    status: u16,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Fault {
    code: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Cache {
    cache: &'static str,
}

impl Metrics {
    /// Metrics of the service with this name.
    pub fn new(service: &'static str) -> Self {
        let requests = Family::default();
        let durations = Family::new_with_constructor(seconds as fn() -> Histogram);
        let metrics = Self {
            registry: Arc::default(),
            service,
            requests: Family::clone(&requests),
            errors: Family::default(),
            cache_hits: Family::default(),
            cache_misses: Family::default(),
            open_descriptors: Gauge::default(),
            most_descriptors: Gauge::default(),
            durations: Family::clone(&durations),
        };
        metrics.register("http_requests", "Requests answered", requests);
        let errors = metrics.errors.clone();
        metrics.register("errors", "Requests answered with a problem, by its code", errors);
        let (open, most) = (metrics.open_descriptors.clone(), metrics.most_descriptors.clone());
        metrics.register("process_open_fds", "File descriptors this process holds", open);
        metrics.register("process_max_fds", "File descriptors this process may hold", most);
        let (hits, misses) = (metrics.cache_hits.clone(), metrics.cache_misses.clone());
        metrics.register("cache_hits", "What was asked for and kept", hits);
        metrics.register("cache_misses", "What was asked for and had to be made", misses);
        metrics.register(
            "http_request_duration_seconds",
            "Time from a request's head to its response's head",
            durations,
        );
        metrics
    }

    /// Adds a metric and gives it back; a counter's name is written without `_total`.
    pub fn register<M: Metric + Clone>(&self, name: &str, help: &str, metric: M) -> M {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register(name, help, metric.clone());
        metric
    }

    /// What the role's store counts, among the role's own.
    pub(crate) fn of_store(&self) -> seaworthy_store::Metrics {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        seaworthy_store::Metrics::new(&mut registry)
    }

    /// Adds what is counted elsewhere and read when someone asks for it.
    pub(crate) fn collect(&self, collector: impl Collector) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        registry.register_collector(Box::new(collector));
    }

    /// Counts one request answered with a problem. Its code is ours or a role's, never a client's.
    pub(crate) fn refused(&self, code: &str) {
        self.errors.get_or_create(&Fault { code: code.to_owned() }).inc();
    }

    /// The hits and misses of the role's cache with this name.
    pub(crate) fn cache(&self, cache: &'static str) -> (Counter, Counter) {
        let labels = Cache { cache };
        let count = |family: &Family<Cache, Counter>| family.get_or_create(&labels).clone();
        (count(&self.cache_hits), count(&self.cache_misses))
    }

    /// Counts one answered request.
    pub(crate) fn answered(
        &self,
        method: &Method,
        route: &str,
        status: StatusCode,
        took: Duration,
    ) {
        let labels = Labels {
            service: self.service,
            method: method_label(method),
            route: route.to_owned(),
            status: status.as_u16(),
        };
        self.requests.get_or_create(&labels).inc();
        self.durations.get_or_create(&labels).observe(took.as_secs_f64());
    }

    /// Everything counted so far, as OpenMetrics text.
    pub fn encode(&self) -> String {
        if let Ok((open, limit)) = descriptors() {
            self.open_descriptors.set(open);
            self.most_descriptors.set(limit);
        }
        let registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry)
            .expect("writing to a string does not fail");
        text
    }
}

/// A histogram over [`SECONDS`].
pub fn seconds() -> Histogram {
    Histogram::new(SECONDS)
}

/// How many file descriptors this process holds and how many it may.
fn descriptors() -> std::io::Result<(i64, i64)> {
    let open = std::fs::read_dir("/proc/self/fd")?.count();
    let limits = std::fs::read_to_string("/proc/self/limits")?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    let most = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    // The folder itself was open while it was read.
    let open = i64::try_from(open).unwrap_or(i64::MAX) - 1;
    Ok((open, most.unwrap_or(i64::MAX)))
}

/// Methods a client makes up share one label, so that it cannot grow the registry.
fn method_label(method: &Method) -> &'static str {
    match method.as_str() {
        "GET" => "GET",
        "HEAD" => "HEAD",
        "POST" => "POST",
        "PUT" => "PUT",
        "PATCH" => "PATCH",
        "DELETE" => "DELETE",
        "OPTIONS" => "OPTIONS",
        _ => "OTHER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_counted_under_their_route() {
        let metrics = Metrics::new("memory");
        let made_up = Method::from_bytes(b"BREW").unwrap();
        metrics.answered(&Method::GET, "/v1/x/{id}", StatusCode::OK, Duration::from_millis(3));
        metrics.answered(&made_up, "unmatched", StatusCode::NOT_FOUND, Duration::ZERO);
        let text = metrics.encode();
        let line = r#"http_requests_total{service="memory",method="GET",route="/v1/x/{id}",status="200"} 1"#;
        assert!(text.contains(line), "{text}");
        assert!(text.contains(r#"method="OTHER""#), "{text}");
        assert!(text.contains(r#"le="0.005""#), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
    }
}
