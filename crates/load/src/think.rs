//! Think time: how long a virtual user pauses, drawn from the distribution the plan names.

use std::f64::consts::TAU;
use std::time::Duration;

use seaworthy_base::chance::Chance;

/// The 95 % point of the standard normal distribution.
const Z95: f64 = 1.644_853_626_951_472_2;

/// A drawn pause is at most this many times its distribution's own scale (the mean of an
/// exponential, the 95th percentile of a lognormal one, the deviation above the mean of a normal
/// one), so that one draw in a million does not take a virtual user out of a short phase.
const MOST: f64 = 10.0;

/// A distribution of pauses.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Think {
    /// Evenly between two lengths; one length when both are the same.
    Uniform(Duration, Duration),
    /// Exponential with this mean: how long it takes until an independent event happens.
    Exponential(Duration),
    /// Normal; draws below zero become zero.
    Normal { mean: Duration, deviation: Duration },
    /// Lognormal, as times of people are: half are shorter than the median, 95 % than `p95`.
    Lognormal { median: Duration, p95: Duration },
}

impl Think {
    /// One pause. Each is an exact transform of uniform fractions (inversion, and Box and Muller's
    /// for the normal ones), so that a seed gives the same pauses on every machine.
    pub(crate) fn draw(self, chance: &mut Chance) -> Duration {
        let (seconds, most) = match self {
            Self::Uniform(from, to) if from == to => return from,
            Self::Uniform(from, to) => {
                return from + to.saturating_sub(from).mul_f64(chance.fraction());
            }
            Self::Exponential(mean) => {
                let mean = mean.as_secs_f64();
                (-mean * (1.0 - chance.fraction()).ln(), MOST * mean)
            }
            Self::Normal { mean, deviation } => {
                let (mean, deviation) = (mean.as_secs_f64(), deviation.as_secs_f64());
                (mean + deviation * normal(chance), mean + MOST * deviation)
            }
            Self::Lognormal { median, p95 } => {
                let (median, p95) = (median.as_secs_f64(), p95.as_secs_f64());
                let sigma = (p95 / median).ln() / Z95;
                (median * (sigma * normal(chance)).exp(), MOST * p95)
            }
        };
        Duration::try_from_secs_f64(seconds.clamp(0.0, most)).unwrap_or_default()
    }
}

/// A standard normal draw (Box and Muller, 1958).
fn normal(chance: &mut Chance) -> f64 {
    let radius = (-2.0 * (1.0 - chance.fraction()).ln()).sqrt();
    radius * (TAU * chance.fraction()).cos()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const N: usize = 20_000;

    fn draws(think: Think, seed: u64) -> Vec<f64> {
        let mut chance = Chance::seeded(seed);
        let mut all: Vec<f64> = (0..N).map(|_| think.draw(&mut chance).as_secs_f64()).collect();
        all.sort_by(f64::total_cmp);
        all
    }

    fn mean(draws: &[f64]) -> f64 {
        draws.iter().sum::<f64>() / draws.len() as f64
    }

    fn deviation(draws: &[f64]) -> f64 {
        let mean = mean(draws);
        (draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64).sqrt()
    }

    #[test]
    fn one_seed_one_sequence_of_pauses() {
        let think = Think::Exponential(Duration::from_secs(2));
        assert_eq!(draws(think, 7), draws(think, 7));
        assert_ne!(draws(think, 7), draws(think, 8));
        let fixed = Think::Uniform(Duration::from_secs(1), Duration::from_secs(1));
        assert!(draws(fixed, 1).iter().all(|draw| *draw == 1.0));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        // The tolerances are six standard errors of the estimates.
        #[test]
        fn moments_are_those_of_the_distribution(seed: u64, millis in 1_u64..100_000) {
            let root = (N as f64).sqrt();
            let length = Duration::from_millis(millis);
            let scale = length.as_secs_f64();
            let close = |found: f64, wanted: f64, error: f64| (found - wanted).abs() < 6.0 * error / root;

            let even = draws(Think::Uniform(length, 3 * length), seed);
            prop_assert!(close(mean(&even), 2.0 * scale, scale / 3.0_f64.sqrt()));
            prop_assert!(even[0] >= scale && even[N - 1] <= 3.0 * scale);

            let exponential = draws(Think::Exponential(length), seed);
            prop_assert!(close(mean(&exponential), scale, scale));
            prop_assert!(close(exponential[N / 2], scale * 2.0_f64.ln(), scale));
            prop_assert!(exponential[N - 1] <= 10.0 * scale + 1e-9);

            let five = Think::Normal { mean: 5 * length, deviation: length };
            let bell = draws(five, seed);
            prop_assert!(close(mean(&bell), 5.0 * scale, scale));
            prop_assert!(close(deviation(&bell), scale, scale / 2.0_f64.sqrt()));

            let people = draws(Think::Lognormal { median: length, p95: 4 * length }, seed);
            let sigma = 4.0_f64.ln() / Z95;
            prop_assert!(close(people[N / 2].ln(), scale.ln(), sigma * (TAU / 4.0).sqrt()));
            let above = people.iter().filter(|draw| **draw > 4.0 * scale).count() as f64 / N as f64;
            prop_assert!(close(above, 0.05, 0.05_f64.sqrt()));
        }

        #[test]
        fn never_below_zero_nor_above_the_cap(seed: u64, mean in 0_u64..1_000, deviation in 0_u64..10_000) {
            let span = Duration::from_millis;
            let think = Think::Normal { mean: span(mean), deviation: span(deviation) };
            let mut chance = Chance::seeded(seed);
            for _ in 0..1000 {
                prop_assert!(think.draw(&mut chance) <= span(mean + 10 * deviation) + Duration::from_micros(1));
            }
        }
    }
}
