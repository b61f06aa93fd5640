//! What is said of what cannot be: code, place, words, hint.

use seaworthy_document::Severity;
use seaworthy_k6::options::Flags;
use serde_json::{Value, json};

use crate::{Said, text};

#[test]
fn a_wrong_type_is_told_with_its_path() {
    // Options; the path, a part of the reason.
    let cases = [
        (json!({ "vus": 0.5 }), "options.vus", "`0.5`, a number, expected is a whole number"),
        (json!({ "vus": true }), "options.vus", "`true`, a boolean"),
        (json!({ "vus": "x" }), "options.vus", "text"),
        (json!({ "vus": [1] }), "options.vus", "a list"),
        (json!({ "vus": 1e30 }), "options.vus", "a whole number"),
        (json!({ "duration": true }), "options.duration", "a length of time"),
        (json!({ "duration": "abc" }), "options.duration", "a length of time"),
        (json!({ "duration": "" }), "options.duration", "a length of time"),
        (json!({ "duration": {} }), "options.duration", "an object"),
        (json!("abc"), "options", "an object"),
        (json!([]), "options", "a list"),
        (json!({ "noConnectionReuse": "true" }), "options.noConnectionReuse", "true or false"),
        (json!({ "noConnectionReuse": 1 }), "options.noConnectionReuse", "true or false"),
        (json!({ "userAgent": 5 }), "options.userAgent", "text"),
        (json!({ "stages": 5 }), "options.stages", "a list"),
        (json!({ "stages": "3s:5" }), "options.stages", "a list"),
        (json!({ "stages": ["3s:5"] }), "options.stages[0]", "a stage"),
        (json!({ "scenarios": [] }), "options.scenarios", "an object"),
        (json!({ "scenarios": { "a": 5 } }), "options.scenarios.a", "an object"),
        (json!({ "thresholds": [] }), "options.thresholds", "an object"),
        (json!({ "thresholds": { "a": "p(95)<5" } }), "options.thresholds.a", "a list"),
        (json!({ "thresholds": { "a": [5] } }), "options.thresholds.a[0]", "a threshold"),
        (
            json!({ "thresholds": { "a": [{ "threshold": "max<3", "abortOnFail": "x" }] } }),
            "options.thresholds.a[0].abortOnFail",
            "true or false",
        ),
        (json!({ "dns": "ttl=5m" }), "options.dns", "an object"),
        (json!({ "dns": { "ttl": 5 } }), "options.dns.ttl", "text"),
        (json!({ "hosts": [] }), "options.hosts", "an object"),
        (json!({ "hosts": { "a": 5 } }), "options.hosts.a", "text"),
        (json!({ "blacklistIPs": "10.0.0.0/8" }), "options.blacklistIPs", "a list"),
        (json!({ "blacklistIPs": [5] }), "options.blacklistIPs[0]", "text"),
        (json!({ "tlsVersion": 5 }), "options.tlsVersion", "text or an object"),
        (json!({ "tlsAuth": 5 }), "options.tlsAuth", "a list"),
        (json!({ "systemTags": "status" }), "options.systemTags", "a list"),
        (json!({ "summaryTrendStats": "avg" }), "options.summaryTrendStats", "a list"),
        (json!({ "tags": { "a": 1 } }), "options.tags.a", "text"),
        (json!({ "executionSegment": 5 }), "options.executionSegment", "text"),
    ];
    for (options, path, said) in cases {
        let errors = Said::script(options.clone()).errors();
        let error = &errors[0];
        assert_eq!(error.code, "k6-option-type", "{options}");
        assert!(error.reason.starts_with(&format!("`{path}` is ")), "{error}");
        assert!(error.reason.contains(said), "{error}");
        assert_eq!(error.place.as_ref().unwrap().file, "script.js");
        assert!(error.hint.is_some(), "{error}");
    }
}

#[test]
fn a_value_that_is_none_is_told_with_what_there_is() {
    let cases = [
        (json!({ "vus": -1 }), "options.vus", "negative"),
        (json!({ "vus": 10_000_001 }), "options.vus", "the most is 10000000"),
        (json!({ "duration": "-5s" }), "options.duration", "negative"),
        (json!({ "rps": -5 }), "options.rps", "negative"),
        (json!({ "dns": { "ttl": "x" } }), "options.dns.ttl", "no length"),
        (json!({ "dns": { "ttl": "-1" } }), "options.dns.ttl", "no length"),
        (json!({ "dns": { "select": "ROUNDROBIN" } }), "options.dns.select", "no such value"),
        (json!({ "dns": { "policy": "x" } }), "options.dns.policy", "no such value"),
        (json!({ "hosts": { "a": "localhost" } }), "options.hosts.a", "no address"),
        (json!({ "hosts": { "a": "1.2.3.4:x" } }), "options.hosts.a", "no address"),
        (json!({ "hosts": { "a*b": "1.2.3.4" } }), "options.hosts.a*b", "pattern"),
        (json!({ "blacklistIPs": ["10.0.0.0"] }), "options.blacklistIPs[0]", "range"),
        (json!({ "blockHostnames": ["a*b"] }), "options.blockHostnames[0]", "pattern"),
        (json!({ "tlsVersion": "ssl3.0" }), "options.tlsVersion", "no such value"),
        (
            json!({ "tlsVersion": { "min": "tls1.3", "max": "tls1.2" } }),
            "options.tlsVersion",
            "no version is left",
        ),
        (json!({ "tlsCipherSuites": ["foo"] }), "options.tlsCipherSuites[0]", "no such value"),
        (json!({ "executionSegment": "1a5" }), "options.executionSegment", "no part"),
        (json!({ "executionSegment": "125%" }), "options.executionSegment", "ends at 1"),
        (json!({ "executionSegment": "55%:50%" }), "options.executionSegment", "after it begins"),
        (json!({ "executionSegmentSequence": "0.5" }), "options.executionSegmentSequence", "two"),
        (json!({ "summaryTrendStats": ["foo"] }), "options.summaryTrendStats", "percentile"),
        (json!({ "summaryTrendStats": ["p(101)"] }), "options.summaryTrendStats", "0 to 100"),
        (json!({ "summaryTrendStats": ["p(abc)"] }), "options.summaryTrendStats", "0 to 100"),
        (json!({ "summaryTimeUnit": "m" }), "options.summaryTimeUnit", "no such value"),
    ];
    for (options, path, said) in cases {
        let error = Said::script(options.clone()).error();
        assert_eq!(error.code, "k6-option-value", "{options}");
        assert!(error.reason.starts_with(&format!("`{path}` is ")), "{error}");
        assert!(error.reason.contains(said), "{error}");
        assert!(error.hint.is_some(), "{error}");
    }
    let error = Said::script(json!({ "dns": { "policy": "preferIpv4" } })).error();
    assert_eq!(error.hint.as_deref(), Some("did you mean `preferIPv4`?"));
    let error = Said::script(json!({ "setupTimeout": 0 })).error();
    assert_eq!(error.reason, "`setupTimeout` must be more than 0");
}

#[test]
fn a_certificate_needs_its_two_halves_and_is_not_quoted() {
    let certificate = json!([{ "domains": ["a"], "cert": "secret-cert", "key": "secret-key" }]);
    let errors = Said::script(json!({ "tlsAuth": certificate })).errors();
    assert_eq!(errors.len(), 2);
    assert!(errors.iter().all(|error| !error.to_string().contains("secret")), "{errors:?}");
    let pem = "-----BEGIN CERTIFICATE-----";
    let misspelt = json!([{ "cert": pem, "key": pem, "pasword": "x" }]);
    let error = Said::script(json!({ "tlsAuth": misspelt })).error();
    assert_eq!(
        (error.code, error.hint.as_deref()),
        ("k6-option-field", Some("did you mean `password`?"))
    );
}

#[test]
fn scenarios_are_held_to_their_rules() {
    let cases = [
        (json!({ "executor": "constant-vus" }), vec!["no `duration`"]),
        (
            json!({ "executor": "constant-vus", "vus": 0, "duration": "0.5s" }),
            vec!["VUs must be more than 0", "at least 1s and is 500ms"],
        ),
        (
            json!({ "executor": "constant-vus", "duration": "5s", "exec": "" }),
            vec!["`exec` is empty"],
        ),
        (json!({ "executor": "ramping-vus" }), vec!["no stage"]),
        (json!({ "executor": "ramping-vus", "stages": [] }), vec!["no stage"]),
        (
            json!({
                "executor": "ramping-vus", "startVUs": 0,
                "stages": [{ "duration": "1s", "target": 0 }]
            }),
            vec!["neither `startVUs`"],
        ),
        (
            json!({ "executor": "ramping-vus", "stages": [{ "duration": "1s", "target": 10_000_001 }] }),
            vec!["stage 1: the most VUs"],
        ),
        (
            json!({ "executor": "shared-iterations", "vus": 10 }),
            vec!["1 iterations are fewer than its 10 VUs"],
        ),
        (
            json!({ "executor": "shared-iterations", "vus": 0, "maxDuration": "0s" }),
            vec!["VUs must be more than 0", "`maxDuration` must be at least 1s and is 0s"],
        ),
        (
            json!({ "executor": "per-vu-iterations", "vus": 0, "iterations": 0, "maxDuration": 0 }),
            vec!["VUs must", "`iterations` must be more than 0", "`maxDuration` must be"],
        ),
        (
            json!({ "executor": "constant-arrival-rate" }),
            vec!["no `rate`", "no `duration`", "no `preAllocatedVUs`"],
        ),
        (
            json!({
                "executor": "constant-arrival-rate", "rate": 0, "duration": "1ms", "timeUnit": 0,
                "preAllocatedVUs": 3, "maxVUs": 2
            }),
            vec![
                "`rate` must be more than 0",
                "`timeUnit` must be more than 0",
                "`duration` must be at least 1s",
                "`maxVUs` (2) is less than `preAllocatedVUs` (3)",
            ],
        ),
        (json!({ "executor": "ramping-arrival-rate" }), vec!["no stage", "no `preAllocatedVUs`"]),
    ];
    for (scenario, said) in cases {
        let errors = Said::script(json!({ "scenarios": { "peak": scenario } })).errors();
        let reasons: Vec<_> = errors.iter().map(|error| error.reason.as_str()).collect();
        assert_eq!(reasons.len(), said.len(), "{scenario}: {reasons:?}");
        for (error, said) in errors.iter().zip(said) {
            assert_eq!(error.code, "k6-scenario-rule", "{error}");
            assert!(error.reason.starts_with("scenario `peak`: "), "{error}");
            assert!(error.reason.contains(said), "{error} / {said}");
            assert!(error.hint.is_some());
        }
    }
    for name in ["", "a b", "ü"] {
        let one = json!({ "executor": "constant-vus", "duration": "5s" });
        let errors = Said::script(json!({ "scenarios": { name: one } })).errors();
        assert!(errors.iter().all(|error| error.code == "k6-scenario-rule"), "{errors:?}");
    }
    // What k6 lets pass: the defaults of one.
    for scenario in [
        json!({ "executor": "shared-iterations" }),
        json!({ "executor": "per-vu-iterations", "vus": 10 }),
        json!({ "executor": "constant-vus", "duration": "60s" }),
        json!({ "executor": "ramping-vus", "stages": [{ "duration": "12s", "target": 0 }] }),
        json!({ "executor": "constant-arrival-rate", "rate": 1, "duration": "1s", "preAllocatedVUs": 0 }),
    ] {
        Said::script(json!({ "scenarios": { "a": scenario } })).quietly();
    }
}

#[test]
fn a_scenario_is_read_strictly() {
    let of = |scenario: Value| Said::script(json!({ "scenarios": { "a": scenario } })).error();
    let missing = of(json!({ "vus": 5 }));
    assert_eq!(
        (missing.code, missing.reason.as_str()),
        ("k6-scenario-executor", "scenario `a` has no executor")
    );
    assert_eq!(of(Value::Null).code, "k6-scenario-executor");
    assert_eq!(of(json!({ "executor": 5 })).code, "k6-option-type");
    let unknown = of(json!({ "executor": "constant-vu" }));
    assert_eq!(unknown.hint.as_deref(), Some("did you mean `constant-vus`?"));
    let gone = of(json!({ "executor": "externally-controlled" }));
    assert_eq!(gone.code, "k6-scenario-executor");
    assert!(gone.hint.as_ref().unwrap().contains("k6 2.0"), "{gone}");
    let field = of(json!({ "executor": "constant-vus", "duration": "5s", "gracefullStop": "1s" }));
    assert_eq!(field.code, "k6-option-field");
    assert_eq!(field.hint.as_deref(), Some("did you mean `gracefulStop`?"));
    // A field of another executor is none of this one.
    let other = of(json!({ "executor": "constant-vus", "duration": "5s", "iterations": 5 }));
    assert_eq!(other.code, "k6-option-field");
    let browser = of(json!({
        "executor": "constant-vus", "duration": "5s",
        "options": { "browser": { "type": "chromium" } }
    }));
    assert_eq!(browser.code, "k6-option-refused");
    assert!(browser.reason.contains("options.scenarios.a.options.browser"), "{browser}");
    let env = of(json!({ "executor": "constant-vus", "duration": "5s", "env": { "A": 1 } }));
    assert!(env.reason.contains("options.scenarios.a.env.A"), "{env}");
    assert_eq!(env.hint.as_deref(), Some("write it in quotes: '1'"));
    for stage in [json!({ "duration": "1s" }), json!({ "target": 1 })] {
        let error = of(json!({ "executor": "ramping-vus", "stages": [stage] }));
        assert_eq!(error.code, "k6-scenario-rule");
    }
    let stage = json!({ "duration": "1s", "target": 1, "x": 1 });
    assert_eq!(of(json!({ "executor": "ramping-vus", "stages": [stage] })).code, "k6-option-field");
}

#[test]
fn unknown_names_are_warned_of() {
    let cases = [
        (json!({ "threshold": {} }), "did you mean `thresholds`?"),
        (json!({ "vuss": 3 }), "did you mean `vus`?"),
        (json!({ "noCookieReset": true }), "did you mean `noCookiesReset`?"),
    ];
    for (options, hint) in cases {
        let (_, warning) = Said::script(options).with_warning();
        assert_eq!((warning.code, warning.hint.as_deref()), ("k6-option-unknown", Some(hint)));
    }
    let (_, warning) = Said::script(json!({ "systemTags": ["urll"] })).with_warning();
    assert_eq!(warning.hint.as_deref(), Some("did you mean `url`?"));
    let (_, warning) = Said::default().environment(&[("K6_VU", "3")]).with_warning();
    assert_eq!(warning.hint.as_deref(), Some("did you mean `K6_VUS`?"));
    let (_, warning) = Said::default().environment(&[("K6_HOSTS", "a=1.2.3.4")]).with_warning();
    assert_eq!(warning.code, "k6-option-ignored");
    // A script's own variables are its own.
    Said::default()
        .environment(&[("K6_MY_TOKEN", "x"), ("K6_PROMETHEUS_RW_SERVER_URL", "x"), ("HOME", "/")])
        .quietly();
}

#[test]
fn what_a_script_cannot_say_is_told_with_the_flag() {
    for (name, value, hint) in [
        ("localIPs", json!("1.2.3.4"), "--local-ips"),
        ("consoleOutput", json!("x"), "--console-output"),
        ("linger", json!(true), "--linger"),
        ("features", json!(["merge-run-tags"]), "--features"),
    ] {
        let (_, warning) = Said::script(json!({ name: value })).with_warning();
        assert_eq!(warning.code, "k6-option-ignored");
        assert!(warning.hint.unwrap().contains(hint), "{name}");
    }
    for name in ["cloud", "ext"] {
        let (read, warning) = Said::script(json!({ name: { "name": "x" } })).with_warning();
        assert_eq!(warning.code, "k6-option-ignored");
        assert_eq!(read.to_json()[name], json!({ "name": "x" }));
    }
}

#[test]
fn what_is_refused_is_refused_by_name() {
    let error = Said::script(json!({ "paused": true })).error();
    assert_eq!(error.code, "k6-option-refused");
    assert!(error.reason.contains("`paused`"), "{error}");
    Said::script(json!({ "paused": false })).quietly();
    let error = Said::default().environment(&[("K6_FEATURES", "native-histograms")]).error();
    assert!(error.reason.contains("`native-histograms`"), "{error}");
    let error = Said::script(json!({ "tlsVersion": "tls1.1" })).error();
    assert_eq!(error.code, "k6-option-refused");
    let old = json!({ "tlsCipherSuites": ["TLS_RSA_WITH_RC4_128_SHA"] });
    assert_eq!(Said::script(old).error().code, "k6-option-refused");
    let some = ["TLS_RSA_WITH_RC4_128_SHA", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"];
    let (_, warning) = Said::script(json!({ "tlsCipherSuites": some })).with_warning();
    assert_eq!(warning.code, "k6-option-ignored");
    let flags = Flags { features: vec!["merge-run-tag".to_owned()], ..Flags::default() };
    let (_, warning) = Said::default().flags(flags).with_warning();
    assert_eq!(warning.hint.as_deref(), Some("did you mean `merge-run-tags`?"));
}

#[test]
fn flags_and_variables_are_told_as_they_are_typed() {
    let flags = |flags: Flags| Said::default().flags(flags).error();
    let of = |name: &str, error: &seaworthy_document::Finding| {
        assert!(error.reason.starts_with(&format!("`{name}` is ")), "{error}");
        assert!(error.place.is_none() && error.severity == Severity::Error);
    };
    of("--vus", &flags(Flags { vus: text("x"), ..Flags::default() }));
    of("--vus", &flags(Flags { vus: text(""), ..Flags::default() }));
    of("--duration", &flags(Flags { duration: text("1000"), ..Flags::default() }));
    of("--stage", &flags(Flags { stages: vec!["10:20".to_owned()], ..Flags::default() }));
    of("--stage", &flags(Flags { stages: vec!["10s:20s".to_owned()], ..Flags::default() }));
    of("--tag", &flags(Flags { tags: vec!["a".to_owned()], ..Flags::default() }));
    of("--dns", &flags(Flags { dns: text("ttl=0,blah=nope"), ..Flags::default() }));
    of("--dns", &flags(Flags { dns: text("ttl=5s,select="), ..Flags::default() }));
    of("--local-ips", &flags(Flags { local_ips: text("foo"), ..Flags::default() }));
    of("--summary-mode", &flags(Flags { summary_mode: text("legacy"), ..Flags::default() }));
    of("--hosts.a", &flags(Flags { hosts: vec!["a=b".to_owned()], ..Flags::default() }));
    of(
        "--summary-trend-stats",
        &flags(Flags { summary_trend_stats: text("med,p(101)"), ..Flags::default() }),
    );
    let variable = |name: &'static str, value| {
        let error = Said::default().environment(&[(name, value)]).error();
        of(name, &error);
    };
    variable("K6_VUS", "1.5");
    variable("K6_NO_TEARDOWN", "bool");
    variable("K6_DISCARD_RESPONSE_BODIES", "1");
    variable("K6_DISCARD_RESPONSE_BODIES", "TRUE");
    variable("K6_STAGES", "1000:100");
    variable("K6_TAGS", "a=b");
    variable("K6_DNS", "foo=1");
    variable("K6_SUMMARY_TREND_STATS", "foo");
    variable("K6_LOCAL_IPS", "foo");
}

#[test]
fn a_function_that_is_not_exported_is_told() {
    let scenarios = json!({ "scenarios": {
        "a": { "executor": "constant-vus", "duration": "5s", "exec": "checkout" },
        "b": { "executor": "constant-vus", "duration": "5s" },
    } });
    let read = Said::script(scenarios).quietly();
    let exported = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert!(read.missing_functions(&exported(&["checkout", "default"])).is_empty());
    let missing = read.missing_functions(&exported(&["chekout"]));
    assert_eq!(missing.len(), 2);
    assert_eq!(missing[0].reason, "scenario `a`: the script exports no function `checkout`");
    assert_eq!(missing[0].hint.as_deref(), Some("did you mean `chekout`?"));
    assert_eq!(missing[1].reason, "scenario `b`: the script has no default export");
}

#[test]
fn a_broken_configuration_file_is_told_with_its_line() {
    let mut said = Said { config: text("{\n  \"vus\": 3,\n"), ..Said::default() };
    let error = said.error();
    let place = error.place.as_ref().unwrap();
    assert_eq!(
        (error.code, place.file.as_str(), place.line),
        ("k6-option-config", "config.json", 3)
    );
    said.config = text(r#"{ "vus": true }"#);
    let error = said.error();
    assert!(error.reason.starts_with("`vus` is `true`"), "{error}");
    said.config = text(r#"{ "vus": 3, "iterations": 3, "foo": 1, "linger": true }"#);
    assert_eq!(said.with_warning().1.code, "k6-option-unknown");
}
