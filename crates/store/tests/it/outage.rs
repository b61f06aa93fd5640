//! PostgreSQL goes away and comes back: who asks meanwhile is refused, nothing acknowledged is lost, and
//! nothing is done twice.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use seaworthy_store::{Error, Migration, Options, Part, Result, State, Store, Tx, values};

use crate::place::{Place, numbers, open, server, until, write};
use crate::postgres::{self, Server, until_ready};
use crate::proxy::{Cut, Proxy};

const SCHEMA: &[Migration] = &[Migration {
    name: "log",
    // No key is unique here: what is done twice is there twice.
    sqlite: "CREATE TABLE log (name TEXT NOT NULL) STRICT",
    postgres: "CREATE TABLE log (name TEXT NOT NULL)",
}];

const COUNT: &str = "SELECT count(*) FROM log";

fn options(address: &str) -> Options {
    Options::schema(&server(address), "tests", [Part::own(SCHEMA)])
}

async fn log(store: &Store, name: String) -> Result<u64> {
    store.write(move |tx| tx.execute("INSERT INTO log (name) VALUES (?1)", &values![name])).await
}

async fn started() -> Server {
    let server = tokio::task::spawn_blocking(|| Server::start(&[])).await.unwrap();
    until_ready(&server.address("postgres")).await;
    server
}

async fn behind_a_proxy() -> (Proxy, Store) {
    let address = postgres::database().await;
    let port = address.rsplit_once('/').unwrap().0.rsplit_once(':').unwrap().1.parse().unwrap();
    let proxy = Proxy::to(port).await;
    let store = open(options(&proxy.address(&address, port))).await.unwrap();
    (proxy, store)
}

async fn serves(store: &Store) {
    until("it serves again", || async { store.state() == State::Serving }).await;
}

/// What each caller was told of the name it wrote once.
type Told = BTreeMap<String, Result<u64>>;

/// Many callers, each writing one name after another and never one twice.
fn load(store: &Store, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Told>> {
    let caller = |caller: usize| {
        let (store, stop) = (store.clone(), Arc::clone(stop));
        tokio::spawn(async move {
            let mut told = Told::new();
            let mut index = 0;
            while !stop.load(Ordering::SeqCst) {
                index += 1;
                let name = format!("{caller}-{index}");
                let result = log(&store, name.clone()).await;
                if result.is_err() {
                    // As a client that was told `Retry-After` does; here so that it does not spin.
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                told.insert(name, result);
            }
            told
        })
    };
    (0..16).map(caller).collect()
}

/// Acknowledged is there once; refused is not there; unknown is there at most once.
async fn check(store: &Store, told: Told) -> (usize, usize) {
    let names: Result<Vec<String>> =
        store.read(|tx| tx.query("SELECT name FROM log", &[], |row| row.get(0))).await;
    let mut there: BTreeMap<String, usize> = BTreeMap::new();
    for name in names.unwrap() {
        *there.entry(name).or_default() += 1;
    }
    let (mut acknowledged, mut refused) = (0, 0);
    for (name, result) in told {
        let times = there.remove(&name).unwrap_or(0);
        match result {
            Ok(_) => {
                acknowledged += 1;
                assert_eq!(times, 1, "{name} was acknowledged");
            }
            Err(Error::Unavailable(_)) => {
                refused += 1;
                assert_eq!(times, 0, "{name} was refused");
            }
            Err(Error::Unknown(_)) => assert!(times <= 1, "{name} is there {times} times"),
            Err(other) => panic!("{name}: {other}"),
        }
    }
    assert!(there.is_empty(), "nobody wrote {there:?}");
    (acknowledged, refused)
}

async fn restarted_under_load(end: fn(&mut Server)) {
    let mut server = started().await;
    let store = open(options(&server.address("postgres"))).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let callers = load(&store, &stop);
    for _ in 0..3 {
        let before = numbers(&store, COUNT).await[0];
        until("writes go through", || async { numbers(&store, COUNT).await[0] > before + 200 })
            .await;
        server = tokio::task::spawn_blocking(move || {
            end(&mut server);
            server
        })
        .await
        .unwrap();
        // Whoever asks now is answered now: the server is started only after they were.
        until("it is known to be away", || async { store.state() != State::Serving }).await;
        let write = log(&store, "while away".into()).await.unwrap_err();
        let read: Result<bool> = store.read(|tx| tx.exists(COUNT, &[])).await;
        assert_eq!(write.code(), "store.unavailable", "{write}");
        assert_eq!(read.unwrap_err().code(), "store.unavailable");
        server = tokio::task::spawn_blocking(move || {
            server.launch();
            server
        })
        .await
        .unwrap();
        serves(&store).await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut told = Told::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    let (acknowledged, refused) = check(&store, told).await;
    assert!(acknowledged >= 600 && refused >= 3, "{acknowledged} acknowledged, {refused} refused");
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_under_load_loses_nothing_and_doubles_nothing() {
    restarted_under_load(Server::stop).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_crash_under_load_loses_nothing_and_doubles_nothing() {
    restarted_under_load(Server::kill).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_ended_by_an_operator_are_made_anew() {
    let address = postgres::database().await;
    let store = open(options(&address)).await.unwrap();
    let stop = Arc::new(AtomicBool::new(false));
    let callers = load(&store, &stop);
    let operator = postgres::connect(&address).await.unwrap();
    let end = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
               WHERE datname = current_database() AND pid <> pg_backend_pid()";
    for _ in 0..5 {
        let before = operator.query_one("SELECT count(*) FROM tests.log", &[]).await.unwrap();
        let before: i64 = before.get(0);
        operator.batch_execute(end).await.unwrap();
        let operator = &operator;
        until("writes go through again", || async move {
            let now = operator.query_one("SELECT count(*) FROM tests.log", &[]).await.unwrap();
            now.get::<_, i64>(0) > before + 50
        })
        .await;
    }
    stop.store(true, Ordering::SeqCst);
    let mut told = Told::new();
    for caller in callers {
        told.extend(caller.await.unwrap());
    }
    serves(&store).await;
    until("reads go through again", || async {
        let read: Result<bool> = store.read(|tx| tx.exists(COUNT, &[])).await;
        read.is_ok()
    })
    .await;
    check(&store, told).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_found_out_and_not_repeated() {
    let (proxy, store) = behind_a_proxy().await;
    log(&store, "before".into()).await.unwrap();
    proxy.cut(Cut::After);
    let writing = tokio::spawn({
        let store = store.clone();
        async move { log(&store, "lost".into()).await }
    });
    until("the line is cut", || async { store.state() != State::Serving }).await;
    proxy.set_open(true);
    assert_eq!(writing.await.unwrap().unwrap(), 1);
    serves(&store).await;
    assert_eq!(numbers(&store, COUNT).await, [2]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_found_out_too() {
    let (proxy, store) = behind_a_proxy().await;
    proxy.cut(Cut::Before);
    let writing = tokio::spawn({
        let store = store.clone();
        async move { log(&store, "lost".into()).await }
    });
    until("the line is cut", || async { store.state() != State::Serving }).await;
    proxy.set_open(true);
    let error = writing.await.unwrap().unwrap_err();
    assert_eq!(error.code(), "store.unavailable", "{error}");
    serves(&store).await;
    assert_eq!(numbers(&store, COUNT).await, [0]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outcome_that_nobody_can_say_is_said_to_be_unknown() {
    let (proxy, store) = behind_a_proxy().await;
    for (cut, there) in [(Cut::After, 1), (Cut::Before, 1)] {
        proxy.cut(cut);
        let error = log(&store, "lost".into()).await.unwrap_err();
        assert_eq!(error.code(), "store.outcome_unknown", "{error}");
        assert!(error.hint().is_some());
        assert!(matches!(store.state(), State::Unavailable(_)));
        proxy.set_open(true);
        serves(&store).await;
        // Nobody has repeated it.
        assert_eq!(numbers(&store, COUNT).await, [there], "{cut:?}");
    }
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_not_there_is_said() {
    let nobody = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = nobody.local_addr().unwrap().port();
    drop(nobody);
    let error =
        open(options(&format!("postgres://u:s3cret@127.0.0.1:{port}/hub"))).await.unwrap_err();
    assert_eq!(error.code(), "store.unavailable");
    assert!(error.hint().is_some() && !format!("{error} {error:?}").contains("s3cret"));
}

/// Transactions that overlap with an outage keep their callers' own errors.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_says_no_is_told_so_on_a_line_that_is_cut_later() {
    let (proxy, store) = behind_a_proxy().await;
    let refused: Result<()> = store
        .write(|tx: &mut Tx<'_>| {
            tx.execute("INSERT INTO log (name) VALUES ('no')", &[])?;
            Err(Error::column(7, "no"))
        })
        .await;
    assert!(matches!(refused, Err(Error::Column { column: 7, .. })));
    proxy.set_open(false);
    write(&store, "INSERT INTO log (name) VALUES ('yes')", &[]).await.unwrap();
    assert_eq!(numbers(&store, COUNT).await, [1]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_does_not_sync_is_refused() {
    let server = tokio::task::spawn_blocking(|| Server::start(&["fsync=off"])).await.unwrap();
    let address = server.address("postgres");
    until_ready(&address).await;
    let error = open(Place::Schema(crate::place::server(&address)).options([Part::own(SCHEMA)]));
    let error = error.await.unwrap_err();
    assert_eq!(error.code(), "store.open");
    assert!(error.to_string().contains("fsync is off"), "{error}");
}
