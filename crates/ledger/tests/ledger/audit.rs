//! Sealing and the audit: what cannot be sealed, and that a deleted or swapped trial shows.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;

use crate::fixture::{Workspace, chain, lines, write, write_lines};
use seaworthy_ledger::{Audit, Outcome, Seal, Trust, audit, record, seal, verify};

fn audited(workspace: &Workspace) -> (Audit, Vec<(&'static str, String)>) {
    let audit = audit(&workspace.path("ledger"), &workspace.path("trials"), &workspace.trust());
    let found = audit
        .findings
        .iter()
        .map(|finding| (finding.code, finding.file.clone().unwrap_or_default()))
        .collect();
    (audit, found)
}

#[test]
fn the_seal_lists_every_file_and_the_workspace_records_it() {
    let workspace = Workspace::new();
    let mut ledger = workspace.unsealed("one", workspace.signer());
    let receipt = seal(&workspace.trial("one"), &mut ledger, &mut workspace.ledger()).unwrap();
    let body: Seal = serde_json::from_value(receipt.body.clone()).unwrap();
    let paths: Vec<_> = body.files.iter().map(|file| (file.path.as_str(), file.size)).collect();
    assert_eq!(
        paths,
        [("logs/empty.log", 0), ("logs/hub.log", 10), ("plan.yaml", 12), ("timeline", 11)]
    );
    assert_eq!(
        body.files[0].sha256,
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
    assert_eq!((body.workspace.sequence, body.trial.as_str()), (0, "one"));
    assert!(receipt.body["files"][1]["size"].is_string());
    workspace.sealed("two");
    let (audit, found) = audited(&workspace);
    assert_eq!(audit.outcome(), Outcome::Trusted, "{found:?}");
    assert_eq!(audit.sealed, ["one", "two"]);
    assert_eq!(audit.ledger.receipts[0].kind, "trial.sealed");
    assert_eq!(audit.ledger.receipts[0].body["seal"], receipt.hash());
}

#[test]
fn links_special_files_and_odd_names_cannot_be_sealed() {
    let workspace = Workspace::new();
    let mut ledger = workspace.unsealed("one", workspace.signer());
    let trial = workspace.trial("one");
    let refused = |path: &std::path::Path, ledger: &mut seaworthy_ledger::Ledger| {
        let error = seal(&trial, ledger, &mut workspace.ledger()).unwrap_err();
        assert_eq!(error.code(), "ledger-unsealable", "{error}");
        assert!(error.to_string().contains(&*path.to_string_lossy()), "{error}");
        std::fs::remove_file(path).unwrap();
        assert!(!ledger.is_sealed());
    };
    symlink("plan.yaml", trial.join("link")).unwrap();
    refused(&trial.join("link"), &mut ledger);
    symlink("/", trial.join("logs/root")).unwrap();
    refused(&trial.join("logs/root"), &mut ledger);
    std::os::unix::net::UnixListener::bind(trial.join("socket")).unwrap();
    refused(&trial.join("socket"), &mut ledger);
    let odd = trial.join(std::ffi::OsStr::from_bytes(b"odd\xfe"));
    std::fs::write(&odd, "").unwrap();
    let error = seal(&trial, &mut ledger, &mut workspace.ledger()).unwrap_err();
    assert!(error.to_string().contains("not UTF-8"), "{error}");
    std::fs::remove_file(&odd).unwrap();
    // The chain must be the trial's own.
    let mut other = workspace.unsealed("other", workspace.signer());
    let error = seal(&trial, &mut other, &mut workspace.ledger()).unwrap_err();
    assert_eq!(error.code(), "ledger-unsealable");
    assert_eq!(workspace.ledger().sequence(), 0, "nothing was recorded");
    seal(&trial, &mut ledger, &mut workspace.ledger()).unwrap();
    assert_eq!(verify(&trial, &workspace.trust()).outcome, Outcome::Trusted);
}

#[test]
fn a_deleted_trial_shows() {
    let workspace = Workspace::new();
    for name in ["one", "two", "three"] {
        workspace.sealed(name);
    }
    std::fs::remove_dir_all(workspace.trial("two")).unwrap();
    let (audit, found) = audited(&workspace);
    assert_eq!(audit.outcome(), Outcome::Broken);
    assert_eq!(found, [("ledger-trial-missing", "two".to_owned())]);
    assert_eq!(audit.sealed, ["one", "three"]);
    std::fs::remove_dir_all(workspace.path("trials")).unwrap();
    assert_eq!(audited(&workspace).1.len(), 3);
}

#[test]
fn a_swapped_unsealed_or_repeated_trial_shows() {
    let workspace = Workspace::new();
    let one = workspace.sealed("one");
    workspace.sealed("two");
    drop(workspace.unsealed("running", workspace.signer()));
    let (audit, _) = audited(&workspace);
    assert_eq!(
        (audit.outcome(), &audit.unsealed[..]),
        (Outcome::Trusted, &["running".to_owned()][..])
    );

    // The seal taken off, another trial in its place, and the same trial once more.
    let whole = lines(&chain(&one));
    write_lines(&chain(&one), &whole[..2]);
    assert_eq!(audited(&workspace).1, [("ledger-seal-differs", "one".to_owned())]);
    std::fs::remove_dir_all(&one).unwrap();
    std::fs::rename(workspace.trial("two"), &one).unwrap();
    assert_eq!(
        audited(&workspace).1,
        [("ledger-seal-differs", "one".to_owned()), ("ledger-trial-missing", "two".to_owned())]
    );
    std::fs::rename(&one, workspace.trial("two")).unwrap();
    let again = workspace.sealed("one");
    assert_eq!(verify(&again, &workspace.trust()).outcome, Outcome::Trusted);
    assert_eq!(audited(&workspace).1, [("ledger-seal-differs", "one".to_owned())]);
}

#[test]
fn cutting_the_workspace_chain_contradicts_the_later_seals() {
    let workspace = Workspace::new();
    for name in ["one", "two", "three"] {
        workspace.sealed(name);
    }
    // The owner of the key deletes the first trial and writes the chain anew without it.
    std::fs::remove_dir_all(workspace.trial("one")).unwrap();
    std::fs::remove_dir_all(workspace.path("ledger")).unwrap();
    let mut ledger = workspace.ledger();
    for name in ["two", "three"] {
        assert!(record(&workspace.trial(name), &mut ledger).unwrap().is_some());
        assert!(record(&workspace.trial(name), &mut ledger).unwrap().is_none(), "once is enough");
    }
    let (audit, found) = audited(&workspace);
    assert_eq!(audit.ledger.outcome, Outcome::Trusted);
    assert_eq!(
        found,
        [("ledger-rewritten", "three".to_owned()), ("ledger-rewritten", "two".to_owned())]
    );
}

#[test]
fn a_seal_that_was_never_recorded_shows_and_can_be_recorded() {
    let workspace = Workspace::new();
    let one = workspace.sealed("one");
    std::fs::remove_dir_all(workspace.path("ledger")).unwrap();
    drop(workspace.ledger());
    assert_eq!(audited(&workspace).1, [("ledger-unrecorded", "one".to_owned())]);
    record(&one, &mut workspace.ledger()).unwrap().unwrap();
    assert_eq!(audited(&workspace).0.outcome(), Outcome::Trusted);
    drop(workspace.unsealed("two", workspace.signer()));
    let error = record(&workspace.trial("two"), &mut workspace.ledger()).unwrap_err();
    assert_eq!(error.code(), "ledger-broken");
}

#[test]
fn a_foreign_workspace_chain_leads_nowhere() {
    let workspace = Workspace::new();
    workspace.sealed("one");
    let stranger = Workspace::new();
    stranger.sealed("one");
    let unknown = audit(&workspace.path("ledger"), &workspace.path("trials"), &Trust::none());
    assert_eq!(unknown.outcome(), Outcome::ConsistentOnly);
    std::fs::remove_dir_all(workspace.path("ledger")).unwrap();
    std::fs::rename(stranger.path("ledger"), workspace.path("ledger")).unwrap();
    let (audit, found) = audited(&workspace);
    assert_eq!(audit.ledger.outcome, Outcome::ConsistentOnly);
    assert_eq!(found, [("ledger-seal-differs", "one".to_owned())]);
    write(&workspace.path("ledger"), "chain.jsonl", "\0\n{}\n");
    let (audit, _) = audited(&workspace);
    assert_eq!(audit.outcome(), Outcome::Broken);
    std::fs::remove_dir_all(workspace.path("ledger")).unwrap();
    assert_eq!(audited(&workspace).0.outcome(), Outcome::Broken);
}
