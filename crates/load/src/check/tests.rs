//! Tests of the checks, from YAML text to findings with their places.

mod entries;

use std::time::Duration;

use seaworthy_document::{Finding, Severity};
use serde::Deserialize;

use super::{Known, flows, loads, routine};
use crate::data::Data;
use crate::spec::{self, OnEnd, Per};

mod steps;

#[derive(Debug, Deserialize)]
struct Plan {
    #[serde(default)]
    flows: Vec<spec::Flow>,
    #[serde(default)]
    load: Vec<spec::Load>,
    #[serde(default)]
    setup: Vec<spec::Routine>,
}

fn known() -> Known<'static> {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    let table = |text: &str| crate::data::Table::csv("users.csv", text.as_bytes()).unwrap();
    let data =
        |name: &str, table| Data::new(name.to_owned(), table, Per::Iteration, OnEnd::Recycle);
    let users = data("users", table("name,pass word\nada,x\n"));
    Known {
        file: "p",
        targets: names(&["memory", "policy"]),
        names: names(&["token", "port"]),
        data: [("users".to_owned(), users)].into(),
        files: [("logo.png".to_owned(), bytes::Bytes::from_static(b"png"))].into(),
    }
}

/// All findings of a plan; a plan that cannot even be read is one finding.
fn findings(yaml: &str) -> Vec<Finding> {
    let plan: Plan = match seaworthy_document::yaml("p", yaml) {
        Ok(plan) => plan,
        Err(finding) => return vec![finding],
    };
    let known = known();
    let mut all = Vec::new();
    if !plan.flows.is_empty() {
        all.extend(flows(&known, &plan.flows).1);
    }
    all.extend(loads(&known, &plan.flows, &plan.load, Duration::from_secs(60)).1);
    for typed in &plan.setup {
        let (checked, findings) = routine(&known, typed);
        assert_eq!(checked.is_none(), seaworthy_document::errors(&findings));
        all.extend(findings);
    }
    all
}

/// The only finding: code, line, column, reason, hint.
#[track_caller]
fn one(yaml: &str) -> (&'static str, u32, u32, String, String) {
    let mut findings = findings(yaml);
    assert_eq!(findings.len(), 1, "{yaml}\n{findings:#?}");
    let finding = findings.remove(0);
    let place = finding.place.unwrap();
    let hint = finding.hint.unwrap_or_default();
    (finding.code, place.line, place.column, finding.reason, hint)
}

/// The only finding stands at the last `mark` of the text, and says this.
#[track_caller]
fn expect(yaml: &str, mark: &str, code: &str, reason: &str, hint: &str) {
    let found = one(yaml);
    let before = &yaml[..yaml.rfind(mark).unwrap()];
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.chars().rev().take_while(|letter| *letter != '\n').count() as u32 + 1;
    let place = (found.1, found.2);
    let expected = (code, (line, column), reason, hint);
    assert_eq!((found.0, place, found.3.as_str(), found.4.as_str()), expected);
}

/// A flow named `f` with one step whose fields are `step`, which stands at line 2.
fn step(step: &str) -> String {
    format!("flows: [{{name: f, target: memory, steps: [{{name: s,\n{step}}}]}}]")
}

/// A sound flow and a load entry for it; `load` stands at line 2.
fn load(load: &str) -> String {
    format!(
        "flows: [{{name: f, target: memory, steps: [{{name: s, request: GET /}}]}}]\nload: [{{flow: f, {load}}}]"
    )
}

#[test]
fn a_sound_plan_has_no_findings() {
    let yaml = r#"
flows:
  - name: recall
    target: memory
    variables:
      - {name: pick, random: [0, 9999]}
      - {name: port, cycle: {by: "${pick}", of: [Oslo, Riga]}}
      - {name: case, choice: [{text: "to ${port}", allowed: true}]}
      - {name: other, choice: "${token}"}
      - {name: word, value: {a: ["${case.text}"]}}
    steps:
      - name: retrieve
        request: POST /v1/${case.text}?q=${word.a[0]}
        headers: {Authorization: "Bearer ${token}", X-Id: "${uuid}"}
        body: {query: "ship ${port}", pick: "${pick}", none: null}
        timeout: 10s
        expect:
          status: [200, 2xx]
          headers: {content-type: "application/json*"}
          json: {"$.sources[0].key": "memory-${pick}", "$.allowed": true}
        extract: {session: $.session_id, etag: {header: etag}}
        pause: [100ms, 2s]
      - {name: use it, request: "GET ${session}", text: "${etag}", pause: 1s, expect: {status: 404}}
      - {name: elsewhere, target: policy, request: "PURGE /x"}
  - {name: free, steps: [{name: s, request: "GET https://example.org/a"}]}
load:
  - {flow: recall, executor: constant-arrival-rate, rate: 0.5, timeUnit: 1m, maxVUs: 100,
     preAllocatedVUs: 20, maxBacklog: 0, duration: 20s, startTime: 40s, gracefulStop: 0s}
  - {flow: free, executor: constant-vus, vus: 3}
  - {flow: free, executor: per-vu-iterations, vus: 3, iterations: 5, maxDuration: 1m}
  - {flow: free, executor: shared-iterations, vus: 3, iterations: 5}
  - {flows: [{flow: free, weight: 0.5}, {flow: recall, weight: 3}], executor: ramping-arrival-rate,
     startRate: 1, timeUnit: 1m, stages: [{duration: 1m, target: 2.5}], maxVUs: 10}
  - {flow: free, executor: ramping-vus, stages: [{duration: 30s, target: 3}, {duration: 0s, target: 1}],
     gracefulRampDown: 1s, startVUs: 2}
setup:
  - name: fill
    target: memory
    repeat: 10000
    parallel: 32
    steps: [{name: remember, request: POST /v1/remember, body: {n: "${index}"}}]
"#;
    assert_eq!(findings(yaml), []);
}

#[test]
fn unknown_names_come_with_the_nearest() {
    let unknown = "load-unknown-name";
    expect(
        &step("request: 'GET /${tokn}'"),
        "'GET",
        unknown,
        "there is no value named `tokn`",
        "did you mean `token`?",
    );
    expect(
        &step("request: GET /, body: {a: [1, '${indx}']}"),
        "{a",
        unknown,
        "there is no value named `indx`",
        "did you mean `index`?",
    );
    expect(
        &step("request: GET /, headers: {a: x, b: '${zzzzzzzz}'}"),
        "'${",
        unknown,
        "there is no value named `zzzzzzzz`",
        "known: index, iteration, port, token, users, uuid, vu",
    );
    // Extracted later, used earlier.
    let yaml = "flows: [{name: f, target: memory, steps: [
{name: a, request: 'GET /${id}'},
{name: b, request: 'GET /', extract: {id: $.id}}]}]";
    assert_eq!(one(yaml).0, unknown);
    expect(
        "flows: [{name: f, target: memroy, steps: [{name: a, request: GET /}]}]",
        "memroy",
        "load-unknown-target",
        "there is no target named `memroy`",
        "did you mean `memory`?",
    );
    expect(
        "flows: [{name: first, target: memory, steps: [{name: a, request: GET /}]}]\nload: [{flow: fist, executor: constant-vus, vus: 1}]",
        "fist",
        "load-unknown-flow",
        "there is no flow named `fist`",
        "did you mean `first`?",
    );
}

#[test]
fn requests_are_read_closely() {
    for (request, reason) in [
        ("GET", "`GET` is not a method and a path"),
        ("/v1", "`/v1` is not a method and a path"),
        ("get /v1", "there is no method named `get`"),
        ("P@ST /v1", "there is no method named `P@ST`"),
        ("CONNECT /v1", "there is no method named `CONNECT`"),
        ("GET v1", "the path does not begin with `/`"),
        ("GET /a b", "the path has a space or a letter outside ASCII"),
        ("GET /b\u{fc}cher", "the path has a space or a letter outside ASCII"),
        ("GET http://example.org/", "a step with a target takes a path, not a full URL"),
        ("GET /${token", "a `${` is not closed"),
        ("GET /${to ken}", "`${to ken}` does not hold a name"),
    ] {
        let found = one(&step(&format!("request: '{request}'")));
        assert_eq!((found.1, found.2), (2, 10), "{request}");
        assert_eq!(found.3, reason);
        assert!(!found.4.is_empty());
    }
    let free =
        |request| format!("flows: [{{name: f, steps: [{{name: s,\nrequest: '{request}'}}]}}]");
    let found = one(&free("GET /v1"));
    assert_eq!(found.3, "it is not said where this path is");
    let found = one(&free("GET http://a:99999/"));
    assert_eq!(found.3, "`http://a:99999/` is not a usable URL: its port is out of range");
}

#[test]
fn steps_are_checked_field_by_field() {
    for (fields, code, mark) in [
        ("body: {a: 1}, text: b", "load-body", "b}"),
        ("timeout: 0s", "load-range", "0s"),
        ("timeout: 40d", "load-range", "40d"),
        ("pause: [2s, 1s]", "load-range", "[2s"),
        ("headers: {'a b': c}", "load-header", "c}"),
        ("headers: {a: \"b\\nc\"}", "load-header", "\"b"),
        ("expect: {headers: {'': c}}", "load-header", "c}"),
        ("expect: {json: {a.b: c}}", "load-path", "c}"),
        ("expect: {json: {$.b: '${'}}", "load-template", "'${"),
        ("extract: {a: b}", "load-path", "b}"),
        ("extract: {index: $.b}", "load-name", "$.b"),
        ("extract: {'a b': $.b}", "load-name", "$.b"),
        ("extract: {a: {header: 'b c'}}", "load-header", "{header"),
        ("target: nobody", "load-unknown-target", "nobody"),
    ] {
        let yaml = step(&format!("request: GET /, {fields}"));
        let found = one(&yaml);
        expect(&yaml, mark, code, &found.3, &found.4);
        assert!(!found.4.is_empty(), "{fields}");
    }
    let warned = findings(&step("request: GET /, headers: {content-length: '5'}"));
    assert_eq!((warned.len(), warned[0].severity), (1, Severity::Warning));
}

#[test]
fn what_cannot_be_read_is_placed_too() {
    for (fields, part) in [
        ("expect: {status: 99}", "99 is not an HTTP status"),
        ("expect: {status: 2yy}", "`2yy` is not a status"),
        ("expect: {status: []}", "the list of statuses is empty"),
        ("pause: soon", "`soon` is not a duration"),
        ("pause: [1s]", "invalid length 1"),
        ("timeout: 5", "`5` has no unit"),
        ("extract: {a: {haeder: b}}", "unknown field `haeder`"),
        ("expects: {}", "unknown field `expects`"),
    ] {
        let found = one(&step(&format!("request: GET /, {fields}")));
        assert_eq!((found.0, found.1), ("document-yaml", 2), "{fields} {found:?}");
        assert!(found.3.contains(part), "{fields}: {}", found.3);
    }
    assert_eq!(one(&step("request: GET /, expects: {}")).4, "did you mean `expect`?");
    assert_eq!(one(&load("executor: constant-vu, vus: 1")).4, "did you mean `constant-vus`?");
}

#[test]
fn variables_are_checked() {
    let variable = |fields: &str| {
        format!(
            "flows: [{{name: f, target: memory, steps: [{{name: s, request: GET /}}], variables: [\n{{name: v, {fields}}}]}}]"
        )
    };
    for (fields, code) in [
        ("value: 1, random: [1, 2]", "load-variable"),
        ("value: '${later}'", "load-unknown-name"),
        ("random: [2, 1]", "load-range"),
        ("choice: []", "load-variable"),
        ("choice: x", "load-variable"),
        ("choice: 'x ${token}'", "load-variable"),
        ("choice: {a: b}", "load-variable"),
        ("cycle: {by: '${', of: [1]}", "load-template"),
        ("cycle: {by: '${index}', of: []}", "load-variable"),
    ] {
        let found = one(&variable(fields));
        assert_eq!((found.0, found.1), (code, 2), "{fields}");
    }
    let found = one(&variable("value: 1").replace("name: v", "name: uuid"));
    assert_eq!(found.3, "`uuid` is built in and cannot be redefined");
    let found = one(&variable("value: 1").replace("name: v, value: 1", "name: v"));
    assert!(found.3.contains("needs exactly one of"), "{}", found.3);
}

#[test]
fn names_are_labels_and_unique() {
    let twice = "flows:
  - {name: f, target: memory, steps: [{name: s, request: GET /}, {name: s, request: GET /}]}";
    assert_eq!(one(twice).3, "two steps of `f` are named `s`");
    let twice = "flows:
  - {name: f, target: memory, steps: [{name: s, request: GET /}]}
  - {name: f, target: memory, steps: [{name: s, request: GET /}]}";
    assert_eq!(one(twice).3, "two flows are named `f`");
    let empty = "flows: [{name: ' ', target: memory, steps: [{name: s, request: GET /}]}]";
    assert_eq!(one(empty).0, "load-name");
    let none = "flows: [{name: f, target: memory, steps: []}]";
    assert_eq!(one(none).3, "`f` has no steps");
    assert_eq!(flows(&known(), &[]).1[0].code, "load-no-flow");
}

#[test]
fn routines_are_flows_that_repeat() {
    let routine = |fields: &str| {
        format!(
            "setup: [{{name: r, target: memory, steps: [{{name: s, request: GET /}}],\n{fields}}}]"
        )
    };
    assert_eq!(findings(&routine("repeat: 5, parallel: 2")), []);
    assert_eq!(one(&routine("repeat: 0")).0, "load-range");
    assert_eq!(one(&routine("repeat: 5, parallel: 0")).0, "load-range");
    assert_eq!(one(&routine("repeat: 5, parallel: 1001")).0, "load-range");
    assert_eq!(one(&routine("target2: x")).4, "did you mean `target`?");
}

#[test]
fn the_schema_takes_what_the_reader_takes() {
    let schema = serde_json::to_value(schemars::schema_for!(spec::Flow)).unwrap();
    let text = schema.to_string();
    for field in ["extract", "pause", "status", "choice"] {
        assert!(text.contains(&format!("\"{field}\"")), "{field}");
    }
}
