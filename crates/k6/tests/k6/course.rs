//! When a run begins, how long it is, thresholds that end it, and what stays of iterations that were
//! cut off.

use crate::harness::run;

#[tokio::test]
async fn a_run_is_as_long_as_setup_load_and_teardown_together() {
    let ran = run(
        "import exec from 'k6/execution'; import { sleep } from 'k6'; import { Counter } from 'k6/metrics';
         const began = Date.now(); const mine = new Counter('mine');
         if (__VU === 1) { while (Date.now() - began < 400) {} }
         export const options = { vus: 1, iterations: 1, thresholds: { mine: ['rate<1.3'] } };
         export function setup() { sleep(0.5); }
         export default function () {
           mine.add(1);
           const run = exec.instance.currentTestRunDuration;
           console.log('without init', Date.now() - began - run >= 395);
           console.log('with setup', run >= 500);
         }
         export function teardown() { sleep(0.3); }",
    )
    .await;
    ran.is_clean();
    assert_eq!(ran.logged(), ["without init true", "with setup true"]);
    assert!(ran.report.snapshot.run.as_millis() >= 800, "{:?}", ran.report.snapshot.run);
    // One in 0.8 s or more; of the load alone it would be hundreds a second.
    assert!(ran.thresholds.iter().all(|(_, _, held)| *held), "{:?}", ran.thresholds);
}

#[tokio::test]
async fn a_rate_that_ends_the_run_counts_setup_too() {
    let ran = run(
        "import { sleep } from 'k6'; import { Counter } from 'k6/metrics';
         const mine = new Counter('mine');
         export const options = { scenarios: { one: { executor: 'constant-vus', vus: 1, duration: '60s' } },
           thresholds: { mine: [{ threshold: 'rate>8', abortOnFail: true }] } };
         export function setup() { sleep(1.7); }
         export default function () { mine.add(1); sleep(0.1); }",
    )
    .await;
    ran.is_clean();
    // It was ended at its second second, after a third of a second of load.
    assert_eq!(ran.report.crossed, ["mine"]);
    assert!(ran.sum("mine") <= 5.0, "{}", ran.sum("mine"));
}

#[tokio::test]
async fn a_threshold_can_end_the_run_in_setup() {
    let ran = run(
        "import { sleep } from 'k6'; import { Counter } from 'k6/metrics';
         const mine = new Counter('mine');
         export const options = { thresholds: { mine: [{ threshold: 'count<8', abortOnFail: true }] } };
         export function setup() { mine.add(20); sleep(50); console.log('never'); }
         export default function () { console.log('never'); }
         export function teardown() { console.log('never'); }",
    )
    .await;
    ran.is_clean();
    assert_eq!(ran.report.crossed, ["mine"]);
    assert_eq!(ran.logged(), Vec::<&str>::new());
    // Levels are noted meanwhile.
    assert!(ran.of("vus").iter().all(|sample| sample.value == 0.0) && !ran.of("vus").is_empty());
}

#[tokio::test]
async fn a_virtual_user_that_was_cut_off_keeps_what_its_modules_hold() {
    let ran = run(
        "import { sleep } from 'k6'; import { setTimeout } from 'k6/timers'; import exec from 'k6/execution';
         let n = 0;
         const once = (exec, startTime) => (
           { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '0s', exec, startTime });
         export const options = { scenarios: {
           sleeps: once('sleeps', '0s'), computes: once('computes', '1500ms'), waits: once('waits', '3s'),
           ends: { executor: 'per-vu-iterations', vus: 1, iterations: 2, exec: 'ends', startTime: '4500ms',
                   maxDuration: '1s', gracefulStop: '0s' } } };
         const log = (what) => console.log(what, __VU, __ITER, exec.vu.iterationInScenario, ++n);
         export function sleeps() { log('sleeps'); setTimeout(() => log('never'), 1200); try { sleep(50) } catch { log('never') } finally { log('never') } }
         export function computes() { log('computes'); for (;;) {} }
         export async function waits() { log('waits'); await null; await new Promise((done) => setTimeout(done, 50000)); log('never') }
         export function ends() { log('ends') }",
    )
    .await;
    ran.is_clean();
    assert_eq!(
        ran.logged(),
        ["sleeps 1 0 0 1", "computes 1 1 0 2", "waits 1 2 0 3", "ends 1 3 0 4", "ends 1 4 1 5"]
    );
    let loads = ran.report.phase.unwrap().loads;
    assert_eq!(loads.iter().map(|load| load.interrupted).sum::<u64>(), 3);
}
