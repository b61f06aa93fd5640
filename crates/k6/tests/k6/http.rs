//! `k6/http` against a real server.

use seaworthy_k6::options::Flags;

use crate::harness::{Server, run, run_with};

#[tokio::test]
async fn requests_block_the_script_and_are_measured() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export const options = { vus: 2, iterations: 10 };
         export default function () {
           const res = http.get('BASE/path?q=1');
           check(res, { status: (r) => r.status === 200, body: (r) => r.body === 'ok', header: (r) => r.headers['X-Path'] === '/path',
             timings: (r) => r.timings.duration > 0 && Math.abs(r.timings.duration - r.timings.sending - r.timings.waiting - r.timings.receiving) < 1e-6,
             text: (r) => r.status_text === '200 OK', proto: (r) => r.proto === 'HTTP/1.1', ip: (r) => r.remote_ip === '127.0.0.1',
             request: (r) => r.request.method === 'GET' && r.request.url === 'BASE/path?q=1', error: (r) => r.error === '' && r.error_code === 0 });
         }",
    ))
    .await;
    ran.is_clean();
    assert_eq!(ran.sum("http_reqs"), 10.0);
    assert_eq!(server.requests.lock().unwrap().len(), 10);
    let sample = ran.of("http_req_duration")[0];
    let tag = |name| sample.tags.get(name);
    assert_eq!(tag("status"), Some("200"));
    assert_eq!(tag("method"), Some("GET"));
    assert_eq!(tag("name"), Some(server.fill("BASE/path?q=1").as_str()));
    assert_eq!(tag("expected_response"), Some("true"));
    assert_eq!(
        (tag("proto"), tag("scenario"), tag("group")),
        (Some("HTTP/1.1"), Some("default"), Some(""))
    );
    assert_eq!(ran.of("http_req_failed").len(), 10);
    assert!(ran.sum("data_sent") > 500.0 && ran.sum("data_received") > 500.0);
}

#[tokio::test]
async fn answers_can_be_listed_and_written_over() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           const res = http.get('BASE/json');
           check(res, {
             'its fields are its own': (r) => Object.keys(r).length === 20 && Object.keys(r)[0] === 'remote_ip'
               && r.hasOwnProperty('status') && 'json' in r && !('nothing' in r) && r.nothing === undefined,
             'a copy has them': (r) => { const { status, ...rest } = r; return status === 200 && rest.body === r.body && !('status' in rest); },
             'as JSON it has values': (r) => { const j = JSON.parse(JSON.stringify(r)); return j.status === 200 && j.body === r.body && !('json' in j); },
             'what is made once stays': (r) => { r.headers.Own = 1; return r.headers.Own === 1 && r.headers === r.headers; },
             'another body is read': (r) => { r.body = '{\"x\":3}'; return r.json('x') === 3 && r.json().x === 3 && r.body.length === 7; },
             'no body is none': (r) => { r.body = null; try { r.json(); return false; } catch (e) { return r.body === null && e.message.includes('null'); } },
             'numbers stay numbers': (r) => { r.status = '404'; return r.status === 404; },
             'texts stay texts': (r) => { r.error = 12; return r.error === '12'; },
             'functions stay': (r) => { try { r.json = 1; return false; } catch (e) { return e instanceof TypeError && typeof r.json === 'function'; } },
             'nothing is added': (r) => { try { r.own = 1; return false; } catch (e) { return e instanceof TypeError && r.own === undefined; } },
             'nothing is deleted': (r) => { try { delete r.url; return false; } catch (e) { return e instanceof TypeError && r.url.startsWith('http'); } },
           });
         }",
    ))
    .await;
    ran.is_clean();
    let failed = ran.of("checks").into_iter().filter(|it| it.value == 0.0);
    let failed: Vec<_> = failed.map(|it| it.tags.get("check").unwrap().to_owned()).collect();
    assert_eq!((ran.of("checks").len(), failed), (11, Vec::new()));
}

#[tokio::test]
async fn bodies_parameters_and_methods_go_out_as_told() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           const json = http.post('BASE/echo', JSON.stringify({ a: 1 }), { headers: { 'Content-Type': 'application/json' }, tags: { kind: 'json' } });
           check(json, { json: (r) => r.json('a') === 1 && r.json().a === 1 && r.headers['X-Type'] === 'application/json' && r.headers['X-Method'] === 'POST' });
           const form = http.post('BASE/echo', { b: 'x y', a: ['1', '2'] });
           check(form, { form: (r) => r.body === 'a=1&a=2&b=x+y' && r.headers['X-Type'] === 'application/x-www-form-urlencoded' });
           const file = http.post('BASE/echo', { f: http.file('data', 'n.txt', 'text/plain'), g: '1' });
           check(file, { file: (r) => r.headers['X-Type'].startsWith('multipart/form-data; boundary=') && r.body.includes('filename=\"n.txt\"') });
           check(http.put('BASE/echo', 'p'), { put: (r) => r.headers['X-Method'] === 'PUT' && r.body === 'p' });
           check(http.del('BASE/echo', 'd'), { del: (r) => r.headers['X-Method'] === 'DELETE' && r.body === 'd' });
           check(http.patch('BASE/echo'), { patch: (r) => r.headers['X-Method'] === 'PATCH' });
           check(http.head('BASE/x'), { head: (r) => r.status === 200 && r.body === '' });
           check(http.options('BASE/echo'), { options: (r) => r.headers['X-Method'] === 'OPTIONS' });
           check(http.request('GET', 'BASE/json'), { request: (r) => r.json('a.b.2.c') === 'deep' && r.json('a.b.#') === 3 && r.json('nope') === undefined });
           const bin = http.get('BASE/x', { responseType: 'binary' });
           check(bin, { binary: (r) => r.body instanceof ArrayBuffer && r.body.byteLength === 2 });
           check(http.get('BASE/x', { responseType: 'none' }), { none: (r) => r.body === null });
           const bytes = new Uint8Array([65, 66]);
           check(http.post('BASE/echo', bytes.buffer), { buffer: (r) => r.body === 'AB' });
           check(http.get(http.url`BASE/item/${7}`), { named: (r) => r.status === 200 });
           check(http.get('BASE/x', { tags: { name: 'short' } }), { tagged: (r) => r.status === 200 });
         }",
    ))
    .await;
    ran.is_clean();
    let names: Vec<&str> =
        ran.of("http_reqs").iter().filter_map(|it| it.tags.get("name")).collect();
    assert!(names.contains(&server.fill("BASE/item/${}").as_str()), "{names:?}");
    let short = ran.of("http_reqs").into_iter().find(|it| it.tags.get("name") == Some("short"));
    assert_eq!(short.unwrap().tags.get("url"), Some("short"));
    assert!(ran.of("http_reqs").iter().any(|it| it.tags.get("kind") == Some("json")));
}

#[tokio::test]
async fn redirects_cookies_and_failures_are_k6s() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export const options = { vus: 1, iterations: 2 };
         export default function () {
           check(http.get('BASE/redirect/3'), { followed: (r) => r.status === 200 && r.url === 'BASE/final' });
           check(http.get('BASE/redirect/3', { redirects: 0 }), { kept: (r) => r.status === 302 });
           check(http.get('BASE/cookie'), { 'fresh jar': (r) => r.body === '' });
           check(http.get('BASE/setcookie/a=b'), { set: (r) => r.cookies.a[0].value === 'b' && r.cookies.a[0].http_only });
           check(http.get('BASE/cookie'), { sent: (r) => r.body === 'a=b' });
           check(http.get('BASE/cookie', { cookies: { c: 'd' } }), { own: (r) => r.body === 'c=d; a=b' });
           http.cookieJar().set('BASE', 'e', 'f');
           check(http.cookieJar().cookiesForURL('BASE/'), { jar: (c) => c.e[0] === 'f' && c.a[0] === 'b' });
           check(http.get('BASE/status/503'), { failed: (r) => r.status === 503 && r.error_code === 1503 && r.error === '' });
           check(http.get('http://127.0.0.1:1/'), { refused: (r) => r.status === 0 && r.error_code === 1212 && r.body === null });
           check(http.get('BASE/status/404', { responseCallback: http.expectedStatuses(404, { min: 500, max: 599 }) }), { expected: (r) => r.status === 404 });
           check(http.get('nonsense'), { unspoken: (r) => r.status === 0 && r.error_code === 1000 && r.error.includes('scheme') });
           check(http.get('http://a b/'), { invalid: (r) => r.status === 0 && r.error_code === 1020 });
           let threw = ''; try { http.get('http://127.0.0.1:1/', { throw: true }); } catch (e) { threw = String(e); }
           check(threw, { throws: (t) => t.includes('refused') });
         }",
    ))
    .await;
    ran.is_clean();
    let failed = ran.of("http_req_failed").iter().filter(|it| it.value == 1.0).count();
    // 503, refused twice and one of no scheme, in each iteration; the invalid one is no request.
    assert_eq!(failed, 8);
    let code = |code: &str| {
        ran.of("http_reqs").iter().filter(|it| it.tags.get("error_code") == Some(code)).count()
    };
    assert_eq!((code("1212"), code("1503"), code("1404")), (4, 2, 2));
    assert_eq!((code("1000"), code("1020")), (2, 0));
}

#[tokio::test]
async fn flags_and_environment_go_before_the_script() {
    let server = Server::start().await;
    let script = server.fill(
        "import http from 'k6/http';
         export const options = { vus: 1, iterations: 1 };
         export default function () { http.get('http://made-up.example:80/' + __ENV.WORD); }",
    );
    let flags = Flags {
        iterations: Some("4".to_owned()),
        vus: Some("2".to_owned()),
        hosts: vec![format!("made-up.example={}", server.address)],
        user_agent: Some("mine/1".to_owned()),
        ..Flags::default()
    };
    let ran = run_with(&script, &flags, &[("WORD", "hello")]).await.unwrap();
    ran.is_clean();
    let seen = server.requests.lock().unwrap();
    assert_eq!(seen.len(), 4);
    assert!(seen.iter().all(|it| it.path == "/hello" && it.headers["user-agent"] == "mine/1"));
}

#[tokio::test]
async fn what_makes_no_request_is_an_answer_unless_it_is_to_be_thrown() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         const no = (what) => (r) => r.status === 0 && r.body === '' && r.request === null && r.error.includes(what) && r.error_code === 0;
         export default function () {
           check(http.get('BASE/x', { timeout: 'soon' }), { timeout: no('soon') });
           check(http.get('BASE/x', { responseType: 'xml' }), { type: no('xml') });
           check(http.get('BASE/x', { responseCallback: 3 }), { callback: no('expectedStatuses') });
           check(http.post('BASE/x', 'b', { compression: 'zip' }), { compression: no('zip') });
           check(http.get('BASE/x', { headers: { 'a b': 'c' } }), { header: no('a b') });
           check(http.post('BASE/x', 5), { number: no('JSON.stringify') });
           check(http.post('BASE/x', [1]), { array: no('JSON.stringify') });
           check(http.get(3), { url: (r) => r.status === 0 && r.error_code === 1020 });
           let threw = ''; try { http.get('BASE/x', { timeout: 'soon', throw: true }); } catch (e) { threw = String(e); }
           check(threw, { throws: (t) => t.includes('soon') });
           check(http.get('BASE/x', { headers: 'h', tags: 't', cookies: 'c', jar: 'j', auth: 'a' }), { lenient: (r) => r.status === 200 });
           check(http.get('BASE/x', 'params'), { lenient2: (r) => r.status === 200 });
         }",
    ))
    .await;
    ran.is_clean();
    assert_eq!((server.seen().len(), ran.sum("http_reqs")), (2, 2.0));
    for said in
        ["headers must be an object", "jar must be a CookieJar", "parameters must be an object"]
    {
        assert!(ran.said.contains(said), "{said}: {}", ran.said);
    }
}

#[tokio::test]
async fn json_is_found_in_big_bodies_and_errors_say_where() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         const says = (f) => { try { f(); } catch (e) { return String(e); } return ''; };
         export default function () {
           const big = http.get('BASE/big/20000');
           check(big, { count: (r) => r.json('items.#') === 20000, last: (r) => r.json('items.19999.name') === 'item 19999',
             query: (r) => r.json('items.#(id==777).name') === 'item 777', many: (r) => r.json('items.#(id<3)#.id').length === 3,
             whole: (r) => r.json().items.length === 20000 });
           const bad = http.get('BASE/broken');
           check(bad, { place: (r) => says(() => r.json()).includes('line 2, character 5'), partly: (r) => r.json('a') === undefined });
           check(http.get('BASE/x', { responseType: 'none' }), { none: (r) => says(() => r.json()).includes('the body is null') });
         }",
    ))
    .await;
    ran.is_clean();
}

#[tokio::test]
async fn cookies_and_jars_are_what_k6_makes_of_them() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           const jar = http.cookieJar();
           jar.set('BASE', 'a', '1'); jar.set('BASE', 'b', '2', { path: '/cookie' });
           check(http.get('BASE/cookie', { cookies: { a: 'own' } }), { both: (r) => r.body === 'a=own; b=2; a=1' });
           check(http.get('BASE/cookie', { cookies: { a: { value: 'own', replace: true } } }), { replaced: (r) => r.body === 'a=own; b=2' });
           check(http.get('BASE/cookie', { headers: { Cookie: 'mine=0' } }), { header: (r) => r.body === 'mine=0; b=2; a=1' });
           const other = new http.CookieJar(); other.set('BASE', 'only', 'here');
           check(http.get('BASE/cookie', { jar: other }), { jar: (r) => r.body === 'only=here' });
           jar.delete('BASE', 'a');
           check(jar.cookiesForURL('BASE/cookie'), { deleted: (c) => c.a === undefined && c.b[0] === '2' });
           jar.clear('BASE/cookie');
           check(jar.cookiesForURL('BASE/cookie'), { cleared: (c) => Object.keys(c).length === 0 });
           let threw = ''; try { jar.set('BASE', 'c', 'd', { expires: 'soon' }); } catch (e) { threw = String(e); }
           check(threw, { expires: (t) => t.includes('expires') });
           check(http.get('BASE/cookie', { cookies: { m: '1' } }).request, { request: (r) => r.cookies.m[0].value === '1' && r.headers.Cookie[0] === 'm=1' && r.headers['User-Agent'].length === 1 });
         }",
    ))
    .await;
    ran.is_clean();
}

#[tokio::test]
async fn bodies_are_packed_and_logins_proved() {
    let server = Server::start().await;
    let ran = run(&server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           http.post('BASE/packed', 'a'.repeat(1000), { compression: 'gzip' });
           http.post('BASE/packed', 'a'.repeat(1000), { compression: 'deflate, br' });
           const at = (path) => 'http://user:pass@127.0.0.1:PORT' + path;
           http.get(at('/basic'));
           check(http.get(at('/digest?q=1'), { auth: 'digest' }), { digest: (r) => r.status === 200 && r.body === 'in' });
           check(http.post(at('/digest'), 'x', { auth: 'digest' }), { post: (r) => r.status === 200 });
           check(http.get('http://user:wrong@127.0.0.1:PORT/digest', { auth: 'digest' }), { wrong: (r) => r.status === 401 });
           check(http.get(at('/ntlm'), { auth: 'ntlm' }), { ntlm: (r) => r.status === 200 && r.body === 'in' });
         }",
    ))
    .await;
    ran.is_clean();
    let seen = server.seen();
    assert_eq!(seen[0].headers["content-encoding"], "gzip");
    assert!(seen[0].body.starts_with(&[0x1f, 0x8b]) && seen[0].body.len() < 100);
    assert_eq!(seen[1].headers["content-encoding"], "deflate, br");
    assert!(seen[1].body.len() < 100);
    assert_eq!(seen[2].headers["authorization"], "Basic dXNlcjpwYXNz");
    // Of a digest both exchanges are measured, of NTLM all three.
    let count = |status| {
        ran.of("http_reqs").iter().filter(|it| it.tags.get("status") == Some(status)).count()
    };
    assert_eq!((count("200"), count("401")), (6, 3 + 1 + 2));
    // A login does not get into names and logs.
    assert!(ran.of("http_reqs").iter().all(|it| !it.tags.get("name").unwrap().contains("pass@")));
}
