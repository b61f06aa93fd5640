//! How many calls ended, and how many failed, in the last stretch of time: ten slots that are used in turn.

use std::time::Duration;

use seaworthy_base::Instant;

/// In how many parts a window moves on. What is counted is never older than the window, and covers at
/// least nine tenths of it.
pub(super) const SLOTS: u64 = 10;

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    /// Which stretch the counts are of.
    tick: u64,
    calls: u64,
    failures: u64,
}

/// Counts over a sliding window.
#[derive(Debug)]
pub(super) struct Window {
    origin: Instant,
    /// How long a slot is, in nanoseconds.
    width: u64,
    slots: [Slot; SLOTS as usize],
}

impl Window {
    pub(super) fn new(length: Duration, origin: Instant) -> Self {
        let width = u64::try_from(length.as_nanos() / u128::from(SLOTS)).unwrap_or(u64::MAX);
        Self { origin, width: width.max(1), slots: Default::default() }
    }

    /// Counts one call that ended now.
    pub(super) fn count(&mut self, now: Instant, failed: bool) {
        let tick = self.tick(now);
        let slot = &mut self.slots[(tick % SLOTS) as usize];
        if slot.tick != tick {
            *slot = Slot { tick, calls: 0, failures: 0 };
        }
        slot.calls += 1;
        slot.failures += u64::from(failed);
    }

    /// Calls and failures within the window that ends now.
    pub(super) fn sums(&self, now: Instant) -> (u64, u64) {
        let tick = self.tick(now);
        let live = self.slots.iter().filter(|slot| slot.tick + SLOTS > tick);
        live.fold((0, 0), |(calls, failures), slot| (calls + slot.calls, failures + slot.failures))
    }

    pub(super) fn clear(&mut self) {
        self.slots = Default::default();
    }

    fn tick(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.origin).as_nanos();
        u64::try_from(since).unwrap_or(u64::MAX) / self.width
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use seaworthy_base::Clock;

    proptest! {
        /// Nothing older than the window is counted, and nothing younger than nine tenths of it left out.
        #[test]
        fn what_is_counted_is_as_old_as_the_window_at_most(
            steps in proptest::collection::vec((0_u64..300, any::<bool>()), 1..200)
        ) {
            let origin = Clock::system().now();
            let length = 1_000;
            let mut window = Window::new(Duration::from_millis(length), origin);
            let mut seen = Vec::new();
            let mut at = 0;
            for (step, failed) in steps {
                at += step;
                let now = origin + Duration::from_millis(at);
                window.count(now, failed);
                seen.push((at, failed));
                let younger = |age: u64| {
                    let within = seen.iter().filter(|(then, _)| at - then < age);
                    within.fold((0, 0), |(all, bad), (_, failed)| (all + 1, bad + u64::from(*failed)))
                };
                let (calls, failures) = window.sums(now);
                let (least, most) = (younger(length * 9 / 10), younger(length));
                prop_assert!((least.0..=most.0).contains(&calls), "{calls} not in {least:?}..={most:?}");
                prop_assert!((least.1..=most.1).contains(&failures), "{failures}: {least:?}..={most:?}");
            }
        }
    }
}
