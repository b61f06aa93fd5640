//! Verification of sealed trials: what holds, and that every change is found and named.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use crate::fixture::{Workspace, chain, found, lines, write, write_lines};
use aws_lc_rs::digest;
use aws_lc_rs::signature::Ed25519KeyPair;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use seaworthy_ledger::{Outcome, Signer, SigningKey, Trust, seal_written, sha256, verify};
use serde_json::{Value, json};

const CHAIN: &str = "receipts/chain.jsonl";

fn has(found: &[(&'static str, String)], code: &str, file: &str) -> bool {
    found.iter().any(|(other, name)| *other == code && name == file)
}

#[test]
fn what_was_changed_between_writing_and_sealing_is_not_sealed() {
    let workspace = Workspace::new();
    let mut ledger = workspace.unsealed("one", workspace.signer());
    let trial = workspace.trial("one");
    let of = |text: &str| BTreeMap::from([("timeline".to_owned(), sha256(text.as_bytes()))]);
    write(&trial, "timeline", "all is well\n");
    let refused = seal_written(&trial, &mut ledger, &mut workspace.ledger(), &of("0123456789\n"))
        .unwrap_err();
    assert_eq!(refused.code(), "ledger-unsealable");
    assert!(refused.to_string().contains("timeline"), "{refused}");
    assert_ne!(verify(&trial, &workspace.trust()).outcome, Outcome::Trusted);
    // As it was written, it is sealed.
    seal_written(&trial, &mut ledger, &mut workspace.ledger(), &of("all is well\n")).unwrap();
    assert_eq!(verify(&trial, &workspace.trust()).outcome, Outcome::Trusted);
}

#[test]
fn a_sealed_trial_verifies_with_its_key_and_only_with_its_key() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let report = verify(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
    assert_eq!((report.receipts.len(), report.files), (3, 4));
    assert_eq!(report.trial.as_deref(), Some("one"));
    assert_eq!(report.keys.len(), 1);
    assert_eq!(report.keys[0].receipts, 3);
    assert!(report.summary().starts_with("verified: 3 receipts and 4 files"));

    let unknown = verify(&trial, &Trust::none());
    assert_eq!(unknown.outcome, Outcome::ConsistentOnly);
    assert!(unknown.findings.is_empty());
    assert!(unknown.summary().contains(&workspace.key.public().id()));

    let moved = workspace.path("elsewhere");
    std::fs::rename(&trial, &moved).unwrap();
    assert_eq!(verify(&moved, &workspace.trust()).outcome, Outcome::Trusted);
}

#[test]
fn changed_missing_and_extra_files_are_named() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let trust = workspace.trust();
    let expect = |code: &str, file: &str| {
        let (report, found) = found(&trial, &trust);
        assert_eq!(report.outcome, Outcome::Broken);
        assert!(has(&found, code, file), "{code} {file}: {found:?}");
        assert_eq!(found.len(), 1, "{found:?}");
    };
    write(&trial, "plan.yaml", "kind: trial\n");
    expect("ledger-file-changed", "plan.yaml");
    write(&trial, "plan.yaml", "kind: Trial\n");
    write(&trial, "logs/hub.log", "listening");
    expect("ledger-file-changed", "logs/hub.log");
    std::fs::remove_file(trial.join("logs/hub.log")).unwrap();
    expect("ledger-file-missing", "logs/hub.log");
    write(&trial, "logs/hub.log", "listening\n");
    write(&trial, "logs/deep/er/new", "");
    expect("ledger-file-extra", "logs/deep/er/new");
    std::fs::remove_dir_all(trial.join("logs/deep")).unwrap();
    write(&trial, "receipts/notes.txt", "");
    expect("ledger-file-extra", "receipts/notes.txt");
    std::fs::remove_file(trial.join("receipts/notes.txt")).unwrap();
    std::fs::create_dir(trial.join("receipts/more")).unwrap();
    expect("ledger-file-extra", "receipts/more");
    std::fs::remove_dir(trial.join("receipts/more")).unwrap();
    let other = SigningKey::generate().unwrap().public();
    let name = format!("receipts/{}.pem", other.id());
    write(&trial, &name, &other.to_pem());
    expect("ledger-file-extra", &name);
    write(&trial, &name, "no key");
    expect("ledger-key-file", &name);
    std::fs::remove_file(trial.join(&name)).unwrap();
    assert_eq!(verify(&trial, &trust).outcome, Outcome::Trusted);
}

#[test]
fn links_and_special_files_are_named_and_never_followed() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let trust = workspace.trust();
    // A link to the very same bytes elsewhere is still not the sealed file.
    let outside = workspace.path("outside");
    std::fs::rename(trial.join("plan.yaml"), &outside).unwrap();
    symlink(&outside, trial.join("plan.yaml")).unwrap();
    let mode = rustix::fs::Mode::from_raw_mode(0o600);
    rustix::fs::mknodat(
        rustix::fs::CWD,
        trial.join("logs/pipe"),
        rustix::fs::FileType::Fifo,
        mode,
        0,
    )
    .unwrap();
    symlink("..", trial.join("logs/up")).unwrap();
    std::fs::write(trial.join(Path::new(std::ffi::OsStr::from_bytes(b"bad\xff"))), "").unwrap();
    let (report, found) = found(&trial, &trust);
    assert_eq!(report.outcome, Outcome::Broken);
    for (code, file) in [
        ("ledger-file-special", "plan.yaml"),
        ("ledger-file-special", "logs/pipe"),
        ("ledger-file-special", "logs/up"),
        ("ledger-file-name", "bad\u{fffd}"),
    ] {
        assert!(has(&found, code, file), "{code} {file}: {found:?}");
    }
    assert_eq!(found.len(), 4, "{found:?}");
}

#[test]
fn a_linked_or_special_chain_is_refused() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let real = workspace.path("real");
    std::fs::rename(trial.join("receipts"), &real).unwrap();
    symlink(&real, trial.join("receipts")).unwrap();
    let (report, findings) = found(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(has(&findings, "ledger-unreadable", "receipts"), "{findings:?}");

    std::fs::remove_file(trial.join("receipts")).unwrap();
    std::fs::create_dir(trial.join("receipts")).unwrap();
    symlink(real.join("chain.jsonl"), chain(&trial)).unwrap();
    let (report, findings) = found(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(has(&findings, "ledger-unreadable", CHAIN), "{findings:?}");
    assert!(has(&findings, "ledger-file-special", CHAIN), "{findings:?}");
}

#[test]
fn receipts_edited_removed_reordered_or_copied_are_named() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let whole = lines(&chain(&trial));
    let check = |edit: &dyn Fn(&mut Vec<String>), code: &str, words: &str| {
        let mut edited = whole.clone();
        edit(&mut edited);
        write_lines(&chain(&trial), &edited);
        let report = verify(&trial, &workspace.trust());
        assert_eq!(report.outcome, Outcome::Broken);
        assert!(
            report.findings.iter().any(|finding| finding.code == code
                && finding.reason.contains(words)
                && finding.file.as_deref() == Some(CHAIN)),
            "{code} {words}: {:#?}",
            report.findings
        );
    };
    let fail_to_pass = |lines: &mut Vec<String>| {
        lines[1] = lines[1].replace("\"verdict\":\"fail\"", "\"verdict\":\"pass\"");
    };
    check(&fail_to_pass, "ledger-signature", "receipt 2: the signature");
    check(&fail_to_pass, "ledger-parent", "receipt 3 does not continue");
    check(
        &|lines| drop(lines.remove(1)),
        "ledger-sequence",
        "receipt 2 is missing before receipt 3",
    );
    check(
        &|lines| drop(lines.remove(0)),
        "ledger-sequence",
        "receipt 1 is missing before receipt 2",
    );
    check(
        &|lines| lines.swap(0, 1),
        "ledger-sequence",
        "receipt 1 comes after receipt 2: out of order",
    );
    check(&|lines| lines.swap(0, 1), "ledger-time", "receipt 1 is of");
    check(
        &|lines| lines.insert(1, lines[0].clone()),
        "ledger-sequence",
        "receipt 1 is a copy of line 1",
    );
    check(&|lines| drop(lines.pop()), "ledger-seal", "there is no seal");
    check(&|lines| lines.push(lines[2].clone()), "ledger-seal", "there are 2 seals");
    check(&|lines| lines.push(lines[1].clone()), "ledger-seal", "comes after the seal");
    check(&|lines| lines.swap(1, 2), "ledger-seal", "the seal is not the last");
    check(&|lines| lines.clear(), "ledger-malformed", "not a receipt");
    check(&|lines| lines[1].push(' '), "ledger-malformed", "canonical");
    check(&|lines| lines[1].push('\r'), "ledger-malformed", "canonical");
    check(&|lines| lines[1].truncate(20), "ledger-malformed", "not a receipt");
    check(&|lines| lines[0] = "[".repeat(100_000), "ledger-malformed", "recursion");
    check(
        &|lines| lines[0] = lines[0].replacen("{", "{\"added\":0,", 1),
        "ledger-malformed",
        "unknown field",
    );

    let cut = std::fs::read(chain(&trial)).unwrap();
    std::fs::write(chain(&trial), &cut[..cut.len() - 5]).unwrap();
    let (_, findings) = found(&trial, &workspace.trust());
    assert!(has(&findings, "ledger-torn", CHAIN), "{findings:?}");
    std::fs::write(chain(&trial), "").unwrap();
    let (report, findings) = found(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::Broken);
    assert!(has(&findings, "ledger-seal", CHAIN), "{findings:?}");
    std::fs::remove_file(chain(&trial)).unwrap();
    assert_eq!(verify(&trial, &workspace.trust()).outcome, Outcome::Broken);
    assert_eq!(verify(&workspace.path("nowhere"), &workspace.trust()).outcome, Outcome::Broken);
}

#[test]
fn huge_files_are_found_without_being_read() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let grow = |name: &str, length: u64| {
        OpenOptions::new().write(true).open(trial.join(name)).unwrap().set_len(length).unwrap();
    };
    grow("plan.yaml", 1 << 42);
    let (_, findings) = found(&trial, &workspace.trust());
    assert_eq!(findings, [("ledger-file-changed", "plan.yaml".to_owned())]);
    grow("plan.yaml", 12);
    let whole = std::fs::read(chain(&trial)).unwrap();
    grow(CHAIN, 1 << 42);
    let (_, findings) = found(&trial, &workspace.trust());
    assert!(has(&findings, "ledger-too-large", CHAIN), "{findings:?}");
    grow(CHAIN, 40 << 20);
    let (_, findings) = found(&trial, &workspace.trust());
    assert!(has(&findings, "ledger-too-large", CHAIN), "{findings:?}");
    std::fs::write(chain(&trial), whole).unwrap();
    let key = format!("receipts/{}.pem", workspace.key.public().id());
    grow(&key, 1 << 42);
    let (_, findings) = found(&trial, &workspace.trust());
    assert!(has(&findings, "ledger-key-file", &key), "{findings:?}");
}

#[test]
fn a_hostile_seal_leads_nowhere() {
    // Signed by a trusted key, so that only the form of the seal stands in the way.
    for path in
        ["/etc/passwd", "../secret", "a/../../b", "./plan.yaml", "a//b", "", "nul\0", "receipts/x"]
    {
        let (report, _) = forged(json!([{"path": path, "size": "1", "sha256": "0".repeat(64)}]));
        assert!(
            report.findings.iter().any(|finding| finding.code == "ledger-seal"
                && finding.reason.contains("not a path inside")),
            "{path:?}: {:?}",
            report.findings
        );
    }
    let file =
        |path: &str, size: Value| json!({"path": path, "size": size, "sha256": "0".repeat(64)});
    for files in [
        json!([file("b", json!("1")), file("a", json!("1"))]),
        json!([file("a", json!("1")), file("a", json!("1"))]),
        json!([file("a", json!(1))]),
        json!([file("a", json!("-1"))]),
        json!([file("a", json!("18446744073709551616"))]),
        json!([{"path": "a"}]),
        json!({}),
        json!(null),
    ] {
        let (report, _) = forged(files.clone());
        assert!(report.findings.iter().any(|finding| finding.code == "ledger-seal"), "{files}");
    }
    // A file that claims to be endless is not read.
    let (report, _) = forged(json!([file("plan.yaml", json!(u64::MAX.to_string()))]));
    assert!(report.findings.iter().any(|finding| finding.code == "ledger-file-changed"));
}

/// A trial made by hand from the documented format alone, with a seal that lists `files`; verified by
/// somebody who trusts its key.
fn forged(files: Value) -> (seaworthy_ledger::Report, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "plan.yaml", "kind: Trial\n");
    let seed = [7_u8; 32];
    let key = Ed25519KeyPair::from_seed_unchecked(&seed).unwrap();
    let public = SigningKey::read("test", &seed).unwrap().public();
    write(folder.path(), &format!("receipts/{}.pem", public.id()), &public.to_pem());
    let mut receipt = json!({
        "version": "seaworthy.dev/receipt/v1", "sequence": "1", "parent": "0".repeat(64),
        "time": "2026-11-20T12:00:00.000000000Z", "kind": "seal", "key_ids": [public.id()],
        "body": {"trial": "one", "files": files,
                 "workspace": {"sequence": "0", "hash": "0".repeat(64)}},
    });
    let statement = serde_json_canonicalizer::to_vec(&receipt).unwrap();
    let signature = STANDARD.encode(key.sign(&statement));
    receipt["signatures"] = json!([{"key_id": public.id(), "signature": signature}]);
    let line = String::from_utf8(serde_json_canonicalizer::to_vec(&receipt).unwrap()).unwrap();
    write(folder.path(), CHAIN, &format!("{line}\n"));
    (verify(folder.path(), &Trust::none().and(public)), folder)
}

#[test]
fn the_documented_format_is_all_there_is() {
    let sha256: String = digest::digest(&digest::SHA256, b"kind: Trial\n")
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let (report, _folder) = forged(json!([{"path": "plan.yaml", "size": "12", "sha256": sha256}]));
    assert_eq!(report.outcome, Outcome::Trusted, "{:?}", report.findings);
}

#[test]
fn a_rewrite_with_another_key_is_never_trusted() {
    let workspace = Workspace::new();
    let trial = workspace.sealed("one");
    let forger = Workspace::new();
    let copy = forger.sealed("one");
    std::fs::remove_dir_all(trial.join("receipts")).unwrap();
    std::fs::rename(copy.join("receipts"), trial.join("receipts")).unwrap();
    let report = verify(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::ConsistentOnly, "{:?}", report.findings);
    assert!(!report.keys[0].trusted);

    // Only the seal rewritten: the rest still carries the trusted key, and that is not enough.
    let trial = workspace.sealed("two");
    let mut kept = lines(&chain(&trial));
    kept.pop();
    write_lines(&chain(&trial), &kept);
    let forger_signs = Signer::new(forger.key.clone());
    let receipts = trial.join("receipts");
    let mut ledger =
        seaworthy_ledger::Ledger::open(&receipts, forger_signs, workspace.clock.clone()).unwrap();
    write(&trial, "plan.yaml", "kind: Forgery\n");
    seaworthy_ledger::seal(&trial, &mut ledger, &mut forger.ledger()).unwrap();
    let report = verify(&trial, &workspace.trust());
    assert_eq!(report.outcome, Outcome::ConsistentOnly, "{:?}", report.findings);
    assert_eq!(report.keys.iter().filter(|key| key.trusted).count(), 1);
}

/// One sealed trial for all byte flips, with its files.
fn flipped() -> &'static (Workspace, PathBuf, Vec<PathBuf>) {
    static TRIAL: OnceLock<(Workspace, PathBuf, Vec<PathBuf>)> = OnceLock::new();
    TRIAL.get_or_init(|| {
        let workspace = Workspace::new();
        let trial = workspace.sealed("flip");
        let key = format!("receipts/{}.pem", workspace.key.public().id());
        let files = ["plan.yaml", "logs/hub.log", "timeline", CHAIN, &key].map(PathBuf::from);
        (workspace, trial, files.to_vec())
    })
}

/// A copy of that trial's folder.
fn copied() -> tempfile::TempDir {
    let (_, trial, files) = flipped();
    let copy = tempfile::tempdir().unwrap();
    write(copy.path(), "logs/empty.log", "");
    for name in files {
        let text = std::fs::read_to_string(trial.join(name)).unwrap();
        write(copy.path(), name.to_str().unwrap(), &text);
    }
    copy
}

/// Verifies the copy with one byte changed, and changes it back.
fn flip(copy: &Path, file: &Path, place: usize, with: u8) {
    let path = copy.join(file);
    let whole = std::fs::read(&path).unwrap();
    let mut bytes = whole.clone();
    let place = place % bytes.len();
    bytes[place] ^= with;
    std::fs::write(&path, bytes).unwrap();
    let report = verify(copy, &flipped().0.trust());
    let name = file.to_str().unwrap();
    assert_eq!(report.outcome, Outcome::Broken, "{name} at {place}");
    assert!(
        report.findings.iter().any(|finding| finding.file.as_deref() == Some(name)),
        "{name} at {place}: {:?}",
        report.findings
    );
    std::fs::write(&path, whole).unwrap();
}

#[test]
fn every_byte_of_every_file_counts() {
    let copy = copied();
    for file in &flipped().2 {
        let length = std::fs::read(copy.path().join(file)).unwrap().len();
        for place in 0..length {
            flip(copy.path(), file, place, 1);
        }
    }
    assert_eq!(verify(copy.path(), &flipped().0.trust()).outcome, Outcome::Trusted);
}

proptest! {
    #[test]
    fn any_flip_of_any_byte_is_found(file in 0_usize..5, place in any::<usize>(), with in 1_u8..=255) {
        flip(copied().path(), &flipped().2[file], place, with);
    }

    #[test]
    fn foreign_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("receipts")).unwrap();
        std::fs::write(chain(folder.path()), bytes).unwrap();
        prop_assert_eq!(verify(folder.path(), &Trust::none()).outcome, Outcome::Broken);
    }

    #[test]
    fn any_edit_of_any_field_is_found(line in 0_usize..3, field in 0_usize..9, text in "[a-z0-9]{1,20}") {
        let (workspace, trial, _) = flipped();
        let mut edited = lines(&chain(trial));
        let mut receipt: Value = serde_json::from_str(&edited[line]).unwrap();
        let names: Vec<String> = receipt.as_object().unwrap().keys().cloned().collect();
        prop_assert_eq!(names.len(), 8);
        let value = match names.get(field).map(String::as_str) {
            Some("signatures") => json!([{"key_id": receipt["key_ids"][0], "signature": text}]),
            Some("key_ids") => json!([receipt["key_ids"][0], text]),
            Some("body") => json!({"text": text}),
            Some("sequence") => json!((line + 7).to_string()),
            Some("time") => json!("2026-11-20T11:00:00.000000000Z"),
            _ => json!(text),
        };
        receipt[names.get(field).map_or("added", String::as_str)] = value;
        edited[line] = String::from_utf8(serde_json_canonicalizer::to_vec(&receipt).unwrap()).unwrap();
        let copy = copied();
        write_lines(&chain(copy.path()), &edited);
        let report = verify(copy.path(), &workspace.trust());
        prop_assert_eq!(report.outcome, Outcome::Broken);
        let named = report.findings.iter().any(|finding| {
            finding.line == Some(line as u64 + 1) && finding.file.as_deref() == Some(CHAIN)
        });
        prop_assert!(named, "{:?}", report.findings);
    }
}
