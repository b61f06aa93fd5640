//! Appending: order and time, several writers, torn tails, full disks, and folders that refuse.

use std::fs::OpenOptions;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fixture::{NOON, Workspace, lines, write_lines};
use seaworthy_base::{Clock, Timestamp};
use seaworthy_ledger::{Error, Ledger, Outcome, Receipt, Signer, SigningKey, Trust, verify_chain};
use serde_json::json;

#[test]
fn sequence_and_time_go_on_when_the_clock_steps_back() {
    let workspace = Workspace::new();
    let mut ledger = workspace.ledger();
    let mut receipts: Vec<Receipt> = Vec::new();
    for offset in [0, 5, 5, -1_000_000_000, -2_000_000_000, 90] {
        let now = NOON.checked_add_signed(offset).unwrap();
        workspace.clock.set_wall(Timestamp::from_nanos(now));
        receipts.push(ledger.append("tick", json!({})).unwrap());
        // Also for whoever opens it anew.
        ledger = workspace.ledger();
    }
    let offsets: Vec<u64> = receipts.iter().map(|receipt| receipt.time.as_nanos() - NOON).collect();
    assert_eq!(offsets, [0, 5, 6, 7, 8, 90]);
    assert!(receipts.iter().map(|receipt| receipt.sequence).eq(1..=6));
    for pair in receipts.windows(2) {
        assert_eq!(pair[1].parent, pair[0].hash());
    }
    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    assert_eq!(report.receipts, receipts);
    assert_eq!(report.head, ledger.head());
}

#[test]
fn what_json_would_round_is_refused_and_nothing_is_written() {
    let workspace = Workspace::new();
    let mut ledger = workspace.ledger();
    let error = ledger.append("count", json!({"ns": 9_007_199_254_740_993_u64})).unwrap_err();
    assert_eq!(error.code(), "ledger-body");
    assert!(error.to_string().contains("$.body.ns"), "{error}");
    assert!(error.hint().unwrap().contains("strings"));
    let mut deep = json!(1);
    for _ in 0..80 {
        deep = json!([deep]);
    }
    assert_eq!(ledger.append("deep", deep).unwrap_err().code(), "ledger-body");
    assert_eq!(ledger.append("seal", json!({})).unwrap_err().code(), "ledger-kind");
    assert_eq!(ledger.append("a", json!({"ns": "9007199254740993"})).unwrap().sequence, 1);
}

#[test]
fn create_wants_an_empty_folder_and_open_a_chain() {
    let workspace = Workspace::new();
    let open =
        |name: &str| Ledger::open(&workspace.path(name), workspace.signer(), Clock::system());
    let create =
        |name: &str| Ledger::create(&workspace.path(name), workspace.signer(), Clock::system());
    assert_eq!(open("none").unwrap_err().code(), "ledger-missing");
    let mut made = create("a/b/c").unwrap();
    made.append("x", json!(null)).unwrap();
    assert_eq!(open("a/b/c").unwrap().sequence(), 1);
    assert_eq!(create("a/b/c").unwrap_err().code(), "ledger-exists");
    assert_eq!(create("a").unwrap_err().code(), "ledger-exists");
}

#[test]
fn writers_with_handles_of_their_own_never_fork_the_chain() {
    let workspace = Workspace::new();
    let threads: Vec<_> = (0..4)
        .map(|writer| {
            let (folder, signer) = (workspace.path("ledger"), workspace.signer());
            let clock = workspace.clock.clone();
            std::thread::spawn(move || {
                let mut ledger = Ledger::open_or_create(&folder, signer, clock).unwrap();
                for number in 0..25 {
                    ledger.append("turn", json!({"writer": writer, "number": number})).unwrap();
                }
            })
        })
        .collect();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    assert_eq!(report.receipts.len(), 100);
    for writer in 0..4 {
        let own = report.receipts.iter().filter(|receipt| receipt.body["writer"] == writer);
        assert!(own.map(|receipt| receipt.body["number"].as_u64().unwrap()).eq(0..25));
    }
}

#[test]
fn a_torn_tail_is_cut_off_and_put_on_record() {
    let workspace = Workspace::new();
    workspace.ledger().append("one", json!({})).unwrap();
    let path = workspace.path("ledger/chain.jsonl");
    let length = std::fs::metadata(&path).unwrap().len();
    OpenOptions::new().append(true).open(&path).unwrap().write_all(b"{\"body\":{\"half").unwrap();

    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.findings.first().map(|finding| finding.code), Some("ledger-torn"));

    let mut ledger = workspace.ledger();
    assert_eq!(ledger.append("two", json!({})).unwrap().sequence, 3);
    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    let cut = &report.receipts[1];
    assert_eq!(cut.kind, "tail.cut");
    assert_eq!(cut.body["offset"], length.to_string());
    assert_eq!(cut.body["length"], "14");
    assert_eq!(cut.body["sha256"].as_str().unwrap().len(), 64);
}

#[test]
fn a_whole_receipt_that_lacks_only_its_newline_is_kept() {
    let workspace = Workspace::new();
    workspace.ledger().append("one", json!({})).unwrap();
    let second = workspace.ledger().append("two", json!({})).unwrap();
    let path = workspace.path("ledger/chain.jsonl");
    let length = std::fs::metadata(&path).unwrap().len();
    OpenOptions::new().write(true).open(&path).unwrap().set_len(length - 1).unwrap();
    let third = workspace.ledger().append("three", json!({})).unwrap();
    assert_eq!((third.sequence, third.parent.as_str()), (3, second.hash()));
}

#[test]
fn what_an_interrupted_append_leaves_is_cleared_away() {
    let workspace = Workspace::new();
    drop(workspace.ledger());
    let unused = SigningKey::generate().unwrap().public();
    let key = workspace.path("ledger").join(format!("{}.pem", unused.id()));
    let part = workspace.path("ledger").join(format!(".{}.pem.part", unused.id()));
    std::fs::write(&key, unused.to_pem()).unwrap();
    std::fs::write(&part, "-----BEG").unwrap();
    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.outcome, Outcome::ConsistentOnly, "{:?}", report.findings);
    workspace.ledger().append("one", json!({})).unwrap();
    assert!(!key.exists() && !part.exists());
    let report = verify_chain(&workspace.path("ledger"), &workspace.trust());
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
}

#[test]
fn a_chain_that_was_tampered_with_takes_no_more_receipts() {
    let workspace = Workspace::new();
    let mut open = workspace.ledger();
    open.append("one", json!({"n": 1})).unwrap();
    open.append("two", json!({"n": 2})).unwrap();
    let path = workspace.path("ledger/chain.jsonl");
    let whole = lines(&path);

    let mut edited = whole.clone();
    edited[0] = edited[0].replace("\"n\":1", "\"n\":9");
    write_lines(&path, &edited);
    let signer = workspace.signer();
    let error =
        Ledger::open(&workspace.path("ledger"), signer, workspace.clock.clone()).unwrap_err();
    assert!(matches!(&error, Error::Broken { finding, .. } if finding.code == "ledger-signature"));
    assert!(error.hint().unwrap().contains("evidence"));

    // Cut short, or put another file in its place, while somebody has it open.
    write_lines(&path, &whole[..1]);
    assert!(matches!(open.append("x", json!({})), Err(Error::Interfered { how: "cut short", .. })));
    let other = workspace.path("other");
    write_lines(&other, &whole);
    std::fs::rename(&other, &path).unwrap();
    assert!(matches!(open.append("x", json!({})), Err(Error::Interfered { how: "replaced", .. })));
    std::fs::remove_file(&path).unwrap();
    assert_eq!(open.append("x", json!({})).unwrap_err().code(), "ledger-interfered");
}

#[test]
fn a_sealed_chain_takes_no_more_receipts() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let receipts = trial.join("receipts");
    let mut ledger = Ledger::open(&receipts, workspace.signer(), workspace.clock.clone()).unwrap();
    assert!(ledger.is_sealed());
    assert_eq!(ledger.append("late", json!({})).unwrap_err().code(), "ledger-sealed");
    let again = seaworthy_ledger::seal(&trial, &mut ledger, &mut workspace.ledger()).unwrap_err();
    assert_eq!(again.code(), "ledger-sealed");
}

#[test]
fn the_end_of_time_is_an_error() {
    let workspace = Workspace::new();
    workspace.clock.set_wall(Timestamp::from_nanos(u64::MAX));
    let mut ledger = workspace.ledger();
    ledger.append("last", json!({})).unwrap();
    assert_eq!(ledger.append("later", json!({})).unwrap_err().code(), "ledger-exhausted");
}

#[test]
fn folders_that_refuse_are_named() {
    let workspace = Workspace::new();
    let create = |path: &Path| {
        Ledger::create(path, workspace.signer(), workspace.clock.clone()).unwrap_err()
    };
    std::fs::write(workspace.path("file"), "").unwrap();
    let below = workspace.path("file/ledger");
    let error = create(&below);
    assert_eq!(error.code(), "ledger-io");
    assert!(error.to_string().contains(workspace.path("file").to_str().unwrap()), "{error}");
    // No user, not even root, makes folders in the kernel's process table.
    let error = create(Path::new("/proc/seaworthy-ledger"));
    assert!(error.to_string().contains("`/proc/seaworthy-ledger`"), "{error}");

    let closed = workspace.path("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o555)).unwrap();
    if std::fs::write(closed.join("probe"), "").is_err() {
        let error = create(&closed.join("ledger"));
        assert!(error.hint().unwrap().contains("writable"), "{error}");
    }
}

/// The second half of `a_killed_writer_loses_nothing`: only runs when that starts it.
#[test]
fn appends_until_killed() {
    let Some(folder) = std::env::var_os("SEAWORTHY_LEDGER_TEST_KILL") else { return };
    let key = SigningKey::read("seed", &[200; 32]).unwrap();
    let folder = PathBuf::from(folder);
    let mut ledger = Ledger::open_or_create(&folder, Signer::new(key), Clock::system()).unwrap();
    loop {
        let receipt = ledger.append("turn", json!({"text": "x".repeat(3_000)})).unwrap();
        println!("acknowledged {}", receipt.hash());
    }
}

#[test]
fn a_killed_writer_loses_nothing() {
    let workspace = Workspace::new();
    let folder = workspace.path("ledger");
    let key = SigningKey::read("seed", &[200; 32]).unwrap();
    let mut acknowledged = Vec::new();
    for round in 1..=4 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "append::appends_until_killed", "--nocapture"])
            .env("SEAWORTHY_LEDGER_TEST_KILL", &folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::inherit())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while acknowledged.len() < round * 10 {
            let line = lines.next().unwrap().unwrap();
            acknowledged.extend(line.split_once("acknowledged ").map(|(_, hash)| hash.to_owned()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        for line in lines {
            let line = line.unwrap();
            acknowledged.extend(line.split_once("acknowledged ").map(|(_, hash)| hash.to_owned()));
        }
        acknowledged.retain(|hash| hash.len() == 64);
    }
    drop(Ledger::open(&folder, Signer::new(key.clone()), Clock::system()).unwrap());
    let report = verify_chain(&folder, &Trust::none().and(key.public()));
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    let hashes: Vec<&str> = report.receipts.iter().map(Receipt::hash).collect();
    for hash in &acknowledged {
        assert_eq!(hashes.iter().filter(|other| *other == hash).count(), 1, "{hash}");
    }
}

/// The second half of `a_full_disk_leaves_the_chain_as_it_was`: only runs when that starts it.
#[test]
fn appends_until_the_limit() {
    let Some(folder) = std::env::var_os("SEAWORTHY_LEDGER_TEST_FOLDER") else { return };
    let key = SigningKey::read("seed", &[200; 32]).unwrap();
    let clock = Clock::manual(Timestamp::from_nanos(NOON));
    let mut ledger = Ledger::open(&PathBuf::from(folder), Signer::new(key), clock).unwrap();
    let mut done = 0;
    let error = loop {
        match ledger.append("fill", json!({"text": "x".repeat(300)})) {
            Ok(_) => done += 1,
            Err(error) => break error,
        }
        assert!(done < 1_000, "the limit does not hold");
    };
    assert!(done > 0, "{error}");
    assert_eq!(error.code(), "ledger-io");
    assert!(error.to_string().contains("chain.jsonl"), "{error}");
    assert!(error.hint().unwrap().contains("make room"), "{error}");
    // And again: the chain is still usable, only the room is not there.
    assert_eq!(
        ledger.append("fill", json!({"text": "x".repeat(300)})).unwrap_err().code(),
        "ledger-io"
    );
    println!("appended {done}");
}

#[test]
fn a_full_disk_leaves_the_chain_as_it_was() {
    let workspace = Workspace::new();
    let folder = workspace.path("ledger");
    let key = SigningKey::read("seed", &[200; 32]).unwrap();
    let open = || {
        let clock = workspace.clock.clone();
        Ledger::open_or_create(&folder, Signer::new(key.clone()), clock).unwrap()
    };
    open().append("first", json!({})).unwrap();
    // A file size limit fails a write half-way, just as a full disk does: the part that fits is written.
    let output = Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact append::appends_until_the_limit --nocapture"])
        .arg(std::env::current_exe().unwrap())
        .env("SEAWORTHY_LEDGER_TEST_FOLDER", &folder)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let done = text.lines().find_map(|line| line.split_once("appended ")).unwrap().1;
    let done: u64 = done.trim().parse().unwrap();
    assert!(std::fs::read(folder.join("chain.jsonl")).unwrap().ends_with(b"\n"));
    let report = verify_chain(&folder, &Trust::none().and(key.public()));
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    assert_eq!(report.receipts.len() as u64, done + 1);
    assert_eq!(open().append("after", json!({})).unwrap().sequence, done + 2);
}
