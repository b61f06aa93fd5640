//! `constant-arrival-rate` and `ramping-arrival-rate`: iterations begin on a schedule; an arrival
//! that finds no free virtual user waits, keeping the moment it was due.
//!
//! Each worker paces its share of the schedule: every n-th arrival, of n workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use seaworthy_base::Instant;
use tokio::task::JoinSet;

use super::Run;
use super::meeting::{Arrival, Meeting, Seat, Stood};
use crate::cast::{Cast, VirtualUser};
use crate::counters::Counters;
use crate::crew::{Crew, broken};
use crate::drive::Scene;
use crate::error::Error;
use crate::length::after;
use crate::load::Arrivals;
use crate::pacer::Pacer;
use crate::watch::Lag;

/// How many arrivals are handled before other tasks get their turn.
const BATCH: u32 = 128;

pub(super) async fn run<C: Cast>(run: Run<C>, arrivals: &Arrivals) -> Result<(), Error> {
    let Run { entry, scene, crew, start } = &run;
    let meeting = Meeting::new(Arc::clone(&entry.backlogs), crew.len(), arrivals.max_backlog);
    let meeting = Arc::new(meeting);
    let hired = Arc::new(Hired { users: arrivals.pre_allocated_vus.into(), ..Hired::default() });
    let mut shifts: Vec<Shift<C>> = (0..crew.len())
        .map(|worker| Shift {
            cast: run.cast(),
            scene: scene.clone(),
            crew: Arc::clone(crew),
            meeting: Arc::clone(&meeting),
            arrivals: arrivals.clone(),
            hired: Arc::clone(&hired),
            users: JoinSet::new(),
            lag: Lag::new(&scene.timeline, worker, &scene.phase),
            worker,
            start: *start,
        })
        .collect();
    // Users made before the start are idle from the start on, whenever their tasks first run.
    for number in 0..u64::from(arrivals.pre_allocated_vus) {
        let worker = run.worker_of(number);
        shifts[worker].seat(number, None);
    }
    let mut pacing = JoinSet::new();
    for shift in shifts {
        crew.spawn(shift.worker, &mut pacing, shift.pace());
    }
    let mut users = Vec::new();
    let mut broken_by = None;
    while let Some(ended) = pacing.join_next().await {
        match ended {
            Ok(hired) => users.push(hired),
            Err(error) => broken_by = broken(error).or(broken_by),
        }
    }
    meeting.close();
    let end = after(*start, arrivals.schedule.duration());
    let ended = run.wind_down(&mut users, end).await;
    let now = scene.clock.now();
    for arrival in meeting.left_over() {
        entry.cast.expired(arrival.turn, arrival.due, now);
    }
    broken_by.map_or(ended, Err)
}

/// The virtual users that were hired, by all workers.
#[derive(Debug, Default)]
struct Hired {
    users: AtomicU32,
    /// Whether one is being made that no arrival waits for.
    is_made: AtomicBool,
}

/// One worker's part of the schedule and of the virtual users.
struct Shift<C> {
    cast: Arc<C>,
    scene: Scene,
    crew: Arc<Crew>,
    meeting: Arc<Meeting>,
    arrivals: Arrivals,
    hired: Arc<Hired>,
    users: JoinSet<()>,
    lag: Lag,
    worker: usize,
    start: Instant,
}

impl<C: Cast> Shift<C> {
    /// Makes the worker's arrivals when they are due; returns its virtual users.
    async fn pace(mut self) -> JoinSet<()> {
        let Scene { clock, timer, stop, .. } = self.scene.clone();
        let pacer = Pacer::new(timer, clock.clone());
        let total = self.arrivals.schedule.total();
        let mut number = self.worker as u64;
        let mut in_a_row = 0;
        while number < total && !stop.is_cancelled() {
            let due = after(self.start, self.arrivals.schedule.due(number));
            let now = clock.now();
            if now < due {
                in_a_row = 0;
                tokio::select! {
                    biased;
                    () = stop.cancelled() => {}
                    () = pacer.until(due) => {}
                }
                continue;
            }
            self.arrive(number, due, now);
            number += self.crew.len() as u64;
            in_a_row += 1;
            if in_a_row == BATCH {
                in_a_row = 0;
                tokio::task::yield_now().await;
            }
        }
        self.users
    }

    fn arrive(&mut self, number: u64, due: Instant, now: Instant) {
        let turn = self.cast.turn_at(number);
        Counters::add(&self.cast.counters(turn.lane, self.worker).arrivals);
        let arrival = Arrival { turn, due };
        if self.meeting.hand_over(self.worker, arrival) || self.hire_for(arrival) {
            self.lag.record(now, due);
            return;
        }
        match self.meeting.wait_in_line(self.worker, arrival) {
            Stood::HandedOver | Stood::InLine => {}
            Stood::Full => {
                self.cast.dropped(turn.lane, self.worker, 1, now);
                self.hire();
            }
        }
    }

    /// Makes another virtual user, which begins with the arrival; `false` when there are as many as
    /// may be, or where no arrival waits.
    fn hire_for(&mut self, arrival: Arrival) -> bool {
        let number = if self.is_patient() { self.next_number() } else { None };
        let Some(number) = number else { return false };
        self.seat(number, Some(arrival));
        true
    }

    /// Where no arrival waits: makes another virtual user beside the schedule, for those to come. One
    /// at a time, as k6 does.
    fn hire(&mut self) {
        if self.is_patient() || self.hired.is_made.swap(true, Ordering::Relaxed) {
            return;
        }
        let Some(number) = self.next_number() else {
            // There are as many as may be, and no more will be asked for.
            return;
        };
        let user = Arc::clone(&self.cast).user(number, self.worker);
        let (meeting, hired, worker) =
            (Arc::clone(&self.meeting), Arc::clone(&self.hired), self.worker);
        self.crew.spawn(worker, &mut self.users, async move {
            let user = user.await;
            hired.is_made.store(false, Ordering::Relaxed);
            if let Some(user) = user {
                let seat = meeting.seat(worker, None);
                work(user, &meeting, seat).await;
            }
        });
    }

    /// Whether arrivals wait for a virtual user.
    fn is_patient(&self) -> bool {
        self.arrivals.max_backlog > 0
    }

    /// The number of the next virtual user that is hired.
    fn next_number(&self) -> Option<u64> {
        let most = self.arrivals.max_vus;
        let one_more = |hired: u32| (hired < most).then_some(hired + 1);
        let users = &self.hired.users;
        users.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(u64::from)
    }

    fn seat(&mut self, number: u64, first: Option<Arrival>) {
        let (cast, meeting, worker) =
            (Arc::clone(&self.cast), Arc::clone(&self.meeting), self.worker);
        let (seat, clock) = (meeting.seat(worker, first), self.scene.clock.clone());
        let user = Arc::clone(&self.cast).user(number, worker);
        self.crew.spawn(worker, &mut self.users, async move {
            match user.await {
                Some(user) => work(user, &meeting, seat).await,
                None => {
                    // Nobody comes: whoever was sent there stands in line.
                    let Some(arrival) = meeting.leave(seat) else { return };
                    if meeting.wait_in_line(worker, arrival) == Stood::Full {
                        cast.dropped(arrival.turn.lane, worker, 1, clock.now());
                    }
                }
            }
        });
    }
}

/// A virtual user at work: takes arrivals until there are no more.
async fn work(mut user: impl VirtualUser, meeting: &Meeting, seat: Seat) {
    let mut next = meeting.called(seat).await;
    while let Some(arrival) = next {
        // An arrival for which there is nothing to do is counted as such, and the next one taken.
        let _ = user.iterate(arrival.turn, Some(arrival.due)).await;
        next = meeting.next(seat).await;
    }
}
