//! `seaworthy watchdog JOURNAL`: outlives the trial that started it and undoes what it left behind.

use std::path::PathBuf;

use crate::exit::Exit;

/// What was typed.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The undo journal to play back when the controller is gone.
    journal: PathBuf,
}

pub(crate) fn run(arguments: &Arguments) -> anyhow::Result<Exit> {
    seaworthy_process::watchdog::serve(&arguments.journal)?;
    Ok(Exit::Pass)
}
