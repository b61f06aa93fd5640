//! Options in environment variables: `K6_VUS=10`.

use std::collections::BTreeMap;

use seaworthy_document::nearest;
use serde_json::Value;

use super::lines;
use super::object;
use super::run::Settings;
use super::source::Reader;
use super::typed::Options;

/// The variables that options are read from.
const VARIABLES: &[&str] = &[
    "K6_PAUSED",
    "K6_VUS",
    "K6_DURATION",
    "K6_ITERATIONS",
    "K6_STAGES",
    "K6_NO_SETUP",
    "K6_SETUP_TIMEOUT",
    "K6_NO_TEARDOWN",
    "K6_TEARDOWN_TIMEOUT",
    "K6_HANDLE_SUMMARY_TIMEOUT",
    "K6_RPS",
    "K6_DNS",
    "K6_MAX_REDIRECTS",
    "K6_USER_AGENT",
    "K6_BATCH",
    "K6_BATCH_PER_HOST",
    "K6_HTTP_DEBUG",
    "K6_INSECURE_SKIP_TLS_VERIFY",
    "K6_THROW",
    "K6_BLACKLIST_IPS",
    "K6_BLOCK_HOSTNAMES",
    "K6_NO_CONNECTION_REUSE",
    "K6_NO_VU_CONNECTION_REUSE",
    "K6_MIN_ITERATION_DURATION",
    "K6_SUMMARY_TREND_STATS",
    "K6_SUMMARY_TIME_UNIT",
    "K6_SYSTEM_TAGS",
    "K6_TAGS",
    "K6_METRIC_SAMPLES_BUFFER_SIZE",
    "K6_NO_COOKIES_RESET",
    "K6_DISCARD_RESPONSE_BODIES",
    "K6_FEATURES",
    "K6_CONSOLE_OUTPUT",
    "K6_LOCAL_IPS",
    "K6_OUT",
    "K6_LINGER",
    "K6_NO_USAGE_REPORT",
    "K6_NO_THRESHOLDS",
    "K6_SUMMARY_MODE",
    "K6_SUMMARY_EXPORT",
];

/// Variables that someone might take for options, and that neither k6 nor we read.
const NO_VARIABLES: &[(&str, &str)] = &[
    ("K6_EXECUTION_SEGMENT", "use the flag `--execution-segment`"),
    ("K6_EXECUTION_SEGMENT_SEQUENCE", "use the flag `--execution-segment-sequence`"),
    ("K6_SCENARIOS", "write them into the script or a configuration file"),
    ("K6_HOSTS", "use the flag `--hosts`, the script or a configuration file"),
    ("K6_THRESHOLDS", "write them into the script or a configuration file"),
    ("K6_TLS_VERSION", "write it into the script or a configuration file"),
    ("K6_TLS_CIPHER_SUITES", "write them into the script or a configuration file"),
    ("K6_TLS_AUTH", "write it into the script or a configuration file"),
    ("K6_NO_SUMMARY", "k6 2.0 has taken it away; use `K6_SUMMARY_MODE=disabled`"),
];

/// Reads every option there is among the variables.
pub(super) fn read(
    reader: &mut Reader<'_>,
    variables: &BTreeMap<String, String>,
    settings: &mut Settings,
) -> Options {
    let mut options = Options::default();
    for (name, text) in
        variables.range("K6_".to_owned()..).take_while(|(name, _)| name.starts_with("K6_"))
    {
        if VARIABLES.contains(&name.as_str()) {
            one(reader, &mut options, settings, name, text);
        } else if let Some((_, hint)) = NO_VARIABLES.iter().find(|(other, _)| other == name) {
            reader.ignored(name, "no variable says that", hint);
        } else if let Some(near) = nearest(name, VARIABLES.iter().copied()) {
            // Many variables that begin so are a script's own: only a slip of the finger is told.
            if distance_is_small(name, near) {
                reader.unknown(name, name, VARIABLES);
            }
        }
    }
    options
}

/// Whether two names of variables differ in length by two letters at most.
fn distance_is_small(name: &str, near: &str) -> bool {
    name.len().abs_diff(near.len()) <= 2
}

fn one(
    reader: &mut Reader<'_>,
    options: &mut Options,
    settings: &mut Settings,
    name: &str,
    text: &str,
) {
    // Stages and lists may be said to be empty; anything else that is empty is not said.
    match name {
        "K6_STAGES" => return options.stages = Some(lines::stages(reader, name, text)),
        "K6_SYSTEM_TAGS" if text == "\"\"" => return options.system_tags = Some([].into()),
        _ if text.is_empty() => return,
        _ => {}
    }
    let value = &Value::String(text.to_owned());
    match name {
        "K6_PAUSED" => options.paused = flag(reader, name, text),
        "K6_VUS" => options.vus = reader.vus(name, value),
        "K6_DURATION" => options.duration = reader.duration(name, value),
        "K6_ITERATIONS" => options.iterations = reader.whole(name, value, 1 << 53),
        "K6_NO_SETUP" => options.no_setup = flag(reader, name, text),
        "K6_SETUP_TIMEOUT" => options.setup_timeout = reader.duration(name, value),
        "K6_NO_TEARDOWN" => options.no_teardown = flag(reader, name, text),
        "K6_TEARDOWN_TIMEOUT" => options.teardown_timeout = reader.duration(name, value),
        "K6_HANDLE_SUMMARY_TIMEOUT" => {
            options.handle_summary_timeout = reader.duration(name, value);
        }
        "K6_RPS" => options.rps = reader.count(name, value),
        "K6_DNS" => options.dns = lines::dns(reader, name, text),
        "K6_MAX_REDIRECTS" => options.max_redirects = reader.count(name, value),
        "K6_USER_AGENT" => options.user_agent = Some(text.to_owned()),
        "K6_BATCH" => options.batch = reader.count(name, value),
        "K6_BATCH_PER_HOST" => options.batch_per_host = reader.count(name, value),
        "K6_HTTP_DEBUG" => options.http_debug = Some(text.to_owned()),
        "K6_INSECURE_SKIP_TLS_VERIFY" => {
            options.insecure_skip_tls_verify = flag(reader, name, text);
        }
        "K6_THROW" => options.throw = flag(reader, name, text),
        "K6_BLACKLIST_IPS" => {
            options.blacklist_ips = Some(object::networks(reader, name, &lines::items(text)));
        }
        "K6_BLOCK_HOSTNAMES" => {
            options.block_hostnames = Some(object::patterns(reader, name, &lines::items(text)));
        }
        "K6_NO_CONNECTION_REUSE" => options.no_connection_reuse = flag(reader, name, text),
        "K6_NO_VU_CONNECTION_REUSE" => options.no_vu_connection_reuse = flag(reader, name, text),
        "K6_MIN_ITERATION_DURATION" => {
            options.min_iteration_duration = reader.duration(name, value);
        }
        "K6_SUMMARY_TREND_STATS" => {
            options.summary_trend_stats =
                Some(object::trend_stats(reader, name, lines::items(text)));
        }
        "K6_SUMMARY_TIME_UNIT" => {
            options.summary_time_unit = object::time_unit(reader, name, text);
        }
        "K6_SYSTEM_TAGS" => {
            options.system_tags = Some(object::system_tags(reader, name, &lines::items(text)));
        }
        "K6_TAGS" => options.tags = Some(lines::tags(reader, name, text.split(','), ':')),
        "K6_METRIC_SAMPLES_BUFFER_SIZE" => {
            options.metric_samples_buffer_size = reader.count(name, value);
        }
        "K6_NO_COOKIES_RESET" => options.no_cookies_reset = flag(reader, name, text),
        "K6_DISCARD_RESPONSE_BODIES" => {
            options.discard_response_bodies = flag(reader, name, text);
        }
        "K6_FEATURES" => options.features = Some(lines::items(text)),
        "K6_CONSOLE_OUTPUT" => options.console_output = Some(text.to_owned()),
        "K6_LOCAL_IPS" => options.local_ips = local_ips(reader, name, text),
        "K6_OUT" => settings.out = Some(lines::items(text)),
        "K6_LINGER" => settings.linger = flag(reader, name, text),
        "K6_NO_USAGE_REPORT" => settings.no_usage_report = flag(reader, name, text),
        "K6_NO_THRESHOLDS" => settings.no_thresholds = flag(reader, name, text),
        "K6_SUMMARY_MODE" => settings.summary_mode = Settings::summary_mode(reader, name, text),
        _ => settings.summary_export = Some(text.to_owned()),
    }
}

/// `true` or `false`, in small letters.
fn flag(reader: &mut Reader<'_>, name: &str, text: &str) -> Option<bool> {
    let flag = text.parse().ok();
    if flag.is_none() {
        reader.wrong(name, text, "true or false is expected", "write true or false");
    }
    flag
}

pub(super) fn local_ips(
    reader: &mut Reader<'_>,
    path: &str,
    text: &str,
) -> Option<super::values::LocalAddresses> {
    super::values::LocalAddresses::parse(text)
        .map_err(|part| {
            let hint = "write 10.0.0.1, 10.0.0.1-10.0.0.9 or 10.0.0.0/24, with commas between them";
            let why = format!("`{part}` is no address, range or network");
            reader.wrong(path, text, &why, hint);
        })
        .ok()
}
