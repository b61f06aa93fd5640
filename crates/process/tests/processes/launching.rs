//! Starting: what a target gets, what is said when it cannot start, how its exit is noticed.

use std::fs;
use std::process::Command;
use std::time::Duration;

use seaworthy_process::{Exit, Identity, Journal, last_lines};

use crate::room::Room;

const LONG: Duration = Duration::from_secs(30);

#[test]
fn a_target_gets_its_folder_its_environment_and_a_log() {
    let room = Room::new();
    let script = "pwd; echo \"$COLOUR/$WITHHELD/$HOME\"; echo complaint >&2; cat; exit 3";
    let mut launch = room.command(&["sh", "-c", script]);
    launch.environment = [("COLOUR".into(), "red $(no) shell".into())].into();
    launch.withheld = ["HOME".into()].into();
    let target = launch.start(&room.journal).unwrap();
    assert_eq!(target.wait_exit(LONG).unwrap(), Some(Exit::Code(3)));
    let folder = fs::canonicalize(room.path()).unwrap().display().to_string();
    assert_eq!(last_lines(target.log(), 9).unwrap(), [&folder, "red $(no) shell//", "complaint"]);
    // A second start, as after a crash, goes on with the same log.
    launch.start(&room.journal).unwrap().wait_exit(LONG).unwrap();
    assert_eq!(last_lines(target.log(), 9).unwrap().len(), 6);
}

#[test]
fn the_journal_knows_of_a_target_before_it_runs() {
    let room = Room::new();
    let target = room.command(&["cat", "undo.jsonl"]).start(&room.journal).unwrap();
    assert_eq!(target.wait_exit(LONG).unwrap(), Some(Exit::Code(0)));
    let seen = last_lines(target.log(), 9).unwrap().join("\n");
    assert!(seen.contains("\"token\"") && seen.contains("victim"), "{seen}");
    assert_eq!(room.pending(), 1);
    drop(target);
    assert_eq!(room.pending(), 0);
}

#[test]
fn an_exit_is_noticed_with_its_code_or_signal() {
    let room = Room::new();
    let target = room.ready("echo ready; exec sleep 1000");
    assert_eq!(target.exited().unwrap(), None);
    assert_eq!(target.wait_exit(Duration::ZERO).unwrap(), None);
    let pid = rustix::process::Pid::from_raw(target.pid().cast_signed()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::USR1).unwrap();
    let expected = Exit::Signal(rustix::process::Signal::USR1.as_raw());
    assert_eq!(target.wait_exit(LONG).unwrap(), Some(expected));
    assert_eq!(target.exited().unwrap(), Some(expected), "looking twice sees the same");
    // Not reaped: its id is kept from others until it is stopped.
    assert_eq!(Identity::of(target.pid()).unwrap().as_ref(), Some(target.identity()));
    assert_eq!(target.stop(Duration::ZERO).unwrap().exit, expected);
    assert_eq!(target.exited().unwrap(), Some(expected));
    assert_ne!(Identity::of(target.pid()).unwrap().as_ref(), Some(target.identity()));
}

#[tokio::test]
async fn asynchronous_code_waits_on_another_thread() {
    let room = Room::new();
    let target = room.command(&["sh", "-c", "exit 7"]).start(&room.journal).unwrap();
    let watch = target.watch();
    let exit = tokio::task::spawn_blocking(move || watch.wait(LONG)).await.unwrap().unwrap();
    assert_eq!(exit, Some(Exit::Code(7)));
}

#[test]
fn a_watch_outlives_its_target_and_does_not_keep_it_alive() {
    let room = Room::new();
    let target = room.ready("echo ready; exec sleep 1000");
    let watch = target.watch();
    assert_eq!(watch.wait(Duration::ZERO).unwrap(), None);
    drop(target);
    assert_eq!(watch.wait(LONG).unwrap(), Some(Exit::Signal(9)));
}

#[test]
fn what_cannot_start_is_told_apart_and_leaves_nothing_to_undo() {
    let room = Room::new();
    // Written by another process: a test beside this one that forks just now would keep a file
    // of ours open for writing, and the kernel executes no such file.
    let file = |name: &str, text: &str, mode: &str| {
        let script = "printf %s \"$1\" > \"$0\" && chmod \"$2\" \"$0\"";
        let path = room.path().join(name);
        let mut shell = Command::new("sh");
        shell.args(["-c", script]).arg(path).args([text, mode]);
        assert!(shell.status().unwrap().success());
    };
    file("plain", "#!/bin/sh\n", "644");
    file("orphan", "#!/no/such/interpreter\n", "755");
    file("garbage", "\x01\x02\x03\x04", "755");
    fs::create_dir(room.path().join("subfolder")).unwrap();
    let check = |command: &[&str], code: &str, hint: &str| {
        let error = room.command(command).start(&room.journal).unwrap_err();
        let found = error.hint().unwrap_or_default();
        assert_eq!(error.code(), code, "{command:?}: {error}");
        assert!(found.contains(hint), "{command:?}: {error}: {found}");
    };
    check(&[], "process-command-empty", "as a list");
    check(&[""], "process-command-empty", "as a list");
    check(&["no-such-command-anywhere"], "process-command-not-found", "PATH");
    check(&["./missing"], "process-command-not-found", "built");
    check(&["plain/below"], "process-command-not-found", "built");
    check(&["./plain"], "process-command-not-executable", "chmod +x");
    check(&["./orphan"], "process-command-not-executable", "interpreter");
    check(&["./garbage"], "process-command-not-executable", "neither a program");
    check(&["./subfolder"], "process-command-not-executable", "folder");
    check(&["sh", "a\0b"], "process-start-failed", "");

    let mut launch = room.command(&["true"]);
    launch.folder = room.path().join("missing");
    assert_eq!(launch.start(&room.journal).unwrap_err().code(), "process-folder-missing");

    let mut launch = room.command(&["true"]);
    launch.log = room.path().join("missing/log");
    let error = launch.start(&room.journal).unwrap_err();
    assert_eq!(error.code(), "process-log-folder-missing");
    assert!(error.hint().unwrap().contains("mkdir -p"));

    let mut launch = room.command(&["true"]);
    launch.log = room.path().into();
    assert_eq!(launch.start(&room.journal).unwrap_err().code(), "process-log-failed");

    for (name, value) in [("", "x"), ("A=B", "x"), ("A", "\0")] {
        let mut launch = room.command(&["true"]);
        launch.environment = [(name.into(), value.into())].into();
        let error = launch.start(&room.journal).unwrap_err();
        assert_eq!(error.code(), "process-environment-invalid");
    }
    assert_eq!(room.pending(), 0);
}

#[test]
fn a_program_beside_the_target_is_found_from_its_folder() {
    let room = Room::new();
    std::os::unix::fs::symlink("/bin/false", room.path().join("own")).unwrap();
    let target = room.command(&["./own"]).start(&room.journal).unwrap();
    assert_eq!(target.wait_exit(LONG).unwrap(), Some(Exit::Code(1)));
}

#[test]
fn without_a_journal_nothing_starts() {
    let room = Room::new();
    let missing = room.path().join("missing/undo.jsonl");
    let error = Journal::create(&missing).unwrap_err();
    assert_eq!(error.code(), "process-journal-failed");
    assert!(error.hint().unwrap().contains("make it first"));
}
