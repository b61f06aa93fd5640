//! The keystore: a key on first use, its protection, rotation with overlap, and trust that follows it.

use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::fixture::{NOON, Workspace, chain, lines, write_lines};
use seaworthy_base::Timestamp;
use seaworthy_ledger::{
    Error, Keystore, Ledger, Outcome, PublicKey, Role, Signer, SigningKey, Trust, default_folder,
    verify,
};

const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

#[test]
fn the_state_folder_follows_the_environment() {
    let folder = |set: &[(&str, &str)]| {
        default_folder(|name| {
            set.iter().find(|(key, _)| *key == name).map(|(_, value)| OsString::from(value))
        })
    };
    let all = [("HOME", "/h"), ("XDG_STATE_HOME", "/x"), ("SEAWORTHY_STATE", "/s")];
    assert_eq!(folder(&all).unwrap(), PathBuf::from("/s"));
    assert_eq!(folder(&all[..2]).unwrap(), PathBuf::from("/x/seaworthy"));
    assert_eq!(folder(&all[..1]).unwrap(), PathBuf::from("/h/.local/state/seaworthy"));
    let odd = [("HOME", "/h"), ("XDG_STATE_HOME", "relative"), ("SEAWORTHY_STATE", "")];
    assert_eq!(folder(&odd).unwrap(), PathBuf::from("/h/.local/state/seaworthy"));
    assert_eq!(folder(&[]).unwrap_err().code(), "ledger-no-state-folder");
}

#[test]
fn the_first_use_makes_a_key_that_stays() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    assert!(!store.folder().exists(), "looking makes nothing");
    assert!(store.trust().unwrap().keys().next().is_none());
    let first = store.signer(&workspace.clock).unwrap();
    let again = Keystore::open(workspace.path("state")).unwrap().signer(&workspace.clock).unwrap();
    assert_eq!(first.public_keys(), again.public_keys());
    let [key] = first.public_keys()[..] else { panic!("one key") };
    assert_eq!(mode(&workspace.path("state")), 0o700);
    assert_eq!(mode(&workspace.path("state/keys")), 0o700);
    let file = workspace.path("state/keys").join(format!("{}.pem", key.id()));
    assert_eq!(mode(&file), 0o600);
    assert!(std::fs::read_to_string(&file).unwrap().starts_with("-----BEGIN PRIVATE KEY-----\n"));
    assert!(store.trust().unwrap().contains(&key));

    // Used by many at once, the first use still makes one key.
    let fresh = workspace.path("fresh");
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let (folder, clock) = (fresh.clone(), workspace.clock.clone());
            std::thread::spawn(move || {
                Keystore::open(folder).unwrap().signer(&clock).unwrap().key_ids()
            })
        })
        .collect();
    let mut ids: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    ids.dedup();
    assert_eq!(ids.len(), 1);
}

#[test]
fn keys_open_to_others_are_refused() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    let id = store.signer(&workspace.clock).unwrap().key_ids().remove(0);
    let file = workspace.path("state/keys").join(format!("{id}.pem"));
    let set = |path: &Path, mode| {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    };
    set(&file, 0o644);
    let error = store.signer(&workspace.clock).unwrap_err();
    assert_eq!(error.code(), "ledger-key-exposed");
    assert!(error.hint().unwrap().contains("chmod 600"), "{error}");
    set(&file, 0o600);
    set(&workspace.path("state/keys"), 0o750);
    let error = Keystore::open(workspace.path("state")).unwrap_err();
    assert!(error.hint().unwrap().contains("chmod 700"), "{error}");
    set(&workspace.path("state/keys"), 0o700);
    set(&workspace.path("state"), 0o777);
    let error = Keystore::open(workspace.path("state")).unwrap_err();
    assert_eq!(error.code(), "ledger-key-exposed");
    set(&workspace.path("state"), 0o755);
    store.signer(&workspace.clock).unwrap();

    std::fs::remove_file(&file).unwrap();
    let error = store.signer(&workspace.clock).unwrap_err();
    assert!(
        error.to_string().contains(file.to_str().unwrap()),
        "a lost key is not replaced: {error}"
    );
    let other = SigningKey::generate().unwrap();
    std::fs::write(&file, other.public().to_pem()).unwrap();
    set(&file, 0o600);
    assert_eq!(store.signer(&workspace.clock).unwrap_err().code(), "ledger-key");
}

#[test]
fn rotation_lets_the_old_key_vouch_for_the_new() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    let old = store.signer(&workspace.clock).unwrap().public_keys()[0];
    let before = workspace.sealed_by("before", store.signer(&workspace.clock).unwrap());

    let record = store.rotate(&workspace.clock, WEEK).unwrap();
    assert_eq!(record.kind, "key.rotated");
    assert_eq!(record.signatures.len(), 2, "signed by both");
    let during = store.signer(&workspace.clock).unwrap();
    let [new, also] = during.public_keys()[..] else { panic!("both sign") };
    assert_eq!(also, old);
    assert_ne!(new, old);
    assert!(matches!(store.rotate(&workspace.clock, WEEK), Err(Error::InOverlap { .. })));
    let overlap = workspace.sealed_by("overlap", during);
    let report = verify(&overlap, &Trust::none().and(old));
    assert!(report.receipts.iter().all(|receipt| receipt.signatures.len() == 2));
    let kinds: Vec<&str> = report.receipts.iter().map(|receipt| receipt.kind.as_str()).collect();
    assert_eq!(kinds, ["key.history", "trial.plan", "verdict", "seal"]);

    workspace.clock.set_wall(Timestamp::from_nanos(NOON).plus(WEEK + WEEK));
    let after = store.signer(&workspace.clock).unwrap();
    assert_eq!(after.public_keys(), [new], "the overlap is over");
    let after = workspace.sealed_by("after", after);

    for trial in [&before, &overlap, &after] {
        for trust in [Trust::none().and(old), store.trust().unwrap()] {
            let report = verify(trial, &trust);
            assert_eq!(
                report.outcome,
                Outcome::Trusted,
                "{}: {:?}",
                trial.display(),
                report.findings
            );
        }
    }
    let report = verify(&after, &Trust::none().and(old));
    assert_eq!(report.keys[0].vouched_by, Some(old.id()));
    // The new key says nothing about the old one; a stranger's says nothing about either.
    assert_eq!(verify(&before, &Trust::none().and(new)).outcome, Outcome::ConsistentOnly);
    let stranger = SigningKey::generate().unwrap().public();
    assert_eq!(verify(&after, &Trust::none().and(stranger)).outcome, Outcome::ConsistentOnly);

    let roles: Vec<_> = store.list(&workspace.clock).unwrap();
    assert_eq!(
        roles.iter().map(|listed| listed.role).collect::<Vec<_>>(),
        [Role::Signing, Role::Retired]
    );
    assert_eq!(store.retire(&workspace.clock).unwrap(), [old.id()]);
    assert!(!workspace.path("state/keys").join(format!("{}.pem", old.id())).exists());
    assert!(store.trust().unwrap().contains(&old));
    store.rotate(&workspace.clock, WEEK).unwrap();
    let third = workspace.sealed_by("third", store.signer(&workspace.clock).unwrap());
    let report = verify(&third, &Trust::none().and(old));
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    assert_eq!(
        store.list(&workspace.clock).unwrap()[1].role,
        Role::Overlap(workspace.clock.wall().plus(WEEK))
    );
}

#[test]
fn a_signature_taken_off_in_the_overlap_is_missed() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    store.rotate(&workspace.clock, WEEK).unwrap();
    let trial = workspace.sealed_by("overlap", store.signer(&workspace.clock).unwrap());
    let whole = lines(&chain(&trial));
    let strip = |edit: &dyn Fn(&mut serde_json::Value)| {
        let mut edited = whole.clone();
        let last = edited.last_mut().unwrap();
        let mut receipt: serde_json::Value = serde_json::from_str(last).unwrap();
        edit(&mut receipt);
        *last = String::from_utf8(serde_json_canonicalizer::to_vec(&receipt).unwrap()).unwrap();
        write_lines(&chain(&trial), &edited);
        let report = verify(&trial, &store.trust().unwrap());
        assert_eq!(report.outcome, Outcome::Broken);
        assert_eq!(report.findings[0].code, "ledger-signature", "{:?}", report.findings);
    };
    strip(&|receipt| drop(receipt["signatures"].as_array_mut().unwrap().pop()));
    strip(&|receipt| {
        receipt["signatures"].as_array_mut().unwrap().pop();
        receipt["key_ids"].as_array_mut().unwrap().pop();
    });
    strip(&|receipt| receipt["signatures"].as_array_mut().unwrap().reverse());
    strip(&|receipt| receipt["signatures"][1] = receipt["signatures"][0].clone());
    strip(&|receipt| {
        receipt["signatures"][1] = receipt["signatures"][0].clone();
        receipt["key_ids"][1] = receipt["key_ids"][0].clone();
    });
    write_lines(&chain(&trial), &whole);
    assert_eq!(verify(&trial, &store.trust().unwrap()).outcome, Outcome::Trusted);
}

#[test]
fn a_rotation_cannot_be_made_up() {
    // A stranger's own rotation history leads only from the stranger's key.
    let workspace = Workspace::new();
    let mine = Keystore::open(workspace.path("mine")).unwrap();
    let trusted = mine.signer(&workspace.clock).unwrap().public_keys()[0];
    let theirs = Keystore::open(workspace.path("theirs")).unwrap();
    theirs.rotate(&workspace.clock, Duration::ZERO).unwrap();
    let trial = workspace.sealed_by("forged", theirs.signer(&workspace.clock).unwrap());
    assert_eq!(verify(&trial, &Trust::none().and(trusted)).outcome, Outcome::ConsistentOnly);
    // And a record of it with my key written in does not hold.
    let mut edited = lines(&chain(&trial));
    let record: serde_json::Value = serde_json::from_str(&edited[0]).unwrap();
    let old = record["body"]["record"]["body"]["old"]["key_id"].as_str().unwrap().to_owned();
    edited[0] = edited[0].replace(&old, &trusted.id());
    write_lines(&chain(&trial), &edited);
    let report = verify(&trial, &Trust::none().and(trusted));
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(report.findings.iter().any(|finding| finding.code == "ledger-rotation"));
}

#[test]
fn a_damaged_history_trusts_nobody() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    store.rotate(&workspace.clock, WEEK).unwrap();
    let path = workspace.path("state/history/chain.jsonl");
    let whole = lines(&path);
    write_lines(&path, &whole[1..]);
    for error in [
        store.trust().unwrap_err(),
        store.signer(&workspace.clock).unwrap_err(),
        store.list(&workspace.clock).unwrap_err(),
    ] {
        assert_eq!(error.code(), "ledger-broken");
    }
    // A rotation that was cut off half-way did not happen.
    let half = format!("{}\n{}", whole[0], &whole[1][..100]);
    std::fs::write(&path, half).unwrap();
    assert_eq!(store.trust().unwrap().keys().count(), 1);
    assert_eq!(store.signer(&workspace.clock).unwrap().key_ids().len(), 1);
    store.rotate(&workspace.clock, WEEK).unwrap();
    assert_eq!(store.trust().unwrap().keys().count(), 2);
}

#[test]
fn a_first_use_that_was_cut_off_is_done_again() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    let history = workspace.path("state/history");
    let tear = || {
        std::fs::create_dir_all(&history).unwrap();
        std::fs::write(history.join("chain.jsonl"), "{\"body\":{\"key\"").unwrap();
        std::fs::set_permissions(workspace.path("state"), std::fs::Permissions::from_mode(0o700))
            .unwrap();
    };
    tear();
    assert_eq!(store.signer(&workspace.clock).unwrap().key_ids().len(), 1);
    assert_eq!(store.trust().unwrap().keys().count(), 1);
    // And when the mending itself was cut off after it had put the torn tail on record.
    std::fs::remove_dir_all(workspace.path("state")).unwrap();
    tear();
    drop(Ledger::open(&history, workspace.signer(), workspace.clock.clone()).unwrap());
    assert_eq!(store.signer(&workspace.clock).unwrap().key_ids().len(), 1);
    let trust = store.trust().unwrap();
    assert!(trust.keys().count() == 1 && !trust.contains(&workspace.key.public()));
}

#[test]
fn others_are_trusted_by_choice() {
    let workspace = Workspace::new();
    let store = Keystore::open(workspace.path("state")).unwrap();
    let other = SigningKey::generate().unwrap();
    let trial = workspace.sealed_by("theirs", Signer::new(other.clone()));
    assert_eq!(verify(&trial, &store.trust().unwrap()).outcome, Outcome::ConsistentOnly);
    let given = PublicKey::from_pem("given", &other.public().to_pem()).unwrap();
    store.add_trusted(&given).unwrap();
    store.add_trusted(&given).unwrap();
    assert_eq!(verify(&trial, &store.trust().unwrap()).outcome, Outcome::Trusted);
    assert_eq!(store.list(&workspace.clock).unwrap().last().unwrap().role, Role::Trusted);
    assert!(!store.remove_trusted("../keys/x").unwrap());
    assert!(store.remove_trusted(&given.id()).unwrap());
    assert_eq!(verify(&trial, &store.trust().unwrap()).outcome, Outcome::ConsistentOnly);
    std::fs::write(workspace.path("state/trusted/readme.txt"), "hello").unwrap();
    assert_eq!(store.trust().unwrap_err().code(), "ledger-key");
}
