//! What tasks ask of answers, and what they take out of them.

use serde_json::json;

use crate::{import, said, user};

fn step(tasks: &str) -> (seaworthy_load::spec::Step, Vec<(String, u32)>) {
    let text = user(tasks);
    let (plan, _, findings) = import("locustfile.py", &text);
    let codes = said(&findings).into_iter().map(|(code, line)| (code.to_owned(), line));
    let codes = codes.filter(|(code, _)| code != "locust-no-shape").collect();
    (plan.flows[0].steps[0].clone(), codes)
}

fn body(check: &str) -> String {
    let check: String = check.lines().map(|line| format!("        {line}\n")).collect();
    format!(
        "@task\ndef a(self):\n    with self.client.get(\"/\", catch_response=True) as r:\n{check}"
    )
}

#[test]
fn statuses_are_expected() {
    let statuses = |check: &str| {
        let (step, codes) = step(&body(check));
        let status = step.expect.status.map(|status| status.value.0);
        (status.unwrap_or_default(), codes)
    };
    let fails = "if r.status_code != 201:\n    r.failure('no')\n";
    assert_eq!(statuses(fails), (vec![(201, 201)], vec![]));
    let succeeds = "if r.status_code in (200, 404):\n    r.success()\nelse:\n    r.failure('no')\n";
    assert_eq!(statuses(succeeds), (vec![(200, 200), (404, 404)], vec![]));
    let allows = "if r.status_code == 404:\n    r.success()\n";
    assert_eq!(statuses(allows).0, [(200, 299), (300, 399), (404, 404)]);
    assert_eq!(statuses("assert r.status_code == 204\n").0, [(204, 204)]);
    assert_eq!(statuses("if not r.ok:\n    r.failure('no')\n"), (vec![], vec![]));
    let mirrored = "if 200 != r.status_code:\n    raise Exception('no')\n";
    assert_eq!(statuses(mirrored).0, [(200, 200)]);
    assert_eq!(statuses("if r.status_code >= 300:\n    r.failure('no')\n").0, [(200, 299)]);
    let (status, codes) = statuses("if r.status_code == 500:\n    r.failure('no')\n");
    assert_eq!((status.len(), codes), (0, vec![("locust-expectation".to_owned(), 13)]));
}

#[test]
fn json_and_headers_are_expected() {
    let checks = "if r.json()[\"state\"] != \"ready\":\n    r.failure('no')\n\
                  elif r.json().get(\"items\")[0][\"odd key\"] != 3:\n    r.failure('no')\n\
                  elif \"token\" not in r.json():\n    r.failure('no')\n\
                  elif r.headers[\"X-Kind\"] != \"a\":\n    r.failure('no')\n\
                  else:\n    r.success()\n";
    let (step, codes) = step(&body(checks));
    assert_eq!(codes, []);
    let expected: Vec<(&str, serde_json::Value)> =
        step.expect.json.iter().map(|(path, value)| (path.as_str(), value.value.clone())).collect();
    assert_eq!(expected, [("$.items[0][\"odd key\"]", json!(3)), ("$.state", json!("ready"))]);
    assert_eq!(*step.expect.headers["X-Kind"], "a");
    assert!(step.extract.contains_key("token"), "a value that must be there is extracted");
}

#[test]
fn what_cannot_be_asked_is_said() {
    for check in [
        "if \"Welcome\" not in r.text:\n    r.failure('no')\n",
        "if r.elapsed.total_seconds() > 0.5:\n    r.failure('slow')\n",
        "if r.json()[\"n\"] < 3:\n    r.failure('few')\n",
    ] {
        let (_, codes) = step(&body(check));
        assert_eq!(codes, [("locust-expectation".to_owned(), 13)], "{check}");
    }
}

#[test]
fn values_go_from_answer_to_request() {
    let text = user(
        "def on_start(self):\n    made = self.client.post(\"/sessions\", json={})\n    self.session = made.json()[\"session\"][\"id\"]\n    self.client.headers[\"X-Trace\"] = made.headers[\"X-Trace\"]\n\n\
         @task\ndef a(self):\n    found = self.client.get(f\"/sessions/{self.session}/items\")\n    first = found.json()[\"items\"][0]\n    self.client.delete(f\"/items/{first['id']}\", json={\"note\": first[\"note\"], \"n\": first[\"n\"]})\n",
    );
    let (plan, _, _) = import("locustfile.py", &text);
    let flow = plan.flow("a");
    let extracted: Vec<&String> = flow.start[0].extract.keys().collect();
    assert_eq!(extracted, ["X_Trace", "session"]);
    assert_eq!(plan.requests("a"), ["GET /sessions/${session}/items", "DELETE /items/${id}"]);
    let extracted: Vec<&String> = flow.steps[0].extract.keys().collect();
    assert_eq!(extracted, ["id", "n", "note"]);
    assert_eq!(*flow.steps[1].headers["X-Trace"], "${X_Trace}");
    assert_eq!(flow.steps[1].body.as_ref().unwrap().value["n"], "${n}");
}

#[test]
fn the_branch_of_success_is_followed() {
    let text = user(
        "@task\ndef a(self):\n    r = self.client.get(\"/\")\n    if r.status_code == 200:\n        self.client.get(\"/more\")\n    if r.status_code != 200:\n        return\n    if not r.ok:\n        self.client.get(\"/repair\")\n    self.client.get(\"/last\")\n",
    );
    let (plan, _, findings) = import("locustfile.py", &text);
    assert_eq!(plan.requests("a"), ["GET /", "GET /more", "GET /last"]);
    let branches: Vec<_> =
        said(&findings).into_iter().filter(|(code, _)| *code == "locust-branch").collect();
    assert_eq!(branches, [("locust-branch", 17)], "the repair is left out, and said");
}

#[test]
fn redirects_that_are_not_followed_are_answers() {
    let (step, _) =
        step("@task\ndef a(self):\n    self.client.get(\"/\", allow_redirects=False)\n");
    assert_eq!(step.expect.status.unwrap().value.0, [(200, 299), (300, 399)]);
    assert!(step.redirects.is_none());
}
