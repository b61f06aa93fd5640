//! The seam between executors and virtual users: who makes them, and what one does.

use std::sync::Arc;

use seaworthy_base::Instant;

use crate::counters::Counters;
use crate::load::Load;
use crate::report::LoadReport;

/// What a load entry's virtual users come from. Executors decide when iterations begin; a cast makes
/// the users that do them, and keeps count.
///
/// One value stands for one entry. What several entries share (a pool of users that entries take
/// from one after another, numbers that are unique over a run) is behind it.
///
/// Executors know a cast by its type, and call it without indirection: an iteration costs no box and
/// no virtual call.
pub trait Cast: Send + Sync + Sized + 'static {
    /// The virtual users.
    type User: VirtualUser;

    /// How many workers [`Cast::counters`] has a set for. A crew may have fewer, not more.
    fn workers(&self) -> usize;

    /// The worker, of `workers`, at which virtual user `number` of the entry, from 0, is to live.
    /// Asked once for each user that may live anywhere, right before [`Cast::user`] is called for it:
    /// what was set aside here can be held by the future that is returned there.
    fn worker_of(&self, number: u64, workers: usize) -> usize {
        // The remainder is below a usize.
        (number % workers.max(1) as u64) as usize
    }

    /// Makes virtual user `number` of the entry, from 0, or takes one that is idle.
    ///
    /// Called where the executor runs; what it returns is awaited, once, at `worker`, in the user's
    /// own task, and so stays on that worker's thread, like the user. What takes a while to be made
    /// should let others have their turn. It is dropped when the entry ends meanwhile.
    ///
    /// An idle user is to be taken when this is called, not when that is awaited: an entry with a
    /// fixed number of users asks for all of them before any begins, and so no two are the same.
    ///
    /// `None` when it cannot be made: the entry goes on without. The cast has said why.
    fn user(
        self: Arc<Self>,
        number: u64,
        worker: usize,
    ) -> impl Future<Output = Option<Self::User>> + Send + 'static;

    /// The next iteration of the entry, of a model in which users begin iterations when they can.
    fn turn(&self) -> Turn;

    /// Iteration `number` of the entry's schedule, from 0, in an open model. It may never begin: it
    /// may be dropped, or expire.
    fn turn_at(&self, number: u64) -> Turn;

    /// What `worker` counts for flow number `lane` of the entry. Executors count `arrivals` here,
    /// everything else is for the cast and its users to count.
    fn counters(&self, lane: usize, worker: usize) -> &Counters;

    /// The index of the flow's next iteration, for whoever goes on with the load later.
    fn next_index(&self, lane: usize) -> u64;

    /// Counts and records iterations that were to be made and never began.
    fn dropped(&self, lane: usize, worker: usize, count: u64, now: Instant);

    /// Counts and records an arrival that still waited when the graceful stop was over.
    fn expired(&self, turn: Turn, due: Instant, now: Instant);

    /// The entry's time is over and its graceful stop begins: no iteration begins any more (but for
    /// arrivals that wait), and those under way have until `deadline`; then their users are dropped.
    /// Called at most once, and not when all users have ended before.
    fn over(&self, deadline: Instant) {
        let _ = deadline;
    }

    /// What the entry did with the flow numbered `lane`.
    fn report(&self, load: &Load, lane: usize) -> LoadReport {
        LoadReport::counted(load, lane, self.every_counters(lane))
    }

    /// The counters of every worker for flow number `lane`.
    fn every_counters(&self, lane: usize) -> impl Iterator<Item = &Counters> + Clone {
        (0..self.workers()).map(move |worker| self.counters(lane, worker))
    }
}

/// A virtual user: makes iterations, one after another, on its worker's thread.
///
/// It is dropped when its entry needs it no more, or to cut it off: an iteration that is under way
/// then was interrupted, which is for its `Drop` to count.
pub trait VirtualUser: Send + 'static {
    /// Makes one iteration. `due` is when it was to begin (open models). `false` when there is none
    /// to make and never will be, which ends the user in a closed model.
    ///
    /// An iteration that never waits must still let others have their turn.
    fn iterate(&mut self, turn: Turn, due: Option<Instant>) -> impl Future<Output = bool> + Send;

    /// When the user last looked at the clock: when it was made, or its last iteration ended.
    fn now(&self) -> Instant;
}

/// Which flow an iteration is of, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// The flow, by its place in the load entry.
    pub lane: usize,
    /// The iteration's number within the flow and phase, from 0.
    pub index: u64,
}
