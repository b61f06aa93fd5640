//! Exact counts on either side of a bound, and the values that lie next to it.

/// What is known of the values around one bound.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bound {
    /// The bound.
    pub at: f64,
    /// Values below it.
    pub below: u64,
    /// Values equal to it.
    pub equal: u64,
    /// The largest value below it; minus infinity when there is none.
    pub before: f64,
    /// The smallest value above it; infinity when there is none.
    pub after: f64,
}

/// What is known around each bound that a threshold names, ascending.
///
/// A percentile as k6 computes it interpolates between two neighbours in the order of all values.
/// If both lie on one side of a bound, so does the percentile. If they lie on different sides, they
/// are the largest value below and the smallest above, which are kept: the percentile is then
/// computed from them as k6 would from a sorted list. So whether a percentile is below, at or above
/// a bound is exact, whatever the number of values.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Bounds(Box<[Bound]>);

impl Bounds {
    /// Around these.
    pub fn of(bounds: &[f64]) -> Self {
        let mut sorted: Vec<f64> = bounds.iter().copied().filter(|bound| !bound.is_nan()).collect();
        sorted.sort_by(f64::total_cmp);
        sorted.dedup();
        let empty =
            |at| Bound { at, below: 0, equal: 0, before: f64::NEG_INFINITY, after: f64::INFINITY };
        Self(sorted.into_iter().map(empty).collect())
    }

    /// Counts a value.
    pub fn add(&mut self, value: f64) {
        for bound in &mut self.0 {
            if value < bound.at {
                bound.below += 1;
                bound.before = bound.before.max(value);
            } else if value > bound.at {
                bound.after = bound.after.min(value);
            } else {
                bound.equal += 1;
            }
        }
    }

    /// Adds what another one of the same bounds counted.
    pub fn merge(&mut self, other: &Self) {
        debug_assert_eq!(self.0.len(), other.0.len(), "sinks of one metric have the same bounds");
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.below += other.below;
            own.equal += other.equal;
            own.before = own.before.max(other.before);
            own.after = own.after.min(other.after);
        }
    }

    /// The bounds, ascending.
    pub fn iter(&self) -> impl Iterator<Item = &Bound> + '_ {
        self.0.iter()
    }

    /// Where a bound stands among them.
    pub fn position(&self, at: f64) -> Option<usize> {
        self.0.iter().position(|bound| bound.at == at)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A value known only roughly, moved to the side of every bound on which the value of that rank
    /// (from 0, ascending) is known to lie; exact next to a bound and on it.
    pub fn settle(&self, rank: u64, value: f64) -> f64 {
        let mut value = value;
        for bound in &self.0 {
            let first_above = bound.below + bound.equal;
            if rank + 1 == bound.below {
                return bound.before;
            } else if rank < bound.below {
                value = value.min(bound.before);
            } else if rank < first_above {
                return bound.at;
            } else if rank == first_above {
                return bound.after;
            } else {
                value = value.max(bound.after);
            }
        }
        value
    }
}
