//! Undoing what a journal says is left: after a crash, by the watchdog or at the next start.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use seaworthy_base::Clock;

use crate::error::Error;
use crate::family::Family;
use crate::journal::{self, Change, Entry, Journal};
use crate::scratch;

/// How long targets may take to end on their own.
const GRACE: Duration = Duration::from_secs(2);

/// How long a process is looked for that was announced but of which we know no id: its writer may
/// have been killed while the kernel was still making it, before its environment can be read.
const SETTLING: Duration = Duration::from_secs(1);

/// What came of playing a journal back.
#[derive(Debug, Default)]
pub struct Healed {
    /// What was undone, or found undone already.
    pub undone: Vec<Undone>,
    /// What could not be undone, and why; it stays in the journal.
    pub left: Vec<(Entry, Error)>,
    /// Numbers of the journal's lines that could not be understood.
    pub unreadable: Vec<usize>,
}

/// One change that is undone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undone {
    /// The change.
    pub change: Change,
    /// Processes that were still there and were stopped.
    pub stopped: Vec<u32>,
}

/// One journal found in a folder, and what came of it.
#[derive(Debug)]
pub struct Attempt {
    /// The journal's file.
    pub journal: PathBuf,
    /// What was undone, or why nothing could be.
    pub result: Result<Healed, Error>,
}

/// Undoes what the journal of a dead process says is left, last change first. Doing it again does
/// nothing. What cannot be undone hinders nothing else.
///
/// # Errors
/// [`Error::JournalInUse`] when its writer or another healer is at work; when the journal cannot
/// be read or is not this user's.
pub fn heal(journal: &Path) -> Result<Healed, Error> {
    let file = journal::open(journal)?;
    journal::hold(&file, journal)?;
    play_back(file, journal)
}

/// Heals every `*.jsonl` in a folder and removes the journals that have nothing left. Those in use
/// are passed over. A folder that is not there holds none.
///
/// # Errors
/// When the folder cannot be read. What is wrong with one journal stands beside its path.
pub fn heal_folder(folder: &Path) -> Result<Vec<Attempt>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Error::journal(folder)(error)),
    };
    let mut attempts = Vec::new();
    for entry in entries {
        let path = entry.map_err(Error::journal(folder))?.path();
        if path.extension().is_none_or(|extension| extension != "jsonl") {
            continue;
        }
        let result = match heal(&path) {
            Err(Error::JournalInUse { .. }) => continue,
            Ok(result) if result.left.is_empty() && result.unreadable.is_empty() => {
                fs::remove_file(&path).map(|()| result).map_err(Error::journal(&path))
            }
            result => result,
        };
        attempts.push(Attempt { journal: path, result });
    }
    attempts.sort_by(|one, other| one.journal.cmp(&other.journal));
    Ok(attempts)
}

/// Undoes what is left in a journal that the caller holds.
pub(crate) fn play_back(file: File, path: &Path) -> Result<Healed, Error> {
    let (journal, contents) = Journal::adopt(file, path)?;
    let mut healed = Healed { unreadable: contents.unreadable.clone(), ..Healed::default() };
    for entry in contents.pending() {
        let undone = undo(entry).and_then(|stopped| {
            journal.done(entry.id)?;
            Ok(Undone { change: entry.change.clone(), stopped })
        });
        match undone {
            Ok(undone) => healed.undone.push(undone),
            Err(error) => healed.left.push((entry.clone(), error)),
        }
    }
    Ok(healed)
}

fn undo(entry: &Entry) -> Result<Vec<u32>, Error> {
    match &entry.change {
        Change::RemoveFolder { path, token } => scratch::remove(path, token).map(|()| Vec::new()),
        Change::Process { token, name } => {
            let leader = entry.started.clone();
            let family = Family { name: name.clone(), token: token.clone(), leader };
            if family.leader.is_none() {
                settle(&family)?;
            }
            let mut end = family.end(GRACE)?;
            end.asked.append(&mut end.killed);
            end.asked.sort_unstable();
            end.asked.dedup();
            Ok(end.asked)
        }
    }
}

/// Waits until a process that was announced shows itself, for a moment at most.
fn settle(family: &Family) -> Result<(), Error> {
    let clock = Clock::system();
    let deadline = clock.now() + SETTLING;
    while family.living().map_err(Error::Table)?.is_empty() && clock.now() < deadline {
        // The kernel reports no event when an environment becomes readable.
        std::thread::park_timeout(Duration::from_millis(20));
    }
    Ok(())
}
