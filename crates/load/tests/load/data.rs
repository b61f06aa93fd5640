//! Rows of data files as iterations get them, over real sockets and from real files.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::service::{Service, ok};

const MINUTE: Duration = Duration::from_secs(60);

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let rows: String = (0..6).map(|row| format!("u{row},\"p a{row}\"\n")).collect();
    std::fs::write(folder.path().join("users.csv"), format!("\u{feff}name,pass\n{rows}")).unwrap();
    std::fs::write(folder.path().join("cases.json"), r#"[{"q": {"n": 1}}, {"q": {"n": [2]}}]"#)
        .unwrap();
    folder
}

/// A plan whose flow `f` names the row it has in its path.
fn plan(data: &str, load: &str) -> String {
    format!(
        "data: [{{name: users, file: users.csv, {data}}}]
load: [{{flow: f, {load}}}]
flows: [{{name: f, target: service, steps: [{{name: s, request: 'GET /${{vu}}/${{users.name}}'}}]}}]"
    )
}

#[tokio::test]
async fn a_unique_row_is_used_once_and_its_end_is_said() {
    let service = Service::start(|_, _| ok("{}")).await;
    let folder = folder();
    let yaml = plan("per: unique", "executor: constant-vus, vus: 3");
    // Without rows the virtual users go home: nothing waits for the phase's minute to pass.
    let done = service.trial(&yaml, MINUTE, folder.path()).run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!((load.completed, load.requests, load.failed_iterations), (6, 6, 0));
    let rows: BTreeSet<String> = service
        .asked()
        .iter()
        .map(|asked| asked.line.rsplit('/').next().unwrap().to_owned())
        .collect();
    assert_eq!(rows.len(), 6);
    assert_eq!(done.count("iterations_without_row", &[("data", "users"), ("flow", "f")]), 3);
    let said = &load.failures[0];
    assert_eq!((said.code.as_str(), said.count), ("out_of_rows", 3));
    assert_eq!(said.example, "the data file of `users` has no row left");
}

#[tokio::test]
async fn arrivals_without_a_row_are_counted_each() {
    let service = Service::start(|_, _| ok("{}")).await;
    let folder = folder();
    let load = "executor: constant-arrival-rate, rate: 100, duration: 100ms, maxVUs: 2";
    let yaml = plan("per: iteration, onEnd: stop", load);
    let done = service.trial(&yaml, MINUTE, folder.path()).run_for_real().await;
    assert_eq!(done.report.loads[0].completed, 6);
    assert_eq!(done.count("iterations_without_row", &[]), 4);
    let mut rows: Vec<String> = service
        .asked()
        .iter()
        .map(|asked| asked.line.rsplit('/').next().unwrap().to_owned())
        .collect();
    rows.sort();
    assert_eq!(rows, ["u0", "u1", "u2", "u3", "u4", "u5"]);
}

#[tokio::test]
async fn rows_begin_anew_and_virtual_users_have_their_own() {
    let service = Service::start(|_, _| ok("{}")).await;
    let folder = folder();
    let load = "executor: per-vu-iterations, vus: 1, iterations: 8";
    service.trial(&plan("per: iteration", load), MINUTE, folder.path()).run_for_real().await;
    let last: Vec<String> = service.asked().into_iter().skip(5).map(|asked| asked.line).collect();
    assert_eq!(last, ["GET /1/u5", "GET /1/u0", "GET /1/u1"]);

    let service = Service::start(|_, _| ok("{}")).await;
    let load = "executor: per-vu-iterations, vus: 8, iterations: 3";
    service.trial(&plan("per: vu", load), MINUTE, folder.path()).run_for_real().await;
    for (vu, row) in [(1, 0), (2, 1), (6, 5), (7, 0), (8, 1)] {
        assert_eq!(service.count(&format!("GET /{vu}/u{row}")), 3, "{vu}");
    }

    let service = Service::start(|_, _| ok("{}")).await;
    let load = "executor: per-vu-iterations, vus: 1, iterations: 200";
    service.trial(&plan("per: random", load), MINUTE, folder.path()).run_for_real().await;
    for row in 0..6 {
        let count = service.count(&format!("GET /1/u{row}"));
        assert!((10..=60).contains(&count), "row {row} came {count} times of 200");
    }
}

#[tokio::test]
async fn cells_are_written_for_their_place_and_values_keep_their_types() {
    let service = Service::start(|_, _| ok("{}")).await;
    let folder = folder();
    let yaml = r#"
data: [{name: users, file: users.csv}, {name: cases, file: cases.json}]
load: [{flow: f, executor: per-vu-iterations, vus: 1, iterations: 2}]
flows:
  - name: f
    target: service
    variables: [{name: greeting, value: "hi ${users.name}"}]
    steps:
      - name: s
        request: POST /${users.pass}
        headers: {X-User: "${users.pass}"}
        body: {row: "${users}", text: "<${users.pass}>", n: "${cases.q.n}", hi: "${greeting}"}
"#;
    let done = service.trial(yaml, MINUTE, folder.path()).run_for_real().await;
    assert_eq!(done.report.loads[0].failures, []);
    let asked = service.asked();
    assert_eq!(asked[0].line, "POST /p%20a0");
    assert_eq!(asked[0].header("x-user"), Some("p a0"));
    let first = r#"{"hi":"hi u0","n":1,"row":{"name":"u0","pass":"p a0"},"text":"<p a0>"}"#;
    let body = |text: String| serde_json::from_str::<serde_json::Value>(&text).unwrap();
    assert_eq!(body(asked[0].text()), body(first.to_owned()));
    assert_eq!(body(asked[1].text())["n"], serde_json::json!([2]));
}
