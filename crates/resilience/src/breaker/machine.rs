//! The breaker's states and what moves it from one to the next: pure, and told the time by its caller.

use std::time::Duration;

use seaworthy_base::Instant;
use serde::Serialize;

use super::Settings;
use super::window::Window;

/// Whether calls go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// They do.
    Closed,
    /// None does, until the cooldown is over.
    Open,
    /// A few do, to see whether the dependency is back.
    HalfOpen,
}

impl State {
    /// `closed`, `open` or `half_open`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
        }
    }
}

/// What a call that ended says of the dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    Success,
    Failure,
    /// Nothing.
    None,
}

/// A step from one state to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) from: State,
    pub(super) to: State,
    pub(super) reason: Reason,
}

/// Why the state changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// As many calls in a row failed as the threshold says.
    FailuresInARow,
    /// Too large a share of the calls in the window failed.
    ShareOfFailures,
    /// The cooldown is over.
    CooldownOver,
    /// A call that was let through to try failed.
    ProbeFailed,
    /// As many of them succeeded as the threshold says.
    ProbesSucceeded,
    /// Someone asked for it.
    Asked,
}

#[derive(Clone, Copy, Debug)]
enum Phase {
    Closed,
    Open {
        until: Instant,
    },
    HalfOpen {
        under_way: u32,
        successes: u32,
        /// When probes that have not ended by then are given up for lost.
        lease: Instant,
    },
}

/// See the module. Every change of state begins a new generation; what calls of an earlier one say is
/// not heard any more.
#[derive(Debug)]
pub(super) struct Machine {
    settings: Settings,
    phase: Phase,
    generation: u64,
    window: Window,
    failures_in_a_row: u64,
    successes_in_a_row: u64,
}

impl Machine {
    pub(super) fn new(settings: Settings, now: Instant) -> Self {
        Self {
            window: Window::new(settings.window, now),
            settings,
            phase: Phase::Closed,
            generation: 0,
            failures_in_a_row: 0,
            successes_in_a_row: 0,
        }
    }

    pub(super) fn state(&self) -> State {
        match self.phase {
            Phase::Closed => State::Closed,
            Phase::Open { .. } => State::Open,
            Phase::HalfOpen { .. } => State::HalfOpen,
        }
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation
    }

    /// Failures and successes in a row.
    pub(super) fn row(&self) -> (u64, u64) {
        (self.failures_in_a_row, self.successes_in_a_row)
    }

    /// Calls and failures in the window.
    pub(super) fn sums(&self, now: Instant) -> (u64, u64) {
        self.window.sums(now)
    }

    /// How long until a call may be let through; none when one may be at once.
    pub(super) fn refusal(&self, now: Instant) -> Option<Duration> {
        match self.phase {
            Phase::Closed => None,
            Phase::Open { until } => (now < until).then(|| until - now),
            Phase::HalfOpen { under_way, lease, .. } => {
                let full = under_way >= self.settings.probes && now < lease;
                // A probe ends some time before its lease does: that is when to look again.
                full.then(|| (lease - now).min(SOON))
            }
        }
    }

    /// Lets a call through, or says how long none will be.
    pub(super) fn admit(&mut self, now: Instant) -> Result<Option<Change>, Duration> {
        if let Some(wait) = self.refusal(now) {
            return Err(wait);
        }
        let lease = now + self.settings.cooldown;
        match &mut self.phase {
            Phase::Closed => Ok(None),
            Phase::Open { .. } => {
                let probing = Phase::HalfOpen { under_way: 1, successes: 0, lease };
                Ok(Some(self.turn(probing, Reason::CooldownOver)))
            }
            Phase::HalfOpen { under_way, lease: old, .. } => {
                if *under_way >= self.settings.probes {
                    // They never ended: whoever made them is gone without a word. Without this the
                    // circuit would stay half open, and full, for ever.
                    *under_way = 0;
                    self.generation += 1;
                }
                *under_way += 1;
                *old = lease;
                Ok(None)
            }
        }
    }

    /// Hears how a call of this generation ended.
    pub(super) fn record(
        &mut self,
        generation: u64,
        judgement: Judgement,
        now: Instant,
    ) -> Option<Change> {
        if generation != self.generation {
            return None;
        }
        if let Phase::HalfOpen { under_way, .. } = &mut self.phase {
            *under_way = under_way.saturating_sub(1);
        }
        let failed = match judgement {
            Judgement::None => return None,
            Judgement::Success => false,
            Judgement::Failure => true,
        };
        self.window.count(now, failed);
        if failed {
            self.failures_in_a_row += 1;
            self.successes_in_a_row = 0;
        } else {
            self.successes_in_a_row += 1;
            self.failures_in_a_row = 0;
        }
        match &mut self.phase {
            Phase::Closed if failed => self.trips(now).map(|reason| self.open(now, reason)),
            // No call is let through, so none of this generation ends.
            Phase::Closed | Phase::Open { .. } => None,
            Phase::HalfOpen { .. } if failed => Some(self.open(now, Reason::ProbeFailed)),
            Phase::HalfOpen { successes, .. } => {
                *successes += 1;
                let enough = *successes >= self.settings.success_threshold;
                enough.then(|| self.close(Reason::ProbesSucceeded))
            }
        }
    }

    /// Opens the circuit for a cooldown.
    pub(super) fn open(&mut self, now: Instant, reason: Reason) -> Change {
        self.turn(Phase::Open { until: now + self.settings.cooldown }, reason)
    }

    /// Closes the circuit and forgets what was counted.
    pub(super) fn close(&mut self, reason: Reason) -> Change {
        self.window.clear();
        self.failures_in_a_row = 0;
        self.turn(Phase::Closed, reason)
    }

    /// Why the circuit must open now, if it must.
    fn trips(&self, now: Instant) -> Option<Reason> {
        let threshold = u64::from(self.settings.failure_threshold);
        let (calls, failures) = self.window.sums(now);
        if failures < threshold {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of one window are far below 2^52")]
        let share = failures as f64 / calls.max(1) as f64;
        if self.failures_in_a_row >= threshold {
            Some(Reason::FailuresInARow)
        } else {
            (share >= self.settings.failure_share).then_some(Reason::ShareOfFailures)
        }
    }

    fn turn(&mut self, phase: Phase, reason: Reason) -> Change {
        let from = self.state();
        self.phase = phase;
        self.generation += 1;
        Change { from, to: self.state(), reason }
    }
}

/// How soon to look again when all probes are under way.
const SOON: Duration = Duration::from_secs(1);
