//! Who gets what: a run dealt out to its segments, one virtual user or iteration after another.

use super::fraction::divisor;
use super::{Fraction, Invalid, Segment, Sequence};

/// The finest deal: a period of more would take longer to work out than a run to start.
const FINEST: u64 = 10_000_000;

/// A run that is dealt out to segments, and which of them is ours.
///
/// What is dealt comes in rounds of [`Stripes::period`]. Within a round each thing goes to the
/// longest segment that is due another one, so that all get theirs as evenly spread as can be, and
/// all together get each exactly once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    /// How many of a round each segment gets.
    lengths: Vec<u64>,
    /// Their sum.
    period: u64,
    /// The segment each of a round goes to. Empty for the whole, where all go to one.
    owners: Vec<u32>,
    ours: usize,
    /// Which of a round are ours.
    stripes: Stripes,
}

/// Which of all belong to one segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stripes {
    period: u64,
    /// Its places within a round, rising, at least one.
    places: Vec<u64>,
}

impl Partition {
    /// All of it, undivided.
    pub fn whole() -> Self {
        let stripes = Stripes { period: 1, places: vec![0] };
        Self { lengths: vec![1], period: 1, owners: Vec::new(), ours: 0, stripes }
    }

    /// The deal of a sequence, of which `segment` is ours. What the sequence leaves out in front
    /// and behind counts as a segment more; so does, without a sequence, all around the segment.
    pub fn new(segment: Option<Segment>, sequence: Option<&Sequence>) -> Result<Self, Invalid> {
        let segment = segment.unwrap_or(Segment::WHOLE);
        let given = sequence.map(|sequence| sequence.0.as_slice()).unwrap_or_default();
        let mut points =
            if given.is_empty() { vec![segment.from, segment.to] } else { given.to_vec() };
        if points.first().is_some_and(|first| *first > Fraction::ZERO) {
            points.insert(0, Fraction::ZERO);
        }
        if points.last().is_some_and(|last| *last < Fraction::ONE) {
            points.push(Fraction::ONE);
        }
        let ours = points
            .windows(2)
            .position(|pair| pair[0] == segment.from && pair[1] == segment.to)
            .ok_or_else(|| {
                let all: Vec<_> = given.iter().map(Fraction::to_string).collect();
                Invalid(format!("the segment {segment} is none of the sequence {}", all.join(",")))
            })?;
        let too_fine = || Invalid("the segments are too fine to be dealt out exactly".to_owned());
        let mut period: u64 = 1;
        for point in &points {
            let common = divisor(period, point.denominator());
            period = (period / common)
                .checked_mul(point.denominator())
                .filter(|period| *period <= FINEST)
                .ok_or_else(too_fine)?;
        }
        let at = |point: Fraction| point.numerator() * (period / point.denominator());
        Ok(Self::dealt(points.windows(2).map(|pair| at(pair[1]) - at(pair[0])).collect(), ours))
    }

    /// From how many each segment gets: all above 0.
    fn dealt(mut lengths: Vec<u64>, ours: usize) -> Self {
        let common = lengths.iter().fold(0, |common, length| divisor(*length, common));
        for length in &mut lengths {
            *length /= common.max(1);
        }
        let period = lengths.iter().sum();
        if lengths.len() == 1 {
            return Self::whole();
        }
        // The longest first; of two of a length, the one in front.
        let mut order: Vec<usize> = (0..lengths.len()).collect();
        order.sort_by_key(|index| std::cmp::Reverse(lengths[*index]));
        let mut got = vec![0_u64; lengths.len()];
        let owners: Vec<u32> = (0..period)
            .map(|place| {
                // Its next is due when `place / period` has reached `got / length`.
                let due = |index: &&usize| {
                    u128::from(got[**index]) * u128::from(period)
                        <= u128::from(place) * u128::from(lengths[**index])
                };
                let owner = order.iter().find(due).copied().unwrap_or(order[0]);
                got[owner] += 1;
                u32::try_from(owner).unwrap_or(u32::MAX)
            })
            .collect();
        let places = owners.iter().enumerate().filter(|(_, owner)| **owner as usize == ours);
        let places = places.map(|(place, _)| place as u64).collect();
        Self { lengths, period, owners, ours, stripes: Stripes { period, places } }
    }

    /// Whether nothing is divided.
    pub fn is_whole(&self) -> bool {
        self.lengths.len() == 1
    }

    /// How many of `count` are ours.
    pub fn share(&self, count: u64) -> u64 {
        let places = &self.stripes.places;
        let within = places.partition_point(|place| *place < count % self.period);
        count / self.period * places.len() as u64 + within as u64
    }

    /// How many of the last, unfinished round of `count` go to a segment.
    fn within(&self, count: u64, segment: usize) -> u64 {
        // A round is at most `FINEST` long.
        let rest = usize::try_from(count % self.period).unwrap_or(usize::MAX);
        let owners = self.owners.iter().take(rest);
        owners.filter(|owner| **owner as usize == segment).count() as u64
    }

    /// The deal that follows from sharing out `count` virtual users: each segment's part is then
    /// the part of the virtual users it got, so that it gets as much work as it has hands. `None`
    /// if none of them are ours.
    pub fn by(&self, count: u64) -> Option<Self> {
        if self.is_whole() {
            return (count > 0).then(|| self.clone());
        }
        let shares =
            self.lengths.iter().enumerate().map(|(segment, length)| {
                count / self.period * length + self.within(count, segment)
            });
        let shares: Vec<u64> = shares.collect();
        if shares[self.ours] == 0 {
            return None;
        }
        let ours = shares[..self.ours].iter().filter(|share| **share > 0).count();
        Some(Self::dealt(shares.into_iter().filter(|share| *share > 0).collect(), ours))
    }

    /// Which of all are ours.
    pub fn stripes(&self) -> &Stripes {
        &self.stripes
    }
}

impl Stripes {
    /// How many make a round; the places repeat after it.
    pub fn period(&self) -> u64 {
        self.period
    }

    /// Our places within a round, from 0.
    pub fn places(&self) -> &[u64] {
        &self.places
    }

    /// The number, of all, of our number `own`; both count from 0.
    pub fn global(&self, own: u64) -> u64 {
        let each = self.places.len() as u64;
        // The remainder is an index into `places`.
        let place = self.places[usize::try_from(own % each).unwrap_or_default()];
        (own / each).saturating_mul(self.period).saturating_add(place)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn partition(segment: &str, sequence: &str) -> Partition {
        let sequence = Sequence::parse(sequence).unwrap();
        Partition::new(Some(Segment::parse(segment).unwrap()), Some(&sequence)).unwrap()
    }

    #[test]
    fn stripes_are_where_k6_has_them() {
        const EIGHT: &str = "0,0.3,0.5,0.6,0.7,0.8,0.9,1";
        // Sequence, segment, first place, steps from there and round, period.
        let cases: &[(&str, &str, u64, &[u64], u64)] = &[
            (EIGHT, "0:0.3", 0, &[4, 3, 3], 10),
            (EIGHT, "0.3:0.5", 1, &[4, 6], 10),
            (EIGHT, "0.5:0.6", 2, &[10], 10),
            (EIGHT, "0.6:0.7", 3, &[10], 10),
            (EIGHT, "0.8:0.9", 8, &[10], 10),
            (EIGHT, "0.9:1", 9, &[10], 10),
            ("0,0.2,0.5,0.6,0.7,0.8,0.9,1", "0.9:1", 9, &[10], 10),
            ("0,0.2,0.5,0.6,0.7,0.8,0.9,1", "0:0.2", 1, &[4, 6], 10),
            ("0,0.2,0.5,0.6,0.7,0.8,0.9,1", "0.6:0.7", 3, &[10], 10),
            ("0,0.2,0.5", "0:0.2", 3, &[6, 4], 10),
            ("0,0.2,0.5", "0.2:0.5", 1, &[4, 2, 4], 10),
            ("0,2/5,4/5", "0:2/5", 0, &[3, 2], 5),
            ("0,2/5,4/5", "2/5:4/5", 1, &[3, 2], 5),
            ("", "0:0.2", 1, &[5], 5),
            ("", "0:2/10", 1, &[5], 5),
            ("", "0:0.4", 1, &[2, 3], 5),
            ("", "2/5:4/5", 1, &[3, 2], 5),
            ("", "1/10:5/10", 1, &[2, 2, 4, 2], 10),
        ];
        for (sequence, segment, first, steps, period) in cases {
            let partition = partition(segment, sequence);
            let stripes = partition.stripes();
            let places = stripes.places();
            let next = places.iter().skip(1).copied().chain([places[0] + stripes.period()]);
            let found: Vec<u64> = places.iter().zip(next).map(|(a, b)| b - a).collect();
            assert_eq!(
                (places[0], found.as_slice(), stripes.period()),
                (*first, *steps, *period),
                "{sequence} {segment}"
            );
        }
    }

    #[test]
    fn shares_are_what_k6_gives() {
        const THIRDS: &str = "0,1/3,2/3,1";
        let cases = [
            ("0:1/3", THIRDS, 50, 17),
            ("0:1/3", THIRDS, 1, 1),
            ("1/3:2/3", THIRDS, 50, 17),
            ("1/3:2/3", THIRDS, 2, 1),
            ("1/3:2/3", THIRDS, 1, 0),
            ("2/3:1", THIRDS, 50, 16),
            ("2/3:1", THIRDS, 2, 0),
            ("0:0.5", "", 3, 2),
            ("0.5:1", "", 3, 1),
            ("0:1", "", 50, 50),
            ("0:7/20", "0,7/20,7/10,1", 50, 18),
        ];
        for (segment, sequence, count, share) in cases {
            assert_eq!(partition(segment, sequence).share(count), share, "{segment} of {count}");
        }
        // Dealt by the virtual users each segment got: count of users, then share of 50.
        let by = |segment: &str, users: u64| {
            partition(segment, THIRDS).by(users).map(|dealt| dealt.share(50))
        };
        assert_eq!([50, 20, 3, 2, 1].map(|n| by("0:1/3", n)), [17, 18, 17, 25, 50].map(Some));
        assert_eq!([50, 20, 3, 2].map(|n| by("1/3:2/3", n)), [17, 17, 17, 25].map(Some));
        assert_eq!([50, 20, 3].map(|n| by("2/3:1", n)), [16, 15, 16].map(Some));
        assert_eq!([by("0:1/3", 0), by("1/3:2/3", 1), by("2/3:1", 2)], [None; 3]);
    }

    #[test]
    fn arrivals_are_dealt_by_the_virtual_users_of_each_segment() {
        // 50 a second with at most 20 users: one every 20 ms, of which each part has its own.
        // Segment, sequence, the first in ms, the steps from there on.
        let cases: &[(&str, &str, u64, &[u64])] = &[
            ("0:1/3", "", 20, &[40, 60, 60, 60, 60, 60, 60]),
            ("1/3:2/3", "", 20, &[60, 60, 60, 60, 60, 60, 40]),
            ("2/3:1", "", 20, &[40, 60, 60, 60, 60, 60, 60]),
            ("1/6:3/6", "", 20, &[40, 80, 40, 80, 40, 80, 40]),
            ("0:1/3", "0,1/3,2/3,1", 0, &[60, 60, 60, 60, 60, 60, 40]),
            ("1/3:2/3", "0,1/3,2/3,1", 20, &[60, 60, 60, 60, 60, 60, 40]),
            ("2/3:1", "0,1/3,2/3,1", 40, &[60, 60, 60, 60, 60, 100]),
        ];
        for (segment, sequence, first, steps) in cases {
            let dealt = partition(segment, sequence).by(20).unwrap();
            let at = |own: u64| dealt.stripes().global(own) * 20;
            let mut expected = *first;
            // k6's own tests allow 24 ms around each of these moments.
            for own in 0..40 {
                assert!(
                    at(own).abs_diff(expected) <= 24,
                    "{segment} {sequence}: {own} at {}",
                    at(own)
                );
                expected += steps[usize::try_from(own).unwrap() % steps.len()];
            }
        }
    }

    #[test]
    fn a_segment_must_be_of_its_sequence() {
        let sequence = Sequence::parse("0,1/3,1").unwrap();
        let segment = Some(Segment::parse("0:1/4").unwrap());
        let said = Partition::new(segment, Some(&sequence)).unwrap_err().to_string();
        assert_eq!(said, "the segment 0:1/4 is none of the sequence 0,1/3,1");
        assert!(Partition::new(Some(Segment::parse("0:1/99999999").unwrap()), None).is_err());
        assert!(Partition::new(None, None).unwrap().is_whole());
    }

    /// A partition's lengths, each above 0.
    fn lengths() -> impl Strategy<Value = Vec<u64>> {
        prop::collection::vec(1..100_u64, 2..10)
    }

    proptest! {
        #[test]
        fn all_segments_together_get_each_once(lengths in lengths(), count in 0..3000_u64) {
            let all: Vec<_> =
                (0..lengths.len()).map(|ours| Partition::dealt(lengths.clone(), ours)).collect();
            prop_assert_eq!(all.iter().map(|one| one.share(count)).sum::<u64>(), count);
            let mut numbers: Vec<u64> = all
                .iter()
                .flat_map(|one| (0..one.share(count)).map(|own| one.stripes().global(own)))
                .collect();
            numbers.sort_unstable();
            prop_assert_eq!(numbers, (0..count).collect::<Vec<_>>());
        }

        #[test]
        fn a_share_never_shrinks_and_stays_near_its_part(
            lengths in lengths(), ours in 0..2_usize, count in 0..2000_u64,
        ) {
            let partition = Partition::dealt(lengths.clone(), ours);
            let (less, more) = (partition.share(count), partition.share(count + 1));
            prop_assert!(more >= less && more <= less + 1);
            let whole: u64 = lengths.iter().sum();
            let exact = count as f64 * lengths[ours] as f64 / whole as f64;
            prop_assert!((less as f64 - exact).abs() < lengths.len() as f64);
        }
    }
}
