//! `seaworthy plan`: what is wrong with a plan is said with its place, reason and hint, before
//! anything is made; and the plans and the schema the program gives out are sound.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use seaworthy_document::{MAX_BYTES, yaml};
use serde_json::Value;

use crate::house::{House, Running};

const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/reference");

/// A plan with nothing wrong in it.
const SOUND: &str = r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {name: sound}
variables: {colour: blue}
secrets:
  key: {file: "${scratch}/key"}
targets:
  - name: api
    command: ["${seaworthy}", hub, serve, --role, identity]
    environment: {SEAWORTHY_HUB_IDENTITY: "127.0.0.1:${port.api}"}
    url: http://127.0.0.1:${port.api}
    ready: {path: /ready}
flows:
  - name: work
    target: api
    steps:
      - {name: do, request: GET /work, headers: {X-Key: "${key}"}}
phases:
  - name: steady
    duration: 400s
    warmup: 10s
    load:
      - {flow: work, executor: constant-arrival-rate, rate: 50, maxVUs: 20}
objectives:
  - {name: fast, metric: response_time, tags: {flow: work}, phase: steady, require: p95 < 500ms}
  - {name: errors, metric: http_req_failed, require: rate < 1%}
assume: {confidence: 0.95}
"#;

/// What is changed in the sound plan, and what must be said: the finding's code, what stands at its
/// place, a part of its reason and one of its hint.
struct Case(&'static str, &'static str, &'static str, &'static str, &'static str, &'static str);

const ERRORS: &[Case] = &[
    Case("document-yaml", "kind: Trial", "kinds: Trial", "kinds", "unknown field", "`kind`"),
    Case("document-yaml", "duration: 400s", "duration: soon", "soon", "soon", ""),
    Case(
        "document-yaml",
        "name: api",
        "name: api\n    name: api",
        "name: api\n    command",
        "",
        "",
    ),
    Case("document-yaml", "rate: 50", "rate: [50", "", "", ""),
    Case("plan-api-version", "dev/v1", "dev/v9", "seaworthy.dev/v9", "dev/v9", "seaworthy.dev/v1"),
    Case("plan-kind", "kind: Trial", "kind: Voyage", "Voyage", "Voyage", "kind: Trial"),
    Case("plan-empty", "objectives:\n  - {", "objectives: []\nx: &x [{", "Trial", "", ""),
    Case("plan-name", "{name: sound}", "{name: ../up}", "../up", "`../up`", "letters"),
    Case("plan-name", "name: steady", "name: a/b", "a/b", "`a/b`", "letters"),
    Case("plan-name", "key: {file", "port: {file", "{file", "`port`", "letters"),
    Case(
        "plan-script",
        "    warmup: 10s",
        "    warmup: 10s\n    env: {BASE: here}",
        "here}",
        "`env`, but no script",
        "load.js",
    ),
    Case("plan-target", "ready: {path: /ready}", "ready: {path: ready}", "ready}", "path", "`/`"),
    Case(
        "plan-metrics",
        "ready: {path: /ready}",
        "metrics: {path: numbers}",
        "numbers}",
        "`numbers` is not a path",
        "`/`",
    ),
    Case(
        "plan-watch",
        "ready: {path: /ready}",
        "watch: [{name: jobs, kind: gauge, value: jobs}]",
        "jobs, kind",
        "a gauge has no bound",
        "below: 100",
    ),
    Case(
        "plan-target",
        "[\"${seaworthy}\", hub, serve, --role, identity]",
        "[]",
        "[]",
        "empty",
        "",
    ),
    Case(
        "plan-target",
        "    command: [\"${seaworthy}\", hub, serve, --role, identity]\n    environment: {SEAWORTHY_HUB_IDENTITY: \"127.0.0.1:${port.api}\"}\n",
        "",
        "http://",
        "port",
        "command",
    ),
    Case("plan-secret", "{file: \"${scratch}/key\"}", "{}", "{}", "`key`", ""),
    Case("plan-template", "/key\"}", "/${key\"}", "{file", "", ""),
    Case(
        "plan-environment",
        "--role, identity]",
        "--role, \"${env.NOT_SET_AT_ALL}\"]",
        "${env",
        "NOT_SET_AT_ALL",
        "set it",
    ),
    Case(
        "plan-environment",
        "GET /work",
        "\"GET /${env.NOT_SET_AT_ALL}\"",
        "${env",
        "NOT_SET_AT_ALL",
        "set it",
    ),
    Case("plan-unknown-name", "${scratch}/key", "${scrtch}/key", "{file", "scrtch", "`${scratch}`"),
    Case("plan-unknown-name", "phase: steady", "phase: stedy", "stedy", "stedy", "`steady`"),
    Case("plan-unknown-name", "tags: {flow: work}", "tags: {flow: wark}", "wark", "wark", "`work`"),
    Case(
        "plan-unknown-metric",
        "metric: response_time",
        "metric: respnse_time",
        "respnse",
        "respnse_time",
        "`response_time`",
    ),
    Case(
        "plan-unknown-tag",
        "tags: {flow: work}",
        "tags: {colour: work}",
        "work}, p",
        "`colour`",
        "flow",
    ),
    Case("plan-no-series", "http_req_failed", "checks", "errors, metric", "checks", "expects"),
    Case("plan-statement", "p95 < 500ms", "p95 is nice", "p95", "p95", "p95"),
    Case("plan-statement", "p95 < 500ms", "rate < 1%", "rate <", "response_time", "percentile"),
    Case("plan-assume", "confidence: 0.95", "confidence: 95", "95}", "95", "0.95"),
    Case("plan-assume", "confidence: 0.95", "confidence: .nan", ".nan", "", "0.95"),
    Case("plan-warmup", "warmup: 10s", "warmup: 400s", "400s\n    load", "warm-up", "longer"),
    Case("plan-phase", "    duration: 400s\n", "", "steady", "no duration", "duration: 5m"),
    Case("plan-phase", "duration: 400s", "duration: 31d", "steady", "in all", "30 days"),
    Case(
        "plan-profile",
        "    warmup: 10s\n",
        "    profile: soak\n    flow: work\n",
        "400s",
        "the duration",
        "leave it out",
    ),
    Case(
        "plan-profile",
        "duration: 400s\n    warmup: 10s\n    load:\n      - {flow: work, executor: constant-arrival-rate, rate: 50, maxVUs: 20}",
        "profile: soak",
        "soak",
        "no flow",
        "flows",
    ),
    Case(
        "plan-profile",
        "duration: 400s\n    warmup: 10s\n    load:\n      - {flow: work, executor: constant-arrival-rate, rate: 50, maxVUs: 20}",
        "profile: soak\n    flows: [{flow: work, weight: -1}]",
        "-1}",
        "-1",
        "above 0",
    ),
    Case(
        "plan-profile",
        "    warmup: 10s\n",
        "    flow: work\n",
        "work\n    load",
        "no profile",
        "profile",
    ),
    Case("load-unknown-flow", "- {flow: work", "- {flow: wrk", "wrk", "wrk", "`work`"),
    Case("load-unknown-target", "target: api", "target: apl", "apl", "apl", "`api`"),
    Case("load-unknown-name", "X-Key: \"${key}", "X-Key: \"${kay}", "\"${kay}", "kay", "key"),
];

const WARNINGS: &[Case] = &[
    // A load that ends early: the rest of the phase is no time under load.
    Case(
        "plan-undecidable",
        "rate: 50, ",
        "rate: 50, duration: 60s, ",
        "fast, metric",
        "`fast`",
        "longer",
    ),
    Case("plan-undecidable", "duration: 400s", "duration: 60s", "fast, metric", "`fast`", "longer"),
    Case(
        "plan-no-errors",
        "metric: http_req_failed, require: rate < 1%",
        "metric: http_req_duration, require: p95 < 1s",
        "fast, metric",
        "failing",
        "http_req_failed",
    ),
    Case("plan-literal-secret", "\"${key}\"", "open-sesame", "open-sesame", "X-Api-Key", "secrets"),
];

/// Line and column, from 1, of the first occurrence.
fn place_of(text: &str, wanted: &str) -> (usize, usize) {
    let at = text.find(wanted).unwrap_or_else(|| panic!("`{wanted}` is not in the plan"));
    let before = &text[..at];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, text[line_start..at].chars().count() + 1)
}

fn broken(case: &Case) -> String {
    let Case(code, from, to, ..) = case;
    // Headers are judged by their name: this one tells of a credential.
    let sound = match *code {
        "plan-literal-secret" => SOUND.replace("X-Key", "X-Api-Key"),
        _ => SOUND.to_owned(),
    };
    assert_eq!(sound.matches(from).count().min(1), 1, "`{from}` is in the sound plan");
    let text = sound.replacen(from, to, 1);
    match *code {
        // The list is emptied; what stood in it is cut off.
        "plan-empty" => text.split("x: &x").next().unwrap().to_owned(),
        _ => text,
    }
}

/// Runs `plan check` on the broken plan; what is not said as it should be.
fn amiss(house: &House, case: &Case, code: i32) -> Option<String> {
    let Case(finding, _, _, at, reason, hint) = case;
    let text = broken(case);
    house.write("plan.yaml", &text);
    let ended = house.run(&["plan", "check", "plan.yaml"]);
    let said = ended.stderr;
    let place = match *at {
        "" => "plan.yaml:".to_owned(),
        at => {
            let (row, column) = place_of(&text, at);
            format!("plan.yaml:{row}:{column}: ")
        }
    };
    let line = said.lines().find(|line| line.contains(&format!("[{finding}]")));
    let well = ended.code == Some(code)
        && line.is_some_and(|line| line.starts_with(&place) && line.contains(reason))
        && (hint.is_empty()
            || said.lines().any(|line| line.starts_with("hint: ") && line.contains(hint)));
    (!well).then(|| format!("wanted: {place}[{finding}] `{reason}`, hint `{hint}`; said:\n{said}"))
}

#[test]
fn the_sound_plan_is_green() {
    let house = House::new();
    house.write("plan.yaml", SOUND);
    let ended = house.run(&["plan", "check", "plan.yaml"]).expect(0);
    assert_eq!(ended.stderr, "");
    assert!(ended.stdout.contains("fast: p95 < 500ms"), "{}", ended.stdout);
}

#[test]
fn every_mistake_has_its_place_reason_and_hint_and_nothing_is_made() {
    let house = House::new();
    let amiss: Vec<String> = ERRORS.iter().filter_map(|case| amiss(&house, case, 3)).collect();
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
    for case in ERRORS {
        let ended = house.trial(&broken(case)).expect(3);
        assert!(ended.stderr.contains(&format!("[{}]", case.0)), "{}", ended.stderr);
        assert_eq!(ended.stdout, "");
    }
    assert!(!house.home().exists() && !house.state().exists(), "nothing is made of a broken plan");
}

#[test]
fn warnings_have_them_too_and_the_plan_can_run() {
    let house = House::new();
    let amiss: Vec<String> = WARNINGS.iter().filter_map(|case| amiss(&house, case, 0)).collect();
    assert!(amiss.is_empty(), "{}", amiss.join("\n"));
}

#[test]
fn every_documented_finding_is_shown_here() {
    let page = fs::read_to_string(Path::new(REFERENCE).join("plan.md")).unwrap();
    let table = page.split("## Findings").nth(1).unwrap().split("\n## ").next().unwrap();
    let documented: BTreeSet<&str> = table
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split('|').next())
        .flat_map(|cell| cell.split('`').skip(1).step_by(2))
        .filter(|code| code.contains('-') && !code.ends_with('…'))
        .collect();
    assert!(documented.len() > 10, "{documented:?}");
    // What is wrong with scripts is shown in `script_trial`.
    let elsewhere = ["document-too-large", "plan-time-scale", "plan-threshold"];
    let shown = ERRORS.iter().chain(WARNINGS).map(|case| case.0).chain(elsewhere);
    let shown: BTreeSet<&str> = shown.filter(|code| !code.starts_with("load-")).collect();
    assert_eq!(documented, shown, "documented on the left, shown by a broken plan on the right");
}

#[test]
fn init_writes_green_plans_and_never_overwrites() {
    let house = House::new();
    for (arguments, file) in [
        (vec!["plan", "init"], "trial.yaml"),
        (vec!["plan", "init", "mine.yaml"], "mine.yaml"),
        (vec!["plan", "init", "--default", "hub.yaml"], "hub.yaml"),
    ] {
        house.run(&arguments).expect(0);
        let written = fs::read(house.root().join(file)).unwrap();
        let again = house.run(&arguments).expect(3);
        assert!(again.stderr.contains(file), "{}", again.stderr);
        assert_eq!(fs::read(house.root().join(file)).unwrap(), written);
        let checked = house.run(&["plan", "check", file]).expect(0);
        assert_eq!(checked.stderr, "", "{file} has findings");
    }
    let default = include_str!("../../plans/default.yaml");
    assert_eq!(fs::read_to_string(house.root().join("hub.yaml")).unwrap(), default);
    let nowhere = house.run(&["plan", "init", "no/such/folder/plan.yaml"]).expect(3);
    assert!(nowhere.stderr.contains("no/such/folder"), "{}", nowhere.stderr);
}

#[test]
fn the_schema_is_the_one_that_is_checked_in() {
    let house = House::new();
    let printed = house.run(&["plan", "schema"]).expect(0).stdout;
    let path = Path::new(REFERENCE).join("plan.schema.json");
    let kept = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        printed == kept,
        "docs/reference/plan.schema.json is not what the program prints; regenerate it with\n  \
         cargo run -- plan schema > docs/reference/plan.schema.json"
    );
}

#[test]
fn the_plans_given_out_are_valid_by_the_schema() {
    let house = House::new();
    let schema: Value =
        serde_json::from_str(&house.run(&["plan", "schema"]).expect(0).stdout).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    house.run(&["plan", "init", "starter.yaml"]).expect(0);
    house.run(&["plan", "init", "--default", "default.yaml"]).expect(0);
    for file in ["starter.yaml", "default.yaml"] {
        let text = fs::read_to_string(house.root().join(file)).unwrap();
        let plan: Value = yaml(file, &text).unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(&plan)
            .map(|error| format!("{}: {error}", error.instance_path()))
            .collect();
        assert!(wrong.is_empty(), "{file}: {wrong:#?}");
    }
    // And the schema refuses something.
    let mut wrong: Value = yaml("sound", SOUND).unwrap();
    assert!(validator.is_valid(&wrong));
    wrong["phases"][0]["lenght"] = Value::from("2m");
    assert!(!validator.is_valid(&wrong));
}

#[test]
fn hostile_plans_are_refused_and_never_panic() {
    let house = House::new();
    let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..12 {
        let alias = format!("*a{}", level - 1);
        bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
    }
    let program = fs::read(env!("CARGO_BIN_EXE_seaworthy")).unwrap();
    let plans: Vec<(&str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("a comment", b"# nothing\n".to_vec()),
        ("null", b"null\n".to_vec()),
        ("a list", b"- 1\n".to_vec()),
        ("a number", b"42".to_vec()),
        ("two documents", format!("{SOUND}---\n{SOUND}").into_bytes()),
        ("every byte", (0..=255).collect()),
        ("a program", program[..200_000].to_vec()),
        ("NULs", vec![0; 4096]),
        ("UTF-16", "\u{feff}kind: Trial".encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("cut in a character", "kind: Tri\u{e4}".as_bytes()[..10].to_vec()),
        ("a bomb", bomb.into_bytes()),
        ("deep", "[".repeat(200_000).into_bytes()),
        ("deep mappings", "{a: ".repeat(200_000).into_bytes()),
        ("an alias of itself", b"&a [*a]\n".to_vec()),
        ("an odd key", b"? [a, b]\n: c\n".to_vec()),
        ("a tag", b"!!python/object/apply:os.system [id]\n".to_vec()),
        ("an endless rate", SOUND.replace("rate: 50", "rate: 1e999").into_bytes()),
        ("no rate at all", SOUND.replace("rate: 50", "rate: .nan").into_bytes()),
        ("a negative rate", SOUND.replace("rate: 50", "rate: -1").into_bytes()),
        ("millions of users", SOUND.replace("maxVUs: 20", "maxVUs: 4294967295").into_bytes()),
        ("an age", SOUND.replace("400s", "99999999999999999999h").into_bytes()),
        ("no time", SOUND.replace("400s", "0s").into_bytes()),
        ("a long name", SOUND.replace("sound", &"x".repeat(1_000_000)).into_bytes()),
    ];
    for (what, bytes) in plans {
        house.write("plan.yaml", bytes);
        for arguments in [["plan", "check", "plan.yaml"], ["trial", "--plan", "plan.yaml"]] {
            let ended = house.run(&arguments);
            assert_eq!(ended.code, Some(3), "{what}: {}", ended.all());
            assert!(ended.stderr.contains("plan.yaml"), "{what}: {}", ended.stderr);
            assert!(!ended.stderr.contains("panicked"), "{what}: {}", ended.stderr);
            assert!(ended.stderr.len() < 20_000, "{what}: {} bytes said", ended.stderr.len());
        }
    }
    assert!(!house.home().exists() && !house.state().exists());
}

#[test]
fn a_plan_cut_off_anywhere_is_refused() {
    let house = House::new();
    let objectives = SOUND.find("objectives:").unwrap();
    for length in (0..SOUND.len()).step_by(53) {
        house.write("plan.yaml", &SOUND[..length]);
        let ended = house.run(&["plan", "check", "plan.yaml"]);
        assert!(!ended.stderr.contains("panicked"), "{length}: {}", ended.stderr);
        if length <= objectives {
            assert_eq!(ended.code, Some(3), "cut at {length}: {}", ended.all());
        }
    }
}

#[test]
fn what_is_no_plan_file_is_said() {
    let house = House::new();
    house.write("large.yaml", vec![b' '; MAX_BYTES + 1]);
    let large = house.run(&["plan", "check", "large.yaml"]).expect(3);
    assert!(large.stderr.starts_with("large.yaml: error[document-too-large]"), "{}", large.stderr);
    for (file, reason) in
        [("missing.yaml", "No such file"), (".", "Is a directory"), ("/dev/zero", "/dev/zero")]
    {
        for arguments in [["plan", "check", file], ["trial", "--plan", file]] {
            let ended = house.run(&arguments).expect(3);
            assert!(ended.stderr.contains(reason), "{}", ended.stderr);
            assert!(ended.stderr.contains(file), "{}", ended.stderr);
        }
    }
    assert!(!house.home().exists());
}

#[test]
fn usage_errors_are_exit_3() {
    let house = House::new();
    for arguments in [
        vec![],
        vec!["sail"],
        vec!["trial", "--fast"],
        vec!["trial", "--seed", "many"],
        vec!["plan"],
        vec!["plan", "check"],
        vec!["receipts", "verify"],
    ] {
        let ended = house.run(&arguments).expect(3);
        assert!(
            ended.stderr.contains("Usage") || ended.stderr.contains("error"),
            "{}",
            ended.all()
        );
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    for arguments in [vec!["--help"], vec!["--version"], vec!["trial", "--help"]] {
        let ended = house.run(&arguments).expect(0);
        assert!(!ended.stdout.is_empty() && ended.stderr.is_empty());
    }
    assert!(!house.home().exists() && !house.state().exists());
}

#[test]
fn a_closed_pipe_is_no_error() {
    let house = House::new();
    let script = format!("{} plan schema | head -c 1", env!("CARGO_BIN_EXE_seaworthy"));
    let mut command = std::process::Command::new("bash");
    command.args(["-o", "pipefail", "-c", &script]).current_dir(house.root());
    Running::start(command).end().expect(0);
}
