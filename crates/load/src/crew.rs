//! The crew: worker threads, each with a runtime of its own, on which virtual users live.

use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::sync::{mpsc, watch};
use tokio::task::{AbortHandle, JoinSet};

use crate::error::Error;

/// Where virtual users run. One stays with its worker for life, so that what it waits for, its
/// connections above all, wakes it without another thread's help.
#[derive(Debug)]
pub(crate) struct Crew {
    /// Empty when all work is done in the caller's runtime.
    workers: Vec<Handle>,
    /// Dropped to send the workers home.
    at_work: Option<watch::Sender<()>>,
    /// Ends when every worker has gone home.
    home: mpsc::Receiver<()>,
}

impl Crew {
    /// One worker: the runtime of whoever calls, so that tests can pause its time.
    pub(crate) fn here() -> Self {
        Self { workers: Vec::new(), at_work: None, home: mpsc::channel(1).1 }
    }

    /// As many threads as asked for.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    pub(crate) fn threads(count: usize) -> Result<Self, Error> {
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
    pub(crate) fn len(&self) -> usize {
        self.workers.len().max(1)
    }

    /// The worker of the virtual user with this number.
    pub(crate) fn worker_of(&self, number: u64) -> usize {
        // The remainder is below a usize.
        (number % self.len() as u64) as usize
    }

    /// Starts a task on a worker.
    pub(crate) fn spawn<T: Send + 'static>(
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

    /// Sends the workers home and waits until they have closed everything they had open.
    pub(crate) async fn dismiss(mut self) {
        self.at_work = None;
        while self.home.recv().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[tokio::test]
    async fn a_task_stays_on_the_thread_of_its_worker() {
        let crew = Crew::threads(3).unwrap();
        let mut tasks = JoinSet::new();
        for number in 0..30_u64 {
            let worker = crew.worker_of(number);
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
