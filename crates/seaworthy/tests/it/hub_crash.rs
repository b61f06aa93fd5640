//! Roles killed with -9 in the middle of turns: every acknowledged turn is found again, once.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};

use crate::http::{Answer, PATIENCE};
use crate::hub::Hub;

/// Callers at work while roles are killed.
const CALLERS: usize = 6;
/// Turns each round waits for before it kills, and after the role is back.
const TURNS: usize = 15;

#[test]
fn acknowledged_turns_survive_kill_9_once() {
    let mut hub = Hub::start(&[]);
    let sessions: Vec<String> = (0..CALLERS).map(|_| hub.open_session()).collect();
    let mut acknowledged: BTreeMap<(String, String), Value> = BTreeMap::new();
    let mut cut = 0;
    for (round, role) in
        ["orchestrator", "memory", "gateway", "orchestrator"].into_iter().enumerate()
    {
        let stop = AtomicBool::new(false);
        let done = AtomicUsize::new(0);
        let (stop, done) = (&stop, &done);
        let shared = &hub;
        let told: Vec<((String, String), Value)> = std::thread::scope(|scope| {
            let callers: Vec<_> = sessions
                .iter()
                .map(|session| scope.spawn(move || turns(shared, session, round, stop, done)))
                .collect();
            // Killed while callers are in the middle of turns; which turn is up to the scheduler.
            wait_for(done, TURNS);
            kill_by_id(shared, role);
            stop.store(true, Ordering::SeqCst);
            callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
        });
        hub.kill(role);
        hub.restart(role);
        // Looked at before anything is tried again: a retry would make anew what was lost.
        let kept: BTreeMap<String, Value> =
            sessions.iter().flat_map(|session| turns_of(&hub, session)).collect();
        cut += told.iter().filter(|(_, answer)| answer.is_null()).count();
        for (key, answer) in told {
            if !answer.is_null() {
                let turn = answer["turn_id"].as_str().unwrap();
                let found = kept.get(turn).unwrap_or_else(|| panic!("{key:?} is lost"));
                assert_eq!(found["answer"]["response"], answer["response"], "{key:?}");
            }
            // Tried again with its key, as a client would that had no answer: it is done now, or
            // was done, and an answer that was given is given again.
            let again = retry(&hub, &key);
            if !answer.is_null() {
                assert_eq!(again, answer, "{key:?}");
            }
            acknowledged.insert(key, again);
        }
    }
    assert!(cut > 0, "no turn was cut off: nothing was shown");
    assert!(acknowledged.len() >= TURNS, "{}", acknowledged.len());
    for session in &sessions {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        for (turn, _) in turns_of(&hub, session) {
            *seen.entry(turn).or_default() += 1;
        }
        for (key, answer) in acknowledged.iter().filter(|((of, _), _)| of == session) {
            let turn = answer["turn_id"].as_str().unwrap();
            assert_eq!(seen.remove(turn), Some(1), "turn {key:?}");
            let memory = format!("/v1/recall/{}", answer["memory_key"].as_str().unwrap());
            let kept = read(&hub, "memory", &memory);
            assert_eq!(kept.status, 200, "the memory of turn {key:?}");
        }
        assert!(seen.is_empty(), "turns nobody asked for: {seen:?}");
    }
}

/// What a role answers, asked again while it is told to come back: circuits to a role that was gone close
/// a second after it is there again.
#[expect(clippy::disallowed_methods, reason = "a deadline for real processes, on the real clock")]
fn read(hub: &Hub, role: &str, path: &str) -> Answer {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = hub.attempt(role, "GET", path, &[], None).unwrap();
        if answer.status != 503 || Instant::now() > deadline {
            return answer;
        }
        std::thread::yield_now();
    }
}

/// A session's turns by their id, in order, as they are stored.
fn turns_of(hub: &Hub, session: &str) -> Vec<(String, Value)> {
    let path = format!("/v1/sessions/{session}/turns?limit=500");
    let listed = read(hub, "gateway", &path).json();
    assert!(listed["next_after"].is_null(), "more than one page");
    let turns = listed["turns"].as_array().unwrap().clone();
    turns.into_iter().map(|turn| (turn["turn_id"].as_str().unwrap().to_owned(), turn)).collect()
}

/// Sends turns until told to stop or the hub is gone; the last one may have no answer (null).
fn turns(
    hub: &Hub,
    session: &str,
    round: usize,
    stop: &AtomicBool,
    done: &AtomicUsize,
) -> Vec<((String, String), Value)> {
    let mut told = Vec::new();
    for number in 0.. {
        if stop.load(Ordering::SeqCst) {
            break;
        }
        let key = (session.to_owned(), format!("round-{round}-turn-{number}"));
        match send(hub, &key) {
            Some(answer) => {
                told.push((key, answer));
                done.fetch_add(1, Ordering::SeqCst);
            }
            None => {
                told.push((key, Value::Null));
                break;
            }
        }
    }
    told
}

fn send(hub: &Hub, (session, key): &(String, String)) -> Option<Value> {
    let body = json!({"session_id": session, "message": format!("Note {key}: the tide turns.")});
    let headers = [("idempotency-key", key.as_str())];
    let answer =
        hub.attempt("gateway", "POST", "/v1/sessions/message", &headers, Some(&body)).ok()?;
    match answer.status {
        200 => Some(answer.json()),
        // The role that was killed is missed: nothing is acknowledged.
        502..=504 => None,
        status => panic!("{status}: {}", String::from_utf8_lossy(&answer.body)),
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline for real processes, on the real clock")]
fn retry(hub: &Hub, key: &(String, String)) -> Value {
    let deadline = std::time::Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = send(hub, key) {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "{key:?} is never acknowledged");
    }
}

#[expect(clippy::disallowed_methods, reason = "a deadline for real processes, on the real clock")]
fn wait_for(done: &AtomicUsize, wanted: usize) {
    let deadline = std::time::Instant::now() + PATIENCE;
    while done.load(Ordering::SeqCst) < wanted {
        assert!(std::time::Instant::now() < deadline, "the turns do not get on");
        std::thread::yield_now();
    }
}

/// `kill -9` while the hub is shared; `Hub::kill` reaps it afterwards.
fn kill_by_id(hub: &Hub, role: &str) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(hub.pid(role)).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
