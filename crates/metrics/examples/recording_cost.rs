//! What a sample costs, in nanoseconds of processor time: build it optimised before you believe it.
//!
//! `cargo run --release -p seaworthy-metrics --example recording_cost`

use std::time::Duration;

use seaworthy_metrics::{Collector, Interner, Metric, Options, Registry, TagSet, Thresholds};
use serde_json::json;

/// Rounds of each measurement.
const ROUNDS: u32 = 300_000;

fn main() {
    let registry = Registry::new();
    let wanted = json!({ "http_req_duration": ["p(95)<500"], "http_req_failed": ["rate<0.01"] });
    let Ok(thresholds) = Thresholds::read(&wanted, &registry) else { return };
    let builtin = registry.builtin();
    let base = TagSet::of(&[("scenario", "default"), ("group", "")]);
    let pairs = [
        ("expected_response", "true"),
        ("method", "GET"),
        ("name", "http://127.0.0.1:8080/api/v1/products/list"),
        ("proto", "HTTP/1.1"),
        ("status", "200"),
        ("url", "http://127.0.0.1:8080/api/v1/products/list"),
    ];
    for (what, thresholds) in
        [("without thresholds", Thresholds::default()), ("with two", thresholds)]
    {
        let collector = Collector::new(&registry, &thresholds, &Options::default());
        let shard = collector.shard(0);
        let mut interner = Interner::default();
        let mut state = 1_u64;
        let mut value = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // From a tenth of a millisecond to a hundred of them, as latencies lie.
            0.1 * 10_f64.powf((state >> 33) as f64 / f64::from(1_u32 << 31) * 3.0)
        };
        let trends: [&Metric; 7] = [
            &builtin.http_req_duration,
            &builtin.http_req_blocked,
            &builtin.http_req_connecting,
            &builtin.http_req_tls_handshaking,
            &builtin.http_req_sending,
            &builtin.http_req_waiting,
            &builtin.http_req_receiving,
        ];
        let values = measure(|_| {
            std::hint::black_box([(); 7].map(|()| value()));
        });
        let tags = measure(|_| {
            std::hint::black_box(interner.with(&base, &pairs));
        });
        let request = measure(|round| {
            let tags = interner.with(&base, &pairs);
            let mut samples = [(&builtin.http_reqs, 1.0); 9];
            for (place, trend) in trends.iter().enumerate() {
                samples[place] = (trend, value());
            }
            samples[7] = (&builtin.http_req_failed, 0.0);
            shard.record(Duration::from_micros(u64::from(round) * 14), &tags, &samples);
        });
        let mut url = String::new();
        let many = measure(|round| {
            url.clear();
            url.push_str("http://127.0.0.1:8080/api/v1/products/");
            url.push_str(&round.to_string());
            let mut pairs = pairs;
            (pairs[2].1, pairs[5].1) = (&url, &url);
            let tags = interner.with(&base, &pairs);
            let mut samples = [(&builtin.http_reqs, 1.0); 9];
            for (place, trend) in trends.iter().enumerate() {
                samples[place] = (trend, value());
            }
            samples[7] = (&builtin.http_req_failed, 0.0);
            shard.record(Duration::from_micros(u64::from(round) * 14), &tags, &samples);
        });
        println!(
            "{what}: tags {tags:.0} ns; a request of nine samples {:.0} ns with its tags; {:.0} ns when each has a URL of its own",
            request - values,
            many - values
        );
    }
}

/// Nanoseconds of processor time for each round: a busy machine does not count.
fn measure(mut round: impl FnMut(u32)) -> f64 {
    let start = processor_time();
    (0..ROUNDS).for_each(&mut round);
    (processor_time() - start) / f64::from(ROUNDS)
}

/// What this thread has had of the processor, as Linux counts it.
fn processor_time() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    text.split(' ').next().and_then(|nanos| nanos.parse().ok()).unwrap_or(f64::NAN)
}
