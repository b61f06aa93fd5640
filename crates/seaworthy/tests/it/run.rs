//! `seaworthy run` as a k6 user runs it: exit codes, flags, sources of options, signals.

use std::io::Write;
use std::process::Stdio;

use rustix::process::Signal;
use serde_json::Value;

use crate::house::{Ended, House, Running};

/// Runs a script with these flags.
pub(crate) fn run(house: &House, script: &str, flags: &[&str]) -> Ended {
    house.write("script.js", script);
    let words: Vec<&str> =
        ["run", "-q"].iter().chain(flags).chain(&["script.js"]).copied().collect();
    house.run(&words)
}

/// What the script said on its console, a line each.
pub(crate) fn console(ended: &Ended) -> Vec<String> {
    let lines = ended.stderr.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let own = lines.filter(|line| line["source"] == "console");
    own.map(|line| line["msg"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn exit_codes_are_k6s() {
    let house = House::new();
    let body = "export default function () {}";
    let exec = "import exec from 'k6/execution';";
    let crossed = "import { Rate } from 'k6/metrics'; const r = new Rate('lost_ships'); \
        export const options = { thresholds: { lost_ships: ['rate<0.5'] } };";
    let slow = "import { sleep } from 'k6'; export const options =";
    let cases = [
        (0, body.to_owned(), ""),
        (0, "export default function () { throw new Error('leak'); }".to_owned(), "leak"),
        (99, format!("{crossed} export default function () {{ r.add(true); }}"), "lost_ships"),
        (
            100,
            format!(
                "{slow} {{ setupTimeout: '200ms' }}; export function setup() {{ sleep(9); }} {body}"
            ),
            "setup()",
        ),
        (
            101,
            format!(
                "{slow} {{ teardownTimeout: '200ms' }}; export function teardown() {{ sleep(9); }} {body}"
            ),
            "teardown()",
        ),
        (104, format!("export const options = {{ vus: 'many' }}; {body}"), "vus"),
        (
            104,
            format!("export const options = {{ thresholds: {{ no_metric: ['rate<1'] }} }}; {body}"),
            "no_metric",
        ),
        (
            104,
            format!(
                "export const options = {{ scenarios: {{ a: {{ executor: 'per-vu-iterations', exec: 'nobody' }} }} }}; {body}"
            ),
            "nobody",
        ),
        (107, "export default function () {".to_owned(), "script.js:1:"),
        (107, format!("throw new Error('storm'); {body}"), "storm"),
        (107, format!("import 'k6/harbour'; {body}"), "k6/harbour"),
        (107, format!("import './not_there.js'; {body}"), "not_there.js"),
        (
            107,
            format!("export function setup() {{ throw new Error('no pilot'); }} {body}"),
            "no pilot",
        ),
        (
            107,
            format!("export function teardown() {{ throw new Error('no port'); }} {body}"),
            "no port",
        ),
        (
            108,
            format!("{exec} export default function () {{ exec.test.abort('enough'); }}"),
            "enough",
        ),
        (108, format!("{exec} exec.test.abort('at once'); {body}"), "at once"),
        (110, format!("{exec} export default function () {{ exec.test.fail('leaky'); }}"), "leaky"),
        // What the script said goes before thresholds.
        (
            110,
            format!(
                "{exec} {crossed} export default function () {{ r.add(true); exec.test.fail('both'); }}"
            ),
            "both",
        ),
        (255, "export const nothing = 1;".to_owned(), "exports no functions"),
    ];
    for (code, script, said) in cases {
        let ended = run(&house, &script, &[]).expect(code);
        assert!(ended.stderr.contains(said), "{script}: `{said}` is not said:\n{}", ended.stderr);
    }
    house.run(&["run", "no_such_file.js"]).expect(255);
    house.run(&["run", "--no-such-flag", "script.js"]).expect(255);
    run(&house, body, &["--vus", "many"]).expect(255);
    run(&house, body, &["--vus", "-3"]).expect(104);
    house.run(&["run"]).expect(255);
}

#[test]
fn a_threshold_that_aborts_ends_the_run_early() {
    let house = House::new();
    let script = "import { Counter } from 'k6/metrics'; import { sleep } from 'k6';
        const c = new Counter('leaks');
        export const options = { duration: '5m',
            thresholds: { leaks: [{ threshold: 'count<1', abortOnFail: true }] } };
        export default function () { c.add(1); sleep(0.05); }";
    let ended = run(&house, script, &[]).expect(99);
    assert!(
        ended.stderr.contains("leaks") && ended.stderr.contains("abortOnFail"),
        "{}",
        ended.stderr
    );
}

#[test]
fn later_sources_go_before_earlier_ones() {
    let house = House::new();
    let script = "import exec from 'k6/execution';
        export const options = { iterations: 2 };
        export default function () { console.log(exec.test.options.scenarios.default.iterations); }";
    let iterations = |flags: &[&str], variable: Option<&str>| {
        house.write("script.js", script);
        let words: Vec<&str> = ["run", "-q", "--log-format", "json"]
            .iter()
            .chain(flags)
            .chain(&["script.js"])
            .copied()
            .collect();
        let mut command = house.command(&words);
        if let Some(value) = variable {
            command.env("K6_ITERATIONS", value);
        }
        console(&Running::start(command).end().expect(0)).len()
    };
    house.write("config.json", r#"{ "iterations": 7 }"#);
    assert_eq!(iterations(&[], None), 2);
    assert_eq!(iterations(&["--config", "config.json"], None), 2);
    assert_eq!(iterations(&[], Some("3")), 3);
    assert_eq!(iterations(&["-i", "4"], Some("3")), 4);
    // A script's variable is no option.
    assert_eq!(iterations(&["-e", "K6_ITERATIONS=9"], None), 2);
    let ended = house.run(&["run", "--config", "nowhere.json", "script.js"]).expect(104);
    assert!(ended.stderr.contains("nowhere.json"), "{}", ended.stderr);
}

#[test]
fn a_script_sees_the_variables_it_is_meant_to_see() {
    let house = House::new();
    let script = "export default function () { console.log(String(__ENV.PORT_OF_CALL), String(__ENV.HAUL)); }";
    let seen = |flags: &[&str]| {
        house.write("script.js", script);
        let words: Vec<&str> = ["run", "-q", "--log-format=json"]
            .iter()
            .chain(flags)
            .chain(&["script.js"])
            .copied()
            .collect();
        let mut command = house.command(&words);
        command.env("PORT_OF_CALL", "Bergen");
        console(&Running::start(command).end().expect(0)).remove(0)
    };
    assert_eq!(seen(&["-e", "HAUL=salt=fish"]), "Bergen salt=fish");
    assert_eq!(seen(&["-e", "PORT_OF_CALL=Cadiz"]), "Cadiz undefined");
    assert_eq!(seen(&["--include-system-env-vars=false"]), "undefined undefined");
    run(&house, script, &["-e", "=x"]).expect(255);
}

#[test]
fn a_script_may_come_from_stdin() {
    let house = House::new();
    let mut command = house.command(&["run", "-q", "-i", "3", "-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(b"export default function () { console.log('piped'); }")
        .unwrap();
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(0), "{said}");
    assert_eq!(said.matches("piped").count(), 3, "{said}");
}

#[test]
fn asked_once_it_tears_down_and_sums_up_and_asked_twice_it_is_gone() {
    let script = "import { sleep } from 'k6';
        export const options = { vus: 2, duration: '10m' };
        export default function () { console.log('at sea'); sleep(0.1); }
        export function teardown() { console.log('in port'); if (__ENV.LONG) sleep(50); }";
    let house = House::new();
    house.write("script.js", script);
    let running = Running::start(house.command(&["run", "script.js"]));
    running.wait_said("at sea");
    running.signal(Signal::INT);
    let ended = running.end().expect(105);
    assert!(ended.stderr.contains("in port"), "{}", ended.stderr);
    assert!(ended.stdout.contains("TOTAL RESULTS"), "{}", ended.stdout);

    let running = Running::start(house.command(&["run", "-e", "LONG=1", "script.js"]));
    running.wait_said("at sea");
    running.signal(Signal::INT);
    running.wait_said("in port");
    running.signal(Signal::INT);
    let ended = running.end().expect(105);
    assert_eq!(ended.stdout, "");
}

#[test]
fn flags_that_do_nothing_here_are_refused_by_name() {
    let house = House::new();
    let script = "export default function () { console.log('it ran'); }";
    let refused: &[(&[&str], i32)] = &[
        (&["--address=localhost:6565"], 255),
        (&["--secret-source=file=x"], 255),
        (&["--traces-output=otel"], 255),
        (&["--new-machine-readable-summary"], 255),
        (&["--profiling-enabled"], 255),
        (&["--no-summary"], 255),
        (&["--type=archive"], 255),
        (&["--compatibility-mode=base"], 255),
        (&["--log-output=loki=127.0.0.1:3100"], 255),
        (&["--log-format=xml"], 255),
        (&["--out=html"], 255),
        (&["--out=cloud"], 255),
        (&["--out=carrier-pigeon"], 255),
        (&["--summary-mode=legacy"], 255),
        (&["--paused"], 104),
    ];
    for (flags, code) in refused {
        let ended = run(&house, script, flags).expect(*code);
        let name = flags[0].trim_start_matches('-').split('=').next().unwrap();
        let name = if name == "out" { flags[0].split('=').nth(1).unwrap() } else { name };
        assert!(ended.stderr.contains(name), "{flags:?}: {}", ended.stderr);
        assert!(!ended.stderr.contains("it ran"), "{flags:?}: {}", ended.stderr);
    }
    let html = run(&house, script, &["--out=html"]).stderr;
    assert!(html.contains("report"), "{html}");
    run(&house, script, &["--traces-output=none", "--type=js", "--compatibility-mode=extended"])
        .expect(0);
}

#[test]
fn log_lines_go_where_they_were_sent() {
    let house = House::new();
    let script = "export default function () { console.log('ahoy'); console.debug('psst'); }";
    let json = run(&house, script, &["--log-format", "json"]).expect(0);
    assert_eq!(console(&json), ["ahoy"]);
    let verbose = run(&house, script, &["--log-format", "json", "--verbose"]).expect(0);
    assert_eq!(console(&verbose), ["ahoy", "psst"]);
    let raw = run(&house, script, &["--log-format", "raw"]).expect(0);
    assert_eq!(raw.stderr.lines().next(), Some("ahoy"));
    let none = run(&house, script, &["--log-output", "none"]).expect(0);
    assert_eq!(none.stderr, "");
    let stdout = run(&house, script, &["--log-output", "stdout"]).expect(0);
    assert!(stdout.stdout.contains("msg=ahoy source=console"), "{}", stdout.stdout);
    run(&house, script, &["--log-output", "file=run.log"]).expect(0);
    let file = std::fs::read_to_string(house.root().join("run.log")).unwrap();
    assert!(file.contains("level=info msg=ahoy source=console"), "{file}");
    let own = run(&house, script, &["--console-output", "console.log"]).expect(0);
    assert!(!own.stderr.contains("ahoy"), "{}", own.stderr);
    let file = std::fs::read_to_string(house.root().join("console.log")).unwrap();
    assert!(file.contains("level=info msg=ahoy"), "{file}");
}

#[test]
fn progress_says_how_far_it_is() {
    let house = House::new();
    house.write(
        "script.js",
        "import { sleep } from 'k6'; export default function () { sleep(0.4); }",
    );
    let words = ["run", "--vus", "2", "--duration", "2s", "script.js"];
    let said = house.run(&words).expect(0).stderr;
    for part in
        ["script: script.js", "default: 2 looping VUs for 2s", "2 max VUs", "2/2 VUs", "[ 100% ]"]
    {
        assert!(said.contains(part), "`{part}` is missing:\n{said}");
    }
    // Quiet, it says how it ended and nothing else.
    let quiet = run(&house, "export default function () {}", &[]).expect(0).stderr;
    assert_eq!(quiet.lines().count(), 1, "{quiet}");
    assert!(quiet.contains("as a trial: ") && quiet.contains("report.html"), "{quiet}");
}

#[test]
fn what_the_trial_cannot_write_takes_nothing_from_the_run() {
    let house = House::new();
    house.write(
        "script.js",
        "import { Trend } from 'k6/metrics'; const t = new Trend('depth');
         export const options = { iterations: 3, thresholds: { depth: ['avg<1'] } };
         export default function () { t.add(2); }",
    );
    // The report is a page of more than that; all else is smaller.
    let starter = ["sh", "-c", "ulimit -f 100; exec \"$@\"", "sh"];
    let ended = Running::start(house.through(&starter, &["run", "-q", "script.js"])).end();
    let ended = ended.expect(99);
    assert!(
        ended.stdout.contains("depth") && ended.stdout.contains("iterations"),
        "{}",
        ended.all()
    );
    assert!(ended.stderr.contains("report.html"), "{}", ended.stderr);
}

#[test]
fn names_of_any_length_lose_nothing() {
    let ended = run(
        &House::new(),
        "import { check, group } from 'k6'; export const options = { iterations: 1 };
         export default function () {
           check(1, { ['é'.repeat(1e6)]: () => true });
           group('g'.repeat(2e6), () => check(1, { inside: () => true }));
         }",
        &[],
    );
    let ended = ended.expect(0);
    assert!(ended.stdout.contains("checks_succeeded"), "{}", ended.stderr);
}

#[test]
fn a_summary_of_the_scripts_own_that_never_ends_can_be_ended() {
    let house = House::new();
    house.write(
        "script.js",
        "export default function () {} export function handleSummary() { console.log('adrift'); for (;;); }",
    );
    let running = Running::start(house.command(&["run", "-q", "script.js"]));
    running.wait_said("adrift");
    running.signal(Signal::INT);
    running.end().expect(105);
}

#[test]
fn who_waits_for_a_pipe_can_be_ended() {
    let house = House::new();
    let made = std::process::Command::new("mkfifo").arg(house.root().join("pipe")).status();
    assert!(made.unwrap().success());
    house.write(
        "script.js",
        "console.log('waiting'); open('./pipe'); export default function () {}",
    );
    let running = Running::start(house.command(&["run", "-q", "script.js"]));
    running.wait_said("waiting");
    running.signal(Signal::INT);
    // A signal that comes while another waits is one with it: until it has ended it is asked again.
    let pid = rustix::process::Pid::from_raw(i32::try_from(running.pid()).unwrap()).unwrap();
    crate::house::until("the run ends", || {
        rustix::process::kill_process(pid, Signal::TERM).is_err()
            || std::fs::read_to_string(format!("/proc/{}/stat", running.pid()))
                .is_ok_and(|stat| stat.contains(") Z "))
    });
    running.end().expect(105);
}

#[test]
fn of_a_flag_given_twice_the_later_counts() {
    let house = House::new();
    let script = "export default function () { console.log(`vu ${__VU}`); }";
    let flags =
        ["-u", "9", "--iterations", "7", "-i", "2", "-u", "1", "--quiet", "--log-format=json"];
    let ended = run(&house, script, &flags).expect(0);
    assert_eq!(console(&ended), ["vu 1", "vu 1"]);
    // Lists append.
    let script = "export default function () { console.log(__ENV.A + __ENV.B); }";
    let ended = run(&house, script, &["-e", "A=1", "-e", "B=2", "--log-format=json"]).expect(0);
    assert_eq!(console(&ended), ["12"]);
}

#[test]
fn boolean_flags_take_a_value() {
    let house = House::new();
    let script = "export default function () { console.debug('deep'); }";
    let flags = ["--no-color=false", "-q=false", "-q=f", "--verbose=false", "--log-format=json"];
    let ended = run(&house, script, &flags).expect(0);
    assert!(console(&ended).is_empty());
    assert!(ended.stderr.contains("scenarios: 1 scenario"), "{}", ended.stderr);
    let ended = run(&house, script, &["--verbose=1", "--log-format=json"]).expect(0);
    assert_eq!(console(&ended), ["deep"]);
    run(&house, script, &["-q=maybe"]).expect(255);
}

#[test]
fn what_is_wrong_with_options_is_told_with_its_line() {
    let house = House::new();
    let cases = [
        ("vus: 'many'", "script.js:2:2: error[k6-option-type]"),
        ("vsu: 1, paused: true", "script.js:2:2: warning[k6-option-unknown]"),
        ("thresholds: { no_such: ['rate<1'] }", "script.js:2:16: error[metrics-unknown-metric]"),
        ("thresholds: { checks: ['rate<'] }", "script.js:2:16: error[metrics-threshold]"),
        (
            "scenarios: { a: { executor: 'constant-vus' } }",
            "script.js:2:15: error[k6-scenario-rule]",
        ),
        (
            "scenarios: { a: { executor: 'per-vu-iterations', exec: 'x' } }",
            "script.js:2:15: error[k6-scenario-exec]",
        ),
        ("scenarios: { a: { executor: 'x' } }", "script.js:2:20: error[k6-scenario-executor]"),
    ];
    for (options, told) in cases {
        let script =
            format!("export const options = {{\n {options} }};\nexport default function () {{}}");
        let ended = run(&house, &script, &["--log-output=stderr"]).expect(104);
        assert!(ended.stderr.contains(told), "{options}: {}", ended.stderr);
    }
}
