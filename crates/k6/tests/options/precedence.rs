//! Which source goes before which.

use seaworthy_k6::options::Flags;
use serde_json::{Value, json};

use crate::{Said, only_scenario, text};

fn of_flags(flags: Flags) -> Said {
    Said::default().flags(flags)
}

/// An option said in every source: as it is said in the script and the file, in a variable, and in
/// a flag, and how each of the four is shown.
struct Everywhere {
    name: &'static str,
    file: (Value, Value),
    script: (Value, Value),
    variable: (&'static str, &'static str, Value),
    flag: (fn() -> Flags, Value),
}

#[test]
fn the_later_source_says_it() {
    let all = [
        Everywhere {
            name: "userAgent",
            file: (json!("file"), json!("file")),
            script: (json!("script"), json!("script")),
            variable: ("K6_USER_AGENT", "variable", json!("variable")),
            flag: (|| Flags { user_agent: text("flag"), ..Flags::default() }, json!("flag")),
        },
        Everywhere {
            name: "maxRedirects",
            file: (json!(1), json!(1)),
            script: (json!("2"), json!(2)),
            variable: ("K6_MAX_REDIRECTS", "3", json!(3)),
            flag: (|| Flags { max_redirects: text("0"), ..Flags::default() }, json!(0)),
        },
        Everywhere {
            name: "batch",
            file: (json!(1), json!(1)),
            script: (json!(2), json!(2)),
            variable: ("K6_BATCH", "3", json!(3)),
            flag: (|| Flags { batch: text("4"), ..Flags::default() }, json!(4)),
        },
        Everywhere {
            name: "batchPerHost",
            file: (json!(1), json!(1)),
            script: (json!(2), json!(2)),
            variable: ("K6_BATCH_PER_HOST", "3", json!(3)),
            flag: (|| Flags { batch_per_host: text("4"), ..Flags::default() }, json!(4)),
        },
        Everywhere {
            name: "rps",
            file: (json!(1), json!(1)),
            script: (json!(2), json!(2)),
            variable: ("K6_RPS", "3", json!(3)),
            flag: (|| Flags { rps: text("4"), ..Flags::default() }, json!(4)),
        },
        Everywhere {
            name: "throw",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_THROW", "true", json!(true)),
            flag: (|| Flags { throw: Some(false), ..Flags::default() }, json!(false)),
        },
        Everywhere {
            name: "noConnectionReuse",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_NO_CONNECTION_REUSE", "true", json!(true)),
            flag: (|| Flags { no_connection_reuse: Some(false), ..Flags::default() }, json!(false)),
        },
        Everywhere {
            name: "noVUConnectionReuse",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_NO_VU_CONNECTION_REUSE", "true", json!(true)),
            flag: (
                || Flags { no_vu_connection_reuse: Some(false), ..Flags::default() },
                json!(false),
            ),
        },
        Everywhere {
            name: "insecureSkipTLSVerify",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_INSECURE_SKIP_TLS_VERIFY", "true", json!(true)),
            flag: (
                || Flags { insecure_skip_tls_verify: Some(false), ..Flags::default() },
                json!(false),
            ),
        },
        Everywhere {
            name: "discardResponseBodies",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_DISCARD_RESPONSE_BODIES", "true", json!(true)),
            flag: (
                || Flags { discard_response_bodies: Some(false), ..Flags::default() },
                json!(false),
            ),
        },
        Everywhere {
            name: "noSetup",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_NO_SETUP", "true", json!(true)),
            flag: (|| Flags { no_setup: Some(false), ..Flags::default() }, json!(false)),
        },
        Everywhere {
            name: "noTeardown",
            file: (json!(true), json!(true)),
            script: (json!(false), json!(false)),
            variable: ("K6_NO_TEARDOWN", "true", json!(true)),
            flag: (|| Flags { no_teardown: Some(false), ..Flags::default() }, json!(false)),
        },
        Everywhere {
            name: "minIterationDuration",
            file: (json!("1s"), json!("1s")),
            script: (json!(2000), json!("2s")),
            variable: ("K6_MIN_ITERATION_DURATION", "3000", json!("3s")),
            flag: (
                || Flags { min_iteration_duration: text("4s"), ..Flags::default() },
                json!("4s"),
            ),
        },
        Everywhere {
            name: "httpDebug",
            file: (json!("full"), json!("full")),
            script: (json!(""), json!("")),
            variable: ("K6_HTTP_DEBUG", "full", json!("full")),
            flag: (|| Flags { http_debug: text("headers"), ..Flags::default() }, json!("headers")),
        },
        Everywhere {
            name: "blacklistIPs",
            file: (json!(["9.0.0.0/8"]), json!(["9.0.0.0/8"])),
            script: (json!(["10.1.2.3/8"]), json!(["10.0.0.0/8"])),
            variable: ("K6_BLACKLIST_IPS", "11.0.0.0/8,::/64", json!(["11.0.0.0/8", "::/64"])),
            flag: (
                || Flags {
                    blacklist_ip: vec!["12.0.0.0/8,13.0.0.0/8".to_owned(), "1.1.1.1/32".to_owned()],
                    ..Flags::default()
                },
                json!(["12.0.0.0/8", "13.0.0.0/8", "1.1.1.1/32"]),
            ),
        },
        Everywhere {
            name: "blockHostnames",
            file: (json!(["a"]), json!(["a"])),
            script: (json!(["*.B.c"]), json!(["*.B.c"])),
            variable: ("K6_BLOCK_HOSTNAMES", "c,d", json!(["c", "d"])),
            flag: (
                || Flags { block_hostnames: vec!["e,f".to_owned()], ..Flags::default() },
                json!(["e", "f"]),
            ),
        },
        Everywhere {
            name: "summaryTrendStats",
            file: (json!(["avg"]), json!(["avg"])),
            script: (json!(["count"]), json!(["count"])),
            variable: ("K6_SUMMARY_TREND_STATS", "med,p(99.9)", json!(["med", "p(99.9)"])),
            flag: (|| Flags { summary_trend_stats: text(""), ..Flags::default() }, json!([])),
        },
        Everywhere {
            name: "summaryTimeUnit",
            file: (json!("s"), json!("s")),
            script: (json!("ms"), json!("ms")),
            variable: ("K6_SUMMARY_TIME_UNIT", "us", json!("us")),
            flag: (|| Flags { summary_time_unit: text("s"), ..Flags::default() }, json!("s")),
        },
        Everywhere {
            name: "systemTags",
            file: (json!(["url"]), json!(["url"])),
            script: (json!(["vu", "iter"]), json!(["iter", "vu"])),
            variable: ("K6_SYSTEM_TAGS", "proto,method", json!(["method", "proto"])),
            flag: (|| Flags { system_tags: text("status"), ..Flags::default() }, json!(["status"])),
        },
        Everywhere {
            name: "tags",
            file: (json!({ "a": "1", "same": "file" }), json!({ "a": "1", "same": "file" })),
            script: (json!({ "b": "2" }), json!({ "b": "2" })),
            variable: ("K6_TAGS", "c:3,d:4", json!({ "c": "3", "d": "4" })),
            flag: (
                || Flags { tags: vec!["e=5=5".to_owned(), "f=6".to_owned()], ..Flags::default() },
                json!({ "e": "5=5", "f": "6" }),
            ),
        },
    ];
    for one in all {
        let file = json!({ one.name: one.file.0 });
        let script = json!({ one.name: one.script.0 });
        let variable = [(one.variable.0, one.variable.1)];
        let shown = |said: Said| said.quietly().to_json()[one.name].clone();
        let said = Said::default().config(&file);
        assert_eq!(shown(said), one.file.1, "{} in a file", one.name);
        let said = Said::script(script.clone()).config(&file);
        assert_eq!(shown(said), one.script.1, "{} in a script", one.name);
        let said = Said::script(script.clone()).config(&file).environment(&variable);
        assert_eq!(shown(said), one.variable.2, "{} in a variable", one.name);
        let said = Said::script(script).config(&file).environment(&variable).flags((one.flag.0)());
        assert_eq!(shown(said), one.flag.1, "{} in a flag", one.name);
        assert_eq!(shown(of_flags((one.flag.0)())), one.flag.1, "{} in a flag alone", one.name);
    }
}

#[test]
fn whoever_says_how_long_says_it_alone() {
    let ramp = json!({ "stages": [{ "duration": "20s", "target": 10 }] });
    let stages = |seconds, target| json!([{ "duration": seconds, "target": target }]);
    // The file's stages, the script's users.
    let said = Said::script(json!({ "vus": 5 })).config(&ramp);
    let scenario = only_scenario(&said.quietly());
    assert_eq!((&scenario["startVUs"], &scenario["stages"]), (&json!(5), &stages("20s", 10)));
    // Iterations in a variable put them aside.
    let said = Said::script(json!({ "vus": 5 }))
        .config(&ramp)
        .environment(&[("K6_VUS", "15"), ("K6_ITERATIONS", "17")]);
    let shared = json!({ "executor": "shared-iterations", "vus": 15, "iterations": 17 });
    assert_eq!(only_scenario(&said.quietly()), shared);
    // Stages of a flag put the script's duration aside, and keep its users.
    let said = Said::script(json!({ "vus": 5, "duration": "50s" }))
        .flags(Flags { stages: vec!["5s:5".to_owned()], ..Flags::default() });
    let expected = json!({ "executor": "ramping-vus", "startVUs": 5, "stages": stages("5s", 5) });
    assert_eq!(only_scenario(&said.quietly()), expected);
    // Empty stages of a flag put everything aside.
    let said = Said::default()
        .config(&json!({ "stages": [{ "duration": "20s", "target": 20 }], "vus": 10 }))
        .environment(&[("K6_DURATION", "15s")])
        .flags(Flags { stages: vec![String::new()], ..Flags::default() });
    let (read, warning) = said.with_warning();
    assert_eq!(warning.code, "k6-option-empty");
    assert_eq!(only_scenario(&read), json!({ "executor": "per-vu-iterations" }));
    // What the same source says stays together: a duration bounds iterations.
    let said = Said::script(json!({ "vus": 3, "iterations": 4 })).flags(Flags {
        duration: text("10s"),
        iterations: text("5"),
        ..Flags::default()
    });
    assert_eq!(only_scenario(&said.quietly())["maxDuration"], json!("10s"));
    let said = Said::script(json!({ "vus": 3, "iterations": 4 }))
        .flags(Flags { duration: text("10s"), ..Flags::default() });
    let steady = json!({ "executor": "constant-vus", "vus": 3, "duration": "10s" });
    assert_eq!(only_scenario(&said.quietly()), steady);
}

#[test]
fn scenarios_put_aside_are_told() {
    let scenarios = json!({ "scenarios": {
        "peak": { "executor": "constant-vus", "vus": 10, "duration": "60s" },
    } });
    let flags = || Said::script(scenarios.clone());
    let cases = [
        flags().flags(Flags { duration: text("8s"), vus: text("1"), ..Flags::default() }),
        flags().flags(Flags { iterations: text("9"), ..Flags::default() }),
        flags().flags(Flags { stages: vec!["10s:5".to_owned()], ..Flags::default() }),
        flags().flags(Flags { vus: text("8"), ..Flags::default() }),
        flags().environment(&[("K6_ITERATIONS", "25"), ("K6_VUS", "12")]),
        flags().environment(&[("K6_VUS", "12")]),
        Said::script(json!({ "duration": "7s" })).config(&scenarios),
    ];
    for said in cases {
        let (read, warning) = said.with_warning();
        assert_eq!(warning.code, "k6-option-overridden");
        assert_eq!(read.scenarios().keys().collect::<Vec<_>>(), ["default"]);
    }
    // An invalid scenario that is put aside does not stand in the way.
    let broken = json!({ "scenarios": { "a": { "executor": "constant-vus" } } });
    let said = Said::script(broken).flags(Flags {
        vus: text("1"),
        iterations: text("1"),
        ..Flags::default()
    });
    assert_eq!(said.with_warning().1.code, "k6-option-overridden");
    // Scenarios of the script go before those of the file.
    let said = Said::script(json!({ "scenarios": {
        "own": { "executor": "constant-vus", "vus": 1, "duration": "5s" },
    } }));
    let (read, _) = said.config(&scenarios).with_warning();
    assert_eq!(read.scenarios().keys().collect::<Vec<_>>(), ["own"]);
}

#[test]
fn dns_is_merged_part_by_part() {
    let said = Said::default()
        .config(&json!({ "dns": { "ttl": "60", "select": "first" } }))
        .environment(&[("K6_DNS", "ttl=30,select=random,policy=any")])
        .flags(Flags { dns: text("ttl=5"), ..Flags::default() });
    let shown = said.quietly().to_json();
    assert_eq!(shown["dns"], json!({ "ttl": "5", "select": "random", "policy": "any" }));
}

#[test]
fn hosts_of_flags_are_added_to_those_of_the_script() {
    let typed = vec!["b=127.0.0.1:8080".to_owned(), "gateway-api=127.0.0.1".to_owned()];
    let said = Said::script(json!({ "hosts": { "a": "1.2.3.4", "B": "5.6.7.8" } }))
        .config(&json!({ "hosts": { "file": "9.9.9.9" } }))
        .flags(Flags { hosts: typed, ..Flags::default() });
    let read = said.quietly();
    let expected = json!({ "a": "1.2.3.4", "b": "127.0.0.1:8080", "gateway-api": "127.0.0.1" });
    assert_eq!(read.to_json()["hosts"], expected);
    let hosts = read.options().hosts.as_ref().unwrap();
    assert_eq!(hosts.find("gateway-api", 10_000), Some("127.0.0.1:10000".parse().unwrap()));
}

#[test]
fn tags_are_merged_where_the_feature_says_so() {
    let said = Said::script(json!({ "tags": { "script": "s", "same": "script" } }))
        .config(&json!({ "tags": { "file": "f", "same": "file" } }))
        .environment(&[("K6_TAGS", "env:e,same:env"), ("K6_FEATURES", "merge-run-tags")])
        .flags(Flags { tags: vec!["cli=c".to_owned(), "same=cli".to_owned()], ..Flags::default() });
    let expected = json!({ "file": "f", "script": "s", "env": "e", "cli": "c", "same": "cli" });
    assert_eq!(said.quietly().to_json()["tags"], expected);
}
