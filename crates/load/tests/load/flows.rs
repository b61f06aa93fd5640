//! Iterations against a real HTTP server over in-memory streams: what is sent, what is checked,
//! what is recorded.

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::world::{Trial, World, answer, checked, known, plan};
use seaworthy_base::Clock;
use seaworthy_load::{Error, Service, Setting, Timer, check, run_once};
use seaworthy_net::{Network, Pending, Stream, Url};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

const SECOND: Duration = Duration::from_secs(1);

/// One user, one iteration a second, for five seconds.
const LOAD: &str = "load: [{flow: f, executor: constant-arrival-rate, rate: 1, maxVUs: 1}]\n";

fn five(world: &World, flow: &str, variables: Value) -> Trial {
    Trial::with(world, &format!("{LOAD}{flow}"), 5 * SECOND, variables)
}

/// Answers with the request's own body, or an empty object.
fn mirror() -> World {
    World::new(|seen| async move {
        answer(200, &serde_json::from_str(&seen.body).unwrap_or_else(|_| json!({})))
    })
}

#[tokio::test(start_paused = true)]
async fn requests_are_filled_in() {
    let world = mirror();
    let flow = r#"
flows:
  - name: f
    target: service
    variables:
      - {name: ship, cycle: {by: "${index}", of: [Aurora, "Flying \"D\"", 3]}}
      - {name: port, choice: "${ports}"}
      - {name: case, choice: [{text: "to ${port}", deep: [1, {yes: true}]}]}
      - {name: all, value: {ship: "${ship}", n: 1.5}}
    steps:
      - name: send
        request: PUT /ships/${ship}/${port}?again=${port}
        headers: {Authorization: "Bearer ${secret.token}", X-Ship: "no. ${iteration} of ${vu}"}
        body:
          text: "${case.text}, ${ship}!"
          typed: ["${case.deep[1].yes}", "${all}", "${index}", "${case.deep}"]
          literal: "$${ship} $5"
          "odd \"key\"": null
"#;
    let variables = json!({"ports": ["a/b ü"], "secret": {"token": "t0"}});
    let done = five(&world, flow, variables).run().await;
    assert_eq!(done.report.loads[0].failures, []);
    let seen = world.seen();
    assert_eq!(seen.len(), 5);
    assert_eq!(seen[1].method, "PUT");
    let place = "a%2Fb%20%C3%BC";
    assert_eq!(seen[1].target, format!("/ships/Flying%20%22D%22/{place}?again={place}"));
    assert_eq!(seen[1].headers["authorization"], "Bearer t0");
    assert_eq!(seen[1].headers["x-ship"], "no. 1 of 1");
    assert_eq!(seen[1].headers["content-type"], "application/json");
    assert_eq!(seen[1].headers["content-length"], seen[1].body.len().to_string());
    let expected = json!({
        "text": "to a/b ü, Flying \"D\"!",
        "typed": [true, {"ship": "Flying \"D\"", "n": 1.5}, 1, [1, {"yes": true}]],
        "literal": "${ship} $5",
        "odd \"key\"": null,
    });
    assert_eq!(serde_json::from_str::<Value>(&seen[1].body).unwrap(), expected);
    // A number from a cycle keeps its type.
    let typed: Value = serde_json::from_str(&seen[2].body).unwrap();
    assert_eq!(typed["typed"][1]["ship"], json!(3));
}

#[tokio::test(start_paused = true)]
async fn draws_repeat_with_the_seed_and_differ_between_iterations() {
    let flow = r#"
flows:
  - name: f
    target: service
    variables: [{name: pick, random: [0, 1000000]}, {name: word, choice: [a, b, c, d, e, f, g, h]}]
    steps: [{name: s, request: "GET /${pick}/${word}"}, {name: t, request: "GET /id/${uuid}/${uuid}"}]
"#;
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let world = mirror();
        let mut trial = five(&world, flow, json!({}));
        trial.options.seed = seed;
        trial.run().await;
        let targets: Vec<String> = world.seen().into_iter().map(|seen| seen.target).collect();
        let (ids, mut picks): (Vec<String>, Vec<String>) =
            targets.into_iter().partition(|target| target.starts_with("/id/"));
        // Each use of `uuid` is a new one.
        let mut ids: Vec<&str> = ids.iter().flat_map(|id| id[4..].split('/')).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 10);
        runs.push(picks.clone());
        picks.sort();
        picks.dedup();
        assert_eq!(picks.len(), 5);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test(start_paused = true)]
async fn what_a_step_extracts_feeds_the_next() {
    let world = World::new(|seen| async move {
        if seen.target == "/sessions" {
            let mut answer = answer(201, &json!({"session": {"ids": [{"n": 41}, {"n": 42}]}}));
            answer.headers_mut().insert("location", "/sessions/a b?x=1".parse().unwrap());
            return answer;
        }
        answer(200, &json!({"n": 42.0, "list": [1, 2]}))
    });
    let flow = r#"
flows:
  - name: f
    target: service
    steps:
      - name: open
        request: POST /sessions
        body: {}
        expect: {status: 201}
        extract: {id: "$.session.ids[1].n", link: {header: location}, all: $.session}
      - name: use
        request: POST /use/${id}
        body: {id: "${id}", all: "${all.ids[0]}"}
        expect: {json: {"$.n": "${id}", "$.list": [1, 2]}, headers: {content-type: "application/json*"}}
      - name: follow
        request: GET ${link}
"#;
    let done = five(&world, flow, json!({})).run().await;
    let load = &done.report.loads[0];
    assert_eq!((load.completed, load.requests, load.failed), (5, 15, 0));
    assert_eq!(load.failures, []);
    let seen = world.seen();
    assert_eq!(seen[1].target, "/use/42");
    assert_eq!(seen[1].body, r#"{"id":42,"all":{"n":41}}"#);
    assert_eq!(seen[2].target, "/sessions/a%20b?x=1");
    for check in [
        "open: status",
        "open: extract id",
        "open: extract link",
        "use: $.n",
        "use: $.list",
        "use: header content-type",
    ] {
        assert_eq!(done.rate("checks", &[("check", check), ("flow", "f")]), (5, 5), "{check}");
    }
    assert_eq!(done.rate("checks", &[]), (35, 35));
    // The first step counts from when it was due, the others from their own start.
    assert_eq!(done.times("response_time", &[("step", "follow")]).count(), 5);
}

#[tokio::test(start_paused = true)]
async fn failed_expectations_are_checks_and_unexpected_statuses_end_the_iteration() {
    let world = World::new(|seen| async move {
        match seen.target.as_str() {
            "/0" | "/1" => answer(503, &json!({"title": "not now", "secret": "x".repeat(20_000)})),
            "/2" => answer(200, &json!({"n": 2})),
            "/3" => answer(200, &json!({"n": 3, "id": 7})),
            _ => http::Response::new(bytes::Bytes::from("no json").into()),
        }
    });
    let flow = r#"
flows:
  - name: f
    target: service
    steps:
      - name: a
        request: GET /${index}
        expect: {headers: {content-type: application/json*}, json: {"$.n": 3}}
        extract: {id: $.id}
      - {name: b, request: "GET /3"}
"#;
    let done = five(&world, flow, json!({})).run().await;
    let load = &done.report.loads[0];
    // Five first steps; only the third index, which can extract, goes on to the second.
    assert_eq!((load.completed, load.requests, load.failed), (1, 6, 2));
    assert_eq!(load.failed_iterations, 4);
    assert_eq!((done.count("iterations", &[]), done.count("failed_iterations", &[])), (1, 4));
    assert_eq!(done.times("iteration_duration", &[]).count(), 1);
    assert_eq!(done.rate("http_req_failed", &[("step", "a")]), (5, 2));
    assert_eq!(done.rate("http_req_failed", &[("step", "b")]), (1, 0));
    assert_eq!(done.count("http_reqs", &[("status", "503")]), 2);
    assert_eq!(done.count("http_reqs", &[("status", "200"), ("step", "a")]), 3);
    // Answers that are refused have their time recorded too.
    assert_eq!(done.times("http_req_duration", &[("step", "a")]).count(), 5);
    assert_eq!(done.rate("checks", &[("check", "a: header content-type")]), (5, 4));
    assert_eq!(done.rate("checks", &[("check", "a: $.n")]), (5, 1));
    assert_eq!(done.rate("checks", &[("check", "a: extract id")]), (5, 1));
    let failure = |code: &str| {
        let found = load.failures.iter().find(|failure| failure.code == code);
        found.unwrap_or_else(|| panic!("{code}: {:#?}", load.failures))
    };
    let status = failure("status 503");
    assert_eq!((status.count, status.step.as_str()), (2, "a"));
    assert!(status.example.starts_with(
        "status 503 came, 200 to 399 expected; the body begins: {\"title\":\"not now\""
    ));
    assert!(status.example.ends_with("xxx…"));
    assert!(failure("check a: $.n").example.starts_with("`$.n` is 2, 3 expected"));
    let header = &failure("check a: header content-type").example;
    assert_eq!(
        header,
        "header `content-type` is missing, `application/json*` expected; the body begins: no json"
    );
}

#[tokio::test(start_paused = true)]
async fn a_pause_is_part_of_the_iteration_also_after_a_failure() {
    let world = World::new(|_| async move { answer(500, &json!({})) });
    let flow = "
flows: [{name: f, target: service, steps: [{name: a, request: GET /, pause: [200ms, 400ms]}]}]
load: [{flow: f, executor: constant-vus, vus: 1, duration: 60s}]";
    // A check that does not hold is no reason to end the iteration.
    let checked = flow.replace("GET /,", "GET /, expect: {status: 500, json: {$.n: 1}},");
    let done = Trial::new(&world, &checked, 60 * SECOND).run().await;
    let times = done.times("iteration_duration", &[]);
    assert!(times.min().unwrap() >= 200_000_000 && times.max().unwrap() <= 402_000_000);
    assert!(times.max().unwrap() - times.min().unwrap() > 100_000_000, "it is drawn");
    // An unexpected status ends it, and the pause still keeps the virtual user from hurrying on.
    let done = Trial::new(&world, flow, 60 * SECOND).run().await;
    assert_eq!(done.times("iteration_duration", &[]).count(), 0);
    assert_eq!(done.report.loads[0].failed, done.report.loads[0].requests);
    assert!((150..=300).contains(&done.report.loads[0].requests));
}

#[tokio::test(start_paused = true)]
async fn a_value_that_cannot_be_filled_in_is_a_failure_and_never_a_pass() {
    let world = mirror();
    let flow = r#"
flows:
  - name: f
    target: service
    variables: [{name: case, choice: [{a: 1}]}, {name: turn, cycle: {by: "${case.a}x", of: [1]}}]
    steps: [{name: s, request: GET /, expect: {status: 200}}]
"#;
    let done = five(&world, flow, json!({})).run().await;
    assert_eq!(world.seen().len(), 0);
    assert_eq!(done.rate("http_req_failed", &[]), (5, 5));
    assert_eq!(done.rate("checks", &[]), (5, 0));
    assert_eq!(done.count("http_reqs", &[("status", "error:template_unfilled")]), 5);
    assert_eq!(done.times("http_req_duration", &[]).count(), 0);
    let example = &done.report.loads[0].failures[0].example;
    assert_eq!(example, "a cycle goes by a whole number, not `1x`");
}

/// A network that breaks in a given way.
#[derive(Clone, Copy, Debug)]
enum Broken {
    Refusing,
    Closing,
    Silent,
    Garbling,
}

impl Network for Broken {
    fn look_up<'a>(&'a self, _: &'a str, port: u16) -> Pending<'a, io::Result<Vec<SocketAddr>>> {
        Box::pin(std::future::ready(Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])))
    }

    fn connect(&self, _: SocketAddr) -> Pending<'_, io::Result<Box<dyn Stream>>> {
        let broken = *self;
        Box::pin(async move {
            if matches!(broken, Self::Refusing) {
                tokio::time::sleep(Duration::from_millis(5)).await;
                return Err(io::ErrorKind::ConnectionRefused.into());
            }
            let (client, mut server) = tokio::io::duplex(1024);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(5)).await;
                match broken {
                    Self::Garbling => drop(server.write_all(b"what?\r\n\r\n").await),
                    Self::Silent => std::future::pending().await,
                    Self::Refusing | Self::Closing => {}
                }
            });
            Ok(Box::new(client) as Box<dyn Stream>)
        })
    }
}

#[tokio::test(start_paused = true)]
async fn failures_without_an_answer_are_counted_under_their_code_with_their_time() {
    for (broken, code, time) in [
        (Broken::Refusing, "connection_refused", 5_000_000),
        (Broken::Closing, "connection_closed", 5_000_000),
        (Broken::Garbling, "protocol_error", 5_000_000),
        (Broken::Silent, "timeout", 400_000_000),
    ] {
        let flow = "flows: [{name: f, target: service, steps: [
            {name: a, request: GET /, timeout: 400ms, expect: {json: {$.a: 1}}}, {name: b, request: GET /}]}]";
        let mut trial = five(&mirror(), flow, json!({}));
        trial.options.client.network = Arc::new(broken);
        let done = trial.run().await;
        assert_eq!(done.count("http_reqs", &[("status", &format!("error:{code}"))]), 5, "{code}");
        assert_eq!(done.count("http_reqs", &[]), 5);
        assert_eq!(done.rate("http_req_failed", &[]), (5, 5));
        assert_eq!(done.rate("checks", &[("check", "a: $.a")]), (5, 0));
        for metric in ["http_req_duration", "response_time"] {
            let times = done.times(metric, &[("step", "a")]);
            assert_eq!((times.count(), times.min()), (5, Some(time)), "{code} {metric}");
        }
        assert_eq!(done.report.loads[0].failures[0].code, code);
    }
}

#[tokio::test(start_paused = true)]
async fn live_numbers_follow_the_phase() {
    let world = World::taking(Duration::from_millis(600));
    let flow = "flows: [{name: f, target: service, steps: [{name: a, request: GET /}]}]";
    let options = five(&world, flow, json!({})).options;
    let service = Service::new(options).unwrap().on(Timer::Runtime);
    let handle = service.handle();
    assert_eq!(handle.live(), Default::default());
    let watching = async {
        tokio::time::sleep(Duration::from_millis(2300)).await;
        handle.live()
    };
    let (report, live) = tokio::join!(service.run(), watching);
    assert_eq!((live.requests, live.completed, live.in_flight, live.vus), (2, 2, 1, 1));
    assert_eq!((live.failed, live.backlog, live.dropped), (0, 0, 0));
    assert!(live.recent_p95.unwrap().abs_diff(600_000_000) < 3_000_000);
    assert_eq!(report.unwrap().loads[0].completed, 5);
    assert_eq!((handle.live().vus, handle.live().in_flight), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_missing_is_said_before_anything_is_sent() {
    let world = mirror();
    let flow =
        "flows: [{name: f, target: service, steps: [{name: a, request: 'GET /${conf.port.api}'}]}]";
    let fresh = || five(&world, flow, json!({"conf": {"port": {}}})).options;
    let error = Service::new(fresh()).unwrap_err();
    assert_eq!(error.to_string(), "[load-unbound] f, step `a`: `conf` has nothing at `$.port.api`");
    assert_eq!((error.code(), error.hint().is_some()), ("load-unbound", true));
    let mut options = fresh();
    options.targets.clear();
    assert_eq!(Service::new(options).unwrap_err().code(), "load-no-target");
    let mut options = fresh();
    options.flows.clear();
    assert_eq!(Service::new(options).unwrap_err().code(), "load-no-flow");
    assert_eq!(world.seen().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn full_urls_and_urls_from_variables_find_their_server() {
    let world = mirror();
    let flow = r#"
flows:
  - name: f
    variables: [{name: later, value: "http://third:99/deep?x=${index}"}]
    steps:
      - {name: a, request: "GET http://first:81/a/${index}"}
      - {name: b, request: "GET ${second}/b?q=${index}"}
      - {name: c, request: "GET http://${host}:82/c"}
      - {name: d, request: "GET ${later}"}
"#;
    let variables = json!({"second": "http://second/base", "host": "fourth"});
    let done = five(&world, flow, variables).run().await;
    assert_eq!(done.report.loads[0].failures, []);
    let seen: Vec<(String, String)> = world
        .seen()
        .into_iter()
        .take(4)
        .map(|seen| (seen.headers["host"].to_str().unwrap().to_owned(), seen.target))
        .collect();
    let expected = [
        ("first:81", "/a/0"),
        ("second", "/base/b?q=0"),
        ("fourth:82", "/c"),
        ("third:99", "/deep?x=0"),
    ];
    assert_eq!(seen, expected.map(|(host, target)| (host.to_owned(), target.to_owned())));
}

fn setting(world: &World, variables: Value) -> Setting {
    Setting {
        targets: BTreeMap::from([("service".to_owned(), Url::parse("http://service/").unwrap())]),
        variables: variables.as_object().unwrap().clone().into_iter().collect(),
        client: seaworthy_net::Options { network: Arc::new(world.clone()), ..Default::default() },
        seed: 1,
        clock: Clock::system(),
    }
}

async fn routine(world: &World, yaml: &str) -> Result<BTreeMap<String, Value>, Error> {
    let typed = plan(yaml).setup.remove(0);
    let (routine, findings) = check::routine(&known(&["token"]), &typed);
    assert_eq!(findings, []);
    run_once(&routine.unwrap(), &setting(world, json!({"token": "t"}))).await
}

#[tokio::test(start_paused = true)]
async fn a_routine_returns_what_it_extracts() {
    let world = World::new(|seen| async move {
        // Later ones answer sooner.
        let index: u64 = seen.target.rsplit('/').next().unwrap().parse().unwrap();
        tokio::time::sleep(Duration::from_millis(100 - index)).await;
        answer(200, &json!({"id": index * 10}))
    });
    let steps = "steps: [{name: s, request: 'GET /${index}', extract: {id: $.id}}, {name: t, request: 'GET /${id}'}]";
    let once = routine(&world, &format!("setup: [{{name: r, target: service, {steps}}}]")).await;
    assert_eq!(once.unwrap(), BTreeMap::from([("id".to_owned(), json!(0))]));
    let yaml = format!("setup: [{{name: r, target: service, repeat: 9, parallel: 4, {steps}}}]");
    let many = routine(&world, &yaml).await.unwrap();
    assert_eq!(many["id"], json!([0, 10, 20, 30, 40, 50, 60, 70, 80]));
    assert_eq!(world.connections(), 1 + 4);
    // Asked for once, a repeated routine still gives a list.
    let yaml = format!("setup: [{{name: r, target: service, repeat: 1, {steps}}}]");
    assert_eq!(routine(&world, &yaml).await.unwrap()["id"], json!([0]));
}

#[tokio::test(start_paused = true)]
async fn a_routine_stops_at_its_first_failure_and_says_all_about_it() {
    let world = World::new(|seen| async move {
        let code = if seen.target == "/3" { 409 } else { 201 };
        answer(code, &json!({"detail": format!("at {}", seen.target)}))
    });
    let yaml = "setup: [{name: fill, target: service, repeat: 1000, steps: [
        {name: put, request: 'PUT /${index}', expect: {status: [200, 201]}}]}]";
    let error = routine(&world, yaml).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        "[load-step] `fill`, step `put`, repetition 3: status 409 came, 200 or 201 expected; \
         the body begins: {\"detail\":\"at /3\"}"
    );
    assert_eq!(world.seen().len(), 4);
    let yaml = "setup: [{name: r, target: service, steps: [
        {name: s, request: GET /, expect: {json: {$.detail: [1]}}}]}]";
    let error = routine(&world, yaml).await.unwrap_err().to_string();
    assert!(error.contains("`$.detail` is \"at /\", [1] expected"), "{error}");
    let yaml = "setup: [{name: r, target: service, steps: [
        {name: s, request: GET /, extract: {id: {header: x-id}}}]}]";
    let error = routine(&world, yaml).await.unwrap_err().to_string();
    assert!(error.contains("`id` cannot be extracted: nothing is in header `x-id`"), "{error}");
}

#[test]
fn a_checked_flow_names_its_steps_and_checks() {
    let plan = plan(
        "flows: [{name: f, target: service, steps: [{name: s, request: GET /, expect: {status: 200, json: {'$.a': 1}}}]}]",
    );
    let (flows, _) = checked(&plan, SECOND, &[]);
    assert_eq!(flows[0].name(), "f");
    assert_eq!(flows[0].steps().collect::<Vec<_>>(), ["s"]);
    assert_eq!(flows[0].checks().collect::<Vec<_>>(), ["s: status", "s: $.a"]);
}
