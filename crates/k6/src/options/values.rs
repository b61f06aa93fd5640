//! What options are made of: stages, thresholds, tags, TLS, names and addresses.

mod addresses;
mod dns;
mod hosts;
mod tls;

use std::time::Duration;

pub use addresses::{LocalAddresses, Network};
pub use dns::{Dns, Policy, Select, Ttl};
pub use hosts::{Address, HostPatterns, Hosts};
pub use tls::{CIPHER_SUITES, ClientCertificate, TlsVersion, TlsVersions, is_spoken};

/// A stretch of a ramp: how long it takes, and what is reached at its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stage {
    /// How long; 0 jumps.
    pub duration: Duration,
    /// Virtual users, or iterations per time unit.
    pub target: u32,
}

/// One threshold of a metric, as it is typed; what it says is for the metrics to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ThresholdSpec {
    /// The expression: `p(95)<500`.
    pub threshold: String,
    /// Whether the run stops when it fails.
    pub abort_on_fail: bool,
    /// From when on that is looked at, counted from the start.
    pub delay_abort_eval: Option<Duration>,
}

/// The unit of all times in the end-of-test summary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// `s`
    Seconds,
    /// `ms`
    Milliseconds,
    /// `us`
    Microseconds,
}

impl TimeUnit {
    /// Reads `s`, `ms` or `us`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text {
            "s" => Self::Seconds,
            "ms" => Self::Milliseconds,
            "us" => Self::Microseconds,
            _ => return None,
        })
    }

    /// As it is typed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seconds => "s",
            Self::Milliseconds => "ms",
            Self::Microseconds => "us",
        }
    }
}

/// The tags k6 sets by itself, and whether it does unless told otherwise.
pub const SYSTEM_TAGS: &[(&str, bool)] = &[
    ("proto", true),
    ("subproto", true),
    ("status", true),
    ("method", true),
    ("url", true),
    ("name", true),
    ("group", true),
    ("check", true),
    ("error", true),
    ("error_code", true),
    ("tls_version", true),
    ("scenario", true),
    ("service", true),
    ("expected_response", true),
    ("ip", false),
    ("ocsp_status", false),
    ("vu", false),
    ("iter", false),
];

/// What a Trend is summed up as unless told otherwise.
pub const SUMMARY_TREND_STATS: &[&str] = &["avg", "min", "med", "max", "p(90)", "p(95)"];

/// Why a text is no statistic of a Trend; `None` if it is one.
pub fn trend_stat_fault(text: &str) -> Option<&'static str> {
    if ["avg", "min", "med", "max", "count"].contains(&text) {
        return None;
    }
    let Some(inside) = text.strip_prefix("p(").and_then(|rest| rest.strip_suffix(')')) else {
        return Some("one of avg, min, med, max, count or a percentile as p(95) is expected");
    };
    match inside.parse::<f64>() {
        Ok(percentile) if (0.0..=100.0).contains(&percentile) => None,
        _ => Some("a percentile is a number from 0 to 100"),
    }
}
