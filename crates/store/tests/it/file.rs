//! What a file must do by itself: one owner, sound or named, and failed once it is failed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use futures_util::FutureExt;
use prometheus_client::registry::Registry;
use seaworthy_store::{Error, Metrics, Migration, Options, Part, Result, State, Store, Tx, values};

use crate::place::numbers;

const SCHEMA: &[Migration] = &[Migration {
    name: "rows",
    sqlite: "CREATE TABLE rows (n INTEGER PRIMARY KEY) STRICT",
    postgres: "CREATE TABLE rows (n BIGINT PRIMARY KEY)",
}];

const ROWS: &str = "SELECT n FROM rows ORDER BY n";

fn open(folder: &Path) -> Result<Store> {
    Store::open(&Options::file(folder, [Part::own(SCHEMA)]), &Metrics::default())
}

async fn insert(store: &Store, n: i64) -> Result<u64> {
    store.write(move |tx| tx.execute("INSERT INTO rows VALUES (?1)", &values![n])).await
}

/// A file that grows no further makes a write fail as a full disk does.
#[tokio::test]
async fn what_waits_while_the_store_fails_is_refused() {
    const NARROW: &[Migration] = &[Migration {
        name: "texts",
        // The file may take a little more than it holds.
        sqlite: "CREATE TABLE texts (text TEXT NOT NULL) STRICT; PRAGMA max_page_count = 16;",
        postgres: "CREATE TABLE texts (text TEXT NOT NULL)",
    }];
    let folder = tempfile::tempdir().unwrap();
    let options = Options::file(folder.path(), [Part::own(NARROW)]);
    let store = Store::open(&options, &Metrics::default()).unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut first = Box::pin(store.write(move |tx: &mut Tx<'_>| {
        begin.send(()).unwrap();
        tx.execute("INSERT INTO texts VALUES ('small')", &[])?;
        wait.recv().unwrap();
        // It looks away; the store does not.
        let _ = tx.execute("INSERT INTO texts VALUES (?1)", &values!["x".repeat(1 << 20)]);
        Ok::<_, Error>(())
    }));
    // Polled once, a write is in the queue: the first at work, the second behind its batch.
    assert!((&mut first).now_or_never().is_none());
    begun.await.unwrap();
    let small = |tx: &mut Tx<'_>| tx.execute("INSERT INTO texts VALUES ('later')", &[]);
    let mut second = Box::pin(store.write(small));
    assert!((&mut second).now_or_never().is_none());
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap_err().code(), "store.failed");
    assert_eq!(second.await.unwrap_err().code(), "store.failed");
    assert!(matches!(store.state(), State::Failed(_)));
    assert_eq!(numbers(&store, "SELECT count(*) FROM texts").await, [0]);
}

#[tokio::test]
async fn the_log_is_folded_back_while_readers_are_at_work() {
    const TEXT: &[Migration] = &[Migration {
        name: "texts",
        sqlite: "CREATE TABLE texts (text TEXT NOT NULL) STRICT",
        postgres: "CREATE TABLE texts (text TEXT NOT NULL)",
    }];
    let folder = tempfile::tempdir().unwrap();
    let options = Options::file(folder.path(), [Part::own(TEXT)]);
    let store = Store::open(&options, &Metrics::default()).unwrap();
    let done = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let reading = tokio::spawn({
        let (store, done) = (store.clone(), std::sync::Arc::clone(&done));
        async move {
            while !done.load(std::sync::atomic::Ordering::SeqCst) {
                numbers(&store, "SELECT count(*) FROM texts").await;
            }
            numbers(&store, "SELECT count(*) FROM texts").await
        }
    });
    let log = || std::fs::metadata(folder.path().join("store.sqlite-wal")).unwrap().len();
    let mut longest = 0;
    for _ in 0..100 {
        let text = "x".repeat(1 << 20);
        let written: Result<u64> = store
            .write(move |tx| tx.execute("INSERT INTO texts VALUES (?1)", &values![text]))
            .await;
        written.unwrap();
        longest = longest.max(log());
    }
    done.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(reading.await.unwrap(), [100]);
    assert!(longest < 100 << 20, "the log grew to {longest} bytes");
    store.close().await;
    assert_eq!(log(), 0);
}

#[tokio::test]
async fn one_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path()).unwrap();
    let second = open(folder.path()).unwrap_err();
    assert_eq!(second.code(), "store.in_use");
    assert!(second.to_string().contains(folder.path().to_str().unwrap()), "{second}");
    assert!(second.hint().is_some());
    insert(&store, 1).await.unwrap();
    store.close().await;
    assert_eq!(numbers(&open(folder.path()).unwrap(), ROWS).await, [1]);
}

#[tokio::test]
async fn files_that_are_no_sound_database_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    std::fs::write(&file, "hello, I am a text file, and longer than any header of a database")
        .unwrap();
    let error = open(folder.path()).unwrap_err();
    assert_eq!(error.code(), "store.corrupt");
    assert!(error.to_string().contains("store.sqlite"), "{error}");

    std::fs::remove_file(&file).unwrap();
    let store = open(folder.path()).unwrap();
    let many = (0..5_000).map(|n| insert(&store, n));
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    store.close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 2_000].fill(0xA5);
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(open(folder.path()).unwrap_err().code(), "store.corrupt");
    bytes.truncate(middle);
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(open(folder.path()).unwrap_err().code(), "store.corrupt");
    // What was there once and is empty or gone is no new store.
    std::fs::write(&file, "").unwrap();
    assert_eq!(open(folder.path()).unwrap_err().code(), "store.corrupt");
    std::fs::remove_file(&file).unwrap();
    assert_eq!(open(folder.path()).unwrap_err().code(), "store.corrupt");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(open(&file.join("below")).unwrap_err().code(), "store.folder");
    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write anywhere; then there is nothing to refuse.
    if std::fs::write(closed.join("probe"), "").is_err() {
        assert_eq!(open(&closed).unwrap_err().code(), "store.folder");
    }
}

#[tokio::test]
async fn what_was_deleted_is_not_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    const TEXT: &[Migration] = &[Migration {
        name: "texts",
        sqlite: "CREATE TABLE texts (text TEXT NOT NULL) STRICT",
        postgres: "CREATE TABLE texts (text TEXT NOT NULL)",
    }];
    let options = Options::file(folder.path(), [Part::own(TEXT)]);
    let store = Store::open(&options, &Metrics::default()).unwrap();
    let secret = "nobody is to find this again";
    let put: Result<u64> =
        store.write(move |tx| tx.execute("INSERT INTO texts VALUES (?1)", &values![secret])).await;
    put.unwrap();
    store.close().await;
    drop(store);
    let holds = || {
        let bytes = std::fs::read(folder.path().join("store.sqlite")).unwrap();
        bytes.windows(secret.len()).any(|window| window == secret.as_bytes())
    };
    assert!(holds());
    let store = Store::open(&options, &Metrics::default()).unwrap();
    let gone: Result<u64> = store.write(|tx| tx.execute("DELETE FROM texts", &[])).await;
    gone.unwrap();
    store.close().await;
    assert!(!holds());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_beyond_the_connections_wait_in_line() {
    let folder = tempfile::tempdir().unwrap();
    let mut registry = Registry::default();
    let metrics = Metrics::new(&mut registry);
    let options =
        Options::file(folder.path(), [Part::own(SCHEMA)]).readers(std::num::NonZeroUsize::MIN);
    let store = Store::open(&options, &metrics).unwrap();
    let shows = |line: &str| {
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        text.lines().any(|one| one == line)
    };
    assert!(shows("db_pool_size 1") && shows("db_pool_in_use 0"));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, began) = tokio::sync::oneshot::channel();
    let first = tokio::spawn({
        let store = store.clone();
        async move {
            let work = move |_: &mut Tx<'_>| {
                begun.send(()).unwrap();
                held.recv().unwrap();
                Ok::<_, Error>(1)
            };
            store.read(work).await.unwrap()
        }
    });
    began.await.unwrap();
    let mut second = Box::pin(store.peek(|_| Ok::<_, Error>(2)));
    assert!((&mut second).now_or_never().is_none());
    assert!(shows("db_pool_in_use 1") && shows("db_pool_waiting 1"));
    release.send(()).unwrap();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
    assert!(shows("db_pool_in_use 0") && shows("db_pool_waiting 0"));
    assert!(shows("db_pool_wait_seconds_count 2") && shows("db_query_duration_seconds_count 2"));
    store.close().await;
}
