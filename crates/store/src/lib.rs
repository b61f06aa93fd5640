//! Durable rows, in an SQLite file or a PostgreSQL schema, behind one narrow interface.
//!
//! ```no_run
//! use seaworthy_store::{Error, Metrics, Migration, Options, Part, Result, Store, values};
//!
//! const MIGRATIONS: &[Migration] = &[Migration {
//!     name: "boats",
//!     sqlite: "CREATE TABLE boats (name TEXT PRIMARY KEY, crew INTEGER NOT NULL) STRICT",
//!     postgres: "CREATE TABLE boats (name TEXT PRIMARY KEY, crew BIGINT NOT NULL)",
//! }];
//!
//! # async fn example() -> Result<()> {
//! let options = Options::file("data/harbour", [Part::own(MIGRATIONS)]);
//! let store = Store::open(&options, &Metrics::default())?;
//! store
//!     .write(|tx| {
//!         tx.execute("INSERT INTO boats (name, crew) VALUES (?1, ?2)", &values!["Argo", 50])?;
//!         Ok::<_, Error>(())
//!     })
//!     .await?;
//! let crew: Option<i64> = store
//!     .read(|tx| tx.first("SELECT crew FROM boats WHERE name = ?1", &values!["Argo"], |row| row.get(0)))
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! # What holds on both databases
//!
//! - What [`Store::write`] acknowledged has been synced to disk. Writes are serial: no two overlap, also
//!   not those of several processes that share a PostgreSQL schema. Those that arrive together share a
//!   commit, never their fate.
//! - A write that was refused or that failed with anything but [`Error::Unknown`] or [`Error::Failed`]
//!   has left nothing behind. After these two it may be there or not; nothing is repeated by itself.
//! - A database that cannot be reached is [`Error::Unavailable`] at once, and is found again when it is
//!   back, by itself.
//! - A statement that failed spoils its transaction: what follows is refused, and all of it is undone,
//!   whatever the work returns.
//!
//! # SQL for both
//!
//! SQL is written once, in what both databases have in common; parameters are `?1`, `?2`. Where their
//! words differ there is one that both know:
//!
//! | rather than | write |
//! |---|---|
//! | `max(a, b)` | `CASE WHEN a > b THEN a ELSE b END` |
//! | `SET n = n + 1` in an upsert | `SET n = table.n + 1` |
//! | `active = 1` | `active`, which is `BOOLEAN` in PostgreSQL's spelling of the table |
//! | `sum(n)` | `CAST(sum(n) AS BIGINT)` |
//!
//! In PostgreSQL's spelling of a table whole numbers are `BIGINT`, truth values `BOOLEAN`, numbers with a
//! fraction `DOUBLE PRECISION`, texts `TEXT` and bytes `BYTEA`.

mod error;
mod health;
mod job;
mod metrics;
mod options;
mod postgres;
mod sqlite;
mod store;
mod tx;
mod value;

pub use error::{Error, Kind, Result};
pub use health::State;
pub use metrics::Metrics;
pub use options::{Migration, Options, Part, READERS};
pub use postgres::{FEWEST, MOST, Server};
pub use store::Store;
pub use tx::{Row, Tx};
pub use value::{FromValue, ToValue, Value};
