//! What a trial writes down at its end, with every secret blotted out.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use seaworthy_base::Event;
use seaworthy_report::capacity::Capacity;
use seaworthy_report::outcome::{Objective, Outcome};
use seaworthy_stats::timeline::Timeline;
use serde_json::{Value, json};

use crate::check::Checked;
use crate::error::Error;
use crate::folder::Folder;
use crate::host;
use crate::resume::Former;
use crate::scope::Scope;
use crate::service::Options;

/// How much of a log's line is looked at as one piece, in bytes.
const LONGEST_LINE: u64 = 1 << 20;
/// How much of a file is hashed at once, in bytes.
const HASHED_AT_ONCE: usize = 1 << 17;

/// The first receipt: which plan, which program, which machine. Big numbers are strings.
pub(crate) fn beginning(options: &Options, id: &str) -> Result<Value, Error> {
    let host = host::describe();
    let choice = options.plan.choice();
    Ok(json!({
        "trial": id,
        "plan": {
            "name": options.plan.name(),
            "sha256": seaworthy_ledger::sha256(options.plan.text().as_bytes()),
            "kind": options.plan.plan().kind.value,
        },
        "scripts": options.plan.scripts(),
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
        "profile": choice.profile,
        "timeScale": choice.time_scale,
        "resumed_from": options.resume.as_ref().map(Former::receipt),
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

/// A search for the capacity as its receipt states it: rates with the verdicts they rest on.
pub(crate) fn searched(capacity: &Capacity) -> Value {
    json!({
        "phase": capacity.phase,
        "ended": capacity.ended,
        "sentence": capacity.sentence,
        "holdsPerSecond": capacity.holds.as_ref().map(|rate| rate.per_second),
        "breaksPerSecond": capacity.breaks.as_ref().map(|rate| rate.per_second),
    })
}

/// Writes every file of the trial but its timeline and its receipts; returns the outcome as it was written.
pub(crate) fn write(
    folder: &Folder,
    plan: &Checked,
    mut outcome: Outcome,
    timeline: &Timeline,
    scope: &Scope,
) -> Result<Outcome, Error> {
    // Before anything is rendered: in HTML or JSON a secret may be dressed in escapes.
    outcome.each_text(|text| *text = scope.redact(text));
    folder.write("plan.yaml", scope.redact(&plan.text_without_literals()).as_bytes())?;
    // New files: the seal syncs each before it signs for it, and without a seal they are worth nothing.
    folder.replace("verdict.json", seaworthy_report::json(&outcome).as_bytes(), false)?;
    folder.replace("junit.xml", seaworthy_report::junit(&outcome).as_bytes(), false)?;
    folder.replace("report.html", seaworthy_report::html(&outcome, timeline).as_bytes(), false)?;
    folder.write("events.jsonl", &lines(&outcome.events)?)?;
    let logs = folder.logs();
    for entry in fs::read_dir(&logs).map_err(Error::io("list", &logs))? {
        let entry = entry.map_err(Error::io("list", &logs))?;
        redact_file(&entry.path(), scope)?;
    }
    Ok(outcome)
}

/// Events as JSON Lines.
fn lines(events: &[Event]) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for event in events {
        serde_json::to_writer(&mut bytes, event)
            .map_err(|error| Error::Internal(format!("an event cannot be written: {error}")))?;
        bytes.push(b'\n');
    }
    Ok(bytes)
}

/// Blots secrets out of a log, line by line, so that a log of any size takes no more memory than
/// its longest line.
fn redact_file(path: &Path, scope: &Scope) -> Result<(), Error> {
    // What a target put in its log's place is not followed and not waited for; the seal refuses it.
    let options = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let Ok(log) = rustix::fs::open(path, options, Mode::empty()).map(File::from) else {
        return Ok(());
    };
    if !log.metadata().map_err(Error::io("read", path))?.is_file() {
        return Ok(());
    }
    let mut log = BufReader::new(log);
    let clean = path.with_extension("log.clean");
    let created = File::create_new(&clean).map_err(Error::io("create", &clean))?;
    let mut written = BufWriter::new(created);
    let mut line = Vec::new();
    let mut found = false;
    loop {
        line.clear();
        let read = log.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line);
        if read.map_err(Error::io("read", path))? == 0 {
            break;
        }
        let text = String::from_utf8_lossy(&line);
        let safe = if scope.holds_secret(&text) {
            found = true;
            scope.redact(&text).into_bytes()
        } else {
            std::mem::take(&mut line)
        };
        written.write_all(&safe).map_err(Error::io("write", &clean))?;
    }
    written.flush().map_err(Error::io("write", &clean))?;
    if found {
        fs::rename(&clean, path).map_err(Error::io("replace", path))
    } else {
        fs::remove_file(&clean).map_err(Error::io("remove", &clean))
    }
}

/// SHA-256 of a file, piece by piece: this program's own is large, and each run hashes it.
pub(crate) fn hash_file(path: &Path) -> Result<String, Error> {
    let mut file = File::open(path).map_err(Error::io("read", path))?;
    let mut hash = seaworthy_ledger::RunningHash::default();
    let mut piece = vec![0; HASHED_AT_ONCE];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hash.hex()),
            Ok(bytes) => hash.update(&piece[..bytes]),
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(Error::io("read", path)(error)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_hashed_in_pieces_has_the_hash_of_the_whole() {
        let file = tempfile::NamedTempFile::new().unwrap();
        for length in [0, 1, HASHED_AT_ONCE, 3 * HASHED_AT_ONCE + 7] {
            let bytes: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
            fs::write(file.path(), &bytes).unwrap();
            assert_eq!(hash_file(file.path()).unwrap(), seaworthy_ledger::sha256(&bytes));
        }
        assert!(hash_file(Path::new("/no/such/file")).is_err());
    }
}
