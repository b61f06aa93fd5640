//! Several processes on one schema: writes are serial across them, and some do not want company.

use futures_util::future::join_all;
use seaworthy_store::{Migration, Options, Part, Result, Tx, values};

use crate::place::{numbers, open, server};
use crate::postgres;

const SCHEMA: &[Migration] = &[Migration {
    name: "total",
    sqlite: "CREATE TABLE total (n INTEGER NOT NULL) STRICT; INSERT INTO total VALUES (0)",
    postgres: "CREATE TABLE total (n BIGINT NOT NULL); INSERT INTO total VALUES (0)",
}];

fn options(address: &str) -> Options {
    Options::schema(&server(address), "tests", [Part::own(SCHEMA)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writes_of_several_nodes_do_not_overlap() {
    let address = postgres::database().await;
    // All at once: they also make the schema together.
    let stores = join_all((0..3).map(|_| open(options(&address)))).await;
    let stores: Vec<_> = stores.into_iter().map(Result::unwrap).collect();
    let add = |index: usize| {
        stores[index % 3].write(|tx: &mut Tx<'_>| -> Result<u64> {
            let n: i64 = tx.first("SELECT n FROM total", &[], |row| row.get(0))?.unwrap();
            tx.execute("UPDATE total SET n = ?1", &values![n + 1])
        })
    };
    let done = join_all((0..300).map(add)).await;
    assert!(done.iter().all(Result::is_ok));
    for store in &stores {
        assert_eq!(numbers(store, "SELECT n FROM total").await, [300]);
    }
    join_all(stores.iter().map(|store| store.close())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_wants_to_be_alone_is() {
    let address = postgres::database().await;
    let first = open(options(&address).alone()).await.unwrap();
    let second = open(options(&address).alone()).await.unwrap_err();
    assert_eq!(second.code(), "store.in_use");
    assert!(second.to_string().contains("schema tests"), "{second}");
    first.close().await;
    let second = open(options(&address).alone()).await.unwrap();
    second.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemas_of_one_database_share_connections_and_nothing_else() {
    let server = server(&postgres::database().await);
    let store = |name: &'static str| open(Options::schema(&server, name, [Part::own(SCHEMA)]));
    let (one, two) = (store("one").await.unwrap(), store("two").await.unwrap());
    let set = |n: i64| {
        move |tx: &mut Tx<'_>| -> Result<u64> { tx.execute("UPDATE total SET n = ?1", &values![n]) }
    };
    one.write(set(1)).await.unwrap();
    two.write(set(2)).await.unwrap();
    for _ in 0..20 {
        assert_eq!(numbers(&one, "SELECT n FROM total").await, [1]);
        assert_eq!(numbers(&two, "SELECT n FROM total").await, [2]);
    }
    for wrong in ["Upper", "a-b", "a;b", "pg_a", ""] {
        let refused = open(Options::schema(&server, wrong, [Part::own(SCHEMA)])).await;
        assert_eq!(refused.unwrap_err().code(), "store.address");
    }
    one.close().await;
    two.close().await;
}
