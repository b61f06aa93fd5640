//! `httpDebug`, and what else requests say in the log.

use seaworthy_k6::options::Flags;

use crate::harness::{Ran, Server, run, run_with};

const SCRIPT: &str = "import http from 'k6/http';
     export default function () {
       http.post('BASE/echo', 'the body', { headers: { Authorization: 'Bearer abc', 'Content-Type': 'x/y' } });
       http.get('BASE/redirect/1');
       http.batch(['BASE/in-batch']);
     }";

async fn with(server: &Server, debug: Option<&str>) -> Ran {
    let flags = Flags { http_debug: debug.map(str::to_owned), ..Flags::default() };
    let ran = run_with(&server.fill(SCRIPT), &flags, &[]).await.unwrap();
    ran.is_clean();
    ran
}

#[tokio::test]
async fn requests_and_answers_are_logged_as_they_went_out() {
    let server = Server::start().await;
    let said = with(&server, Some("headers")).await.said;
    let request = server.fill("Request:\nPOST /echo HTTP/1.1\nHost: 127.0.0.1:PORT\nUser-Agent: ");
    assert!(said.contains(&request), "{said}");
    assert!(
        said.contains(
            "\nAuthorization: Bearer abc\nContent-Type: x/y\nContent-Length: 8\n\n\n  group="
        ),
        "{said}"
    );
    assert!(said.contains("Response:\nHTTP/1.1 200 OK\nX-Method: POST\n"), "{said}");
    assert!(said.contains("Response:\nHTTP/1.1 302 Found\nLocation: /final\n"), "{said}");
    assert!(said.contains(&server.fill("\nReferer: BASE/redirect/1\n")), "{said}");
    assert!(said.contains("GET /in-batch HTTP/1.1\n") && !said.contains("the body"), "{said}");
    assert!(said.contains(" scenario=default source=http-debug vu=1\n"), "{said}");
    assert_eq!((said.matches("Request:").count(), said.matches("Response:").count()), (4, 4));

    let said = with(&server, Some("full")).await.said;
    assert_eq!(said.matches("\n\nthe body\n").count(), 2, "{said}");
    assert!(!with(&server, None).await.said.contains("Request:"));
}

#[tokio::test]
async fn redirects_that_nobody_limited_are_told_of() {
    let server = Server::start().await;
    let script = server.fill(
        "import http from 'k6/http'; import { check } from 'k6';
         export default function () {
           check(http.get('BASE/redirect/12'), { last: (r) => r.status === 302 && r.url === 'BASE/redirect/2' });
           check(http.get('BASE/redirect/12', { redirects: 2 }), { two: (r) => r.status === 302 && r.url === 'BASE/redirect/10' });
         }",
    );
    let ran = run(&script).await;
    ran.is_clean();
    assert_eq!(ran.said.matches("WARN").count(), 1, "{}", ran.said);
    assert!(ran.said.contains("stopped after 10 redirects"), "{}", ran.said);
    let flags = Flags { max_redirects: Some("3".to_owned()), ..Flags::default() };
    let ran = run_with(&script, &flags, &[]).await.unwrap();
    assert!(!ran.said.contains("WARN"), "{}", ran.said);
    let checks = ran.checks();
    assert_eq!((checks["last"], checks["two"]), ((0, 1), (1, 0)));
}
