//! Trials whose load is a k6 script: counted, judged, sealed; refused at the check; stopped by the
//! script; and silent about secrets.

use std::fs;

use seaworthy_base::Verdict;

use crate::evidence::Evidence;
use crate::house::{Ended, House, Running};
use crate::target::{Reply, Target};

const LIBRARY: &str = r#"export function api(path) { return __ENV.BASE + path; }
"#;

const SCRIPT: &str = r#"import http from 'k6/http';
import { check, sleep } from 'k6';
import { api } from './lib/api.js';

export const options = {
  scenarios: {
    arrive: { executor: 'constant-arrival-rate', rate: 20, duration: '3s', preAllocatedVUs: 4, exec: 'work' },
    steady: { executor: 'constant-vus', vus: 2, duration: '3s', exec: 'look' },
  },
  thresholds: {
    http_req_duration: ['p(95)<2000'],
    http_req_failed: ['rate<0.1'],
    'checks{scenario:arrive}': ['rate>0.5'],
    iteration_duration: ['avg<60000'],
  },
};

export function setup() {
  console.log('set up once');
  return { path: '/work' };
}

export function work(data) {
  const answer = http.get(api(data.path), { tags: { name: 'work' } });
  check(answer, { 'it is well': (r) => r.status === 200 });
}

export function look() {
  http.get(api('/look'), { tags: { name: 'look' } });
  sleep(0.05);
}
"#;

fn plan(url: &str, rest: &str) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: scripted}}
targets:
  - {{name: api, url: "{url}"}}
phases:
  - name: steady
    script: load.js
{rest}
"#
    )
}

fn house(script: &str) -> House {
    let house = House::new();
    house.write("load.js", script);
    fs::create_dir(house.root().join("lib")).unwrap();
    house.write("lib/api.js", LIBRARY);
    house
}

fn willing() -> Target {
    Target::start(|_| Reply::text(200, r#"{"ok": true}"#))
}

#[test]
fn a_scripts_load_ends_in_a_signed_verdict() {
    let (house, target) = (house(SCRIPT), willing());
    let rest = format!(
        r#"    env: {{BASE: "{}"}}
objectives:
  - {{name: fast, metric: response_time, tags: {{flow: arrive, step: work}}, require: p95 < 2s}}"#,
        target.url()
    );
    let ended = house.trial(&plan(&target.url(), &rest)).expect(2);
    let evidence = Evidence::of(&house, &ended);
    assert_eq!(target.count("/work"), 60, "20 a second for three seconds");
    for (path, flow) in [("/work", "arrive"), ("/look", "steady")] {
        let counted = target.count(path);
        let tags = [("flow", flow), ("phase", "steady")];
        for metric in ["http_reqs", "http_req_failed", "http_req_duration", "response_time"] {
            assert_eq!(evidence.total(metric, &tags), counted, "{metric} of {flow}");
        }
        let row = evidence.outcome.flows.iter().find(|row| row.name == flow).unwrap();
        assert!(row.requests > 0 && row.requests <= counted, "{row:?}");
        assert_eq!(row.open_model, flow == "arrive");
    }
    let names: Vec<&str> =
        evidence.outcome.objectives.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "fast",
            "checks{scenario:arrive}: rate>0.5",
            "http_req_duration: p(95)<2000",
            "http_req_failed: rate<0.1",
            "iteration_duration: avg<60000",
        ]
    );
    for threshold in &evidence.outcome.objectives[1..] {
        assert_eq!(threshold.verdict, Verdict::Inconclusive, "{threshold:?}");
        assert!(threshold.k6.as_ref().unwrap().starts_with("passes ("), "{threshold:?}");
        assert!(threshold.n > 0 && threshold.needs.is_some(), "{threshold:?}");
    }
    let checks = &evidence.outcome.objectives[1];
    assert_eq!((checks.n, checks.measurement.unwrap().n), (60, 60));
    assert!(checks.subject.contains("of flow arrive"), "{}", checks.subject);
    let latency = &evidence.outcome.objectives[2];
    let all = target.count("/work") + target.count("/look");
    assert_eq!((latency.statement.as_str(), latency.n), ("p95 < 2s", all));
    assert!(latency.observed.is_some(), "{latency:?}");
    assert!(evidence.outcome.objectives[4].reason.contains("not judged"));
    // Where k6 passes and we cannot tell, one line says both.
    let notes = &evidence.outcome.notes;
    assert!(notes.iter().any(|note| note.text.contains("passes by k6's rule")), "{notes:?}");

    let started = evidence.receipts.iter().find(|one| one["kind"] == "trial.started").unwrap();
    let files = started["body"]["scripts"][0]["files"].as_array().unwrap();
    let hashed = |path: &str, text: &str| {
        let sha256 = seaworthy_ledger::sha256(text.as_bytes());
        files.iter().any(|file| file["path"] == path && file["sha256"] == sha256.as_str())
    };
    assert!(hashed("load.js", SCRIPT) && hashed("lib/api.js", LIBRARY), "{files:?}");
    let log = fs::read_to_string(evidence.folder.join("logs/steady+script.log")).unwrap();
    assert_eq!(log.matches("set up once").count(), 1, "{log}");
}

#[test]
fn a_threshold_that_is_surely_missed_fails_the_trial() {
    let script = SCRIPT.replace("'3s'", "'34s'");
    let house = house(&script);
    let target = Target::start(|_| Reply::text(500, "{}"));
    let rest = format!("    env: {{BASE: \"{}\"}}", target.url());
    let ended = house.trial(&plan(&target.url(), &rest)).expect(1);
    let evidence = Evidence::of(&house, &ended);
    let verdict = |name: &str| {
        let objective = evidence.outcome.objectives.iter().find(|one| one.name == name).unwrap();
        (objective.verdict, objective.k6.as_ref().unwrap().starts_with("fails"))
    };
    assert_eq!(verdict("http_req_failed: rate<0.1"), (Verdict::Fail, true));
    assert_eq!(verdict("checks{scenario:arrive}: rate>0.5"), (Verdict::Fail, true));
}

/// What is wrong with a script or its phase is said before anything is started.
fn refused(script: &str, rest: &str, wanted: &[&str]) {
    let house = house(script);
    house.write("plan.yaml", plan("http://127.0.0.1:1", rest));
    let said = house.run(&["plan", "check", "plan.yaml"]).expect(3).all();
    for words in wanted {
        assert!(said.contains(words), "`{words}` is not in\n{said}");
    }
    let ended = house.trial(&plan("http://127.0.0.1:1", rest)).expect(3);
    assert!(house.trials().is_empty(), "{}", ended.all());
}

#[test]
fn what_is_wrong_with_a_script_is_said_at_its_place() {
    const SOUND: &str = "export const options = { vus: 1, duration: '5s', thresholds: { checks: ['rate>0.9'] } };\nexport default function () {}\n";
    let env = "    env: {BASE: x}";
    refused(
        "export default function () {\n  const = 1;\n}\n",
        env,
        &["load.js:2:9", "plan-script"],
    );
    refused(
        "import http from 'k6/http';\nimport x from './nowhere.js';\nexport default function () {}\n",
        env,
        &["load.js:2:", "nowhere.js"],
    );
    refused("export default function () {}\nnull.x;\n", env, &["load.js:2:", "plan-script"]);
    let unknown = SOUND.replace("checks:", "http_req_duraton:");
    refused(&unknown, env, &["load.js:1:", "plan-threshold", "did you mean `http_req_duration`?"]);
    refused(&SOUND.replace("rate>0.9", "rate>ninety"), env, &["load.js:1:", "plan-threshold"]);
    refused(SOUND, "    duration: 2s", &["plan.yaml:9:", "plan-phase", "takes up to 5s"]);
    refused(SOUND, "    env: {BASE: \"${nobody}\"}", &["plan.yaml:9:", "nobody"]);
    refused(
        SOUND,
        "objectives:\n  - {name: o, metric: checks, tags: {flow: defualt}, require: rate > 9%}",
        &["plan.yaml:10:", "did you mean `default`?"],
    );
    refused(
        "export const options = { vus: 1, duration: '5s' };\nexport default function () {}\n",
        env,
        &["plan-empty", "no objectives"],
    );
    refused(
        SOUND,
        "    options: {vus: 2, iterations: 1, stages: [{duration: 1s, target: 2}]}",
        &[],
    );
    let house = House::new();
    house.write("plan.yaml", plan("http://127.0.0.1:1", env));
    let said = house.run(&["plan", "check", "plan.yaml"]).expect(3).all();
    assert!(said.contains("plan.yaml:8:13") && said.contains("load.js"), "{said}");
}

#[test]
fn a_script_has_its_own_length_and_load() {
    let house = house(SCRIPT);
    let target = willing();
    let rest = format!("    env: {{BASE: \"{}\"}}", target.url());
    let text = plan(&target.url(), &rest);
    let mut command = house.trial_command(&text);
    command.args(["--time-scale", "0.5"]);
    let said = Running::start(command).end().expect(3).all();
    assert!(said.contains("plan-time-scale"), "{said}");
    let mut command = house.trial_command(&text);
    command.arg("--find-capacity=steady");
    let said = Running::start(command).end().expect(3).all();
    assert!(said.contains("whose load is its own"), "{said}");
}

/// A script with one function, run for half a minute unless something ends it.
fn ended_by(body: &str, thresholds: &str, code: i32) -> (House, Ended) {
    let script = format!(
        "import exec from 'k6/execution';\nimport {{ sleep, check }} from 'k6';\nexport const options = {{ vus: 1, duration: '2s', thresholds: {thresholds} }};\nexport default function () {{ sleep(0.02); {body} }}\n"
    );
    let (house, target) = (house(&script), willing());
    let ended = house.trial(&plan(&target.url(), "")).expect(code);
    (house, ended)
}

#[test]
fn a_script_that_ends_its_run_ends_the_trial() {
    let checks = "{ checks: ['rate>0.5'] }";
    let (house, ended) =
        ended_by("check(1, {a: () => true}); exec.test.abort('enough');", checks, 4);
    let evidence = Evidence::of(&house, &ended);
    let why = evidence.outcome.interrupted.clone().unwrap();
    assert!(why.contains("ended its run: test aborted: enough"), "{why}");
    assert_eq!(evidence.events_of("script.aborted").len(), 1);
    assert!(!ended.all().contains("--resume"), "{}", ended.all());
    let id = evidence.outcome.trial.id.clone();
    let home = house.home();
    let resumed =
        house.run(&["trial", "--resume", &id, "--folder", home.to_str().unwrap()]).expect(3);
    assert!(resumed.all().contains("is not begun in its middle"), "{}", resumed.all());

    let crossed = "{ checks: [{ threshold: 'rate>0.5', abortOnFail: true }] }";
    let (house, ended) = ended_by("check(1, {a: () => false});", &crossed.replace("2s", "60s"), 4);
    let evidence = Evidence::of(&house, &ended);
    assert_eq!(evidence.events_of("threshold.crossed").len(), 1);
    assert_eq!(evidence.outcome.objectives[0].verdict, Verdict::Inconclusive);
    assert!(evidence.outcome.objectives[0].k6.as_ref().unwrap().starts_with("fails"));
}

#[test]
fn a_script_that_says_it_failed_does_not_pass() {
    let (house, ended) =
        ended_by("exec.test.fail('that is wrong');", "{ checks: ['rate>0.5'] }", 1);
    let evidence = Evidence::of(&house, &ended);
    let said = evidence.outcome.objectives.last().unwrap();
    assert_eq!((said.name.as_str(), said.verdict), ("test.fail in phase steady", Verdict::Fail));
    assert!(said.reason.contains("that is wrong"), "{}", said.reason);
}

#[test]
fn a_setup_that_throws_says_where() {
    let script = format!("{SCRIPT}\n").replace("console.log('set up once');", "null.x;");
    let (house, target) = (house(&script), willing());
    let rest = format!("    env: {{BASE: \"{}\"}}", target.url());
    let ended = house.trial(&plan(&target.url(), &rest)).expect(3);
    let evidence = Evidence::of(&house, &ended);
    let why = evidence.outcome.interrupted.clone().unwrap();
    assert!(why.contains("load.js:19:"), "{why}");
    assert_eq!(target.count("/work"), 0);
}

#[test]
fn a_script_tells_no_secret() {
    const SECRET: &str = "MARKsecret-1/MARK";
    let script = r#"import http from 'k6/http';
import { check } from 'k6';
export const options = { vus: 1, iterations: 3, thresholds: { checks: ['rate>0.5'] } };
export default function () {
  console.log('it is ' + __ENV.KEY);
  http.get(__ENV.BASE + '/work?key=' + encodeURIComponent(__ENV.KEY));
  check(1, { ['knows ' + __ENV.KEY]: () => true });
  throw new Error('cannot bear ' + __ENV.KEY);
}
"#;
    let (house, target) = (house(script), willing());
    let rest = format!(
        "    env: {{BASE: \"{}\", KEY: \"${{key}}\"}}\nsecrets: {{key: {{env: SHIP_KEY}}}}",
        target.url()
    );
    let mut command = house.trial_command(&plan(&target.url(), &rest));
    command.env("SHIP_KEY", SECRET);
    let ended = Running::start(command).end().expect(2);
    let evidence = Evidence::of(&house, &ended);
    assert!(evidence.outcome.notes.iter().any(|note| note.text.contains("cannot bear [redacted]")));
    assert!(!ended.all().contains("MARK"), "{}", ended.all());
    for path in House::files(&evidence.folder) {
        let bytes = fs::read(&path).unwrap();
        let found = bytes.windows(4).any(|part| part == b"MARK");
        assert!(!found, "{} tells it", path.display());
    }
}
