//! Options as `inspect` shows them: k6's names in k6's order, `null` for what was not said.

use std::time::Duration;

use serde_json::{Map, Value, json};

use super::duration;
use super::plan::Requirements;
use super::scenario::{Executor, Pool, Scenario};
use super::typed::Options;
use super::values::{
    ClientCertificate, Dns, Policy, Select, Stage, ThresholdSpec, TlsVersion, Ttl,
};

/// What stands where a secret would.
const HIDDEN: &str = "(not shown)";

pub(super) fn options(options: &Options) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
    put("paused", json!(options.paused));
    put("vus", json!(options.vus));
    put("duration", length(options.duration));
    put("iterations", json!(options.iterations));
    put("stages", options.stages.as_deref().map_or(Value::Null, stages));
    put(
        "scenarios",
        match &options.scenarios {
            Some(scenarios) => {
                scenarios.iter().map(|(name, one)| (name.clone(), scenario(one))).collect()
            }
            None => Value::Null,
        },
    );
    put("executionSegment", text(options.execution_segment.as_ref()));
    put("executionSegmentSequence", text(options.execution_segment_sequence.as_ref()));
    put("noSetup", json!(options.no_setup));
    put("setupTimeout", length(options.setup_timeout));
    put("noTeardown", json!(options.no_teardown));
    put("teardownTimeout", length(options.teardown_timeout));
    put("handleSummaryTimeout", length(options.handle_summary_timeout));
    put("rps", json!(options.rps));
    put("dns", dns(&options.dns));
    put("maxRedirects", json!(options.max_redirects));
    put("userAgent", json!(options.user_agent));
    put("batch", json!(options.batch));
    put("batchPerHost", json!(options.batch_per_host));
    put("httpDebug", json!(options.http_debug));
    put("insecureSkipTLSVerify", json!(options.insecure_skip_tls_verify));
    put("tlsCipherSuites", json!(options.tls_cipher_suites));
    put(
        "tlsVersion",
        match options.tls_version {
            Some(versions) => {
                let name = |version: Option<TlsVersion>| version.map_or("", TlsVersion::name);
                json!({ "min": name(versions.min), "max": name(versions.max) })
            }
            None => Value::Null,
        },
    );
    let all = |all: &Vec<ClientCertificate>| all.iter().map(certificate).collect();
    put("tlsAuth", options.tls_auth.as_ref().map_or(Value::Null, all));
    put("throw", json!(options.throw));
    put(
        "thresholds",
        match &options.thresholds {
            Some(thresholds) => thresholds
                .iter()
                .map(|(metric, specs)| {
                    (metric.clone(), specs.iter().map(threshold).collect::<Value>())
                })
                .collect(),
            None => Value::Null,
        },
    );
    let networks = options.blacklist_ips.as_ref();
    put(
        "blacklistIPs",
        networks.map_or(Value::Null, |all| {
            all.iter().map(|network| Value::from(network.to_string())).collect()
        }),
    );
    put("blockHostnames", json!(options.block_hostnames.as_ref().map(|all| all.typed())));
    put(
        "hosts",
        match &options.hosts {
            Some(hosts) => {
                let mut named: Vec<_> = hosts.iter().collect();
                named.sort_by_key(|(name, _)| *name);
                let one = |(name, address): (&str, super::values::Address)| {
                    (name.to_owned(), Value::from(address.to_string()))
                };
                named.into_iter().map(one).collect()
            }
            None => Value::Null,
        },
    );
    put("noConnectionReuse", json!(options.no_connection_reuse));
    put("noVUConnectionReuse", json!(options.no_vu_connection_reuse));
    put("minIterationDuration", length(options.min_iteration_duration));
    if let Some(cloud) = &options.cloud {
        put("cloud", cloud.clone());
    }
    put("ext", options.ext.clone().unwrap_or(Value::Null));
    put("summaryTrendStats", json!(options.summary_trend_stats));
    put("summaryTimeUnit", json!(options.summary_time_unit.map(|unit| unit.name())));
    put(
        "systemTags",
        match &options.system_tags {
            Some(tags) if tags.is_empty() => Value::Null,
            tags => json!(tags),
        },
    );
    put("tags", json!(options.tags));
    put("metricSamplesBufferSize", json!(options.metric_samples_buffer_size));
    put("noCookiesReset", json!(options.no_cookies_reset));
    put("discardResponseBodies", json!(options.discard_response_bodies));
    put("features", json!(options.features));
    Value::Object(map)
}

pub(super) fn add_requirements(value: &mut Value, requirements: &Requirements) {
    if let Value::Object(map) = value {
        let total = duration::format(requirements.total_duration);
        map.insert("totalDuration".to_owned(), total.into());
        map.insert("maxVUs".to_owned(), requirements.max_vus.into());
    }
}

fn scenario(scenario: &Scenario) -> Value {
    let mut map = Map::new();
    let mut put = |name: &str, value: Value| drop(map.insert(name.to_owned(), value));
    put("executor", scenario.executor.name().into());
    put("startTime", length(scenario.start_time));
    put("gracefulStop", length(scenario.graceful_stop));
    put("env", json!(scenario.env));
    put("exec", json!(scenario.exec));
    put("tags", json!(scenario.tags));
    match &scenario.executor {
        Executor::ConstantVus { vus, duration } => {
            put("vus", json!(vus));
            put("duration", length(*duration));
        }
        Executor::RampingVus { start_vus, stages: list, graceful_ramp_down } => {
            put("startVUs", json!(start_vus));
            put("stages", stages(list));
            put("gracefulRampDown", length(*graceful_ramp_down));
        }
        Executor::SharedIterations { vus, iterations, max_duration }
        | Executor::PerVuIterations { vus, iterations, max_duration } => {
            put("vus", json!(vus));
            put("iterations", json!(iterations));
            put("maxDuration", length(*max_duration));
        }
        Executor::ConstantArrivalRate { rate, time_unit, duration, pool } => {
            put("rate", json!(rate));
            put("timeUnit", length(*time_unit));
            put("duration", length(*duration));
            of_pool(&mut put, *pool);
        }
        Executor::RampingArrivalRate { start_rate, time_unit, stages: list, pool } => {
            put("startRate", json!(start_rate));
            put("timeUnit", length(*time_unit));
            put("stages", stages(list));
            of_pool(&mut put, *pool);
        }
    }
    Value::Object(map)
}

fn of_pool(put: &mut impl FnMut(&str, Value), pool: Pool) {
    put("preAllocatedVUs", json!(pool.pre_allocated_vus));
    put("maxVUs", json!(pool.max_vus));
}

fn length(length: Option<Duration>) -> Value {
    json!(length.map(duration::format))
}

fn text(value: Option<&impl ToString>) -> Value {
    json!(value.map(ToString::to_string))
}

fn stages(stages: &[Stage]) -> Value {
    let stage = |stage: &Stage| json!({ "duration": duration::format(stage.duration), "target": stage.target });
    stages.iter().map(stage).collect()
}

fn dns(dns: &Dns) -> Value {
    json!({
        "ttl": dns.ttl.as_ref().map(Ttl::text),
        "select": dns.select.map(Select::name),
        "policy": dns.policy.map(Policy::name),
    })
}

fn certificate(certificate: &ClientCertificate) -> Value {
    let domains = Some(&certificate.domains).filter(|domains| !domains.is_empty());
    json!({
        "cert": certificate.cert,
        "key": HIDDEN,
        "password": certificate.password.as_ref().map(|_| HIDDEN),
        "domains": domains,
    })
}

/// A threshold that stops nothing is its expression alone.
fn threshold(spec: &ThresholdSpec) -> Value {
    if !spec.abort_on_fail {
        return spec.threshold.clone().into();
    }
    json!({
        "threshold": spec.threshold,
        "abortOnFail": true,
        "delayAbortEval": length(spec.delay_abort_eval),
    })
}
