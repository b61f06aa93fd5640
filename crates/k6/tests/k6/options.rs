//! Options about time, cookies, bodies and failures, each seen to act.

use std::time::Duration;

use crate::harness::{Ran, Server, run};

async fn clean(server: &Server, script: &str) -> Ran {
    let script = format!("import http from 'k6/http'; import {{ check }} from 'k6'; {script}");
    let ran = run(&server.fill(&script)).await;
    ran.is_clean();
    ran
}

/// From the first request to the last.
fn span(server: &Server) -> Duration {
    let seen = server.seen();
    seen[seen.len() - 1].at - seen[0].at
}

#[tokio::test]
async fn no_more_requests_begin_in_a_second_than_allowed() {
    let server = Server::start().await;
    clean(
        &server,
        "export const options = { rps: 25, scenarios: { s: { executor: 'per-vu-iterations', vus: 2, iterations: 1 } } };
         export default async function () {
           http.get('BASE/'); http.batch(['BASE/', 'BASE/', 'BASE/']); await http.asyncRequest('GET', 'BASE/');
         }",
    )
    .await;
    // Ten requests, with nine times 40 ms between them; a little less for their way.
    assert_eq!(server.seen().len(), 10);
    assert!(span(&server) >= Duration::from_millis(330), "{:?}", span(&server));
}

#[tokio::test]
async fn an_iteration_lasts_as_long_as_it_must() {
    let server = Server::start().await;
    clean(
        &server,
        "export const options = { minIterationDuration: '300ms', iterations: 3 };
         export default function () { http.get('BASE/'); }",
    )
    .await;
    assert!(span(&server) >= Duration::from_millis(580), "{:?}", span(&server));
}

#[tokio::test]
async fn cookies_are_forgotten_or_not() {
    for (options, expected) in [("", ["", "", ""]), ("noCookiesReset: true,", ["", "a=b", "a=b"])] {
        let server = Server::start().await;
        let script = format!(
            "export const options = {{ {options} iterations: 3 }};
             export default function () {{ http.get('BASE/setcookie/a=b'); }}"
        );
        clean(&server, &script).await;
        let seen = server.seen();
        let cookies: Vec<&str> =
            seen.iter().map(|it| it.headers.get("cookie").map_or("", |it| it)).collect();
        assert_eq!(cookies, expected);
    }
}

#[tokio::test]
async fn bodies_are_dropped_unless_they_are_asked_for() {
    let server = Server::start().await;
    let ran = clean(
        &server,
        "export const options = { discardResponseBodies: true };
         export default function () {
           check(http.get('BASE/'), { dropped: (r) => r.status === 200 && r.body === null });
           check(http.get('BASE/', { responseType: 'text' }), { text: (r) => r.body === 'ok' });
           check(http.get('BASE/', { responseType: 'binary' }), { binary: (r) => r.body.byteLength === 2 });
           check(http.batch(['BASE/', ['GET', 'BASE/', null, { responseType: 'text' }]]), { batch: (l) => l[0].body === null && l[1].body === 'ok' });
         }",
    )
    .await;
    // They are read and counted all the same.
    assert!(ran.sum("data_received") > 5.0 * 40.0);
}

#[tokio::test]
async fn a_request_ends_when_its_time_is_up() {
    let server = Server::start().await;
    let ran = clean(
        &server,
        "const late = (r) => r.status === 0 && r.error_code === 1050 && r.error === 'request timeout';
         export default function () {
           check(http.get('BASE/hold/5000', { timeout: 60 }), { number: late });
           check(http.get('BASE/hold/5000', { timeout: '60ms' }), { text: late });
           check(http.batch([['GET', 'BASE/hold/5000', null, { timeout: 60 }], 'BASE/x']), { batch: (l) => late(l[0]) && l[1].status === 200 });
           check(http.get('BASE/hold/1', { timeout: '1m' }), { enough: (r) => r.status === 200 });
         }",
    )
    .await;
    let took = ran.of("iteration_duration")[0].value;
    assert!((180.0..4000.0).contains(&took), "{took}");
}

#[tokio::test]
async fn failures_are_thrown_where_an_option_says_so() {
    let ran = run("import http from 'k6/http';
         export const options = { throw: true, iterations: 2 };
         export default function () { http.get('http://127.0.0.1:1/'); console.log('not here'); }")
    .await;
    assert!(ran.logged().is_empty());
    assert_eq!(ran.said.matches("refused").count(), 2, "{}", ran.said);
    assert_eq!(ran.sum("iterations"), 2.0);
}
