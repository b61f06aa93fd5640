//! Short trials against a real target: what is counted, what is concluded, what is kept secret, and
//! how it is told.

use std::process::Command;

use seaworthy_base::Verdict;
use serde_json::Value;

use crate::evidence::Evidence;
use crate::house::{House, Running};
use crate::target::{Reply, Target};

/// A plan of two flows, open and closed, against a target that runs already.
pub(crate) fn plan(url: &str, duration: &str) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: short, description: A short trial.}}
targets:
  - {{name: api, url: "{url}"}}
flows:
  - name: work
    target: api
    steps:
      - {{name: do, request: "GET /work?n=${{index}}", expect: {{status: 200}}}}
  - name: browse
    target: api
    steps:
      - {{name: look, request: GET /look, expect: {{status: 200, json: {{"$.ok": true}}}}, pause: 20ms}}
phases:
  - name: steady
    duration: {duration}
    load:
      - {{flow: work, executor: constant-arrival-rate, rate: 40, preAllocatedVUs: 5, maxVUs: 20}}
      - {{flow: browse, executor: constant-vus, vus: 2}}
objectives:
  - {{name: fast, metric: response_time, tags: {{flow: work}}, require: p95 < 500ms}}
  - {{name: errors, metric: http_req_failed, require: rate < 1%}}
  - {{name: pace, metric: iterations, tags: {{flow: work}}, require: throughput > 30/s}}
  - {{name: right, metric: checks, require: rate > 99%}}
"#
    )
}

/// A target that answers every path as the plan expects.
pub(crate) fn willing() -> Target {
    Target::start(|_| Reply::text(200, r#"{"ok": true}"#))
}

#[test]
fn counts_equal_the_targets_own_and_a_short_trial_is_inconclusive() {
    let (house, target) = (House::new(), willing());
    let ended = house.trial(&plan(&target.url(), "3s")).expect(2);
    let evidence = Evidence::of(&house, &ended);
    for (path, flow) in [("/work", "work"), ("/look", "browse")] {
        let counted = target.count(path);
        assert!(counted > 0);
        let tags = [("flow", flow), ("phase", "steady")];
        for metric in ["http_reqs", "http_req_failed", "http_req_duration", "response_time"] {
            assert_eq!(evidence.total(metric, &tags), counted, "{metric} of {flow}");
        }
        // The verdict speaks of the whole seconds of the phase: not of the one it began in.
        let from = evidence.outcome.phases[0].from_second.ceil() as u32;
        let judged = evidence.outcome.flows.iter().find(|row| row.name == flow).unwrap();
        assert_eq!(judged.requests, evidence.total_from("http_reqs", &tags, from));
        assert!(judged.requests > 0 && judged.requests <= counted);
        assert_eq!((judged.failed, judged.dropped, judged.interrupted), (0, 0, 0));
    }
    // 40 a second for three seconds, whatever the machine does: arrivals are never skipped.
    assert_eq!(target.count("/work"), 120);
    let fast = &evidence.outcome.objectives[0];
    assert_eq!(
        fast.n,
        evidence.outcome.flows.iter().find(|row| row.name == "work").unwrap().requests
    );
    for objective in &evidence.outcome.objectives {
        assert_eq!(objective.verdict, Verdict::Inconclusive, "{}", objective.name);
        assert!(objective.needs.is_some(), "{}", objective.name);
    }
}

#[test]
fn a_target_that_fails_every_request_fails_the_trial() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(500, r#"{"ok": false}"#));
    let ended = house.trial(&plan(&target.url(), "34s")).expect(1);
    let evidence = Evidence::of(&house, &ended);
    let verdict = |name: &str| {
        let objective = evidence.outcome.objectives.iter().find(|one| one.name == name).unwrap();
        (objective.verdict, objective.measurement.unwrap().value)
    };
    assert_eq!(verdict("errors"), (Verdict::Fail, 1.0));
    assert_eq!(verdict("right").0, Verdict::Fail);
    assert_eq!(evidence.outcome.verdict, Verdict::Fail);
    let work = evidence.outcome.flows.iter().find(|row| row.name == "work").unwrap();
    assert_eq!(work.failed, work.requests);
    assert!(ended.stdout.contains("FAIL"), "{}", ended.stdout);
    assert!(evidence.outcome.notes.iter().any(|note| note.text.contains("500")));
}

#[test]
fn a_target_that_hangs_up_is_measured_as_it_is() {
    let house = House::new();
    let target = Target::start(|_| Reply::hang_up());
    let ended = house.trial(&plan(&target.url(), "2s")).expect(2);
    let evidence = Evidence::of(&house, &ended);
    let closed = [("flow", "work"), ("status", "error:connection_closed")];
    assert_eq!(evidence.total("http_reqs", &closed), 80);
    assert_eq!(evidence.total("http_reqs", &[("flow", "work")]), 80);
    assert_eq!(evidence.total("response_time", &[("flow", "work")]), 80);
}

#[test]
fn in_a_pipe_progress_is_plain_lines_on_stderr() {
    let (house, target) = (House::new(), willing());
    let ended = house.trial(&plan(&target.url(), "2s")).expect(2);
    assert!(!ended.all().contains('\u{1b}'), "{}", ended.all());
    assert!(!ended.all().contains('\r'), "{}", ended.all());
    for stage in ["==> starting targets", "==> under load", "==> judging"] {
        assert!(ended.stderr.lines().any(|line| line == stage), "{}", ended.stderr);
    }
    assert!(ended.stderr.lines().any(|line| line.contains("requests/s")), "{}", ended.stderr);
    assert!(!ended.stdout.contains("requests/s,"), "{}", ended.stdout);
}

#[test]
fn json_is_all_there_is_on_stdout() {
    let (house, target) = (House::new(), willing());
    let mut command = house.trial_command(&plan(&target.url(), "1s"));
    command.arg("--json");
    let ended = Running::start(command).end().expect(2);
    let verdict: Value = serde_json::from_str(&ended.stdout).unwrap();
    assert_eq!(verdict["verdict"], "inconclusive");
    Evidence::of(&house, &ended);
}

#[test]
fn no_color_holds_on_a_terminal() {
    let (house, target) = (House::new(), willing());
    house.write("plan.yaml", plan(&target.url(), "1s"));
    let trial = format!("{} trial --plan plan.yaml", env!("CARGO_BIN_EXE_seaworthy"));
    let run = |no_color: bool| {
        // `script` of util-linux gives the command a terminal of its own.
        let mut command = Command::new("script");
        command.args(["-qec", &trial, "/dev/null"]).current_dir(house.root());
        command.env("SEAWORTHY_STATE", house.state()).env("SEAWORTHY_FOLDER", house.home());
        command.env("TERM", "xterm-256color").env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        Running::start(command).end().expect(2).stdout
    };
    // Select graphic rendition: ESC [ numbers m. Moving the cursor is no colour.
    let coloured = |text: &str| {
        text.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';')
                .starts_with('m')
        })
    };
    assert!(coloured(&run(false)));
    let plain = run(true);
    assert!(!coloured(&plain), "{plain:?}");
    assert!(plain.contains("INCONCLUSIVE"), "{plain}");
}

#[test]
fn a_seed_repeats_what_is_drawn() {
    use std::sync::{Arc, Mutex};
    let drawn: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&drawn);
    let target = Target::start(move |asked| {
        if asked.method == "POST" {
            seen.lock().unwrap().push(String::from_utf8(asked.body.clone()).unwrap());
        }
        Reply::text(200, r#"{"ok": true}"#)
    });
    let text = plan(&target.url(), "1s").replace(
        r#"request: "GET /work?n=${index}","#,
        r#"request: POST /work, body: {n: "${index}", pick: "${pick}"},"#,
    );
    let text = text.replacen(
        "    target: api\n    steps:",
        "    target: api\n    variables: [{name: pick, random: [0, 1000000000]}]\n    steps:",
        1,
    );
    let run = |seed: &str| {
        let house = House::new();
        let mut command = house.trial_command(&text);
        command.args(["--seed", seed]);
        Running::start(command).end().expect(2);
        let mut drawn = std::mem::take(&mut *drawn.lock().unwrap());
        drawn.sort();
        drawn
    };
    let first = run("7");
    assert_eq!(first.len(), 40);
    assert_eq!(first, run("7"));
    assert_ne!(first, run("8"));
}
