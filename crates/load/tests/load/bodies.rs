//! Bodies of every kind, redirects, and tags, over real sockets.

use std::time::Duration;

use seaworthy_net::coding::{Coding, decode, encode};

use crate::service::{Reply, Service, ok};

fn one(step: &str) -> String {
    format!(
        "  - {{name: f, target: service, variables: [{{name: v, value: 'a&b ü'}}], steps: [{{name: s, {step}}}]}}"
    )
}

#[tokio::test]
async fn forms_are_sent_as_browsers_do() {
    let service = Service::start(|_, _| ok("")).await;
    for (form, body) in [
        ("{a: 'x y', b: [1, true, 'é']}", "a=x+y&b=1&b=true&b=%C3%A9"),
        ("{who: '${v}*', n: '${iteration}'}", "n=0&who=a%26b+%C3%BC*"),
    ] {
        let flow = one(&format!("request: POST /, form: {form}"));
        service.iterations(1, &flow).run_for_real().await;
        let asked = service.asked().pop().unwrap();
        assert_eq!(asked.text(), body);
        assert_eq!(asked.header("content-type"), Some("application/x-www-form-urlencoded"));
    }
}

#[tokio::test]
async fn parts_are_sent_with_files() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("a")).unwrap();
    std::fs::write(folder.path().join("a/logo.png"), b"\x89PNG\0\xff").unwrap();
    let service = Service::start(|_, _| ok("")).await;
    for value in ["fixed", "${v}"] {
        let flow = one(&format!(
            "request: POST /, multipart: [{{name: t, value: '{value}'}}, {{name: f, file: a/logo.png, contentType: image/png}}]"
        ));
        let load =
            "load: [{flow: f, executor: per-vu-iterations, vus: 1, iterations: 2}]\nflows:\n";
        let trial = service.trial(&format!("{load}{flow}"), Duration::from_secs(60), folder.path());
        trial.run_for_real().await;
        let asked = service.asked().pop().unwrap();
        let media = asked.header("content-type").unwrap();
        let boundary = media.strip_prefix("multipart/form-data; boundary=").unwrap();
        let value = if value == "fixed" { value } else { "a&b ü" };
        let head = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"t\"\r\n\r\n{value}\r\n--{boundary}\r\nContent-Disposition: form-data; name=\"f\"; filename=\"logo.png\"\r\nContent-Type: image/png\r\n\r\n"
        );
        let end = format!("\r\n--{boundary}--\r\n");
        assert_eq!(asked.body, [head.as_bytes(), b"\x89PNG\0\xff", end.as_bytes()].concat());
    }
}

#[tokio::test]
async fn bodies_are_compressed_and_answers_unpacked() {
    let service = Service::start(|_, asked| {
        let coding = asked.header("content-encoding").unwrap();
        let packed = encode(Coding::named(coding).unwrap(), b"{\"ok\": [1, 2]}");
        let headers = vec![("Content-Encoding", coding.to_owned())];
        Reply::Answer(200, headers, packed.to_vec())
    })
    .await;
    for (coding, text) in [
        ("gzip", "fixed"),
        ("deflate", "fixed"),
        ("br", "${v}"),
        ("zstd", "${v}"),
        ("gzip", "${v}"),
    ] {
        let flow = one(&format!(
            "request: POST /, text: '{text}', compress: {coding}, expect: {{json: {{'$.ok[1]': 2}}}}, extract: {{ok: $.ok}}"
        ));
        let done = service.iterations(1, &flow).run_for_real().await;
        assert_eq!(done.report.loads[0].failures, [], "{coding}");
        let asked = service.asked().pop().unwrap();
        let mut headers = http::HeaderMap::new();
        headers
            .insert("content-encoding", asked.header("content-encoding").unwrap().parse().unwrap());
        let body = decode(&headers, asked.body.into(), 1000).unwrap();
        assert_eq!(body, if text == "fixed" { "fixed" } else { "a&b ü" });
        assert_eq!(done.rate("checks", &[]), (2, 2));
    }
    let broken = Service::start(|_, _| {
        Reply::Answer(200, vec![("Content-Encoding", "gzip".to_owned())], b"{\"ok\": 1}".to_vec())
    })
    .await;
    let flow = one("request: GET /, expect: {json: {$.ok: 1}}");
    let done = broken.iterations(1, &flow).run_for_real().await;
    assert_eq!(done.rate("checks", &[]), (1, 0));
    assert!(done.report.loads[0].failures[0].example.contains("gzip"));
}

#[tokio::test]
async fn redirects_are_followed_and_each_is_a_request() {
    let service = Service::start(|_, asked| {
        let to = |status, place: &str| {
            Reply::Answer(status, vec![("Location", place.to_owned())], vec![])
        };
        match asked.line.split(' ').nth(1).unwrap() {
            "/old" => to(302, "/older"),
            "/older" => to(307, "/new"),
            "/circle" => to(301, "/circle"),
            _ => ok("{\"here\": true}"),
        }
    })
    .await;
    // Once the same in every iteration, once filled in anew.
    for step in ["request: GET /old", "request: GET /old, headers: {x: '${v}'}"] {
        let flow = one(&format!("{step}, expect: {{json: {{$.here: true}}}}"));
        let done = service.iterations(2, &flow).run_for_real().await;
        assert_eq!(done.report.loads[0].failures, []);
        for (status, count) in [("302", 2), ("307", 2), ("200", 2)] {
            assert_eq!(done.count("http_reqs", &[("status", status)]), count, "{status}");
        }
        assert_eq!(done.rate("http_req_failed", &[]), (6, 0));
        assert_eq!(done.times("http_req_duration", &[]).count(), 6);
        assert_eq!(done.times("response_time", &[]).count(), 2);
    }
    for (step, status) in [
        ("request: GET /old, redirects: 0", "302"),
        ("request: GET /old, expect: {status: 3xx}", "302"),
        ("request: GET /old, redirects: 1", "error:too_many_redirects"),
        ("request: GET /circle", "error:too_many_redirects"),
    ] {
        let done = service.iterations(1, &one(step)).run_for_real().await;
        assert_eq!(done.count("http_reqs", &[("status", status)]), 1, "{step}");
    }
    let plain = service.iterations(3, &one("request: GET /old")).run_for_real().await;
    assert_eq!(plain.count("http_reqs", &[("status", "200")]), 3);
}

#[tokio::test]
async fn tags_tell_requests_of_a_step_apart() {
    let service = Service::start(|_, _| ok("")).await;
    let flow = one("request: GET /, tags: {round: 'r${iteration}', kind: x}");
    let done = service.iterations(3, &flow).run_for_real().await;
    assert_eq!(done.count("http_reqs", &[("step", "s"), ("kind", "x")]), 3);
    for round in ["r0", "r1", "r2"] {
        assert_eq!(done.count("http_reqs", &[("round", round), ("status", "200")]), 1);
        assert_eq!(done.times("response_time", &[("round", round)]).count(), 1);
    }
}
