//! What a load entry's virtual users are made from, and which flow an iteration is of.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::chance::Chance;
use seaworthy_base::{Clock, Instant};

use crate::cast::{Cast, Turn};
use crate::counters::Counters;
use crate::load::Load;
use crate::program::Program;
use crate::recorder::Recorder;
use crate::report::LoadReport;
use crate::tags::Tags;
use crate::user::User;

/// What a load entry's virtual users share.
#[derive(Debug)]
pub(crate) struct Recruit {
    pub(crate) client: Arc<seaworthy_net::Options>,
    pub(crate) clock: Clock,
    /// The entry's flows, at least one.
    pub(crate) lanes: Box<[Lane]>,
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

impl Recruit {
    pub(crate) fn recorder(&self, lane: usize, worker: usize) -> &Recorder {
        &self.lanes[lane].recorders[worker]
    }

    fn pick(&self, number: u64) -> usize {
        let seed = self.seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let at = Chance::seeded(seed).fraction();
        self.lanes.partition_point(|lane| lane.end <= at).min(self.lanes.len() - 1)
    }
}

impl Cast for Recruit {
    type User = User;

    fn workers(&self) -> usize {
        self.lanes[0].recorders.len()
    }

    async fn user(self: Arc<Self>, number: u64, worker: usize) -> Option<User> {
        Some(User::new(self, number, worker))
    }

    fn turn(&self) -> Turn {
        // With one flow there is nothing to pick.
        let number =
            if self.lanes.len() > 1 { self.turns.fetch_add(1, Ordering::Relaxed) } else { 0 };
        self.turn_at(number)
    }

    /// The flow depends on the seed and the number only.
    fn turn_at(&self, number: u64) -> Turn {
        let lane = match self.lanes.len() {
            1 => 0,
            _ => self.pick(number),
        };
        Turn { lane, index: self.lanes[lane].index.fetch_add(1, Ordering::Relaxed) }
    }

    fn counters(&self, lane: usize, worker: usize) -> &Counters {
        &self.recorder(lane, worker).counters
    }

    fn next_index(&self, lane: usize) -> u64 {
        self.lanes[lane].index.load(Ordering::Relaxed)
    }

    fn dropped(&self, lane: usize, worker: usize, count: u64, now: Instant) {
        self.recorder(lane, worker).dropped(count, now);
    }

    fn expired(&self, turn: Turn, due: Instant, now: Instant) {
        self.recorder(turn.lane, 0).expired(due, now);
    }

    fn report(&self, load: &Load, lane: usize) -> LoadReport {
        let Lane { program, tags, .. } = &self.lanes[lane];
        let exploded = tags.exploded(|position| program.steps[position].name.clone());
        LoadReport { exploded, ..LoadReport::counted(load, lane, self.every_counters(lane)) }
    }
}
