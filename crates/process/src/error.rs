//! What can go wrong with processes and the journal, each with a stable code and a hint.

use std::io;
use std::path::{Path, PathBuf};

/// A target that could not be started or stopped, or a journal that could not be kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A target without a program to run.
    #[error("target `{target}` has an empty command")]
    CommandEmpty {
        /// The target's name.
        target: String,
    },
    /// No such program, in the folder or on the search path.
    #[error("target `{target}`: the command `{program}` was not found")]
    CommandNotFound {
        /// The target's name.
        target: String,
        /// The program as the plan names it, or where that leads.
        program: String,
    },
    /// A file that is there but cannot be run.
    #[error("target `{target}`: `{program}` cannot be executed: {source}")]
    CommandNotExecutable {
        /// The target's name.
        target: String,
        /// The program as the plan names it, or where that leads.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// The folder to start in is missing or is not a folder.
    #[error("target `{target}`: the folder {} to start it in is not there", .path.display())]
    FolderMissing {
        /// The target's name.
        target: String,
        /// The folder.
        path: PathBuf,
    },
    /// An environment variable's name or value that no process can be given.
    #[error(
        "target `{target}`: `{variable}` is not a name for an environment variable, or its value holds a NUL byte"
    )]
    EnvironmentInvalid {
        /// The target's name.
        target: String,
        /// The variable's name, made printable.
        variable: String,
    },
    /// The folder that the log file should be made in is missing.
    #[error("target `{target}`: there is no folder {} for its log", .path.display())]
    LogFolderMissing {
        /// The target's name.
        target: String,
        /// The missing folder.
        path: PathBuf,
    },
    /// The log file could not be opened or read.
    #[error("log {}: {source}", .path.display())]
    Log {
        /// The log file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// The operating system refused to start the process.
    #[error("target `{target}` could not be started: {source}")]
    StartFailed {
        /// The target's name.
        target: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// Processes that live on after SIGKILL, or that we may not signal.
    #[error("target `{target}` could not be stopped: {reason} (process {})", list(.pids))]
    StopFailed {
        /// The target's name.
        target: String,
        /// Why.
        reason: String,
        /// The processes that are left.
        pids: Vec<u32>,
    },
    /// `/proc` or a wait on a process failed.
    #[error("the process table could not be read: {0}")]
    Table(#[source] io::Error),
    /// The undo journal could not be made, read or written.
    #[error("undo journal {}: {source}", .path.display())]
    JournalFailed {
        /// The journal's file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Someone holds the journal: its trial still runs, or another process is undoing it.
    #[error("undo journal {} is in use", .path.display())]
    JournalInUse {
        /// The journal's file.
        path: PathBuf,
    },
    /// A file that we must not act on: not ours, or not a journal.
    #[error("undo journal {} is not to be trusted: {reason}", .path.display())]
    JournalRefused {
        /// The journal's file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The scratch folder could not be made or removed.
    #[error("scratch folder {}: {source}", .path.display())]
    ScratchFailed {
        /// The folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A folder that Seaworthy did not make, and therefore does not remove.
    #[error("{} is not removed: {reason}", .path.display())]
    ScratchRefused {
        /// The folder.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The watchdog did not come up or did not end.
    #[error("the watchdog failed: {reason}")]
    WatchdogFailed {
        /// What it said, or what happened to it.
        reason: String,
    },
    /// The end was called orderly while changes were left to undo.
    #[error("{left} changes in the undo journal {} are still to be undone", .path.display())]
    Unfinished {
        /// The journal's file.
        path: PathBuf,
        /// How many are left.
        left: usize,
    },
    /// No free port could be bound on the loopback address.
    #[error("no free port on 127.0.0.1: {0}")]
    NoFreePort(#[source] io::Error),
}

impl Error {
    /// The stable code, `process-...`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::CommandEmpty { .. } => "process-command-empty",
            Self::CommandNotFound { .. } => "process-command-not-found",
            Self::CommandNotExecutable { .. } => "process-command-not-executable",
            Self::FolderMissing { .. } => "process-folder-missing",
            Self::EnvironmentInvalid { .. } => "process-environment-invalid",
            Self::LogFolderMissing { .. } => "process-log-folder-missing",
            Self::Log { .. } => "process-log-failed",
            Self::StartFailed { .. } => "process-start-failed",
            Self::StopFailed { .. } => "process-stop-failed",
            Self::Table(_) => "process-table-failed",
            Self::JournalFailed { .. } => "process-journal-failed",
            Self::JournalInUse { .. } => "process-journal-in-use",
            Self::JournalRefused { .. } => "process-journal-refused",
            Self::ScratchFailed { .. } => "process-scratch-failed",
            Self::ScratchRefused { .. } => "process-scratch-refused",
            Self::WatchdogFailed { .. } => "process-watchdog-failed",
            Self::Unfinished { .. } => "process-unfinished",
            Self::NoFreePort(_) => "process-no-free-port",
        }
    }

    /// What the reader can do about it, where there is something.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            Self::CommandEmpty { .. } => {
                "give the program and its arguments as a list, as `command: [./server, --port, \"${port.http}\"]`".into()
            }
            Self::CommandNotFound { program, .. } if program.contains('/') => {
                "a path that does not start with `/` counts from the target's folder; was the program built?".into()
            }
            Self::CommandNotFound { .. } => {
                "it is in none of the folders of PATH; a program in the target's own folder is written `./name`".into()
            }
            Self::CommandNotExecutable { program, source, .. } => match source.kind() {
                io::ErrorKind::NotFound => {
                    format!("the file is there, but the interpreter that its first line (`#!`) or its format asks for is not: try `head -1 {program}`")
                }
                io::ErrorKind::IsADirectory => "this is a folder; name the program inside it".into(),
                io::ErrorKind::PermissionDenied => format!("make it executable: `chmod +x {program}`"),
                _ => "it is neither a program for this machine nor a script that starts with `#!`".into(),
            },
            Self::FolderMissing { .. } => {
                "make the folder, or correct the target's `folder`; it counts from where Seaworthy was started".into()
            }
            Self::EnvironmentInvalid { .. } => {
                "a name is not empty and holds neither `=` nor a NUL byte".into()
            }
            Self::LogFolderMissing { path, .. } => format!("make it first: `mkdir -p {}`", path.display()),
            Self::StopFailed { pids, .. } => {
                format!("look at what it waits for: `ps -o pid,stat,user,wchan,args -p {}`", list(pids))
            }
            Self::JournalInUse { .. } => {
                "its trial is still running: stop that one first, and what it left is undone by itself".into()
            }
            Self::JournalRefused { .. } => {
                "only a journal made by the same user is played back; delete the file if you do not know it".into()
            }
            Self::ScratchRefused { .. } => "look into the folder and remove it by hand if it is not needed".into(),
            Self::Log { source, .. }
            | Self::JournalFailed { source, .. }
            | Self::ScratchFailed { source, .. } => return storage_hint(source),
            Self::StartFailed { .. }
            | Self::Table(_)
            | Self::WatchdogFailed { .. }
            | Self::Unfinished { .. }
            | Self::NoFreePort(_) => return None,
        };
        Some(hint)
    }

    pub(crate) fn journal(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::JournalFailed { path, source }
    }

    pub(crate) fn scratch(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        |source| Self::ScratchFailed { path, source }
    }
}

fn storage_hint(source: &io::Error) -> Option<String> {
    let hint = match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "the disk is full: free some space, or work in another folder"
        }
        io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
            "the folder cannot be written: work in another one, or change its permissions"
        }
        io::ErrorKind::AlreadyExists => "nothing is overwritten: remove it, or choose another name",
        io::ErrorKind::NotFound => "the folder it belongs in is not there: make it first",
        _ => return None,
    };
    Some(hint.into())
}

fn list(pids: &[u32]) -> String {
    pids.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}
