//! The hub while its PostgreSQL is restarted: a clear refusal at once, and nothing lost or doubled.

use std::collections::BTreeMap;
use std::time::Duration;

use http::{Method, StatusCode};
use seaworthy_hub::Role::{Gateway, Identity, Memory, Orchestrator, Policy};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::crash::{check, committed, talk};
use crate::fleet::{Fleet, MEMBER, Member};
use crate::postgres::Server;
use crate::wire::{Http, until};

/// How long it may take, once the database serves again, until everything does.
const RECOVERY: Duration = Duration::from_secs(10);

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn turns_survive_restarts_and_crashes_of_postgres_under_load() {
    let mut server = blocking(|| Server::start(&[])).await;
    let fleet = Fleet::with(false, Some(server.address("postgres"))).await;
    let token = fleet.member("acme").await.token;
    let member = Member { fleet: &fleet, token: token.clone() };
    let session = member.session().await;
    let stop = CancellationToken::new();
    let talkers: Vec<_> = (0..6)
        .map(|n| {
            let call = Member { fleet: &fleet, token: token.clone() }.sayer(&session);
            tokio::spawn(talk(Http::new(), call, format!("talker-{n}"), stop.clone()))
        })
        .collect();
    for round in 0..4 {
        let before = committed(&member).await;
        until("turns are being committed", || async { committed(&member).await > before + 10 })
            .await;
        server = blocking(move || {
            if round % 2 == 0 {
                server.stop()
            } else {
                server.kill()
            }
            server
        })
        .await;
        for role in [Orchestrator, Memory, Policy, Identity] {
            until("it is known to be away", || async {
                member.get(role, "/ready").await.status == StatusCode::SERVICE_UNAVAILABLE
            })
            .await;
            let live = member.get(role, "/live").await;
            assert_eq!(live.status, StatusCode::OK, "a restart of the role would help nobody");
        }
        let ready = member.get(Orchestrator, "/ready").await.json;
        assert!(ready["reasons"].to_string().contains("the database cannot be reached"), "{ready}");
        // Whoever asks now is answered now: the server is started only after they were.
        let said = member.say(&session, &format!("away-{round}"), "is anybody there").await;
        assert_eq!(said.status, StatusCode::SERVICE_UNAVAILABLE, "{said:?}");
        assert!(said.headers.contains_key("retry-after"), "{said:?}");
        let body = json!({"key": "away", "value": "x"});
        let remembered = member.post(Memory, "/v1/remember", &body).await;
        assert_eq!(remembered.status, StatusCode::SERVICE_UNAVAILABLE, "{remembered:?}");
        assert!(remembered.headers.contains_key("retry-after"), "{remembered:?}");
        server = blocking(move || {
            server.launch();
            server
        })
        .await;
        let ready = until("the gateway is ready again", || async {
            member.get(Gateway, "/ready").await.status == StatusCode::OK
        });
        tokio::time::timeout(RECOVERY, ready).await.expect("it takes too long to recover");
    }
    stop.cancel();
    let mut acknowledged = BTreeMap::new();
    for talker in talkers {
        acknowledged.extend(talker.await.unwrap());
    }
    assert!(acknowledged.len() > 40, "only {}", acknowledged.len());
    check(&member, &session, &acknowledged).await;
    assert_eq!(member.get(Memory, "/v1/recall/away").await.status, StatusCode::NOT_FOUND);
    drop(fleet);
    blocking(move || drop(server)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workflows_go_on_after_restarts_and_crashes_of_postgres() {
    const ROUNDS: usize = 3;
    const EACH: usize = 4;
    let mut server = blocking(|| Server::start(&[])).await;
    let fleet = Fleet::with(false, Some(server.address("postgres"))).await;
    fleet.member("acme").await;
    let more = ["workflow:read", "workflow:start"];
    let capabilities: Vec<&str> = MEMBER.into_iter().chain(more).collect();
    let token = fleet.token("acme", "worker", &capabilities).await;
    let member = Member { fleet: &fleet, token };
    for round in 0..ROUNDS {
        for number in 0..EACH {
            // An answer that nobody got is asked for again under its key.
            until("the campaign is started", || async {
                let order = json!({"campaign_name": format!("{round} {number}")});
                let start = member.call(Method::POST, Orchestrator, "/workflows/marketing");
                let start = start.json(&order).header("idempotency-key", &order.to_string());
                fleet.http.send(start).await.status == StatusCode::ACCEPTED
            })
            .await;
        }
        server = blocking(move || {
            if round % 2 == 0 {
                server.kill()
            } else {
                server.stop()
            }
            server
        })
        .await;
        until("it is known to be away", || async {
            member.get(Orchestrator, "/ready").await.status == StatusCode::SERVICE_UNAVAILABLE
        })
        .await;
        server = blocking(move || {
            server.launch();
            server
        })
        .await;
    }
    let path = "/workflows?status=completed";
    let completed = async || {
        let listed = member.get(Orchestrator, path).await.json;
        listed["workflows"].as_array().map_or(0, Vec::len)
    };
    until("all are completed", async || completed().await == ROUNDS * EACH).await;
    let all = member.get(Orchestrator, "/workflows").await.json;
    assert_eq!(all["workflows"].as_array().unwrap().len(), ROUNDS * EACH, "one was started twice");
    drop(fleet);
    blocking(move || drop(server)).await;
}
