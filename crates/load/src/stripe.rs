//! Which iterations of a schedule one instance makes, where several make it together.

/// Iterations out of every so many: of each `cycle` in a row those whose places are the instance's
/// own. The instances' stripes together are the whole schedule, each moment once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripe {
    cycle: u64,
    places: Vec<u64>,
}

impl Stripe {
    /// The iterations at these places, from 0, of each `cycle`. `None` when there is no place, or a
    /// place is not below `cycle`.
    pub fn new(cycle: u64, places: impl IntoIterator<Item = u64>) -> Option<Self> {
        let mut places: Vec<u64> = places.into_iter().collect();
        places.sort_unstable();
        places.dedup();
        places.last().is_some_and(|last| *last < cycle).then_some(Self { cycle, places })
    }

    /// The number, in the whole schedule, of the instance's own iteration `own`, both from 0.
    pub fn number(&self, own: u64) -> u64 {
        let each = self.places.len() as u64;
        // The remainder is below a usize: it is below the number of places.
        let place = self.places[(own % each) as usize];
        (own / each).saturating_mul(self.cycle).saturating_add(place)
    }

    /// How many of the first `total` iterations are the instance's own.
    pub fn count(&self, total: u64) -> u64 {
        let rest = total % self.cycle;
        let of_rest = self.places.partition_point(|place| *place < rest) as u64;
        (total / self.cycle).saturating_mul(self.places.len() as u64).saturating_add(of_rest)
    }

    /// Its part of the whole.
    pub fn part(&self) -> f64 {
        self.places.len() as f64 / self.cycle as f64
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::schedule::{Ramp, Schedule};

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_third_begins_every_third() {
        let stripe = Stripe::new(3, [1]).unwrap();
        let whole = Schedule::Constant { rate: 6.0, unit: SECOND, duration: 2 * SECOND };
        let own = whole.clone().striped(stripe);
        let dues: Vec<Duration> = (0..own.total()).map(|number| own.due(number)).collect();
        let expected = [1, 4, 7, 10].map(|number| whole.due(number));
        assert_eq!(dues, expected);
        assert_eq!((own.per_second(), own.highest(), own.duration()), (2.0, 2.0, 2 * SECOND));
        // What is left, and what is longer, is still a third of it.
        assert_eq!(own.since(SECOND).total(), 2);
        assert_eq!(own.scaled(10.0).total(), 40);
    }

    #[test]
    fn a_stripe_has_places_within_its_cycle() {
        for (cycle, places) in [(3, vec![]), (3, vec![3]), (0, vec![0])] {
            assert_eq!(Stripe::new(cycle, places), None);
        }
    }

    proptest! {
        /// Whoever's the places are, together the instances make every iteration once, when it is due.
        #[test]
        fn stripes_are_the_whole(
            owners in prop::collection::vec(0..4_usize, 1..40),
            start in 0..50_u32,
            stages in prop::collection::vec((0..3000_u64, 0..50_u32), 1..4),
        ) {
            let stages: Vec<_> = stages
                .into_iter()
                .map(|(ms, rate)| (Duration::from_millis(ms), f64::from(rate)))
                .collect();
            let whole = Schedule::Ramping(Ramp::new(f64::from(start), SECOND, &stages));
            let mut made = Vec::new();
            for owner in 0..4 {
                let places = (0..).zip(&owners).filter(|(_, own)| **own == owner);
                let places: Vec<u64> = places.map(|(place, _)| place).collect();
                let Some(stripe) = Stripe::new(owners.len() as u64, places) else { continue };
                let own = whole.clone().striped(stripe.clone());
                for number in 0..own.total() {
                    prop_assert_eq!(own.due(number), whole.due(stripe.number(number)));
                    made.push(stripe.number(number));
                }
            }
            made.sort_unstable();
            prop_assert_eq!(made, (0..whole.total()).collect::<Vec<_>>());
        }
    }
}
