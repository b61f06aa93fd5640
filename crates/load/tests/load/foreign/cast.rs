//! A cast for tests: its users come from a pool, take their time to be made, and wait instead of
//! asking a service.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, ThreadId};
use std::time::Duration;

use seaworthy_base::{Clock, Instant};
use seaworthy_load::{
    Cast, Counters, Crew, Drive, Load, PhaseReport, Scene, SharedTimeline, Timer, Turn, VirtualUser,
};
use seaworthy_stats::timeline::{Key, Kind};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// An iteration that began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Began {
    pub(crate) user: u64,
    pub(crate) index: u64,
    /// Since the cast was made.
    pub(crate) at: Duration,
    pub(crate) due: Option<Duration>,
}

/// What users of an entry are like.
#[derive(Clone, Debug, Default)]
pub(crate) struct Habits {
    /// How long it takes to make one.
    pub(crate) making: Duration,
    /// How long an iteration lasts.
    pub(crate) lasts: Duration,
    /// Whether an iteration computes instead of waiting.
    pub(crate) computes: bool,
    pub(crate) cannot_be_made: Vec<u64>,
    /// Users that end their iteration when they are told that the time is over.
    pub(crate) listens: Vec<u64>,
    /// Users that wait to be taken; entries may share it.
    pub(crate) pool: Arc<Pool>,
    /// A crew that has done all it was given before another user is taken.
    pub(crate) swift: Option<Arc<Crew>>,
}

/// What an entry's users share.
pub(crate) struct Sleepers {
    habits: Habits,
    clock: Clock,
    start: Instant,
    counters: Vec<Counters>,
    index: AtomicU64,
    made: AtomicU64,
    taken: Mutex<Vec<u64>>,
    began: Mutex<Vec<Began>>,
    over: Mutex<Vec<(Duration, Duration)>>,
    told: CancellationToken,
}

/// Users that are idle, by worker, and the threads they were on when something happened.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    idle: Mutex<BTreeMap<usize, Vec<Body>>>,
    next: AtomicU64,
    pub(crate) strayed: AtomicU64,
}

/// What stays of a user from entry to entry: it must not leave the thread it was made on.
#[derive(Debug)]
pub(crate) struct Body {
    number: u64,
    home: ThreadId,
}

impl Pool {
    pub(crate) fn make(&self) -> Body {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        Body { number, home: thread::current().id() }
    }

    /// A pool with users made before the start, for a crew of one; to be called there.
    pub(crate) fn prepared(users: u64) -> Arc<Self> {
        let pool = Self::default();
        let bodies: Vec<Body> = (0..users).map(|_| pool.make()).collect();
        // The one with the lowest number is taken first.
        bodies.into_iter().rev().for_each(|body| pool.give_back(0, body));
        Arc::new(pool)
    }

    pub(crate) fn give_back(&self, worker: usize, body: Body) {
        self.look(&body);
        self.idle.lock().unwrap().entry(worker).or_default().push(body);
    }

    /// Called where the executor runs, like [`Cast::user`].
    fn take(&self, worker: usize) -> Option<Body> {
        self.idle.lock().unwrap().get_mut(&worker)?.pop()
    }

    fn look(&self, body: &Body) {
        if body.home != thread::current().id() {
            self.strayed.fetch_add(1, Ordering::Relaxed);
        }
    }
}

const WORKERS: usize = 4;

impl Sleepers {
    pub(crate) fn new(habits: Habits) -> Arc<Self> {
        let clock = Clock::system();
        Arc::new(Self {
            habits,
            start: clock.now(),
            clock,
            counters: (0..WORKERS).map(|_| Counters::default()).collect(),
            index: AtomicU64::new(0),
            made: AtomicU64::new(0),
            taken: Mutex::default(),
            began: Mutex::default(),
            over: Mutex::default(),
            told: CancellationToken::new(),
        })
    }

    /// Users that were made while it ran.
    pub(crate) fn made(&self) -> u64 {
        self.made.load(Ordering::Relaxed)
    }

    /// Users that were taken out of the pool, in order.
    pub(crate) fn taken(&self) -> Vec<u64> {
        self.taken.lock().unwrap().clone()
    }

    pub(crate) fn began(&self) -> Vec<Began> {
        self.began.lock().unwrap().clone()
    }

    /// When the time was over, and until when users had.
    pub(crate) fn over(&self) -> Vec<(Duration, Duration)> {
        self.over.lock().unwrap().clone()
    }

    pub(crate) fn cut(&self) -> u64 {
        self.counters.iter().map(|counters| counters.cut.load(Ordering::Relaxed)).sum()
    }
}

impl Cast for Sleepers {
    type User = Sleeper;

    fn workers(&self) -> usize {
        WORKERS
    }

    fn user(
        self: Arc<Self>,
        number: u64,
        worker: usize,
    ) -> impl Future<Output = Option<Self::User>> + Send + 'static {
        if let Some(crew) = &self.habits.swift {
            catch_up(crew, worker);
        }
        let taken = self.habits.pool.take(worker);
        self.taken.lock().unwrap().extend(taken.as_ref().map(|body| body.number));
        async move {
            let body = match taken {
                Some(body) => body,
                None => {
                    let before = thread::current().id();
                    tokio::time::sleep(self.habits.making).await;
                    assert_eq!(before, thread::current().id());
                    if self.habits.cannot_be_made.contains(&number) {
                        return None;
                    }
                    self.made.fetch_add(1, Ordering::Relaxed);
                    self.habits.pool.make()
                }
            };
            self.habits.pool.look(&body);
            self.counters[worker].vus.fetch_add(1, Ordering::Relaxed);
            let now = self.clock.now();
            Some(Sleeper { cast: self, worker, body: Some(body), now, is_busy: false })
        }
    }

    fn turn(&self) -> Turn {
        self.turn_at(self.index.load(Ordering::Relaxed))
    }

    fn turn_at(&self, number: u64) -> Turn {
        self.index.fetch_max(number + 1, Ordering::Relaxed);
        Turn { lane: 0, index: number }
    }

    fn counters(&self, _: usize, worker: usize) -> &Counters {
        &self.counters[worker]
    }

    fn next_index(&self, _: usize) -> u64 {
        self.index.load(Ordering::Relaxed)
    }

    fn dropped(&self, _: usize, worker: usize, count: u64, _: Instant) {
        self.counters[worker].dropped.fetch_add(count, Ordering::Relaxed);
    }

    fn expired(&self, _: Turn, _: Instant, _: Instant) {
        Counters::add(&self.counters[0].expired);
    }

    fn over(&self, deadline: Instant) {
        self.over.lock().unwrap().push((self.clock.now() - self.start, deadline - self.start));
        self.told.cancel();
    }
}

pub(crate) struct Sleeper {
    cast: Arc<Sleepers>,
    worker: usize,
    body: Option<Body>,
    now: Instant,
    is_busy: bool,
}

impl VirtualUser for Sleeper {
    async fn iterate(&mut self, turn: Turn, due: Option<Instant>) -> bool {
        let Self { cast, body, worker, .. } = self;
        let body = body.as_ref().unwrap();
        cast.habits.pool.look(body);
        Counters::add(&cast.counters[*worker].started);
        self.is_busy = true;
        let (at, due) = (cast.clock.now() - cast.start, due.map(|due| due - cast.start));
        cast.began.lock().unwrap().push(Began { user: body.number, index: turn.index, at, due });
        if cast.habits.computes {
            let until = cast.clock.now() + cast.habits.lasts;
            while cast.clock.now() < until {
                std::hint::spin_loop();
            }
        } else if cast.habits.listens.contains(&body.number) {
            tokio::select! {
                () = cast.told.cancelled() => {}
                () = tokio::time::sleep(cast.habits.lasts) => {}
            }
        } else {
            tokio::time::sleep(cast.habits.lasts).await;
        }
        self.now = cast.clock.now();
        self.is_busy = false;
        Counters::add(&cast.counters[*worker].completed);
        tokio::task::coop::consume_budget().await;
        true
    }

    fn now(&self) -> Instant {
        self.now
    }
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        let counters = &self.cast.counters[self.worker];
        if self.is_busy {
            Counters::add(&counters.cut);
        }
        counters.vus.fetch_sub(1, Ordering::Relaxed);
        if let Some(body) = self.body.take() {
            self.cast.habits.pool.give_back(self.worker, body);
        }
    }
}

/// Returns when a thread of the crew has begun all it was given before: what never waits is over
/// then.
fn catch_up(crew: &Crew, worker: usize) {
    let (caught_up, behind) = mpsc::channel();
    let mut tasks = JoinSet::new();
    crew.spawn(worker, &mut tasks, async move { caught_up.send(()).is_ok() });
    behind.recv_timeout(Duration::from_secs(60)).unwrap();
}

pub(crate) fn scene() -> Scene {
    let clock = Clock::system();
    Scene {
        phase: "p".to_owned(),
        timer: Timer::Runtime,
        timeline: SharedTimeline::new(clock.wall(), clock.now(), BTreeMap::new()),
        clock,
        stop: CancellationToken::new(),
    }
}

/// Runs one entry here.
pub(crate) async fn run(load: Load, habits: Habits) -> (PhaseReport, Arc<Sleepers>) {
    let cast = Sleepers::new(habits);
    let drive = Drive::new(scene(), [(load, Arc::clone(&cast))]);
    let report = drive.run(&Crew::here().into()).await.unwrap();
    (report, cast)
}

/// A recorder of another make: several values under one lock.
pub(crate) fn record(timeline: &SharedTimeline, worker: usize, now: Instant) {
    let second = timeline.second(now);
    let mut shard = timeline.shard(worker);
    let times = shard.series(&Key::new("response_time", [("phase", "p")]), Kind::Trend);
    let requests = shard.series(&Key::new("http_reqs", [("phase", "p")]), Kind::Counter);
    shard.writer.trend(times, second, 5_000_000);
    shard.writer.counter(requests, second, 1.0);
}
