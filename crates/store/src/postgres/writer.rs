//! The writer of one schema: takes what is queued, commits it together under a lock, then answers.

use std::sync::Arc;
use std::time::Duration;

use seaworthy_base::{Clock, id};
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::migrate;
use super::pool::{Schema, Server};
use super::session::{Link, Session};
use crate::error::{Error, Result};
use crate::health::Health;
use crate::job::{Job, Message};
use crate::metrics::Metrics;
use crate::options::Part;
use crate::tx::{Failure, Tx};
use crate::values;

/// Most transactions in one commit: other nodes wait for its end.
const BATCH: usize = 64;

/// Transactions that may wait; callers beyond wait for room.
pub(super) const QUEUE: usize = 16 * BATCH;

/// How often it is tried to reach a server that is away.
const RETRY: Duration = Duration::from_millis(200);

/// How long the callers of a commit whose answer was lost wait until the server can be asked.
const UNSURE: Duration = Duration::from_secs(5);

/// A writer, not yet started.
pub(super) struct Writer {
    pub(super) server: Server,
    pub(super) schema: Schema,
    pub(super) parts: Vec<Part>,
    /// Whether no other process may write to the schema.
    pub(super) alone: bool,
    pub(super) health: Health,
    pub(super) metrics: Metrics,
    pub(super) clock: Clock,
    /// Held for the writer's connection.
    pub(super) _place: OwnedSemaphorePermit,
}

/// A writer at work, on its thread.
struct Work {
    writer: Writer,
    runtime: Runtime,
    session: Option<Session>,
    /// Names this writer in the table of commits, by which a lost answer is found out.
    name: String,
    /// The number of the latest batch.
    batch: i64,
    /// Who waits for the end.
    closing: Option<oneshot::Sender<()>>,
}

/// Why a batch was not committed.
enum Trouble {
    /// Nothing of it is there.
    Undone(Arc<str>),
    /// The answer to the commit was lost.
    Unsure(Arc<str>),
}

enum Event {
    Message(Message),
    /// The connection has ended.
    Lost(String),
    /// It is time to try again.
    Retry,
    /// Nobody holds the store any more.
    Dropped,
}

impl Writer {
    /// Connects, brings the schema up to date, and serves until told to close. `opened` is told
    /// once whether that went well.
    pub(super) fn serve(
        self,
        queue: mpsc::Receiver<Message>,
        opened: std::sync::mpsc::Sender<Result<()>>,
    ) {
        let runtime = match super::runtime() {
            Ok(runtime) => runtime,
            Err(error) => {
                let _ = opened.send(Err(Error::Unavailable(error.to_string().into())));
                return;
            }
        };
        let name = id::uuid(self.clock.wall()).to_string();
        let mut work = Work { writer: self, runtime, session: None, name, batch: 0, closing: None };
        let ready = work.open();
        let fine = ready.is_ok();
        if opened.send(ready).is_ok() && fine {
            let closed = work.serve(queue);
            // The connection, and with it every lock, is given up before anybody hears of it.
            drop(work);
            if let Some(closed) = closed {
                let _ = closed.send(());
            }
        }
    }
}

impl Work {
    fn open(&mut self) -> Result<()> {
        let mut session = self
            .runtime
            .block_on(Session::connect(self.writer.server.address()))
            .map_err(|reason| Error::Unavailable(reason.into()))?;
        let mut link = Link {
            runtime: &self.runtime,
            session: &mut session,
            schema: self.writer.schema.number,
        };
        migrate::run(&mut link, &self.writer)?;
        migrate::enrol(&mut link, &self.writer, &self.name)?;
        self.session = Some(session);
        Ok(())
    }

    fn serve(&mut self, mut queue: mpsc::Receiver<Message>) -> Option<oneshot::Sender<()>> {
        loop {
            match self.next(&mut queue) {
                Event::Dropped => return None,
                Event::Lost(reason) => self.lose(&reason),
                Event::Retry => self.reconnect(),
                Event::Message(first) => {
                    let batch = self.gather(first, &mut queue);
                    self.commit(batch, &mut queue);
                    if let Some(reply) = self.closing.take() {
                        queue.close();
                        while let Ok(Message::Write(job)) = queue.try_recv() {
                            self.writer.metrics.queued.dec();
                            self.commit(vec![job], &mut queue);
                        }
                        self.leave();
                        return Some(reply);
                    }
                }
            }
        }
    }

    /// Waits for work, for the connection's end, or, when there is none, for the next try.
    fn next(&mut self, queue: &mut mpsc::Receiver<Message>) -> Event {
        let session = &mut self.session;
        self.runtime.block_on(async {
            match session {
                Some(session) => tokio::select! {
                    biased;
                    reason = session.ended() => Event::Lost(reason),
                    message = queue.recv() => message.map_or(Event::Dropped, Event::Message),
                },
                None => match tokio::time::timeout(RETRY, queue.recv()).await {
                    Ok(message) => message.map_or(Event::Dropped, Event::Message),
                    Err(_) => Event::Retry,
                },
            }
        })
    }

    fn gather(&mut self, first: Message, queue: &mut mpsc::Receiver<Message>) -> Vec<Box<dyn Job>> {
        let mut batch = Vec::new();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                Message::Write(job) => {
                    self.writer.metrics.queued.dec();
                    batch.push(job);
                }
                Message::Close(reply) => {
                    self.closing = Some(reply);
                    break;
                }
            }
            if batch.len() < BATCH {
                next = queue.try_recv().ok();
            }
        }
        batch
    }

    fn commit(&mut self, mut batch: Vec<Box<dyn Job>>, queue: &mut mpsc::Receiver<Message>) {
        if batch.is_empty() {
            return;
        }
        let start = self.writer.clock.now();
        let failure = match self.transact(&mut batch) {
            Ok(()) => None,
            Err(Trouble::Undone(reason)) => Some(Error::Unavailable(reason)),
            Err(Trouble::Unsure(reason)) => self.find_out(&reason, queue).err(),
        };
        if failure.is_none() {
            let metrics = &self.writer.metrics;
            metrics.commits.inc();
            metrics.transactions.inc_by(batch.len() as u64);
            metrics.batches.observe(batch.len() as f64);
            metrics.commit_times.observe((self.writer.clock.now() - start).as_secs_f64());
        }
        for job in batch {
            job.answer(failure.clone());
        }
    }

    fn transact(&mut self, batch: &mut [Box<dyn Job>]) -> std::result::Result<(), Trouble> {
        let Some(session) = &mut self.session else {
            return Err(Trouble::Undone(self.writer.health.absence()));
        };
        let mut link = Link { runtime: &self.runtime, session, schema: self.writer.schema.number };
        let lock = migrate::lock(&self.writer.schema.name, migrate::Lock::Write);
        link.send(format!("BEGIN; SELECT pg_advisory_xact_lock({lock})"));
        let mut tx = Tx::postgres(link);
        let worked = batch.iter_mut().try_for_each(|job| work_on(job, &mut tx));
        let link = tx.link().expect("the transaction was made from a link");
        let number = self.batch + 1;
        let outcome = match worked.and_then(|()| link.settle().map_err(said)) {
            Err(reason) => Err(Trouble::Undone(reason)),
            // The number of the batch is committed with it. In a transaction that had gone wrong
            // unseen this statement fails, so that nothing is taken for committed that was not.
            Ok(()) => {
                let commit = format!(
                    "INSERT INTO commits (writer, batch, at) VALUES ('{}', {number}, now())
                     ON CONFLICT (writer) DO UPDATE SET batch = {number}, at = now(); COMMIT",
                    self.name
                );
                link.run(&commit).map_err(|failure| match failure {
                    Failure { fatal: true, .. } => Trouble::Unsure(said(failure)),
                    _ => Trouble::Undone(said(failure)),
                })
            }
        };
        self.batch = number;
        match &outcome {
            Ok(()) => {}
            Err(Trouble::Undone(reason) | Trouble::Unsure(reason)) => {
                let reason = Arc::clone(reason);
                self.lose(&reason);
            }
        }
        outcome
    }

    /// After a lost answer: asks the table of commits, as soon as the server can be asked. The lock
    /// that was held by the lost transaction says that this has ended, one way or the other.
    fn find_out(&mut self, reason: &str, queue: &mut mpsc::Receiver<Message>) -> Result<()> {
        let give_up = self.writer.clock.now() + UNSURE;
        loop {
            self.reconnect();
            if let Some(committed) = self.committed() {
                if committed {
                    return Ok(());
                }
                let reason = format!("the commit did not come through: {reason}");
                return Err(Error::Unavailable(reason.into()));
            }
            // Those who came before it was known that the server is away do not wait for it.
            while let Ok(message) = queue.try_recv() {
                match message {
                    Message::Write(job) => {
                        self.writer.metrics.queued.dec();
                        job.answer(Some(Error::Unavailable(self.writer.health.absence())));
                    }
                    Message::Close(reply) => self.closing = Some(reply),
                }
            }
            if self.writer.clock.now() >= give_up {
                return Err(Error::Unknown(reason.into()));
            }
            self.runtime.block_on(async { tokio::time::sleep(RETRY).await });
        }
    }

    /// Whether the latest batch is there; none when that cannot be asked now.
    fn committed(&mut self) -> Option<bool> {
        let session = self.session.as_mut()?;
        let link = Link { runtime: &self.runtime, session, schema: self.writer.schema.number };
        let mut tx = Tx::postgres(link);
        let lock = migrate::lock(&self.writer.schema.name, migrate::Lock::Write);
        tx.link()?.send(format!("BEGIN; SELECT pg_advisory_xact_lock({lock})"));
        let found: Result<Option<i64>> =
            tx.first("SELECT batch FROM commits WHERE writer = ?1", &values![self.name], |row| {
                row.get(0)
            });
        let ended = tx.link()?.run("ROLLBACK");
        match (found, ended) {
            (Ok(batch), Ok(())) => Some(batch == Some(self.batch)),
            _ => {
                self.lose("the outcome of a commit could not be asked for");
                None
            }
        }
    }

    fn lose(&mut self, reason: &str) {
        if let Some(mut session) = self.session.take() {
            session.discard();
        }
        self.writer.health.away(reason);
        // Most often it was only this connection.
        self.reconnect();
    }

    fn reconnect(&mut self) {
        if self.session.is_some() {
            return;
        }
        let connected = self.runtime.block_on(Session::connect(self.writer.server.address()));
        let mut session = match connected {
            Ok(session) => session,
            Err(reason) => return self.writer.health.away(&reason),
        };
        let mut link = Link {
            runtime: &self.runtime,
            session: &mut session,
            schema: self.writer.schema.number,
        };
        match migrate::enter(&mut link, &self.writer) {
            Ok(()) => {
                self.session = Some(session);
                self.writer.health.back();
            }
            Err(error) => self.writer.health.away(&error.to_string()),
        }
    }

    /// Takes the writer's name off the table of commits.
    fn leave(&mut self) {
        let Some(session) = &mut self.session else { return };
        let mut link = Link { runtime: &self.runtime, session, schema: self.writer.schema.number };
        let gone = link.run(&format!(
            "DELETE FROM commits WHERE writer = '{}'; SELECT pg_advisory_unlock_all()",
            self.name
        ));
        if let Err(failure) = gone {
            tracing::warn!(error = %failure.error, "a writer's mark was left behind");
        }
    }
}

fn work_on(job: &mut Box<dyn Job>, tx: &mut Tx<'_>) -> std::result::Result<(), Arc<str>> {
    tx.afresh();
    if let Some(link) = tx.link() {
        link.send("SAVEPOINT work");
    }
    let keep = job.run(tx);
    if let Some(reason) = tx.fatal() {
        return Err(reason);
    }
    if let Some(link) = tx.link() {
        link.send(if keep { "RELEASE work" } else { "ROLLBACK TO work; RELEASE work" });
    }
    Ok(())
}

fn said(failure: Failure) -> Arc<str> {
    failure.error.to_string().into()
}
