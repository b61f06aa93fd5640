//! `http.batch` and `http.asyncRequest`: requests that are under way at once.

use seaworthy_k6::options::Flags;

use crate::harness::{Server, run, run_with};

#[tokio::test]
async fn a_batch_answers_in_the_shape_it_was_asked_in() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           const list = http.batch(['BASE/a', ['POST', 'BASE/echo', 'body', { headers: { 'Content-Type': 'x/y' }, tags: { kind: 'second' } }],
             { method: 'put', url: 'BASE/echo', body: { f: '1' }, params: { responseType: 'binary' } }, { url: 'BASE/b' },
             http.url`BASE/item/${1}`, ['GET', http.url`BASE/item/${2}`]]);
           check(list, { array: (l) => Array.isArray(l) && l.length === 6 && l.every((r) => r.status === 200),
             order: (l) => l[0].headers['X-Path'] === '/a' && l[3].headers['X-Path'] === '/b' && l[5].headers['X-Path'] === '/item/2',
             post: (l) => l[1].body === 'body' && l[1].headers['X-Type'] === 'x/y' && l[1].headers['X-Method'] === 'POST',
             put: (l) => l[2].headers['X-Method'] === 'PUT' && l[2].body instanceof ArrayBuffer && l[2].body.byteLength === 3 });
           const named = http.batch({ one: 'BASE/a', two: ['GET', 'BASE/b', null, { responseType: 'none' }] });
           check(named, { object: (o) => !Array.isArray(o) && Object.keys(o).join() === 'one,two', named: (o) => o.one.body === 'ok' && o.two.body === null });
           check(http.batch([]), { empty: (l) => l.length === 0 });
           check(http.batch({}), { none: (o) => Object.keys(o).length === 0 });
         }",
    ))
    .await;
    ran.is_clean();
    let tagged = |name: &str, value: &str| {
        ran.of("http_reqs").iter().filter(|it| it.tags.get(name) == Some(value)).count()
    };
    assert_eq!(tagged("kind", "second"), 1);
    assert_eq!(tagged("name", &server.fill("BASE/item/${}")), 2);
    assert_eq!(ran.sum("http_reqs"), 8.0);
}

#[tokio::test]
async fn what_fails_in_a_batch_fails_alone_unless_it_throws() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         const says = (f) => { try { f(); } catch (e) { return String(e); } return ''; };
         export default function () {
           const some = http.batch(['BASE/a', 'http://127.0.0.1:1/', 'nonsense', 'BASE/status/404', { method: 'GET' }, ['GET'], 3]);
           check(some, { codes: (l) => l.map((r) => [r.status, r.error_code]).join(';') === '200,0;0,1212;0,1000;404,1404;0,0;0,0;0,1020' });
           check(some, { url: (l) => l[4].error.includes('url') });
           check(http.batch([['GET', 'BASE/status/404', null, { responseCallback: http.expectedStatuses(404) }]]), { expected: (l) => l[0].status === 404 });
           check(says(() => http.batch(['BASE/b', ['GET', 'http://127.0.0.1:1/', null, { throw: true }], 'BASE/c'])), { throws: (t) => t.includes('refused') });
           check(says(() => http.batch()), { nothing: (t) => t.includes('no argument') });
           check(says(() => http.batch('BASE/a')), { text: (t) => t.includes('string') });
           check(says(() => http.batch(null)), { null: (t) => t.includes('null') });
           check(says(() => http.batch(['BASE/a'], {})), { two: (t) => t.includes('one argument') });
         }",
    ))
    .await;
    ran.is_clean();
    // All others of a batch that throws went out.
    let paths: Vec<String> = server.seen().iter().map(|seen| seen.path.clone()).collect();
    assert!(paths.contains(&"/b".to_owned()) && paths.contains(&"/c".to_owned()), "{paths:?}");
    let failed = ran.of("http_req_failed").iter().filter(|it| it.value == 1.0).count();
    // Refused twice, 404 once, no scheme once.
    assert_eq!(failed, 4);
}

async fn peak(script: &str) -> (usize, Vec<(String, usize)>) {
    let server = Server::start().await;
    let flags = Flags {
        hosts: vec![format!("a.test={}", server.address), format!("b.test={}", server.address)],
        ..Flags::default()
    };
    let ran = run_with(&server.fill(script), &flags, &[]).await.unwrap();
    ran.is_clean();
    assert_eq!(ran.sum("http_reqs"), 24.0);
    let gauge = server.gauge.lock().unwrap();
    (gauge.most, gauge.most_of_host.clone().into_iter().collect())
}

#[tokio::test]
async fn no_more_are_under_way_than_the_options_allow() {
    let requests = "import http from 'k6/http';
         export default function () {
           const urls = [];
           for (let i = 0; i < 12; i++) { urls.push('http://a.test/hold/150'); urls.push('http://b.test/hold/150'); }
           http.batch(urls);
         }";
    let hosts = |a, b| vec![("a.test".to_owned(), a), ("b.test".to_owned(), b)];
    let with = |options: &str| format!("export const options = {options}; {requests}");
    assert_eq!(peak(&with("{ batch: 5, batchPerHost: 3 }")).await, (5, hosts(3, 3)));
    assert_eq!(peak(&with("{ batch: 24, batchPerHost: 2 }")).await, (4, hosts(2, 2)));
    assert_eq!(peak(&with("{ batch: 8, batchPerHost: 0 }")).await.0, 8);
    assert_eq!(peak(requests).await, (12, hosts(6, 6)));
}

#[tokio::test]
async fn promises_settle_when_their_answers_come() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default async function () {
           const order = [];
           const slow = http.asyncRequest('GET', 'BASE/hold/400').then((r) => order.push('slow ' + r.status));
           const fast = http.asyncRequest('GET', 'BASE/hold/50').then((r) => order.push('fast ' + r.status));
           order.push('begun');
           await Promise.all([slow, fast]);
           check(order, { order: (o) => o.join() === 'begun,fast 200,slow 200' });
           const posted = await http.asyncRequest('POST', 'BASE/echo', { a: 'b' }, { headers: { 'X-Own': 'y' }, tags: { kind: 'async' } });
           check(posted, { posted: (r) => r.body === 'a=b' && r.headers['X-Method'] === 'POST' });
           check(await http.asyncRequest('GET', 'http://127.0.0.1:1/'), { refused: (r) => r.status === 0 && r.error_code === 1212 });
           check(await http.asyncRequest('GET', 'BASE/x', null, { timeout: 'soon' }), { unmade: (r) => r.status === 0 && r.error.includes('soon') });
           let said = ''; try { await http.asyncRequest('GET', 'http://127.0.0.1:1/', null, { throw: true }); } catch (e) { said = String(e); }
           check(said, { rejected: (t) => t.includes('refused') });
           check(await http.asyncRequest('GET', 'BASE/status/404', null, { responseCallback: http.expectedStatuses(404), responseType: 'none' }), { expected: (r) => r.status === 404 && r.body === null });
           http.asyncRequest('GET', 'BASE/x').then(() => console.log('late'));
           http.get('BASE/hold/100');
           console.log('blocked');
         }",
    ))
    .await;
    ran.is_clean();
    // What nobody awaited is waited for before the iteration ends, and not heard of before.
    assert_eq!(ran.logged(), ["blocked", "late"]);
    assert_eq!(ran.sum("http_reqs"), 8.0);
    let failed = ran.of("http_req_failed").iter().filter(|it| it.value == 1.0).count();
    assert_eq!(failed, 2);
}

#[tokio::test]
async fn a_promise_that_is_rejected_unheard_ends_the_iteration() {
    let ran = run(
        "import http from 'k6/http';
         export default function () { http.asyncRequest('GET', 'http://127.0.0.1:1/', null, { throw: true }); }",
    )
    .await;
    assert!(ran.said.contains("refused") && ran.said.contains("ERRO"), "{}", ran.said);
}
