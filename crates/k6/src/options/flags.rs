//! Options on the command line, before anyone has read what they say.

use super::environment::local_ips;
use super::lines;
use super::object;
use super::run::Settings;
use super::source::Reader;
use super::typed::Options;

/// The flags of `run` as they were typed: text where there is something to read in it, so that what
/// is wrong is told in the same words wherever an option is said. What is `None` or empty was not
/// typed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// `--vus`, `-u`
    pub vus: Option<String>,
    /// `--duration`, `-d`
    pub duration: Option<String>,
    /// `--iterations`, `-i`
    pub iterations: Option<String>,
    /// `--stage`, `-s`, each time it is typed: `10s:5`, or several with commas between them. One
    /// empty text are no stages.
    pub stages: Vec<String>,
    /// `--execution-segment`
    pub execution_segment: Option<String>,
    /// `--execution-segment-sequence`
    pub execution_segment_sequence: Option<String>,
    /// `--paused`, `-p`
    pub paused: Option<bool>,
    /// `--no-setup`
    pub no_setup: Option<bool>,
    /// `--no-teardown`
    pub no_teardown: Option<bool>,
    /// `--max-redirects`
    pub max_redirects: Option<String>,
    /// `--batch`
    pub batch: Option<String>,
    /// `--batch-per-host`
    pub batch_per_host: Option<String>,
    /// `--rps`
    pub rps: Option<String>,
    /// `--user-agent`
    pub user_agent: Option<String>,
    /// `--http-debug`; `headers` when it is typed without a value.
    pub http_debug: Option<String>,
    /// `--insecure-skip-tls-verify`
    pub insecure_skip_tls_verify: Option<bool>,
    /// `--no-connection-reuse`
    pub no_connection_reuse: Option<bool>,
    /// `--no-vu-connection-reuse`
    pub no_vu_connection_reuse: Option<bool>,
    /// `--min-iteration-duration`
    pub min_iteration_duration: Option<String>,
    /// `--throw`, `-w`
    pub throw: Option<bool>,
    /// `--blacklist-ip`, each time it is typed.
    pub blacklist_ip: Vec<String>,
    /// `--block-hostnames`, each time it is typed.
    pub block_hostnames: Vec<String>,
    /// `--hosts`, each time it is typed: `name=address`. k6 has no such flag.
    pub hosts: Vec<String>,
    /// `--summary-trend-stats`
    pub summary_trend_stats: Option<String>,
    /// `--summary-time-unit`
    pub summary_time_unit: Option<String>,
    /// `--system-tags`
    pub system_tags: Option<String>,
    /// `--tag`, each time it is typed: `name=value`.
    pub tags: Vec<String>,
    /// `--console-output`
    pub console_output: Option<String>,
    /// `--discard-response-bodies`
    pub discard_response_bodies: Option<bool>,
    /// `--local-ips`
    pub local_ips: Option<String>,
    /// `--dns`
    pub dns: Option<String>,
    /// `--features`, each time it is typed.
    pub features: Vec<String>,
    /// `--out`, `-o`, each time it is typed.
    pub out: Vec<String>,
    /// `--linger`, `-l`
    pub linger: Option<bool>,
    /// `--no-usage-report`
    pub no_usage_report: Option<bool>,
    /// `--no-thresholds`
    pub no_thresholds: Option<bool>,
    /// `--summary-mode`
    pub summary_mode: Option<String>,
    /// `--summary-export`
    pub summary_export: Option<String>,
}

/// Reads every flag that was typed.
pub(super) fn read(reader: &mut Reader<'_>, flags: &Flags, settings: &mut Settings) -> Options {
    let mut options = Options {
        paused: flags.paused,
        no_setup: flags.no_setup,
        no_teardown: flags.no_teardown,
        user_agent: flags.user_agent.clone(),
        http_debug: flags.http_debug.clone(),
        insecure_skip_tls_verify: flags.insecure_skip_tls_verify,
        no_connection_reuse: flags.no_connection_reuse,
        no_vu_connection_reuse: flags.no_vu_connection_reuse,
        throw: flags.throw,
        console_output: flags.console_output.clone(),
        discard_response_bodies: flags.discard_response_bodies,
        features: split(&flags.features),
        ..Options::default()
    };
    let text = |typed: &Option<String>| typed.clone().map(serde_json::Value::String);
    if let Some(value) = text(&flags.vus) {
        options.vus = number(reader, "--vus", &value).and_then(|()| reader.vus("--vus", &value));
    }
    if let Some(value) = text(&flags.iterations) {
        options.iterations = number(reader, "--iterations", &value)
            .and_then(|()| reader.whole("--iterations", &value, 1 << 53));
    }
    let counts = [
        ("--max-redirects", &flags.max_redirects, &mut options.max_redirects),
        ("--batch", &flags.batch, &mut options.batch),
        ("--batch-per-host", &flags.batch_per_host, &mut options.batch_per_host),
        ("--rps", &flags.rps, &mut options.rps),
    ];
    for (name, typed, option) in counts {
        if let Some(value) = text(typed) {
            *option = number(reader, name, &value).and_then(|()| reader.count(name, &value));
        }
    }
    let lengths = [
        ("--duration", &flags.duration, &mut options.duration),
        (
            "--min-iteration-duration",
            &flags.min_iteration_duration,
            &mut options.min_iteration_duration,
        ),
    ];
    for (name, typed, option) in lengths {
        *option = typed.as_ref().and_then(|text| lines::length(reader, name, text));
    }
    if !flags.stages.is_empty() {
        options.stages = Some(lines::stages(reader, "--stage", &flags.stages.join(",")));
    }
    let segment = flags.execution_segment.as_ref();
    options.execution_segment =
        segment.and_then(|text| object::segment(reader, "--execution-segment", text));
    let sequence = flags.execution_segment_sequence.as_ref();
    options.execution_segment_sequence =
        sequence.and_then(|text| object::sequence(reader, "--execution-segment-sequence", text));
    options.blacklist_ips =
        split(&flags.blacklist_ip).map(|texts| object::networks(reader, "--blacklist-ip", &texts));
    options.block_hostnames = split(&flags.block_hostnames)
        .map(|texts| object::patterns(reader, "--block-hostnames", &texts));
    if !flags.hosts.is_empty() {
        let pairs = flags.hosts.iter().filter_map(|text| lines::pair(reader, "--hosts", text, '='));
        let pairs: Vec<_> = pairs.collect();
        options.hosts = Some(object::hosts(reader, "--hosts", pairs.into_iter()));
    }
    options.summary_trend_stats = flags
        .summary_trend_stats
        .as_ref()
        .map(|text| object::trend_stats(reader, "--summary-trend-stats", lines::items(text)));
    options.summary_time_unit = flags
        .summary_time_unit
        .as_ref()
        .and_then(|text| object::time_unit(reader, "--summary-time-unit", text));
    options.system_tags = flags
        .system_tags
        .as_ref()
        .map(|text| object::system_tags(reader, "--system-tags", &lines::items(text)));
    if !flags.tags.is_empty() {
        let texts = flags.tags.iter().map(String::as_str);
        options.tags = Some(lines::tags(reader, "--tag", texts, '='));
    }
    options.local_ips =
        flags.local_ips.as_ref().and_then(|text| local_ips(reader, "--local-ips", text));
    if let Some(text) = &flags.dns {
        options.dns = lines::dns(reader, "--dns", text);
    }
    settings.out = (!flags.out.is_empty()).then(|| flags.out.clone());
    settings.linger = flags.linger;
    settings.no_usage_report = flags.no_usage_report;
    settings.no_thresholds = flags.no_thresholds;
    settings.summary_mode = flags
        .summary_mode
        .as_ref()
        .and_then(|text| Settings::summary_mode(reader, "--summary-mode", text));
    settings.summary_export.clone_from(&flags.summary_export);
    options
}

/// A flag that takes a number takes no empty text.
fn number(reader: &mut Reader<'_>, name: &str, value: &serde_json::Value) -> Option<()> {
    if value.as_str() == Some("") {
        reader.mistyped(name, value, "a whole number", "write a number");
        return None;
    }
    Some(())
}

/// All that was typed for a flag, commas in between or not; `None` when it was not typed.
fn split(typed: &[String]) -> Option<Vec<String>> {
    (!typed.is_empty()).then(|| typed.iter().flat_map(|text| lines::items(text)).collect())
}
