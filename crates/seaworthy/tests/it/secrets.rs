//! What is secret is in no file of a trial's folder, whoever says it: targets, answers, errors.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::json;

use crate::evidence::Evidence;
use crate::house::{Ended, House, Running};
use crate::target::{Asked, Reply, Target};

/// Secrets whose marks survive every kind of escaping.
const FROM_FILE: &str = r#"MARKfile1-"quoted"\back<angle>&amp; MARKfile2"#;
const FROM_ENVIRONMENT: &str = "MARKenv1-ünïcode/+=%25-MARKenv2";
const SHORT: &str = "MARKs7";
const EXTRACTED: &str = "MARKtoken1.\"a\\b\"<c>.MARKtoken2";
const TYPED: &str = "MARKtyped1-in-a-header";
const MARK: &[u8] = b"MARK";

/// Repeats everything that it is told.
fn echo(asked: &Asked) -> Reply {
    let said: Vec<&String> = asked.headers.values().collect();
    let body = String::from_utf8_lossy(&asked.body);
    Reply::json(
        200,
        &json!({"token": EXTRACTED, "path": asked.path, "said": said, "body": body,
                "plain": [FROM_FILE, FROM_ENVIRONMENT, SHORT, TYPED]}),
    )
}

fn plan(target: &Target) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: secrets}}
secrets:
  from_file: {{file: "${{plan}}/secret.txt"}}
  basic: {{file: "${{plan}}/secret.txt", basicUser: admin}}
  from_environment: {{env: SHIP_SECRET}}
  short: {{env: SHIP_SHORT}}
targets:
  - {{name: api, url: "{url}"}}
  - name: talker
    # Says what it knows on both its streams, as a careless service does.
    command: [sh, -c, 'cat "$1/secret.txt"; echo "$API_TOKEN" >&2; env; exec "$0" hub serve --role identity', "${{seaworthy}}", "${{plan}}"]
    environment:
      API_TOKEN: {TYPED}
      SEAWORTHY_HUB_DATA: ${{scratch}}/hub
      SEAWORTHY_HUB_IDENTITY: 127.0.0.1:${{port.talker}}
    url: http://127.0.0.1:${{port.talker}}
    ready: {{path: /live}}
setup:
  - name: sign in
    target: api
    steps:
      - name: login
        request: POST /login
        headers: {{Authorization: "Basic ${{basic}}", X-Api-Key: {TYPED}}}
        body: {{password: "${{from_environment}}", other: "${{from_file}}"}}
        extract: {{token: $.token}}
flows:
  - name: work
    target: api
    steps:
      - name: do
        request: POST /do/${{from_environment}}/${{token}}?key=${{from_file}}
        headers: {{X-Api-Key: {TYPED}, X-Short: "${{short}}"}}
        body: {{file: "${{from_file}}", env: "${{from_environment}}", token: "${{token}}", short: "${{short}}"}}
        expect: {{status: 200, json: {{"$.token": "${{from_file}}", "$.said": "${{token}}"}}}}
        extract: {{missing: $.not.there}}
phases:
  - name: steady
    duration: 1s
    load:
      - {{flow: work, executor: constant-vus, vus: 1}}
objectives:
  - {{name: errors, metric: http_req_failed, require: rate < 1%}}
"#,
        url = target.url(),
    )
}

fn run(house: &House, text: &str) -> Ended {
    house.write("secret.txt", FROM_FILE);
    let mut command = house.trial_command(text);
    command.env("SHIP_SECRET", FROM_ENVIRONMENT).env("SHIP_SHORT", SHORT);
    Running::start(command).end()
}

/// Where a mark of any secret is found, with what stands around it: one for each file.
fn leaks(folder: &Path, ended: &Ended) -> Vec<String> {
    // A finding shows the line of the user's own plan to the user.
    let stderr = ended.stderr.replace(TYPED, "");
    let mut places: Vec<(String, Vec<u8>)> =
        vec![("stdout".into(), ended.stdout.clone().into()), ("stderr".into(), stderr.into())];
    for file in House::files(folder) {
        let name = file.strip_prefix(folder).unwrap().display().to_string();
        places.push((name, fs::read(&file).unwrap()));
    }
    let mut leaks = Vec::new();
    for (place, bytes) in places {
        let found: Vec<usize> =
            (0..bytes.len()).filter(|at| bytes[*at..].starts_with(MARK)).collect();
        for at in found.iter().take(3) {
            let around = &bytes[at.saturating_sub(40)..bytes.len().min(at + 40)];
            let around = String::from_utf8_lossy(around);
            leaks.push(format!("{place}, {} times: {around}", found.len()));
        }
    }
    leaks
}

#[test]
fn no_secret_is_in_any_file_of_a_trial() {
    let house = House::new();
    let target = Target::start(echo);
    let ended = run(&house, &plan(&target)).expect(2);
    assert!(target.count("/login") == 1);
    let evidence = Evidence::of(&house, &ended);
    // They were really used, and really said.
    assert!(evidence.total("http_reqs", &[]) > 0);
    let log = fs::read_to_string(evidence.folder.join("logs/talker.log")).unwrap();
    assert!(log.contains("[redacted]"), "{log}");
    assert!(!log.contains("SHIP_SECRET="), "targets do not inherit secrets:\n{log}");
    let leaks = leaks(&evidence.folder, &ended);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
    // Nor is the Basic credential, which holds one.
    let basic = {
        use base64::Engine;
        base64::engine::general_purpose::STANDARD.encode(format!("admin:{}", FROM_FILE.trim()))
    };
    for file in House::files(&evidence.folder) {
        let bytes = fs::read(&file).unwrap();
        let found = bytes.windows(basic.len()).any(|window| window == basic.as_bytes());
        assert!(!found, "{}", file.display());
    }
}

#[test]
fn no_secret_is_in_what_a_failing_setup_says() {
    for padding in [0, 250, 270, 280, 285, 290, 295] {
        let house = House::new();
        // The excerpt of the body that errors show ends somewhere, perhaps within a secret.
        let target = Target::start(move |_| {
            let said = format!("{FROM_FILE}{FROM_ENVIRONMENT}{TYPED}{SHORT}");
            Reply::json(500, &json!({"padding": "x".repeat(padding), "said": said}))
        });
        let ended = run(&house, &plan(&target)).expect(3);
        let folder = house.only_trial();
        assert!(ended.stdout.contains("login"), "{}", ended.stdout);
        let leaks = leaks(&folder, &ended);
        assert!(leaks.is_empty(), "padding {padding}:\n{}", leaks.join("\n"));
    }
}

#[test]
fn no_secret_is_in_the_log_of_a_target_that_never_got_ready() {
    let house = House::new();
    let target = Target::start(echo);
    // It ends before setup begins, which is when secrets are read.
    let text = plan(&target).replace("exec \"$0\" hub serve --role identity", "exit 1");
    let ended = run(&house, &text).expect(3);
    assert!(ended.stdout.contains("ended before it was ready"), "{}", ended.stdout);
    let leaks = leaks(&house.only_trial(), &ended);
    assert!(leaks.is_empty(), "{}", leaks.join("\n"));
}

#[test]
fn a_secret_that_cannot_be_read_is_named_without_its_content() {
    let house = House::new();
    let target = Target::start(echo);
    let text = plan(&target).replace("/secret.txt\"}", "/no-such-secret\"}");
    let ended = run(&house, &text).expect(3);
    assert!(ended.stdout.contains("from_file") && ended.stdout.contains("no-such-secret"));
    assert_eq!(target.count("/login"), 0);
    assert_eq!(house.trials().len(), 1);
    // The folder of a trial is for its owner: what targets log may be anybody's data.
    let mode = fs::metadata(house.only_trial()).unwrap().permissions().mode();
    assert_eq!(mode & 0o022, 0, "{mode:o}");
}
