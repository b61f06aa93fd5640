//! Roles that fail, hang, go away and come back: what their callers are told, and that they recover by
//! themselves.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::routing::any;
use futures_util::future::join_all;
use http::StatusCode;
use seaworthy_hub::Role;
use seaworthy_hub::Role::{Gateway, Identity, Memory, Orchestrator};
use seaworthy_hub::options::{Limits, Peers};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::fleet::{Fleet, MEMBER, Member};
use crate::harness::{Answer, Hub};
use crate::wire::{Http, until};

/// A gateway whose orchestrator answers at `base`, and that finds nothing where memory would be.
async fn gateway(base: &str, change: impl FnOnce(&mut Limits)) -> Hub {
    Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        // Not memory's default port: a hub of somebody else may be there.
        let nowhere = "http://127.0.0.1:1";
        options.peers = Peers::default().with(Orchestrator, base).with(Memory, nowhere);
        change(&mut options.limits);
        options.roles([Identity, Gateway])
    })
    .await
}

/// A server that takes every connection and never answers.
async fn silent() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept().await {
            held.push(connection);
        }
    });
    base
}

/// A server that answers each request as `answer` says.
async fn answering<F>(answer: impl Fn(Request) -> F + Clone + Send + Sync + 'static) -> String
where
    F: Future<Output = (StatusCode, String)> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let routes = Router::new().fallback(any(answer));
    tokio::spawn(async move { axum::serve(listener, routes).await });
    base
}

async fn circuit(hub: &Hub, name: &str) -> Value {
    let document = hub.get(Gateway, "/circuits").send().await;
    let circuits = document.ok(200)["circuits"].as_array().unwrap();
    circuits.iter().find(|one| one["name"] == name).unwrap().clone()
}

#[track_caller]
fn sent_away(answer: &Answer, code: &str) {
    answer.refused(503, code);
    assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_hangs_is_soon_not_waited_for() {
    let timeout = |limits: &mut Limits| {
        limits.peer_timeout = Duration::from_millis(300);
        limits.circuit_cooldown = Duration::from_secs(600);
    };
    let hub = gateway(&silent().await, timeout).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let read = || hub.get(Gateway, "/v1/sessions/x").bearer(&token);
    // A caller in a hurry is sent away, and opens no circuit for the others.
    for _ in 0..8 {
        let hurried = read().header("x-deadline-ms", "40").send().await;
        assert_eq!(hurried.status, 503, "{hurried:?}");
    }
    sent_away(&read().header("x-deadline-ms", "0").send().await, "deadline_passed");
    assert_eq!(circuit(&hub, "orchestrator").await["state"], "closed");
    for answer in join_all((0..5).map(|_| read().send())).await {
        sent_away(&answer, "peer_timeout");
    }
    let refused = read().send().await;
    sent_away(&refused, "circuit_open");
    assert_eq!(refused.headers["retry-after"], "600");
    let open = circuit(&hub, "orchestrator").await;
    assert_eq!((&open["state"], &open["totals"]["opened"]), (&json!("open"), &json!(1)));
    assert_eq!(open["history"][0]["reason"], "failures_in_a_row");
    assert_eq!(circuit(&hub, "memory").await["state"], "closed");
    let counter = |line: &'static str| hub.counter(Gateway, line);
    assert_eq!(counter(r#"circuit_state{dependency="orchestrator"}"#).await, 2.0);
    assert_eq!(counter(r#"circuit_state{dependency="memory"}"#).await, 0.0);
    assert_eq!(counter(r#"circuit_opened_total{dependency="orchestrator"}"#).await, 1.0);
    let failures = r#"peer_calls_total{dependency="orchestrator",outcome="failure"}"#;
    assert_eq!(counter(failures).await, 5.0);
    let refusals = r#"peer_calls_total{dependency="orchestrator",outcome="circuit_open"}"#;
    assert!(counter(refusals).await >= 1.0);
    let unready = hub.get(Gateway, "/ready").send().await;
    let reason = unready.ok(503)["reasons"][0].as_str().unwrap().to_owned();
    assert!(reason.starts_with("orchestrator cannot be reached"), "{reason}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_hangs_holds_no_more_callers_than_it_may() {
    let few = |limits: &mut Limits| limits.peer_calls = 2;
    let hub = gateway(&silent().await, few).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let in_use = || hub.counter(Gateway, r#"peer_calls_under_way{dependency="orchestrator"}"#);
    let waiting = || hub.counter(Gateway, r#"peer_calls_waiting{dependency="orchestrator"}"#);
    let hold = async {
        let read = || hub.get(Gateway, "/v1/sessions/x").bearer(&token);
        join_all((0..10).map(|_| read().send())).await
    };
    let look = async {
        until("two calls are under way and eight wait", || async {
            in_use().await == 2.0 && waiting().await == 8.0
        })
        .await;
        // Only this dependency is full.
        let elsewhere = hub.get(Gateway, "/v1/recall/x").bearer(&token).send().await;
        sent_away(&elsewhere, "peer_unreachable");
        hub.get(Gateway, "/v1/sessions/x").bearer(&token).send().await
    };
    tokio::select! {
        _ = hold => panic!("they are held for ten seconds"),
        refused = look => sent_away(&refused, "peer_busy"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_is_handed_on_and_shrinks() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&told);
    let base = answering(move |request: Request| {
        let header = request.headers().get("x-deadline-ms").unwrap();
        heard.lock().unwrap().push(header.to_str().unwrap().parse::<u64>().unwrap());
        async { (StatusCode::OK, "{}".to_owned()) }
    })
    .await;
    let hub = gateway(&base, |_| {}).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let read = || hub.get(Gateway, "/v1/sessions/x").bearer(&token);
    read().send().await.ok(200);
    read().header("x-deadline-ms", "2000").send().await.ok(200);
    read().header("x-deadline-ms", "99999999999999999999").send().await.ok(200);
    read().header("x-deadline-ms", "soon").send().await.ok(200);
    let told = told.lock().unwrap().clone();
    for (told, most) in told.iter().zip([9_950, 1_900, 9_950, 9_950]) {
        assert!(*told <= most && *told > most / 2, "{told} of at most {most}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_what_is_safe_is_sent_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    let counted = Arc::clone(&calls);
    // Reads a request and hangs up: it may have been carried out, nobody knows.
    tokio::spawn(async move {
        while let Ok((connection, _)) = listener.accept().await {
            let mut some = [0; 1024];
            connection.readable().await.unwrap();
            let _ = connection.try_read(&mut some);
            counted.fetch_add(1, Ordering::SeqCst);
        }
    });
    let hub = Hub::with(tempfile::tempdir().unwrap(), |mut options| {
        options.peers = Peers::default().with(Orchestrator, &base).with(Memory, &base);
        options.roles([Identity, Gateway])
    })
    .await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let made = |before: usize| calls.load(Ordering::SeqCst) - before;
    let body = json!({"session_id": "x", "message": "hello"});
    let say = || hub.post(Gateway, "/v1/sessions/message", body.clone()).bearer(&token);
    sent_away(&say().send().await, "peer_unreachable");
    assert_eq!(made(0), 1, "a message without a key is sent once");
    let keyed = say().header("idempotency-key", "k").send().await;
    assert_eq!(keyed.status, 503);
    assert!(made(1) > 1, "with a key it is repeated");
    let before = calls.load(Ordering::SeqCst);
    hub.get(Gateway, "/v1/recall/x").bearer(&token).send().await;
    assert!(made(before) > 1, "and so is a question");
    let retries = hub.counter(Gateway, r#"peer_retries_total{dependency="orchestrator"}"#).await;
    assert!(retries >= 1.0, "{retries}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_that_says_what_is_wrong_is_alive_and_one_that_breaks_is_not() {
    let broken = Arc::new(AtomicBool::new(false));
    let breaks = Arc::clone(&broken);
    let base = answering(move |_| {
        let status = if breaks.load(Ordering::SeqCst) {
            StatusCode::INTERNAL_SERVER_ERROR
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        async move { (status, "{}".to_owned()) }
    })
    .await;
    let hub = gateway(&base, |_| {}).await;
    let token = hub.token("acme", "ada", &["*"]).await;
    let read = || hub.get(Gateway, "/v1/sessions/x").bearer(&token);
    for _ in 0..20 {
        assert_eq!(read().send().await.status, 503);
    }
    let circuit = || async { circuit(&hub, "orchestrator").await };
    assert_eq!(circuit().await["state"], "closed");
    assert_eq!(
        circuit().await["retry"]["retries"],
        0,
        "what it answers is passed on, not asked again"
    );
    broken.store(true, Ordering::SeqCst);
    for _ in 0..5 {
        assert_eq!(read().send().await.status, 500);
    }
    sent_away(&read().send().await, "circuit_open");
    broken.store(false, Ordering::SeqCst);
    until("the circuit closes by itself", || async {
        read().send().await;
        circuit().await["state"] == "closed"
    })
    .await;
    let history = circuit().await["history"].clone();
    let steps: Vec<&str> =
        history.as_array().unwrap().iter().map(|step| step["to"].as_str().unwrap()).collect();
    assert_eq!(steps, ["open", "half_open", "closed"]);
}

/// Callers who say one message after the other until they are told to stop, and check what they are told.
struct Load {
    stop: Arc<AtomicBool>,
    said: Arc<AtomicUsize>,
    sent_away: Arc<AtomicUsize>,
    callers: Vec<tokio::task::JoinHandle<(String, Vec<String>)>>,
}

impl Load {
    async fn begin(fleet: &Fleet, callers: usize) -> Self {
        let member = fleet.member("acme").await;
        let mut load = Self {
            stop: Arc::default(),
            said: Arc::default(),
            sent_away: Arc::default(),
            callers: Vec::new(),
        };
        for _ in 0..callers {
            let session = member.session().await;
            let (say, stop) = (member.sayer(&session), Arc::clone(&load.stop));
            let (said, sent_away) = (Arc::clone(&load.said), Arc::clone(&load.sent_away));
            load.callers.push(tokio::spawn(async move {
                let (http, mut kept) = (Http::new(), Vec::new());
                let mut turn = 0_u64;
                while !stop.load(Ordering::SeqCst) {
                    turn += 1;
                    let key = format!("{session} {turn}");
                    let answer = http.send(say(&key)).await;
                    match answer.status.as_u16() {
                        200 => {
                            said.fetch_add(1, Ordering::SeqCst);
                            kept.push(answer.json["turn_id"].as_str().unwrap().to_owned());
                        }
                        503 => {
                            sent_away.fetch_add(1, Ordering::SeqCst);
                            assert!(answer.headers.contains_key("retry-after"), "{answer:?}");
                            assert!(answer.json["code"].is_string(), "{answer:?}");
                            // Less patient than it was asked to be, but no busy loop.
                            tokio::time::sleep(Duration::from_millis(20)).await;
                        }
                        _ => panic!("neither answered nor sent away: {answer:?}"),
                    }
                }
                (session, kept)
            }));
        }
        load
    }

    /// Waits until this many more were answered.
    async fn answered(&self, more: usize) {
        let before = self.said.load(Ordering::SeqCst);
        until("callers are answered", async || {
            assert!(self.callers.iter().all(|caller| !caller.is_finished()), "a caller failed");
            self.said.load(Ordering::SeqCst) >= before + more
        })
        .await;
    }

    async fn refused(&self, more: usize) {
        let before = self.sent_away.load(Ordering::SeqCst);
        until("callers are sent away", async || {
            assert!(self.callers.iter().all(|caller| !caller.is_finished()), "a caller failed");
            self.sent_away.load(Ordering::SeqCst) >= before + more
        })
        .await;
    }

    /// The turns that were acknowledged, by session.
    async fn end(self) -> Vec<(String, Vec<String>)> {
        self.stop.store(true, Ordering::SeqCst);
        join_all(self.callers).await.into_iter().map(Result::unwrap).collect()
    }
}

async fn state(fleet: &Fleet, role: Role, of: Role) -> String {
    let call = crate::wire::Call::new(http::Method::GET, fleet.url(role, "/circuits"));
    let document = fleet.http.send(call).await.json;
    let circuits = document["circuits"].as_array().unwrap();
    let circuit = circuits.iter().find(|one| one["name"] == of.name()).unwrap();
    circuit["state"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_stopped_under_load_is_missed_clearly_and_taken_back_by_itself() {
    let mut fleet = Fleet::launch().await;
    let load = Load::begin(&fleet, 8).await;
    load.answered(40).await;
    for role in [Memory, Role::Policy, Role::Inference] {
        fleet.stop(role).await;
        load.refused(40).await;
        let seen = &fleet;
        until("the circuit is open", async || state(seen, Orchestrator, role).await != "closed")
            .await;
        fleet.start(role).await;
        load.answered(40).await;
        let seen = &fleet;
        until("the circuit is closed", async || state(seen, Orchestrator, role).await == "closed")
            .await;
    }
    // Between the gateway and the orchestrator as well.
    fleet.stop(Orchestrator).await;
    load.refused(40).await;
    fleet.start(Orchestrator).await;
    load.answered(40).await;
    let seen = &fleet;
    until("the circuit is closed", async || state(seen, Gateway, Orchestrator).await == "closed")
        .await;
    all_there_once(&fleet, load.end().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_role_killed_under_load_loses_nothing_that_was_acknowledged() {
    let mut fleet = Fleet::launch_apart().await;
    let load = Load::begin(&fleet, 8).await;
    load.answered(40).await;
    for role in [Memory, Orchestrator, Role::Policy] {
        fleet.kill(role).await;
        load.refused(40).await;
        fleet.start(role).await;
        load.answered(40).await;
    }
    all_there_once(&fleet, load.end().await).await;
}

/// Every acknowledged turn is in its session, and no turn is there twice.
async fn all_there_once(fleet: &Fleet, acknowledged: Vec<(String, Vec<String>)>) {
    let member = Member { fleet, token: fleet.token("acme", "user-acme", &MEMBER).await };
    for (session, acknowledged) in acknowledged {
        let turns = member.turns(&session).await;
        let mut ids: Vec<&str> =
            turns.iter().map(|turn| turn["turn_id"].as_str().unwrap()).collect();
        ids.sort_unstable();
        assert!(ids.windows(2).all(|pair| pair[0] != pair[1]), "a turn is there twice: {ids:?}");
        for turn in acknowledged {
            assert!(ids.contains(&turn.as_str()), "{turn} was acknowledged and is not there");
        }
        let events = member.events(&session).await;
        let completed = events.iter().filter(|event| event["type"] == "turn.completed").count();
        assert_eq!(completed, turns.len(), "each turn has been told of once");
    }
}
