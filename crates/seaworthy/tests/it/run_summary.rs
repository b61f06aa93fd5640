//! How a run of `seaworthy run` is summed up, and what its numbers are worth.

use serde_json::Value;

use crate::house::House;
use crate::run::run;
use crate::target::{Reply, Target};
use crate::trial::willing;

#[test]
fn the_summary_is_the_one_a_k6_user_knows() {
    let house = House::new();
    let target = Target::start(|_| Reply::text(200, "ok"));
    let script = "import http from 'k6/http'; import { check, group } from 'k6';
        export const options = { vus: 2, iterations: 10, thresholds: { http_req_failed: ['rate<0.1'] } };
        export default function () {
            group('harbour', () => check(http.get(__ENV.BASE + '/berth'), { ok: (it) => it.status === 200 }));
        }";
    let base = format!("BASE={}", target.url());
    let ended = run(&house, script, &["-e", &base, "--summary-export", "end.json"]).expect(0);
    assert_eq!(target.count("/berth"), 10);
    for part in [
        "THRESHOLDS",
        "✓ 'rate<0.1' rate=0.00%",
        "TOTAL RESULTS",
        "checks_succeeded",
        "100.00% 10 out of 10",
        "http_req_duration",
        "http_reqs",
        "iteration_duration",
        "data_received",
    ] {
        assert!(ended.stdout.contains(part), "`{part}` is missing:\n{}", ended.stdout);
    }
    assert!(!ended.stdout.contains('\u{1b}'), "colours in a pipe: {}", ended.stdout);
    let text = std::fs::read_to_string(house.root().join("end.json")).unwrap();
    let export: Value = serde_json::from_str(&text).unwrap();
    assert_eq!(export["metrics"]["http_reqs"]["count"], 10);
    assert_eq!(export["root_group"]["groups"]["harbour"]["checks"]["ok"]["passes"], 10);

    let full = run(
        &house,
        script,
        &[
            "-e",
            &base,
            "--summary-mode=full",
            "--summary-trend-stats=med,p(99.9)",
            "--summary-time-unit=us",
        ],
    )
    .expect(0);
    assert!(
        full.stdout.contains("GROUP: harbour") && full.stdout.contains("p(99.9)="),
        "{}",
        full.stdout
    );
    assert!(full.stdout.contains("µs") && !full.stdout.contains("avg="), "{}", full.stdout);
    let none = run(
        &house,
        script,
        &["-e", &base, "--summary-mode=disabled", "--summary-export=none.json"],
    )
    .expect(0);
    assert_eq!(none.stdout, "");
    assert!(!house.root().join("none.json").exists());
}

#[test]
fn handle_summary_decides_what_is_written() {
    let house = House::new();
    let with = |returns: &str, flags: &[&str]| {
        let script = format!("export default function () {{}} export function setup() {{ return {{ tide: 'high' }}; }}
            export function handleSummary(data) {{ {returns} }}");
        run(&house, &script, flags)
    };
    let written =
        with("return { stdout: 'out', stderr: 'err', 'end.txt': data.setup_data.tide };", &[])
            .expect(0);
    assert_eq!(written.stdout, "out");
    assert!(written.stderr.starts_with("err"), "{}", written.stderr);
    assert_eq!(std::fs::read_to_string(house.root().join("end.txt")).unwrap(), "high");
    for nothing in ["return null;", "return;", "return 0;", "return '';"] {
        let ended = with(nothing, &[]).expect(0);
        assert!(ended.stdout.contains("TOTAL RESULTS"), "{nothing}: {}", ended.stdout);
    }
    let threw = with("throw new Error('no ink');", &[]).expect(0);
    assert!(threw.stdout.contains("TOTAL RESULTS") && threw.stderr.contains("no ink"), "{threw:?}");
    for wrong in ["return 5;", "return { stdout: 5 };"] {
        let ended = with(wrong, &[]).expect(0);
        assert!(
            ended.stdout.is_empty() && ended.stderr.contains("handleSummary()"),
            "{wrong}: {ended:?}"
        );
    }
    let partly = with(
        "return { 'no/such/place.txt': 'x', stdout: 'there' };",
        &["--summary-export", "e.json"],
    )
    .expect(0);
    assert!(partly.stdout == "there" && partly.stderr.contains("no/such/place.txt"), "{partly:?}");
    assert!(house.root().join("e.json").exists());
    let disabled = with("return { stdout: 'out' };", &["--summary-mode", "disabled"]).expect(0);
    assert_eq!(disabled.stdout, "");
    let lost = with("return {};", &["--summary-export", "no/such/e.json"]).expect(255);
    assert!(lost.stderr.contains("no/such/e.json"), "{}", lost.stderr);
    let late = "import { sleep } from 'k6'; export const options = { handleSummaryTimeout: '200ms' };
        export default function () {} export function handleSummary() { sleep(30); return { stdout: 'late' }; }";
    let late = run(&house, late, &[]).expect(0);
    assert!(late.stdout.contains("TOTAL RESULTS") && !late.stdout.contains("late"), "{late:?}");
    assert!(late.stderr.contains("timed out"), "{late:?}");
}

#[test]
fn what_dropping_hid_is_said_once_and_loudly() {
    let house = House::new();
    let script = "import { sleep } from 'k6';
        export const options = { scenarios: { arrivals: { executor: 'constant-arrival-rate', rate: 20,
            duration: '2s', preAllocatedVUs: 1, maxVUs: 1, gracefulStop: '10s' } } };
        export default function () { sleep(0.2); }";
    let dropped = run(&house, script, &[]).expect(0);
    let lines = |text: &str| text.lines().filter(|line| line.contains("--queue")).count();
    assert_eq!(lines(&dropped.stderr), 1, "{}", dropped.stderr);
    assert!(
        dropped.stderr.contains("level=warning") && dropped.stderr.contains("never began"),
        "{}",
        dropped.stderr
    );
    assert!(dropped.stdout.contains("dropped_iterations"), "{}", dropped.stdout);
    let queued = run(&house, script, &["--queue"]).expect(0);
    assert!(!queued.stdout.contains("dropped_iterations"), "{}", queued.stdout);
    assert!(!queued.stderr.contains("never began"), "{}", queued.stderr);
}

#[test]
fn with_queue_response_times_count_from_when_they_were_due() {
    let (house, target) = (House::new(), willing());
    // Twenty arrivals in a second for a user who takes 100 ms for each: the last waits for another.
    let script = format!(
        "import http from 'k6/http'; import {{ sleep }} from 'k6';
        export const options = {{ scenarios: {{ arrivals: {{ executor: 'constant-arrival-rate', rate: 20,
            duration: '1s', preAllocatedVUs: 1, maxVUs: 1, gracefulStop: '20s' }} }},
            thresholds: {{ http_req_duration: ['max>700'], iterations: ['count>=20'] }} }};
        export default function () {{ http.get('{}'); sleep(0.1); }}",
        target.url()
    );
    let queued = run(&house, &script, &["--queue"]);
    assert_eq!(queued.code, Some(0), "{}", queued.all());
}

#[test]
fn what_nobody_can_interrupt_is_told_of() {
    let script = "export const options = { scenarios: {
            heavy: { executor: 'constant-vus', vus: 1, duration: '2s', exec: 'heavy' } } };
        const items = new Array(1e6).fill(1.5);
        // Nobody can interrupt that, unlike a loop.
        export function heavy() { JSON.stringify(items); }";
    let house = House::new();
    let said = run(&house, script, &["--workers", "1"]).expect(0).stderr;
    assert!(said.contains("loop lag"), "{said}");
}

#[test]
fn a_thresholds_worth_stands_beside_k6s_answer() {
    let house = House::new();
    let script = "import { Rate, Trend } from 'k6/metrics';
        const afloat = new Rate('afloat'); const depth = new Trend('depth', true);
        export const options = { iterations: 40, thresholds: { afloat: ['rate>0.5'], depth: ['p(95)<10', 'avg<10'] } };
        export default function () { afloat.add(true); depth.add(5); }";
    let said = run(&house, script, &[]).expect(0).stderr;
    let line = |part: &str| {
        said.lines().find(|line| line.contains(part)).unwrap_or_else(|| panic!("{part}: {said}"))
    };
    let rate = line("afloat: 'rate>0.5' passes by k6's rule");
    assert!(
        rate.contains("does not decide it") && rate.contains("n=40") && rate.contains("confidence"),
        "{rate}"
    );
    assert!(line("depth: 'p(95)<10'").contains("p(95) is"), "{said}");
    assert!(
        line("depth 'avg<10': passes; n=40").contains("no interval: a mean hides slow requests"),
        "{said}"
    );
}
