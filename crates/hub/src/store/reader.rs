//! Reading connections: a few, each used by one piece of work at a time; who finds none free waits.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use rusqlite::Connection;
use seaworthy_base::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::Result;
use crate::metrics::{Metrics, fine_seconds};

/// The connections of one store, each of which sees only what has been committed.
#[derive(Clone, Debug)]
pub(super) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// As many as there are connections; given out in the order they were asked for.
    permits: Arc<Semaphore>,
    clock: Clock,
    in_use: Gauge,
    waiting: Gauge,
    waits: Histogram,
    queries: Histogram,
}

/// A connection on loan.
struct Loan {
    connection: Option<Connection>,
    idle: Arc<Mutex<Vec<Connection>>>,
    in_use: Gauge,
    /// Declared last: the connection is back before the next in line comes for it.
    _permit: OwnedSemaphorePermit,
}

impl Drop for Loan {
    fn drop(&mut self) {
        self.in_use.dec();
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        idle.extend(self.connection.take());
    }
}

/// Where work is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// On the caller's thread: for a few rows by their keys, which take less than handing them over.
    Here,
    /// On a thread that may block.
    Aside,
}

impl Pool {
    pub(super) fn new(connections: Vec<Connection>, metrics: &Metrics) -> Self {
        let size: Gauge =
            metrics.register("db_pool_size", "Reading connections there are", Gauge::default());
        size.set(i64::try_from(connections.len()).unwrap_or(i64::MAX));
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            idle: Arc::new(Mutex::new(connections)),
            clock: Clock::system(),
            in_use: metrics.register(
                "db_pool_in_use",
                "Reading connections at work",
                Gauge::default(),
            ),
            waiting: metrics.register(
                "db_pool_waiting",
                "Reads that wait for a connection",
                Gauge::default(),
            ),
            waits: metrics.register(
                "db_pool_wait_seconds",
                "How long a read waited for a connection",
                fine_seconds(),
            ),
            queries: metrics.register(
                "db_query_duration_seconds",
                "How long a read took once it had a connection",
                fine_seconds(),
            ),
        }
    }

    /// Runs `work` on one snapshot; none when its thread was lost.
    pub(super) async fn run<T, F>(&self, place: Place, work: F) -> Option<Result<T>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let asked = self.clock.now();
        self.waiting.inc();
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.waiting.dec();
        let permit = permit.ok()?;
        let start = self.clock.now();
        self.waits.observe((start - asked).as_secs_f64());
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        self.in_use.inc();
        let loan = Loan {
            connection,
            idle: Arc::clone(&self.idle),
            in_use: self.in_use.clone(),
            _permit: permit,
        };
        let job = move || {
            let connection = loan.connection.as_ref()?;
            let result = catch_unwind(AssertUnwindSafe(|| {
                snapshot(connection, |connection| work(connection))
            }));
            Some(
                result.unwrap_or_else(|_| Err(crate::Problem::internal(&"a read panicked").into())),
            )
        };
        let result = match place {
            Place::Here => job(),
            Place::Aside => tokio::task::spawn_blocking(job).await.ok()?,
        };
        self.queries.observe((self.clock.now() - start).as_secs_f64());
        result
    }
}

/// One snapshot for all of the work's statements.
fn snapshot<T>(connection: &Connection, work: impl FnOnce(&Connection) -> Result<T>) -> Result<T> {
    /// Ends the snapshot however the work ends.
    struct Snapshot<'a>(&'a Connection);
    impl Drop for Snapshot<'_> {
        fn drop(&mut self) {
            // There is nothing to lose: nothing was written.
            let ended = self.0.prepare_cached("ROLLBACK").and_then(|mut end| end.execute([]));
            if let Err(error) = ended {
                tracing::warn!(%error, "a reading transaction did not end");
            }
        }
    }
    connection.prepare_cached("BEGIN")?.execute([])?;
    let _snapshot = Snapshot(connection);
    work(connection)
}
