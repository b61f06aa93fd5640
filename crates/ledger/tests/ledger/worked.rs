//! The worked example of the reference: its text is what the code writes, its script verifies it.

use std::path::{Path, PathBuf};
use std::process::Command;

use seaworthy_base::{Clock, Timestamp};
use seaworthy_ledger::{CODES, Ledger, Outcome, Signer, SigningKey, Trust, seal, verify};
use serde_json::json;

use crate::fixture::{chain, lines, write, write_lines};

fn reference() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/receipts.md");
    std::fs::read_to_string(path).unwrap()
}

/// The trial of the example, from a fixed key and a fixed clock.
fn example() -> (tempfile::TempDir, PathBuf, Trust) {
    let folder = tempfile::tempdir().unwrap();
    let clock = Clock::manual("2026-11-20T18:38:26.000000001Z".parse::<Timestamp>().unwrap());
    // RFC 8032, section 7.1, test 1: a key everybody knows.
    let seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    let key = SigningKey::read("example", seed.as_bytes()).unwrap();
    let signer = Signer::new(key.clone());
    let trial = folder.path().join("20261120t183826-qmzb");
    write(&trial, "plan.yaml", "kind: Trial\n");
    write(&trial, "logs/hub.log", "listening\n");
    let mut ledger =
        Ledger::create(&trial.join("receipts"), signer.clone(), clock.clone()).unwrap();
    let verdict = json!({"objective": "p95 < 50ms", "verdict": "fail", "n": "12000", "p": 0.0713});
    ledger.append("verdict", verdict).unwrap();
    let mut workspace =
        Ledger::open_or_create(&folder.path().join("ledger"), signer, clock).unwrap();
    seal(&trial, &mut ledger, &mut workspace).unwrap();
    (folder, trial, Trust::none().and(key.public()))
}

#[test]
fn the_reference_shows_what_is_written() {
    let (folder, trial, trust) = example();
    assert_eq!(verify(&trial, &trust).outcome, Outcome::Trusted);
    let reference = reference();
    let workspace = folder.path().join("ledger/chain.jsonl");
    let all = [lines(&chain(&trial)), lines(&workspace)].concat();
    let lacking: Vec<_> = all.iter().filter(|line| !reference.contains(*line)).collect();
    assert!(lacking.is_empty(), "docs/reference/receipts.md lacks these lines:\n{lacking:#?}");
}

#[test]
fn every_code_is_in_the_reference() {
    let reference = reference();
    let errors = include_str!("../../src/error.rs").split('"');
    let errors: Vec<&str> = errors.filter(|text| text.starts_with("ledger-")).collect();
    assert_eq!(errors.len(), 16);
    for code in CODES.iter().chain(&errors) {
        assert!(
            reference.contains(&format!("`{code}`")),
            "docs/reference/receipts.md lacks {code}"
        );
    }
}

#[test]
fn the_script_of_the_reference_verifies_with_public_tools() {
    for tool in ["bash", "jq", "openssl", "sha256sum"] {
        let found = Command::new(tool).arg("--version").output().is_ok();
        assert!(found, "this machine has no {tool}; `cargo xtask test` installs what tests need");
    }
    let (folder, trial, trust) = example();
    let reference = reference();
    let script = reference.split("```bash\n").find_map(|part| {
        part.starts_with("#!").then(|| part.split("```").next().unwrap().to_owned())
    });
    let script_file = folder.path().join("offline.sh");
    std::fs::write(&script_file, script.unwrap()).unwrap();
    let run = || {
        let key = trust.keys().next().unwrap().id();
        let output = Command::new("bash").arg(&script_file).arg(&trial).arg(key).output().unwrap();
        let text = format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        (output.status.success(), text)
    };
    let (good, text) = run();
    assert!(good, "{text}");
    assert!(
        reference.contains(text.trim()),
        "docs/reference/receipts.md lacks this output:\n{text}"
    );

    let whole = lines(&chain(&trial));
    let mut edited = whole.clone();
    edited[0] = edited[0].replace("fail", "pass");
    write_lines(&chain(&trial), &edited);
    assert!(!run().0, "an edited receipt");
    write_lines(&chain(&trial), &whole[1..]);
    assert!(!run().0, "a removed receipt");
    write_lines(&chain(&trial), &whole[..1]);
    assert!(!run().0, "a removed seal");
    write_lines(&chain(&trial), &whole);
    write(&trial, "plan.yaml", "kind: trial\n");
    assert!(!run().0, "a changed file");
    write(&trial, "plan.yaml", "kind: Trial\n");
    write(&trial, "logs/more.log", "");
    assert!(!run().0, "an added file");
    std::fs::remove_file(trial.join("logs/more.log")).unwrap();
    assert!(run().0);
}
