//! Any program, its engine dropped between any two writes: it ends as if nothing had happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use proptest::prelude::*;
use seaworthy_workflow::{Observer, Options, State};
use tokio::sync::Notify;

use crate::harness::{House, TENANT, on_postgres, quick, result};
use crate::program::{self, Op, World};

fn op() -> impl Strategy<Value = Op> {
    let leaf = prop_oneof![
        4 => (0..3_u32).prop_map(|fails| Op::Step { fails }),
        3 => Just(Op::Order),
        1 => Just(Op::Lost),
        1 => (0..3_u64).prop_map(Op::Sleep),
        1 => Just(Op::Listen),
    ];
    leaf.prop_recursive(2, 12, 3, |inner| {
        let branch = prop::collection::vec(inner, 1..3);
        prop::collection::vec(branch, 2..4).prop_map(Op::Branch)
    })
}

fn program() -> impl Strategy<Value = Vec<Op>> {
    (prop::collection::vec(op(), 1..5), any::<bool>()).prop_map(|(mut program, fails)| {
        if fails {
            program.push(Op::Fail);
        }
        program
    })
}

/// Runs a program on engines that are dropped after so many writes each, the last of them not at all.
async fn play(program: &[Op], lives: &[u32]) {
    let mut house = House::new().await;
    let folder = tempfile::tempdir().unwrap();
    let world = World::at(&folder.path().join("world"));
    for life in lives.iter().map(|life| Some(*life)).chain([None]) {
        let left = Arc::new(AtomicU32::new(life.unwrap_or(u32::MAX)));
        let over = Arc::new(Notify::new());
        let (counting, ending) = (left.clone(), over.clone());
        let observer = Observer::new(move |_| {
            if counting.fetch_sub(1, Ordering::SeqCst) == 1 {
                ending.notify_one();
            }
        });
        let options = Options {
            observer: Some(observer),
            park_after: if life == Some(2) { Duration::ZERO } else { quick().park_after },
            ..quick()
        };
        let node = house.start_with(program::registry(&world, || {}), options).await;
        node.begin("program", "p", &program).await;
        tokio::select! {
            () = over.notified() => {}
            ended = node.engine.closed(TENANT, "p") => drop(ended.unwrap()),
        }
        if life.is_some() {
            node.crash().await;
            house.reopen().await;
            continue;
        }
        let fails = matches!(program.last(), Some(Op::Fail));
        let wanted = if fails { State::Failed } else { State::Completed };
        let ended = node.ended("p", wanted).await;
        let history = node.history("p").await;
        let seen: Option<Vec<String>> =
            (!fails).then(|| serde_json::from_value(result(&ended)).unwrap());
        program::check(&history, &ended.run_id, &world, seen.as_deref());
        if let Some(seen) = seen {
            assert_eq!(seen.len(), program::steps(program), "{seen:?}");
        }
        node.stop().await;
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        // A life on a server begins with a connection, and takes longer.
        cases: if on_postgres() { 8 } else { 40 },
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_program_dropped_anywhere_is_done_to_its_end_once(
        program in program(),
        lives in prop::collection::vec(1..8_u32, 1..5),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(play(&program, &lives));
    }
}
