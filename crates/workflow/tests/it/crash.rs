//! A process that kills itself, hard, between any two journal writes and in the middle of its steps:
//! the next one goes on, and nothing is lost or doubled.

use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use seaworthy_workflow::{Observer, Options, State};
use tokio::process::Command;

use crate::harness::{DEADLINE, House, TENANT, open, place, quick, start};
use crate::program::{self, Op, World};

const FOLDER: &str = "WORKFLOW_TEST_FOLDER";
/// After how many journal writes the child is to die, and after how many steps into an effect.
const WRITES: &str = "WORKFLOW_TEST_WRITES";
const TOUCHES: &str = "WORKFLOW_TEST_TOUCHES";

/// What the children run: everything there is, and a failure at the end so that all is undone.
fn story() -> Vec<Op> {
    vec![
        Op::Step { fails: 0 },
        Op::Order,
        Op::Branch(vec![
            vec![Op::Step { fails: 1 }, Op::Order],
            vec![Op::Sleep(1), Op::Order, Op::Step { fails: 0 }],
            vec![Op::Listen, Op::Lost],
        ]),
        Op::Order,
        Op::Fail,
    ]
}

fn die() {
    let me = rustix::process::getpid();
    rustix::process::kill_process(me, rustix::process::Signal::KILL).unwrap();
}

/// Dies when called for the n-th time; never, without an n.
fn bomb(variable: &str) -> impl Fn() + Clone + Send + Sync + 'static {
    let left: Option<u32> = std::env::var(variable).ok().map(|text| text.parse().unwrap());
    let left = left.map(|left| Arc::new(AtomicU32::new(left)));
    move || {
        if left.as_ref().is_some_and(|left| left.fetch_sub(1, Ordering::SeqCst) == 1) {
            die();
        }
    }
}

/// The child's life; as a test without its variables it does nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let folder = Path::new(&folder);
    let world = World::at(&folder.join("world"));
    let (writes, touches) = (bomb(WRITES), bomb(TOUCHES));
    let observer = Some(Observer::new(move |_| writes()));
    let options = Options { observer, ..quick() };
    let store = open(&folder.join("store")).await;
    let registry = program::registry(&world, touches);
    let service = seaworthy_workflow::Service::open(store, registry, options).await.unwrap();
    let engine = service.engine();
    tokio::spawn(service.run(tokio_util::sync::CancellationToken::new()));
    engine.start(start("program", "p", &story())).await.unwrap();
    engine.closed(TENANT, "p").await.unwrap();
    world.mark("done");
}

/// Lets a child live; says whether it came to the end.
async fn live(folder: &Path, writes: Option<u32>, touches: Option<u32>) -> bool {
    // A child that made the database would take the server with it when it dies.
    place(&folder.join("store")).await;
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "crash::child"]).env(FOLDER, folder);
    for (variable, count) in [(WRITES, writes), (TOUCHES, touches)] {
        command.env_remove(variable);
        if let Some(count) = count {
            command.env(variable, count.to_string());
        }
    }
    command.stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
    let status = tokio::time::timeout(DEADLINE, command.status()).await.unwrap().unwrap();
    let done = folder.join("world.done").exists();
    assert!(done || !status.success(), "the child ended without doing its work");
    status.success()
}

/// What must have come of the story, whatever happened meanwhile. Returns how many entries it took.
async fn check(folder: &Path) -> u64 {
    let house = House::at(&folder.join("store")).await;
    let world = World::at(&folder.join("world"));
    let node = house.start(program::registry(&world, || {})).await;
    let ended = node.ended("p", State::Failed).await;
    assert_eq!(ended.failure.as_ref().unwrap().code, "failed");
    assert!(ended.result.is_none());
    let history = node.history("p").await;
    program::check(&history, &ended.run_id, &world, None);
    // Every order was undone once, in reverse; every effect is a step's or an undoing's.
    let undone: Vec<&str> = ended.undone.iter().map(|one| one.name.as_str()).collect();
    let mut orders = vec!["p.3", "p.1"];
    assert_eq!((undone.first(), undone.last()), (Some(&orders[0]), Some(&orders[1])));
    orders.extend(["p.2-0.1", "p.2-1.1"]);
    let sorted = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.join(" ")
    };
    assert_eq!(sorted(undone), sorted(orders));
    let steps = program::steps(&story());
    assert_eq!(world.keys().len(), steps + 4, "{:?}", world.keys());
    node.stop().await;
    u64::try_from(history.len()).unwrap()
}

#[tokio::test]
async fn killed_after_each_of_its_writes_a_workflow_is_resumed_correctly() {
    let whole = tempfile::tempdir().unwrap();
    assert!(live(whole.path(), None, None).await);
    let entries = u32::try_from(check(whole.path()).await).unwrap();
    assert!(entries > 15, "{entries}");
    for writes in 1..=entries {
        let folder = tempfile::tempdir().unwrap();
        assert!(!live(folder.path(), Some(writes), None).await, "it did not die at {writes}");
        assert!(live(folder.path(), None, None).await);
        check(folder.path()).await;
    }
}

#[tokio::test]
async fn killed_at_every_single_write_a_workflow_still_comes_to_its_end() {
    let folder = tempfile::tempdir().unwrap();
    let mut lives = 0_u64;
    while !live(folder.path(), Some(1), None).await {
        lives += 1;
        assert!(lives < 100, "it makes no headway");
    }
    assert!(lives >= check(folder.path()).await - 1);
}

#[tokio::test]
async fn killed_before_and_after_each_effect_a_workflow_is_resumed_correctly() {
    let mut touches = 1;
    loop {
        let folder = tempfile::tempdir().unwrap();
        let survived = live(folder.path(), None, Some(touches)).await;
        if !survived {
            assert!(live(folder.path(), None, None).await);
        }
        check(folder.path()).await;
        if survived {
            break;
        }
        touches += 1;
    }
    assert!(touches > 20, "{touches}");
}
