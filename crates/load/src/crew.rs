//! The crew: worker threads, each with a runtime of its own, on which virtual users live.

use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinError, JoinSet};

use crate::error::Error;

/// Where virtual users run. One stays with its worker for life, so that what it waits for, its
/// connections above all, wakes it without another thread's help.
#[derive(Debug)]
pub struct Crew {
    /// Empty when all work is done in the caller's runtime.
    workers: Vec<Handle>,
    /// Dropped to send the workers home.
    at_work: Option<watch::Sender<()>>,
    /// Ends when every worker has gone home.
    home: mpsc::Receiver<()>,
}

impl Crew {
    /// One worker: the runtime of whoever calls, so that tests can pause its time. What must stay on
    /// its thread does so only where that runtime has no other.
    pub fn here() -> Self {
        Self { workers: Vec::new(), at_work: None, home: mpsc::channel(1).1 }
    }

    /// As many threads as asked for.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub fn threads(count: usize) -> Result<Self, Error> {
        let broken = |error: std::io::Error| Error::Worker(error.to_string());
        let (at_work, working) = watch::channel(());
        let (leaving, home) = mpsc::channel(1);
        let mut workers = Vec::with_capacity(count);
        for number in 0..count {
            let runtime = Builder::new_current_thread().enable_all().build().map_err(broken)?;
            workers.push(runtime.handle().clone());
            let (mut working, leaving) = (working.clone(), leaving.clone());
            let work = move || {
                // Nothing is ever sent: this ends when the sender is dropped.
                while runtime.block_on(working.changed()).is_ok() {}
                drop(runtime);
                drop(leaving);
            };
            let name = format!("load-{number}");
            thread::Builder::new().name(name).spawn(work).map_err(broken)?;
        }
        Ok(Self { workers, at_work: Some(at_work), home })
    }

    /// How many workers there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one")]
    pub fn len(&self) -> usize {
        self.workers.len().max(1)
    }

    /// Starts a task on a worker. Ended early, the task is dropped on the worker's thread too.
    pub fn spawn<T: Send + 'static>(
        &self,
        worker: usize,
        tasks: &mut JoinSet<T>,
        task: impl Future<Output = T> + Send + 'static,
    ) -> AbortHandle {
        match self.workers.get(worker % self.len()) {
            Some(worker) => tasks.spawn_on(task, worker),
            None => tasks.spawn(task),
        }
    }

    /// Does something on a worker, as what must be done before users are, or after them. Dropped,
    /// it is cut off.
    ///
    /// # Errors
    /// When it panics.
    pub async fn run_on<T: Send + 'static>(
        &self,
        worker: usize,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, Error> {
        let mut tasks = JoinSet::new();
        self.spawn(worker, &mut tasks, task);
        let gone = || Error::Worker("it has gone home".to_owned());
        match tasks.join_next().await {
            Some(ended) => ended.map_err(|error| broken(error).unwrap_or_else(gone)),
            None => Err(gone()),
        }
    }

    /// Does something on every worker at the same time, as making users before a drive begins;
    /// what came of it, by worker. Dropped, it is cut off.
    ///
    /// # Errors
    /// When it panics on one of them; the others' is cut off then.
    pub async fn run_on_each<T: Send + 'static, F: Future<Output = T> + Send + 'static>(
        &self,
        task: impl Fn(usize) -> F,
    ) -> Result<Vec<T>, Error> {
        let mut tasks = JoinSet::new();
        for worker in 0..self.len() {
            let task = task(worker);
            self.spawn(worker, &mut tasks, async move { (worker, task.await) });
        }
        let mut done = Vec::with_capacity(self.len());
        while let Some(ended) = tasks.join_next().await {
            let gone = || Error::Worker("it has gone home".to_owned());
            done.push(ended.map_err(|error| broken(error).unwrap_or_else(gone))?);
        }
        done.sort_by_key(|(worker, _)| *worker);
        Ok(done.into_iter().map(|(_, value)| value).collect())
    }

    /// Sends the workers home and waits until they have closed everything they had open.
    pub async fn dismiss(mut self) {
        self.at_work = None;
        while self.home.recv().await.is_some() {}
    }
}

/// What is wrong with a worker whose task has not come to its end; nothing, if it was cut off.
pub(crate) fn broken(error: JoinError) -> Option<Error> {
    let panic = error.try_into_panic().ok()?;
    let message = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let message = message.or_else(|| panic.downcast_ref::<String>().cloned());
    Some(Error::Worker(message.unwrap_or_else(|| "it panicked".to_owned())))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn a_task_stays_on_the_thread_of_its_worker() {
        let crew = Crew::threads(3).unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..30 {
            let worker = number % 3;
            crew.spawn(worker, &mut tasks, async move {
                let before = thread::current().id();
                tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                assert_eq!(before, thread::current().id());
                (worker, format!("{before:?}"))
            });
        }
        let mut seen = BTreeSet::new();
        while let Some(ended) = tasks.join_next().await {
            seen.insert(ended.unwrap());
        }
        assert_eq!(seen.len(), 3, "{seen:?}");
        crew.dismiss().await;
    }

    #[tokio::test]
    async fn dismissing_waits_for_what_was_left_behind() {
        let crew = Crew::threads(2).unwrap();
        let (left, mut all_gone) = mpsc::channel::<()>(1);
        let mut tasks = JoinSet::new();
        for worker in 0..2 {
            let left = left.clone();
            crew.spawn(worker, &mut tasks, async move {
                std::future::pending::<()>().await;
                drop(left);
            });
        }
        drop(left);
        tasks.detach_all();
        crew.dismiss().await;
        assert_eq!(all_gone.try_recv(), Err(mpsc::error::TryRecvError::Disconnected));
    }
}
