//! The same on threads: users stay on theirs, and what keeps a thread is seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use seaworthy_load::{Arrivals, Crew, Drive, Error, Executor, Lag, Schedule, Timer};
use seaworthy_stats::timeline::Window;

use super::cast::{Habits, Pool, Sleepers, record, scene};
use super::{entry, ms};

const ALL: Window = Window { from_second: 0, to_second: 1000 };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn users_are_made_used_and_dropped_on_their_worker() {
    let crew = Arc::new(Crew::threads(3).unwrap());
    let schedule = Schedule::Constant { rate: 500.0, unit: ms(1000), duration: ms(400) };
    let hiring = Arrivals { schedule, pre_allocated_vus: 2, max_vus: 8, max_backlog: 0 };
    let executors = [
        Executor::ConstantVus { vus: 4, duration: ms(300) },
        Executor::PerVuIterations { vus: 4, iterations: 9, max_duration: ms(60_000) },
        Executor::RampingVus {
            start_vus: 1,
            stages: vec![(ms(200), 6), (ms(200), 1)],
            graceful_ramp_down: ms(1),
        },
        Executor::Arrivals(hiring.clone()),
        Executor::Arrivals(Arrivals { max_backlog: 5, ..hiring }),
    ];
    let pool: Arc<Pool> = Arc::default();
    // What the first users are was made before the start, where they will live.
    let filled = Arc::clone(&pool);
    let made = crew.run_on_each(move |worker| {
        let pool = Arc::clone(&filled);
        async move {
            let bodies: Vec<_> = (0..4).map(|_| pool.make()).collect();
            bodies.into_iter().for_each(|body| pool.give_back(worker, body));
            worker
        }
    });
    assert_eq!(made.await.unwrap(), [0, 1, 2]);
    let casts: Vec<Arc<Sleepers>> = executors
        .iter()
        // The last iterations are cut off.
        .map(|_| Habits { lasts: ms(7), making: ms(1), pool: pool.clone(), ..Habits::default() })
        .map(Sleepers::new)
        .collect();
    let entries = executors.into_iter().map(|executor| entry(executor, 1)).zip(casts.clone());
    let scene = seaworthy_load::Scene { timer: Timer::Kernel, ..scene() };
    let timeline = scene.timeline.clone();
    let report = Drive::new(scene, entries).run(&crew).await.unwrap();
    assert_eq!(pool.strayed.load(Ordering::Relaxed), 0, "users left their threads");
    for (report, cast) in report.loads.iter().zip(&casts) {
        assert_eq!(report.started, cast.began().len() as u64);
        assert_eq!(report.started, report.completed + cast.cut(), "{report:?}");
        assert!(report.started > 0);
        if report.open_model {
            assert_eq!(report.arrivals, report.completed + report.dropped + report.interrupted);
        }
    }
    // The crew goes on after the drive, as for what is done last.
    assert_eq!(crew.run_on(1, async { 7 }).await.unwrap(), 7);
    Arc::into_inner(crew).unwrap().dismiss().await;
    assert_eq!(pool.strayed.load(Ordering::Relaxed), 0);
    let timeline = timeline.snapshot();
    let noted = |metric| timeline.select(metric, &BTreeMap::new()).total(ALL);
    assert!(noted("vus").n > 0 && noted("generator_lag").n > 0);
}

#[tokio::test]
async fn users_of_an_entry_are_distinct_though_one_could_end_before_the_next_is_taken() {
    let crew = Arc::new(Crew::threads(1).unwrap());
    let (vus, iterations, max_duration) = (3, 2, ms(60_000));
    let executors = [
        Executor::PerVuIterations { vus, iterations, max_duration },
        Executor::SharedIterations { vus, iterations, max_duration },
        // Their time is over at once.
        Executor::ConstantVus { vus, duration: ms(0) },
    ];
    for executor in executors {
        let pool = crew.run_on(0, async { Pool::prepared(3) }).await.unwrap();
        // An iteration is over at once.
        let swift = Some(Arc::clone(&crew));
        let habits = Habits { computes: true, swift, pool: pool.clone(), ..Habits::default() };
        let cast = Sleepers::new(habits);
        let drive = Drive::new(scene(), [(entry(executor.clone(), 60_000), cast.clone())]);
        drive.run(&crew).await.unwrap();
        assert_eq!(cast.taken(), [0, 1, 2], "{executor:?}");
        let began: Vec<u64> = cast.began().iter().map(|one| one.user).collect();
        match executor {
            Executor::PerVuIterations { .. } => assert_eq!(began, [0, 0, 1, 1, 2, 2]),
            Executor::SharedIterations { .. } => assert_eq!(began, [0, 0]),
            _ => assert!(began.is_empty(), "{began:?}"),
        }
        assert_eq!((cast.made(), pool.strayed.load(Ordering::Relaxed)), (0, 0), "{executor:?}");
    }
}

#[tokio::test]
async fn a_user_that_computes_for_long_is_seen_by_its_worker() {
    // Here nothing else gets a turn between the user's end and the drive's.
    for crew in [Crew::threads(1).unwrap(), Crew::here()] {
        let crew = Arc::new(crew);
        let executor =
            Executor::PerVuIterations { vus: 1, iterations: 1, max_duration: ms(60_000) };
        let habits = Habits { lasts: ms(300), computes: true, ..Habits::default() };
        let scene = seaworthy_load::Scene { timer: Timer::Kernel, ..scene() };
        let timeline = scene.timeline.clone();
        let drive = Drive::new(scene, [(entry(executor, 0), Sleepers::new(habits))]);
        drive.run(&crew).await.unwrap();
        let lag = timeline.snapshot().select("generator_lag", &BTreeMap::new()).histogram(ALL);
        // A tick was due within the first 10 ms and could not be kept before the end; each one
        // after it, every 10 ms, was late as well.
        assert!(lag.max() >= Some(285_000_000), "{lag:?}");
        assert!(lag.count() >= 29, "{lag:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_on_a_worker_is_an_error() {
    let crew = Crew::threads(2).unwrap();
    let reason = |error: Error| match error {
        Error::Worker(reason) => reason,
        other => panic!("{other:?}"),
    };
    let broken = crew.run_on::<()>(1, async { panic!("no setup") }).await;
    assert_eq!(reason(broken.unwrap_err()), "no setup");
    let on_each = crew.run_on_each(|worker| async move {
        assert!(worker != 1, "worker 1 is gone");
    });
    assert_eq!(reason(on_each.await.unwrap_err()), "worker 1 is gone");
    // A crew that is larger than what the cast has counters for.
    let crew = Arc::new(Crew::threads(5).unwrap());
    let executor = Executor::ConstantVus { vus: 1, duration: ms(10) };
    let drive = Drive::new(scene(), [(entry(executor, 0), Sleepers::new(Habits::default()))]);
    let refused = drive.run(&crew).await.unwrap_err();
    assert_eq!(reason(refused), "a crew of 5 is larger than what it runs");
}

#[tokio::test(start_paused = true)]
async fn a_recorder_of_another_make_writes_into_the_timeline() {
    let scene = scene();
    let executor = Executor::PerVuIterations { vus: 1, iterations: 1, max_duration: ms(1000) };
    let drive = Drive::new(scene.clone(), [(entry(executor, 0), Sleepers::new(Habits::default()))]);
    let (handle, now) = (drive.handle(), scene.clock.now());
    record(&scene.timeline, 0, now);
    Lag::new(&scene.timeline, 1, "p").record(now + ms(3), now);
    let p95 = handle.live().recent_p95.unwrap();
    assert!(p95.abs_diff(5_000_000) < 20_000, "{p95}");
    let timeline = scene.timeline.snapshot();
    let total = |metric| timeline.select(metric, &BTreeMap::new()).total(ALL);
    assert_eq!((total("http_reqs").sum, total("generator_lag").n), (1.0, 1));
}
