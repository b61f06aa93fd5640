//! One connection to PostgreSQL, driven from the thread that owns it.
//!
//! Its thread has a runtime of its own and blocks in it, so a statement costs one round trip and no
//! handing over between threads. What needs no answer at once (`BEGIN`, `SAVEPOINT`) is sent ahead and
//! shares the round trip of the statement that follows.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::future::{Future, poll_fn};
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use futures_util::StreamExt;
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls, Statement};

use super::address::Address;
use super::statement::{spelled, told};
use crate::error::{Error, Kind, Result};
use crate::tx::{Columns, Failure, Row};
use crate::value::{Owned, Value};

/// How long a statement may take to answer, or to bring its next row. The server gives up a little
/// earlier, so that what it says is heard.
const ANSWER: Duration = Duration::from_secs(12);

/// What every connection is told first: acknowledged means synced; a statement, a lock or a
/// transaction that nobody ends does not stand in others' way for ever, nor does a process whose
/// machine is gone.
const MANNERS: &str = "SET synchronous_commit = on; SET statement_timeout = '10s'; \
     SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '15s'; SET TIME ZONE 'UTC'; \
     SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 3; SET tcp_keepalives_count = 3";

/// How many statements of one schema stay prepared.
const PREPARED: usize = 512;

/// How many answers may be outstanding.
const OUTSTANDING: usize = 256;

/// A connection.
pub(crate) struct Session {
    client: Arc<Client>,
    /// Ends when the connection does, with what was said last.
    connection: JoinHandle<String>,
    /// Prepared statements by schema: they belong to the tables they were prepared for.
    prepared: HashMap<u32, HashMap<Box<str>, Statement>>,
    /// What was sent and not yet answered, in order.
    ahead: VecDeque<Ahead>,
    /// Nothing that it says is to be waited for any more.
    broken: bool,
}

/// Something sent, whose answer comes in turn.
struct Ahead {
    answer: Sent,
    /// Whether all that follows stands on it, as on a `BEGIN`.
    essential: bool,
}

type Sent = Pin<Box<dyn Future<Output = std::result::Result<(), tokio_postgres::Error>> + Send>>;

/// A session with the runtime of its thread, in the middle of a transaction.
pub(crate) struct Link<'a> {
    pub(super) runtime: &'a Runtime,
    pub(super) session: &'a mut Session,
    /// The number of the schema whose tables are meant.
    pub(super) schema: u32,
}

impl fmt::Debug for Link<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("schema", &self.schema).finish_non_exhaustive()
    }
}

impl Session {
    /// Connects; says why not in words without secrets.
    pub(super) async fn connect(address: &Address) -> std::result::Result<Self, String> {
        let said = |error: tokio_postgres::Error| told(&error);
        let (client, connection) = match &address.tls {
            None => {
                let (client, connection) = address.config.connect(NoTls).await.map_err(said)?;
                (client, tokio::spawn(async move { ending(connection.await) }))
            }
            Some(tls) => {
                let (client, connection) =
                    address.config.connect(tls.clone()).await.map_err(said)?;
                (client, tokio::spawn(async move { ending(connection.await) }))
            }
        };
        let client = Arc::new(client);
        let mannered = tokio::time::timeout(ANSWER, client.batch_execute(MANNERS)).await;
        mannered.map_err(|_| "the server does not answer".to_owned())?.map_err(said)?;
        Ok(Self {
            client,
            connection,
            prepared: HashMap::new(),
            ahead: VecDeque::new(),
            broken: false,
        })
    }

    pub(super) fn is_closed(&self) -> bool {
        self.broken || self.client.is_closed() || self.connection.is_finished()
    }

    /// Gives the connection up, whatever is under way on it.
    pub(super) fn discard(&mut self) {
        self.broken = true;
        self.connection.abort();
    }

    /// Waits for the connection's end, and says how it came.
    pub(super) async fn ended(&mut self) -> String {
        (&mut self.connection).await.unwrap_or_else(|error| error.to_string())
    }
}

fn ending(result: std::result::Result<(), tokio_postgres::Error>) -> String {
    match result {
        Ok(()) => "the connection was closed".to_owned(),
        Err(error) => told(&error),
    }
}

impl Link<'_> {
    /// The same link, for a while.
    pub(super) fn again(&mut self) -> Link<'_> {
        Link { runtime: self.runtime, session: self.session, schema: self.schema }
    }

    /// Sends SQL without waiting; its answer is looked at with the next statement's.
    pub(super) fn send(&mut self, sql: impl Into<String>) {
        let (client, sql) = (Arc::clone(&self.session.client), sql.into());
        self.set_out(Box::pin(async move { client.batch_execute(&sql).await }), true);
    }

    /// One statement, without waiting. Its failure is told by [`Link::settle`].
    pub(crate) fn put(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> std::result::Result<(), Failure> {
        let statement = self.prepare(sql, values.len())?;
        if self.session.ahead.len() >= OUTSTANDING {
            self.settle()?;
        }
        let client = Arc::clone(&self.session.client);
        let values: Vec<Owned> = values.iter().map(Owned::from).collect();
        let answer = async move {
            let values: Vec<Value<'_>> = values.iter().map(Owned::value).collect();
            client.execute_raw(&statement, &values).await.map(drop)
        };
        self.set_out(Box::pin(answer), false);
        Ok(())
    }

    fn set_out(&mut self, mut answer: Sent, essential: bool) {
        // Polled once, it is on its way.
        let first =
            self.runtime.block_on(poll_fn(|context| Poll::Ready(answer.as_mut().poll(context))));
        if let Poll::Ready(result) = first {
            answer = Box::pin(std::future::ready(result));
        }
        self.session.ahead.push_back(Ahead { answer, essential });
    }

    /// Waits for all that was sent ahead, and tells the first failure.
    pub(crate) fn settle(&mut self) -> std::result::Result<(), Failure> {
        let mut first = Ok(());
        while let Some(Ahead { answer, essential }) = self.session.ahead.pop_front() {
            let Err(failure) = self.wait(answer) else { continue };
            let fatal = failure.fatal || essential;
            // What follows a statement that failed fails for that.
            if first.is_ok() {
                first = Err(Failure { fatal, ..failure });
            }
            if fatal {
                break;
            }
        }
        first
    }

    /// Sends SQL and waits for its end.
    pub(super) fn run(&mut self, sql: &str) -> std::result::Result<(), Failure> {
        let client = Arc::clone(&self.session.client);
        let done = self.wait(client.batch_execute(sql));
        self.settle()?;
        done
    }

    /// As [`Link::run`], however long it takes.
    pub(super) fn run_long(&mut self, sql: &str) -> std::result::Result<(), Failure> {
        self.settle()?;
        let client = Arc::clone(&self.session.client);
        Ok(self.runtime.block_on(client.batch_execute(sql))?)
    }

    /// One statement; says how many rows it changed.
    pub(crate) fn execute(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
    ) -> std::result::Result<u64, Failure> {
        let statement = self.prepare(sql, values.len())?;
        let client = Arc::clone(&self.session.client);
        let done = self.wait(client.execute_raw(&statement, values));
        self.settle()?;
        done
    }

    /// One statement; tells `each` the rows it finds.
    pub(crate) fn each<F>(
        &mut self,
        sql: &str,
        values: &[Value<'_>],
        mut each: F,
    ) -> std::result::Result<(), Failure>
    where
        F: FnMut(&Row<'_>) -> Result<ControlFlow<()>>,
    {
        let statement = self.prepare(sql, values.len())?;
        let client = Arc::clone(&self.session.client);
        let found = self.wait(client.query_raw(&statement, values));
        self.settle()?;
        let mut rows = pin!(found?);
        loop {
            let next = self.wait(async { rows.next().await.transpose() })?;
            let Some(row) = next else { return Ok(()) };
            if each(&Row(Columns::Postgres(&row)))?.is_break() {
                return Ok(());
            }
        }
    }

    fn prepare(&mut self, sql: &str, values: usize) -> std::result::Result<Statement, Failure> {
        let known = self.session.prepared.entry(self.schema).or_default();
        let statement = match known.get(sql) {
            Some(statement) => statement.clone(),
            None => {
                if known.len() >= PREPARED {
                    known.clear();
                }
                let client = Arc::clone(&self.session.client);
                let prepared = self.wait(async { client.prepare(&spelled(sql)).await });
                if prepared.is_err() {
                    self.settle()?;
                }
                let statement = prepared?;
                let known = self.session.prepared.entry(self.schema).or_default();
                known.insert(sql.into(), statement.clone());
                statement
            }
        };
        if statement.params().len() != values {
            let wanted = statement.params().len();
            let reason = format!("it has {wanted} parameters, {values} values were given");
            return Err(Error::statement(Kind::Other, reason).into());
        }
        Ok(statement)
    }

    fn wait<T>(
        &self,
        answer: impl Future<Output = std::result::Result<T, tokio_postgres::Error>>,
    ) -> std::result::Result<T, Failure> {
        let within = async { tokio::time::timeout(ANSWER, answer).await };
        match self.runtime.block_on(within) {
            Ok(result) => Ok(result?),
            Err(_) => Err(Failure {
                error: Error::statement(Kind::Other, "the server does not answer"),
                fatal: true,
            }),
        }
    }
}
