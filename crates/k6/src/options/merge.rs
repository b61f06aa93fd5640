//! Sources laid over each other: the later says more than the earlier.

use std::collections::BTreeMap;

use seaworthy_document::Finding;

use super::codes;
use super::run::Settings;
use super::scenario::Scenario;
use super::source::{Reader, Source};
use super::typed::Options;

/// What each source says, the weakest first.
#[derive(Debug, Default)]
pub(super) struct Layers(Vec<(Source, Options, Settings)>);

impl Layers {
    /// Reads a source, stronger than those before.
    pub(super) fn add(
        &mut self,
        source: Source,
        findings: &mut Vec<Finding>,
        read: impl FnOnce(&mut Reader<'_>, &mut Settings) -> Options,
    ) {
        let mut settings = Settings::default();
        let mut reader = Reader { source, findings };
        let options = read(&mut reader, &mut settings);
        self.0.push((reader.source, options, settings));
    }

    /// The scenarios that the last source says.
    pub(super) fn scenarios(&self) -> BTreeMap<String, Scenario> {
        self.0.last().and_then(|(_, options, _)| options.scenarios.clone()).unwrap_or_default()
    }

    /// All of them together.
    pub(super) fn merged(self, findings: &mut Vec<Finding>) -> (Options, Settings) {
        let features: Vec<String> = self
            .0
            .iter()
            .rev()
            .find_map(|(_, options, _)| options.features.clone())
            .unwrap_or_default();
        let merge_tags = features.iter().any(|feature| feature == "merge-run-tags");
        let mut merged = (Options::default(), Settings::default());
        for (source, mut over, settings) in self.0 {
            if merge_tags && let (Some(below), Some(tags)) = (&merged.0.tags, &mut over.tags) {
                for (name, value) in below {
                    tags.entry(name.clone()).or_insert_with(|| value.clone());
                }
            }
            merged.0 = laid(merged.0, over, &source, findings);
            merged.1 = merged.1.overridden(settings);
        }
        merged
    }
}

/// Lays `over` on `below`. Whoever says how long a run lasts says it alone: duration, iterations,
/// stages and scenarios of `below` are put aside together when `over` has any of them.
fn laid(below: Options, over: Options, source: &Source, findings: &mut Vec<Finding>) -> Options {
    let says = over.duration.is_some()
        || over.iterations.is_some()
        || over.stages.is_some()
        || over.scenarios.is_some();
    let aside = below.scenarios.as_ref().filter(|scenarios| says && !scenarios.is_empty());
    if let Some(scenarios) = aside {
        let names: Vec<_> = scenarios.keys().map(|name| format!("`{name}`")).collect();
        let reason = format!(
            "{} says how long the run lasts, so scenarios said before are not run: {}",
            source.level(),
            names.join(", ")
        );
        let hint = "leave out `vus`, `duration`, `iterations` and `stages` there to run them";
        findings.push(Finding::warning(codes::OVERRIDDEN, reason).hint(hint));
    }
    let below = match says {
        true => {
            Options { duration: None, iterations: None, stages: None, scenarios: None, ..below }
        }
        false => below,
    };
    // The flag `--hosts` adds names to those of the script, which k6 has no way to do.
    let hosts = match (below.hosts, over.hosts) {
        (Some(mut hosts), Some(more)) if *source == Source::Flags => {
            for (name, address) in more.iter() {
                hosts.insert(name, address);
            }
            Some(hosts)
        }
        (below, over) => over.or(below),
    };
    Options {
        paused: over.paused.or(below.paused),
        vus: over.vus.or(below.vus),
        duration: over.duration.or(below.duration),
        iterations: over.iterations.or(below.iterations),
        stages: over.stages.or(below.stages),
        scenarios: over.scenarios.or(below.scenarios),
        execution_segment: over.execution_segment.or(below.execution_segment),
        execution_segment_sequence: over
            .execution_segment_sequence
            .or(below.execution_segment_sequence),
        no_setup: over.no_setup.or(below.no_setup),
        setup_timeout: over.setup_timeout.or(below.setup_timeout),
        no_teardown: over.no_teardown.or(below.no_teardown),
        teardown_timeout: over.teardown_timeout.or(below.teardown_timeout),
        handle_summary_timeout: over.handle_summary_timeout.or(below.handle_summary_timeout),
        rps: over.rps.or(below.rps),
        dns: below.dns.overridden(over.dns),
        max_redirects: over.max_redirects.or(below.max_redirects),
        user_agent: over.user_agent.or(below.user_agent),
        batch: over.batch.or(below.batch),
        batch_per_host: over.batch_per_host.or(below.batch_per_host),
        http_debug: over.http_debug.or(below.http_debug),
        insecure_skip_tls_verify: over.insecure_skip_tls_verify.or(below.insecure_skip_tls_verify),
        tls_cipher_suites: over.tls_cipher_suites.or(below.tls_cipher_suites),
        tls_version: over.tls_version.or(below.tls_version),
        tls_auth: over.tls_auth.or(below.tls_auth),
        throw: over.throw.or(below.throw),
        thresholds: over.thresholds.or(below.thresholds),
        blacklist_ips: over.blacklist_ips.or(below.blacklist_ips),
        block_hostnames: over.block_hostnames.or(below.block_hostnames),
        hosts,
        no_connection_reuse: over.no_connection_reuse.or(below.no_connection_reuse),
        no_vu_connection_reuse: over.no_vu_connection_reuse.or(below.no_vu_connection_reuse),
        min_iteration_duration: over.min_iteration_duration.or(below.min_iteration_duration),
        cloud: over.cloud.or(below.cloud),
        ext: over.ext.or(below.ext),
        summary_trend_stats: over.summary_trend_stats.or(below.summary_trend_stats),
        summary_time_unit: over.summary_time_unit.or(below.summary_time_unit),
        system_tags: over.system_tags.or(below.system_tags),
        tags: over.tags.or(below.tags),
        metric_samples_buffer_size: over
            .metric_samples_buffer_size
            .or(below.metric_samples_buffer_size),
        no_cookies_reset: over.no_cookies_reset.or(below.no_cookies_reset),
        discard_response_bodies: over.discard_response_bodies.or(below.discard_response_bodies),
        features: over.features.or(below.features),
        console_output: over.console_output.or(below.console_output),
        local_ips: over.local_ips.or(below.local_ips),
    }
}
