//! The life of a script, checks, groups, metrics, the run's own knowledge.

use seaworthy_k6::options::Flags;
use seaworthy_k6::{Error, Fault};

use crate::harness::{Server, run, run_until, run_with};

#[tokio::test]
async fn a_script_lives_as_k6_has_it() {
    let ran = run(
        "import { check, group, sleep } from 'k6';
         import { Counter, Trend, Rate, Gauge } from 'k6/metrics';
         const mine = new Counter('mine'); const times = new Trend('times', true);
         const share = new Rate('share'); const level = new Gauge('level');
         export const options = { vus: 3, iterations: 12, thresholds: {
           checks: ['rate==1'], mine: ['count==24'], 'mine{kind:even}': ['count==12'], times: ['p(95)<11', 'max>=10'],
           share: ['rate<0.6', 'rate<0.1'], level: ['value<100'] } };
         export function setup() { return { token: 'secret', list: [1, 2] }; }
         export default function (data) {
           group('outer', () => { group('inner', () => {
             check(data, { 'has token': (d) => d.token === 'secret', 'list': (d) => d.list.length === 2 });
           }); });
           mine.add(1); mine.add(1, { kind: 'even' }); times.add(10); share.add(__ITER % 2 === 0); level.add(__VU);
           sleep(0.01);
         }
         export function teardown(data) { console.log('bye', data.token); }",
    )
    .await;
    ran.is_clean();
    assert_eq!(ran.logged(), ["bye secret"]);
    assert_eq!(ran.sum("iterations"), 12.0);
    assert_eq!(ran.checks()["has token"], (12, 0));
    let groups: Vec<&str> =
        ran.of("group_duration").iter().map(|it| it.tags.get("group").unwrap()).collect();
    assert_eq!(groups.iter().filter(|it| **it == "::outer::inner").count(), 12);
    let failed: Vec<_> = ran.thresholds.iter().filter(|(_, _, held)| !held).collect();
    assert_eq!(failed.len(), 1, "{:?}", ran.thresholds);
    assert_eq!((failed[0].0.as_str(), failed[0].1.as_str()), ("share", "rate<0.1"));
}

#[tokio::test]
async fn an_exception_ends_its_iteration_and_no_other() {
    let ran = run(
        "export const options = { vus: 1, iterations: 3 };
         export default function () { if (__ITER === 1) { throw new TypeError('boom'); } console.log(__ITER); }",
    )
    .await;
    assert_eq!(ran.logged(), ["0", "2"]);
    assert_eq!(ran.sum("iterations"), 3.0);
    assert!(ran.said.contains("TypeError: boom"), "{}", ran.said);
    assert!(ran.said.contains("script.js:2:"), "{}", ran.said);
}

#[tokio::test]
async fn exceptions_say_what_they_are_once() {
    let ran = run("export const options = { vus: 1, iterations: 3 };
         export default function () {
           if (__ITER === 0) { Promise.reject(new Error('lost')); }
           if (__ITER === 1) { return Promise.reject('plain'); }
           if (__ITER === 2) { throw new TypeError('boom'); }
         }")
    .await;
    let said: Vec<&str> = ran.said.lines().filter(|line| line.contains("ERRO")).collect();
    assert_eq!(said.len(), 3, "{}", ran.said);
    assert!(said[0].ends_with("Uncaught (in promise) Error: lost"), "{}", ran.said);
    let plain = "Uncaught (in promise) plain  executor=shared-iterations scenario=default";
    assert!(said[1].ends_with(plain), "{}", ran.said);
    assert_eq!(ran.said.matches("TypeError: boom").count(), 1, "{}", ran.said);
    let fields =
        " executor=shared-iterations hint=\"script exception\" scenario=default source=stacktrace";
    assert!(ran.said.contains(fields), "{}", ran.said);
}

#[tokio::test]
async fn a_name_that_a_module_does_not_have_is_refused_with_its_place() {
    let flags = Flags::default();
    let script = "import { check,\n  chek } from 'k6';\nexport default function () {}";
    let Err(Error::Source(error)) = run_with(script, &flags, &[]).await else {
        panic!("it was taken")
    };
    assert_eq!(error.code(), "script-no-export");
    let place = error.place().unwrap();
    assert_eq!((place.line, place.column), (2, 3));
    assert!(error.to_string().ends_with(":2:3: `k6` has no export `chek`"), "{error}");
    assert!(error.hint().unwrap().starts_with("did you mean `check`? it exports"), "{error:?}");
}

#[tokio::test]
async fn arrivals_count_virtual_users_in_iterations_only() {
    let ran = run(
        "import exec from 'k6/execution'; import { sleep } from 'k6';
         export const options = { scenarios: { rate: { executor: 'constant-arrival-rate', rate: 2,
           duration: '2s', preAllocatedVUs: 20 } } };
         export default function () { sleep(0.01); console.log(exec.instance.vusActive < 10, exec.instance.vusInitialized); }",
    )
    .await;
    let logged = ran.is_clean().logged();
    assert!(!logged.is_empty() && logged.iter().all(|line| *line == "true 20"), "{logged:?}");
    assert!(ran.of("vus").iter().all(|sample| sample.value < 10.0));
}

#[tokio::test]
async fn a_run_can_be_aborted_from_within() {
    let ran = run(
        "import exec from 'k6/execution';
         export const options = { vus: 2, duration: '60s' };
         export default function () { try { if (__VU === 1) exec.test.abort('enough'); } catch (e) { console.log('caught'); } }
         export function teardown() { console.log('teardown'); }",
    )
    .await;
    assert_eq!(ran.report.ended.aborted.as_deref(), Some("test aborted: enough"));
    assert_eq!(ran.logged(), ["teardown"]);
}

#[tokio::test]
async fn setup_that_throws_or_never_ends_stops_the_run() {
    let ran = run("export function setup() { throw new Error('no database'); }
         export default function () { console.log('never'); }")
    .await;
    assert!(matches!(ran.report.fault, Some(Fault::Setup(_))), "{:?}", ran.report.fault);
    assert_eq!(ran.logged(), Vec::<&str>::new());
    let ran = run("export const options = { setupTimeout: '300ms' };
         export function setup() { for (;;) {} }
         export default function () {}")
    .await;
    assert!(matches!(ran.report.fault, Some(Fault::SetupTimeout(_))), "{:?}", ran.report.fault);
}

#[tokio::test]
async fn who_ends_a_run_does_not_wait_for_its_setup() {
    let server = Server::start().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let script = server.fill(
        "import http from 'k6/http'; import { sleep } from 'k6';
         export function setup() { http.get('BASE/x'); sleep(3600); }
         export default function () { console.log('never'); }
         export function teardown() { console.log('nor this'); }",
    );
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { run_until(&script, stop).await }
    });
    let begun = async {
        while server.seen().is_empty() {
            tokio::task::yield_now().await;
        }
        stop.cancel();
        running.await.unwrap()
    };
    let ran = tokio::time::timeout(std::time::Duration::from_secs(60), begun).await.unwrap();
    let Some(Fault::Setup(fault)) = &ran.report.fault else { panic!("{:?}", ran.report.fault) };
    assert_eq!((fault.code(), ran.logged()), ("script_ended", Vec::new()));
}

#[tokio::test]
async fn setup_hands_on_what_json_can_say_by_k6s_rules() {
    let returns = |value: &str| {
        format!(
            "export function setup() {{ return {value}; }}
             export default function (data) {{ console.log(JSON.stringify(data)); }}"
        )
    };
    for (value, handed) in [
        (
            "{ b: 1, a: undefined, list: [undefined, null] }",
            r#"{"a":null,"b":1,"list":[null,null]}"#,
        ),
        (
            "[new Date(0), new Date(1234567), new Date(120)]",
            r#"["1970-01-01T00:00:00Z","1970-01-01T00:20:34.567Z","1970-01-01T00:00:00.12Z"]"#,
        ),
        ("new Map([['a', new Set([1])]])", r#"[["a",[1]]]"#),
        (
            "{ a: 10n, b: Symbol('x'), c: new Number(4), d: new String('x') }",
            r#"{"a":10,"b":"x","c":4,"d":{}}"#,
        ),
        (
            "{ a: new Uint8Array([1, 2]), b: new Int16Array([1, 2]), c: new ArrayBuffer(2) }",
            r#"{"a":"AQI=","b":[1,2],"c":{}}"#,
        ),
        (
            "{ a: new Error('x'), b: /x/, c: Object.create({ x: 1 }), get d() { return 3 } }",
            r#"{"a":{},"b":{},"c":{},"d":3}"#,
        ),
        ("5.5", "5.5"),
        ("null", "null"),
        ("undefined", "undefined"),
        ("(() => { const one = {}; return [one, one]; })()", "[{},{}]"),
    ] {
        let ran = run(&returns(value)).await;
        assert_eq!(ran.is_clean().logged(), [handed], "{value}");
    }
    for (value, why) in [
        ("{ a: { act() {} } }", "the value.a.act is a function"),
        ("[NaN]", "the value[0] is NaN"),
        ("-Infinity", "the value is -Infinity"),
        ("(() => { const a = {}; a.b = [a]; return a; })()", "the value.b[0] is a part of itself"),
        ("{ toJSON() { return 7; } }", "the value.toJSON is a function"),
        ("{ get a() { throw new Error('a getter'); } }", "a getter"),
    ] {
        let ran = run(&returns(value)).await;
        let Some(Fault::Setup(fault)) = &ran.report.fault else { panic!("{value}") };
        assert_eq!(fault.code(), "script_value_not_json", "{value}");
        assert!(fault.to_string().contains(why), "{value}: {fault}");
    }
}

#[tokio::test]
async fn metrics_take_what_is_a_number_to_k6() {
    let ran = run(
        "import { Counter, Rate } from 'k6/metrics';
         const many = new Counter('many'); const share = new Rate('share');
         export default function () {
           const told = ['5', ' 7 ', '0', '', [], [5], true, false, new Boolean(false), new Date(5), -1].map((it) => many.add(it));
           console.log(told.every((it) => it === true));
           console.log([NaN, 'x', {}, [1, 2], null, undefined, Infinity, () => 1].map((it) => many.add(it) || share.add(it)).join());
           for (const wrong of [1n, Symbol('x')]) { try { many.add(wrong); } catch (error) { console.log(error.name); } }
           share.add(5); share.add(0); share.add('0');
         }",
    )
    .await;
    let no = ["false"; 8].join(",");
    assert_eq!(ran.logged(), ["true", &no, "TypeError", "TypeError"]);
    let values: Vec<f64> = ran.of("many").iter().map(|sample| sample.value).collect();
    assert_eq!(values, [5.0, 7.0, 1.0, 0.0, 1.0, 5.0, 1.0, 0.0, 1.0, 5.0, -1.0]);
    let values: Vec<f64> = ran.of("share").iter().map(|sample| sample.value).collect();
    assert_eq!(values, [5.0, 0.0, 1.0]);
    assert!(ran.said.contains("'[object Object]' is an invalid value for metric 'many'"));
}

#[tokio::test]
async fn an_endless_iteration_is_cut_off_and_others_go_on() {
    let ran = run(
        "export const options = { scenarios: {
           stuck: { executor: 'constant-vus', vus: 1, duration: '1s', gracefulStop: '100ms', exec: 'stuck' },
           fine: { executor: 'per-vu-iterations', vus: 1, iterations: 5, exec: 'fine' } } };
         export function stuck() { for (;;) {} }
         export function fine() { console.log('fine'); }",
    )
    .await;
    assert_eq!(ran.logged(), ["fine"; 5]);
    assert_eq!(ran.report.phase.unwrap().loads.iter().map(|it| it.interrupted).sum::<u64>(), 1);
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_before_the_run() {
    let flags = Flags::default();
    let error = run_with(
        "export default () => {}; export const options = { thresholds: { nosuch: ['rate<1'] } }",
        &flags,
        &[],
    )
    .await;
    assert!(matches!(error, Err(Error::Thresholds(_))));
    let error =
        run_with("import grpc from 'k6/net/grpc'; export default () => {}", &flags, &[]).await;
    let Err(Error::Module { module, place, .. }) = error else { panic!("it is refused") };
    assert_eq!(module, "k6/net/grpc");
    assert!(place.ends_with("script.js:1:18") || place.contains("script.js:1:"), "{place}");
    let error = run_with("export default () => {", &flags, &[]).await;
    assert!(matches!(error, Err(Error::Source(_))));
    let error = run_with("throw new Error('at init')", &flags, &[]).await;
    assert!(matches!(error, Err(Error::Script(_))));
    let error =
        run_with("export const options = { vus: 'many' }; export default () => {}", &flags, &[])
            .await;
    assert!(matches!(error, Err(Error::Options(_))));
    let error = run_with("export function other() {}", &flags, &[]).await;
    assert!(matches!(error, Err(Error::Options(_))), "{:?}", error.map(|ran| ran.said));
}

#[tokio::test]
async fn timers_and_promises_belong_to_their_iteration() {
    let ran = run(
        "import { sleep } from 'k6';
         export const options = { vus: 1, iterations: 2 };
         export default async function () {
           setTimeout((word) => console.log('late', word), 30, 'word');
           let ticks = 0;
           const id = setInterval(() => { if (++ticks === 3) { clearInterval(id); console.log('three'); } }, 5);
           const gone = setTimeout(() => console.log('never'), 10); clearTimeout(gone);
           await new Promise((resolve) => setTimeout(resolve, 10));
           console.log('awaited');
         }",
    )
    .await;
    ran.is_clean();
    // Each iteration waits for all that it began, and nothing else runs.
    for iteration in ran.logged().chunks(3) {
        assert_eq!(iteration, ["awaited", "three", "late word"], "{}", ran.said);
    }
    assert_eq!(ran.logged().len(), 6, "{}", ran.said);
}

#[tokio::test]
async fn shared_arrays_are_shared_and_cannot_be_changed() {
    let ran = run(
        "import { SharedArray } from 'k6/data'; import { check } from 'k6';
         let made = 0;
         const users = new SharedArray('users', () => { made++; return [{ name: 'a' }, { name: 'b' }, 3]; });
         export const options = { vus: 2, iterations: 4 };
         export default function () {
           let seen = 0; for (const user of users) seen++;
           let threw = false; try { users[0] = 1; } catch (e) { threw = true; }
           let kept = false; try { 'use strict'; users[1].name = 'c'; } catch (e) {} kept = users[1].name === 'b';
           check(users, { length: (u) => u.length === 3, element: (u) => u[0].name === 'a', iterates: () => seen === 3,
             'not made here': () => made === 0, frozen: () => threw && kept, maps: (u) => u.map((x) => x.name).join() === 'a,b,' });
         }",
    )
    .await;
    ran.is_clean();
}

#[tokio::test]
async fn a_script_knows_its_run() {
    let ran = run(
        "import exec from 'k6/execution'; import { check } from 'k6';
         export const options = { tags: { team: 'red' }, scenarios: { named: { executor: 'per-vu-iterations', vus: 2, iterations: 2, env: { WHO: 'me' }, tags: { part: 'one' } } } };
         export default function () {
           exec.vu.tags.color = 'blue'; exec.vu.metrics.metadata.trace = 'x1';
           check(exec, {
             scenario: (e) => e.scenario.name === 'named' && e.scenario.executor === 'per-vu-iterations',
             ids: (e) => e.vu.idInTest === __VU && e.vu.iterationInInstance === __ITER && e.vu.iterationInScenario === __ITER,
             env: () => __ENV.WHO === 'me', tags: (e) => e.vu.tags.team === 'red' && e.vu.tags.scenario === 'named' && 'color' in e.vu.tags,
             options: (e) => e.test.options.scenarios.named.vus === 2, instance: (e) => e.instance.vusInitialized >= 2 && e.instance.vusActive >= 1,
             progress: (e) => e.scenario.progress >= 0 && e.scenario.progress <= 1,
           });
         }",
    )
    .await;
    ran.is_clean();
    let check = ran.of("checks")[0];
    assert_eq!((check.tags.get("part"), check.tags.get("color")), (Some("one"), Some("blue")));
    assert_eq!(check.metadata.get("trace"), Some("x1"));
}

#[tokio::test]
async fn progress_is_of_iterations_that_have_ended() {
    let ran = run(
        "import exec from 'k6/execution'; export const options = { vus: 1, iterations: 4 };
         export default function () { console.log(exec.scenario.progress, exec.test.options.consoleOutput); }",
    )
    .await;
    ran.is_clean();
    assert_eq!(ran.logged(), ["0 null", "0.25 null", "0.5 null", "0.75 null"], "{}", ran.said);
}
