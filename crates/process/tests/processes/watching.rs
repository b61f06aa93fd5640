//! The watchdog: a controller that is killed leaves nothing behind.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use seaworthy_process::{Error, Identity, Scratch, journal, undo, watchdog};
use tempfile::TempDir;

use crate::room::{Room, until, written};

/// The example controller, running in a folder of its own.
struct Controller {
    folder: TempDir,
    process: Child,
    stdin: Option<ChildStdin>,
    target: Identity,
    grandchild: Identity,
    watchdog: Identity,
    scratch: PathBuf,
}

impl Controller {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut process = Command::new(example())
            .arg(folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .process_group(0)
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let told: serde_json::Value = serde_json::from_str(&line).unwrap();
        let scratch = PathBuf::from(told["scratch"].as_str().unwrap());
        let watchdog = u32::try_from(told["watchdog"].as_u64().unwrap()).unwrap();
        Self {
            stdin: process.stdin.take(),
            process,
            target: serde_json::from_value(told["target"].clone()).unwrap(),
            grandchild: written(&scratch.join("grandchild")),
            watchdog: Identity::of(watchdog).unwrap().unwrap(),
            scratch,
            folder,
        }
    }

    fn journal(&self) -> PathBuf {
        self.folder.path().join("undo.jsonl")
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }

    fn assert_all_there(&self) {
        for identity in [&self.target, &self.grandchild, &self.watchdog] {
            assert!(identity.is_alive().unwrap());
        }
        assert!(self.scratch.is_dir());
    }

    fn wait_all_gone(&self) {
        until("the target and its grandchild are gone", || {
            !self.target.is_alive().unwrap() && !self.grandchild.is_alive().unwrap()
        });
        until("the scratch folder is gone", || !self.scratch.exists());
        until("the watchdog is gone", || !self.watchdog.is_alive().unwrap());
        assert_eq!(journal::read(&self.journal()).unwrap().pending().count(), 0);
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = undo::heal(&self.journal());
    }
}

/// The example's binary, which `cargo test` builds beside the tests.
fn example() -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().and_then(Path::parent).unwrap().join("examples/controller");
    assert!(path.is_file(), "no {}: `cargo build --examples` makes it", path.display());
    path
}

fn signal(identity: &Identity, signal: Signal) {
    kill_process(Pid::from_raw(identity.pid.cast_signed()).unwrap(), signal).unwrap();
}

#[test]
fn killing_the_controller_leaves_nothing_behind() {
    let mut controller = Controller::start();
    controller.assert_all_there();
    controller.kill();
    controller.wait_all_gone();
}

#[test]
fn what_ends_the_controllers_group_does_not_end_the_watchdog() {
    let mut controller = Controller::start();
    for number in [Signal::HUP, Signal::INT, Signal::QUIT, Signal::TERM] {
        signal(&controller.watchdog, number);
    }
    controller.assert_all_there();
    let group = Pid::from_raw(controller.process.id().cast_signed()).unwrap();
    kill_process_group(group, Signal::KILL).unwrap();
    controller.process.wait().unwrap();
    controller.wait_all_gone();
}

#[test]
fn healing_undoes_what_is_left_when_the_watchdog_was_killed_too() {
    let mut controller = Controller::start();
    signal(&controller.watchdog, Signal::KILL);
    until("the watchdog is gone", || !controller.watchdog.is_alive().unwrap());
    assert!(matches!(undo::heal(&controller.journal()), Err(Error::JournalInUse { .. })));
    controller.kill();
    assert!(controller.target.is_alive().unwrap() && controller.scratch.is_dir());
    let healed = undo::heal(&controller.journal()).unwrap();
    assert_eq!((healed.undone.len(), healed.left.len()), (2, 0));
    controller.wait_all_gone();
    assert!(undo::heal(&controller.journal()).unwrap().undone.is_empty());
}

#[test]
fn an_orderly_end_dismisses_the_watchdog() {
    let mut controller = Controller::start();
    controller.stdin.take();
    assert!(controller.process.wait().unwrap().success());
    controller.wait_all_gone();
}

#[test]
fn a_trial_inside_a_trial_cleans_up_after_itself() {
    let room = Room::new();
    let script = "sleep 1000 | \"$0\" . > told & echo ready; wait";
    let mut outer = room.command(&["sh", "-c", script, example().to_str().unwrap()]);
    outer.folder = room.path().join("inner");
    std::fs::create_dir(&outer.folder).unwrap();
    let target = outer.start(&room.journal).unwrap();
    let mut told = serde_json::Value::Null;
    until("the inner controller has told", || {
        let text = std::fs::read(outer.folder.join("told")).unwrap_or_default();
        told = serde_json::from_slice(&text).unwrap_or_default();
        !told.is_null()
    });
    let inner: Identity = serde_json::from_value(told["target"].clone()).unwrap();
    let scratch = PathBuf::from(told["scratch"].as_str().unwrap());
    let environment = std::fs::read(format!("/proc/{}/environ", told["watchdog"])).unwrap();
    let environment = String::from_utf8_lossy(&environment);
    assert!(environment.contains("PATH=") && !environment.contains("SEAWORTHY_UNDO="));
    target.stop(Duration::from_secs(30)).unwrap();
    until("the inner target is gone", || !inner.is_alive().unwrap());
    until("the inner scratch folder is gone", || !scratch.exists());
}

#[test]
fn a_watchdog_is_not_dismissed_while_something_is_left() {
    let room = Room::new();
    let guard = watchdog::start(&example(), room.journal.path()).unwrap();
    let watchdog = Identity::of(guard.pid().unwrap()).unwrap().unwrap();
    let scratch = Scratch::create(&room.journal, room.path(), "data").unwrap();
    let path = scratch.path().to_owned();
    let error = guard.dismiss().unwrap_err();
    assert!(matches!(error, Error::Unfinished { left: 1, .. }), "{error}");
    until("the watchdog waits for the journal", || {
        let locks = std::fs::read_to_string("/proc/locks").unwrap();
        locks
            .lines()
            .any(|line| line.contains("->") && line.contains(&format!(" {} ", watchdog.pid)))
    });
    assert!(path.is_dir() && watchdog.is_alive().unwrap());
    // The guard is gone now; once the journal is let go as well, the watchdog does its work.
    drop(scratch);
    assert_eq!(room.pending(), 1);
    let folder = room.let_go();
    until("the watchdog has removed the folder", || !path.exists());
    until("the watchdog is gone", || !watchdog.is_alive().unwrap());
    drop(folder);
}

#[test]
fn a_watchdog_that_was_killed_is_missed() {
    let room = Room::new();
    let mut guard = watchdog::start(&example(), room.journal.path()).unwrap();
    assert!(guard.is_on_guard().unwrap());
    signal(&Identity::of(guard.pid().unwrap()).unwrap().unwrap(), Signal::KILL);
    until("the guard knows", || !guard.is_on_guard().unwrap());
    guard.dismiss().unwrap();
}

#[test]
fn a_watchdog_that_does_not_come_up_is_an_error() {
    let room = Room::new();
    let fails = |exe: &str, journal: &Path| {
        let error = watchdog::start(Path::new(exe), journal).unwrap_err();
        assert_eq!(error.code(), "process-watchdog-failed");
        error.to_string()
    };
    let path = room.journal.path();
    assert!(fails("/no/such/binary", path).contains("No such file"));
    assert!(fails("/bin/true", path).contains("did not report"));
    assert!(fails("/bin/sh", path).contains("watchdog"), "what it said is passed on");
    let example = example();
    let missing = room.path().join("missing.jsonl");
    assert!(fails(example.to_str().unwrap(), &missing).contains("missing.jsonl"));
}
