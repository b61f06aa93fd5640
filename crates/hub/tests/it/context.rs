//! What surrounds a request: its trace, its caller or the anonymous tenant, moderation, limits, and the
//! kill switch.

use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use seaworthy_base::{Clock, Timestamp};
use seaworthy_hub::Role::{Gateway, Identity, Inference, Memory, Orchestrator, Policy};
use seaworthy_hub::options::{Anonymous, Peers};
use seaworthy_hub::{Options, Role, Service};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::fleet::MEMBER;
use crate::harness::{Answer, Hub};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Passes connections on to `target` and keeps what was sent there.
async fn overhear(target: String) -> (String, Arc<Mutex<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let heard = Arc::new(Mutex::new(String::new()));
    let kept = Arc::clone(&heard);
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (mut from_client, mut to_client) = client.into_split();
            let (mut from_server, mut to_server) = server.into_split();
            tokio::spawn(async move { tokio::io::copy(&mut from_server, &mut to_client).await });
            let kept = Arc::clone(&kept);
            tokio::spawn(async move {
                let mut bytes = [0; 4_096];
                while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
                    kept.lock().unwrap().push_str(&String::from_utf8_lossy(&bytes[..count]));
                    to_server.write_all(&bytes[..count]).await.unwrap();
                }
            });
        }
    });
    (address, heard)
}

#[tokio::test]
async fn a_trace_goes_on_through_every_role_and_a_broken_one_begins_anew() {
    let inner = Hub::start(&[Identity, Policy, Memory, Inference, Orchestrator]).await;
    let target = inner.base(Orchestrator).strip_prefix("http://").unwrap().to_owned();
    let (orchestrator, heard) = overhear(target).await;
    let peers =
        Peers::default().with(Identity, inner.base(Identity)).with(Orchestrator, orchestrator);
    let outer = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.peers = peers;
        options.roles([Gateway])
    })
    .await;
    let token = inner.token("acme", "ada", &MEMBER).await;
    let start = |headers: Vec<(&str, String)>| {
        heard.lock().unwrap().clear();
        let mut call = outer.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"}));
        for (name, value) in headers {
            call = call.header(name, &value);
        }
        call.bearer(&token).send()
    };
    let sent = || {
        let heard = heard.lock().unwrap().to_lowercase();
        let line =
            |name: &str| heard.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        (line("traceparent: "), line("tracestate: "), line("x-request-id: "))
    };
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let answer = start(vec![
        ("traceparent", parent.clone()),
        ("tracestate", "a=1,b=2".into()),
        ("x-request-id", "mine".into()),
    ])
    .await;
    answer.ok(201);
    let span = answer.headers["traceresponse"].to_str().unwrap().to_owned();
    assert!(span.starts_with(&format!("00-{TRACE}-")) && span != parent, "{span}");
    assert_eq!(sent(), (Some(span), Some("a=1,b=2".into()), Some("mine".into())));

    let broken = vec![("traceparent", parent.to_uppercase()), ("tracestate", "a=1".into())];
    let answer = start(broken).await;
    let span = answer.headers["traceresponse"].to_str().unwrap().to_owned();
    assert!(!span.contains(TRACE), "{span}");
    let (passed, state, id) = sent();
    assert_eq!((passed, state), (Some(span), None));
    assert_eq!(id.as_deref(), answer.headers["x-request-id"].to_str().ok());

    let first = start(Vec::new()).await.headers["traceresponse"].clone();
    assert_ne!(start(Vec::new()).await.headers["traceresponse"], first);
    // Also what is refused before any route is looked for has its trace.
    let lost = outer.get(Gateway, "/nowhere").header("traceparent", &parent).send().await;
    assert!(lost.headers["traceresponse"].to_str().unwrap().contains(TRACE));
}

async fn anonymous(change: impl FnOnce(Options) -> Options) -> Hub {
    Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.anonymous = Some(Anonymous::new("demo"));
        change(options)
    })
    .await
}

#[tokio::test]
async fn without_a_token_one_is_the_anonymous_tenant_where_the_operator_says_so() {
    let hub = anonymous(|options| options).await;
    let made = hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"})).send().await;
    assert_eq!(made.ok(201)["payload"]["tenant"], "demo");
    let session = made.body["session_id"].as_str().unwrap();
    let say = |message: &str| {
        let body = json!({"session_id": session, "message": message});
        hub.post(Gateway, "/v1/sessions/message", body).send()
    };
    let said = say("What does the Aurora carry?").await;
    assert_eq!(said.ok(200)["policy"]["allowed"], true);
    // Nothing that administers.
    let rules = hub.put(Policy, "/v1/policies/demo", json!({"rules": []}));
    rules.send().await.refused(403, "missing_capability");
    hub.get(Policy, "/v1/policies/demo").send().await.ok(200);
    hub.get(Identity, "/v1/tenants/demo").send().await.refused(403, "missing_capability");
    // Nothing of other tenants.
    let token = hub.token("acme", "ada", &MEMBER).await;
    let other = hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ours"}));
    let other = other.bearer(&token).send().await.body["session_id"].clone();
    let path = format!("/v1/sessions/{}", other.as_str().unwrap());
    hub.get(Gateway, &path).send().await.refused(404, "unknown_session");
    let found = hub.post(Memory, "/v1/rag/retrieve", json!({"query": "Ours"})).send().await;
    assert_eq!(found.ok(200)["sources"], json!([]));
    // A broken token is not taken for none, and a page in a browser is nobody.
    let status = || hub.get(Gateway, "/v1/status");
    assert_eq!(status().send().await.ok(200)["user"], "anonymous-demo");
    status().bearer("broken").send().await.refused(401, "token_malformed");
    status().header("authorization", "").send().await.refused(401, "no_token");
    status().header("origin", "http://evil.example").send().await.refused(401, "no_token");
    status().header("sec-fetch-site", "same-origin").send().await.refused(401, "no_token");
    for role in Role::ALL {
        let metrics = hub.get(role, "/metrics").send().await;
        assert!(metrics.text.contains("http_requests_total"), "{role}");
    }
    // The operator can switch it off, and that stays so.
    let credential = hub.credential();
    let off = hub.put(Identity, "/v1/tenants/demo", json!({"name": "Demo", "active": false}));
    off.admin(&credential).send().await.ok(200);
    status().send().await.refused(401, "no_token");
    let data = hub.stop().await;
    let hub = Hub::with(data, |mut options| {
        options.anonymous = Some(Anonymous::new("demo"));
        options
    })
    .await;
    hub.get(Gateway, "/v1/status").send().await.refused(401, "no_token");
}

#[tokio::test]
async fn the_anonymous_tenant_is_for_this_machine_and_for_roles_that_know_it() {
    for (tenant, address) in
        [("demo", "0.0.0.0:0"), ("system", "127.0.0.1:0"), ("a b", "127.0.0.1:0")]
    {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path()).roles([Identity]);
        options.listen.insert(Identity, address.parse().unwrap());
        options.anonymous = Some(Anonymous::new(tenant));
        let error = Service::bind(options).await.err().unwrap();
        assert_eq!(error.code(), "hub.anonymous", "{error}");
        assert!(error.hint().is_some());
    }
    // Identity was told nothing: what the gateway's operator says is not enough.
    let hub = Hub::start(&[Identity]).await;
    let peers = Peers::default().with(Identity, hub.base(Identity));
    let gateway = anonymous(|mut options| {
        options.peers = peers;
        options.roles([Gateway])
    })
    .await;
    gateway.get(Gateway, "/v1/status").send().await.refused(401, "no_token");
}

#[tokio::test]
async fn headers_that_name_another_are_refused() {
    let hub = Hub::start(&[Identity, Policy]).await;
    let token = hub.token("acme", "ada", &["policy:read", "policy:write"]).await;
    let read = |name: &str, value: &str| {
        hub.get(Policy, "/v1/policies/acme").bearer(&token).header(name, value).send()
    };
    read("x-tenant-id", "acme").await.refused(404, "no_policy");
    read("x-user-id", "ada").await.refused(404, "no_policy");
    read("x-tenant-id", "other").await.refused(403, "wrong_tenant");
    read("x-tenant-id", "acme\tother").await.refused(403, "wrong_tenant");
    read("x-user-id", "eve").await.refused(403, "wrong_user");
    let twice = hub.get(Policy, "/v1/policies/acme").bearer(&token);
    let twice = twice.header("x-tenant-id", "acme").header("x-tenant-id", "other").send().await;
    twice.refused(403, "wrong_tenant");
}

#[tokio::test]
async fn a_gateway_that_would_look_through_nothing_does_not_start() {
    for terms in [vec![], vec!["jailbreak".to_owned(), " ".to_owned()]] {
        let data = tempfile::tempdir().unwrap();
        let mut options = Options::new(data.path()).roles([Identity, Gateway]).any_ports();
        options.moderation.terms = terms;
        let refused = Service::bind(options).await.err().unwrap();
        assert_eq!(refused.code(), "hub.moderation_terms");
    }
}

#[tokio::test]
async fn the_kill_switch_stops_all_work_in_every_role_and_outlasts_a_restart() {
    let hub = Hub::start(&Role::ALL).await;
    let peers = Peers::default().with(Identity, hub.base(Identity));
    let apart = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.peers = peers;
        options.roles([Memory])
    })
    .await;
    let token = hub.token("acme", "ada", &MEMBER).await;
    let remember = async |hub: &Hub| {
        let body = json!({"key": "k", "value": "v"});
        hub.post(Memory, "/v1/remember", body).bearer(&token).send().await
    };
    remember(&apart).await.ok(201);
    remember(&hub).await.ok(201);
    let turn = |engaged: bool| {
        let body = json!({"engaged": engaged, "reason": "drill"});
        hub.put(Gateway, "/v1/kill-switch", body)
    };
    turn(true).bearer(&token).send().await.refused(403, "missing_capability");
    turn(true).send().await.refused(401, "no_token");
    assert_eq!(turn(true).admin(&hub.credential()).send().await.ok(200)["engaged"], true);
    for hub in [&hub, &apart] {
        let stopped = remember(hub).await;
        stopped.refused(503, "kill_switch");
        assert!(stopped.headers.contains_key("retry-after"));
        hub.get(Memory, "/v1/recall/k").bearer(&token).send().await.ok(200);
    }
    let session = hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"}));
    session.bearer(&token).send().await.refused(503, "kill_switch");
    let counted = r#"gateway_moderation_decisions_total{tenant="",outcome="kill_switch"}"#;
    assert_eq!(hub.counter(Gateway, counted).await, 1.0);
    let state = hub.get(Gateway, "/v1/kill-switch").bearer(&token).send().await;
    assert_eq!(state.ok(200)["reason"], "drill");

    let hub = Hub::with(hub.stop().await, |options| options).await;
    remember(&hub).await.refused(503, "kill_switch");
    // Operators are not stopped: they have to mend things.
    let body = json!({"user_id": "admin", "tenant_id": "system", "capabilities": ["*"]});
    let issued = hub.post(Identity, "/v1/tokens/issue", body).admin(&hub.credential()).send().await;
    let root = issued.ok(200)["token"].as_str().unwrap().to_owned();
    let off = json!({"engaged": false, "reason": "over"});
    let off = hub.put(Identity, "/v1/kill-switch", off).bearer(&root).send().await;
    assert_eq!(off.ok(200)["engaged"], false);
    remember(&hub).await.ok(200);
}

fn limited(requests_per_second: u32, burst: u32) -> Value {
    json!({"name": "Acme",
        "limits": {"requests_per_second": requests_per_second, "burst": burst}})
}

/// Asks until it is refused for coming too often: sooner than the hub can answer that often.
async fn until_refused(hub: &Hub, token: Option<&str>) -> Answer {
    for _ in 0..100 {
        let call = hub.get(Gateway, "/v1/status");
        let answer = match token {
            Some(token) => call.bearer(token).send().await,
            None => call.send().await,
        };
        if answer.status != 200 {
            return answer;
        }
        assert!(answer.headers.contains_key("ratelimit-remaining"), "{answer:?}");
    }
    panic!("a hundred requests came through");
}

#[tokio::test]
async fn a_tenant_beyond_its_rate_is_told_when_to_come_back() {
    let hub = Hub::start(&Role::ALL).await;
    let token = hub.token("acme", "ada", &MEMBER).await;
    let other = hub.token("bolt", "bob", &MEMBER).await;
    let status = |token: &str| hub.get(Gateway, "/v1/status").bearer(token).send();
    assert!(!status(&token).await.headers.contains_key("ratelimit-limit"));
    let admin = hub.credential();
    let put = hub.put(Identity, "/v1/tenants/acme", limited(1, 3)).admin(&admin).send().await;
    assert_eq!(put.ok(200)["limits"], json!({"requests_per_second": 1, "burst": 3}));
    let refused = until_refused(&hub, Some(&token)).await;
    refused.refused(429, "rate_limited");
    assert_eq!(refused.headers["retry-after"], "1");
    assert_eq!(refused.headers["ratelimit-limit"], "3");
    assert_eq!(refused.headers["ratelimit-remaining"], "0");
    let quota = json!({"unit": "requests", "limit": 3, "remaining": 0, "reset_seconds": 1});
    assert_eq!(refused.body["quota"], quota);
    status(&other).await.ok(200);
    // The gateway's questions to the orchestrator were not counted there again: nothing is used up.
    let direct = hub.get(Orchestrator, "/v1/sessions/x").bearer(&token).send().await;
    direct.refused(404, "unknown_session");
    assert_eq!(direct.headers["ratelimit-remaining"], "2");
    for wrong in [
        json!({"requests_per_second": 0}),
        json!({"requests": 1}),
        json!({"burst": 3}),
        json!({"requests_per_second": 1, "window_seconds": 9}),
    ] {
        let put = hub.put(Identity, "/v1/tenants/acme", json!({"name": "A", "limits": wrong}));
        assert_eq!(put.admin(&admin).send().await.status, 422);
    }
}

#[tokio::test]
async fn the_anonymous_tenant_has_limits_of_its_own() {
    let hub = anonymous(|mut options| {
        let anonymous = options.anonymous.as_mut().unwrap();
        anonymous.allowance.requests_per_second = NonZeroU32::new(2);
        options
    })
    .await;
    let token = hub.token("acme", "ada", &MEMBER).await;
    until_refused(&hub, None).await.refused(429, "rate_limited");
    let status = hub.get(Gateway, "/v1/status").bearer(&token).send().await;
    status.ok(200);
    assert!(!status.headers.contains_key("ratelimit-limit"));
}

#[tokio::test]
async fn a_budget_refuses_what_is_beyond_it_and_outlasts_a_restart() {
    let clock = Clock::manual(Timestamp::from_nanos(1_800_000_000_000_000_000));
    let start = async |data| {
        let clock = clock.clone();
        Hub::with(data, |mut options| {
            options.clock = clock;
            options
        })
        .await
    };
    let hub = start(tempfile::tempdir().unwrap()).await;
    let token = hub.token("acme", "ada", &MEMBER).await;
    let free = hub.token("bolt", "bob", &MEMBER).await;
    let admin = hub.credential();
    let limits = json!({"name": "Acme", "limits": {"tokens": 30, "window_seconds": 3600}});
    hub.put(Identity, "/v1/tenants/acme", limits).admin(&admin).send().await.ok(200);
    async fn ask(hub: &Hub, token: &str) -> Answer {
        let sources = json!([{"key": "tea", "value": "The Aurora carries tea."}]);
        let body = json!({"prompt": "What does the Aurora carry?", "sources": sources});
        hub.post(Inference, "/v1/infer/sync", body).bearer(token).send().await
    }
    let first = ask(&hub, &token).await;
    let cost = first.ok(200)["usage"]["total"].as_u64().unwrap();
    assert!((11..=15).contains(&cost), "two fit into 30, three do not: {first:?}");
    let left = (30 - cost).to_string();
    assert_eq!(first.headers["ratelimit-remaining"].to_str().unwrap(), left);
    ask(&hub, &token).await.ok(200);
    let refused = ask(&hub, &token).await;
    refused.refused(429, "budget_spent");
    let quota = &refused.body["quota"];
    assert_eq!((&quota["unit"], &quota["limit"]), (&json!("tokens"), &json!(30)));
    assert_eq!(quota["remaining"], 30 - 2 * cost);
    let wait: u64 = refused.headers["retry-after"].to_str().unwrap().parse().unwrap();
    assert!((1..=3_600).contains(&wait), "{refused:?}");
    ask(&hub, &free).await.ok(200);
    // It is the turn that is refused, too, with the same words.
    let rules = json!({"rules": []});
    hub.put(Policy, "/v1/policies/acme", rules).bearer(&token).send().await.ok(201);
    let made = hub.post(Gateway, "/v1/sessions", json!({"prompt": "Ships"}));
    let session = made.bearer(&token).send().await.ok(201)["session_id"].clone();
    let body =
        json!({"session_id": session, "message": "What does the Aurora carry, do you know?"});
    let turn = hub.post(Gateway, "/v1/sessions/message", body).bearer(&token).send().await;
    turn.refused(429, "budget_spent");
    assert_eq!(turn.body["quota"]["unit"], "tokens");
    assert!(turn.headers.contains_key("retry-after"));

    let hub = start(hub.stop().await).await;
    ask(&hub, &token).await.refused(429, "budget_spent");
    clock.set_wall(clock.wall().plus(Duration::from_secs(wait)));
    let token = hub.token("acme", "ada", &MEMBER).await;
    let limits = json!({"name": "Acme", "limits": {"tokens": 30, "window_seconds": 3600}});
    hub.put(Identity, "/v1/tenants/acme", limits).admin(&admin).send().await.ok(200);
    ask(&hub, &token).await.ok(200);
}

#[tokio::test]
async fn flagged_texts_are_strikes_that_are_counted_on_disk() {
    let clock = Clock::manual(Timestamp::from_nanos(1_800_000_000_000_000_000));
    let start = async |data| {
        let clock = clock.clone();
        Hub::with(data, |mut options| {
            options.clock = clock;
            options.moderation.terms = vec!["STRASSE".into(), "Jailbreak".into()];
            options.moderation.block_after = NonZeroU32::new(2).unwrap();
            options
        })
        .await
    };
    async fn prompt(hub: &Hub, token: &str, prompt: &str) -> Answer {
        hub.post(Gateway, "/v1/sessions", json!({"prompt": prompt})).bearer(token).send().await
    }
    let hub = start(tempfile::tempdir().unwrap()).await;
    let token = hub.token("acme", "ada", &MEMBER).await;
    let clean = prompt(&hub, &token, "Ships").await;
    let nothing = json!({"strike_count": 0, "flagged_terms": [], "reasons": [], "bypassed": false});
    assert_eq!(clean.ok(201)["moderation"], nothing);
    let warned = prompt(&hub, &token, "a jailBREAK in the Straße").await;
    let moderation = &warned.ok(201)["moderation"];
    assert_eq!(moderation["flagged_terms"], json!(["Jailbreak", "STRASSE"]));
    assert_eq!((&moderation["strike_count"], &moderation["bypassed"]), (&json!(1), &json!(false)));

    let hub = start(hub.stop().await).await;
    let blocked = prompt(&hub, &token, "jailbreak").await;
    blocked.refused(403, "moderated");
    assert_eq!(blocked.body["strike_count"], 2);
    assert_eq!(blocked.body["flagged_terms"], json!(["Jailbreak"]));
    assert_eq!(blocked.body["reasons"].as_array().unwrap().len(), 2);
    let body = json!({"session_id": "x", "message": "jailbreak"});
    let said = hub.post(Gateway, "/v1/sessions/message", body).bearer(&token).send().await;
    said.refused(403, "moderated");
    assert_eq!(prompt(&hub, &token, "Ships").await.ok(201)["moderation"]["strike_count"], 3);
    // Strikes are a user's own.
    let mate = hub.token("acme", "bob", &MEMBER).await;
    assert_eq!(prompt(&hub, &mate, "Ships").await.ok(201)["moderation"]["strike_count"], 0);
    // Everything is not this.
    let all = hub.token("acme", "root", &["*"]).await;
    prompt(&hub, &all, "jailbreak").await.ok(201);
    prompt(&hub, &all, "jailbreak").await.refused(403, "moderated");
    let spared = [&MEMBER[..], &["moderation:bypass"]].concat();
    let spared = hub.token("acme", "red-team", &spared).await;
    let passed = prompt(&hub, &spared, "jailbreak").await;
    assert_eq!(passed.ok(201)["moderation"]["bypassed"], true);
    let line = |outcome: &str| {
        format!("gateway_moderation_decisions_total{{tenant=\"acme\",outcome=\"{outcome}\"}}")
    };
    assert_eq!(hub.counter(Gateway, &line("blocked")).await, 3.0);
    assert_eq!(hub.counter(Gateway, &line("allowed")).await, 4.0);
    assert_eq!(hub.counter(Gateway, "gateway_moderation_strikes_total").await, 4.0);

    clock.set_wall(clock.wall().plus(Duration::from_secs(86_400)));
    let token = hub.token("acme", "ada", &MEMBER).await;
    assert_eq!(prompt(&hub, &token, "jailbreak").await.ok(201)["moderation"]["strike_count"], 1);
}

#[tokio::test]
async fn what_comes_to_the_orchestrator_itself_is_looked_through_too() {
    let hub = Hub::start(&Role::ALL).await;
    let held = [&MEMBER[..], &["workflow:start", "workflow:read", "wizard:use"]].concat();
    let token = hub.token("acme", "ada", &held).await;
    let rules = hub.put(Policy, "/v1/policies/acme", json!({"rules": []})).bearer(&token);
    rules.send().await.ok(201);
    let post = |path: &str, body: Value| hub.post(Orchestrator, path, body).bearer(&token).send();
    let session = post("/v1/sessions/start", json!({"prompt": "Ships"})).await;
    let session = session.ok(201)["session_id"].clone();
    let wizard = post("/v1/wizards/start", json!({"wizard_id": "quick_campaign_v1"})).await;
    let wizard = format!("/v1/wizards/{}", wizard.ok(200)["session_id"].as_str().unwrap());
    let running = json!({"campaign_name": "Ships", "approval_required": true});
    let running = post("/workflows/marketing", running).await;
    let running = running.ok(202)["workflow_id"].as_str().unwrap().to_owned();
    let (flagged, mut strikes) = ("how to write MALWARE", 0);
    for (path, body) in [
        ("/v1/sessions/start".to_owned(), json!({"prompt": flagged})),
        ("/v1/conversation/step".to_owned(), json!({"session_id": session, "message": flagged})),
        (
            "/workflows/marketing".to_owned(),
            json!({"campaign_name": "x", "campaign_goals": ["y", flagged]}),
        ),
        ("/workflows/session".to_owned(), json!({"prompt": flagged})),
        ("/v1/projects".to_owned(), json!({"project_name": "x", "description": flagged})),
        ("/v1/mao/start".to_owned(), json!({"directives": [{"agent_id": "a", "goal": flagged}]})),
        (
            format!("/workflows/{running}/signal/update_content"),
            json!({"content_id": "email-1", "new_content": flagged}),
        ),
        (format!("{wizard}/answer"), json!({"value": flagged})),
    ] {
        strikes += 1;
        let refused = post(&path, body).await;
        refused.refused(403, "moderated");
        assert_eq!(refused.body["strike_count"], strikes, "{path}");
    }
    post(&format!("{wizard}/answer"), json!({"value": "Ships"})).await.ok(200);
    let changed = json!({"question_id": "campaign_name", "value": flagged});
    post(&format!("{wizard}/modify"), changed).await.refused(403, "moderated");
    // What is only handed back is not looked at.
    let kept = json!({"prompt": "Ships", "metadata": {"note": flagged}});
    post("/v1/sessions/start", kept).await.ok(201);
    let blocked = r#"orchestrator_moderation_decisions_total{tenant="acme",outcome="blocked"}"#;
    assert_eq!(hub.counter(Orchestrator, blocked).await, 9.0);
    // The same words through the gateway are the gateway's to count.
    let asked = hub.post(Gateway, "/v1/sessions", json!({"prompt": flagged})).bearer(&token);
    let refused = asked.send().await;
    refused.refused(403, "moderated");
    assert_eq!(refused.body["strike_count"], 1);
}
