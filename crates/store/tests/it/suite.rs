//! What holds on both databases.

use std::ops::ControlFlow;

use futures_util::future::join_all;
use seaworthy_store::{Error, Kind, Migration, Part, Result, State, Store, Tx, Value, values};

use crate::place::{Place, numbers, write};

const SCHEMA: &[Migration] = &[Migration {
    name: "rows",
    sqlite: "CREATE TABLE rows (n INTEGER PRIMARY KEY, of INTEGER REFERENCES rows (n),
               CHECK (n >= 0)) STRICT;
             CREATE TABLE kinds (id INTEGER PRIMARY KEY, whole INTEGER, part REAL, truth INTEGER,
               text TEXT, bytes BLOB) STRICT;
             CREATE TABLE total (n INTEGER NOT NULL) STRICT;
             INSERT INTO total VALUES (0);",
    postgres: "CREATE TABLE rows (n BIGINT PRIMARY KEY, of BIGINT REFERENCES rows (n),
                 CHECK (n >= 0));
               CREATE TABLE kinds (id BIGINT PRIMARY KEY, whole BIGINT, part DOUBLE PRECISION,
                 truth BOOLEAN, text TEXT COLLATE \"C\", bytes BYTEA);
               CREATE TABLE total (n BIGINT NOT NULL);
               INSERT INTO total VALUES (0);",
}];

const OWN: [Part; 1] = [Part::own(SCHEMA)];
const ROWS: &str = "SELECT n FROM rows ORDER BY n";

crate::on_both!(
    transactions_share_a_commit_but_not_their_fate,
    what_was_written_is_there_after_a_restart,
    no_two_writes_overlap,
    a_read_sees_one_snapshot_and_cannot_write,
    every_kind_of_value_comes_back,
    what_cannot_be_stored_is_refused,
    failures_say_their_kind,
    a_failed_statement_spoils_its_transaction,
    what_is_put_is_there_or_told,
    a_walk_over_rows_can_end_early,
    texts_are_ordered_by_their_bytes,
    a_wrong_column_is_an_error,
    wrong_statements_are_errors_and_nothing_else,
    a_work_that_panics_hurts_nobody_else,
    a_closed_store_takes_nothing,
);

async fn insert(store: &Store, n: i64) -> Result<u64> {
    write(store, "INSERT INTO rows (n) VALUES (?1)", &values![n].map(still)).await
}

/// Numbers and truths borrow nothing.
fn still(value: Value<'_>) -> Value<'static> {
    match value {
        Value::Integer(number) => Value::Integer(number),
        other => panic!("{other:?}"),
    }
}

async fn transactions_share_a_commit_but_not_their_fate(place: Place) {
    #[derive(Debug)]
    enum Mine {
        Odd,
        Store(Error),
    }
    impl From<Error> for Mine {
        fn from(error: Error) -> Self {
            Self::Store(error)
        }
    }
    let store = place.open(OWN).await;
    let attempts = (0..500_i64).map(|n| {
        let store = store.clone();
        async move {
            store
                .write(move |tx| {
                    tx.execute("INSERT INTO rows (n) VALUES (?1)", &values![n])?;
                    match n % 4 {
                        1 => Err(Mine::Odd),
                        2 => {
                            tx.execute("INSERT INTO rows (n) VALUES (?1)", &values![n])?;
                            Ok(n)
                        }
                        3 => panic!("a bug in one transaction"),
                        _ => Ok(n),
                    }
                })
                .await
        }
    });
    let results = join_all(attempts).await;
    for (n, result) in (0..).zip(results) {
        match (n % 4, result) {
            (0, Ok(got)) => assert_eq!(got, n),
            (1, Err(Mine::Odd)) => {}
            (2, Err(Mine::Store(error))) => assert!(error.is_duplicate(), "{error}"),
            (3, Err(Mine::Store(Error::Panicked))) => {}
            (_, other) => panic!("{n}: {other:?}"),
        }
    }
    let expected: Vec<i64> = (0..500).filter(|n| n % 4 == 0).collect();
    assert_eq!(numbers(&store, ROWS).await, expected);
    assert_eq!(store.state(), State::Serving);
    store.close().await;
}

async fn what_was_written_is_there_after_a_restart(place: Place) {
    let store = place.open(OWN).await;
    for n in 0..10 {
        insert(&store, n).await.unwrap();
    }
    store.close().await;
    drop(store);
    let store = place.open(OWN).await;
    assert_eq!(numbers(&store, ROWS).await, (0..10).collect::<Vec<_>>());
    store.close().await;
}

async fn no_two_writes_overlap(place: Place) {
    let store = place.open(OWN).await;
    let add = |_| {
        store.write(|tx| {
            let sql = "SELECT n FROM total";
            let n: i64 = tx.first(sql, &[], |row| row.get(0))?.unwrap();
            tx.execute("UPDATE total SET n = ?1", &values![n + 1])
        })
    };
    let done: Vec<Result<u64>> = join_all((0..300).map(add)).await;
    assert!(done.into_iter().all(|one| matches!(one, Ok(1))));
    assert_eq!(numbers(&store, "SELECT n FROM total").await, [300]);
    store.close().await;
}

async fn a_read_sees_one_snapshot_and_cannot_write(place: Place) {
    let store = place.open(OWN).await;
    insert(&store, 1).await.unwrap();
    let sneaky: Result<u64> = store.read(|tx| tx.execute("DELETE FROM rows", &[])).await;
    assert_eq!(sneaky.unwrap_err().code(), "store.statement");
    assert_eq!(store.state(), State::Serving, "a read that may not write says nothing of the disk");
    let (begin, begun) = std::sync::mpsc::channel();
    let (go, wait) = std::sync::mpsc::channel();
    let reading = tokio::spawn({
        let store = store.clone();
        async move {
            store
                .read(move |tx: &mut Tx<'_>| {
                    let count = "SELECT count(*) FROM rows";
                    let before: Option<i64> = tx.first(count, &[], |row| row.get(0))?;
                    begin.send(()).unwrap();
                    wait.recv().unwrap();
                    let after: Option<i64> = tx.first(count, &[], |row| row.get(0))?;
                    Ok::<_, Error>((before, after))
                })
                .await
        }
    });
    tokio::task::spawn_blocking(move || begun.recv().unwrap()).await.unwrap();
    insert(&store, 2).await.unwrap();
    go.send(()).unwrap();
    assert_eq!(reading.await.unwrap().unwrap(), (Some(1), Some(1)));
    assert_eq!(numbers(&store, ROWS).await, [1, 2]);
    store.close().await;
}

async fn every_kind_of_value_comes_back(place: Place) {
    let store = place.open(OWN).await;
    let text = "a 'quoted' \"text\" ?1 $1 -- \u{1F6A2} \r\n\t\\ %s".to_owned();
    let bytes: Vec<u8> = (0..=255).collect();
    let (given_text, given_bytes) = (text.clone(), bytes.clone());
    store
        .write(move |tx| {
            let sql = "INSERT INTO kinds (id, whole, part, truth, text, bytes)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            tx.execute(sql, &values![1, i64::MIN, -0.1, true, given_text, given_bytes])?;
            tx.execute(sql, &values![2, i64::MAX as u64, f64::MAX, false, "", [0_u8; 0]])?;
            let (no, none) = (None::<i64>, None::<String>);
            tx.execute(sql, &values![3, no, None::<f64>, None::<bool>, none, None::<Vec<u8>>])
        })
        .await
        .unwrap();
    type Kinds = (Option<i64>, Option<f64>, Option<bool>, Option<String>, Option<Vec<u8>>);
    let found: Vec<Kinds> = store
        .read(|tx| {
            let sql = "SELECT whole, part, truth, text, bytes FROM kinds ORDER BY id";
            tx.query(sql, &[], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
            })
        })
        .await
        .unwrap();
    assert_eq!(found[0], (Some(i64::MIN), Some(-0.1), Some(true), Some(text), Some(bytes)));
    let empty = (Some(String::new()), Some(Vec::new()));
    assert_eq!(found[1], (Some(i64::MAX), Some(f64::MAX), Some(false), empty.0, empty.1));
    assert_eq!(found[2], (None, None, None, None, None));
    store.close().await;
}

async fn what_cannot_be_stored_is_refused(place: Place) {
    let store = place.open(OWN).await;
    let text = "INSERT INTO kinds (id, text) VALUES (?1, ?2)";
    let whole = "INSERT INTO kinds (id, whole) VALUES (?1, ?2)";
    let part = "INSERT INTO kinds (id, part) VALUES (?1, ?2)";
    let attempts = [
        write(&store, text, &[Value::Integer(1), Value::Text("a\0b")]).await,
        write(&store, whole, &[Value::Integer(1), Value::TooLarge(u64::MAX)]).await,
        write(&store, part, &[Value::Integer(1), Value::Real(f64::NAN)]).await,
    ];
    for attempt in attempts {
        let error = attempt.unwrap_err();
        assert!(matches!(error, Error::Value { parameter: 2, .. }), "{error}");
    }
    assert!(numbers(&store, "SELECT id FROM kinds").await.is_empty());
    assert_eq!(store.state(), State::Serving);
    store.close().await;
}

async fn failures_say_their_kind(place: Place) {
    let store = place.open(OWN).await;
    insert(&store, 1).await.unwrap();
    let two = "INSERT INTO rows (n, of) VALUES (?1, ?2)";
    let kind = |result: Result<u64>| match result.unwrap_err() {
        Error::Statement { kind, .. } => kind,
        other => panic!("{other}"),
    };
    assert_eq!(kind(insert(&store, 1).await), Kind::Unique);
    assert_eq!(kind(insert(&store, -1).await), Kind::Check);
    let orphan = write(&store, two, &[Value::Integer(2), Value::Integer(9)]).await;
    assert_eq!(kind(orphan), Kind::ForeignKey);
    assert_eq!(
        kind(write(&store, "INSERT INTO total (n) VALUES (?1)", &[Value::Null]).await),
        Kind::Check
    );
    assert_eq!(kind(write(&store, "INSERT INTO nowhere VALUES (1)", &[]).await), Kind::Other);
    assert_eq!(numbers(&store, ROWS).await, [1]);
    store.close().await;
}

async fn a_failed_statement_spoils_its_transaction(place: Place) {
    let store = place.open(OWN).await;
    insert(&store, 1).await.unwrap();
    // It looks away, and says that all is well.
    let swallowed: Result<&str> = store
        .write(|tx| {
            tx.execute("INSERT INTO rows (n) VALUES (2)", &[])?;
            let first = tx.execute("INSERT INTO rows (n) VALUES (1)", &[]);
            assert!(first.unwrap_err().is_duplicate());
            assert!(tx.execute("INSERT INTO rows (n) VALUES (3)", &[]).is_err());
            Ok("fine")
        })
        .await;
    assert!(swallowed.unwrap_err().is_duplicate());
    assert_eq!(numbers(&store, ROWS).await, [1]);
    insert(&store, 2).await.unwrap();
    store.close().await;
}

async fn what_is_put_is_there_or_told(place: Place) {
    let store = place.open(OWN).await;
    const PUT: &str = "INSERT INTO rows (n) VALUES (?1)";
    let many: Result<Option<i64>> = store
        .write(|tx| {
            for n in 0..1_000_i64 {
                tx.put(PUT, &values![n])?;
            }
            tx.first("SELECT count(*) FROM rows", &[], |row| row.get(0))
        })
        .await;
    assert_eq!(many.unwrap(), Some(1_000));
    // Nobody asks after it within the work, and others share the commit.
    let attempts = (0..60_i64).map(|n| {
        let store = store.clone();
        async move {
            store
                .write(move |tx| {
                    tx.put(PUT, &values![1_000 + n])?;
                    if n % 3 == 1 {
                        tx.put(PUT, &values![0])?;
                        tx.put(PUT, &values![2_000 + n])?;
                    }
                    Ok(())
                })
                .await
        }
    });
    let told: Vec<Result<()>> = join_all(attempts).await;
    for (n, result) in (0..).zip(told) {
        match result {
            Ok(()) => assert_ne!(n % 3, 1, "{n}"),
            Err(error) => assert!(n % 3 == 1 && error.is_duplicate(), "{n}: {error}"),
        }
    }
    // The statement after it is refused for what went wrong before.
    let later: Result<Option<i64>> = store
        .write(|tx| {
            tx.put(PUT, &values![0])?;
            tx.first("SELECT count(*) FROM rows", &[], |row| row.get(0))
        })
        .await;
    assert!(later.unwrap_err().is_duplicate());
    assert_eq!(numbers(&store, "SELECT count(*) FROM rows").await, [1_040]);
    assert_eq!(store.state(), State::Serving);
    store.close().await;
}

async fn a_walk_over_rows_can_end_early(place: Place) {
    let store = place.open(OWN).await;
    join_all((0..200).map(|n| insert(&store, n))).await;
    let (seen, again): (Vec<i64>, Option<i64>) = store
        .read(|tx: &mut Tx<'_>| {
            let mut seen = Vec::new();
            tx.each(ROWS, &[], |row| {
                seen.push(row.get(0)?);
                Ok(if seen.len() < 5 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
            })?;
            let again = tx.first("SELECT count(*) FROM rows", &[], |row| row.get(0))?;
            Ok::<_, Error>((seen, again))
        })
        .await
        .unwrap();
    assert_eq!((seen, again), (vec![0, 1, 2, 3, 4], Some(200)));
    let exists = |n: i64| {
        store.peek(move |tx: &mut Tx<'_>| tx.exists("SELECT 1 FROM rows WHERE n = ?1", &values![n]))
    };
    let (there, absent): (Result<bool>, Result<bool>) = (exists(199).await, exists(200).await);
    assert_eq!((there.unwrap(), absent.unwrap()), (true, false));
    store.close().await;
}

async fn texts_are_ordered_by_their_bytes(place: Place) {
    let store = place.open(OWN).await;
    let words = ["a", "B", "b", "Z", "é", "_", "aa", ""];
    for (id, word) in (0..).zip(words) {
        let sql = "INSERT INTO kinds (id, text) VALUES (?1, ?2)";
        write(&store, sql, &[Value::Integer(id), Value::Text(word)]).await.unwrap();
    }
    let found: Result<Vec<String>> = store
        .read(|tx| tx.query("SELECT text FROM kinds ORDER BY text", &[], |row| row.get(0)))
        .await;
    let mut sorted = words;
    sorted.sort_unstable();
    assert_eq!(found.unwrap(), sorted);
    store.close().await;
}

async fn a_wrong_column_is_an_error(place: Place) {
    let store = place.open(OWN).await;
    write(&store, "INSERT INTO kinds (id, text) VALUES (1, 'x')", &[]).await.unwrap();
    let sql = "SELECT text, whole FROM kinds";
    let number: Result<Option<i64>> =
        store.read(move |tx| tx.first(sql, &[], |row| row.get(0))).await;
    let nothing: Result<Option<i64>> =
        store.read(move |tx| tx.first(sql, &[], |row| row.get(1))).await;
    let beyond: Result<Option<i64>> =
        store.read(move |tx| tx.first(sql, &[], |row| row.get(2))).await;
    for (result, place) in [(number, 0), (nothing, 1), (beyond, 2)] {
        let error = result.unwrap_err();
        assert!(matches!(error, Error::Column { column, .. } if column == place), "{error}");
    }
    assert_eq!(numbers(&store, "SELECT id FROM kinds").await, [1]);
    store.close().await;
}

async fn wrong_statements_are_errors_and_nothing_else(place: Place) {
    let store = place.open(OWN).await;
    let few: Result<u64> = write(&store, "INSERT INTO rows (n) VALUES (?1)", &[]).await;
    let many = write(&store, "INSERT INTO rows (n) VALUES (1)", &[Value::Integer(1)]).await;
    let kind = write(&store, "INSERT INTO rows (n) VALUES (?1)", &[Value::Text("one")]).await;
    let nonsense = write(&store, "NONSENSE", &[]).await;
    for wrong in [few, many, kind, nonsense] {
        assert_eq!(wrong.unwrap_err().code(), "store.statement");
    }
    let read: Result<Option<i64>> =
        store.read(|tx| tx.first("NONSENSE", &[], |row| row.get(0))).await;
    assert_eq!(read.unwrap_err().code(), "store.statement");
    assert_eq!(store.state(), State::Serving);
    insert(&store, 1).await.unwrap();
    assert_eq!(numbers(&store, ROWS).await, [1]);
    store.close().await;
}

async fn a_work_that_panics_hurts_nobody_else(place: Place) {
    let store = place.open(OWN).await;
    let read: Result<()> = store.read(|_| panic!("a bug in a read")).await;
    assert!(matches!(read, Err(Error::Panicked)));
    let write: Result<()> = store
        .write(|tx| {
            tx.execute("INSERT INTO rows (n) VALUES (1)", &[])?;
            panic!("a bug in a write")
        })
        .await;
    assert!(matches!(write, Err(Error::Panicked)));
    insert(&store, 2).await.unwrap();
    assert_eq!(numbers(&store, ROWS).await, [2]);
    store.close().await;
}

async fn a_closed_store_takes_nothing(place: Place) {
    let store = place.open(OWN).await;
    let last = insert(&store, 1);
    let (last, ()) = tokio::join!(last, store.close());
    last.unwrap();
    assert_eq!(insert(&store, 2).await.unwrap_err().code(), "store.failed");
    drop(store);
    let store = place.open(OWN).await;
    assert_eq!(numbers(&store, ROWS).await, [1]);
    store.close().await;
}
