//! What a load entry's virtual users are made from, and which flow an iteration is of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::Clock;
use seaworthy_base::chance::Chance;

use crate::pacer::Timer;
use crate::program::Program;
use crate::recorder::Recorder;
use crate::tags::Tags;
use crate::timeline::SharedTimeline;
use crate::user::User;
use crate::watch::Lag;

/// What a load entry's virtual users share.
#[derive(Debug)]
pub(crate) struct Recruit {
    pub(crate) client: Arc<seaworthy_net::Options>,
    pub(crate) clock: Clock,
    pub(crate) timer: Timer,
    pub(crate) timeline: SharedTimeline,
    pub(crate) phase: Arc<str>,
    /// The entry's flows, at least one.
    pub(crate) lanes: Box<[Lane]>,
    /// Arrivals that wait, by lane.
    pub(crate) backlogs: Arc<[AtomicU64]>,
    /// What flows are picked from.
    pub(crate) seed: u64,
    /// The entry's iterations so far, where nothing else numbers them.
    pub(crate) turns: AtomicU64,
    /// Users before this entry's in the phase.
    pub(crate) first: u64,
}

/// A flow as one load entry drives it.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) program: Arc<Program>,
    /// What the flow's draws are made from.
    pub(crate) seed: u64,
    /// The next iteration's number within the flow and phase.
    pub(crate) index: Arc<AtomicU64>,
    /// Where the lane ends, of all lanes laid end to end from 0 to 1.
    pub(crate) end: f64,
    /// One for each worker.
    pub(crate) recorders: Box<[Arc<Recorder>]>,
    pub(crate) tags: Arc<Tags>,
}

/// Which flow an iteration is of, and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Turn {
    pub(crate) lane: usize,
    pub(crate) index: u64,
}

impl Recruit {
    /// Virtual user `number` of the entry, from 0, at `worker`.
    pub(crate) fn user(self: &Arc<Self>, number: u64, worker: usize) -> User {
        User::new(Arc::clone(self), number, worker)
    }

    pub(crate) fn recorder(&self, lane: usize, worker: usize) -> &Recorder {
        &self.lanes[lane].recorders[worker]
    }

    pub(crate) fn lag(&self, worker: usize) -> Lag {
        Lag::new(&self.timeline, worker, &self.phase)
    }

    /// The next iteration of the entry.
    pub(crate) fn turn(&self) -> Turn {
        // With one flow there is nothing to pick.
        let number =
            if self.lanes.len() > 1 { self.turns.fetch_add(1, Ordering::Relaxed) } else { 0 };
        self.turn_at(number)
    }

    /// Iteration `number` of the entry. The flow depends on the seed and the number only.
    pub(crate) fn turn_at(&self, number: u64) -> Turn {
        let lane = match self.lanes.len() {
            1 => 0,
            _ => self.pick(number),
        };
        Turn { lane, index: self.lanes[lane].index.fetch_add(1, Ordering::Relaxed) }
    }

    fn pick(&self, number: u64) -> usize {
        let seed = self.seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let at = Chance::seeded(seed).fraction();
        self.lanes.partition_point(|lane| lane.end <= at).min(self.lanes.len() - 1)
    }

    /// Iterations that have begun.
    pub(crate) fn started(&self) -> u64 {
        let all = self.lanes.iter().flat_map(|lane| &lane.recorders);
        all.map(|recorder| recorder.counters.started.load(Ordering::Relaxed)).sum()
    }
}

impl Lane {
    /// Virtual users.
    pub(crate) fn vus(&self) -> i64 {
        let of = |recorder: &Arc<Recorder>| recorder.counters.vus.load(Ordering::Relaxed);
        self.recorders.iter().map(of).sum()
    }
}
