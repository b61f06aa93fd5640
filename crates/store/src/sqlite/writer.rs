//! The writer thread: takes what is queued, commits it together, then answers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;

use rusqlite::Connection;
use seaworthy_base::Clock;
use tokio::sync::{mpsc, oneshot};

use super::file::{self, Checkpoint, Opened};
use crate::error::{Error, Result};
use crate::health::Health;
use crate::job::{Job, Message};
use crate::metrics::Metrics;
use crate::tx::Tx;

/// Most transactions in one commit. There is no added delay: while one commit syncs, the next
/// batch gathers by itself.
const BATCH: usize = 256;

/// Transactions that may wait; callers beyond wait for room.
const QUEUE: usize = 4 * BATCH;

/// The log is folded into the file when it has grown past this many bytes: beside the readers, and
/// past four times as many also against them, since readers that follow each other without a gap
/// would let it grow for ever.
const LOG: u64 = 32 << 20;

struct Writer {
    connection: Connection,
    health: Health,
    log: PathBuf,
    metrics: Metrics,
    clock: Clock,
}

pub(super) fn start(
    opened: Opened,
    health: Health,
    metrics: &Metrics,
) -> Result<mpsc::Sender<Message>> {
    let Opened { connection, path, lock } = opened;
    let writer = Writer {
        connection,
        health,
        log: log_of(&path),
        metrics: metrics.clone(),
        clock: Clock::system(),
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
        .map_err(|source| Error::Folder { path, source: Arc::new(source) })?;
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
                        self.metrics.queued.dec();
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
                self.metrics.queued.dec();
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
            self.metrics.commits.inc();
            self.metrics.transactions.inc_by(batch.len() as u64);
            self.metrics.batches.observe(batch.len() as f64);
            self.metrics.commit_times.observe((self.clock.now() - start).as_secs_f64());
        }
        for job in batch {
            job.answer(failure.clone());
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
            let mut tx = Tx::sqlite(&self.connection);
            let keep = job.run(&mut tx);
            if let Some(reason) = tx.fatal() {
                return Err(reason.to_string());
            }
            if !keep {
                run("ROLLBACK TO work").map_err(say)?;
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
