//! A load entry made longer or shorter, or begun in its middle.

use std::time::Duration;

use crate::load::{Executor, Load};
use crate::schedule::{Ramp, Schedule};

impl Load {
    /// The entry with every length multiplied: start and durations, but neither rates, numbers of
    /// iterations nor graceful stops.
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
            Executor::Arrivals(arrivals) => match &mut arrivals.schedule {
                Schedule::Constant { duration, .. } => *duration = times(*duration, factor),
                Schedule::Ramping(ramp) => {
                    *ramp =
                        again(ramp.legs().map(|(from, to, length)| (from, to, length * factor)));
                }
            },
        }
        load
    }

    /// What is left of the entry in a phase that goes on `offset` after its beginning: a ramp goes
    /// on at the height it had there. `None` when it was over by then. Of a fixed number of
    /// iterations nobody knows here how many are left: all are.
    #[must_use]
    pub fn since(&self, offset: Duration) -> Option<Self> {
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
            Executor::PerVuIterations { max_duration, .. }
            | Executor::SharedIterations { max_duration, .. } => *max_duration -= gone,
            Executor::Arrivals(arrivals) => match &mut arrivals.schedule {
                Schedule::Constant { duration, .. } => *duration -= gone,
                Schedule::Ramping(ramp) => *ramp = ramp_since(ramp, gone),
            },
        }
        Some(load)
    }
}

fn ramp_since(ramp: &Ramp, gone: Duration) -> Ramp {
    let mut gone = gone.as_secs_f64();
    let legs = ramp.legs().filter_map(|(from, to, length)| {
        let skipped = gone.min(length);
        gone -= skipped;
        let height = from + (to - from) * skipped / length;
        (skipped < length).then_some((height, to, length - skipped))
    });
    again(legs)
}

/// A ramp of these legs: the rates a second at their two ends, and seconds.
fn again(legs: impl Iterator<Item = (f64, f64, f64)>) -> Ramp {
    let stages: Vec<(Duration, f64)> = legs
        .flat_map(|(from, to, length)| {
            [(Duration::ZERO, from), (times(Duration::from_secs(1), length), to)]
        })
        .collect();
    Ramp::new(0.0, Duration::from_secs(1), &stages)
}

/// The duration multiplied; more than fits is as long as there is.
pub fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
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

    const SECOND: Duration = Duration::from_secs(1);

    fn load(executor: Executor) -> Load {
        Load {
            flows: vec![crate::Share { flow: "f".to_owned(), weight: 1.0 }],
            start: 10 * SECOND,
            graceful_stop: 30 * SECOND,
            executor,
        }
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
        assert_eq!(times(Duration::MAX, 2.0), Duration::MAX);
    }

    #[test]
    fn a_ramp_goes_on_where_it_was() {
        let whole = load(ramp(0, &[(100, 50), (0, 60), (200, 0)]));
        let since =
            |seconds: u32| whole.since(seconds * SECOND).map(|load| (load.start, load.executor));
        assert_eq!(since(4), Some((6 * SECOND, whole.executor.clone())));
        assert_eq!(since(61), Some((Duration::ZERO, ramp(25, &[(49, 50), (0, 60), (200, 0)]))));
        assert_eq!(since(110), Some((Duration::ZERO, ramp(60, &[(200, 0)]))));
        assert_eq!(since(210), Some((Duration::ZERO, ramp(30, &[(100, 0)]))));
        assert_eq!(since(310), None);
    }

    #[test]
    fn a_rate_goes_on_where_it_was() {
        let stages = [(100 * SECOND, 50.0), (Duration::ZERO, 60.0), (200 * SECOND, 0.0)];
        let schedule =
            |start, stages: &[(Duration, f64)]| Schedule::Ramping(Ramp::new(start, SECOND, stages));
        let arrivals = crate::Arrivals {
            schedule: schedule(0.0, &stages),
            pre_allocated_vus: 1,
            max_vus: 1,
            max_backlog: 1,
        };
        let whole = load(Executor::Arrivals(arrivals));
        let of = |load: &Load| match &load.executor {
            Executor::Arrivals(arrivals) => arrivals.schedule.clone(),
            _ => unreachable!("it drives arrivals"),
        };
        let left = [(50 * SECOND, 50.0), (Duration::ZERO, 60.0), (200 * SECOND, 0.0)];
        assert_eq!(of(&whole.since(60 * SECOND).unwrap()), schedule(25.0, &left));
        let left = [(100 * SECOND, 0.0)];
        assert_eq!(of(&whole.since(210 * SECOND).unwrap()), schedule(30.0, &left));
        let short = [(10 * SECOND, 50.0), (Duration::ZERO, 60.0), (20 * SECOND, 0.0)];
        assert_eq!(of(&whole.scaled(0.1)), schedule(0.0, &short));
    }

    #[test]
    fn a_steady_entry_is_as_long_as_what_is_left() {
        let whole = load(Executor::ConstantVus { vus: 3, duration: 60 * SECOND });
        let left = whole.since(30 * SECOND).unwrap();
        assert_eq!((left.start, left.duration()), (Duration::ZERO, 40 * SECOND));
        assert!(whole.since(70 * SECOND).is_none());
    }
}
