//! Virtual users that are not flows: a cast of another make on the same executors.

mod cast;
mod threads;

use std::time::Duration;

use seaworthy_base::Clock;
use seaworthy_load::{Arrivals, Crew, Drive, Executor, Load, Schedule, Share, Stripe};

use cast::{Began, Habits, Pool, Sleepers, run, scene};

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

pub(crate) fn entry(executor: Executor, graceful_stop: u64) -> Load {
    let flows = vec![Share { flow: "f".to_owned(), weight: 1.0 }];
    Load { flows, start: Duration::ZERO, graceful_stop: ms(graceful_stop), executor }
}

/// Ten iterations in a second.
fn ten(pre_allocated_vus: u32, max_vus: u32, max_backlog: u32) -> Executor {
    let schedule = Schedule::Constant { rate: 10.0, unit: ms(1000), duration: ms(1000) };
    Executor::Arrivals(Arrivals { schedule, pre_allocated_vus, max_vus, max_backlog })
}

/// User, index and beginning in milliseconds.
fn table(began: &[Began]) -> Vec<(u64, u64, u64)> {
    began.iter().map(|one| (one.user, one.index, one.at.as_millis() as u64)).collect()
}

#[tokio::test(start_paused = true)]
async fn without_a_backlog_an_arrival_is_dropped_and_a_user_made_for_the_next() {
    let pool = Pool::prepared(1);
    let habits = Habits { making: ms(30), lasts: ms(250), pool, ..Habits::default() };
    let (report, cast) = run(entry(ten(1, 3, 0), 1000), habits).await;
    let began = table(&cast.began());
    // Those at 100 and 400 ms find nobody. Whoever became idle last works first.
    let expected = [
        (0, 0, 0),
        (1, 2, 200),
        (0, 3, 300),
        (1, 5, 500),
        (0, 6, 600),
        (2, 7, 700),
        (1, 8, 800),
        (0, 9, 900),
    ];
    assert_eq!(began, expected);
    let load = &report.loads[0];
    assert_eq!((load.arrivals, load.started, load.completed, load.dropped), (10, 8, 8, 2));
    assert_eq!(cast.made(), 2);
}

#[tokio::test(start_paused = true)]
async fn users_that_nobody_waits_for_are_made_one_at_a_time() {
    let habits =
        Habits { making: ms(350), lasts: ms(10_000), pool: Pool::prepared(1), ..Habits::default() };
    let (report, cast) = run(entry(ten(1, 9, 0), 60_000), habits).await;
    // Asked for at 100 ms and there at 450; the next at 600 and 950.
    assert_eq!(table(&cast.began()), [(0, 0, 0), (1, 5, 500)]);
    assert_eq!((report.loads[0].dropped, cast.made()), (8, 2));
}

#[tokio::test(start_paused = true)]
async fn with_a_backlog_arrivals_wait_for_users_to_be_made_or_free() {
    let pool = Pool::prepared(1);
    let habits = Habits { making: ms(30), lasts: ms(250), pool, ..Habits::default() };
    let (report, cast) = run(entry(ten(1, 2, 100), 60_000), habits).await;
    let began = cast.began();
    let first = [(0, 0, 0), (1, 1, 130), (0, 2, 250), (1, 3, 380), (0, 4, 500)];
    assert_eq!(table(&began)[..5], first);
    // Each keeps the moment it was due.
    let dues: Vec<u64> =
        began.iter().map(|one| one.due.map_or(0, |due| due.as_millis() as u64)).collect();
    assert_eq!(dues, (0..10).map(|index| index * 100).collect::<Vec<_>>());
    let load = &report.loads[0];
    assert_eq!((load.completed, load.dropped, load.interrupted), (10, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn whoever_was_sent_to_a_user_that_cannot_be_made_is_sent_on() {
    // The one that would have been first.
    let habits =
        Habits { making: ms(30), lasts: ms(10), cannot_be_made: vec![1], ..Habits::default() };
    let (report, cast) = run(entry(ten(2, 2, 100), 1000), habits).await;
    let began = table(&cast.began());
    assert_eq!(began[..2], [(0, 0, 30), (0, 1, 100)]);
    assert_eq!((report.loads[0].completed, cast.made()), (10, 1));

    // Nobody at all: what waits expires.
    let cannot_be_made = (0..10).collect();
    let habits = Habits { making: ms(30), cannot_be_made, ..Habits::default() };
    let (report, _) = run(entry(ten(1, 2, 100), 500), habits).await;
    let load = &report.loads[0];
    assert_eq!((load.arrivals, load.started, load.interrupted), (10, 0, 10));

    // And where no arrival waits, each is dropped.
    let cannot_be_made = (0..10).collect();
    let habits = Habits { making: ms(30), cannot_be_made, ..Habits::default() };
    let (report, _) = run(entry(ten(1, 2, 0), 500), habits).await;
    assert_eq!((report.loads[0].arrivals, report.loads[0].dropped), (10, 10));

    let executors = [
        Executor::ConstantVus { vus: 2, duration: ms(1000) },
        Executor::PerVuIterations { vus: 2, iterations: 3, max_duration: ms(1000) },
        Executor::RampingVus {
            start_vus: 2,
            stages: vec![(ms(1000), 2)],
            graceful_ramp_down: ms(100),
        },
    ];
    for executor in executors {
        let habits = Habits { lasts: ms(100), cannot_be_made: vec![1], ..Habits::default() };
        let (_, cast) = run(entry(executor, 500), habits).await;
        assert!(cast.began().iter().all(|one| one.user == 0) && !cast.began().is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn users_are_told_of_the_graceful_stop_and_then_cut_off() {
    let executors = [
        Executor::ConstantVus { vus: 2, duration: ms(1000) },
        Executor::PerVuIterations { vus: 2, iterations: 9, max_duration: ms(1000) },
        Executor::SharedIterations { vus: 2, iterations: 9, max_duration: ms(1000) },
        Executor::RampingVus {
            start_vus: 2,
            stages: vec![(ms(1000), 2)],
            graceful_ramp_down: ms(100),
        },
        ten(2, 2, 100),
    ];
    for executor in executors {
        // The first ends when it is told that its time is over, the second does not listen.
        let habits = Habits { lasts: ms(60_000), listens: vec![0], ..Habits::default() };
        let (report, cast) = run(entry(executor.clone(), 500), habits).await;
        assert_eq!(cast.over(), [(ms(1000), ms(1500))], "{executor:?}");
        assert_eq!(report.ended - report.started, ms(1500), "{executor:?}");
        let load = &report.loads[0];
        assert_eq!((load.interrupted, cast.cut()), (1, 1), "{executor:?}");
        assert_eq!(load.started, load.completed + 1, "{executor:?}");
        // In an open model what waited is begun even then, by the one who is free.
        assert_eq!(load.started, if load.open_model { 10 } else { 2 }, "{executor:?}");
    }
    // Nobody is left to be told.
    let executor = Executor::PerVuIterations { vus: 2, iterations: 3, max_duration: ms(1000) };
    let (_, cast) = run(entry(executor, 500), Habits { lasts: ms(10), ..Habits::default() }).await;
    assert_eq!(cast.over(), []);
}

#[tokio::test(start_paused = true)]
async fn entries_take_users_one_after_another_from_one_pool() {
    let executor = |vus| Executor::ConstantVus { vus, duration: ms(1000) };
    let pool = Pool::prepared(3);
    let habits = Habits { lasts: ms(100), pool, ..Habits::default() };
    let (first, second) = (Sleepers::new(habits.clone()), Sleepers::new(habits));
    let entries = [
        (entry(executor(3), 500), first.clone()),
        (Load { start: ms(2000), ..entry(executor(2), 500) }, second.clone()),
    ];
    let drive = Drive::new(scene(), entries);
    let handle = drive.handle();
    let report = drive.run(&Crew::here().into()).await.unwrap();
    assert_eq!((first.made(), second.made()), (0, 0), "they were made before");
    assert_eq!((first.began().len(), second.began().len()), (30, 20));
    let users = |began: &[Began]| {
        let mut users: Vec<u64> = began.iter().map(|one| one.user).collect();
        users.sort_unstable();
        users.dedup();
        users
    };
    assert_eq!(users(&first.began()), [0, 1, 2]);
    assert_eq!(users(&second.began()).len(), 2);
    // Both drive the flow: its numbers are of both.
    let flows = handle.flows();
    assert_eq!((flows["f"].unfinished, flows["f"].dropped), (0, 0));
    assert_eq!((handle.live().completed, handle.live().vus), (50, 0));
    assert_eq!(report.loads.iter().map(|load| load.completed).collect::<Vec<_>>(), [30, 20]);
}

#[tokio::test(start_paused = true)]
async fn a_stripe_of_the_schedule_is_begun_when_the_whole_has_it() {
    let Executor::Arrivals(mut arrivals) = ten(1, 1, 0) else { panic!("they are arrivals") };
    arrivals.schedule = arrivals.schedule.striped(Stripe::new(3, [1]).unwrap());
    let habits = Habits { lasts: ms(10), ..Habits::default() };
    let (report, cast) = run(entry(Executor::Arrivals(arrivals), 0), habits).await;
    assert_eq!(table(&cast.began()), [(0, 0, 100), (0, 1, 400), (0, 2, 700)]);
    assert_eq!(report.loads[0].arrivals, 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_cuts_off_users_that_are_made_too() {
    let cast = Sleepers::new(Habits { making: ms(60_000), ..Habits::default() });
    let scene = scene();
    let stop = scene.stop.clone();
    let start = Clock::system().now();
    let drive = Drive::new(scene, [(entry(ten(2, 4, 0), 1000), cast.clone())]);
    let stopping = async {
        tokio::time::sleep(ms(350)).await;
        stop.cancel();
    };
    let crew = Crew::here().into();
    let (report, ()) = tokio::join!(drive.run(&crew), stopping);
    assert_eq!((report.unwrap().ended - start, cast.made()), (ms(350), 0));
}
