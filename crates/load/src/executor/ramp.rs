//! `ramping-vus`: a number of virtual users that follows stages, on a table of absolute offsets.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seaworthy_base::Instant;
use tokio::task::{AbortHandle, JoinSet};

use super::Run;
use crate::cast::{Cast, VirtualUser};
use crate::crew::broken;
use crate::error::Error;
use crate::length::{after, together};

/// When the number of virtual users changes, counted from the entry's start, and to what. One user
/// at a time, evenly spread over a stage; a stage of no length jumps.
pub(crate) fn table(start_vus: u32, stages: &[(Duration, u32)]) -> Vec<(Duration, u32)> {
    let mut table = vec![(Duration::ZERO, start_vus)];
    let (mut offset, mut from) = (Duration::ZERO, start_vus);
    for &(length, to) in stages {
        let steps = from.abs_diff(to);
        if length.is_zero() {
            table.push((offset, to));
        } else {
            for step in 1..=steps {
                // Exact in integers: no step inherits another's rounding.
                let nanos = length.as_nanos() * u128::from(step) / u128::from(steps);
                let into = Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
                let at = offset.saturating_add(into);
                table.push((at, if to > from { from + step } else { from - step }));
            }
        }
        offset = offset.saturating_add(length);
        from = to;
    }
    table
}

/// A running virtual user and the two ways to end it: after its iteration, and at once.
struct Member {
    retire: Arc<AtomicBool>,
    task: AbortHandle,
}

pub(super) async fn run<C: Cast>(
    run: Run<C>,
    start_vus: u32,
    stages: &[(Duration, u32)],
    graceful_ramp_down: Duration,
) -> Result<(), Error> {
    let end = after(run.start, together(stages.iter().map(|(length, _)| *length)));
    let mut users: JoinSet<u64> = JoinSet::new();
    let mut members: Vec<Member> = Vec::new();
    let mut retiring: VecDeque<(Instant, AbortHandle)> = VecDeque::new();
    // Numbers of users that have ended are given out again, the smallest first.
    let (mut free, mut fresh) = (BTreeSet::new(), 0_u64);
    let mut changes = table(start_vus, stages).into_iter().peekable();
    let mut broken_by = None;
    loop {
        let now = run.scene.clock.now();
        while let Some((_, task)) = retiring.pop_front_if(|(deadline, _)| *deadline <= now) {
            task.abort();
        }
        while let Some((_, target)) = changes.next_if(|(at, _)| after(run.start, *at) <= now) {
            while members.len() > target as usize
                && let Some(member) = members.pop()
            {
                member.retire.store(true, Ordering::Relaxed);
                retiring.push_back((after(now, graceful_ramp_down), member.task));
            }
            while members.len() < target as usize {
                let number = free.pop_first().unwrap_or_else(|| {
                    fresh += 1;
                    fresh - 1
                });
                members.push(begin(&run, &mut users, number));
            }
        }
        if now >= end {
            break;
        }
        let change = changes.peek().map_or(end, |(at, _)| after(run.start, *at));
        let next = retiring.front().map_or(change, |(deadline, _)| change.min(*deadline));
        tokio::select! {
            biased;
            () = run.scene.stop.cancelled() => break,
            () = tokio::time::sleep_until(next.min(end)) => {}
            Some(ended) = users.join_next() => match ended {
                Ok(number) => drop(free.insert(number)),
                Err(error) => broken_by = broken(error).or(broken_by),
            },
        }
    }
    for member in &members {
        member.retire.store(true, Ordering::Relaxed);
    }
    // Users ramped down before the end keep their own, earlier deadline.
    let own_deadlines = async {
        for (deadline, task) in retiring {
            tokio::time::sleep_until(deadline).await;
            task.abort();
        }
        std::future::pending::<()>().await;
    };
    tokio::select! {
        ended = run.wind_down(std::slice::from_mut(&mut users), end) => ended?,
        () = own_deadlines => {}
    }
    broken_by.map_or(Ok(()), Err)
}

/// Starts virtual user `number`, which runs until it is told to retire.
fn begin<C: Cast>(run: &Run<C>, users: &mut JoinSet<u64>, number: u64) -> Member {
    let retire = Arc::new(AtomicBool::new(false));
    let (cast, worker) = (run.cast(), run.worker_of(number));
    let user = run.cast().user(number, worker);
    let told = Arc::clone(&retire);
    let task = run.crew.spawn(worker, users, async move {
        let Some(mut user) = user.await else { return number };
        while !told.load(Ordering::Relaxed) {
            let turn = cast.turn();
            if !user.iterate(turn, None).await {
                break;
            }
        }
        number
    });
    Member { retire, task }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_absolute_and_exact() {
        let second = Duration::from_secs(1);
        let expected = [
            (0, 1),
            (2000, 2),
            (4000, 3),
            (6000, 4),
            (6000, 10), // a stage of no length jumps
            (8000, 9),
            (10_000, 8),
        ];
        let stages = [(6 * second, 4), (Duration::ZERO, 10), (4 * second, 8), (5 * second, 8)];
        let table = table(1, &stages);
        let expected: Vec<_> =
            expected.into_iter().map(|(ms, vus)| (Duration::from_millis(ms), vus)).collect();
        assert_eq!(table, expected);
    }

    #[test]
    fn thirds_do_not_drift() {
        let table = table(0, &[(Duration::from_secs(1), 3)]);
        assert_eq!(table[3], (Duration::from_secs(1), 3));
        assert_eq!(table[1].0, Duration::from_nanos(333_333_333));
    }
}
