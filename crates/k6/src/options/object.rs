//! Options read from an object: what a script exports, or what a configuration file holds.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::run::Settings;
use super::scenario;
use super::segment::{Segment, Sequence};
use super::source::{Reader, Source};
use super::typed::Options;
use super::values::{
    Address, CIPHER_SUITES, ClientCertificate, Dns, HostPatterns, Hosts, Network, Policy,
    SYSTEM_TAGS, Select, ThresholdSpec, TimeUnit, TlsVersion, TlsVersions, Ttl, is_spoken,
    trend_stat_fault,
};

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
        "dns" => options.dns = dns(reader, name, value),
        "maxRedirects" => options.max_redirects = reader.count(name, value),
        "userAgent" => options.user_agent = reader.text(name, value),
        "batch" => options.batch = reader.count(name, value),
        "batchPerHost" => options.batch_per_host = reader.count(name, value),
        "httpDebug" => options.http_debug = reader.text(name, value),
        "insecureSkipTLSVerify" => options.insecure_skip_tls_verify = reader.bool(name, value),
        "tlsCipherSuites" => {
            options.tls_cipher_suites =
                reader.texts(name, value).and_then(|suites| cipher_suites(reader, name, &suites));
        }
        "tlsVersion" => options.tls_version = tls_versions(reader, name, value),
        "tlsAuth" => options.tls_auth = certificates(reader, name, value),
        "throw" => options.throw = reader.bool(name, value),
        "thresholds" => options.thresholds = thresholds(reader, name, value),
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
            if options.features.is_some() && matches!(reader.source, Source::Script(_)) {
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

fn dns(reader: &mut Reader<'_>, path: &str, value: &Value) -> Dns {
    let mut dns = Dns::default();
    let Some(object) = reader.object(path, value) else { return dns };
    for (name, value) in object {
        let path = format!("{path}.{name}");
        let known = dns_part(reader, &mut dns, &path, &name.to_lowercase(), value);
        if !known {
            reader.unknown(&path, name, &["ttl", "select", "policy"]);
        }
    }
    dns
}

/// One part of what is said of looking up names; `false` if there is none of that name.
pub(super) fn dns_part(
    reader: &mut Reader<'_>,
    dns: &mut Dns,
    path: &str,
    name: &str,
    value: &Value,
) -> bool {
    if !["ttl", "select", "policy"].contains(&name) {
        return false;
    }
    let Some(text) = reader.text(path, value) else { return true };
    match name {
        // Nothing between quotes is nothing.
        "ttl" if text.is_empty() => {}
        "ttl" => {
            dns.ttl = Ttl::parse(&text);
            if dns.ttl.is_none() {
                let hint = "write 'inf', '0' or a length as '5m'";
                reader.wrong(path, &text, "that is no length of time", hint);
            }
        }
        "select" => {
            dns.select = Select::parse(&text);
            if dns.select.is_none() {
                reader.unknown_value(path, &text, &Select::names().collect::<Vec<_>>());
            }
        }
        _ => {
            dns.policy = Policy::parse(&text);
            if dns.policy.is_none() {
                reader.unknown_value(path, &text, &Policy::names().collect::<Vec<_>>());
            }
        }
    }
    true
}

fn cipher_suites(
    reader: &mut Reader<'_>,
    path: &str,
    suites: &[String],
) -> Option<Vec<&'static str>> {
    let names: Vec<&str> = CIPHER_SUITES.iter().map(|(name, _)| *name).collect();
    let mut known = Vec::new();
    for (position, suite) in suites.iter().enumerate() {
        match names.iter().find(|name| *name == suite) {
            Some(name) => known.push(*name),
            None => reader.unknown_value(&format!("{path}[{position}]"), suite, &names),
        }
    }
    let unspoken: Vec<&str> =
        known.iter().copied().filter(|suite| is_spoken(suite) == Some(false)).collect();
    let why = format!("{} cannot be spoken here: it is broken or old", unspoken.join(", "));
    let hint = "name a suite with ECDHE and GCM or CHACHA20, or one of TLS 1.3";
    if !unspoken.is_empty() && unspoken.len() == known.len() {
        reader.refused(path, &why, hint);
    } else if !unspoken.is_empty() {
        reader.ignored(path, &why, hint);
    }
    // None named is all, as in k6.
    (!known.is_empty()).then_some(known)
}

fn tls_versions(reader: &mut Reader<'_>, path: &str, value: &Value) -> Option<TlsVersions> {
    let versions = match value {
        Value::Null => return None,
        Value::Object(object) => {
            let mut versions = TlsVersions::default();
            for (name, value) in object {
                let path = format!("{path}.{name}");
                match name.to_lowercase().as_str() {
                    "min" => versions.min = tls_version(reader, &path, value),
                    "max" => versions.max = tls_version(reader, &path, value),
                    _ => reader.unknown_field(&path, name, &["min", "max"]),
                }
            }
            versions
        }
        Value::String(_) => {
            let only = tls_version(reader, path, value);
            TlsVersions { min: only, max: only }
        }
        other => {
            let hint = "write 'tls1.3' or { min: 'tls1.2', max: 'tls1.3' }";
            reader.mistyped(path, other, "text or an object", hint);
            return None;
        }
    };
    if versions.max.is_some_and(|max| max < TlsVersion::Tls12) {
        let why = "TLS below 1.2 is broken, and is not spoken here";
        reader.refused(path, why, "let `max` be 'tls1.2' or 'tls1.3', or leave it out");
    } else if let (Some(min), Some(max)) = (versions.min, versions.max)
        && min > max
    {
        let why = "`min` is above `max`: no version is left";
        reader.wrong(path, &format!("{} to {}", min.name(), max.name()), why, "exchange them");
    }
    Some(versions)
}

fn tls_version(reader: &mut Reader<'_>, path: &str, value: &Value) -> Option<TlsVersion> {
    let text = reader.text(path, value).filter(|text| !text.is_empty())?;
    let version = TlsVersion::parse(&text);
    if version.is_none() {
        reader.unknown_value(path, &text, &TlsVersion::names().collect::<Vec<_>>());
    }
    version
}

fn certificates(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<Vec<ClientCertificate>> {
    const FIELDS: &[&str] = &["domains", "cert", "key", "password"];
    let mut certificates = Vec::new();
    for (position, value) in reader.list(path, value)?.iter().enumerate() {
        let path = format!("{path}[{position}]");
        let Some(object) = reader.object(&path, value) else { continue };
        let mut certificate = ClientCertificate {
            domains: Vec::new(),
            cert: String::new(),
            key: String::new(),
            password: None,
        };
        for (name, value) in object {
            let path = format!("{path}.{name}");
            // What a secret is is not shown, whatever is wrong with it.
            let value = if value.is_string() || value.is_array() || value.is_null() {
                value
            } else {
                &Value::Object(serde_json::Map::new())
            };
            match name.to_lowercase().as_str() {
                "domains" => certificate.domains = reader.texts(&path, value).unwrap_or_default(),
                "cert" => certificate.cert = reader.text(&path, value).unwrap_or_default(),
                "key" => certificate.key = reader.text(&path, value).unwrap_or_default(),
                "password" => certificate.password = reader.text(&path, value),
                _ => reader.unknown_field(&path, name, FIELDS),
            }
        }
        for (text, name) in [(&certificate.cert, "cert"), (&certificate.key, "key")] {
            if !text.contains("-----BEGIN ") {
                let hint = format!("write `{name}: open('{name}.pem')`");
                let path = format!("{path}.{name}");
                reader.wrong(&path, "…", "it holds no PEM text, or is missing", &hint);
            }
        }
        certificates.push(certificate);
    }
    Some(certificates)
}

fn thresholds(
    reader: &mut Reader<'_>,
    path: &str,
    value: &Value,
) -> Option<BTreeMap<String, Vec<ThresholdSpec>>> {
    let object = reader.object(path, value)?;
    let mut thresholds = BTreeMap::new();
    for (metric, value) in object {
        let path = format!("{path}.{metric}");
        let specs: Vec<ThresholdSpec> = match reader.list(&path, value) {
            Some(list) => list
                .iter()
                .enumerate()
                .filter_map(|(position, value)| {
                    threshold(reader, &format!("{path}[{position}]"), value)
                })
                .collect(),
            None => Vec::new(),
        };
        thresholds.insert(metric.clone(), specs);
    }
    Some(thresholds)
}

fn threshold(reader: &mut Reader<'_>, path: &str, value: &Value) -> Option<ThresholdSpec> {
    const FIELDS: &[&str] = &["threshold", "abortOnFail", "delayAbortEval"];
    let object = match value {
        Value::String(text) => {
            return Some(ThresholdSpec { threshold: text.clone(), ..ThresholdSpec::default() });
        }
        Value::Object(object) => object,
        other => {
            let hint = "write 'p(95)<500' or { threshold: 'p(95)<500', abortOnFail: true }";
            reader.mistyped(path, other, "a threshold", hint);
            return None;
        }
    };
    let mut spec = ThresholdSpec::default();
    for (name, value) in object {
        let path = format!("{path}.{name}");
        match name.to_lowercase().as_str() {
            "threshold" => spec.threshold = reader.text(&path, value).unwrap_or_default(),
            "abortonfail" => spec.abort_on_fail = reader.bool(&path, value).unwrap_or_default(),
            "delayaborteval" => spec.delay_abort_eval = reader.duration(&path, value),
            _ => reader.unknown(&path, name, FIELDS),
        }
    }
    Some(spec)
}

pub(super) fn networks(reader: &mut Reader<'_>, path: &str, texts: &[String]) -> Vec<Network> {
    let mut networks = Vec::new();
    for (position, text) in texts.iter().enumerate() {
        match Network::parse(text) {
            Some(network) => networks.push(network),
            None => {
                let hint = "write '10.0.0.0/8'; one address is '10.0.0.1/32'";
                let path = format!("{path}[{position}]");
                reader.wrong(&path, text, "that is no range of addresses", hint);
            }
        }
    }
    networks
}

pub(super) fn patterns(reader: &mut Reader<'_>, path: &str, texts: &[String]) -> HostPatterns {
    let mut patterns = HostPatterns::default();
    for (position, text) in texts.iter().enumerate() {
        if !patterns.insert(text) {
            let hint = "write 'example.com' or '*.example.com'; `*` stands in front only";
            let path = format!("{path}[{position}]");
            reader.wrong(&path, text, "that is no host's name or pattern", hint);
        }
    }
    patterns
}

pub(super) fn hosts<'n>(
    reader: &mut Reader<'_>,
    path: &str,
    named: impl Iterator<Item = (&'n str, &'n str)>,
) -> Hosts {
    let mut hosts = Hosts::default();
    for (name, address) in named {
        let path = format!("{path}.{name}");
        let Some(parsed) = Address::parse(address) else {
            let hint = "write an IP address, with a port if it is another: '127.0.0.1:8080'";
            reader.wrong(&path, address, "that is no address", hint);
            continue;
        };
        if !hosts.insert(name, parsed) {
            let hint = "write 'example.com', 'example.com:443' or '*.example.com'";
            reader.wrong(&path, name, "that is no host's name or pattern", hint);
        }
    }
    hosts
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
