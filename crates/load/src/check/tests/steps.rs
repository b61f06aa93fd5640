//! Tests of what may be said about steps of every kind, about data files and about think time.

use proptest::prelude::*;
use seaworthy_document::Severity;

use super::{expect, findings, known, one, step};
use crate::check::{data, files, flows};
use crate::flow::{Action, Body, Flow};
use crate::spec;
use crate::think::Think;

fn flow(yaml: &str) -> Flow {
    let typed: spec::Flow = seaworthy_document::yaml("p", yaml).unwrap();
    let (mut checked, findings) = flows(&known(), &[typed]);
    assert!(!seaworthy_document::errors(&findings), "{findings:#?}");
    checked.remove(0)
}

/// A flow that opens a stream named `open`, and a step at line 3.
fn streaming(step: &str) -> String {
    format!(
        "flows: [{{name: f, target: memory, start: [{{name: open, request: GET /e, stream: sse}}], steps: [\n{{name: a, request: GET /}},\n{{name: s, {step}}}]}}]"
    )
}

#[test]
fn a_flow_of_every_kind_of_step_has_no_findings() {
    let yaml = r#"
flows:
  - name: f
    target: memory
    cookies: keep
    variables: [{name: pick, random: [0, 9]}]
    start:
      - {name: sign in, request: POST /in, form: {user: "${users.name}", pass: ["${users[\"pass word\"]}", 1, true]},
         extract: {session: $.id}, pause: {exponential: 2s}}
      - {name: open, request: "GET /sessions/${session}/events", stream: sse, headers: {a: b},
         expect: {status: 200, headers: {content-type: "text/event-stream*"}}, extract: {node: {header: x-node}}}
    steps:
      - {name: turn, request: POST /turn, body: {n: "${pick}", row: "${users}"}, compress: zstd, redirects: 0,
         tags: {kind: "k${pick}"}, pause: {normal: {mean: 2s, deviation: 500ms}}}
      - {name: done, receive: {from: open, event: "turn.${pick}", json: {"$.n": "${pick}"}, within: 20s},
         extract: {took: $.took}, tags: {a: b}, pause: {lognormal: {median: 2s, p95: 10s}}}
      - {name: upload, request: POST /up, multipart: [{name: a, value: "${took}"}, {name: b, file: logo.png, contentType: image/png}]}
      - {name: moved, request: GET /old, expect: {status: 3xx}}
      - name: chat
        request: GET /ws
        headers: {Sec-WebSocket-Protocol: chat}
        websocket:
          - send: {hello: "${pick}"}
          - receive: {json: {"$.welcome": true}, within: 1s}
          - send: plain ${took}
          - receive: {text: "bye*"}
          - receive: {}
setup:
  - {name: fill, target: memory, repeat: 3, steps: [{name: s, request: POST /, body: "${users.name}"}]}
"#;
    assert_eq!(findings(yaml), []);
}

#[test]
fn fields_belong_to_kinds_of_steps() {
    let field = "load-step-field";
    for (fields, mark) in [
        ("receive: {from: open}, request: GET /", "GET"),
        ("receive: {from: open}, timeout: 1s", "1s"),
        ("receive: {from: open}, target: memory", "memory"),
        ("receive: {from: open}, headers: {a: b}", "b}"),
        ("receive: {from: open}, expect: {json: {$.a: 77}}", "77"),
        ("receive: {from: open}, extract: {x: {header: etag}}", "{header"),
        ("request: GET /, stream: sse, redirects: 3", "3}"),
        ("request: GET /, stream: sse, expect: {json: {$.a: 77}}", "77"),
        ("request: GET /, stream: sse, extract: {x: $.a}", "$.a"),
        ("request: GET /, websocket: [{send: a}], text: zzz", "zzz"),
        ("request: GET /, websocket: [{send: a}], compress: gzip", "gzip"),
        ("request: GET /, websocket: [{send: a}], extract: {x: $.a}", "$.a"),
        ("request: GET /, websocket: [{send: a}], stream: sse", "[{send"),
        ("request: GET /, expect: {status: 301}, redirects: 4", "4}"),
    ] {
        let yaml = streaming(fields);
        let found = one(&yaml);
        let column = yaml.lines().last().unwrap().rfind(mark).unwrap() as u32 + 1;
        assert_eq!((found.0, found.1, found.2), (field, 3, column), "{fields}: {}", found.3);
        assert!(!found.4.is_empty());
    }
    let found = one(&streaming("body: {}"));
    assert_eq!((found.0, found.3.as_str()), ("load-request", "step `s` has no `request`"));
}

#[test]
fn what_is_received_must_be_open() {
    let receive = "load-receive";
    let found = one(&streaming("receive: {from: opne}"));
    assert_eq!((found.0, found.4.as_str()), (receive, "did you mean `open`?"));
    let found = one(&streaming("receive: {from: a}"));
    assert_eq!(
        (found.0, found.3.as_str()),
        (receive, "there is no step with `stream: sse` named `a`")
    );
    let early = "flows: [{name: f, target: memory, steps: [{name: r, receive: {from: o}}, {name: o, request: GET /, stream: sse}]}]";
    let found = one(early);
    assert_eq!((found.0, found.3.as_str()), (receive, "the stream `o` is opened by a later step"));
    assert_eq!(one(&streaming("receive: {from: open, within: 0s}")).0, "load-range");
    assert_eq!(one(&streaming("receive: {from: open, json: {a: 1}}")).0, "load-path");
    assert_eq!(one(&streaming("receive: {from: open, event: '${nope}'}")).0, "load-unknown-name");
}

#[test]
fn bodies_come_one_at_a_time_and_whole() {
    let body = "load-body";
    expect(
        &step("request: POST /, text: a, form: {a: b}"),
        "{a",
        body,
        "a step has `text` or `form`, not both",
        "keep one of them",
    );
    for fields in [
        "multipart: []",
        "multipart: [{name: a}]",
        "multipart: [{name: a, value: b, file: logo.png}]",
        "multipart: [{name: '', value: b}]",
        "multipart: [{name: a, value: b, contentType: png}]",
        "multipart: [{name: a, value: b}], headers: {content-type: x/y}",
        "form: {a: {b: c}}",
        "form: {a: null}",
        "compress: gzip",
        "text: a, compress: gzip, headers: {content-encoding: br}",
    ] {
        let found = one(&step(&format!("request: POST /, {fields}")));
        assert_eq!((found.0, found.1), (body, 2), "{fields}: {}", found.3);
    }
    assert_eq!(one(&step("request: POST /, form: {a: '${'}")).0, "load-template");
    assert_eq!(one(&step("request: POST /, websocket: [{send: a}]")).0, "load-request");
    assert_eq!(one(&step("request: GET /, websocket: []")).0, "load-websocket");
    let both = "request: GET /, websocket: [{receive: {text: a, json: {$.a: 1}}}]";
    assert_eq!(one(&step(both)).0, "load-websocket");
}

#[test]
fn columns_of_data_files_are_known() {
    let unknown = "load-unknown-name";
    expect(
        &step("request: 'GET /${users.nmae}'"),
        "'GET",
        unknown,
        "in the data file of `users`, there is no column at `$.nmae`",
        "did you mean `name`?",
    );
    assert_eq!(one(&step("request: GET /, body: '${users.name.first}'")).0, unknown);
    assert_eq!(one(&step("request: GET /, extract: {users: $.a}")).0, "load-name");
    let shadow = "flows: [{name: f, target: memory, variables: [{name: users, value: 1}],\nsteps: [{name: s, request: GET /}]}]";
    assert_eq!(one(shadow).3, "`users` is the name of a data file");
    let used = |step: &str| {
        let text = format!("{{name: f, target: memory, steps: [{{name: s, request: {step}}}]}}");
        flow(&text).data.len()
    };
    assert_eq!((used("GET /"), used("'GET /${users.name}'")), (0, 1));
}

#[test]
fn start_keeps_no_value_that_is_drawn() {
    let yaml = "flows: [{name: f, target: memory, variables: [{name: v, value: 1}],
start: [{name: a, request: GET /, extract: {v: $.v}}], steps: [{name: s, request: GET /}]}]";
    let found = one(yaml);
    assert_eq!((found.0, found.1), ("load-name", 2));
    let twice = "flows: [{name: f, target: memory, start: [{name: s, request: GET /}], steps: [{name: s, request: GET /}]}]";
    assert_eq!(one(twice).0, "load-duplicate");
}

#[test]
fn tags_of_a_plan_are_its_own() {
    for tags in ["{step: a}", "{a b: c}", "{check: x}"] {
        assert_eq!(one(&step(&format!("request: GET /, tags: {tags}"))).0, "load-tag", "{tags}");
    }
    let many: Vec<String> = (0..9).map(|number| format!("t{number}: x")).collect();
    assert_eq!(one(&step(&format!("request: GET /, tags: {{{}}}", many.join(", ")))).0, "load-tag");
}

#[test]
fn unusual_methods_are_warned_of() {
    let warned = |request: &str| {
        let mut found = findings(&step(&format!("request: {request} /")));
        assert_eq!(found.len(), 1, "{found:#?}");
        let found = found.remove(0);
        assert_eq!((found.code, found.severity), ("load-method", Severity::Warning));
        found.hint.unwrap()
    };
    assert_eq!(warned("GTE"), "did you mean `GET`? it is sent as it is written");
    assert_eq!(warned("PROPFNID"), "did you mean `PROPFIND`? it is sent as it is written");
    assert!(warned("FROBNICATE").starts_with("it is sent as it is written"));
    for usual in ["GET", "PATCH", "PURGE", "PROPFIND", "TRACE"] {
        assert_eq!(findings(&step(&format!("request: {usual} /"))), []);
    }
}

#[test]
fn pauses_are_distributions_that_make_sense() {
    for pause in [
        "{exponential: 0s}",
        "{exponential: 31d}",
        "{normal: {mean: 31d, deviation: 1s}}",
        "{lognormal: {median: 0s, p95: 1s}}",
        "{lognormal: {median: 2s, p95: 2s}}",
        "[2s, 1s]",
    ] {
        let found = one(&step(&format!("request: GET /, pause: {pause}")));
        assert_eq!((found.0, found.1), ("load-range", 2), "{pause}");
    }
    for wrong in [
        "-1s",
        "{exponential: -1s}",
        "{gamma: 1s}",
        "{normal: {mean: 1s}}",
        "{exponential: 1s, normal: {mean: 1s, deviation: 1s}}",
        "[1s]",
        "true",
    ] {
        let found = one(&step(&format!("request: GET /, pause: {wrong}")));
        assert_eq!((found.0, found.1), ("document-yaml", 2), "{wrong}: {}", found.3);
    }
    let drawn = flow(
        "{name: f, target: memory, steps: [{name: s, request: GET /, pause: {exponential: 2s}}]}",
    );
    assert_eq!(drawn.steps[0].pause, Some(Think::Exponential(std::time::Duration::from_secs(2))));
}

#[test]
fn redirects_are_followed_unless_one_is_expected() {
    for (fields, redirects) in [
        ("", 10),
        (", redirects: 3", 3),
        (", expect: {status: 200}", 10),
        (", expect: {status: [200, 302]}", 0),
        (", expect: {status: 3xx}, redirects: 0", 0),
    ] {
        let text =
            format!("{{name: f, target: memory, steps: [{{name: s, request: GET /{fields}}}]}}");
        let Action::Call(call) = &flow(&text).steps[0].action else { panic!("a call") };
        assert_eq!(call.redirects, redirects, "{fields}");
        assert!(matches!(call.body, Body::None));
    }
}

#[test]
fn data_files_are_read_by_their_rules() {
    let read = |yaml: &str| {
        let typed: Vec<spec::Data> = seaworthy_document::yaml("p", yaml).unwrap();
        let mut open = |path: &str| match path {
            "u.csv" => Ok(b"name\nada\n".to_vec()),
            "u.json" => Ok(b"[{\"name\": 1}]".to_vec()),
            "bad.csv" => Ok(b"name\nada,1\n".to_vec()),
            _ => Err("no such file".to_owned()),
        };
        let (data, findings) = data(&known(), &typed, &mut open);
        let codes: Vec<_> =
            findings.iter().map(|it| (it.code, it.place.clone().unwrap())).collect();
        (data.len(), codes.into_iter().map(|(code, at)| (code, at.to_string())).collect::<Vec<_>>())
    };
    let (count, found) = read(
        "[{name: a, file: u.csv}, {name: b, file: u.json, per: vu, onEnd: stop}, {name: c, file: u.csv, per: unique}]",
    );
    assert_eq!((count, found), (3, vec![]));
    for (yaml, code, place) in [
        ("[{name: a, file: no.csv}]", "load-file", "p:1:18"),
        ("[{name: a, file: bad.csv}]", "load-data", "bad.csv:2"),
        ("[{name: a, file: u.txt}]", "load-data", "p:1:18"),
        ("[{name: vu, file: u.csv}]", "load-name", "p:1:9"),
        ("[{name: token, file: u.csv}]", "load-duplicate", "p:1:9"),
        ("[{name: a, file: u.csv, per: unique, onEnd: recycle}]", "load-data", "p:1:45"),
        ("[{name: a, file: u.csv, per: random, onEnd: stop}]", "load-data", "p:1:45"),
    ] {
        assert_eq!(read(yaml).1, [(code, place.to_owned())], "{yaml}");
    }
    let typed: spec::Step = seaworthy_document::yaml("p", "{name: s, request: POST /, multipart: [{name: a, file: x}, {name: b, file: x}, {name: c, file: y}]}").unwrap();
    let mut opened = 0;
    let mut open = |path: &str| {
        opened += 1;
        if path == "x" { Ok(vec![1]) } else { Err("no such file".to_owned()) }
    };
    let (read, findings) = files(&known(), [&typed].into_iter(), &mut open);
    assert_eq!((read.len(), findings.len(), findings[0].code), (1, 1, "load-file"));
    assert_eq!(opened, 2);
}

#[test]
fn every_new_field_stands_in_the_schema() {
    let text = serde_json::to_string(&schemars::schema_for!(spec::Flow)).unwrap();
    for field in [
        "start",
        "cookies",
        "form",
        "multipart",
        "contentType",
        "compress",
        "redirects",
        "stream",
        "receive",
        "within",
        "websocket",
        "tags",
        "exponential",
        "lognormal",
    ] {
        assert!(text.contains(&format!("\"{field}\"")), "{field}");
    }
    let text = serde_json::to_string(&schemars::schema_for!(spec::Data)).unwrap();
    for field in ["onEnd", "unique", "recycle", "format"] {
        assert!(text.contains(&format!("\"{field}\"")), "{field}");
    }
}

/// Pieces of steps, sound and not, to be thrown together.
const PIECES: [&str; 28] = [
    "request: GET /a",
    "request: '${x} /'",
    "request: 5",
    "stream: sse",
    "stream: ws",
    "receive: {from: s}",
    "receive: {from: o, within: -1s}",
    "receive: []",
    "websocket: [{send: {a: '${'}}, {receive: {text: a}}]",
    "websocket: [{send: a, receive: {}}]",
    "websocket: {}",
    "body: {a: [1, '${users.name}']}",
    "text: '${users}'",
    "form: {a: [b, {c: d}]}",
    "form: []",
    "multipart: [{name: a, file: nope}]",
    "multipart: [{name: a, value: '${vu}', contentType: \"a/\\n\"}]",
    "compress: gzip",
    "compress: lzma",
    "redirects: 300",
    "redirects: -1",
    "redirects: 2",
    "expect: {status: [3xx, 99999], json: {$.a: '${y}'}}",
    "extract: {a: {header: 'b c'}, uuid: $}",
    "tags: {phase: x, y: '${z}'}",
    "pause: {normal: {mean: 1s, deviation: 99999d}}",
    "pause: [5s, 1s]",
    "timeout: 0s",
];

proptest! {
    #[test]
    fn no_step_panics(pieces in proptest::sample::subsequence(PIECES.to_vec(), 0..6), starting: bool) {
        let step = format!("{{name: s, {}}}", pieces.join(", "));
        let open = "{name: o, request: GET /, stream: sse}";
        let (start, steps) = if starting { (step, open.to_owned()) } else { (open.to_owned(), step) };
        let yaml = format!("flows: [{{name: f, target: memory, start: [{start}], steps: [{steps}]}}]");
        for finding in findings(&yaml) {
            prop_assert!(finding.place.is_some(), "{:?}", finding);
            prop_assert!(finding.code == "document-yaml" || finding.hint.is_some(), "{:?}", finding);
        }
    }
}
