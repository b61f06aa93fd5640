//! A workspace with a sealed trial in it, made with real keys in a real folder.

use std::path::{Path, PathBuf};

use seaworthy_base::{Clock, Timestamp};
use seaworthy_ledger::{Ledger, Report, Signer, SigningKey, Trust, seal, verify};
use serde_json::json;

/// Noon of some day.
pub(crate) const NOON: u64 = 1_795_176_000_000_000_000;

pub(crate) struct Workspace {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) key: SigningKey,
    pub(crate) clock: Clock,
}

impl Workspace {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            key: SigningKey::generate().unwrap(),
            clock: Clock::manual(Timestamp::from_nanos(NOON)),
        }
    }

    pub(crate) fn signer(&self) -> Signer {
        Signer::new(self.key.clone())
    }

    pub(crate) fn trust(&self) -> Trust {
        Trust::none().and(self.key.public())
    }

    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    pub(crate) fn trial(&self, name: &str) -> PathBuf {
        self.path("trials").join(name)
    }

    pub(crate) fn ledger(&self) -> Ledger {
        Ledger::open_or_create(&self.path("ledger"), self.signer(), self.clock.clone()).unwrap()
    }

    /// A trial with files and receipts, not sealed yet.
    pub(crate) fn unsealed(&self, name: &str, signer: Signer) -> Ledger {
        let trial = self.trial(name);
        write(&trial, "plan.yaml", "kind: Trial\n");
        write(&trial, "logs/hub.log", "listening\n");
        write(&trial, "logs/empty.log", "");
        write(&trial, "timeline", "0123456789\n");
        let mut ledger =
            Ledger::create(&trial.join("receipts"), signer, self.clock.clone()).unwrap();
        ledger.append("trial.plan", json!({"sha256": "ab", "phases": 2})).unwrap();
        ledger.append("verdict", json!({"objective": "p95 < 50ms", "verdict": "fail"})).unwrap();
        ledger
    }

    /// A sealed trial.
    pub(crate) fn sealed(&self, name: &str) -> PathBuf {
        self.sealed_by(name, self.signer())
    }

    pub(crate) fn sealed_by(&self, name: &str, signer: Signer) -> PathBuf {
        let mut ledger = self.unsealed(name, signer);
        seal(&self.trial(name), &mut ledger, &mut self.ledger()).unwrap();
        self.trial(name)
    }
}

pub(crate) fn write(folder: &Path, inside: &str, text: &str) {
    let path = folder.join(inside);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

pub(crate) fn chain(folder: &Path) -> PathBuf {
    folder.join("receipts/chain.jsonl")
}

pub(crate) fn lines(path: &Path) -> Vec<String> {
    std::fs::read_to_string(path).unwrap().lines().map(str::to_owned).collect()
}

pub(crate) fn write_lines(path: &Path, lines: &[String]) {
    let mut text = lines.join("\n");
    text.push('\n');
    std::fs::write(path, text).unwrap();
}

/// Verifies; the codes and files of what it found.
pub(crate) fn found(trial: &Path, trust: &Trust) -> (Report, Vec<(&'static str, String)>) {
    let report = verify(trial, trust);
    let found = report
        .findings
        .iter()
        .map(|finding| (finding.code, finding.file.clone().unwrap_or_default()))
        .collect();
    (report, found)
}
