//! Turns while roles are killed and disks fail: what was acknowledged is there, once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use http::StatusCode;
use seaworthy_hub::Role::{self, Gateway, Identity, Memory, Orchestrator};
use serde_json::Value;

use crate::fleet::{Fleet, Member};
use crate::store::fault_library;
use crate::wire::{Call, Http, until};

/// Talks until told to stop, one message after another, each repeated under its key until it is
/// acknowledged. Returns the acknowledged answers by key.
pub(crate) async fn talk(
    http: Http,
    call: impl Fn(&str) -> Call,
    name: String,
    stop: tokio_util::sync::CancellationToken,
) -> BTreeMap<String, Value> {
    let mut acknowledged = BTreeMap::new();
    for n in 0.. {
        if stop.is_cancelled() {
            break;
        }
        let key = format!("{name}-{n}");
        loop {
            match http.attempt(call(&key)).await {
                Some(answer) if answer.status == StatusCode::OK => {
                    acknowledged.insert(key, answer.json);
                    break;
                }
                Some(answer) => assert!(answer.status.is_server_error(), "{answer:?}"),
                None => {}
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    acknowledged
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_killed_in_the_middle_of_turns_lose_and_double_nothing() {
    let mut fleet = Fleet::launch_apart().await;
    let token = fleet.member("acme").await.token;
    let session = Member { fleet: &fleet, token: token.clone() }.session().await;
    let stop = tokio_util::sync::CancellationToken::new();
    let talkers: Vec<_> = (0..6)
        .map(|n| {
            let call = Member { fleet: &fleet, token: token.clone() }.sayer(&session);
            tokio::spawn(talk(Http::new(), call, format!("talker-{n}"), stop.clone()))
        })
        .collect();
    for role in [Orchestrator, Memory, Orchestrator, Gateway, Role::Policy, Orchestrator, Identity]
    {
        let member = Member { fleet: &fleet, token: token.clone() };
        let before = committed(&member).await;
        until("turns are being committed", || async { committed(&member).await > before + 10 })
            .await;
        fleet.kill(role).await;
        fleet.start(role).await;
    }
    stop.cancel();
    let mut acknowledged = BTreeMap::new();
    for talker in talkers {
        acknowledged.extend(talker.await.unwrap());
    }
    assert!(acknowledged.len() > 50, "only {}", acknowledged.len());
    let member = Member { fleet: &fleet, token };
    check(&member, &session, &acknowledged).await;
}

/// How many events there are in all sessions, by way of the turns that were counted.
pub(crate) async fn committed(member: &Member<'_>) -> u64 {
    let answer =
        member.fleet.http.attempt(member.call(http::Method::GET, Orchestrator, "/metrics"));
    let text = answer.await.map(|answer| answer.text).unwrap_or_default();
    let line =
        text.lines().find_map(|line| line.strip_prefix("turns_total{outcome=\"completed\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

/// Every acknowledged turn is there once, with its answer, its events and its memory; and nothing
/// is there that was not asked for.
pub(crate) async fn check(
    member: &Member<'_>,
    session: &str,
    acknowledged: &BTreeMap<String, Value>,
) {
    let turns = member.turns(session).await;
    let answers: Vec<&Value> = turns.iter().map(|turn| &turn["answer"]).collect();
    for (key, answer) in acknowledged {
        let times = answers.iter().filter(|stored| **stored == answer).count();
        assert_eq!(times, 1, "{key}: {answer}");
    }
    let messages: BTreeSet<&str> =
        turns.iter().map(|turn| turn["message"].as_str().unwrap()).collect();
    assert_eq!(messages.len(), turns.len(), "a message became two turns");
    assert_eq!(turns.len(), acknowledged.len(), "every message was repeated until acknowledged");
    let events = member.events(session).await;
    let ids: Vec<u64> = events.iter().map(|event| event["id"].as_u64().unwrap()).collect();
    assert_eq!(ids, (1..=events.len() as u64).collect::<Vec<_>>());
    assert_eq!(events.len(), 1 + 2 * turns.len());
    for turn in &turns {
        let key = turn["answer"]["memory_key"].as_str().unwrap();
        let recalled = member.get(Memory, &format!("/v1/recall/{key}")).await;
        assert_eq!(recalled.json["value"], turn["message"], "{key}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_turn_whose_sync_fails_is_not_acknowledged_and_its_repeat_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut fleet = Fleet::launch_apart_on_files().await;
    let token = fleet.member("acme").await.token;
    let session = Member { fleet: &fleet, token: token.clone() }.session().await;
    let mut acknowledged = BTreeMap::new();
    for role in [Orchestrator, Memory] {
        fleet.kill(role).await;
        fleet.preload(Some(fault_library(folder.path())));
        fleet.start(role).await;
        let switch = fleet.fault(role).with_extension("sync");
        let member = Member { fleet: &fleet, token: token.clone() };
        let fine = format!("{role}-fine");
        let said = member.say(&session, &fine, &fine).await;
        assert_eq!(said.status, StatusCode::OK, "{said:?}");
        acknowledged.insert(fine, said.json);
        std::fs::write(&switch, "").unwrap();
        let failing: Vec<String> = (0..8).map(|n| format!("{role}-failing-{n}")).collect();
        let answers = futures_util::future::join_all(
            failing.iter().map(|key| member.say(&session, key, key)),
        );
        for answer in answers.await {
            answer.refused(503, "store_failed");
            assert!(answer.headers.contains_key("retry-after"));
        }
        std::fs::remove_file(&switch).unwrap();
        member.say(&session, &failing[0], &failing[0]).await.refused(503, "store_failed");
        fleet.kill(role).await;
        fleet.preload(None);
        fleet.start(role).await;
        let member = Member { fleet: &fleet, token: token.clone() };
        for key in failing {
            until("the role is back", || async {
                member.get(Gateway, "/ready").await.status == StatusCode::OK
            })
            .await;
            let said = member.say(&session, &key, &key).await;
            assert_eq!(said.status, StatusCode::OK, "{said:?}");
            acknowledged.insert(key, said.json);
        }
    }
    let member = Member { fleet: &fleet, token };
    check(&member, &session, &acknowledged).await;
}
