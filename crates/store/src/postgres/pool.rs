//! A server's connections: those that read, shared by all stores on it, and room for each writer's.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use seaworthy_base::Clock;
use tokio::runtime::Runtime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::address::Address;
use super::session::{Link, Session};
use crate::error::{Error, Result};
use crate::job::attempt;
use crate::metrics::Metrics;
use crate::tx::Tx;

/// How long a read waits for a connection while all of them are at work.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a connection beyond the fewest stays without work.
const IDLE: Duration = Duration::from_secs(60);

/// Most connections to a server, unless told otherwise.
pub const MOST: NonZeroUsize = NonZeroUsize::MIN.saturating_add(49);

/// Connections that are kept open without work, unless told otherwise.
pub const FEWEST: usize = 10;

/// A PostgreSQL server and this process's connections to it. Cheap to clone; clones share them.
#[derive(Clone)]
pub struct Server(Arc<Shared>);

struct Shared {
    address: Address,
    fewest: usize,
    /// As many as there may be connections.
    permits: Arc<Semaphore>,
    /// Threads without work, the last to finish first.
    idle: Mutex<Vec<Worker>>,
    /// Threads there are.
    workers: AtomicUsize,
    named: AtomicUsize,
    schemas: AtomicU32,
    clock: Clock,
}

/// A thread with a connection.
struct Worker {
    number: usize,
    jobs: mpsc::Sender<Job>,
}

/// Work for a thread, which says when it needs the thread no more.
type Job = Box<dyn FnOnce(&Runtime, std::result::Result<&mut Session, String>, &dyn Fn()) + Send>;

impl fmt::Debug for Server {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Server").field(&self.0.address.place).finish()
    }
}

impl Server {
    /// A server at this address, `postgres://user:password@host:port/database`. It is not connected
    /// to before a store is opened on it. Behind a question mark the address may say:
    ///
    /// - `sslmode`: `verify-full` (or `require`, which is the same here), or `disable`. Left out, what
    ///   leaves this machine is encrypted;
    /// - `sslrootcert`: a PEM file with the certificates to trust, rather than the system's;
    /// - `passwordfile`: a file with the password;
    /// - `host`, `port`, `user`, `dbname`, `application_name`: as libpq knows them.
    ///
    /// # Errors
    /// When the address cannot be read. The error repeats no part of it that may be secret.
    pub fn new(address: &str) -> Result<Self> {
        Self::with_connections(address, FEWEST, MOST)
    }

    /// As [`Server::new`], with as few and as many connections.
    ///
    /// # Errors
    /// As [`Server::new`].
    pub fn with_connections(address: &str, fewest: usize, most: NonZeroUsize) -> Result<Self> {
        Ok(Self(Arc::new(Shared {
            address: Address::parse(address)?,
            fewest,
            permits: Arc::new(Semaphore::new(most.get())),
            idle: Mutex::default(),
            workers: AtomicUsize::new(0),
            named: AtomicUsize::new(0),
            schemas: AtomicU32::new(1),
            clock: Clock::system(),
        })))
    }

    /// Host, port and database, without user and password.
    pub fn place(&self) -> &str {
        &self.0.address.place
    }

    pub(super) fn address(&self) -> &Address {
        &self.0.address
    }

    /// A number for a schema, by which statements prepared for its tables are told from others'.
    pub(super) fn schema_number(&self) -> u32 {
        self.0.schemas.fetch_add(1, Ordering::Relaxed)
    }

    /// A connection's place among the most, for a writer.
    pub(super) fn writers_place(&self) -> Result<OwnedSemaphorePermit> {
        Arc::clone(&self.0.permits)
            .try_acquire_owned()
            .map_err(|_| Error::Unavailable("all connections to the server are in use".into()))
    }

    /// Opens the fewest connections, so that the first reads find them.
    pub(super) fn warm(&self) {
        let room = self.0.permits.available_permits();
        while self.0.workers.load(Ordering::Relaxed) < self.0.fewest.min(room) {
            let Some(worker) = self.hire() else { break };
            self.0.idle.lock().unwrap_or_else(PoisonError::into_inner).push(worker);
        }
    }

    /// Runs `work` on one snapshot of a schema's tables.
    pub(super) async fn run<T, E, F>(
        &self,
        schema: &Schema,
        metrics: &Metrics,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        let shared = &self.0;
        let asked = shared.clock.now();
        metrics.pool_waiting.inc();
        let permit =
            tokio::time::timeout(PATIENCE, Arc::clone(&shared.permits).acquire_owned()).await;
        metrics.pool_waiting.dec();
        let Ok(Ok(_permit)) = permit else {
            return Err(
                Error::Unavailable("all connections to the server are in use".into()).into()
            );
        };
        let start = shared.clock.now();
        metrics.pool_waits.observe((start - asked).as_secs_f64());
        let idle = shared.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(worker) = idle.or_else(|| self.hire()) else {
            return Err(Error::Unavailable("no thread can be started".into()).into());
        };
        let (reply, answer) = oneshot::channel();
        let schema = schema.clone();
        let job: Job = Box::new(move |runtime, session, done| {
            let result = match session {
                Ok(session) => snapshot(runtime, session, &schema, work),
                Err(reason) => Err(Error::Unavailable(reason.into()).into()),
            };
            // Before the answer: who asks next finds this thread.
            done();
            // A caller that has gone away no longer wants to know.
            let _ = reply.send(result);
        });
        metrics.pool_in_use.inc();
        // The thread waits for jobs as long as it is on nobody's list, so one is always taken.
        let sent = worker.jobs.send(job).await;
        let result = match sent {
            Ok(()) => answer.await.ok(),
            Err(_) => None,
        };
        metrics.pool_in_use.dec();
        metrics.pool_size.set(shared.workers.load(Ordering::Relaxed) as i64);
        metrics.queries.observe((shared.clock.now() - start).as_secs_f64());
        result.unwrap_or_else(|| Err(Error::Unavailable("a read's thread was lost".into()).into()))
    }

    fn hire(&self) -> Option<Worker> {
        let number = self.0.named.fetch_add(1, Ordering::Relaxed);
        let (sender, jobs) = mpsc::channel(1);
        // The thread holds the pool weakly: with the last handle on it the threads go, too.
        let shared = Arc::downgrade(&self.0);
        let address = self.0.address.clone();
        let own = sender.downgrade();
        self.0.workers.fetch_add(1, Ordering::Relaxed);
        let started = thread::Builder::new().name("store-reader".into()).spawn(move || {
            serve(number, &address, &shared, jobs, &own);
            if let Some(shared) = shared.upgrade() {
                shared.workers.fetch_sub(1, Ordering::Relaxed);
            }
        });
        match started {
            Ok(_) => Some(Worker { number, jobs: sender }),
            Err(error) => {
                self.0.workers.fetch_sub(1, Ordering::Relaxed);
                tracing::error!(%error, "cannot start a thread that reads");
                None
            }
        }
    }
}

/// A schema among those of a server.
#[derive(Clone, Debug)]
pub(super) struct Schema {
    /// Its name, of small letters, digits and underscores.
    pub(super) name: Arc<str>,
    /// Its number among this process's.
    pub(super) number: u32,
}

fn serve(
    number: usize,
    address: &Address,
    shared: &std::sync::Weak<Shared>,
    mut jobs: mpsc::Receiver<Job>,
    own: &mpsc::WeakSender<Job>,
) {
    let done = || back(shared, number, own);
    let Ok(runtime) = super::runtime() else { return };
    let mut session = runtime.block_on(Session::connect(address)).ok();
    loop {
        let next = runtime.block_on(async { tokio::time::timeout(IDLE, jobs.recv()).await });
        let job = match next {
            Ok(Some(job)) => job,
            Ok(None) => return,
            Err(_) if shared.upgrade().is_none_or(|shared| shared.retire(number)) => return,
            Err(_) => continue,
        };
        if session.as_ref().is_none_or(Session::is_closed) {
            session = None;
            match runtime.block_on(Session::connect(address)) {
                Ok(fresh) => session = Some(fresh),
                Err(reason) => {
                    job(&runtime, Err(reason), &done);
                    continue;
                }
            }
        }
        if let Some(open) = &mut session {
            job(&runtime, Ok(open), &done);
        }
    }
}

/// Puts a thread among those without work.
fn back(shared: &std::sync::Weak<Shared>, number: usize, own: &mpsc::WeakSender<Job>) {
    let (Some(shared), Some(jobs)) = (shared.upgrade(), own.upgrade()) else { return };
    shared.idle.lock().unwrap_or_else(PoisonError::into_inner).push(Worker { number, jobs });
}

impl Shared {
    /// Takes an idle thread off the list for good, unless it is one of the fewest or has just been
    /// given work.
    fn retire(&self, number: usize) -> bool {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if self.workers.load(Ordering::Relaxed) <= self.fewest {
            return false;
        }
        let place = idle.iter().position(|worker| worker.number == number);
        place.is_some_and(|place| {
            idle.remove(place);
            true
        })
    }
}

/// One snapshot for all of the work's statements.
fn snapshot<T, E, F>(
    runtime: &Runtime,
    session: &mut Session,
    schema: &Schema,
    work: F,
) -> Result<T, E>
where
    E: From<Error>,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E>,
{
    let mut link = Link { runtime, session, schema: schema.number };
    link.send(format!(
        "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL search_path TO {}",
        schema.name
    ));
    let mut tx = Tx::postgres(link);
    let result = attempt(work, &mut tx);
    let fatal = tx.fatal();
    if let Some(link) = tx.link() {
        link.send("ROLLBACK");
    }
    match fatal {
        Some(reason) => {
            session.discard();
            Err(Error::Unavailable(reason).into())
        }
        None => result,
    }
}
