//! Steps of `start`: once for each virtual user, before its first iteration, and again when they
//! failed; and what becomes of cookies.

use std::sync::atomic::{AtomicUsize, Ordering};

use crate::service::{Reply, Service, ok};

const SIGN_IN: &str = r#"
  - name: f
    target: service
    COOKIES
    variables: [{name: pick, random: [0, 1000000]}]
    start:
      - {name: sign in, request: POST /in, body: {pick: "${pick}"}, extract: {token: $.token}}
    steps:
      - {name: use, request: "GET /use/${token}"}
      - {name: again, request: GET /again}
"#;

fn sign_in(cookies: &str) -> String {
    SIGN_IN.replace("COOKIES", cookies)
}

#[tokio::test]
async fn a_virtual_user_starts_once() {
    let tokens = AtomicUsize::new(0);
    let service = Service::start(move |_, asked| match asked.line.as_str() {
        "POST /in" => ok(&format!("{{\"token\": {}}}", tokens.fetch_add(1, Ordering::Relaxed))),
        _ => ok("{}"),
    })
    .await;
    let yaml = format!(
        "load: [{{flow: f, executor: per-vu-iterations, vus: 3, iterations: 4}}]\nflows:\n{}",
        sign_in("")
    );
    let trial = service.trial(&yaml, std::time::Duration::from_secs(60), ".".as_ref());
    let done = trial.run_for_real().await;
    assert_eq!(done.report.loads[0].failures, []);
    assert_eq!(service.count("POST /in"), 3);
    for token in 0..3 {
        assert_eq!(service.count(&format!("GET /use/{token}")), 4);
    }
    // Measured like any other, and no part of how many requests an iteration makes.
    assert_eq!(done.count("http_reqs", &[("step", "sign in"), ("status", "200")]), 3);
    assert_eq!(done.times("response_time", &[("step", "sign in")]).count(), 3);
    assert_eq!(done.rate("checks", &[("check", "sign in: extract token")]), (3, 3));
    assert_eq!(done.report.loads[0].completed, 12);
}

#[tokio::test]
async fn a_start_that_failed_is_tried_again() {
    let tries = AtomicUsize::new(0);
    let service = Service::start(move |_, asked| match asked.line.as_str() {
        "POST /in" if tries.fetch_add(1, Ordering::Relaxed) < 2 => {
            Reply::Answer(503, Vec::new(), Vec::new())
        }
        _ => ok("{\"token\": 7}"),
    })
    .await;
    let done = service.iterations(5, &sign_in("")).run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!((load.failed_iterations, load.completed), (2, 3));
    assert_eq!((service.count("POST /in"), service.count("GET /use/7")), (3, 3));
    assert_eq!(load.failures[0].code, "status 503");
}

#[tokio::test]
async fn cookies_are_forgotten_kept_or_off() {
    // What the second step of each of three iterations sends.
    for (cookies, expected) in [
        // Those of `start` stay, those of an iteration do not.
        ("", [Some("sid=1; use=0"), Some("sid=1; use=1"), Some("sid=1; use=2")]),
        ("cookies: keep", [Some("sid=1; use=0"), Some("sid=1; use=1"), Some("sid=1; use=2")]),
        ("cookies: off", [None; 3]),
    ] {
        let uses = AtomicUsize::new(0);
        let service = Service::start(move |_, asked| {
            let cookie = match asked.line.as_str() {
                "POST /in" => "sid=1".to_owned(),
                "GET /again" => return ok("{}"),
                _ => format!("use={}; Path=/", uses.fetch_add(1, Ordering::Relaxed)),
            };
            Reply::Answer(200, vec![("Set-Cookie", cookie)], b"{\"token\": 7}".to_vec())
        })
        .await;
        let done = service.iterations(3, &sign_in(cookies)).run_for_real().await;
        assert_eq!(done.report.loads[0].failures, []);
        let asked = service.asked();
        let sent = |line: &str| -> Vec<Option<String>> {
            let of = asked.iter().filter(|asked| asked.line == line);
            of.map(|asked| asked.header("cookie").map(str::to_owned)).collect()
        };
        assert_eq!(sent("GET /again"), expected.map(|it| it.map(str::to_owned)), "{cookies}");
        let first = sent("GET /use/7");
        let at_first = match cookies {
            "" => [Some("sid=1"), Some("sid=1"), Some("sid=1")],
            "cookies: keep" => [Some("sid=1"), Some("sid=1; use=0"), Some("sid=1; use=1")],
            _ => [None; 3],
        };
        assert_eq!(first, at_first.map(|it| it.map(str::to_owned)), "{cookies}");
    }
}

#[tokio::test]
async fn without_start_each_iteration_begins_without_cookies() {
    let service = Service::start(|_, _| {
        Reply::Answer(200, vec![("Set-Cookie", "a=b".to_owned())], Vec::new())
    })
    .await;
    // The requests are the same in every iteration: written out once.
    let flow = "  - {name: f, target: service, steps: [{name: a, request: GET /a}, {name: b, request: GET /b}]}";
    service.iterations(3, flow).run_for_real().await;
    for asked in service.asked() {
        let expected = (asked.line == "GET /b").then_some("a=b");
        assert_eq!(asked.header("cookie"), expected, "{}", asked.line);
    }
}
