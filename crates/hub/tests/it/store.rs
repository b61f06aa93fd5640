//! Durability: what was acknowledged is there, what was not is never claimed, bad files are named.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use futures_util::FutureExt;
use seaworthy_hub::Role::{Identity, Policy};
use seaworthy_hub::metrics::Metrics;
use seaworthy_hub::options::READERS;
use seaworthy_hub::store::{self, Migration, State, Store};
use seaworthy_hub::{Options, Problem, Service};
use serde_json::json;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::harness::{DEADLINE, Hub, Remote};

const SCHEMA: &[Migration] =
    &[Migration { name: "rows", sql: "CREATE TABLE rows (n INTEGER PRIMARY KEY) STRICT" }];

fn open(folder: &Path, migrations: &'static [Migration]) -> store::Result<Store> {
    let options = store::Options { folder: folder.to_owned(), migrations, readers: READERS };
    Store::open(&options, &Metrics::new("test"))
}

async fn insert(store: &Store, n: i64) -> store::Result<()> {
    store
        .write(move |connection| {
            connection.execute("INSERT INTO rows VALUES (?1)", [n])?;
            Ok(())
        })
        .await
}

async fn rows(store: &Store) -> Vec<i64> {
    store
        .read(|connection| {
            let mut statement = connection.prepare_cached("SELECT n FROM rows ORDER BY n")?;
            let rows = statement.query_map([], |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<_>>()?)
        })
        .await
        .unwrap()
}

#[tokio::test]
async fn transactions_share_a_commit_but_not_their_fate() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    let attempts = (0..500).map(|n| {
        let store = store.clone();
        async move {
            store
                .write(move |connection| {
                    connection.execute("INSERT INTO rows VALUES (?1)", [n])?;
                    match n % 4 {
                        1 => Err(Problem::conflict("odd", "no").into()),
                        2 => {
                            connection.execute("INSERT INTO rows VALUES (?1)", [n])?;
                            Ok(n)
                        }
                        3 => panic!("a bug in one transaction"),
                        _ => Ok(n),
                    }
                })
                .await
        }
    });
    let results = futures_util::future::join_all(attempts).await;
    for (n, result) in results.into_iter().enumerate() {
        match n % 4 {
            0 => assert_eq!(result.unwrap(), i64::try_from(n).unwrap()),
            1 => assert_eq!(result.unwrap_err().code(), "hub.refused"),
            2 => assert_eq!(result.unwrap_err().code(), "hub.store_statement"),
            _ => assert_eq!(Problem::from(result.unwrap_err()).status, 500),
        }
    }
    let expected: Vec<i64> = (0..500).filter(|n| n % 4 == 0).collect();
    assert_eq!(rows(&store).await, expected);
    assert_eq!(store.state(), State::Serving);
    store.close().await;
    let store = open(folder.path(), SCHEMA).unwrap();
    assert_eq!(rows(&store).await, expected);
}

#[tokio::test]
async fn what_waits_while_the_store_fails_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    let (go, wait) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = tokio::sync::oneshot::channel();
    let mut first = Box::pin(store.write(move |connection| {
        begin.send(()).unwrap();
        connection.execute("INSERT INTO rows VALUES (1)", [])?;
        wait.recv().unwrap();
        let broken = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        Err::<(), _>(rusqlite::Error::SqliteFailure(broken, None).into())
    }));
    // Polled once, a write is in the queue: the first at work, the second behind its batch.
    assert!((&mut first).now_or_never().is_none());
    begun.await.unwrap();
    let mut second = Box::pin(insert(&store, 2));
    assert!((&mut second).now_or_never().is_none());
    go.send(()).unwrap();
    assert_eq!(first.await.unwrap_err().code(), "hub.store_failed");
    assert_eq!(second.await.unwrap_err().code(), "hub.store_failed");
    assert!(matches!(store.state(), State::Failed(_)));
    assert!(rows(&store).await.is_empty());
}

#[tokio::test]
async fn a_reader_cannot_write_and_sees_one_snapshot() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    insert(&store, 1).await.unwrap();
    let sneaky: store::Result<usize> =
        store.read(|connection| Ok(connection.execute("DELETE FROM rows", [])?)).await;
    assert!(sneaky.is_err());
    assert_eq!(rows(&store).await, [1]);
}

#[tokio::test]
async fn the_log_is_folded_back_while_readers_are_at_work() {
    const TEXT: &[Migration] =
        &[Migration { name: "texts", sql: "CREATE TABLE texts (text TEXT NOT NULL) STRICT" }];
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), TEXT).unwrap();
    let done = tokio_util::sync::CancellationToken::new();
    let reading = tokio::spawn({
        let (store, done) = (store.clone(), done.clone());
        async move {
            let count = |connection: &rusqlite::Connection| {
                Ok(connection
                    .query_row("SELECT count(*) FROM texts", [], |row| row.get::<_, i64>(0))?)
            };
            while !done.is_cancelled() {
                store.read(count).await.unwrap();
            }
            store.read(count).await.unwrap()
        }
    });
    let log = || std::fs::metadata(folder.path().join("store.sqlite-wal")).unwrap().len();
    let mut longest = 0;
    for _ in 0..100 {
        store
            .write(|connection| {
                connection.execute("INSERT INTO texts VALUES (?1)", ["x".repeat(1 << 20)])?;
                Ok(())
            })
            .await
            .unwrap();
        longest = longest.max(log());
    }
    done.cancel();
    assert_eq!(reading.await.unwrap(), 100);
    assert!(longest < 100 << 20, "the log grew to {longest} bytes");
    store.close().await;
    assert_eq!(log(), 0);
}

#[tokio::test]
async fn one_folder_has_one_owner() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    let second = open(folder.path(), SCHEMA).unwrap_err();
    assert_eq!(second.code(), "hub.store_in_use");
    assert!(second.to_string().contains(folder.path().to_str().unwrap()), "{second}");
    assert!(second.hint().is_some());
    insert(&store, 1).await.unwrap();
    store.close().await;
    assert_eq!(rows(&open(folder.path(), SCHEMA).unwrap()).await, [1]);
}

#[tokio::test]
async fn a_schema_only_moves_forward() {
    const LATER: &[Migration] =
        &[SCHEMA[0], Migration { name: "more", sql: "ALTER TABLE rows ADD COLUMN text TEXT" }];
    const OTHER: &[Migration] = &[Migration { name: "other", sql: "SELECT 1" }];
    const BROKEN: &[Migration] = &[
        SCHEMA[0],
        Migration { name: "more", sql: "CREATE TABLE extra (n INTEGER) STRICT; NONSENSE" },
    ];
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    insert(&store, 1).await.unwrap();
    store.close().await;
    assert_eq!(open(folder.path(), OTHER).unwrap_err().code(), "hub.store_schema");
    assert_eq!(open(folder.path(), BROKEN).unwrap_err().code(), "hub.store_open");
    let store = open(folder.path(), LATER).unwrap();
    assert_eq!(rows(&store).await, [1]);
    let extra: store::Result<()> =
        store.read(|connection| Ok(connection.execute_batch("SELECT * FROM extra")?)).await;
    assert!(extra.is_err(), "half a migration was kept");
    store.close().await;
    let older = open(folder.path(), SCHEMA).unwrap_err();
    assert_eq!(older.code(), "hub.store_schema");
    assert!(older.to_string().contains("version 2"), "{older}");
}

#[tokio::test]
async fn files_that_are_no_sound_database_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    std::fs::write(&file, "hello, I am a text file, and longer than any header of a database")
        .unwrap();
    let error = open(folder.path(), SCHEMA).unwrap_err();
    assert_eq!(error.code(), "hub.store_corrupt");
    assert!(error.to_string().contains("store.sqlite"), "{error}");

    std::fs::remove_file(&file).unwrap();
    let store = open(folder.path(), SCHEMA).unwrap();
    for n in 0..5_000 {
        // Not awaited one by one: the point is a file of several pages.
        let store = store.clone();
        tokio::spawn(async move { insert(&store, n).await });
    }
    insert(&store, 10_000).await.unwrap();
    store.close().await;
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2 / 4096 * 4096;
    bytes[middle..middle + 2_000].fill(0xA5);
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(open(folder.path(), SCHEMA).unwrap_err().code(), "hub.store_corrupt");
    bytes.truncate(middle);
    std::fs::write(&file, &bytes).unwrap();
    assert_eq!(open(folder.path(), SCHEMA).unwrap_err().code(), "hub.store_corrupt");
}

#[tokio::test]
async fn a_folder_that_cannot_be_used_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    assert_eq!(open(&file.join("below"), SCHEMA).unwrap_err().code(), "hub.store_folder");
    let options = Options::new(&file).roles([Identity]).any_ports();
    let error = Service::bind(options).await.err().unwrap();
    assert_eq!(error.code(), "hub.store_folder");
    assert!(error.to_string().starts_with("identity: cannot use"), "{error}");

    let closed = folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    std::fs::set_permissions(&closed, std::fs::Permissions::from_mode(0o500)).unwrap();
    // Root may write anywhere; then there is nothing to refuse.
    if std::fs::write(closed.join("probe"), "").is_err() {
        assert_eq!(open(&closed, SCHEMA).unwrap_err().code(), "hub.store_folder");
    }
}

/// Compiles the library that makes system calls fail; the bundled SQLite needs a C compiler, too.
pub(crate) fn fault_library(folder: &Path) -> PathBuf {
    let library = folder.join("fault.so");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fault.c");
    let status = std::process::Command::new("cc")
        .args(["-shared", "-fPIC", "-O1", "-o"])
        .args([&library, &source])
        .arg("-ldl")
        .status()
        .unwrap();
    assert!(status.success());
    library
}

/// A hub in a process of its own: this test binary, told to run [`serve`].
struct Hull {
    child: Child,
    remote: Remote,
}

impl Hull {
    async fn launch(data: &Path, fault: Option<(&Path, &Path)>) -> Self {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command
            .args(["store::serve", "--exact", "--nocapture"])
            .env("SEAWORTHY_SERVE", data)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true);
        if let Some((library, base)) = fault {
            command.env("LD_PRELOAD", library).env("SEAWORTHY_FAULT", base);
        }
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let bases = async {
            loop {
                let line = lines.next_line().await.unwrap().expect("the hub ended early");
                // The test runner's own words may stand in front, on the same line.
                if let Some((_, bases)) = line.split_once("serving ") {
                    return bases.split(' ').map(str::to_owned).collect::<Vec<_>>();
                }
            }
        };
        let bases = tokio::time::timeout(DEADLINE, bases).await.unwrap();
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let remote = Remote::new(data, [Identity, Policy].into_iter().zip(bases).collect());
        Self { child, remote }
    }

    async fn kill(mut self) {
        self.child.kill().await.unwrap();
    }
}

/// Not a check but what the tests here start as a process of its own; by itself it does nothing.
#[tokio::test]
async fn serve() {
    let Some(data) = std::env::var_os("SEAWORTHY_SERVE") else { return };
    let options = Options::new(data).roles([Identity, Policy]).any_ports();
    let service = Service::bind(options).await.unwrap();
    let address = |role| service.address(role).unwrap();
    println!("serving http://{} http://{}", address(Identity), address(Policy));
    service.run(tokio_util::sync::CancellationToken::new()).await;
}

async fn faulty() -> (TempDir, Hull, impl Fn(&str, bool)) {
    let folder = tempfile::tempdir().unwrap();
    let library = fault_library(folder.path());
    let base = folder.path().join("fault");
    let hull = Hull::launch(&folder.path().join("data"), Some((&library, &base))).await;
    let switch = move |name: &str, on: bool| {
        let file = base.with_extension(name);
        if on {
            std::fs::write(file, "").unwrap();
        } else {
            std::fs::remove_file(file).unwrap();
        }
    };
    (folder, hull, switch)
}

async fn a_failing_disk_is_never_acknowledged(fault: &str) {
    let (folder, hull, switch) = faulty().await;
    let admin = hull.remote.credential();
    let put = |id: &str| {
        let path = format!("/v1/tenants/{id}");
        hull.remote.put(Identity, &path, json!({"name": "n"})).admin(&admin).send()
    };
    put("before").await.ok(201);
    switch(fault, true);
    let burst: Vec<String> = (0..50).map(|index| format!("during-{index}")).collect();
    let answers = futures_util::future::join_all(burst.iter().map(|id| put(id))).await;
    for answer in answers {
        answer.refused(503, "store_failed");
        assert!(answer.headers.contains_key("retry-after"));
    }
    // The disk says it is well again. What it lost meanwhile nobody knows, so nothing is taken.
    if fault != "once" {
        switch(fault, false);
    }
    put("after").await.refused(503, "store_failed");
    let ready = hull.remote.get(Identity, "/ready").send().await;
    assert!(ready.ok(503)["reasons"][0].as_str().unwrap().contains("store has failed"));
    hull.remote.get(Identity, "/live").send().await.ok(200);
    hull.remote.get(Policy, "/ready").send().await.ok(200);
    hull.remote.get(Identity, "/v1/tenants/before").admin(&admin).send().await.ok(200);
    hull.kill().await;

    let hull = Hull::launch(&folder.path().join("data"), None).await;
    let read =
        |id: &str| hull.remote.get(Identity, &format!("/v1/tenants/{id}")).admin(&admin).send();
    read("before").await.ok(200);
    read("after").await.refused(404, "unknown_tenant");
    let put = hull.remote.put(Identity, "/v1/tenants/again", json!({"name": "n"}));
    put.admin(&admin).send().await.ok(201);
    hull.kill().await;
}

#[tokio::test]
async fn a_failing_sync_is_never_acknowledged() {
    a_failing_disk_is_never_acknowledged("sync").await;
}

/// The next sync would succeed, but is not asked for.
#[tokio::test]
async fn one_failed_sync_is_enough() {
    a_failing_disk_is_never_acknowledged("once").await;
}

#[tokio::test]
async fn a_full_disk_is_never_acknowledged() {
    a_failing_disk_is_never_acknowledged("space").await;
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..3 {
        let hull = Hull::launch(folder.path(), None).await;
        let admin = hull.remote.credential();
        // Each writer stops when the process is gone, and says what it was promised.
        let writers = (0..16).map(|writer| {
            let (remote, admin) = (hull.remote.clone(), admin.clone());
            tokio::spawn(async move {
                let mut promised = Vec::new();
                for index in 0.. {
                    let id = format!("t-{round}-{writer}-{index}");
                    let path = format!("/v1/tenants/{id}");
                    let put = remote.put(Identity, &path, json!({"name": "n"})).admin(&admin);
                    match put.attempt().await {
                        Some(answer) => {
                            answer.ok(201);
                            promised.push(id);
                        }
                        None => break,
                    }
                }
                promised
            })
        });
        let writers: Vec<_> = writers.collect();
        let committed = async {
            let line = "store_transactions_total";
            while hull.remote.counter(Identity, line).await < 200.0 {}
        };
        tokio::time::timeout(DEADLINE, committed).await.unwrap();
        hull.kill().await;
        let mut promised = Vec::new();
        for writer in writers {
            promised.extend(writer.await.unwrap());
        }
        assert!(promised.len() >= 100, "only {}", promised.len());
        let hull = Hull::launch(folder.path(), None).await;
        for id in promised {
            let path = format!("/v1/tenants/{id}");
            hull.remote.get(Identity, &path).admin(&admin).send().await.ok(200);
        }
        hull.kill().await;
    }
}

#[tokio::test]
async fn a_second_process_is_turned_away() {
    let hub = Hub::start(&[Identity]).await;
    let options = Options::new(hub.data.path()).roles([Identity]).any_ports();
    let error = Service::bind(options).await.err().unwrap();
    assert_eq!(error.code(), "hub.store_in_use");
    hub.get(Identity, "/ready").send().await.ok(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reads_beyond_the_connections_wait_in_line() {
    let folder = tempfile::tempdir().unwrap();
    let metrics = Metrics::new("test");
    let readers = std::num::NonZeroUsize::MIN;
    let options = store::Options { folder: folder.path().to_owned(), migrations: SCHEMA, readers };
    let store = Store::open(&options, &metrics).unwrap();
    let shows = |line: &str| metrics.encode().lines().any(|one| one == line);
    assert!(shows("db_pool_size 1") && shows("db_pool_in_use 0"));
    let (release, held) = std::sync::mpsc::channel::<()>();
    let (begun, began) = tokio::sync::oneshot::channel();
    let first = tokio::spawn({
        let store = store.clone();
        async move {
            let work = move |_: &rusqlite::Connection| {
                begun.send(()).unwrap();
                held.recv().unwrap();
                Ok(1)
            };
            store.read(work).await.unwrap()
        }
    });
    began.await.unwrap();
    let mut second = Box::pin(store.peek(|_| Ok(2)));
    assert!(futures_util::poll!(&mut second).is_pending());
    assert!(shows("db_pool_in_use 1") && shows("db_pool_waiting 1"), "{}", metrics.encode());
    release.send(()).unwrap();
    assert_eq!((first.await.unwrap(), second.await.unwrap()), (1, 2));
    assert!(shows("db_pool_in_use 0") && shows("db_pool_waiting 0"));
    assert!(shows("db_pool_wait_seconds_count 2") && shows("db_query_duration_seconds_count 2"));
    store.close().await;
}
