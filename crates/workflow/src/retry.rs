//! How often a step is tried, how long it may take, and how long is waited in between.

use std::time::Duration;

use seaworthy_base::chance::Chance;

/// How a step that fails is tried again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Retry {
    /// How often it is tried in all; at least once.
    pub attempts: u32,
    /// How long is waited before the second attempt; doubled before each further one.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
    /// How much a wait may be longer or shorter by chance, as a fraction of it.
    pub jitter: f64,
    /// How long one attempt may take.
    pub within: Duration,
}

impl Default for Retry {
    /// Five attempts of up to a minute, 100 ms apart, doubled up to 30 s, 25 % up or down.
    fn default() -> Self {
        Self {
            attempts: 5,
            first: Duration::from_millis(100),
            longest: Duration::from_secs(30),
            jitter: 0.25,
            within: Duration::from_secs(60),
        }
    }
}

impl Retry {
    /// One attempt only.
    pub fn never() -> Self {
        Self { attempts: 1, ..Self::default() }
    }

    /// As the default, with this many attempts.
    pub fn times(attempts: u32) -> Self {
        Self { attempts, ..Self::default() }
    }

    /// Each attempt ends within this time.
    #[must_use]
    pub fn within(self, within: Duration) -> Self {
        Self { within, ..self }
    }

    /// How long to wait after attempt `number`, which counts from 1.
    pub(crate) fn wait(&self, number: u32, chance: &mut Chance) -> Duration {
        let doubled = 2_f64.powi(i32::try_from(number.saturating_sub(1).min(64)).unwrap_or(64));
        let plain = (self.first.as_secs_f64() * doubled).min(self.longest.as_secs_f64());
        let jitter = self.jitter.clamp(0.0, 1.0) * (2.0 * chance.fraction() - 1.0);
        Duration::from_secs_f64((plain * (1.0 + jitter)).min(self.longest.as_secs_f64()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_stray_by_the_jitter() {
        let retry = Retry { longest: Duration::from_secs(2), ..Retry::default() };
        let mut chance = Chance::seeded(1);
        for (number, plain) in [(1, 0.1), (2, 0.2), (3, 0.4), (5, 1.6), (6, 2.0), (4_000, 2.0)] {
            let mut seen = Vec::new();
            for _ in 0..200 {
                let wait = retry.wait(number, &mut chance).as_secs_f64();
                assert!((plain * 0.749..=f64::min(plain * 1.251, 2.0)).contains(&wait), "{wait}");
                seen.push(wait);
            }
            assert!(seen.iter().any(|wait| *wait < plain * 0.99), "no jitter at {number}");
        }
        let exact = Retry { jitter: 0.0, ..retry };
        assert_eq!(exact.wait(2, &mut chance), Duration::from_millis(200));
    }
}
