//! Somewhere to keep rows: a folder or a database, new and empty.

use std::num::NonZeroUsize;
use std::time::Duration;

use seaworthy_store::{Metrics, Options, Part, Result, Server, Store, Tx, Value};
use tempfile::TempDir;

use crate::postgres;

/// How long any one thing may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

pub(crate) enum Place {
    File(TempDir),
    Schema(Server),
}

impl Place {
    pub(crate) fn file() -> Self {
        Self::File(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn schema() -> Self {
        Self::Schema(server(&postgres::database().await))
    }

    pub(crate) fn options(&self, parts: impl IntoIterator<Item = Part>) -> Options {
        match self {
            Self::File(folder) => Options::file(folder.path(), parts),
            Self::Schema(server) => Options::schema(server, "tests", parts),
        }
    }

    pub(crate) async fn open(&self, parts: impl IntoIterator<Item = Part>) -> Store {
        open(self.options(parts)).await.unwrap()
    }
}

/// A server with few connections: tests run side by side.
pub(crate) fn server(address: &str) -> Server {
    Server::with_connections(address, 1, NonZeroUsize::new(8).unwrap()).unwrap()
}

pub(crate) async fn open(options: Options) -> Result<Store> {
    tokio::task::spawn_blocking(move || Store::open(&options, &Metrics::default())).await.unwrap()
}

/// One statement as a write of its own.
pub(crate) async fn write(
    store: &Store,
    sql: &'static str,
    values: &[Value<'static>],
) -> Result<u64> {
    let values = values.to_vec();
    store.write(move |tx| tx.execute(sql, &values)).await
}

/// The whole numbers in the first column.
pub(crate) async fn numbers(store: &Store, sql: &'static str) -> Vec<i64> {
    store.read(move |tx: &mut Tx<'_>| tx.query(sql, &[], |row| row.get(0))).await.unwrap()
}

/// Waits until a condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, holds: impl Fn() -> F) {
    let wait = async {
        while !holds().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, wait).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// Has each of these run on both databases.
#[macro_export]
macro_rules! on_both {
    ($($name:ident),* $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::place::Place::file()).await;
                }
            )*
        }

        mod on_postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $name() {
                    super::$name($crate::place::Place::schema().await).await;
                }
            )*
        }
    };
}
