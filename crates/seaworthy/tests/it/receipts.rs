//! `seaworthy receipts`: verifying names whatever was touched, and tells trusted from consistent.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::evidence::Evidence;
use crate::house::{Ended, House, Running};
use crate::target::Target;
use crate::trial::{plan, willing};

/// A house with one sealed trial, of a target with a log.
fn sealed() -> (House, PathBuf) {
    let (house, target) = (House::new(), willing());
    let ended = house.trial(&logging(&target)).expect(2);
    let evidence = Evidence::of(&house, &ended);
    (house, evidence.folder)
}

/// A short plan with a second target, which is started and writes a log.
fn logging(target: &Target) -> String {
    let hub = r#"targets:
  - name: identity
    command: ["${seaworthy}", hub, serve, --role, identity]
    environment: {SEAWORTHY_HUB_DATA: "${scratch}/hub", SEAWORTHY_HUB_IDENTITY: "127.0.0.1:${port.identity}"}
    url: http://127.0.0.1:${port.identity}
    ready: {path: /live}
"#;
    plan(&target.url(), "1s").replace("targets:\n", hub)
}

fn verify(house: &House, folder: &Path) -> Ended {
    house.run(&["receipts", "verify", folder.to_str().unwrap()])
}

/// Whether the answer is "broken" and names the file.
fn names(house: &House, folder: &Path, file: &Path) {
    let relative = file.strip_prefix(folder).unwrap().to_str().unwrap();
    let ended = verify(house, folder).expect(1);
    if file.extension().is_some_and(|kind| kind == "pem") && !file.exists() {
        // Without its key no receipt can be checked: each says which key it misses.
        let name = file.file_name().unwrap().to_str().unwrap();
        assert!(ended.stdout.contains(name), "{name} is not named:\n{}", ended.stdout);
        return;
    }
    assert!(ended.stdout.contains(relative), "{relative} is not named:\n{}", ended.stdout);
    let json = house.run(&["receipts", "verify", "--json", folder.to_str().unwrap()]).expect(1);
    let report: Value = serde_json::from_str(&json.stdout).unwrap();
    let findings = report["findings"].as_array().unwrap();
    assert!(findings.iter().any(|finding| finding["file"] == relative), "{relative}: {findings:?}");
}

#[test]
fn one_changed_byte_of_any_file_is_named() {
    let (house, folder) = sealed();
    verify(&house, &folder).expect(0);
    let files = House::files(&folder);
    for expected in [
        "plan.yaml",
        "timeline.jsonl",
        "events.jsonl",
        "verdict.json",
        "junit.xml",
        "report.html",
        "logs/identity.log",
        "receipts/chain.jsonl",
    ] {
        assert!(files.contains(&folder.join(expected)), "{expected}: {files:?}");
    }
    for file in &files {
        let original = fs::read(file).unwrap();
        assert!(!original.is_empty(), "{}", file.display());
        for position in [0, original.len() / 2, original.len() - 1] {
            let mut changed = original.clone();
            changed[position] ^= 1;
            fs::write(file, &changed).unwrap();
            names(&house, &folder, file);
        }
        let mut longer = original.clone();
        longer.push(b'\n');
        for changed in [&longer[..], &original[..original.len() - 1], &[]] {
            fs::write(file, changed).unwrap();
            names(&house, &folder, file);
        }
        fs::write(file, &original).unwrap();
    }
    verify(&house, &folder).expect(0);
}

#[test]
fn files_added_and_removed_are_named() {
    let (house, folder) = sealed();
    for added in ["extra.txt", ".hidden", "logs/more.log", "receipts/more.jsonl", "new/deep/file"] {
        let path = folder.join(added);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"").unwrap();
        names(&house, &folder, &path);
        fs::remove_file(&path).unwrap();
    }
    let link = folder.join("link");
    symlink("plan.yaml", &link).unwrap();
    names(&house, &folder, &link);
    fs::remove_file(&link).unwrap();
    for file in House::files(&folder) {
        let aside = house.root().join("aside");
        fs::rename(&file, &aside).unwrap();
        names(&house, &folder, &file);
        // A link to the very same bytes is not the file.
        symlink(&aside, &file).unwrap();
        names(&house, &folder, &file);
        fs::remove_file(&file).unwrap();
        fs::rename(&aside, &file).unwrap();
    }
    verify(&house, &folder).expect(0);
}

#[test]
fn what_is_no_sealed_trial_is_broken() {
    let house = House::new();
    let empty = house.root().join("empty");
    fs::create_dir(&empty).unwrap();
    let ended = verify(&house, &empty).expect(1);
    assert!(ended.stdout.contains("broken"), "{}", ended.stdout);
    // Where there is no folder, nothing is broken: the command could not run.
    let ended = verify(&house, &house.root().join("nothing")).expect(3);
    assert!(ended.stderr.contains("is not a folder"), "{}", ended.stderr);
}

#[test]
fn a_stranger_sees_that_it_is_consistent_and_trusts_it_with_the_key() {
    let (house, folder) = sealed();
    let folder = folder.to_str().unwrap();
    let stranger = House::new();
    let ended = stranger.run(&["receipts", "verify", folder]).expect(2);
    assert!(ended.stdout.contains("consistent but not trusted"), "{}", ended.stdout);
    let pem = house.run(&["receipts", "key", "export"]).expect(0).stdout;
    let file = stranger.write("key.pem", &pem);
    let file = file.to_str().unwrap();
    stranger.run(&["receipts", "verify", "--key", file, folder]).expect(0);
    // Without any keystore to ask, the named key still counts.
    let mut homeless = stranger.command(&["receipts", "verify", "--key", file, folder]);
    for name in ["SEAWORTHY_STATE", "XDG_STATE_HOME", "HOME"] {
        homeless.env_remove(name);
    }
    Running::start(homeless).end().expect(0);
    let mut homeless = stranger.command(&["receipts", "verify", folder]);
    for name in ["SEAWORTHY_STATE", "XDG_STATE_HOME", "HOME"] {
        homeless.env_remove(name);
    }
    let ended = Running::start(homeless).end().expect(3);
    assert!(ended.stderr.contains("ledger-no-state-folder"), "{}", ended.stderr);
    // Trusted for good, and no longer.
    let trusted = stranger.run(&["receipts", "key", "trust", file]).expect(0).stdout;
    let id = trusted.split_whitespace().next().unwrap();
    stranger.run(&["receipts", "verify", folder]).expect(0);
    let listed = stranger.run(&["receipts", "key", "list"]).expect(0).stdout;
    assert!(listed.contains(&format!("{id}  trusted")), "{listed}");
    stranger.run(&["receipts", "key", "untrust", id]).expect(0);
    stranger.run(&["receipts", "verify", folder]).expect(2);
    let ended = stranger.run(&["receipts", "key", "untrust", id]).expect(3);
    assert!(ended.stderr.contains(id), "{}", ended.stderr);
    // Somebody else's key does not help, and what is no key is said.
    let other = stranger.run(&["receipts", "key", "export"]).expect(0).stdout;
    let other = stranger.write("other.pem", other);
    stranger.run(&["receipts", "verify", "--key", other.to_str().unwrap(), folder]).expect(2);
    let junk = stranger.write("junk.pem", "-----BEGIN PUBLIC KEY-----\nnonsense\n");
    let ended = stranger.run(&["receipts", "verify", "--key", junk.to_str().unwrap(), folder]);
    assert!(ended.expect(3).stderr.contains("junk.pem"));
}

#[test]
fn receipts_are_shown_also_when_they_do_not_hold() {
    let (house, folder) = sealed();
    let shown = house.run(&["receipts", "show", folder.to_str().unwrap()]).expect(0).stdout;
    for kind in ["trial.started", "objective.judged", "trial.judged", "seal"] {
        assert!(shown.contains(kind), "{shown}");
    }
    let count = shown.lines().count();
    fs::write(folder.join("plan.yaml"), "changed").unwrap();
    let ended = house.run(&["receipts", "show", folder.to_str().unwrap()]).expect(1);
    assert_eq!(ended.stdout.lines().count(), count);
    assert!(ended.stderr.contains("do not hold"), "{}", ended.stderr);
}

#[test]
fn a_deleted_trial_shows_in_the_audit() {
    let (house, folder) = sealed();
    house.write("again.yaml", plan(&willing().url(), "1s"));
    house.run(&["trial", "--plan", "again.yaml"]).expect(2);
    assert_eq!(house.trials().len(), 2);
    let audit = house.run(&["receipts", "audit"]).expect(0);
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert!(audit.stdout.contains(name), "{}", audit.stdout);
    fs::remove_dir_all(&folder).unwrap();
    let audit = house.run(&["receipts", "audit"]).expect(1);
    let found: Value = serde_json::from_str(&audit.stdout).unwrap();
    assert_eq!(found["findings"][0]["code"], "ledger-trial-missing", "{}", audit.stdout);
    assert_eq!(found["findings"][0]["file"], name);
    // A stranger cannot tell whose ledger it is.
    let stranger = House::new();
    let home = house.home();
    let audit = stranger.run(&["receipts", "audit", "--folder", home.to_str().unwrap()]).expect(1);
    assert!(audit.stdout.contains("ledger-trial-missing"), "{}", audit.stdout);
    // Cutting the ledger as well contradicts the seal made after.
    let ledger = home.join("ledger/chain.jsonl");
    let chain = fs::read_to_string(&ledger).unwrap();
    fs::write(&ledger, chain.split_inclusive('\n').skip(1).collect::<String>()).unwrap();
    house.run(&["receipts", "audit"]).expect(1);
    // And no further trial is put on a ledger that does not hold.
    let ended = house.run(&["trial", "--plan", "again.yaml"]).expect(3);
    assert!(ended.stderr.contains("ledger-broken"), "{}", ended.stderr);
}

#[test]
fn rotation_keeps_old_trials_and_old_verifiers() {
    let (house, target) = (House::new(), willing());
    let text = plan(&target.url(), "1s");
    let old = house.run(&["receipts", "key", "export"]).expect(0).stdout;
    house.trial(&text).expect(2);
    house.run(&["receipts", "key", "rotate", "--overlap", "1h"]).expect(0);
    let listed = house.run(&["receipts", "key", "list"]).expect(0).stdout;
    assert!(listed.contains("signing") && listed.contains("in overlap until"), "{listed}");
    let ended = house.run(&["receipts", "key", "rotate"]).expect(3);
    assert!(ended.stderr.contains("ledger-in-overlap"), "{}", ended.stderr);
    house.trial(&text).expect(2);
    let keys = |trial: &Path| {
        let shown = house.run(&["receipts", "show", "--json", trial.to_str().unwrap()]).expect(0);
        let last: Value = serde_json::from_str(shown.stdout.lines().last().unwrap()).unwrap();
        last["key_ids"].as_array().unwrap().len()
    };
    let trials = house.trials();
    assert_eq!((keys(&trials[0]), keys(&trials[1])), (1, 2), "both sign during the overlap");
    house.run(&["receipts", "key", "retire"]).expect(0);
    let new = house.run(&["receipts", "key", "export"]).expect(0).stdout;
    assert_ne!(new, old);
    house.trial(&text).expect(2);
    let trials = house.trials();
    assert_eq!(keys(&trials[2]), 1);
    let stranger = House::new();
    let old = stranger.write("old.pem", old);
    for trial in &trials {
        verify(&house, trial).expect(0);
        let words = ["receipts", "verify", "--key", old.to_str().unwrap(), trial.to_str().unwrap()];
        stranger.run(&words).expect(0);
    }
    house.run(&["receipts", "audit"]).expect(0);
}

/// Makes an Ed25519 key with OpenSSL.
fn openssl_key(house: &House) -> PathBuf {
    let path = house.root().join("signing.pem");
    let made = Command::new("openssl")
        .args(["genpkey", "-algorithm", "ed25519", "-out"])
        .arg(&path)
        .output()
        .expect("openssl is installed by `cargo xtask test`");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

#[test]
fn a_key_can_be_given_by_file_or_environment() {
    let (house, target) = (House::new(), willing());
    let key = openssl_key(&house);
    let pem = fs::read_to_string(&key).unwrap();
    let key = key.to_str().unwrap();
    house.write(
        "plan.yaml",
        logging(&target).replace(
            "[\"${seaworthy}\", hub",
            "[sh, -c, 'env; exec \"$0\" \"$@\"', \"${seaworthy}\", hub",
        ),
    );
    house.run(&["trial", "--plan", "plan.yaml", "--signing-key", key]).expect(2);
    let mut by_environment = house.command(&["trial", "--plan", "plan.yaml"]);
    by_environment.env("SEAWORTHY_SIGNING_KEY", &pem);
    Running::start(by_environment).end().expect(2);
    assert!(!house.state().join("keys").exists(), "no key was made");
    for trial in house.trials() {
        let folder = trial.to_str().unwrap();
        house.run(&["receipts", "verify", folder]).expect(2);
        house.run(&["receipts", "verify", "--signing-key", key, folder]).expect(0);
        let log = fs::read_to_string(trial.join("logs/identity.log")).unwrap();
        assert!(log.contains("SEAWORTHY_UNDO="), "{log}");
        assert!(!log.contains("SEAWORTHY_SIGNING_KEY"), "the target sees the key:\n{log}");
    }
    // What cannot be used is refused before anything is started.
    fs::set_permissions(key, fs::Permissions::from_mode(0o644)).unwrap();
    let ended = house.run(&["trial", "--plan", "plan.yaml", "--signing-key", key]).expect(3);
    assert!(ended.stderr.contains("ledger-key-exposed"), "{}", ended.stderr);
    let mut junk = house.command(&["trial", "--plan", "plan.yaml"]);
    junk.env("SEAWORTHY_SIGNING_KEY", "swordfish-swordfish");
    let ended = Running::start(junk).end().expect(3);
    assert!(ended.stderr.contains("SEAWORTHY_SIGNING_KEY"), "{}", ended.stderr);
    assert!(!ended.stderr.contains("swordfish"), "the key is repeated:\n{}", ended.stderr);
    assert_eq!(house.trials().len(), 2);
}

#[test]
fn keys_that_others_can_read_are_refused() {
    let house = House::new();
    house.run(&["receipts", "key"]).expect(0);
    let keys = House::files(&house.state().join("keys"));
    assert_eq!(keys.len(), 1);
    assert_eq!(fs::metadata(&keys[0]).unwrap().permissions().mode() & 0o777, 0o600);
    fs::set_permissions(&keys[0], fs::Permissions::from_mode(0o640)).unwrap();
    let ended = house.run(&["receipts", "key", "export"]).expect(3);
    assert!(ended.stderr.contains("ledger-key-exposed"), "{}", ended.stderr);
    assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
}
