//! A trial that is stopped, killed, or never gets going: what it started is gone, what it measured is
//! kept, and why is said.

use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::sync::Mutex;
use std::sync::mpsc::channel;

use rustix::process::{Pid, Signal, kill_process};
use seaworthy_base::Verdict;
use seaworthy_process::journal;

use crate::evidence::Evidence;
use crate::house::{House, Running, until};
use crate::target::{Reply, Target};
use crate::trial::{plan, willing};

/// The short plan with a target that is started, and starts a process of its own.
pub(crate) fn started(target: &Target, duration: &str) -> String {
    let identity = r#"targets:
  - name: identity
    command: [sh, -c, 'sleep 1000 & exec "$0" hub serve --role identity', "${seaworthy}"]
    environment: {SEAWORTHY_HUB_DATA: "${scratch}/hub", SEAWORTHY_HUB_IDENTITY: "127.0.0.1:${port.identity}"}
    url: http://127.0.0.1:${port.identity}
    ready: {path: /ready}
"#;
    plan(&target.url(), duration).replace("targets:\n", identity)
}

/// A plan whose only target runs this shell script.
fn scripted(script: &str, ready: &str) -> String {
    plan("http://127.0.0.1:${port.api}", "1s").replace(
        "  - {name: api, url: \"http://127.0.0.1:${port.api}\"}\n",
        &format!(
            "  - name: api\n    command: [sh, -c, '{script}', \"${{seaworthy}}\", \"${{port.api}}\"]\n    \
             url: http://127.0.0.1:${{port.api}}\n    ready: {ready}\n"
        ),
    )
}

/// The tokens that everything the house's trials started carries in its environment.
pub(crate) fn tokens(house: &House) -> BTreeSet<String> {
    let mut tokens = BTreeSet::new();
    for path in House::files(&house.home().join("undo")) {
        for entry in journal::read(&path).unwrap().entries {
            if let journal::Change::Process { token, .. } = entry.change {
                tokens.insert(token.as_str().to_owned());
            }
        }
    }
    tokens
}

/// Processes that carry one of the tokens.
pub(crate) fn alive(tokens: &BTreeSet<String>) -> Vec<u32> {
    let marks: Vec<Vec<u8>> =
        tokens.iter().map(|token| format!("SEAWORTHY_UNDO={token}").into_bytes()).collect();
    let pids = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let pid: u32 = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let environment = fs::read(format!("/proc/{pid}/environ")).ok()?;
        let ours =
            environment.split(|byte| *byte == 0).any(|one| marks.iter().any(|mark| mark == one));
        ours.then_some(pid)
    });
    pids.collect()
}

/// What is left in the scratch folder.
pub(crate) fn scratch(house: &House) -> Vec<std::path::PathBuf> {
    let listed = fs::read_dir(house.home().join("scratch")).unwrap();
    listed.map(|entry| entry.unwrap().path()).collect()
}

fn signal(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

#[test]
fn an_interrupted_trial_keeps_and_seals_what_it_measured() {
    for asked in [Signal::INT, Signal::TERM] {
        let (house, target) = (House::new(), willing());
        let text = started(&target, "300s")
            + "teardown:\n  - name: clean\n    target: api\n    steps: [{name: up, request: DELETE /mess}]\n";
        let running = Running::start(house.trial_command(&text));
        target.wait_for("/work", 60);
        let tokens = tokens(&house);
        assert!(alive(&tokens).len() >= 2, "the target and the process it started");
        running.signal(asked);
        let ended = running.end().expect(4);
        assert_eq!(alive(&tokens), Vec::<u32>::new());
        assert!(scratch(&house).is_empty());
        assert!(House::files(&house.home().join("undo")).is_empty(), "nothing is left to undo");
        assert!(ended.stderr.contains("stopping"), "{}", ended.stderr);
        assert_eq!(target.count("/mess"), 1, "teardown is done also when interrupted");

        let evidence = Evidence::of(&house, &ended);
        for objective in &evidence.outcome.objectives {
            assert_eq!(objective.verdict, Verdict::Inconclusive);
            assert!(objective.reason.contains("did not run to its end"), "{}", objective.reason);
        }
        let measured = evidence.total("http_reqs", &[("flow", "work")]);
        assert!(measured >= 50 && measured <= target.count("/work"), "{measured}");
        let work = evidence.outcome.flows.iter().find(|row| row.name == "work").unwrap();
        assert!(work.requests > 0);
        let identity = evidence.outcome.targets.iter().find(|one| one.name == "identity").unwrap();
        assert!(identity.ended.starts_with("stopped when asked"), "{}", identity.ended);
        assert_eq!(evidence.events_of("trial.ended").len(), 1);
    }
}

#[test]
fn a_second_interrupt_ends_it_at_once_and_the_watchdog_cleans_up() {
    let house = House::new();
    let (hold, held) = channel::<()>();
    let held = Mutex::new(held);
    let target = Target::start(move |asked| {
        if asked.path == "/mess" {
            held.lock().unwrap().recv().unwrap_err();
        }
        Reply::text(200, r#"{"ok": true}"#)
    });
    let text = started(&target, "300s")
        + "teardown:\n  - name: clean\n    target: api\n    steps: [{name: up, request: DELETE /mess, timeout: 1h}]\n";
    let running = Running::start(house.trial_command(&text));
    target.wait_for("/work", 20);
    running.signal(Signal::INT);
    target.wait_for("/mess", 1);
    let tokens = tokens(&house);
    running.signal(Signal::INT);
    let ended = running.end().expect(4);
    drop(hold);
    assert!(ended.stderr.contains("nothing was sealed"), "{}", ended.stderr);
    let folder = house.only_trial();
    house.run(&["receipts", "verify", folder.to_str().unwrap()]).expect(1);
    until("the targets are gone", || alive(&tokens).is_empty());
    until("the scratch folder is gone", || scratch(&house).is_empty());
}

#[test]
fn an_interrupted_setup_ends_at_once() {
    let house = House::new();
    let (hold, held) = channel::<()>();
    let held = Mutex::new(held);
    // Its answer does not come as long as the test runs.
    let target = Target::start(move |_| {
        held.lock().unwrap().recv().unwrap_err();
        Reply::text(200, "{}")
    });
    let text = started(&target, "300s").replace(
        "flows:\n",
        "setup:\n  - name: fill\n    target: api\n    steps: [{name: put, request: PUT /slow, timeout: 1h}]\nflows:\n",
    );
    let running = Running::start(house.trial_command(&text));
    target.wait_for("/slow", 1);
    let tokens = tokens(&house);
    running.signal(Signal::INT);
    let ended = running.end().expect(4);
    drop(hold);
    assert_eq!(alive(&tokens), Vec::<u32>::new());
    let evidence = Evidence::of(&house, &ended);
    assert_eq!(evidence.total("http_reqs", &[]), 0);
    assert!(evidence.outcome.objectives.iter().all(|objective| objective.n == 0));
}

#[test]
fn an_interrupted_wait_for_readiness_ends_at_once() {
    let house = House::new();
    let text = scripted("echo waiting; exec sleep 1000", "{within: 1h}");
    let running = Running::start(house.trial_command(&text));
    running.wait_said("==> starting targets");
    until("the target is started", || {
        house.home().join("undo").is_dir() && !alive(&tokens(&house)).is_empty()
    });
    let tokens = tokens(&house);
    running.signal(Signal::INT);
    let ended = running.end().expect(4);
    assert_eq!(alive(&tokens), Vec::<u32>::new());
    Evidence::of(&house, &ended);
}

#[test]
fn the_watchdog_cleans_up_after_a_killed_trial() {
    let (house, target) = (House::new(), willing());
    // One of its processes does not listen when it is asked to end.
    let text = started(&target, "300s")
        .replace("'sleep 1000 &", "'(trap \"\" TERM; while :; do sleep 1000; done) &");
    let running = Running::start(house.trial_command(&text));
    target.wait_for("/work", 20);
    let tokens = tokens(&house);
    assert!(alive(&tokens).len() >= 2);
    assert_eq!(scratch(&house).len(), 1);
    running.kill();
    until("the targets are gone", || alive(&tokens).is_empty());
    until("the scratch folder is gone", || scratch(&house).is_empty());
    // The trial was never sealed, and the audit says so without calling it a fraud.
    let audit = house.run(&["receipts", "audit"]);
    let name = house.only_trial().file_name().unwrap().to_str().unwrap().to_owned();
    assert!(audit.stdout.contains("unsealed") && audit.stdout.contains(&name), "{}", audit.stdout);
    let folder = house.only_trial();
    let ended = house.run(&["receipts", "verify", folder.to_str().unwrap()]).expect(1);
    assert!(ended.stdout.contains("seal"), "{}", ended.stdout);
    // The next trial is not hindered.
    let ended = house.trial(&plan(&target.url(), "1s")).expect(2);
    assert!(!ended.stderr.contains("left:"), "{}", ended.stderr);
    assert!(House::files(&house.home().join("undo")).is_empty());
}

#[test]
fn heal_cleans_up_when_the_watchdog_was_killed_too() {
    for by_next_trial in [false, true] {
        let (house, target) = (House::new(), willing());
        let running = Running::start(house.trial_command(&started(&target, "300s")));
        target.wait_for("/work", 20);
        let tokens = tokens(&house);
        let journal = House::files(&house.home().join("undo"))[0].clone();
        // A trial that runs is left alone.
        let ended = house.run(&["heal"]).expect(0);
        assert!(ended.stdout.contains("nothing is left"), "{}", ended.stdout);
        assert!(!alive(&tokens).is_empty());

        signal(watchdog(running.pid()), Signal::KILL);
        running.kill();
        assert!(!alive(&tokens).is_empty(), "nobody is there to stop them");
        if by_next_trial {
            let ended = house.trial(&plan(&target.url(), "1s")).expect(2);
            assert!(ended.stderr.contains("left by an earlier trial"), "{}", ended.stderr);
        } else {
            let ended = house.run(&["heal"]).expect(0);
            assert!(ended.stdout.contains("undone"), "{}", ended.stdout);
        }
        assert_eq!(alive(&tokens), Vec::<u32>::new());
        assert!(scratch(&house).is_empty() && !journal.exists());
        let again = house.run(&["heal"]).expect(0);
        assert!(again.stdout.contains("nothing is left"), "{}", again.stdout);
    }
}

/// The watchdog that a trial started.
fn watchdog(trial: u32) -> u32 {
    let is_it = |pid: u32| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let words = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        status.contains(&format!("PPid:\t{trial}\n"))
            && words.split(|byte| *byte == 0).any(|word| word == b"watchdog")
    };
    let pids = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.into_iter().find(|pid| is_it(*pid)).expect("the trial has a watchdog")
}

#[test]
fn a_target_that_never_gets_ready_is_told_with_the_end_of_its_log() {
    let house = House::new();
    let script =
        "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do echo line-$n.; done; exec sleep 1000";
    let ended = house.trial(&scripted(script, "{path: /ready, within: 1s}")).expect(3);
    for line in ["`api`", "not ready within 1s", "line-15.", "line-4."] {
        assert!(ended.stdout.contains(line), "{line}:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains("line-3."), "only the end:\n{}", ended.stdout);
    let evidence = Evidence::of(&house, &ended);
    assert_eq!(evidence.events_of("target.failed").len(), 1);
    assert!(evidence.outcome.interrupted.as_ref().unwrap().contains("line-15."));
    assert!(scratch(&house).is_empty());
}

#[test]
fn a_target_that_answers_wrongly_is_never_ready() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(503, "{}"));
    let text = plan(&target.url(), "1s").replace(
        &format!("url: \"{}\"", target.url()),
        &format!("url: \"{}\", ready: {{path: /ready, within: 1s}}", target.url()),
    );
    let ended = house.trial(&text).expect(3);
    assert!(ended.stdout.contains("503"), "{}", ended.stdout);
    assert!(target.count("/ready") >= 1 && target.count("/work") == 0);
    Evidence::of(&house, &ended);
}

#[test]
fn a_target_that_ends_at_once_is_told_with_its_exit() {
    for (script, exit) in [("echo boom >&2; exit 7", "7"), ("echo boom; kill -9 $$", "9")] {
        let house = House::new();
        let ended = house.trial(&scripted(script, "{within: 30s}")).expect(3);
        for word in ["`api`", "ended before it was ready", exit, "boom"] {
            assert!(ended.stdout.contains(word), "{word}:\n{}", ended.stdout);
        }
        Evidence::of(&house, &ended);
    }
}

#[test]
fn a_program_that_is_not_there_is_said() {
    let house = House::new();
    let text = scripted("true", "{within: 30s}").replace("[sh, -c,", "[no-such-program, -c,");
    let ended = house.trial(&text).expect(3);
    assert!(ended.stdout.contains("no-such-program"), "{}", ended.stdout);
    Evidence::of(&house, &ended);
    let house = House::new();
    let text = scripted("true", "{within: 30s}")
        .replace("    ready:", "    folder: not/there\n    ready:");
    let ended = house.trial(&text).expect(3);
    assert!(ended.stdout.contains("not/there"), "{}", ended.stdout);
    Evidence::of(&house, &ended);
}

#[test]
fn a_port_in_use_is_said() {
    let house = House::new();
    // Somebody listens there already, and never answers.
    let occupant = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = occupant.local_addr().unwrap().port();
    let text = occupied(port);
    let ended = house.trial(&text).expect(3);
    assert!(ended.stdout.to_lowercase().contains("in use"), "{}", ended.stdout);
    assert!(ended.stdout.contains(&port.to_string()), "{}", ended.stdout);
    Evidence::of(&house, &ended);
}

#[test]
fn a_stranger_on_the_targets_port_is_not_taken_for_the_target() {
    let house = House::new();
    let stranger = willing();
    let ended = house.trial(&occupied(stranger.port())).expect(3);
    assert_eq!(stranger.count("/work"), 0, "the load went to a process that is not on trial");
    Evidence::of(&house, &ended);
}

/// A plan whose target is told to listen on this port.
fn occupied(port: u16) -> String {
    scripted(
        &format!("SEAWORTHY_HUB_IDENTITY=127.0.0.1:{port} SEAWORTHY_HUB_DATA=data exec \"$0\" hub serve --role identity"),
        "{path: /live, within: 30s}",
    )
    .replace("http://127.0.0.1:${port.api}", &format!("http://127.0.0.1:{port}"))
}

#[test]
fn a_target_killed_during_the_phase_is_an_event_and_the_trial_ends() {
    let (house, target) = (House::new(), willing());
    let text = started(&target, "6s").replace(
        "    target: api\n    steps:\n      - {name: look, request: GET /look, expect: {status: 200, json: {\"$.ok\": true}}",
        "    target: identity\n    steps:\n      - {name: look, request: GET /live, expect: {status: 200}",
    );
    let running = Running::start(house.trial_command(&text));
    target.wait_for("/work", 60);
    let serving = |pid: &u32| {
        fs::read_to_string(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|words| words.contains("hub\0serve"))
    };
    let all = alive(&tokens(&house));
    signal(*all.iter().find(|pid| serving(pid)).unwrap(), Signal::KILL);
    let ended = running.end().expect(2);
    assert_eq!(target.count("/work"), 240, "the rest of the load goes on");
    let evidence = Evidence::of(&house, &ended);
    let exited = evidence.events_of("target.exited");
    assert_eq!(exited.len(), 1, "{:?}", evidence.events);
    assert_eq!(exited[0].subject, "identity");
    assert!(ended.stderr.contains("ended by itself"), "{}", ended.stderr);
    let identity = &evidence.outcome.targets[0];
    let words = &identity.ended;
    assert!(words.contains("by itself during the trial") && words.contains('9'), "{words}");
    assert!(evidence.outcome.notes.iter().any(|note| note.text.contains("connection_refused")));
    let of = |status| [("flow", "browse"), ("status", status)];
    assert!(evidence.total("http_reqs", &of("error:connection_refused")) > 0);
    assert!(evidence.total("http_reqs", &of("200")) > 0, "what was before is kept");
    assert_eq!(alive(&tokens(&house)), Vec::<u32>::new());
}

#[test]
fn a_failing_setup_step_is_named() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(418, "short and stout"));
    let text = started(&target, "1s").replace(
        "flows:\n",
        "setup:\n  - name: make tea\n    target: api\n    repeat: 3\n    steps: [{name: pour, request: POST /tea, expect: {status: 201}}]\nflows:\n",
    );
    let ended = house.trial(&text).expect(3);
    for word in ["make tea", "pour", "418", "201", "short and stout"] {
        assert!(ended.stdout.contains(word), "{word}:\n{}", ended.stdout);
    }
    assert_eq!(target.count("/work"), 0);
    let evidence = Evidence::of(&house, &ended);
    let identity = evidence.outcome.targets.iter().find(|one| one.name == "identity").unwrap();
    assert!(identity.ended.starts_with("stopped when asked"), "{}", identity.ended);
    assert!(scratch(&house).is_empty());
}

#[test]
fn a_failing_teardown_is_a_warning() {
    let house = House::new();
    let target = Target::start(|asked| match asked.path.as_str() {
        "/mess" => Reply::text(500, "stuck"),
        _ => Reply::text(200, r#"{"ok": true}"#),
    });
    let text = plan(&target.url(), "1s")
        + "teardown:\n  - name: clean\n    target: api\n    steps: [{name: sweep, request: DELETE /mess}]\n";
    let ended = house.trial(&text).expect(2);
    let evidence = Evidence::of(&house, &ended);
    assert_eq!(evidence.outcome.interrupted, None);
    let notes = &evidence.outcome.notes;
    assert!(notes.iter().any(|note| note.text.contains("sweep")), "{notes:?}");
}

#[test]
fn a_target_that_will_not_stop_is_killed() {
    let (house, target) = (House::new(), willing());
    let text = started(&target, "1s")
        .replace("'sleep 1000 &", "'trap \"\" TERM; sleep 1000 &")
        .replace("    ready: {path: /ready}", "    stopWithin: 1s\n    ready: {path: /ready}");
    let ended = house.trial(&text).expect(2);
    let evidence = Evidence::of(&house, &ended);
    let identity = evidence.outcome.targets.iter().find(|one| one.name == "identity").unwrap();
    assert!(identity.ended.contains("killed after 1s"), "{}", identity.ended);
}
