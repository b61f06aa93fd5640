//! What is left of a phase after it was stopped, once or more often.

use seaworthy_load::{Executor, Share};

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn phase() -> Phase {
    Phase {
        name: "p".to_owned(),
        duration: 100 * SECOND,
        warmup: 10 * SECOND,
        loads: vec![Load {
            flows: vec![Share { flow: "f".to_owned(), weight: 1.0 }],
            start: Duration::ZERO,
            graceful_stop: SECOND,
            executor: Executor::ConstantVus { vus: 1, duration: 100 * SECOND },
        }],
        script: None,
    }
}

fn segment(offset: f64, from: f64, to: f64) -> RanPhase {
    RanPhase {
        name: "p".to_owned(),
        offset,
        complete: false,
        from,
        warmup_until: from + 10.0,
        to,
        drained: to,
        flows: Vec::new(),
    }
}

fn left(ran: &[RanPhase]) -> Option<(u64, u64)> {
    rest(&phase(), ran).map(|rest| {
        assert_eq!(rest.phase.load_ends(), rest.phase.duration);
        (rest.offset.as_secs(), rest.phase.duration.as_secs())
    })
}

#[test]
fn what_is_left_begins_with_the_warm_up_again() {
    assert_eq!(left(&[]), Some((0, 100)));
    // Stopped in its warm-up, it begins anew.
    assert_eq!(left(&[segment(0.0, 1.0, 8.0)]), Some((0, 100)));
    // Stopped after 40 s: 60 s are left, and 10 s of warm-up before them.
    assert_eq!(left(&[segment(0.0, 1.0, 41.9)]), Some((30, 70)));
    // Stopped again in the renewed warm-up: nothing was won or lost.
    let twice = [segment(0.0, 1.0, 41.0), segment(30.0, 60.0, 65.0)];
    assert_eq!(left(&twice), Some((30, 70)));
    let on = [segment(0.0, 1.0, 41.0), segment(30.0, 60.0, 100.0)];
    assert_eq!(left(&on), Some((60, 40)));
}

#[test]
fn a_phase_that_came_to_its_end_is_not_run_again() {
    let complete = RanPhase { complete: true, ..segment(0.0, 1.0, 50.0) };
    assert_eq!(left(&[complete]), None);
    // Stopped while its last requests ended.
    assert_eq!(left(&[segment(0.0, 1.0, 101.0)]), None);
    assert_eq!(left(&[segment(0.0, 1.6, 101.6)]), None);
    // One whole second is left.
    assert_eq!(left(&[segment(0.0, 1.0, 100.5)]), Some((89, 11)));
    // Another phase's segments say nothing of this one.
    let other = RanPhase { name: "q".to_owned(), ..segment(0.0, 1.0, 50.0) };
    assert_eq!(left(&[other]), Some((0, 100)));
}

#[test]
fn the_first_line_that_differs_is_named() {
    assert_eq!(difference("a\nb: 1\n", "a\nb: 2\n"), "line 2 was `b: 1` and is `b: 2`");
    assert_eq!(difference("a\n", "a\nb\n"), "line 2 was nothing and is `b`");
    let blotted = format!("key: {REDACTED}\n");
    assert_eq!(difference(&blotted, "key: x\n"), "they differ only in what is blotted out");
}
