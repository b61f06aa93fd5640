//! When the iterations of an open model are due: computed from each one's number alone, so that
//! nothing drifts, whatever the generator did before.

use std::time::Duration;

use crate::length::times;
use crate::stripe::Stripe;

/// The moments at which iterations begin, counted from the entry's start.
#[derive(Clone, Debug, PartialEq)]
pub enum Schedule {
    /// At a fixed rate: the first at once.
    Constant {
        /// Iterations that begin per `unit`.
        rate: f64,
        /// The unit of the rate.
        unit: Duration,
        /// For how long.
        duration: Duration,
    },
    /// At a rate that follows stages: number `i`, from 0, when the rate integrated over time
    /// reaches `i + 1`, as k6 has it.
    Ramping(Ramp),
    /// One instance's part of a schedule that several make together.
    Striped {
        /// What all make.
        whole: Box<Schedule>,
        /// Which of it is the instance's own.
        stripe: Stripe,
    },
}

/// A rate that changes evenly from stage to stage.
#[derive(Clone, Debug, PartialEq)]
pub struct Ramp {
    stretches: Vec<Stretch>,
    length: Duration,
    highest: f64,
}

/// A stage that takes time.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Stretch {
    /// In seconds from the start.
    begins: f64,
    length: f64,
    /// Iterations per second at its two ends.
    from: f64,
    to: f64,
    /// Iterations due before it and until its end.
    before: f64,
    until: f64,
}

impl Ramp {
    /// From the rate at the start and each stage's length and rate at its end, all per `unit`. A
    /// stage of no length jumps.
    pub fn new(start: f64, unit: Duration, stages: &[(Duration, f64)]) -> Self {
        let unit = unit.as_secs_f64();
        let mut from = start / unit;
        Self::of(stages.iter().map(|&(length, target)| {
            let stretch = (length, from, target / unit);
            from = target / unit;
            stretch
        }))
    }

    /// From each stretch's length and the rates at its two ends, per second.
    fn of(stretches: impl Iterator<Item = (Duration, f64, f64)>) -> Self {
        let mut ramp = Self { stretches: Vec::new(), length: Duration::ZERO, highest: 0.0 };
        let mut before = 0.0;
        for (length, from, to) in stretches {
            if !length.is_zero() {
                let begins = ramp.length.as_secs_f64();
                let seconds = length.as_secs_f64();
                let until = before + seconds * (from + to) / 2.0;
                ramp.stretches.push(Stretch { begins, length: seconds, from, to, before, until });
                ramp.length = ramp.length.saturating_add(length);
                ramp.highest = ramp.highest.max(from).max(to);
                before = until;
            }
        }
        ramp
    }

    fn total(&self) -> u64 {
        // A whole number of iterations may come out a rounding error short of it.
        self.stretches.last().map_or(0, |last| (last.until * (1.0 + 1e-12) + 1e-9) as u64)
    }

    fn due(&self, number: u64) -> Duration {
        let count = (number + 1) as f64;
        let position = self.stretches.partition_point(|stretch| stretch.until < count);
        // Beyond the last by a rounding error: due at its end.
        let Some(stretch) = self.stretches.get(position) else { return self.length };
        let nanos = (stretch.begins + stretch.reaches(count)) * 1e9;
        Duration::from_nanos(nanos.round() as u64).min(self.length)
    }
}

impl Stretch {
    /// How far into the stretch the count is reached. With the rate `a + g·t` it is the root of
    /// `a·t + g·t²/2 = left`, in the form that loses no digits when `g` is small or negative.
    fn reaches(&self, count: f64) -> f64 {
        let left = count - self.before;
        let growth = (self.to - self.from) / self.length;
        let root = (self.from * self.from + 2.0 * growth * left).max(0.0).sqrt();
        (2.0 * left / (self.from + root)).clamp(0.0, self.length)
    }
}

impl Schedule {
    /// The iterations of `stripe` only, each when it is due.
    #[must_use]
    pub fn striped(self, stripe: Stripe) -> Self {
        Self::Striped { whole: Box::new(self), stripe }
    }

    /// The same rates over a length multiplied by `factor`.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        match self {
            Self::Constant { rate, unit, duration } => {
                Self::Constant { rate: *rate, unit: *unit, duration: times(*duration, factor) }
            }
            Self::Ramping(ramp) => {
                let stretches = ramp.stretches.iter();
                Self::Ramping(Ramp::of(stretches.map(|stretch| {
                    let length = Duration::from_secs_f64(stretch.length);
                    (times(length, factor), stretch.from, stretch.to)
                })))
            }
            Self::Striped { whole, stripe } => whole.scaled(factor).striped(stripe.clone()),
        }
    }

    /// What is left after `gone`, going on at the rate it had there.
    #[must_use]
    pub fn since(&self, gone: Duration) -> Self {
        match self {
            Self::Constant { rate, unit, duration } => {
                let duration = duration.saturating_sub(gone);
                Self::Constant { rate: *rate, unit: *unit, duration }
            }
            Self::Ramping(ramp) => {
                let gone = gone.as_secs_f64();
                Self::Ramping(Ramp::of(ramp.stretches.iter().filter_map(|stretch| {
                    let into = (gone - stretch.begins).max(0.0);
                    let left = stretch.length - into;
                    let growth = (stretch.to - stretch.from) / stretch.length;
                    (left > 0.0).then(|| {
                        let from = stretch.from + growth * into;
                        (Duration::from_secs_f64(left), from, stretch.to)
                    })
                })))
            }
            Self::Striped { whole, stripe } => whole.since(gone).striped(stripe.clone()),
        }
    }

    /// How many iterations are due in all.
    pub fn total(&self) -> u64 {
        match self {
            Self::Constant { duration, .. } => {
                // Near the product of rate and duration; the moments themselves decide.
                let mut count = (duration.as_secs_f64() * self.per_second()).ceil() as u64 + 1;
                while count > 0 && self.due(count - 1) >= *duration {
                    count -= 1;
                }
                count
            }
            Self::Ramping(ramp) => ramp.total(),
            Self::Striped { whole, stripe } => stripe.count(whole.total()),
        }
    }

    /// When iteration `number`, from 0, is due.
    pub fn due(&self, number: u64) -> Duration {
        match self {
            Self::Constant { rate, unit, .. } => {
                let nanos = number as f64 * (unit.as_nanos() as f64 / rate);
                Duration::from_nanos(nanos.round() as u64)
            }
            Self::Ramping(ramp) => ramp.due(number),
            Self::Striped { whole, stripe } => whole.due(stripe.number(number)),
        }
    }

    /// How long iterations begin.
    pub fn duration(&self) -> Duration {
        match self {
            Self::Constant { duration, .. } => *duration,
            Self::Ramping(ramp) => ramp.length,
            Self::Striped { whole, .. } => whole.duration(),
        }
    }

    /// Iterations per second; of a rate that changes, the mean.
    pub fn per_second(&self) -> f64 {
        match self {
            Self::Constant { rate, unit, .. } => rate / unit.as_secs_f64(),
            Self::Ramping(ramp) if ramp.length.is_zero() => 0.0,
            Self::Ramping(ramp) => ramp.total() as f64 / ramp.length.as_secs_f64(),
            Self::Striped { whole, stripe } => whole.per_second() * stripe.part(),
        }
    }

    /// The highest number of iterations per second.
    pub fn highest(&self) -> f64 {
        match self {
            Self::Constant { .. } => self.per_second(),
            Self::Ramping(ramp) => ramp.highest,
            Self::Striped { whole, stripe } => whole.highest() * stripe.part(),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn constant(rate: f64, unit: Duration, duration: Duration) -> Schedule {
        Schedule::Constant { rate, unit, duration }
    }

    fn ramping(start: f64, unit: Duration, stages: &[(u64, f64)]) -> Schedule {
        let stages: Vec<_> =
            stages.iter().map(|(ms, to)| (Duration::from_millis(*ms), *to)).collect();
        Schedule::Ramping(Ramp::new(start, unit, &stages))
    }

    fn all(schedule: &Schedule) -> Vec<f64> {
        (0..schedule.total()).map(|number| schedule.due(number).as_secs_f64()).collect()
    }

    #[test]
    fn a_constant_rate_begins_at_once_and_ends_before_its_end() {
        assert_eq!(all(&constant(4.0, SECOND, SECOND)), [0.0, 0.25, 0.5, 0.75]);
        assert_eq!(constant(3.0, SECOND, SECOND).total(), 3);
        assert_eq!(constant(60.0, 60 * SECOND, 10 * SECOND).total(), 10);
        // Less than one a second.
        assert_eq!(
            all(&constant(0.5, 60 * SECOND, 600 * SECOND)),
            [0.0, 120.0, 240.0, 360.0, 480.0]
        );
        // A day at a third of a million a second is exact to the nanosecond at its end.
        let day = constant(333_333.0, SECOND, 86_400 * SECOND);
        assert_eq!(day.total(), 333_333 * 86_400);
        assert_eq!(day.due(333_333 * 86_399), 86_399 * SECOND);
    }

    #[test]
    fn a_ramp_is_due_where_its_integral_says() {
        // 2/s for five seconds, as k6's own example: the first at half a second.
        let flat = all(&ramping(2.0, SECOND, &[(5000, 2.0)]));
        assert_eq!(flat, (1..=10).map(|count| f64::from(count) / 2.0).collect::<Vec<_>>());
        // From 0 to 10/s in 5 s: t²; 25 in all.
        let up = all(&ramping(0.0, SECOND, &[(5000, 10.0)]));
        assert_eq!(up.len(), 25);
        for (index, due) in up.iter().enumerate() {
            assert!((due - ((index + 1) as f64).sqrt()).abs() < 1e-9);
        }
        // A jump, a pause and a fraction that is carried over the pause.
        let stages = [(0, 10.0), (950, 10.0), (0, 0.0), (2000, 0.0), (0, 10.0), (1000, 10.0)];
        let jumps = all(&ramping(1.0, SECOND, &stages));
        assert_eq!(jumps.len(), 19);
        assert!((jumps[8] - 0.9).abs() < 1e-9 && (jumps[9] - 3.0).abs() < 1e-9, "{jumps:?}");
        // Nothing at all.
        assert_eq!(ramping(0.0, SECOND, &[(5000, 0.0)]).total(), 0);
    }

    /// A rate's integral, in many small steps.
    fn integrate(start: f64, stages: &[(u64, f64)], until: f64) -> f64 {
        let (mut from, mut begins, mut total) = (start, 0.0, 0.0);
        for &(ms, to) in stages {
            let length = ms as f64 / 1000.0;
            let steps = 400;
            for step in 0..steps {
                let (low, high) = (f64::from(step), f64::from(step + 1));
                let (low, high) = (low / f64::from(steps), high / f64::from(steps));
                let high = high.min(((until - begins) / length.max(1e-12)).clamp(low, 1.0));
                let middle = from + (to - from) * (low + high) / 2.0;
                total += middle * (high - low) * length;
            }
            begins += length;
            from = to;
        }
        total
    }

    proptest! {
        #[test]
        fn ramps_invert_their_integral(
            start in 0..200_u32,
            stages in prop::collection::vec((0..4000_u64, 0..200_u32), 1..6),
            picks in prop::collection::vec(0.0..1.0_f64, 5),
        ) {
            let start = f64::from(start);
            let stages: Vec<_> = stages.into_iter().map(|(ms, to)| (ms, f64::from(to))).collect();
            let schedule = ramping(start, SECOND, &stages);
            let total = schedule.total();
            let length = stages.iter().map(|(ms, _)| *ms).sum::<u64>() as f64 / 1000.0;
            let whole = integrate(start, &stages, length);
            prop_assert!((whole - total as f64) > -1e-3 && (whole - total as f64) < 1.0 + 1e-3);
            let mut before = Duration::ZERO;
            for number in 0..total {
                let due = schedule.due(number);
                prop_assert!(due >= before && due <= schedule.duration());
                before = due;
            }
            for pick in picks {
                let number = (pick * total as f64) as u64;
                if number < total {
                    let due = schedule.due(number).as_secs_f64();
                    let found = integrate(start, &stages, due);
                    prop_assert!((found - (number + 1) as f64).abs() < 1e-3, "{number}: {found}");
                }
            }
        }

        #[test]
        fn constant_rates_are_even_and_whole(
            rate in 1..5000_u32, unit in 1..120_u32, ms in 1..5000_u64,
        ) {
            let duration = Duration::from_millis(ms);
            let schedule = constant(f64::from(rate), unit * SECOND, duration);
            let total = schedule.total();
            prop_assert!(total > 0 && schedule.due(total - 1) < duration);
            prop_assert!(schedule.due(total) >= duration);
            let exact = (u128::from(rate) * u128::from(ms)).div_ceil(u128::from(unit) * 1000);
            prop_assert_eq!(u128::from(total), exact);
        }
    }
}
