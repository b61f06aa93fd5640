//! `seaworthy trial --find-capacity` against a server whose capacity is known.

use std::sync::Mutex;
use std::time::Duration;

use seaworthy_base::Verdict;
use seaworthy_report::capacity::Rate;

use crate::evidence::Evidence;
use crate::house::{House, Running};
use crate::http::PATIENCE;
use crate::target::{Reply, Target};
use crate::trial::willing;

fn plan(url: &str) -> String {
    format!(
        r#"apiVersion: seaworthy.dev/v1
kind: Trial
metadata: {{name: edge}}
targets:
  - {{name: api, url: "{url}"}}
flows:
  - {{name: work, target: api, steps: [{{name: do, request: GET /work}}]}}
phases:
  - name: steady
    duration: 10s
    load: [{{flow: work, executor: constant-arrival-rate, rate: 20, maxVUs: 50}}]
objectives:
  - {{name: fast, metric: response_time, require: p95 < 500ms}}
  - {{name: errors, metric: http_req_failed, require: rate < 1%}}
  - {{name: pace, metric: iterations, require: throughput > 19/s}}
"#
    )
}

#[test]
fn the_edge_of_a_server_that_does_one_thing_at_a_time_is_found() {
    // Ten milliseconds for each request, one after another: a hundred a second and no more.
    let one_at_a_time = Mutex::new(());
    let target = Target::start(move |_| {
        let _turn = one_at_a_time.lock().unwrap();
        std::thread::park_timeout(Duration::from_millis(10));
        Reply::text(200, "done")
    });
    let plan = plan(&target.url());
    let search = || {
        let house = House::new();
        let mut command = house.trial_command(&plan);
        command.args(["--find-capacity", "--probe", "3s"]);
        command.args(["--precision", "50%", "--max-factor", "32"]);
        let ended = Running::start(command).end_within(15 * PATIENCE);
        // The phase is too short for a verdict; the probes have lengths of their own.
        assert!(!ended.stderr.contains("plan-undecidable"), "{}", ended.stderr);
        (Evidence::of(&house, &ended), ended)
    };
    let was_limit =
        |evidence: &Evidence| evidence.outcome.capacity.as_ref().unwrap().ended == "generatorLimit";
    let (mut evidence, mut ended) = search();
    if was_limit(&evidence) {
        (evidence, ended) = search();
    }
    let capacity = evidence.outcome.capacity.as_ref().unwrap();
    let rate = |rate: &Option<Rate>| rate.as_ref().map(|rate| (rate.factor, rate.per_second));
    let (holds, breaks) = (rate(&capacity.holds), rate(&capacity.breaks));
    assert!(holds.is_none_or(|(_, holds)| holds < 101.0), "{capacity:#?}");
    // On a machine that is busy with other tests the generator may be too late to tell, twice: then
    // it says by how much.
    if was_limit(&evidence) {
        let late = |because: &str| because.contains("the load generator was late by ");
        assert!(capacity.probes.iter().any(|probe| late(&probe.because)), "{capacity:#?}");
    } else {
        let ((_, holds), (_, breaks)) = (holds.unwrap(), breaks.unwrap());
        assert_eq!((ended.code, capacity.ended.as_str()), (Some(0), "found"), "{capacity:#?}");
        assert!(holds < breaks && breaks <= holds * 1.5001, "{capacity:#?}");
        assert!(capacity.gave_way.as_ref().unwrap().contains('`'), "{capacity:#?}");
        assert!(ended.stdout.contains("the capacity lies between"), "{}", ended.stdout);
    }
    // Only what was judged is claimed, and each probe is a phase of its own.
    let judged = |verdict| {
        let full = capacity.probes.iter().filter(|probe| probe.full_length);
        full.filter(|probe| probe.verdict == Some(verdict)).map(|probe| probe.rate.factor).collect()
    };
    let (passed, failed): (Vec<f64>, Vec<f64>) = (judged(Verdict::Pass), judged(Verdict::Fail));
    assert!(holds.is_none_or(|(factor, _)| passed.contains(&factor)), "{capacity:#?}");
    assert!(breaks.is_none_or(|(factor, _)| failed.contains(&factor)), "{capacity:#?}");
    assert_eq!(evidence.outcome.phases.len(), capacity.probes.len());
    for (probe, phase) in capacity.probes.iter().zip(&evidence.outcome.phases) {
        assert_eq!(probe.phase, phase.name);
        assert_eq!(probe.verdict.is_some(), probe.full_length);
    }
    let decided = evidence.events.iter().filter(|event| event.kind == "capacity.decided");
    assert_eq!(decided.count(), capacity.probes.len());
    assert!(
        evidence.receipts.iter().any(|receipt| receipt.to_string().contains("capacity.searched"))
    );
}

#[test]
fn what_cannot_be_searched_is_refused_with_a_hint() {
    let (house, target) = (House::new(), willing());
    let refused = |plan: &str, arguments: &[&str], said: &str| {
        let mut command = house.trial_command(plan);
        command.args(arguments);
        let ended = Running::start(command).end().expect(3);
        assert!(ended.stderr.contains(said), "{arguments:?}: {}", ended.all());
    };
    let plan = plan(&target.url());
    refused(&plan, &["--find-capacity=stedy"], "did you mean `steady`?");
    refused(&plan, &["--find-capacity", "--probe", "1s"], "2s or longer");
    refused(&plan, &["--find-capacity", "--precision", "10"], "write a percentage");
    refused(&plan, &["--find-capacity", "--precision", "0.1%"], "0.5% to 100%");
    refused(&plan, &["--find-capacity", "--max-factor", "0.5"], "1 to 10000");
    refused(&plan, &["--probe", "5s"], "--find-capacity");
}

#[test]
fn a_search_that_is_stopped_keeps_what_it_has() {
    let (house, target) = (House::new(), willing());
    let mut command = house.trial_command(&plan(&target.url()));
    command.args(["--find-capacity", "--probe", "2s"]);
    let running = Running::start(command);
    running.wait_said("capacity-2: short probe");
    running.signal(rustix::process::Signal::INT);
    let ended = running.end().expect(4);
    let evidence = Evidence::of(&house, &ended);
    let capacity = evidence.outcome.capacity.as_ref().unwrap();
    assert_eq!(capacity.ended, "stopped");
    assert_eq!((capacity.probes.len(), &capacity.holds), (1, &None));
}
