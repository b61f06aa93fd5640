//! Reader threads: each has its own connection and sees only what has been committed.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::{Error, Result};

type Work = Box<dyn FnOnce(&Connection) + Send>;

/// Sends work to whichever reader is free. The threads end when the last clone is dropped.
#[derive(Clone, Debug)]
pub(super) struct Pool(mpsc::Sender<Work>);

impl Pool {
    pub(super) fn start(connections: impl IntoIterator<Item = Connection>) -> Result<Self> {
        let (sender, receiver) = mpsc::channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        for connection in connections {
            let receiver = Arc::clone(&receiver);
            thread::Builder::new()
                .name("store-reader".into())
                .spawn(move || {
                    loop {
                        let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
                        let Ok(work) = next else { break };
                        work(&connection);
                    }
                })
                .map_err(|source| Error::Folder { path: "store-reader".into(), source })?;
        }
        Ok(Self(sender))
    }

    /// `None` when there is no thread left to ask.
    pub(super) async fn run<T, F>(&self, work: F) -> Option<Result<T>>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = move |connection: &Connection| {
            let result = catch_unwind(AssertUnwindSafe(|| {
                // One snapshot for all of the work's statements.
                let snapshot = connection.unchecked_transaction()?;
                work(&snapshot)
            }));
            let result =
                result.unwrap_or_else(|_| Err(crate::Problem::internal(&"a read panicked").into()));
            // A caller that has gone away no longer wants to know.
            let _ = reply.send(result);
        };
        self.0.send(Box::new(job)).ok()?;
        answer.await.ok()
    }
}
