//! Reading connections: a few, each used by one piece of work at a time; who finds none free waits.

use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::metrics::gauge::Gauge;
use rusqlite::Connection;
use seaworthy_base::Clock;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::{Error, Result};
use crate::health::Health;
use crate::job::attempt;
use crate::metrics::Metrics;
use crate::tx::Tx;

/// The connections of one store, each of which sees only what has been committed.
#[derive(Clone, Debug)]
pub(crate) struct Pool {
    idle: Arc<Mutex<Vec<Connection>>>,
    /// As many as there are connections; given out in the order they were asked for.
    permits: Arc<Semaphore>,
    clock: Clock,
    metrics: Metrics,
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
pub(crate) enum Thread {
    /// On the caller's thread: for a few rows by their keys, which take less than handing them over.
    Here,
    /// On a thread that may block.
    Aside,
}

impl Pool {
    pub(super) fn new(connections: Vec<Connection>, metrics: &Metrics) -> Self {
        metrics.pool_size.set(i64::try_from(connections.len()).unwrap_or(i64::MAX));
        Self {
            permits: Arc::new(Semaphore::new(connections.len())),
            idle: Arc::new(Mutex::new(connections)),
            clock: Clock::system(),
            metrics: metrics.clone(),
        }
    }

    /// Runs `work` on one snapshot.
    pub(crate) async fn run<T, E, F>(
        &self,
        thread: Thread,
        health: &Health,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let lost = || health.fail("a read's thread was lost");
        let asked = self.clock.now();
        self.metrics.pool_waiting.inc();
        let permit = Arc::clone(&self.permits).acquire_owned().await;
        self.metrics.pool_waiting.dec();
        let permit = permit.map_err(|_| lost())?;
        let start = self.clock.now();
        self.metrics.pool_waits.observe((start - asked).as_secs_f64());
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        self.metrics.pool_in_use.inc();
        let loan = Loan {
            connection,
            idle: Arc::clone(&self.idle),
            in_use: self.metrics.pool_in_use.clone(),
            _permit: permit,
        };
        let job = move || loan.connection.as_ref().map(|connection| snapshot(connection, work));
        let done = match thread {
            Thread::Here => job(),
            Thread::Aside => tokio::task::spawn_blocking(job).await.ok().flatten(),
        };
        self.metrics.queries.observe((self.clock.now() - start).as_secs_f64());
        let (result, fatal) = done.ok_or_else(lost)?;
        match fatal {
            Some(reason) => Err(health.fail(&format!("a read failed: {reason}")).into()),
            None => result,
        }
    }
}

/// One snapshot for all of the work's statements; also says when the file cannot be trusted any more.
fn snapshot<T, E, F>(connection: &Connection, work: F) -> (Result<T, E>, Option<Arc<str>>)
where
    E: From<Error>,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E>,
{
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
    let mut tx = Tx::sqlite(connection);
    if let Err(error) = tx.execute("BEGIN", &[]) {
        return (Err(error.into()), tx.fatal());
    }
    let _snapshot = Snapshot(connection);
    let result = attempt(work, &mut tx);
    (result, tx.fatal())
}
