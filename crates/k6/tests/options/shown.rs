//! Options as `inspect` shows them.

use seaworthy_k6::Literal;
use seaworthy_k6::options::script;
use serde_json::{Value, json};

use crate::Said;

/// The names in k6's order.
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

fn names(value: &Value) -> Vec<&str> {
    value.as_object().expect("an object").keys().map(String::as_str).collect()
}

#[test]
fn every_option_is_there_in_k6s_order() {
    let (options, findings) = script("script.js", &json!({}), &Literal::default());
    assert!(findings.is_empty());
    let shown = options.to_json();
    assert_eq!(names(&shown), NAMES);
    let none = json!({ "ttl": null, "select": null, "policy": null });
    for (name, value) in shown.as_object().unwrap() {
        assert_eq!(value, if name == "dns" { &none } else { &Value::Null }, "{name}");
    }
}

#[test]
fn what_a_run_comes_to_is_shown_with_what_it_needs() {
    let shown = Said::default().quietly().to_json();
    let all: Vec<&str> = NAMES.iter().copied().chain(["totalDuration", "maxVUs"]).collect();
    assert_eq!(names(&shown), all);
    let tags = [
        "check",
        "error",
        "error_code",
        "expected_response",
        "group",
        "method",
        "name",
        "proto",
        "scenario",
        "service",
        "status",
        "subproto",
        "tls_version",
        "url",
    ];
    assert_eq!(shown["systemTags"], json!(tags));
    assert_eq!(shown["summaryTrendStats"], json!(["avg", "min", "med", "max", "p(90)", "p(95)"]));
    let scenario = &shown["scenarios"]["default"];
    let expected = [
        "executor",
        "startTime",
        "gracefulStop",
        "env",
        "exec",
        "tags",
        "vus",
        "iterations",
        "maxDuration",
    ];
    assert_eq!(names(scenario), expected);
}

#[test]
fn values_are_shown_as_k6_shows_them() {
    let pem = "-----BEGIN CERTIFICATE-----\n…";
    let cases = [
        ("duration", json!(10000.5), json!("10.0005s")),
        ("setupTimeout", json!("90s"), json!("1m30s")),
        ("teardownTimeout", json!("1d"), json!("24h0m0s")),
        ("handleSummaryTimeout", json!(1.5), json!("1.5ms")),
        ("minIterationDuration", json!("1500us"), json!("1.5ms")),
        ("executionSegment", json!("75%"), json!("0:3/4")),
        ("executionSegmentSequence", json!("0,0.5,1"), json!("0,1/2,1")),
        ("tlsVersion", json!("tls1.2"), json!({ "min": "tls1.2", "max": "tls1.2" })),
        ("tlsVersion", json!({ "min": "tls1.2" }), json!({ "min": "tls1.2", "max": "" })),
        ("tlsVersion", json!(""), json!({ "min": "", "max": "" })),
        ("tlsCipherSuites", json!(["TLS_AES_128_GCM_SHA256"]), json!(["TLS_AES_128_GCM_SHA256"])),
        ("tlsCipherSuites", json!([]), Value::Null),
        (
            "thresholds",
            json!({ "b": ["p(95)<500", { "threshold": "avg<3", "abortOnFail": true,
                "delayAbortEval": "10s" }, { "threshold": "max<3", "delayAbortEval": "5s" }],
                "a": [{ "Threshold": "max<3", "ABORTonfail": true }], "c": null }),
            json!({ "a": [{ "threshold": "max<3", "abortOnFail": true, "delayAbortEval": null }],
                "b": ["p(95)<500", { "threshold": "avg<3", "abortOnFail": true,
                "delayAbortEval": "10s" }, "max<3"], "c": [] }),
        ),
        (
            "hosts",
            json!({ "test.io": "1.2.3.4", "a:443": "1.2.3.4:8443", "*.B": "::1", "c": "[::1]:80" }),
            json!({ "*.b": "::1", "a:443": "1.2.3.4:8443", "c": "[::1]:80", "test.io": "1.2.3.4" }),
        ),
        ("systemTags", json!(["status", "vu", "url"]), json!(["status", "url", "vu"])),
        ("systemTags", json!([]), Value::Null),
        ("tags", json!({ "a": null }), json!({ "a": "" })),
        (
            "tlsAuth",
            json!([{ "CERT": pem, "key": pem, "password": "x" }]),
            json!([{ "cert": pem, "key": "(not shown)", "password": "(not shown)", "domains": null }]),
        ),
    ];
    for (name, value, shown) in cases {
        let (options, findings) = script("script.js", &json!({ name: value }), &Literal::default());
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(options.to_json()[name], shown, "{name} {value}");
    }
}

#[test]
fn names_are_read_in_any_case() {
    let options = json!({
        "VUS": 3, "Duration": "1s", "discardresponsebodies": true,
    });
    let shown = Said::script(options).quietly().to_json();
    assert_eq!((&shown["vus"], &shown["discardResponseBodies"]), (&json!(3), &json!(true)));
    let scenario = json!({ "executor": "ramping-vus", "startvus": 0, "Stages": [{ "DURATION": "1s", "target": 3 }] });
    let shown = Said::script(json!({ "scenarios": { "a": scenario } })).quietly().to_json();
    assert_eq!(shown["scenarios"]["a"]["startVUs"], json!(0));
}
