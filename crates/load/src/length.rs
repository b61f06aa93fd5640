//! A load entry made longer or shorter, or begun in its middle.

use std::time::Duration;

use seaworthy_base::Instant;

use crate::load::{Executor, Load};

impl Load {
    /// The entry with every length multiplied: start and durations, but neither rates nor graceful
    /// stops.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let mut load = self.clone();
        load.start = times(load.start, factor);
        match &mut load.executor {
            Executor::ConstantVus { duration, .. } => *duration = times(*duration, factor),
            Executor::RampingVus { stages, .. } => {
                for (length, _) in stages {
                    *length = times(*length, factor);
                }
            }
            Executor::PerVuIterations { max_duration, .. }
            | Executor::SharedIterations { max_duration, .. } => {
                *max_duration = times(*max_duration, factor);
            }
            Executor::Arrivals(arrivals) => {
                arrivals.schedule = arrivals.schedule.scaled(factor);
            }
        }
        load
    }

    /// What is left of the entry in a phase that goes on `offset` after its beginning: a ramp goes
    /// on at the height it had there, and a fixed number of iterations is less by the `begun` ones.
    /// `None` when it was over by then.
    #[must_use]
    pub fn since(&self, offset: Duration, begun: u64) -> Option<Self> {
        let mut load = self.clone();
        load.start = self.start.saturating_sub(offset);
        let gone = offset.saturating_sub(self.start);
        if gone.is_zero() {
            return Some(load);
        }
        if gone >= self.duration() {
            return None;
        }
        match &mut load.executor {
            Executor::ConstantVus { duration, .. } => *duration -= gone,
            Executor::RampingVus { start_vus, stages, .. } => {
                let mut left = gone;
                // The entry is longer than what is gone: some stage is left.
                while let Some((length, _)) = stages.first().copied().filter(|(l, _)| *l <= left) {
                    left -= length;
                    *start_vus = stages.remove(0).1;
                }
                if let Some((length, target)) = stages.first_mut() {
                    *start_vus = between(*start_vus, *target, left, *length);
                    *length -= left;
                }
            }
            Executor::PerVuIterations { vus, iterations, max_duration } => {
                // Which user made how many is not known: each counts as having made its part.
                *iterations = iterations.saturating_sub(begun / u64::from((*vus).max(1)));
                *max_duration -= gone;
                return (*iterations > 0).then_some(load);
            }
            Executor::SharedIterations { iterations, max_duration, .. } => {
                *iterations = iterations.saturating_sub(begun);
                *max_duration -= gone;
                return (*iterations > 0).then_some(load);
            }
            Executor::Arrivals(arrivals) => arrivals.schedule = arrivals.schedule.since(gone),
        }
        Some(load)
    }
}

/// As far off as anything is reckoned: 30 years. Every clock can say it, and no load lasts so long.
const FARTHEST: Duration = Duration::from_secs(30 * 365 * 86_400);

/// The duration multiplied, up to 30 years.
pub fn times(duration: Duration, factor: f64) -> Duration {
    let product = Duration::try_from_secs_f64(duration.as_secs_f64() * factor);
    product.unwrap_or(FARTHEST).min(FARTHEST)
}

/// The moment `length` after `from`, up to 30 years.
pub(crate) fn after(from: Instant, length: Duration) -> Instant {
    from.checked_add(length.min(FARTHEST)).unwrap_or(from)
}

/// The lengths together; more than fits is as long as there is.
pub(crate) fn together(lengths: impl Iterator<Item = Duration>) -> Duration {
    lengths.fold(Duration::ZERO, Duration::saturating_add)
}

/// How many virtual users a ramp has reached: whole steps only, as the ramp itself takes them.
fn between(from: u32, to: u32, gone: Duration, length: Duration) -> u32 {
    let steps = u128::from(from.abs_diff(to)) * gone.as_nanos() / length.as_nanos().max(1);
    // At most the difference of two u32.
    let steps = u32::try_from(steps).unwrap_or(u32::MAX);
    if to > from { from.saturating_add(steps) } else { from.saturating_sub(steps) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::{Arrivals, Share};
    use crate::schedule::{Ramp, Schedule};

    const SECOND: Duration = Duration::from_secs(1);

    fn load(executor: Executor) -> Load {
        let flows = vec![Share { flow: "f".to_owned(), weight: 1.0 }];
        Load { flows, start: 10 * SECOND, graceful_stop: 30 * SECOND, executor }
    }

    fn ramp(start_vus: u32, stages: &[(u32, u32)]) -> Executor {
        let stages = stages.iter().map(|(seconds, target)| (*seconds * SECOND, *target)).collect();
        Executor::RampingVus { start_vus, stages, graceful_ramp_down: 30 * SECOND }
    }

    #[test]
    fn lengths_are_scaled_and_graces_are_not() {
        let scaled = load(ramp(1, &[(100, 50), (0, 60), (200, 0)])).scaled(0.1);
        assert_eq!(scaled.start, SECOND);
        assert_eq!(scaled.graceful_stop, 30 * SECOND);
        assert_eq!(scaled.executor, ramp(1, &[(10, 50), (0, 60), (20, 0)]));
        // Nothing is too long to be reckoned with.
        assert_eq!(times(Duration::MAX, 2.0), FARTHEST);
        let now = seaworthy_base::Clock::system().now();
        assert_eq!(after(now, Duration::MAX), after(now, FARTHEST));
        assert!(after(after(now, FARTHEST), FARTHEST) > now);
        let endless = load(ramp(0, &[(u32::MAX, 1); 200])).scaled(1e12);
        assert_eq!(endless.duration(), 200 * FARTHEST);
        assert!(after(now, endless.duration()) > now);
    }

    #[test]
    fn a_ramp_goes_on_where_it_was() {
        let whole = load(ramp(0, &[(100, 50), (0, 60), (200, 0)]));
        let since =
            |seconds: u32| whole.since(seconds * SECOND, 0).map(|load| (load.start, load.executor));
        assert_eq!(since(4), Some((6 * SECOND, whole.executor.clone())));
        assert_eq!(since(61), Some((Duration::ZERO, ramp(25, &[(49, 50), (0, 60), (200, 0)]))));
        assert_eq!(since(110), Some((Duration::ZERO, ramp(60, &[(200, 0)]))));
        assert_eq!(since(210), Some((Duration::ZERO, ramp(30, &[(100, 0)]))));
        assert_eq!(since(310), None);
    }

    #[test]
    fn a_steady_entry_is_as_long_as_what_is_left() {
        let whole = load(Executor::ConstantVus { vus: 3, duration: 60 * SECOND });
        let left = whole.since(30 * SECOND, 0).unwrap();
        assert_eq!((left.start, left.duration()), (Duration::ZERO, 40 * SECOND));
        assert!(whole.since(70 * SECOND, 0).is_none());
    }

    #[test]
    fn a_fixed_number_of_iterations_is_less_by_what_was_done() {
        let shared =
            Executor::SharedIterations { vus: 4, iterations: 100, max_duration: 60 * SECOND };
        let left = load(shared).since(20 * SECOND, 30).unwrap();
        let expected =
            Executor::SharedIterations { vus: 4, iterations: 70, max_duration: 50 * SECOND };
        assert_eq!(left.executor, expected);
        let each = Executor::PerVuIterations { vus: 4, iterations: 10, max_duration: 60 * SECOND };
        assert!(load(each.clone()).since(20 * SECOND, 40).is_none());
        let left = load(each).since(20 * SECOND, 30).unwrap();
        let expected =
            Executor::PerVuIterations { vus: 4, iterations: 3, max_duration: 50 * SECOND };
        assert_eq!(left.executor, expected);
    }

    #[test]
    fn a_schedule_goes_on_at_the_rate_it_had() {
        let arrivals = |schedule| {
            let (pre_allocated_vus, max_vus, max_backlog) = (1, 2, 3);
            Executor::Arrivals(Arrivals { schedule, pre_allocated_vus, max_vus, max_backlog })
        };
        let ramp = |start, stages: &[(u32, f64)]| {
            let stages: Vec<_> = stages.iter().map(|(s, rate)| (*s * SECOND, *rate)).collect();
            arrivals(Schedule::Ramping(Ramp::new(start, SECOND, &stages)))
        };
        let whole = load(ramp(0.0, &[(100, 50.0), (100, 50.0), (100, 0.0)]));
        let since = |seconds: u32| whole.since(seconds * SECOND, 0).unwrap().executor;
        assert_eq!(since(60), ramp(25.0, &[(50, 50.0), (100, 50.0), (100, 0.0)]));
        assert_eq!(since(110), ramp(50.0, &[(100, 50.0), (100, 0.0)]));
        let scaled = ramp(0.0, &[(10, 50.0), (10, 50.0), (10, 0.0)]);
        assert_eq!(whole.scaled(0.1).executor, scaled);
        let steady = |seconds| {
            arrivals(Schedule::Constant { rate: 7.0, unit: SECOND, duration: seconds * SECOND })
        };
        assert_eq!(load(steady(60)).since(30 * SECOND, 0).unwrap().executor, steady(40));
    }
}
