//! Stopping: the whole family goes, gently where it can, and nobody else.

use std::time::Duration;

use seaworthy_process::Exit;

use crate::room::{Room, written};

const LONG: Duration = Duration::from_secs(30);
const TERM: i32 = 15;
const KILL: i32 = 9;

#[test]
fn a_target_may_clean_up_after_sigterm() {
    let room = Room::new();
    let target =
        room.ready("trap 'echo bye; exit 4' TERM; echo ready; while :; do sleep 0.05; done");
    let stopped = target.stop(LONG).unwrap();
    assert_eq!((stopped.exit, stopped.killed.is_empty()), (Exit::Code(4), true));
    let lines = seaworthy_process::last_lines(target.log(), 9).unwrap();
    assert!(lines.contains(&"bye".to_owned()), "{lines:?}");
    assert_eq!(room.pending(), 0);
    assert_eq!(target.stop(LONG).unwrap(), stopped, "stopping twice answers the same");
}

#[test]
fn a_target_that_ignores_sigterm_is_killed_after_the_grace() {
    let room = Room::new();
    let target = room.ready("trap '' TERM; echo ready; while :; do sleep 1000; done");
    let stopped = target.stop(Duration::from_millis(200)).unwrap();
    assert_eq!(stopped.exit, Exit::Signal(KILL));
    assert!(stopped.killed.contains(&target.pid()));
    assert_eq!(stopped.killed.len(), 2, "the shell and its sleep");
}

#[test]
fn a_stopped_process_is_continued_to_end() {
    let room = Room::new();
    let target = room.ready("trap 'exit 6' TERM; echo ready; kill -STOP $$; sleep 1000");
    let stopped = target.stop(LONG).unwrap();
    assert!(matches!(stopped.exit, Exit::Code(6) | Exit::Signal(TERM)), "{stopped:?}");
}

#[test]
fn children_in_the_group_and_in_sessions_of_their_own_are_stopped() {
    let room = Room::new();
    let target = room.ready(
        "sh -c 'echo $$ > child; exec sleep 1000' &
         setsid sh -c 'echo $$ > detached; exec sleep 1000' &
         setsid env -i sh -c 'echo $$ > nameless; exec sleep 1000' &
         env -i sh -c 'echo $$ > bare; exec sleep 1000' &
         echo ready; wait",
    );
    let names = ["child", "detached", "nameless", "bare"];
    let family = names.map(|name| written(&room.path().join(name)));
    target.stop(LONG).unwrap();
    for (member, name) in family.iter().zip(names) {
        assert!(!member.is_alive().unwrap(), "{name} lives");
    }
}

#[test]
fn orphans_are_found_after_the_target_has_exited() {
    let room = Room::new();
    let target = room.ready(
        "setsid sh -c 'echo $$ > detached; exec sleep 1000' &
         env -i sh -c 'echo $$ > bare; exec sleep 1000' &
         echo ready; exit 0",
    );
    assert_eq!(target.wait_exit(LONG).unwrap(), Some(Exit::Code(0)));
    // One carries the token only; the other one is only in the dead target's group.
    let orphans = ["detached", "bare"].map(|name| written(&room.path().join(name)));
    assert!(orphans.iter().all(|orphan| orphan.is_alive().unwrap()));
    let stopped = target.stop(LONG).unwrap();
    assert_eq!(stopped.exit, Exit::Code(0));
    assert!(orphans.iter().all(|orphan| !orphan.is_alive().unwrap()));
}

#[test]
fn a_target_that_forks_without_end_is_stopped() {
    let room = Room::new();
    let target = room.ready("trap '' TERM; echo ready; while :; do sleep 0.001 & wait; done");
    let stopped = target.stop(Duration::from_millis(50)).unwrap();
    assert_eq!(stopped.exit, Exit::Signal(KILL));
    assert_eq!(target.sample().unwrap().processes, 0);
}

#[test]
fn a_target_can_be_asked_while_it_is_being_stopped() {
    let room = Room::new();
    let target = room.ready(
        "trap 'while [ ! -e go ]; do sleep 0.01; done; exit 8' TERM
        echo ready; while :; do sleep 0.01; done",
    );
    std::thread::scope(|scope| {
        let stopping = scope.spawn(|| target.stop(LONG).unwrap());
        assert_eq!(target.exited().unwrap(), None);
        std::fs::write(room.path().join("go"), "").unwrap();
        assert_eq!(target.wait_exit(LONG).unwrap(), Some(Exit::Code(8)));
        assert_eq!(stopping.join().unwrap().exit, Exit::Code(8));
    });
}

#[test]
fn a_dropped_target_does_not_live_on() {
    let room = Room::new();
    let target = room.ready("echo ready; exec sleep 1000");
    let identity = target.identity().clone();
    drop(target);
    assert!(!identity.is_alive().unwrap());
    assert_eq!(room.pending(), 0);
}

#[test]
fn a_neighbour_is_left_alone() {
    let room = Room::new();
    let neighbour = Room::new();
    let other = neighbour.ready("echo ready; exec sleep 1000");
    room.ready("echo ready; exec sleep 1000").stop(LONG).unwrap();
    assert_eq!(other.exited().unwrap(), None);
}
