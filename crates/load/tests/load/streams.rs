//! Streams of events that virtual users hold open, and the events they wait for.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::service::{Reply, Service, ok};

const FLOW: &str = r#"
  - name: f
    target: service
    start:
      - {name: sign in, request: POST /in, extract: {id: $.id}}
      - name: open
        request: GET /events?session=${id}
        stream: sse
        expect: {status: 200, headers: {content-type: text/event-stream*}}
        extract: {node: {header: x-node}}
    steps:
      - {name: turn, request: "POST /turn/${node}", body: {n: "${index}"}}
      - name: done
        receive: {from: open, event: done, json: {"$.n": "${index}"}, within: WITHIN}
        extract: {took: $.took}
        tags: {node: "${node}"}
      - {name: use, request: "GET /use/${took}"}
"#;

fn flow(within: &str) -> String {
    FLOW.replace("WITHIN", within)
}

#[tokio::test]
async fn events_are_waited_for_and_others_counted() {
    let service = Service::start(|service, asked| match asked.line.as_str() {
        "GET /events?session=9" => Reply::Events,
        "POST /turn/n1" => {
            let n: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
            service.tell(": a comment\n\nevent: noise\ndata: x\n\n");
            service.tell("event: done\ndata: {\"n\": -1}\n\n");
            service
                .tell(&format!("event: done\ndata: {{\"n\": {},\ndata: \"took\": 5}}\n\n", n["n"]));
            ok("{}")
        }
        _ => ok("{\"id\": 9}"),
    })
    .await;
    let done = service.iterations(4, &flow("30s")).run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!(load.failures, []);
    assert_eq!((load.completed, service.count("GET /use/5")), (4, 4));
    assert_eq!((service.count("POST /in"), service.count("GET /events?session=9")), (1, 1));
    // The stream's head is measured as the request; a wait is not a request.
    assert_eq!(done.count("http_reqs", &[("step", "open"), ("status", "200")]), 1);
    assert_eq!(done.count("http_reqs", &[("step", "done")]), 0);
    assert_eq!(done.rate("checks", &[("check", "open: header content-type")]), (1, 1));
    let tags = [("flow", "f"), ("step", "done"), ("node", "n1")];
    assert_eq!(done.times("stream_wait", &tags).count(), 4);
    assert_eq!(done.count("stream_events", &tags), 12);
    assert_eq!(done.rate("checks", &[("check", "done: received"), ("node", "n1")]), (4, 4));
    assert_eq!(done.rate("checks", &[("check", "done: extract took")]), (4, 4));
    // Once when it was opened, and before each iteration after that.
    assert_eq!(done.rate("checks", &[("check", "open: open")]), (4, 4));
}

#[tokio::test]
async fn an_event_that_does_not_come_fails_the_iteration() {
    let service = Service::start(|service, asked| match asked.line.as_str() {
        "GET /events?session=9" => Reply::Events,
        "POST /turn/n1" => {
            service.tell("event: done\ndata: {\"n\": 1000}\n\n");
            ok("{}")
        }
        _ => ok("{\"id\": 9}"),
    })
    .await;
    let done = service.iterations(2, &flow("80ms")).run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!((load.failed_iterations, load.completed), (2, 0));
    // The stream is as it was: nothing is started again.
    assert_eq!(service.count("POST /in"), 1);
    let failure = &load.failures[0];
    assert_eq!(
        (failure.step.as_str(), failure.code.as_str(), failure.count),
        ("done", "event_timeout", 2)
    );
    assert_eq!(failure.example, "no such event within 80ms, 1 other(s) came");
    assert_eq!(done.rate("checks", &[("check", "done: received")]), (2, 0));
    // A wait that was in vain is recorded with the time it took.
    assert_eq!(done.times("stream_wait", &[]).count(), 2);
    assert!(done.quantile("stream_wait", 0.0) >= 80_000_000 * 99 / 100);
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_again() {
    let turns = AtomicUsize::new(0);
    let service = Service::start(move |service, asked| match asked.line.as_str() {
        "GET /events?session=9" => Reply::Events,
        "POST /turn/n1" => {
            if turns.fetch_add(1, Ordering::Relaxed) == 1 {
                service.hang_up();
            } else {
                let n: serde_json::Value = serde_json::from_slice(&asked.body).unwrap();
                service.tell(&format!("event: done\ndata: {{\"n\": {}, \"took\": 5}}\n\n", n["n"]));
            }
            ok("{}")
        }
        _ => ok("{\"id\": 9}"),
    })
    .await;
    let done = service.iterations(4, &flow("30s")).run_for_real().await;
    let load = &done.report.loads[0];
    assert_eq!((load.failed_iterations, load.completed), (1, 3));
    assert_eq!((service.count("POST /in"), service.count("GET /events?session=9")), (2, 2));
    assert_eq!(done.count("stream_errors", &[("step", "open"), ("error", "stream_ended")]), 1);
    assert!(load.failures.iter().any(|failure| failure.code == "stream_ended"));
    // Opened twice, found open twice, and found ended once.
    assert_eq!(done.rate("checks", &[("check", "open: open")]), (5, 4));
}

#[tokio::test]
async fn a_stream_nobody_reads_is_looked_at_before_each_iteration() {
    let flow = "
  - name: f
    target: service
    start: [{name: open, request: GET /events, stream: sse}]
    steps: [{name: s, request: GET /s, pause: 20ms}]
";
    let asked_for = AtomicUsize::new(0);
    let service = Service::start(move |service, asked| {
        if asked.line == "GET /events" {
            return Reply::Events;
        }
        match asked_for.fetch_add(1, Ordering::Relaxed) {
            4 => service.hang_up(),
            _ => service.tell("data: x\n\n"),
        }
        ok("")
    })
    .await;
    let load = "load: [{flow: f, executor: constant-vus, vus: 1, duration: 5s}]\nflows:";
    let mut trial = service.trial(&format!("{load}{flow}"), Duration::from_secs(5), ".".as_ref());
    let stop = trial.options.stop.clone();
    trial.options.phase = "steady".to_owned();
    let watching = service.clone();
    tokio::spawn(async move {
        // Until the stream was opened a second time.
        while watching.count("GET /events") < 2 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    let done = trial.run_for_real().await;
    assert_eq!(done.count("stream_errors", &[("step", "open"), ("error", "stream_ended")]), 1);
    assert_eq!(done.report.loads[0].failed_iterations, 1);
    let (looks, open) = done.rate("checks", &[("check", "open: open")]);
    assert_eq!(looks - open, 1);
    assert_eq!(done.count("stream_events", &[("step", "open")]), 4);
}

#[tokio::test]
async fn what_is_no_stream_of_events_is_refused() {
    let service = Service::start(|_, asked| match asked.line.as_str() {
        "GET /401" => Reply::Answer(401, Vec::new(), b"who?".to_vec()),
        _ => ok("hello"),
    })
    .await;
    for (path, said) in [("401", "401"), ("html", "no content type")] {
        let flow = format!(
            "  - {{name: f, target: service, steps: [{{name: open, request: GET /{path}, stream: sse}}]}}"
        );
        let done = service.iterations(1, &flow).run_for_real().await;
        let failure = &done.report.loads[0].failures[0];
        assert_eq!(failure.code, "not_an_event_stream");
        assert!(failure.example.contains(said), "{}", failure.example);
        assert_eq!(done.rate("http_req_failed", &[("step", "open")]), (1, 1));
        assert_eq!(done.rate("checks", &[("check", "open: open")]), (1, 0));
    }
}
