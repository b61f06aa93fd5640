//! What a trial writes down at its end, with every secret blotted out.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use seaworthy_report::outcome::{Objective, Outcome};
use seaworthy_stats::timeline::Timeline;
use serde_json::{Value, json};

use crate::check::Checked;
use crate::error::Error;
use crate::folder::Folder;
use crate::host;
use crate::scope::Scope;
use crate::service::Options;

/// The first receipt: which plan, which program, which machine. Big numbers are strings.
pub(crate) fn beginning(options: &Options, id: &str) -> Result<Value, Error> {
    let host = host::describe();
    Ok(json!({
        "trial": id,
        "plan": {
            "name": options.plan.name(),
            "sha256": seaworthy_ledger::sha256(options.plan.text().as_bytes()),
        },
        "seaworthy": {
            "version": env!("CARGO_PKG_VERSION"),
            "sha256": hash_file(&options.program)?,
        },
        "host": {
            "os": host.os,
            "kernel": host.kernel,
            "cpus": host.cpus,
            "memoryBytes": host.memory_bytes.to_string(),
        },
        "seed": options.seed.to_string(),
    }))
}

/// An objective as its receipt states it.
pub(crate) fn statement(objective: &Objective) -> Value {
    json!({
        "name": objective.name,
        "statement": objective.statement,
        "subject": objective.subject,
        "verdict": objective.verdict,
        "measurement": objective.measurement.map(|measurement| json!({
            "value": measurement.value,
            "low": measurement.low,
            "high": measurement.high,
        })),
        "bound": objective.bound,
        "n": objective.n.to_string(),
        "reason": objective.reason,
    })
}

/// Writes every file of the trial but its receipts; returns the outcome as it was written.
pub(crate) fn write(
    folder: &Folder,
    plan: &Checked,
    outcome: Outcome,
    timeline: &Timeline,
    scope: &Scope,
) -> Result<Outcome, Error> {
    let outcome = redacted(outcome, scope)?;
    let text = |text: String| scope.redact(&text).into_bytes();
    folder.write("plan.yaml", &text(plan.text_without_literals()))?;
    let mut encoded = Vec::new();
    timeline
        .encode(&mut encoded)
        .map_err(|error| Error::Internal(format!("the timeline cannot be encoded: {error}")))?;
    folder.write("timeline.jsonl", &encoded)?;
    folder.write("verdict.json", &text(seaworthy_report::json(&outcome)))?;
    folder.write("junit.xml", &text(seaworthy_report::junit(&outcome)))?;
    folder.write("report.html", &text(seaworthy_report::html(&outcome, timeline)))?;
    redact_file(&folder.path().join("events.jsonl"), scope)?;
    let logs = folder.logs();
    for entry in fs::read_dir(&logs).map_err(Error::io("list", &logs))? {
        let entry = entry.map_err(Error::io("list", &logs))?;
        redact_file(&entry.path(), scope)?;
    }
    Ok(outcome)
}

/// The outcome with its texts redacted, by way of its own JSON.
fn redacted(outcome: Outcome, scope: &Scope) -> Result<Outcome, Error> {
    let text = seaworthy_report::json(&outcome);
    if !scope.holds_secret(&text) {
        return Ok(outcome);
    }
    serde_json::from_str(&scope.redact(&text))
        .map_err(|error| Error::Internal(format!("the outcome cannot be redacted: {error}")))
}

/// Blots secrets out of a file that was written while the trial ran, piece by piece.
fn redact_file(path: &Path, scope: &Scope) -> Result<(), Error> {
    let bytes = fs::read(path).map_err(Error::io("read", path))?;
    let text = String::from_utf8_lossy(&bytes);
    if scope.holds_secret(&text) {
        fs::write(path, scope.redact(&text)).map_err(Error::io("write", path))?;
    }
    Ok(())
}

fn hash_file(path: &Path) -> Result<String, Error> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|mut file| file.read_to_end(&mut bytes))
        .map_err(Error::io("read", path))?;
    Ok(seaworthy_ledger::sha256(&bytes))
}
