//! Axes: from values to shares of a length, with ticks at round numbers.

/// An axis from `low` to `high` with its ticks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    pub(crate) ticks: Vec<f64>,
}

impl Axis {
    /// Where a value lies, from 0 at the low end to 1 at the high end; values beyond are cut off.
    pub(crate) fn share(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(self.low) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) }
    }

    /// Whether a value lies on the axis.
    pub(crate) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    pub(crate) fn is_log(&self) -> bool {
        self.log
    }

    /// From zero to a round number at or above `high`.
    pub(crate) fn from_zero(high: f64) -> Self {
        Self::stepped(0.0, positive(high), nice_step(positive(high) / 4.0))
    }

    /// From zero, for things that come in whole numbers.
    pub(crate) fn whole(high: f64) -> Self {
        let high = positive(high).max(1.0);
        Self::stepped(0.0, high, nice_step(high / 4.0).max(1.0))
    }

    /// From zero, in steps that are round in binary units.
    pub(crate) fn bytes(high: f64) -> Self {
        let high = positive(high).max(1024.0);
        Self::stepped(0.0, high, (high / 4.0).log2().ceil().exp2())
    }

    /// A span of values, zero included only when it is near.
    pub(crate) fn around(low: f64, high: f64) -> Self {
        let (low, high) =
            if low.is_finite() && high.is_finite() { (low, high) } else { (0.0, 1.0) };
        let span = (high - low).max(high.abs() * 1e-9).max(1e-12);
        let low = if low >= 0.0 && low < 0.6 * high { 0.0 } else { (low - span * 0.35).max(0.0) };
        let high = high + (high - low) * 0.3;
        let step = nice_step((high - low) / 5.0);
        let ticks = ticks(low, high, step);
        Self { low, high, log: false, ticks }
    }

    /// For latencies: linear from zero, or logarithmic where a linear axis would squash the low ones.
    pub(crate) fn latency(low: f64, high: f64) -> Self {
        let high = positive(high);
        if low.is_finite() && low > 0.0 && high / low > 30.0 {
            Self::log(low, high)
        } else {
            Self::from_zero(high)
        }
    }

    /// Logarithmic, from a 1, 2 or 5 at or below `low` to one at or above `high`.
    pub(crate) fn log(low: f64, high: f64) -> Self {
        let low = positive(low);
        let high = positive(high).max(low);
        let below = |value: &f64| *value <= low * (1.0 + 1e-9);
        let above = |value: &f64| *value >= high * (1.0 - 1e-9);
        let start = round_numbers(low).rfind(below).unwrap_or(low);
        let end = round_numbers(high).find(above).unwrap_or(high);
        let end = if end > start { end } else { start * 10.0 };
        Self { low: start, high: end, log: true, ticks: log_ticks(start, end) }
    }

    /// Logarithmic, ending exactly where the data does.
    pub(crate) fn log_exact(low: f64, high: f64) -> Self {
        let low = positive(low);
        let high = if high > low { positive(high) } else { low * 2.0 };
        let mut places = log_ticks(low, high);
        if places.len() < 3 {
            places = ticks(low, high, nice_step((high - low) / 4.0));
        }
        Self { low, high, log: true, ticks: places }
    }

    /// The time axis, in seconds.
    pub(crate) fn time(from: f64, to: f64) -> Self {
        let to = if to.is_finite() && to > from { to } else { from + 1.0 };
        let wanted = (to - from) / 7.0;
        let steps =
            [1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0];
        let hours = (wanted / 3600.0).ceil() * 3600.0;
        let step = steps.into_iter().find(|step| *step >= wanted).unwrap_or(hours);
        Self { low: from, high: to, log: false, ticks: ticks(from, to, step) }
    }

    fn stepped(low: f64, high: f64, step: f64) -> Self {
        let high = (high / step - 1e-9).ceil().max(1.0) * step;
        Self { low, high, log: false, ticks: ticks(low, high, step) }
    }
}

fn positive(value: f64) -> f64 {
    if value.is_finite() && value > 0.0 { value } else { 1.0 }
}

fn nice_step(wanted: f64) -> f64 {
    round_numbers(wanted).find(|step| *step >= wanted * (1.0 - 1e-9)).unwrap_or(wanted)
}

/// 1, 2 and 5 times the powers of ten around a value.
fn round_numbers(value: f64) -> impl DoubleEndedIterator<Item = f64> {
    let power = value.log10().floor();
    [-1.0, 0.0, 1.0].into_iter().flat_map(move |offset: f64| {
        let unit = 10_f64.powf(power + offset);
        [unit, 2.0 * unit, 5.0 * unit]
    })
}

fn ticks(low: f64, high: f64, step: f64) -> Vec<f64> {
    // A fixed ceiling, so that no step, however small, can fill the file.
    let first = (low / step - 1e-9).ceil();
    let last = (high / step + 1e-9).floor();
    (0..12)
        .map(|index| first + f64::from(index))
        .take_while(|place| *place <= last)
        .map(|place| place * step)
        .collect()
}

fn log_ticks(low: f64, high: f64) -> Vec<f64> {
    let decades = (high / low).log10();
    let first = low.log10().floor();
    let parts: &[f64] = match decades {
        wide if wide > 3.2 => &[1.0],
        middle if middle > 2.2 => &[1.0, 3.0],
        _ => &[1.0, 2.0, 5.0],
    };
    let every = (decades / 6.0).ceil().max(1.0);
    (0..24)
        .map(|index| 10_f64.powf(first + every * f64::from(index)))
        .flat_map(|unit| parts.iter().map(move |part| part * unit))
        .filter(|tick| (low * (1.0 - 1e-9)..=high * (1.0 + 1e-9)).contains(tick))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        assert_eq!(Axis::from_zero(87.0).ticks, [0.0, 50.0, 100.0]);
        assert_eq!(Axis::from_zero(187.0).ticks, [0.0, 50.0, 100.0, 150.0, 200.0]);
        assert_eq!(Axis::whole(2.0).ticks, [0.0, 1.0, 2.0]);
        assert_eq!(Axis::time(0.0, 120.0).ticks, [0.0, 30.0, 60.0, 90.0, 120.0]);
        assert_eq!(
            Axis::log(3.0, 80.0).ticks,
            [5.0, 10.0, 20.0, 50.0, 100.0][..].to_vec().tap(2.0)
        );
        assert!(Axis::latency(1.0, 100.0).is_log());
        assert!(!Axis::latency(50.0, 100.0).is_log());
    }

    trait Tap {
        fn tap(self, first: f64) -> Self;
    }

    impl Tap for Vec<f64> {
        fn tap(mut self, first: f64) -> Self {
            self.insert(0, first);
            self
        }
    }

    #[test]
    fn no_input_gives_a_place_outside_or_an_endless_axis() {
        let strange =
            [0.0, -1.0, 1e-300, 1e300, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1.0, 86_400.0];
        for low in strange {
            for high in strange {
                for axis in [
                    Axis::from_zero(high),
                    Axis::whole(high),
                    Axis::bytes(high),
                    Axis::around(low, high),
                    Axis::latency(low, high),
                    Axis::log(low, high),
                    Axis::log_exact(low, high),
                    Axis::time(0.0, high),
                ] {
                    assert!(axis.ticks.len() <= 72, "{low} {high}");
                    for value in strange {
                        assert!((0.0..=1.0).contains(&axis.share(value)), "{axis:?} {value}");
                    }
                }
            }
        }
    }
}
