//! The writer thread: takes what is queued, commits it together, then answers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::thread;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::Histogram;
use rusqlite::Connection;
use seaworthy_base::Clock;
use tokio::sync::{mpsc, oneshot};

use super::file::{self, Checkpoint, Opened};
use super::{Error, Health, Result};
use crate::metrics::{Metrics, fine_seconds};

/// Most transactions in one commit. There is no added delay: while one commit syncs, the next
/// batch gathers by itself.
const BATCH: usize = 256;

/// Transactions that may wait; callers beyond wait for room.
const QUEUE: usize = 4 * BATCH;

/// The log is folded into the file when it has grown past this many bytes: beside the readers, and
/// past four times as many also against them, since readers that follow each other without a gap
/// would let it grow for ever.
const LOG: u64 = 32 << 20;

pub(super) enum Message {
    Write(Box<dyn Job>),
    Close(oneshot::Sender<()>),
}

/// One caller's transaction: run once, answered once, after the commit.
pub(super) trait Job: Send {
    /// Does the work and keeps its result; `Err` says that what it did must be undone.
    fn run(&mut self, connection: &Connection) -> std::result::Result<(), Undo>;
    /// Tells the caller: the kept result, or why nothing is certain.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

/// Why a transaction is undone.
pub(super) enum Undo {
    /// The work said no.
    Refused,
    /// The file cannot be trusted any more.
    Fatal(String),
}

struct Work<T, F> {
    work: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
}

impl Message {
    pub(super) fn write<T, F>(work: F, reply: oneshot::Sender<Result<T>>) -> Self
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        Self::Write(Box::new(Work { work: Some(work), result: None, reply }))
    }
}

impl<T, F> Job for Work<T, F>
where
    T: Send + 'static,
    F: FnOnce(&Connection) -> Result<T> + Send + 'static,
{
    fn run(&mut self, connection: &Connection) -> std::result::Result<(), Undo> {
        let Some(work) = self.work.take() else { return Ok(()) };
        let result = catch_unwind(AssertUnwindSafe(|| work(connection)));
        let (result, outcome) = match result {
            Ok(Ok(value)) => (Some(Ok(value)), Ok(())),
            Ok(Err(error)) => {
                let undo =
                    if error.is_fatal() { Undo::Fatal(error.to_string()) } else { Undo::Refused };
                (Some(Err(error)), Err(undo))
            }
            Err(_) => (None, Err(Undo::Refused)),
        };
        self.result = result;
        outcome
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(error), _) => Err(error),
            (None, Some(result)) => result,
            (None, None) => {
                Err(crate::Problem::internal(&"a transaction panicked and was undone").into())
            }
        };
        // A caller that has gone away no longer wants to know.
        let _ = self.reply.send(result);
    }
}

struct Writer {
    connection: Connection,
    health: Health,
    log: PathBuf,
    commits: Counter,
    transactions: Counter,
    batches: Histogram,
    times: Histogram,
    clock: Clock,
    queued: Gauge,
}

pub(super) fn start(
    opened: Opened,
    health: Health,
    metrics: &Metrics,
    queued: Gauge,
) -> Result<mpsc::Sender<Message>> {
    let Opened { connection, path, lock } = opened;
    let sizes = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];
    let writer = Writer {
        connection,
        health,
        log: log_of(&path),
        commits: metrics.register("store_commits", "Commits synced", Counter::default()),
        transactions: metrics.register(
            "store_transactions",
            "Transactions made durable",
            Counter::default(),
        ),
        batches: metrics.register(
            "store_batch_size",
            "Transactions per commit",
            Histogram::new(sizes),
        ),
        times: metrics.register(
            "store_commit_duration_seconds",
            "From a batch's first statement to its synced commit",
            fine_seconds(),
        ),
        clock: Clock::system(),
        queued,
    };
    let (sender, receiver) = mpsc::channel(QUEUE);
    thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || {
            let closed = writer.serve(receiver);
            // The connection is closed by now; only then may another process own the folder.
            drop(lock);
            if let Some(closed) = closed {
                let _ = closed.send(());
            }
        })
        .map_err(|source| Error::Folder { path, source })?;
    Ok(sender)
}

fn log_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push("-wal");
    name.into()
}

impl Writer {
    fn serve(self, mut queue: mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        let mut closing = None;
        while closing.is_none()
            && let Some(first) = queue.blocking_recv()
        {
            let mut batch = Vec::new();
            let mut next = Some(first);
            while let Some(message) = next.take() {
                match message {
                    Message::Write(job) => {
                        self.queued.dec();
                        batch.push(job);
                    }
                    Message::Close(reply) => {
                        queue.close();
                        closing = Some(reply);
                    }
                }
                if batch.len() < BATCH {
                    next = queue.try_recv().ok();
                }
            }
            self.commit(batch);
        }
        // Whatever a full last batch left behind.
        while let Ok(message) = queue.try_recv() {
            if let Message::Write(job) = message {
                self.queued.dec();
                self.commit(vec![job]);
            }
        }
        if self.health.failure().is_none()
            && let Err(error) = file::checkpoint(&self.connection, Checkpoint::Truncate)
        {
            self.health.fail(&format!("the last checkpoint failed: {error}"));
        }
        closing
    }

    fn commit(&self, mut batch: Vec<Box<dyn Job>>) {
        if batch.is_empty() {
            return;
        }
        let start = self.clock.now();
        let failure = self.health.failure().or_else(|| {
            self.transact(&mut batch)
                .err()
                .map(|reason| self.health.fail(&format!("a commit failed: {reason}")))
        });
        if failure.is_none() {
            self.commits.inc();
            self.transactions.inc_by(batch.len() as u64);
            self.batches.observe(batch.len() as f64);
            self.times.observe((self.clock.now() - start).as_secs_f64());
        }
        for job in batch {
            job.answer(
                failure.as_ref().map(|_| {
                    self.health.failure().unwrap_or_else(|| Error::Failed("unknown".into()))
                }),
            );
        }
        if failure.is_none() {
            self.fold();
        }
    }

    fn transact(&self, batch: &mut [Box<dyn Job>]) -> std::result::Result<(), String> {
        let say = |error: rusqlite::Error| error.to_string();
        let run = |sql| self.connection.prepare_cached(sql)?.execute([]);
        run("BEGIN IMMEDIATE").map_err(say)?;
        let outcome = batch.iter_mut().try_for_each(|job| {
            run("SAVEPOINT work").map_err(say)?;
            match job.run(&self.connection) {
                Ok(()) => {}
                Err(Undo::Refused) => {
                    run("ROLLBACK TO work").map_err(say)?;
                }
                Err(Undo::Fatal(reason)) => return Err(reason),
            }
            run("RELEASE work").map_err(say).map(|_| ())
        });
        let outcome = outcome.and_then(|()| run("COMMIT").map_err(say).map(|_| ()));
        if outcome.is_err() && !self.connection.is_autocommit() {
            // Only so that the connection can be closed; the store has failed whatever this says.
            let _ = run("ROLLBACK");
        }
        outcome
    }

    fn fold(&self) {
        let length = std::fs::metadata(&self.log).map_or(0, |log| log.len());
        let how = match length {
            0..=LOG => return,
            _ if length <= 4 * LOG => Checkpoint::Passive,
            _ => Checkpoint::Truncate,
        };
        if let Err(error) = file::checkpoint(&self.connection, how) {
            self.health.fail(&format!("a checkpoint failed: {error}"));
        }
    }
}
