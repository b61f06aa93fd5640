//! `constant-arrival-rate` and `ramping-arrival-rate`: iterations begin on a schedule; an arrival
//! that finds no free virtual user waits, keeping the moment it was due.
//!
//! Each worker paces its share of the schedule: every n-th arrival, of n workers.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seaworthy_base::Instant;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::meeting::{Arrival, Meeting, Seat, Stood};
use super::{Run, wind_down, worker};
use crate::counters::Counters;
use crate::crew::Crew;
use crate::error::Error;
use crate::length::after;
use crate::load::Arrivals;
use crate::pacer::Pacer;
use crate::recruit::Recruit;
use crate::watch::Lag;

/// How many arrivals are handled before other tasks get their turn.
const BATCH: u32 = 128;

pub(super) async fn run(run: Run, arrivals: &Arrivals) -> Result<(), Error> {
    let Run { recruit, crew, start, grace, stop } = run;
    let meeting = Meeting::new(Arc::clone(&recruit.backlogs), crew.len(), arrivals.max_backlog);
    let meeting = Arc::new(meeting);
    let hired = Arc::new(AtomicU32::new(arrivals.pre_allocated_vus));
    let mut shifts: Vec<Shift> = (0..crew.len())
        .map(|worker| Shift {
            recruit: Arc::clone(&recruit),
            crew: Arc::clone(&crew),
            meeting: Arc::clone(&meeting),
            arrivals: arrivals.clone(),
            hired: Arc::clone(&hired),
            users: JoinSet::new(),
            lag: recruit.lag(worker),
            worker,
            start,
        })
        .collect();
    // Users made before the start are idle from the start on, whenever their tasks first run.
    for number in 0..u64::from(arrivals.pre_allocated_vus) {
        let worker = crew.worker_of(number);
        shifts[worker].seat(number, None);
    }
    let mut pacing = JoinSet::new();
    for shift in shifts {
        crew.spawn(shift.worker, &mut pacing, shift.pace(stop.clone()));
    }
    let mut users = Vec::new();
    let mut broken = None;
    while let Some(ended) = pacing.join_next().await {
        match ended {
            Ok(hired) => users.push(hired),
            Err(error) => broken = worker(error).or(broken),
        }
    }
    meeting.close();
    let end = after(start, arrivals.schedule.duration());
    let ended = wind_down(&mut users, after(end, grace), &stop).await;
    let now = recruit.clock.now();
    for arrival in meeting.left_over() {
        recruit.recorder(arrival.turn.lane, 0).expired(arrival.due, now);
    }
    broken.map_or(ended, Err)
}

/// One worker's part of the schedule and of the virtual users.
struct Shift {
    recruit: Arc<Recruit>,
    crew: Arc<Crew>,
    meeting: Arc<Meeting>,
    arrivals: Arrivals,
    /// Virtual users so far, of all workers.
    hired: Arc<AtomicU32>,
    users: JoinSet<()>,
    lag: Lag,
    worker: usize,
    start: Instant,
}

impl Shift {
    /// Makes the worker's arrivals when they are due; returns its virtual users.
    async fn pace(mut self, stop: CancellationToken) -> JoinSet<()> {
        let clock = self.recruit.clock.clone();
        let pacer = Pacer::new(self.recruit.timer, clock.clone());
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
        let turn = self.recruit.turn_at(number);
        Counters::add(&self.recruit.recorder(turn.lane, self.worker).counters.arrivals);
        let arrival = Arrival { turn, due };
        if self.meeting.hand_over(self.worker, arrival) || self.hire(arrival) {
            self.lag.record(now, due);
            return;
        }
        match self.meeting.wait_in_line(self.worker, arrival) {
            Stood::HandedOver | Stood::InLine => {}
            Stood::Full => self.recruit.recorder(turn.lane, self.worker).dropped(1, now),
        }
    }

    /// Makes another virtual user for the arrival; `false` when there are as many as may be.
    fn hire(&mut self, arrival: Arrival) -> bool {
        let most = self.arrivals.max_vus;
        let one_more = |hired: u32| (hired < most).then_some(hired + 1);
        match self.hired.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(number) => {
                self.seat(u64::from(number), Some(arrival));
                true
            }
            Err(_) => false,
        }
    }

    fn seat(&mut self, number: u64, first: Option<Arrival>) {
        let seat = self.meeting.seat(self.worker, first);
        let (recruit, meeting) = (Arc::clone(&self.recruit), Arc::clone(&self.meeting));
        let work = work(recruit, number, self.worker, meeting, seat);
        self.crew.spawn(self.worker, &mut self.users, work);
    }
}

/// A virtual user at work: takes arrivals until there are no more.
async fn work(
    recruit: Arc<Recruit>,
    number: u64,
    worker: usize,
    meeting: Arc<Meeting>,
    seat: Seat,
) {
    let mut user = recruit.user(number, worker);
    let mut next = meeting.called(seat).await;
    while let Some(arrival) = next {
        // An arrival for which a data file has no row is counted as such, and the next one taken.
        let _ = user.iterate(arrival.turn, Some(arrival.due)).await;
        next = meeting.next(seat).await;
    }
}
