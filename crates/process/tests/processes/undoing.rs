//! Undoing: a journal is played back once, to the end, and never against a stranger.

use std::io::Write;
use std::process::{Child, Command, Stdio};

use seaworthy_process::journal::{Change, Token};
use seaworthy_process::{Error, Identity, Journal, Scratch, undo};

use crate::room::{Room, until};

/// A process that the test started itself, killed at its end.
struct Bystander(Child);

impl Bystander {
    fn new(token: Option<&Token>) -> Self {
        let mut command = Command::new("sleep");
        command.arg("1000").stdin(Stdio::null());
        if let Some(token) = token {
            command.env(Token::VARIABLE, token.as_str());
        }
        Self(command.spawn().unwrap())
    }

    fn identity(&self) -> Identity {
        Identity::of(self.0.id()).unwrap().unwrap()
    }
}

impl Drop for Bystander {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn process(token: &Token) -> Change {
    Change::Process { token: token.clone(), name: "victim".into() }
}

#[test]
fn a_process_id_that_was_used_again_is_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo.jsonl");
    let bystander = Bystander::new(None);
    let identity = bystander.identity();
    let journal = Journal::create(&path).unwrap();
    for wrong in [
        Identity { started: identity.started - 1, ..identity.clone() },
        Identity { boot: "another boot".into(), ..identity.clone() },
    ] {
        let id = journal.record(&process(&Token::random())).unwrap();
        journal.started(id, &wrong).unwrap();
    }
    drop(journal);
    let healed = undo::heal(&path).unwrap();
    assert_eq!((healed.undone.len(), healed.left.len()), (2, 0));
    assert!(healed.undone.iter().all(|undone| undone.stopped.is_empty()));
    assert!(identity.is_alive().unwrap());

    // The same with the right start time does end it: the test can fail.
    let second = folder.path().join("second.jsonl");
    let journal = Journal::create(&second).unwrap();
    let id = journal.record(&process(&Token::random())).unwrap();
    journal.started(id, &identity).unwrap();
    drop(journal);
    assert_eq!(undo::heal(&second).unwrap().undone[0].stopped, [identity.pid]);
    assert!(!identity.is_alive().unwrap());
}

#[test]
fn a_process_that_was_announced_but_never_noted_is_found_by_its_token() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo.jsonl");
    let (token, other) = (Token::random(), Token::random());
    let (victim, neighbour) = (Bystander::new(Some(&token)), Bystander::new(Some(&other)));
    let journal = Journal::create(&path).unwrap();
    journal.record(&process(&token)).unwrap();
    drop(journal);
    assert_eq!(undo::heal(&path).unwrap().undone[0].stopped, [victim.identity().pid]);
    assert!(!victim.identity().is_alive().unwrap());
    assert!(neighbour.identity().is_alive().unwrap());
}

#[test]
fn a_process_that_is_only_just_being_made_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo.jsonl");
    let token = Token::random();
    let journal = Journal::create(&path).unwrap();
    journal.record(&process(&token)).unwrap();
    drop(journal);
    std::thread::scope(|scope| {
        let healing = scope.spawn(|| undo::heal(&path).unwrap());
        until("the journal is being played back", || {
            let files = std::fs::read_dir("/proc/self/fd").unwrap();
            files.flatten().any(|file| std::fs::read_link(file.path()).is_ok_and(|it| it == path))
        });
        let late = Bystander::new(Some(&token));
        assert_eq!(healing.join().unwrap().undone[0].stopped, [late.identity().pid]);
    });
}

#[test]
fn healing_twice_heals_once_and_tolerates_a_torn_line() {
    let room = Room::new();
    let path = room.journal.path().to_owned();
    let scratch = Scratch::create(&room.journal, room.path(), "data").unwrap();
    let target = room.ready("echo ready; exec sleep 1000");
    let identity = target.identity().clone();
    assert!(matches!(undo::heal(&path), Err(Error::JournalInUse { .. })));
    assert!(identity.is_alive().unwrap(), "a running trial is not undone");

    // As if we had been killed: nothing is dropped, only the lock goes.
    let copy = room.path().join("copy.jsonl");
    std::fs::copy(&path, &copy).unwrap();
    let mut torn = std::fs::OpenOptions::new().append(true).open(&copy).unwrap();
    torn.write_all(b"{\"change\":{\"id\":3,\"chan").unwrap();
    let healed = undo::heal(&copy).unwrap();
    assert_eq!((healed.undone.len(), healed.left.len(), healed.unreadable.len()), (2, 0, 0));
    assert_eq!(healed.undone[0].stopped, [identity.pid], "last change first");
    assert!(!identity.is_alive().unwrap());
    assert!(!scratch.path().exists());
    assert!(undo::heal(&copy).unwrap().undone.is_empty());
}

#[test]
fn what_cannot_be_undone_hinders_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("undo.jsonl");
    let token = Token::random();
    let victim = Bystander::new(Some(&token));
    let precious = folder.path().join("precious");
    std::fs::create_dir(&precious).unwrap();
    std::fs::write(precious.join("file"), "x").unwrap();
    let journal = Journal::create(&path).unwrap();
    journal.record(&process(&token)).unwrap();
    let change = Change::RemoveFolder { path: precious.clone(), token: Token::random() };
    journal.record(&change).unwrap();
    drop(journal);
    let healed = undo::heal(&path).unwrap();
    assert_eq!(healed.left.len(), 1);
    assert_eq!(healed.left[0].1.code(), "process-scratch-refused");
    assert!(healed.left[0].1.hint().is_some());
    assert!(precious.join("file").exists());
    assert!(!victim.identity().is_alive().unwrap());
    assert_eq!(undo::heal(&path).unwrap().left.len(), 1, "it stays in the journal");
}

#[test]
fn a_folder_of_journals_is_healed_and_cleared() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let running = Journal::create(&path("running.jsonl")).unwrap();
    let token = Token::random();
    let victim = Bystander::new(Some(&token));
    Journal::create(&path("dead.jsonl")).unwrap().record(&process(&token)).unwrap();
    std::fs::write(path("odd.jsonl"), "not a journal\n").unwrap();
    std::fs::write(path("notes.txt"), "not looked at\n").unwrap();

    let attempts = undo::heal_folder(folder.path()).unwrap();
    let seen: Vec<_> = attempts.iter().map(|attempt| attempt.journal.clone()).collect();
    assert_eq!(seen, [path("dead.jsonl"), path("odd.jsonl")]);
    assert_eq!(attempts[0].result.as_ref().unwrap().undone.len(), 1);
    assert_eq!(attempts[1].result.as_ref().unwrap_err().code(), "process-journal-refused");
    assert!(!victim.identity().is_alive().unwrap());
    assert!(!path("dead.jsonl").exists() && running.path().exists());
    assert!(undo::heal_folder(&path("missing")).unwrap().is_empty());
}
