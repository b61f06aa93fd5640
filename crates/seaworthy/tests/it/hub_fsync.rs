//! A disk whose fsync fails: nothing is acknowledged, and nothing acknowledged before is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::hub::Hub;

/// Builds the library that makes fsync fail on demand; it needs a C compiler, as SQLite does.
fn shim(folder: &Path) -> PathBuf {
    let library = folder.join("failing_fsync.so");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/failing_fsync.c");
    let built = Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .arg(&library)
        .arg(source)
        .status()
        .expect("a C compiler named cc is installed by `cargo xtask test`");
    assert!(built.success());
    library
}

#[test]
fn a_failing_fsync_is_never_acknowledged() {
    let folder = tempfile::tempdir().unwrap();
    let library = shim(folder.path());
    let flag = folder.path().join("broken");
    let faulty: Vec<(&'static str, &str, &Path)> = ["orchestrator", "memory"]
        .into_iter()
        .flat_map(|role| {
            [(role, "LD_PRELOAD", library.as_path()), (role, "FAILING_FSYNC", flag.as_path())]
        })
        .collect();
    let mut hub = Hub::start(&faulty);
    let session = hub.open_session();
    let turn = |hub: &Hub, key: &str| {
        let body = json!({"session_id": session, "message": format!("Turn {key}.")});
        let headers = [("idempotency-key", key)];
        hub.attempt("gateway", "POST", "/v1/sessions/message", &headers, Some(&body)).unwrap()
    };
    let remember = |hub: &Hub, key: &str| {
        let body = json!({"key": key, "value": "a thing to keep"});
        hub.attempt("memory", "POST", "/v1/remember", &[], Some(&body)).unwrap()
    };
    let before = turn(&hub, "before");
    assert_eq!(before.status, 200);
    assert!(remember(&hub, "before").status < 300);

    fs::write(&flag, b"").unwrap();
    for key in ["during-1", "during-2"] {
        let answer = turn(&hub, key);
        assert_eq!(answer.status, 503, "{}", String::from_utf8_lossy(&answer.body));
    }
    assert_eq!(remember(&hub, "during").status, 503);
    let ready = hub.call("memory", "GET", "/ready", &[], None);
    assert_eq!(ready.status, 503, "a role that cannot write is not ready");

    // The disk works again, but what the kernel dropped in between nobody knows: the roles refuse
    // until they are started anew on what is really there.
    fs::remove_file(&flag).unwrap();
    assert_eq!(remember(&hub, "still-refused").status, 503);
    for role in ["orchestrator", "memory"] {
        hub.kill(role);
        hub.restart(role);
    }
    let path = format!("/v1/sessions/{session}/turns");
    let turns = hub.attempt("gateway", "GET", &path, &[], None).unwrap().json();
    let turns = turns["turns"].as_array().unwrap();
    assert_eq!(turns.len(), 1, "nothing that was refused is there: {turns:?}");
    assert_eq!(turns[0]["turn_id"], before.json()["turn_id"]);
    let kept = |key: &str| {
        let path = format!("/v1/recall/{key}");
        hub.attempt("memory", "GET", &path, &[], None).unwrap().status
    };
    assert_eq!(kept("before"), 200);
    assert_eq!(kept("during"), 404);
    assert_eq!(turn(&hub, "after").status, 200);
}
