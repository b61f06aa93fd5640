//! Schemas move forward only, whole steps at a time, and on PostgreSQL without stopping anybody.

use seaworthy_store::{Error, Migration, Part, Result, Tx};

use crate::place::{Place, numbers, open, server, write};
use crate::postgres;

const FIRST: Migration = Migration {
    name: "rows",
    sqlite: "CREATE TABLE rows (n INTEGER PRIMARY KEY) STRICT",
    postgres: "CREATE TABLE rows (n BIGINT PRIMARY KEY)",
};

const SCHEMA: &[Migration] = &[FIRST];

const MORE: Migration = Migration {
    name: "more",
    sqlite: "ALTER TABLE rows ADD COLUMN text TEXT",
    postgres: "ALTER TABLE rows ADD COLUMN text TEXT",
};

crate::on_both!(
    a_schema_only_moves_forward,
    a_broken_step_leaves_nothing_behind,
    lodgers_count_their_steps_apart,
);

async fn a_schema_only_moves_forward(place: Place) {
    const LATER: &[Migration] = &[FIRST, MORE];
    const OTHER: &[Migration] =
        &[Migration { name: "other", sqlite: "SELECT 1", postgres: "INSERT INTO rows VALUES (1)" }];
    let store = place.open([Part::own(SCHEMA)]).await;
    write(&store, "INSERT INTO rows (n) VALUES (1)", &[]).await.unwrap();
    store.close().await;
    drop(store);
    let other = open(place.options([Part::own(OTHER)])).await.unwrap_err();
    assert_eq!(other.code(), "store.schema");
    assert!(other.to_string().contains("version 1 is `rows`, not `other`"), "{other}");
    let store = place.open([Part::own(LATER)]).await;
    assert_eq!(numbers(&store, "SELECT n FROM rows").await, [1]);
    store.close().await;
    drop(store);
    let older = open(place.options([Part::own(SCHEMA)])).await.unwrap_err();
    assert_eq!(older.code(), "store.schema");
    assert!(older.to_string().contains("version 2"), "{older}");
}

async fn a_broken_step_leaves_nothing_behind(place: Place) {
    const BROKEN: &[Migration] = &[
        FIRST,
        Migration {
            name: "more",
            sqlite: "CREATE TABLE extra (n INTEGER) STRICT; INSERT INTO nowhere VALUES (1)",
            postgres: "CREATE TABLE extra (n BIGINT); INSERT INTO nowhere VALUES (1)",
        },
    ];
    assert_eq!(open(place.options([Part::own(BROKEN)])).await.unwrap_err().code(), "store.open");
    let store = place.open([Part::own(SCHEMA)]).await;
    let extra: Result<Option<i64>> =
        store.read(|tx| tx.first("SELECT n FROM extra", &[], |row| row.get(0))).await;
    assert_eq!(extra.unwrap_err().code(), "store.statement", "half a step was kept");
    store.close().await;
}

async fn lodgers_count_their_steps_apart(place: Place) {
    const LODGER: &[Migration] = &[Migration {
        name: "beds",
        sqlite: "CREATE TABLE beds (n INTEGER PRIMARY KEY) STRICT",
        postgres: "CREATE TABLE beds (n BIGINT PRIMARY KEY)",
    }];
    const LATER: &[Migration] = &[FIRST, MORE];
    let store = place.open([Part::own(SCHEMA), Part::of("lodger", LODGER)]).await;
    let both: Result<()> = store
        .write(|tx: &mut Tx<'_>| {
            tx.execute("INSERT INTO rows (n) VALUES (1)", &[])?;
            tx.execute("INSERT INTO beds (n) VALUES (2)", &[])?;
            Ok(())
        })
        .await;
    both.unwrap();
    store.close().await;
    drop(store);
    // The owner takes another step; the lodger's are where they were.
    let store = place.open([Part::own(LATER), Part::of("lodger", LODGER)]).await;
    assert_eq!(numbers(&store, "SELECT n FROM beds").await, [2]);
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_step_that_would_stop_others_is_not_taken() {
    const BLOCKING: &[Migration] = &[
        FIRST,
        Migration {
            name: "by text",
            sqlite: "CREATE INDEX by_n ON rows (n)",
            postgres: "CREATE INDEX by_n ON rows (n)",
        },
    ];
    let place = Place::schema().await;
    let error = open(place.options([Part::own(BLOCKING)])).await.unwrap_err();
    assert!(matches!(error, Error::Blocking { migration: "by text", .. }), "{error}");
    assert!(error.to_string().contains("CONCURRENTLY"), "{error}");
    assert_eq!(BLOCKING[1].check().unwrap_err().code(), "store.blocking_migration");
    assert!(FIRST.check().is_ok() && MORE.check().is_ok());
    // A file has one user, whom an index stops in any case.
    Place::file().open([Part::own(BLOCKING)]).await.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_index_is_built_beside_writers_and_again_when_an_attempt_has_failed() {
    const INDEXED: &[Migration] = &[
        FIRST,
        Migration {
            name: "each n of a kind once",
            sqlite: "CREATE UNIQUE INDEX by_kind ON rows (n % 10)",
            postgres: "CREATE UNIQUE INDEX CONCURRENTLY by_kind ON rows ((n % 10))",
        },
    ];
    let address = postgres::database().await;
    let place = Place::Schema(server(&address));
    let store = place.open([Part::own(SCHEMA)]).await;
    write(&store, "INSERT INTO rows (n) VALUES (1), (11)", &[]).await.unwrap();
    // Two of a kind: the attempt leaves an index behind that is not valid.
    assert_eq!(open(place.options([Part::own(INDEXED)])).await.unwrap_err().code(), "store.open");
    write(&store, "DELETE FROM rows WHERE n = 11", &[]).await.unwrap();
    // The first version is still at work, with a transaction that has begun and seen the table.
    let client = postgres::connect(&address).await.unwrap();
    let second = place.open([Part::own(INDEXED)]).await;
    write(&store, "INSERT INTO rows (n) VALUES (2)", &[]).await.unwrap();
    let twice = write(&store, "INSERT INTO rows (n) VALUES (12)", &[]).await;
    assert!(twice.unwrap_err().is_duplicate(), "the index is valid and is kept");
    let valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'tests.by_kind'::regclass";
    let row = client.query_one(valid, &[]).await.unwrap();
    assert!(row.get::<_, bool>(0));
    second.close().await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_table_that_is_locked_by_somebody_else_is_waited_for_without_holding_others_up() {
    const LATER: &[Migration] = &[FIRST, MORE];
    let address = postgres::database().await;
    let place = Place::Schema(server(&address));
    let store = place.open([Part::own(SCHEMA)]).await;
    let client = postgres::connect(&address).await.unwrap();
    // A long report: every change of the table waits for its end.
    client.batch_execute("BEGIN; SELECT * FROM tests.rows").await.unwrap();
    let opening = tokio::spawn(open(place.options([Part::own(LATER)])));
    let waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'
                   AND query LIKE '%ADD COLUMN%'";
    let watcher = postgres::connect(&address).await.unwrap();
    let watcher = &watcher;
    crate::place::until("the change waits for its lock", || async move {
        !watcher.query(waiting, &[]).await.unwrap().is_empty()
    })
    .await;
    // It stands in line before this one, gives up after its two seconds, and lets it through.
    write(&store, "INSERT INTO rows (n) VALUES (1)", &[]).await.unwrap();
    client.batch_execute("COMMIT").await.unwrap();
    let second = opening.await.unwrap().unwrap();
    assert_eq!(numbers(&second, "SELECT count(*) FROM rows WHERE text IS NULL").await, [1]);
    second.close().await;
    store.close().await;
}
