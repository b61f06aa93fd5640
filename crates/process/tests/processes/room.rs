//! A place to run a test in: a folder, a journal, shell targets, and waiting for conditions.

use std::path::{Path, PathBuf};
use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_process::{Identity, Journal, Launch, Target, journal, last_lines};
use tempfile::TempDir;

pub(crate) struct Room {
    pub(crate) journal: Journal,
    folder: TempDir,
}

impl Room {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let journal = Journal::create(&folder.path().join("undo.jsonl")).unwrap();
        Self { journal, folder }
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.path().join("log")
    }

    pub(crate) fn command(&self, command: &[&str]) -> Launch {
        Launch {
            name: "victim".into(),
            command: command.iter().map(|part| (*part).to_owned()).collect(),
            folder: self.path().into(),
            log: self.log(),
            ..Launch::default()
        }
    }

    /// Starts a shell script and waits until it has said `ready`.
    pub(crate) fn ready(&self, script: &str) -> Target {
        let target = self.command(&["sh", "-c", script]).start(&self.journal).unwrap();
        until("the target is ready", || {
            last_lines(&self.log(), 9).unwrap().contains(&"ready".to_owned())
        });
        target
    }

    /// Lets go of the journal, as a process does that dies, and keeps the folder.
    pub(crate) fn let_go(self) -> TempDir {
        self.folder
    }

    pub(crate) fn pending(&self) -> usize {
        journal::read(self.journal.path()).unwrap().pending().count()
    }
}

/// Waits for a condition, and fails when it does not come true.
pub(crate) fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let clock = Clock::system();
    let deadline = clock.now() + Duration::from_secs(30);
    while !condition() {
        assert!(clock.now() < deadline, "waited in vain until {what}");
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

/// The process whose id a script wrote into a file.
pub(crate) fn written(file: &Path) -> Identity {
    let mut found = None;
    until("a process has written its id", || {
        let text = std::fs::read_to_string(file).unwrap_or_default();
        let pid = text.strip_suffix('\n').and_then(|pid| pid.parse().ok());
        found = pid.and_then(|pid| Identity::of(pid).unwrap());
        found.is_some()
    });
    found.unwrap()
}
