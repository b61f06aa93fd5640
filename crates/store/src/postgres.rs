//! PostgreSQL: a schema that several processes may share, written in batches under an advisory lock.
//!
//! A store's writer is a thread with one connection; what reads are threads that all stores on a server
//! share. When the server is away, whoever asks is refused at once and the writer tries to reach it until
//! it is back. A commit whose answer was lost is never repeated: its number stands in the table
//! `commits`, written by the same transaction, and is looked up as soon as the server can be asked.

use std::sync::{Arc, mpsc as blocking};
use std::thread;

use seaworthy_base::Clock;
use tokio::sync::mpsc;

use crate::error::{Error, Result};
use crate::health::Health;
use crate::metrics::Metrics;
use crate::options::{self, Migration, Part};
use crate::store::{Reads, Store};
use crate::tx::Tx;

mod address;
mod migrate;
mod pool;
mod safe;
mod session;
mod statement;
mod tls;
mod writer;

pub use pool::{FEWEST, MOST, Server};
pub(crate) use session::Link;
pub(crate) use statement::value;

/// Where a schema is read.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    server: Server,
    schema: pool::Schema,
}

impl Reader {
    /// Runs `work` on one snapshot; refuses at once while the server is known to be away.
    pub(crate) async fn run<T, E, F>(
        &self,
        health: &Health,
        metrics: &Metrics,
        work: F,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        match health.failure() {
            Some(error) => Err(error.into()),
            None => self.server.run(&self.schema, metrics, work).await,
        }
    }
}

pub(crate) fn open(options: &options::Schema, parts: &[Part], metrics: &Metrics) -> Result<Store> {
    let server = options.server.clone();
    if !migrate::is_name(&options.name) {
        return Err(Error::Address(format!("`{}` cannot be a schema's name", options.name)));
    }
    let schema = pool::Schema { name: Arc::from(&*options.name), number: server.schema_number() };
    let health = Health::default();
    let writer = writer::Writer {
        _place: server.writers_place()?,
        server: server.clone(),
        schema: schema.clone(),
        parts: parts.to_vec(),
        alone: options.alone,
        health: health.clone(),
        metrics: metrics.clone(),
        clock: Clock::system(),
    };
    let (writes, queue) = mpsc::channel(writer::QUEUE);
    let (told, opened) = blocking::channel();
    let unstarted = |reason: String| Error::Unavailable(reason.into());
    thread::Builder::new()
        .name("store-writer".into())
        .spawn(move || writer.serve(queue, told))
        .map_err(|error| unstarted(error.to_string()))?;
    opened.recv().map_err(|_| unstarted("the writer's thread was lost".into()))??;
    server.warm();
    let reads = Reads::Schema(Reader { server, schema });
    Ok(Store { writes, reads, health, metrics: metrics.clone() })
}

/// How a step is taken; refuses one that would stop everybody else.
pub(crate) fn check(step: &Migration) -> Result<safe::Form> {
    safe::check(step.postgres).map_err(|reason| Error::Blocking { migration: step.name, reason })
}

/// A thread's own runtime.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()
}
