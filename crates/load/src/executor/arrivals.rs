//! `constant-arrival-rate`: iterations begin on a schedule; an arrival that finds no free virtual
//! user waits, keeping the moment it was due.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use seaworthy_base::Instant;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Run, wind_down};
use crate::error::Error;
use crate::load::Arrivals;
use crate::pacer::Pacer;
use crate::recorder::{Counters, Since};
use crate::user::Recruit;
use crate::watch::Lag;

/// How many arrivals are handled before other tasks get their turn.
const BATCH: u64 = 128;

/// An iteration that is due.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    index: u64,
    due: Instant,
}

/// Where arrivals and virtual users meet. At most one side waits: with a backlog, nobody is idle.
#[derive(Debug, Default)]
struct Queue {
    backlog: VecDeque<Arrival>,
    /// Idle users, the one that became idle last on top: few connections stay warm.
    idle: Vec<oneshot::Sender<Arrival>>,
    closed: bool,
}

/// What a virtual user does next.
enum Next {
    Arrival(Arrival),
    Wait(oneshot::Receiver<Arrival>),
    Closed,
}

type Meeting = Arc<Mutex<Queue>>;

pub(super) async fn run(run: Run, arrivals: &Arrivals, lag: Lag) -> Result<(), Error> {
    let Run { recruit, start, grace, stop } = run;
    let cut = CancellationToken::new();
    let meeting = Meeting::default();
    let recorder = recruit.recorder(0);
    let mut users = JoinSet::new();
    let mut hired = 0_u32;
    let mut hire = |users: &mut JoinSet<()>, first: Next| {
        let number = u64::from(hired);
        hired += 1;
        users.spawn(work(Arc::clone(&recruit), number, Arc::clone(&meeting), cut.clone(), first));
        hired
    };
    // Users made before the start are idle from the start on, whenever their tasks first run.
    for _ in 0..arrivals.pre_allocated_vus {
        let (sender, receiver) = oneshot::channel();
        lock(&meeting).idle.push(sender);
        hire(&mut users, Next::Wait(receiver));
    }
    let mut vus = arrivals.pre_allocated_vus;
    let pacer = Pacer::new(recruit.timer, recruit.clock.clone());
    let mut number = 0_u64;
    while arrivals.due(number) < arrivals.duration && !stop.is_cancelled() {
        let due = start + arrivals.due(number);
        let now = recruit.clock.now();
        if now < due {
            tokio::select! {
                biased;
                () = stop.cancelled() => {}
                () = pacer.until(due) => {}
            }
            continue;
        }
        number += 1;
        Counters::add(&recruit.counters.arrivals);
        let arrival = Arrival { index: recruit.next_index(), due };
        if hand_over(&meeting, arrival) {
            lag.record(now, due);
        } else if vus < arrivals.max_vus {
            vus = hire(&mut users, Next::Arrival(arrival));
            lag.record(now, due);
        } else if !wait_in_line(&meeting, &recruit, arrival, arrivals.max_backlog) {
            recorder.dropped(now);
        }
        if number.is_multiple_of(BATCH) {
            tokio::task::yield_now().await;
        }
    }
    // Idle users see their sender dropped and go home; busy ones first empty the backlog.
    let idle = {
        let mut queue = lock(&meeting);
        queue.closed = true;
        std::mem::take(&mut queue.idle)
    };
    drop(idle);
    let end = start + arrivals.duration;
    let ended = wind_down(&mut users, end + grace, &stop, &cut).await;
    let left = std::mem::take(&mut lock(&meeting).backlog);
    recruit.counters.backlog.store(0, Ordering::Relaxed);
    let now = recruit.clock.now();
    for Arrival { due, .. } in left {
        recorder.interrupted(Some((0, Since { step: due, due: Some(due) })), now);
    }
    ended
}

/// A virtual user at work: takes arrivals until there are no more.
async fn work(
    recruit: Arc<Recruit>,
    number: u64,
    meeting: Meeting,
    cut: CancellationToken,
    first: Next,
) {
    let mut user = recruit.user(number);
    let mut next = first;
    loop {
        let arrival = match next {
            Next::Arrival(arrival) => arrival,
            Next::Wait(receiver) => match receiver.await {
                Ok(arrival) => arrival,
                // The schedule has ended.
                Err(_) => return,
            },
            Next::Closed => return,
        };
        user.iterate(arrival.index, Some(arrival.due), &cut).await;
        next = ask(&meeting, &recruit, &cut);
    }
}

fn ask(meeting: &Meeting, recruit: &Recruit, cut: &CancellationToken) -> Next {
    if cut.is_cancelled() {
        return Next::Closed;
    }
    let mut queue = lock(meeting);
    if let Some(arrival) = queue.backlog.pop_front() {
        recruit.counters.backlog.store(queue.backlog.len() as u64, Ordering::Relaxed);
        return Next::Arrival(arrival);
    }
    if queue.closed {
        return Next::Closed;
    }
    let (sender, receiver) = oneshot::channel();
    queue.idle.push(sender);
    Next::Wait(receiver)
}

/// Gives the arrival to an idle user; `false` when there is none.
fn hand_over(meeting: &Meeting, mut arrival: Arrival) -> bool {
    loop {
        let Some(user) = lock(meeting).idle.pop() else { return false };
        match user.send(arrival) {
            Ok(()) => return true,
            Err(back) => arrival = back,
        }
    }
}

/// Puts the arrival at the end of the backlog; `false` when that is full.
fn wait_in_line(meeting: &Meeting, recruit: &Recruit, arrival: Arrival, most: u32) -> bool {
    let mut queue = lock(meeting);
    // A user may have become idle since it was looked for.
    if let Some(user) = queue.idle.pop() {
        return match user.send(arrival) {
            Ok(()) => true,
            Err(arrival) => {
                queue.backlog.push_back(arrival);
                true
            }
        };
    }
    if queue.backlog.len() >= most as usize {
        return false;
    }
    queue.backlog.push_back(arrival);
    recruit.counters.backlog.store(queue.backlog.len() as u64, Ordering::Relaxed);
    true
}

fn lock(meeting: &Meeting) -> MutexGuard<'_, Queue> {
    // Nothing in here panics half way through a change.
    meeting.lock().unwrap_or_else(PoisonError::into_inner)
}
