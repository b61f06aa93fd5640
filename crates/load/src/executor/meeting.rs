//! Where arrivals and virtual users meet: a desk for each worker, and one line of those who wait.
//!
//! At most one side waits: while an arrival stands in line nobody is idle. An arrival goes to an
//! idle user of its own worker, which wakes it without another thread's help, else to one of
//! another worker, else into the line. The line's lock is taken before a desk's, never after.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use seaworthy_base::Instant;

use crate::cast::Turn;

/// An iteration that is due.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Arrival {
    pub(super) turn: Turn,
    pub(super) due: Instant,
}

/// A virtual user's place at a desk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seat {
    desk: usize,
    number: usize,
}

#[derive(Debug)]
pub(super) struct Meeting {
    desks: Box<[Mutex<Desk>]>,
    line: Mutex<VecDeque<Arrival>>,
    /// The line's length, or one more while somebody is about to join it: a user that sees 0 after
    /// it sat down need not look.
    waiting: AtomicUsize,
    most: usize,
    closed: AtomicBool,
    /// Of the line, how many of each lane: for whoever watches.
    backlogs: Arc<[AtomicU64]>,
}

/// What became of an arrival that found nobody idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stood {
    /// Somebody had become idle meanwhile.
    HandedOver,
    InLine,
    /// There was no room.
    Full,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Desk {
    chairs: Vec<Chair>,
    /// Chairs of idle users, the one that became idle last on top: few connections stay warm.
    idle: Vec<usize>,
}

#[derive(Debug, Default)]
struct Chair {
    arrival: Option<Arrival>,
    waker: Option<Waker>,
}

impl Meeting {
    pub(super) fn new(backlogs: Arc<[AtomicU64]>, desks: usize, most: u32) -> Self {
        Self {
            desks: (0..desks).map(|_| Mutex::default()).collect(),
            line: Mutex::default(),
            waiting: AtomicUsize::new(0),
            most: most as usize,
            closed: AtomicBool::new(false),
            backlogs,
        }
    }

    /// A place for a new virtual user. With an arrival it begins with that; else it is idle from now
    /// on, whenever its task first runs.
    pub(super) fn seat(&self, desk: usize, first: Option<Arrival>) -> Seat {
        let mut at = self.desk(desk);
        let number = at.chairs.len();
        at.chairs.push(Chair { arrival: first, waker: None });
        if first.is_none() {
            at.idle.push(number);
        }
        Seat { desk, number }
    }

    /// Gives the arrival to an idle user, of the desk named if it has one; `false` when nobody is
    /// idle.
    pub(super) fn hand_over(&self, desk: usize, arrival: Arrival) -> bool {
        (0..self.desks.len()).any(|step| {
            let mut at = self.desk((desk + step) % self.desks.len());
            let Some(number) = at.idle.pop() else { return false };
            let chair = &mut at.chairs[number];
            chair.arrival = Some(arrival);
            let waker = chair.waker.take();
            drop(at);
            waker.into_iter().for_each(Waker::wake);
            true
        })
    }

    /// Puts the arrival at the end of the line, unless somebody has become idle meanwhile.
    pub(super) fn wait_in_line(&self, desk: usize, arrival: Arrival) -> Stood {
        let mut line = self.line();
        // Said before the desks are looked at: a user that sits down after the look sees it.
        self.waiting.store(line.len() + 1, Ordering::SeqCst);
        let stood = if self.hand_over(desk, arrival) {
            Stood::HandedOver
        } else if line.len() < self.most {
            line.push_back(arrival);
            self.backlogs[arrival.turn.lane].fetch_add(1, Ordering::Relaxed);
            Stood::InLine
        } else {
            Stood::Full
        };
        self.waiting.store(line.len(), Ordering::SeqCst);
        stood
    }

    /// What a user does after an iteration; waits for it. `None` when nothing more comes.
    pub(super) async fn next(&self, seat: Seat) -> Option<Arrival> {
        match self.sit_down(seat) {
            Some(arrival) => Some(arrival),
            None => self.called(seat).await,
        }
    }

    /// Waits at a seat; `None` when nothing more comes.
    pub(super) async fn called(&self, seat: Seat) -> Option<Arrival> {
        std::future::poll_fn(|context| {
            let mut desk = self.desk(seat.desk);
            let chair = &mut desk.chairs[seat.number];
            if let Some(arrival) = chair.arrival.take() {
                return Poll::Ready(Some(arrival));
            }
            if self.closed.load(Ordering::SeqCst) {
                return Poll::Ready(None);
            }
            if !chair.waker.as_ref().is_some_and(|waker| waker.will_wake(context.waker())) {
                chair.waker = Some(context.waker().clone());
            }
            Poll::Pending
        })
        .await
    }

    /// Gives a seat up that nobody will sit at; the arrival that waited there, if one did.
    pub(super) fn leave(&self, seat: Seat) -> Option<Arrival> {
        let mut desk = self.desk(seat.desk);
        desk.idle.retain(|number| *number != seat.number);
        desk.chairs[seat.number].arrival.take()
    }

    /// Takes the first of the line, or else the user is idle from now on.
    fn sit_down(&self, seat: Seat) -> Option<Arrival> {
        if self.waiting.load(Ordering::SeqCst) > 0
            && let Some(arrival) = self.first(&mut self.line())
        {
            return Some(arrival);
        }
        self.desk(seat.desk).idle.push(seat.number);
        if self.waiting.load(Ordering::SeqCst) == 0 {
            return None;
        }
        // Somebody joined the line meanwhile, perhaps without seeing this user.
        let mut line = self.line();
        let mut desk = self.desk(seat.desk);
        // Not idle any more: it was handed one.
        let position = desk.idle.iter().rposition(|number| *number == seat.number)?;
        let arrival = self.first(&mut line)?;
        desk.idle.remove(position);
        Some(arrival)
    }

    fn first(&self, line: &mut VecDeque<Arrival>) -> Option<Arrival> {
        let arrival = line.pop_front()?;
        self.waiting.store(line.len(), Ordering::SeqCst);
        self.backlogs[arrival.turn.lane].fetch_sub(1, Ordering::Relaxed);
        Some(arrival)
    }

    /// Sends idle users home; busy ones first empty the line.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        for desk in 0..self.desks.len() {
            let mut desk = self.desk(desk);
            let wakers: Vec<Waker> =
                desk.chairs.iter_mut().filter_map(|chair| chair.waker.take()).collect();
            drop(desk);
            wakers.into_iter().for_each(Waker::wake);
        }
    }

    /// Takes what nobody has begun: in line, or at the seat of a user that was cut off first.
    pub(super) fn left_over(&self) -> Vec<Arrival> {
        let mut left: Vec<Arrival> = Vec::new();
        let mut line = self.line();
        left.extend(std::iter::from_fn(|| self.first(&mut line)));
        for desk in 0..self.desks.len() {
            let mut desk = self.desk(desk);
            left.extend(desk.chairs.iter_mut().filter_map(|chair| chair.arrival.take()));
        }
        left
    }

    // Nothing under these locks panics half way through a change.
    fn desk(&self, desk: usize) -> MutexGuard<'_, Desk> {
        self.desks[desk].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self) -> MutexGuard<'_, VecDeque<Arrival>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use seaworthy_base::Clock;
    use tokio::task::JoinSet;

    use super::*;
    use crate::crew::Crew;

    fn meeting(desks: usize, most: u32) -> Arc<Meeting> {
        Arc::new(Meeting::new(Arc::from([AtomicU64::new(0)]), desks, most))
    }

    fn arrival(index: u64) -> Arrival {
        Arrival { turn: Turn { lane: 0, index }, due: Clock::system().now() }
    }

    #[tokio::test]
    async fn an_arrival_prefers_its_own_desk_then_any_then_the_line() {
        let meeting = meeting(2, 1);
        let (own, other) = (meeting.seat(1, None), meeting.seat(0, None));
        for (index, seat) in [(7, own), (8, other)] {
            assert!(meeting.hand_over(1, arrival(index)));
            assert_eq!(meeting.called(seat).await.unwrap().turn.index, index);
        }
        assert!(!meeting.hand_over(1, arrival(9)));
        assert_eq!(meeting.wait_in_line(1, arrival(9)), Stood::InLine);
        assert_eq!(meeting.wait_in_line(1, arrival(10)), Stood::Full);
        assert_eq!(meeting.next(other).await.unwrap().turn.index, 9);
        assert_eq!(meeting.wait_in_line(1, arrival(11)), Stood::InLine);
        meeting.close();
        // What waits is begun even so; then everybody goes home.
        assert_eq!(meeting.next(own).await.unwrap().turn.index, 11);
        assert_eq!(meeting.next(own).await, None);
        assert!(meeting.left_over().is_empty());
    }

    /// Arrivals and users on three threads, again and again until all is quiet: if an arrival could
    /// stand in line while somebody is idle, one would be left there.
    #[tokio::test]
    async fn nobody_is_idle_while_an_arrival_waits() {
        const ROUND: u64 = 7;
        const ROUNDS: u64 = 100;
        let crew = Crew::threads(3).unwrap();
        let meeting = meeting(3, 1000);
        let begun = Arc::new(AtomicU64::new(0));
        let mut users = JoinSet::new();
        for number in 0..4 {
            let worker = number % 3;
            let seat = meeting.seat(worker, None);
            let (meeting, begun) = (Arc::clone(&meeting), Arc::clone(&begun));
            crew.spawn(worker, &mut users, async move {
                let mut next = meeting.called(seat).await;
                while next.is_some() {
                    begun.fetch_add(1, Ordering::SeqCst);
                    tokio::task::yield_now().await;
                    next = meeting.next(seat).await;
                }
            });
        }
        let mut pacers = JoinSet::new();
        for worker in 0..3 {
            let (meeting, begun) = (Arc::clone(&meeting), Arc::clone(&begun));
            crew.spawn(worker, &mut pacers, async move {
                for round in 1..=ROUNDS {
                    for index in 0..ROUND {
                        if !meeting.hand_over(worker, arrival(index)) {
                            assert_ne!(meeting.wait_in_line(worker, arrival(index)), Stood::Full);
                        }
                    }
                    while begun.load(Ordering::SeqCst) < round * ROUND * 3 {
                        tokio::task::yield_now().await;
                    }
                }
            });
        }
        let all = async { while pacers.join_next().await.is_some_and(|ended| ended.is_ok()) {} };
        let quiet = tokio::time::timeout(Duration::from_secs(60), all).await;
        assert!(quiet.is_ok(), "{} of {} begun", begun.load(Ordering::SeqCst), ROUND * ROUNDS * 3);
        meeting.close();
        while users.join_next().await.is_some() {}
        assert_eq!(begun.load(Ordering::SeqCst), ROUND * ROUNDS * 3);
        crew.dismiss().await;
    }
}
