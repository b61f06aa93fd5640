//! What a killed trial left behind is undone: at the next start, or when somebody asks.

use seaworthy_process::journal::Change;
use seaworthy_process::undo::heal_folder;

use crate::error::Error;
use crate::folder::House;
use crate::progress::{Progress, Speaker};

/// Undoes what trials that were killed left in this house; one line for each thing done or left.
///
/// # Errors
/// When the journals cannot be listed.
pub fn heal(house: &House) -> Result<Vec<String>, Error> {
    let mut lines = Vec::new();
    for attempt in heal_folder(&house.undo())? {
        let journal = attempt.journal.display();
        match attempt.result {
            Ok(healed) => {
                for undone in healed.undone {
                    lines.push(format!("{journal}: undone: {}", words(&undone.change)));
                }
                for (entry, error) in healed.left {
                    lines.push(format!("{journal}: left: {}: {error}", words(&entry.change)));
                }
                for line in healed.unreadable {
                    lines.push(format!("{journal}:{line}: this line could not be understood"));
                }
            }
            Err(error) => lines.push(format!("{journal}: {error}")),
        }
    }
    Ok(lines)
}

fn words(change: &Change) -> String {
    match change {
        Change::Process { name, .. } => format!("target `{name}`"),
        Change::RemoveFolder { path, .. } => format!("folder {}", path.display()),
    }
}

/// The undoing at the start of a trial: what is found is said, and never stops the new trial.
pub(crate) fn heal_quietly(house: &House, speaker: &Speaker) {
    let lines = heal(house).unwrap_or_else(|error| vec![error.to_string()]);
    for line in lines {
        speaker.say(Progress::Said(format!("left by an earlier trial: {line}")));
    }
}
