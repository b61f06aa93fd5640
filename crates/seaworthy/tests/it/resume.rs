//! Trials that were stopped or killed and are gone on with; profiles and time scales.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex};

use rustix::process::Signal;
use seaworthy_base::Verdict;
use serde_json::Value;

use crate::evidence::Evidence;
use crate::house::{Ended, House, Running, until};
use crate::target::{Reply, Target};

/// A short phase and a longer one, with a flow whose requests say their iteration's index.
fn plan(url: &str, seconds: u32) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: long}}
targets:
  - {{name: api, url: "{url}"}}
flows:
  - name: work
    target: api
    steps:
      - {{name: do, request: "GET /work?n=${{index}}&phase=x", expect: {{status: 200}}, pause: 50ms}}
phases:
  - name: first
    duration: 2s
    load:
      - {{flow: work, executor: constant-arrival-rate, rate: 20, maxVUs: 20}}
  - name: steady
    duration: {seconds}s
    warmup: 2s
    load:
      - {{flow: work, executor: constant-arrival-rate, rate: 40, maxVUs: 40}}
objectives:
  - {{name: errors, metric: http_req_failed, phase: steady, require: rate < 1%}}
  - {{name: fast, metric: response_time, phase: steady, require: p95 < 500ms}}
"#
    )
}

/// A target that remembers what its flow asked it.
fn remembering(status: u16) -> (Target, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let shared = Arc::clone(&asked);
    let target = Target::start(move |request| {
        // It is also asked for metrics, which it has none of.
        if request.path.starts_with("/work") {
            shared.lock().unwrap().push(request.path.clone());
        }
        Reply::text(status, "{}")
    });
    (target, asked)
}

fn resume(house: &House, id: &str) -> Running {
    Running::start(house.command(&["trial", "--resume", id]))
}

fn id(folder: &Path) -> String {
    folder.file_name().unwrap().to_str().unwrap().to_owned()
}

fn progress(folder: &Path) -> Option<Value> {
    serde_json::from_slice(&fs::read(folder.join("progress.json")).ok()?).ok()
}

/// Waits until the last phase is on disk for so many seconds.
fn wait_on_disk(folder: &Path, phase: &str, seconds: f64) {
    until("the phase is on disk", || {
        let Some(progress) = progress(folder) else { return false };
        let last = progress["segments"].as_array().and_then(|all| all.last().cloned());
        last.is_some_and(|last| {
            let at = |field: &str| last[field].as_f64().unwrap();
            last["name"] == phase && at("to") - at("from") >= seconds
        })
    });
}

fn refused(ended: Ended, reason: &str, hint: &str) {
    let ended = ended.expect(3);
    assert!(ended.stderr.contains("[trial-resume]"), "{}", ended.stderr);
    assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    assert!(ended.stderr.contains(hint), "{}", ended.stderr);
}

/// The newest trial, once there are so many.
fn newest(house: &House, count: usize, before: &[String]) -> std::path::PathBuf {
    until("the trial has a folder", || house.trials().len() == count);
    let new = house.trials().into_iter().find(|folder| !before.contains(&id(folder)));
    new.unwrap()
}

/// Every request the target was asked has an index of its own within its phase, and is in the
/// timeline, except for at most those that the trial says were cut off.
fn counts_agree(evidence: &Evidence, target: &Target, unseen: u64) {
    let (measured, asked) = (evidence.total("http_reqs", &[]), target.count("/work"));
    assert!(measured <= asked, "{measured} measured, {asked} asked");
    assert!(measured + unseen >= asked, "{measured} measured, {unseen} cut, {asked} asked");
}

#[test]
fn an_interrupted_trial_goes_on_and_is_judged_over_both_parts() {
    let house = House::new();
    let (target, asked) = remembering(500);
    let text = plan(&target.url(), 44);
    let running = Running::start(house.trial_command(&text));
    // 40 of the first phase, and about half of the second.
    target.wait_for("/work", 40 + 22 * 40);
    let first = id(&house.only_trial());
    refused(house.run(&["trial", "--resume", &first]), "still running", "Ctrl-C");
    running.signal(Signal::INT);
    let stopped = running.end().expect(4);
    assert!(
        stopped.stderr.contains(&format!("seaworthy trial --resume {first}")),
        "{}",
        stopped.stderr
    );
    let before = Evidence::of(&house, &stopped);
    assert_eq!(before.outcome.objectives[0].verdict, Verdict::Inconclusive);

    // Another plan, and one that was changed, are not gone on with.
    house.write("other.yaml", text.replace("44s", "45s"));
    let other = house.run(&["trial", "--resume", &first, "--plan", "other.yaml"]);
    refused(other, "is `duration: 45s`", "--plan");
    let elsewhere = house.run(&["trial", "--resume", &first, "--seed", "7"]).expect(3);
    assert!(elsewhere.stderr.contains("--seed"), "{}", elsewhere.stderr);
    let timeline = before.folder.join("timeline.jsonl");
    let measured = fs::read_to_string(&timeline).unwrap();
    fs::write(&timeline, measured.replacen("\"n\":1", "\"n\":2", 1)).unwrap();
    refused(house.run(&["trial", "--resume", &first]), "does not hold", "new trial");
    fs::write(&timeline, measured).unwrap();
    let count = target.count("/work");
    assert_eq!(house.trials().len(), 1, "a refused trial leaves no folder");

    let ended = resume(&house, &first).end().expect(1);
    assert!(target.count("/work") > count);
    let second = newest(&house, 2, std::slice::from_ref(&first));
    let evidence = Evidence::at(&house, &second, &ended);
    let begun = &evidence.receipts[0]["body"];
    assert_eq!(begun["resumed_from"]["trial"], first.as_str());
    assert_eq!(begun["seed"], before.receipts[0]["body"]["seed"]);
    let seal = before.receipts.last().unwrap();
    assert_eq!(seal["kind"], "seal");
    assert_eq!(begun["resumed_from"]["seal"].as_str().unwrap().len(), 64);
    let names: Vec<&str> =
        evidence.outcome.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["first", "steady", "steady"]);
    assert_eq!(evidence.events_of("trial.resumed").len(), 1);
    let row = evidence.outcome.flows.iter().find(|row| row.phase == "steady").unwrap();
    assert_eq!(evidence.outcome.flows.len(), 2, "a phase in two parts is one row");
    counts_agree(&evidence, &target, row.interrupted);
    // Neither part has the 30 seconds without which nothing fails.
    let errors = &evidence.outcome.objectives[0];
    assert_eq!(errors.verdict, Verdict::Fail, "{}", errors.reason);
    assert!((38..=42).contains(&errors.seconds), "{} of 42 s", errors.seconds);
    let parts = &evidence.outcome.phases[1..];
    for part in parts {
        assert!(part.to_second - part.warmup_until_second < 30.0, "{parts:?}");
    }
    // No iteration has the index of another one; the phases number theirs each from 0.
    let asked = asked.lock().unwrap();
    let steady = &asked[40..];
    assert_eq!(steady.iter().collect::<BTreeSet<_>>().len(), steady.len());

    refused(house.run(&["trial", "--resume", &id(&second)]), "ran to its end", "verdict stands");
    let again = house.run(&["trial", "--resume", &first]);
    refused(again, "went on with it already", &id(&second));
    refused(house.run(&["trial", "--resume", "../trials"]), "no such trial", "folder's name");
}

/// A killed trial whose files are not what it wrote is not gone on with.
fn refuses_damage(house: &House, folder: &Path, timeline: &[u8]) {
    let (path, name) = (folder.join("timeline.jsonl"), id(folder));
    let lines = || timeline.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let middle = lines().count() / 2;
    let end = lines().nth(middle).unwrap().0;
    let mut spoiled = timeline.to_vec();
    spoiled[end - 1] = b'x';
    fs::write(&path, &spoiled).unwrap();
    let said = format!("line {}", middle + 1);
    refused(house.run(&["trial", "--resume", &name]), &said, "from its beginning");
    fs::write(&path, &timeline[..timeline.len() / 50]).unwrap();
    refused(house.run(&["trial", "--resume", &name]), "not there any more", "from its beginning");
    // Opening a pipe would wait for whoever writes into it.
    fs::remove_file(&path).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &path, rustix::fs::Mode::RWXU).unwrap();
    refused(house.run(&["trial", "--resume", &name]), "not a file", "from its beginning");
    fs::remove_file(&path).unwrap();
    fs::write(&path, timeline).unwrap();

    let state = folder.join("progress.json");
    let whole = fs::read_to_string(&state).unwrap();
    let mut bent: Value = serde_json::from_str(&whole).unwrap();
    bent["segments"][1]["flows"][0]["unseen"] = u64::MAX.into();
    fs::write(&state, bent.to_string()).unwrap();
    refused(house.run(&["trial", "--resume", &name]), "counts more", "from its beginning");
    bent["segments"][1]["flows"][0]["unseen"] = 0.into();
    bent["segments"][1]["flows"][0]["flow"] = "stranger".into();
    fs::write(&state, bent.to_string()).unwrap();
    refused(house.run(&["trial", "--resume", &name]), "no flow `stranger`", "begin anew");
    fs::write(&state, whole).unwrap();
}

#[test]
fn a_killed_trial_goes_on_more_than_once_and_uses_no_index_twice() {
    let house = House::new();
    let (target, asked) = remembering(200);
    let running = Running::start(house.trial_command(&plan(&target.url(), 24)));
    target.wait_for("/work", 1);
    let first = house.only_trial();
    wait_on_disk(&first, "steady", 5.0);
    running.kill();
    let left = fs::read(first.join("timeline.jsonl")).unwrap();
    refuses_damage(&house, &first, &left);
    // As if the power had failed: what was written last never came to the disk, and it ends in the
    // middle of a line. What is lost is measured again.
    let left = &left[..left.len() * 3 / 4];
    fs::write(first.join("timeline.jsonl"), left).unwrap();
    let killed_at = asked.lock().unwrap().len();

    let running = resume(&house, &id(&first));
    target.wait_for("/work", killed_at as u64 + 1);
    let second = newest(&house, 2, &[id(&first)]);
    wait_on_disk(&second, "steady", 6.0);
    running.signal(Signal::TERM);
    let stopped = running.end().expect(4);
    let before = Evidence::at(&house, &second, &stopped);
    let receipt = &before.receipts[0]["body"]["resumed_from"];
    assert_eq!(receipt["trial"], id(&first).as_str());
    assert_eq!(receipt["seal"], "not sealed: killed");

    let ended = resume(&house, &id(&second)).end().expect(2);
    let third = newest(&house, 3, &[id(&first), id(&second)]);
    let evidence = Evidence::at(&house, &third, &ended);
    assert_eq!(evidence.receipts[0]["body"]["resumed_from"]["trial"], id(&second).as_str());
    let names: Vec<&str> =
        evidence.outcome.phases.iter().map(|phase| phase.name.as_str()).collect();
    assert_eq!(names, ["first", "steady", "steady", "steady"]);
    for objective in &evidence.outcome.objectives {
        // What is not judged are the parts of seconds at each end.
        assert!((17..=22).contains(&objective.seconds), "{} of 22 s", objective.seconds);
    }
    // What lay on disk is taken over line by line.
    let taken = fs::read(third.join("timeline.jsonl")).unwrap();
    let whole = left.iter().rposition(|byte| *byte == b'\n').unwrap();
    assert!(taken.starts_with(&left[..whole]));
    let lost = |note: &&seaworthy_report::outcome::Note| note.text.contains("measured and lost");
    let lost: Vec<_> = evidence.outcome.notes.iter().filter(lost).collect();
    let [lost] = &lost[..] else { panic!("{:?}", evidence.outcome.notes) };
    assert!(lost.text.contains("phase `steady`"), "{}", lost.text);
    let resources =
        |note: &&seaworthy_report::outcome::Note| note.text.contains("since the resume");
    assert_eq!(evidence.outcome.notes.iter().filter(resources).count(), 1);
    // What the kill took is not in the timeline: up to 7 s of it, what was cut off it, and what was
    // in flight.
    let cut = evidence.outcome.phases[2].from_second - evidence.outcome.phases[1].to_second;
    assert!(cut > 2.0, "{cut} s between the segments");
    counts_agree(&evidence, &target, 40 * 18);
    let asked = asked.lock().unwrap();
    let mut seen = BTreeSet::new();
    let twice: Vec<_> =
        asked[40..].iter().enumerate().filter(|(_, path)| !seen.insert(*path)).collect();
    assert!(twice.is_empty(), "{killed_at} were asked before the kill, then again: {twice:?}");
    assert_eq!(evidence.events_of("trial.resumed").len(), 2);
}

#[test]
fn a_profile_in_a_hundredth_of_its_time() {
    let house = House::new();
    let (target, _) = remembering(200);
    house.write(
        "plan.yaml",
        plan(&target.url(), 24).replace("phase: steady, require: p95", "require: p95"),
    );
    let ended = house
        .run(&["trial", "plan.yaml", "--profile", "baseline", "--time-scale", "0.01", "--json"])
        .expect(2);
    let evidence = Evidence::of(&house, &ended);
    let warning = "objective `errors` speaks of phase `steady`";
    assert!(
        ended.stderr.contains(warning) && ended.stderr.contains("[plan-profile]"),
        "{}",
        ended.stderr
    );
    let names: Vec<&str> =
        evidence.outcome.objectives.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(names, ["fast"]);
    let [phase] = &evidence.outcome.phases[..] else { panic!("{:?}", evidence.outcome.phases) };
    assert_eq!(phase.name, "baseline");
    assert!((phase.to_second - phase.from_second - 6.0).abs() < 1e-6, "{phase:?}");
    assert!((phase.warmup_until_second - phase.from_second - 0.1).abs() < 1e-6, "{phase:?}");
    let begun = &evidence.receipts[0]["body"];
    assert_eq!((&begun["profile"], &begun["timeScale"]), (&"baseline".into(), &0.01.into()));
    assert!(evidence.outcome.notes.iter().any(|note| note.text.contains("1/100 of its length")));
    assert_eq!(progress(&evidence.folder).unwrap()["timeScale"], 0.01);
    let users = evidence.timeline.select("vus", &Default::default());
    assert_eq!(users.series()[0].1.slots.values().map(|slot| slot.max as u64).max(), Some(100));

    let short = house.run(&["trial", "plan.yaml", "--time-scale", "0.001"]).expect(3);
    assert!(short.stderr.contains("[plan-time-scale]"), "{}", short.stderr);
    for (flag, value, said) in [
        ("--time-scale", "0", "above 0"),
        ("--time-scale", "nan", "above 0"),
        ("--profile", "soap", "soak"),
    ] {
        let wrong = house.run(&["trial", "plan.yaml", flag, value]).expect(3);
        assert!(wrong.stderr.contains(said), "{}", wrong.stderr);
    }
}
