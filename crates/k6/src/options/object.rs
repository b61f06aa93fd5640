//! Options read from an object: what a script exports, or what a configuration file holds.

mod network;
mod thresholds;
mod tls;

use std::collections::BTreeSet;

use serde_json::Value;

use super::run::Settings;
use super::scenario;
use super::segment::{Segment, Sequence};
use super::source::{Reader, Source};
use super::typed::Options;
use super::values::{SYSTEM_TAGS, TimeUnit, trend_stat_fault};

pub(super) use network::{dns_part, hosts, networks, patterns};

/// Every option an object may have.
const NAMES: &[&str] = &[
    "paused",
    "vus",
    "duration",
    "iterations",
    "stages",
    "scenarios",
    "executionSegment",
    "executionSegmentSequence",
    "noSetup",
    "setupTimeout",
    "noTeardown",
    "teardownTimeout",
    "handleSummaryTimeout",
    "rps",
    "dns",
    "maxRedirects",
    "userAgent",
    "batch",
    "batchPerHost",
    "httpDebug",
    "insecureSkipTLSVerify",
    "tlsCipherSuites",
    "tlsVersion",
    "tlsAuth",
    "throw",
    "thresholds",
    "blacklistIPs",
    "blockHostnames",
    "hosts",
    "noConnectionReuse",
    "noVUConnectionReuse",
    "minIterationDuration",
    "cloud",
    "ext",
    "summaryTrendStats",
    "summaryTimeUnit",
    "systemTags",
    "tags",
    "metricSamplesBufferSize",
    "noCookiesReset",
    "discardResponseBodies",
    "features",
];

/// Reads every option of an object. Names are matched in capital or small letters as they happen
/// to be typed, as k6 does; what a configuration file says beside options goes to `settings`.
pub(super) fn read(reader: &mut Reader<'_>, value: &Value, settings: &mut Settings) -> Options {
    let mut options = Options::default();
    let Some(object) = reader.object("", value) else { return options };
    for (typed, value) in object {
        let name = NAMES.iter().find(|name| name.eq_ignore_ascii_case(typed)).copied();
        match name {
            Some(name) => one(reader, &mut options, name, value),
            None if matches!(reader.source, Source::Config(_)) => {
                settings.read(reader, typed, value, NAMES);
            }
            None => elsewhere(reader, typed),
        }
    }
    options
}

/// A name that is no option of a script: of another place, or of none.
fn elsewhere(reader: &mut Reader<'_>, typed: &str) {
    let flag = match typed {
        "localIPs" => "--local-ips",
        "consoleOutput" => "--console-output",
        "linger" => "--linger",
        "noUsageReport" => "--no-usage-report",
        "out" => "--out",
        "summaryMode" => "--summary-mode",
        "summaryExport" => "--summary-export",
        _ => return reader.unknown(typed, typed, NAMES),
    };
    reader.ignored(typed, "a script cannot say that", &format!("use the flag `{flag}`"));
}

fn one(reader: &mut Reader<'_>, options: &mut Options, name: &str, value: &Value) {
    match name {
        "paused" => options.paused = reader.bool(name, value),
        "vus" => options.vus = reader.vus(name, value),
        "duration" => options.duration = reader.duration(name, value),
        "iterations" => options.iterations = reader.whole(name, value, 1 << 53),
        "stages" => options.stages = scenario::stages(reader, name, value, false),
        "scenarios" => options.scenarios = scenario::read(reader, name, value),
        "executionSegment" => {
            options.execution_segment =
                reader.text(name, value).and_then(|text| segment(reader, name, &text));
        }
        "executionSegmentSequence" => {
            options.execution_segment_sequence =
                reader.text(name, value).and_then(|text| sequence(reader, name, &text));
        }
        "noSetup" => options.no_setup = reader.bool(name, value),
        "setupTimeout" => options.setup_timeout = reader.duration(name, value),
        "noTeardown" => options.no_teardown = reader.bool(name, value),
        "teardownTimeout" => options.teardown_timeout = reader.duration(name, value),
        "handleSummaryTimeout" => options.handle_summary_timeout = reader.duration(name, value),
        "rps" => options.rps = reader.count(name, value),
        "dns" => options.dns = network::dns(reader, name, value),
        "maxRedirects" => options.max_redirects = reader.count(name, value),
        "userAgent" => options.user_agent = reader.text(name, value),
        "batch" => options.batch = reader.count(name, value),
        "batchPerHost" => options.batch_per_host = reader.count(name, value),
        "httpDebug" => options.http_debug = reader.text(name, value),
        "insecureSkipTLSVerify" => options.insecure_skip_tls_verify = reader.bool(name, value),
        "tlsCipherSuites" => {
            options.tls_cipher_suites = reader
                .texts(name, value)
                .and_then(|suites| tls::cipher_suites(reader, name, &suites));
        }
        "tlsVersion" => options.tls_version = tls::tls_versions(reader, name, value),
        "tlsAuth" => options.tls_auth = tls::certificates(reader, name, value),
        "throw" => options.throw = reader.bool(name, value),
        "thresholds" => options.thresholds = thresholds::thresholds(reader, name, value),
        "blacklistIPs" => {
            options.blacklist_ips =
                reader.texts(name, value).map(|texts| networks(reader, name, &texts));
        }
        "blockHostnames" => {
            options.block_hostnames =
                reader.texts(name, value).map(|texts| patterns(reader, name, &texts));
        }
        "hosts" => {
            options.hosts = reader.named_texts(name, value).map(|named| {
                let named = named.iter().map(|(name, address)| (name.as_str(), address.as_str()));
                hosts(reader, name, named)
            });
        }
        "noConnectionReuse" => options.no_connection_reuse = reader.bool(name, value),
        "noVUConnectionReuse" => options.no_vu_connection_reuse = reader.bool(name, value),
        "minIterationDuration" => options.min_iteration_duration = reader.duration(name, value),
        "cloud" | "ext" => {
            if let Some(object) = reader.object(name, value) {
                let why = "it is for k6's cloud and its extensions, and nothing is sent there";
                reader.ignored(name, why, "leave it: it does no harm");
                let kept = Some(Value::Object(object.clone()));
                if name == "cloud" { options.cloud = kept } else { options.ext = kept }
            }
        }
        "summaryTrendStats" => {
            options.summary_trend_stats =
                reader.texts(name, value).map(|stats| trend_stats(reader, name, stats));
        }
        "summaryTimeUnit" => {
            options.summary_time_unit =
                reader.text(name, value).and_then(|text| time_unit(reader, name, &text));
        }
        "systemTags" => {
            options.system_tags =
                reader.texts(name, value).map(|tags| system_tags(reader, name, &tags));
        }
        "tags" => options.tags = reader.named_texts(name, value),
        "metricSamplesBufferSize" => {
            options.metric_samples_buffer_size = reader.count(name, value);
        }
        "noCookiesReset" => options.no_cookies_reset = reader.bool(name, value),
        "discardResponseBodies" => options.discard_response_bodies = reader.bool(name, value),
        _ => {
            options.features = reader.texts(name, value);
            if options.features.is_some() && matches!(reader.source, Source::Script(..)) {
                options.features = None;
                let hint = "use the flag `--features` or the variable `K6_FEATURES`";
                reader.ignored(name, "a script cannot say that", hint);
            }
        }
    }
}

pub(super) fn segment(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<Segment> {
    let hint = "write a part as '0:1/3', '25%' or '0.2:0.5'";
    let read = Segment::parse(text);
    read.map_err(|why| reader.wrong(path, text, &why.to_string(), hint)).ok()
}

pub(super) fn sequence(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<Sequence> {
    let read = Sequence::parse(text);
    read.map_err(|why| reader.wrong(path, text, &why.to_string(), "write '0,1/3,2/3,1'")).ok()
}

pub(super) fn trend_stats(reader: &mut Reader<'_>, path: &str, stats: Vec<String>) -> Vec<String> {
    for stat in &stats {
        if let Some(why) = trend_stat_fault(stat) {
            reader.wrong(path, stat, why, "as in ['avg', 'p(95)', 'p(99.9)', 'count']");
        }
    }
    stats
}

pub(super) fn time_unit(reader: &mut Reader<'_>, path: &str, text: &str) -> Option<TimeUnit> {
    let unit = TimeUnit::parse(text);
    if unit.is_none() && !text.is_empty() {
        reader.unknown_value(path, text, &["s", "ms", "us"]);
    }
    unit
}

pub(super) fn system_tags(
    reader: &mut Reader<'_>,
    path: &str,
    tags: &[String],
) -> BTreeSet<&'static str> {
    let names: Vec<&'static str> = SYSTEM_TAGS.iter().map(|(name, _)| *name).collect();
    let mut known = BTreeSet::new();
    for tag in tags {
        match names.iter().find(|name| *name == tag) {
            Some(name) => drop(known.insert(*name)),
            None => reader.unknown(&format!("{path}.{tag}"), tag, &names),
        }
    }
    known
}
