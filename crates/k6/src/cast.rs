//! A scenario's virtual users, as the load engine drives them, and the pool they come from.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use seaworthy_base::Instant;
use seaworthy_load::{Cast, Counters, Turn, VirtualUser};
use seaworthy_metrics::TagSet;
use seaworthy_script::{Error, IN_PROMISE};
use serde_json::Value as Json;

use crate::console::Level;
use crate::machine::{Command, Iteration, Machine};
use crate::shared::{Shared, lock};
use crate::vu::Scenario;

/// All virtual users of a run. Each lives at one worker; scenarios that run one after another use
/// the same ones.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    state: Mutex<State>,
    next: AtomicU64,
    workers: usize,
}

#[derive(Default)]
struct State {
    /// Idle ones, by number and with the worker they live at.
    idle: BTreeMap<u64, (usize, Machine)>,
    /// Numbers of those that could not be cut off cleanly: they begin again with a new engine.
    lost: BTreeSet<u64>,
}

/// A virtual user that was taken out of the pool.
struct Taken {
    id: u64,
    machine: Option<Machine>,
}

impl Pool {
    pub(crate) fn new(shared: Arc<Shared>, workers: usize) -> Self {
        Self { shared, state: Mutex::default(), next: AtomicU64::new(1), workers }
    }

    /// Makes the `count` virtual users that are sure to be needed, those of one worker.
    ///
    /// # Errors
    /// What an init context threw.
    pub(crate) async fn fill(&self, worker: usize, count: u64) -> Result<(), Error> {
        let mut id = worker as u64 + 1;
        while id <= count {
            if self.shared.stop.is_cancelled() {
                return Ok(());
            }
            self.next.fetch_max(id + 1, Ordering::Relaxed);
            let machine = self.make(id, worker).await?;
            lock(&self.state).idle.insert(id, (worker, machine));
            id += self.workers as u64;
            // Others of this worker have something to do, too.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    async fn make(&self, id: u64, worker: usize) -> Result<Machine, Error> {
        let mut machine = Machine::new(Arc::clone(&self.shared), Some(worker), id)?;
        machine.init().await?;
        self.shared.counts.initialised.fetch_add(1, Ordering::Relaxed);
        Ok(machine)
    }

    /// Which worker the next virtual user lives at: an idle one's, if there is one.
    fn worker_of_next(&self, number: u64) -> usize {
        let first = lock(&self.state).idle.first_key_value().map(|(_, (worker, _))| *worker);
        first.unwrap_or((number % self.workers as u64) as usize)
    }

    /// Takes a virtual user of a worker, or a number for a new one.
    fn take(&self, worker: usize) -> Taken {
        let mut state = lock(&self.state);
        let idle = state.idle.iter().find(|(_, (home, _))| *home == worker).map(|(id, _)| *id);
        if let Some(id) = idle
            && let Some((_, machine)) = state.idle.remove(&id)
        {
            return Taken { id, machine: Some(machine) };
        }
        let lost = state.lost.pop_first();
        let id = lost.unwrap_or_else(|| self.next.fetch_add(1, Ordering::Relaxed));
        Taken { id, machine: None }
    }

    /// Lets go of the idle virtual users of a worker. To be called there.
    pub(crate) fn leave(&self, worker: usize) {
        let mut state = lock(&self.state);
        let ids: Vec<u64> =
            state.idle.iter().filter(|(_, (home, _))| *home == worker).map(|(id, _)| *id).collect();
        let gone: Vec<_> = ids.into_iter().filter_map(|id| state.idle.remove(&id)).collect();
        drop(state);
        drop(gone);
        crate::worker::Worker::leave();
    }
}

/// What makes a scenario's virtual users.
pub(crate) struct Players {
    pub(crate) shared: Arc<Shared>,
    pub(crate) scenario: Arc<Scenario>,
    pub(crate) pool: Arc<Pool>,
    /// What `setup` returned.
    pub(crate) data: Option<Arc<Json>>,
    pub(crate) workers: usize,
}

impl Cast for Players {
    type User = Player;

    fn workers(&self) -> usize {
        self.workers
    }

    fn worker_of(&self, number: u64, _: usize) -> usize {
        self.pool.worker_of_next(number)
    }

    fn user(
        self: Arc<Self>,
        _: u64,
        worker: usize,
    ) -> impl Future<Output = Option<Self::User>> + Send + 'static {
        self.begin();
        let taken = self.pool.take(worker);
        async move {
            let Taken { id, machine } = taken;
            let machine = match machine {
                Some(machine) => Ok(machine),
                None => self.pool.make(id, worker).await,
            };
            match machine {
                Ok(machine) => Some(Player::new(self, machine, id, worker)),
                Err(error) => {
                    let words = format!("a virtual user could not be made: {error}");
                    self.shared.console.say(Level::Error, &words, "");
                    None
                }
            }
        }
    }

    fn turn(&self) -> Turn {
        Turn { lane: 0, index: self.scenario.iterations.fetch_add(1, Ordering::Relaxed) }
    }

    fn turn_at(&self, _: u64) -> Turn {
        // Numbered when it begins: one that is dropped has no number, as in k6.
        Turn { lane: 0, index: 0 }
    }

    fn counters(&self, _: usize, worker: usize) -> &Counters {
        &self.scenario.counters[worker % self.scenario.counters.len()]
    }

    fn next_index(&self, _: usize) -> u64 {
        self.scenario.iterations.load(Ordering::Relaxed)
    }

    fn dropped(&self, lane: usize, worker: usize, count: u64, now: Instant) {
        let counters = self.counters(lane, worker);
        counters.dropped.fetch_add(count, Ordering::Relaxed);
        self.record("dropped_iterations", count, now);
        let Some(settled) = self.shared.settled() else { return };
        let at = settled.since(now);
        let tags = self.tags();
        let metric = &self.shared.registry.builtin().dropped_iterations;
        settled.collector.shard(worker).record(at, &tags, &[(metric, count as f64)]);
        if let Some(outlet) = &settled.outlet {
            outlet.send(std::iter::once(seaworthy_metrics::Sample {
                metric: metric.clone(),
                tags,
                metadata: TagSet::empty(),
                at: self.shared.clock.wall(),
                value: count as f64,
            }));
        }
    }

    fn expired(&self, _: Turn, due: Instant, now: Instant) {
        let counters = self.counters(0, 0);
        Counters::add(&counters.expired);
        let age = now.saturating_duration_since(due).as_nanos();
        counters.note_cut(u64::try_from(age).unwrap_or(u64::MAX));
        self.record("interrupted_iterations", 1, now);
    }
}

impl Players {
    /// Notes when the scenario began.
    fn begin(&self) {
        let now = u64::try_from(self.shared.elapsed().as_nanos()).unwrap_or(u64::MAX).max(1);
        let began = &self.scenario.began;
        let _ = began.compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
    }

    /// Counts something in the timeline.
    fn record(&self, metric: &str, count: u64, now: Instant) {
        let Some(settled) = self.shared.settled() else { return };
        let tags = [("phase", settled.phase.as_str()), ("flow", self.scenario.name.as_str())];
        let key = seaworthy_stats::timeline::Key::new(metric, tags);
        settled.timeline.record_counter(&key, now, count as f64);
    }

    fn tags(&self) -> TagSet {
        let Some(settled) = self.shared.settled() else { return TagSet::empty() };
        let mut tags = TagSet::empty();
        for (name, value) in settled.options.tags.iter().flatten() {
            tags = tags.with(name, value);
        }
        for (name, value) in &self.scenario.tags {
            tags = tags.with(name, value);
        }
        match settled.system_tags.scenario {
            true => tags.with("scenario", &self.scenario.name),
            false => tags,
        }
    }
}

/// A virtual user at work in a scenario.
pub(crate) struct Player {
    cast: Arc<Players>,
    /// `None` only while it is dropped.
    machine: Option<Machine>,
    id: u64,
    worker: usize,
    now: Instant,
    /// Whether an iteration is under way, and since when.
    busy: Option<Instant>,
    /// Whether it counts as active in iterations only, as k6 has it where arrivals come at a rate.
    waits: bool,
}

impl Player {
    fn new(cast: Arc<Players>, machine: Machine, id: u64, worker: usize) -> Self {
        let now = cast.shared.clock.now();
        let waits = cast.scenario.executor.ends_with("arrival-rate");
        let player = Self { cast, machine: Some(machine), id, worker, now, busy: None, waits };
        if !waits {
            player.count(1);
        }
        player
    }

    /// Counts it among the active ones, or no longer.
    fn count(&self, by: i64) {
        self.counters().vus.fetch_add(by, Ordering::Relaxed);
        self.cast.shared.counts.active.fetch_add(by, Ordering::Relaxed);
    }

    fn counters(&self) -> &Counters {
        self.cast.counters(0, self.worker)
    }
}

impl VirtualUser for Player {
    async fn iterate(&mut self, turn: Turn, due: Option<Instant>) -> bool {
        if self.waits {
            self.count(1);
        }
        // From here on `Drop` knows that it counts.
        self.busy = Some(due.unwrap_or(self.now));
        let Some(machine) = &mut self.machine else { return false };
        let cast = &self.cast;
        let number = match due {
            Some(_) => cast.scenario.iterations.fetch_add(1, Ordering::Relaxed),
            None => turn.index,
        };
        Counters::add(&cast.counters(0, self.worker).started);
        let iteration = Iteration {
            scenario: Arc::clone(&cast.scenario),
            number,
            due,
            data: cast.data.clone(),
        };
        let result = machine.run(Command::Iterate(iteration)).await;
        self.busy = None;
        self.now = cast.shared.clock.now();
        if self.waits {
            self.count(-1);
        }
        match result {
            Ok(_) => Counters::add(&self.counters().completed),
            Err(error) => {
                let counters = self.counters();
                Counters::add(&counters.failed_iterations);
                cast.record("failed_iterations", 1, self.now);
                if cast.shared.ended().aborted.is_some() {
                    return false;
                }
                let exec = &cast.scenario.exec;
                counters.fail(exec, "exception".to_owned(), || error.to_string());
                let words = error.to_string();
                // As k6 names what it says of exceptions.
                let (hint, source) = match words.starts_with(IN_PROMISE) {
                    true => ("", ""),
                    false => (" hint=\"script exception\"", " source=stacktrace"),
                };
                let Scenario { executor, name, .. } = &*cast.scenario;
                let fields = format!("executor={executor}{hint} scenario={name}{source}");
                cast.shared.console.say(Level::Error, &words, &fields);
            }
        }
        // An iteration that never waits must still let others have their turn.
        tokio::task::coop::consume_budget().await;
        true
    }

    fn now(&self) -> Instant {
        self.now
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        let mut machine = self.machine.take();
        if !self.waits || self.busy.is_some() {
            self.count(-1);
        }
        let (cast, counters) = (&self.cast, self.counters());
        let now = cast.shared.clock.now();
        if let Some(since) = self.busy {
            Counters::add(&counters.cut);
            let age = now.saturating_duration_since(since).as_nanos();
            counters.note_cut(u64::try_from(age).unwrap_or(u64::MAX));
            cast.record("interrupted_iterations", 1, now);
            // Its script leaves where it stands; what it keeps in its modules stays.
            machine = machine.and_then(|mut machine| machine.cut().then_some(machine));
        }
        let mut state = lock(&cast.pool.state);
        match machine {
            Some(machine) => drop(state.idle.insert(self.id, (self.worker, machine))),
            // Its number is given out again.
            None => drop(state.lost.insert(self.id)),
        }
    }
}
