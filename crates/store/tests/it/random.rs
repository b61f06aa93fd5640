//! Whatever is written, both databases answer as a sorted map does.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use seaworthy_store::{Error, Migration, Part, Store, Tx, values};

use crate::place::Place;

const SCHEMA: &[Migration] = &[Migration {
    name: "entries",
    sqlite: "CREATE TABLE entries (key INTEGER PRIMARY KEY, value TEXT NOT NULL) STRICT",
    postgres: "CREATE TABLE entries (key BIGINT PRIMARY KEY, value TEXT COLLATE \"C\" NOT NULL)",
}];

/// A statement.
#[derive(Clone, Debug)]
enum Step {
    Insert(i64, String),
    Put(i64, String),
    Update(i64, String),
    Delete(i64),
    /// The work itself says no.
    Refuse,
}

type Map = BTreeMap<i64, String>;

fn step() -> impl Strategy<Value = Step> {
    let text = "[^\\x00]{0,12}";
    prop_oneof![
        3 => (0..12_i64, text).prop_map(|(key, value)| Step::Insert(key, value)),
        3 => (0..12_i64, text).prop_map(|(key, value)| Step::Put(key, value)),
        2 => (0..12_i64, text).prop_map(|(key, value)| Step::Update(key, value)),
        2 => (0..12_i64).prop_map(Step::Delete),
        1 => Just(Step::Refuse),
    ]
}

/// What a map makes of a transaction: how many entries each step changed, or nothing.
fn on_map(map: &mut Map, steps: &[Step]) -> Option<Vec<u64>> {
    let mut draft = map.clone();
    let mut changed = Vec::new();
    for step in steps {
        changed.push(match step.clone() {
            Step::Insert(key, _) if draft.contains_key(&key) => return None,
            Step::Insert(key, value) | Step::Put(key, value) => {
                draft.insert(key, value);
                1
            }
            Step::Update(key, value) => match draft.get_mut(&key) {
                Some(old) => {
                    *old = value;
                    1
                }
                None => 0,
            },
            Step::Delete(key) => draft.remove(&key).map_or(0, |_| 1),
            Step::Refuse => return None,
        });
    }
    *map = draft;
    Some(changed)
}

fn on_rows(tx: &mut Tx<'_>, steps: &[Step]) -> Result<Vec<u64>, Error> {
    let mut changed = Vec::new();
    for step in steps {
        changed.push(match step {
            Step::Insert(key, value) => {
                let sql = "INSERT INTO entries (key, value) VALUES (?1, ?2)";
                tx.execute(sql, &values![key, value])?
            }
            Step::Put(key, value) => {
                let sql = "INSERT INTO entries (key, value) VALUES (?1, ?2)
                           ON CONFLICT (key) DO UPDATE SET value = ?2";
                tx.execute(sql, &values![key, value])?
            }
            Step::Update(key, value) => {
                tx.execute("UPDATE entries SET value = ?2 WHERE key = ?1", &values![key, value])?
            }
            Step::Delete(key) => tx.execute("DELETE FROM entries WHERE key = ?1", &values![key])?,
            Step::Refuse => return Err(Error::column(0, "the work says no")),
        });
    }
    Ok(changed)
}

async fn follow(store: &Store, transactions: &[Vec<Step>]) {
    let mut map = Map::new();
    let cleared: Result<u64, Error> =
        store.write(|tx| tx.execute("DELETE FROM entries", &[])).await;
    cleared.unwrap();
    for steps in transactions {
        let expected = on_map(&mut map, steps);
        let own = steps.clone();
        let changed = store.write(move |tx| on_rows(tx, &own)).await;
        assert_eq!(changed.ok(), expected, "{steps:?}");
    }
    let sql = "SELECT key, value FROM entries ORDER BY key";
    let read = |tx: &mut Tx<'_>| tx.query(sql, &[], |row| Ok((row.get(0)?, row.get(1)?)));
    let rows: Vec<(i64, String)> = store.read(read).await.unwrap();
    assert_eq!(rows, map.into_iter().collect::<Vec<_>>());
    let sql = "SELECT value FROM entries ORDER BY value DESC, key";
    let values: Result<Vec<String>, Error> =
        store.read(move |tx| tx.query(sql, &[], |row| row.get(0))).await;
    assert!(values.unwrap().is_sorted_by(|one, next| one >= next));
}

#[test]
fn both_databases_are_a_sorted_map() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let stores = runtime.block_on(async {
        [Place::file(), Place::schema().await].map(|place| async move {
            let store = place.open([Part::own(SCHEMA)]).await;
            (place, store)
        })
    });
    let stores = runtime.block_on(futures_util::future::join_all(stores));
    let mut runner = TestRunner::new(Config { cases: 48, ..Config::default() });
    let transactions = prop::collection::vec(prop::collection::vec(step(), 0..6), 1..10);
    runner
        .run(&transactions, |transactions| {
            for (_, store) in &stores {
                runtime.block_on(follow(store, &transactions));
            }
            Ok(())
        })
        .unwrap();
    for (_, store) in &stores {
        runtime.block_on(store.close());
    }
}
