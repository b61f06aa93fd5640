//! A caller's work on its way through a writer: run once, answered once, after the commit.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;

use crate::error::Error;
use crate::tx::Tx;

/// What goes to a writer.
pub(crate) enum Message {
    /// A transaction.
    Write(Box<dyn Job>),
    /// Finish what is queued, give the place up, then answer.
    Close(oneshot::Sender<()>),
}

/// One caller's transaction.
pub(crate) trait Job: Send {
    /// Does the work and keeps its result. False: what it did must be undone.
    fn run(&mut self, tx: &mut Tx<'_>) -> bool;
    /// Tells the caller: the kept result, or why that is worth nothing.
    fn answer(self: Box<Self>, failure: Option<Error>);
}

struct Work<T, E, F> {
    work: Option<F>,
    result: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<T, E>>,
}

impl Message {
    pub(crate) fn write<T, E, F>(work: F, reply: oneshot::Sender<Result<T, E>>) -> Self
    where
        T: Send + 'static,
        E: From<Error> + Send + 'static,
        F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    {
        Self::Write(Box::new(Work { work: Some(work), result: None, reply }))
    }
}

impl<T, E, F> Job for Work<T, E, F>
where
    T: Send + 'static,
    E: From<Error> + Send + 'static,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> bool {
        let Some(work) = self.work.take() else { return false };
        let result = attempt(work, tx);
        let kept = result.is_ok();
        self.result = Some(result);
        kept
    }

    fn answer(self: Box<Self>, failure: Option<Error>) {
        let result = match (failure, self.result) {
            (Some(error), _) => Err(error.into()),
            (None, Some(result)) => result,
            (None, None) => Err(Error::Panicked.into()),
        };
        // A caller that has gone away no longer wants to know.
        let _ = self.reply.send(result);
    }
}

/// Does the work; fine only if no statement of it failed, whatever it made of that.
pub(crate) fn attempt<T, E, F>(work: F, tx: &mut Tx<'_>) -> Result<T, E>
where
    E: From<Error>,
    F: FnOnce(&mut Tx<'_>) -> Result<T, E>,
{
    let result = catch_unwind(AssertUnwindSafe(|| work(tx)));
    tx.finish();
    match (result, tx.spoiled()) {
        (Ok(Ok(_)), Some(error)) => Err(error.into()),
        (Ok(result), _) => result,
        (Err(_), _) => Err(Error::Panicked.into()),
    }
}
