//! Counts second by second: what an interval that knows of correlation is made from.

use std::time::Duration;

/// The longest time that is kept: a week. It is the one thing here that grows with the run: four
/// bytes a second for all values and four for each column, and only for sinks with a threshold.
pub const LONGEST: Duration = Duration::from_secs(7 * 86_400);

/// How many values each second of the run had, and how many of them were hits, column by column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seconds {
    columns: usize,
    /// Rows end to end: all values, then the hits of each column.
    rows: Vec<u32>,
    /// The first second that has a value.
    first: usize,
    /// Values later than [`LONGEST`].
    beyond: u64,
}

impl Seconds {
    /// Empty, with so many columns; without a column it only counts values.
    pub fn new(columns: usize) -> Self {
        Self { columns, ..Self::default() }
    }

    /// Counts one value, and for each column whether it is a hit.
    pub fn add(&mut self, at: Duration, hits: &[bool]) {
        if self.columns < hits.len() && self.rows.is_empty() {
            self.columns = hits.len();
        }
        let Some(row) = self.row(at) else { return };
        row[0] = row[0].saturating_add(1);
        for (cell, &hit) in row[1..].iter_mut().zip(hits) {
            *cell = cell.saturating_add(u32::from(hit));
        }
    }

    /// The counters of that second: all values first. `None` beyond [`LONGEST`], which is counted.
    pub(super) fn row(&mut self, at: Duration) -> Option<&mut [u32]> {
        if at >= LONGEST {
            self.beyond += 1;
            return None;
        }
        let (stride, second) = (self.columns + 1, at.as_secs() as usize);
        let end = (second + 1) * stride;
        if self.rows.is_empty() {
            self.first = second;
        }
        self.first = self.first.min(second);
        if self.rows.len() < end {
            self.rows.resize(end, 0);
        }
        Some(&mut self.rows[end - stride..end])
    }

    /// Adds what another one counted.
    pub fn merge(&mut self, other: &Self) {
        self.beyond += other.beyond;
        if other.rows.is_empty() {
            return;
        }
        if self.rows.is_empty() {
            let beyond = self.beyond;
            self.clone_from(other);
            self.beyond = beyond;
            return;
        }
        debug_assert_eq!(self.columns, other.columns, "sinks of one metric have one shape");
        self.first = self.first.min(other.first);
        if self.rows.len() < other.rows.len() {
            self.rows.resize(other.rows.len(), 0);
        }
        for (own, other) in self.rows.iter_mut().zip(&other.rows) {
            *own = own.saturating_add(*other);
        }
    }

    /// All values, from the first second that has one to the last.
    pub fn all(&self) -> Vec<u64> {
        self.column(0)
    }

    /// The hits of a column, over the same seconds as [`Seconds::all`].
    pub fn hits(&self, column: usize) -> Vec<u64> {
        self.column(column + 1)
    }

    /// All values of the run's first `seconds` whole seconds, those before the first value
    /// included.
    pub fn whole(&self, seconds: usize) -> Vec<u64> {
        let mut all = vec![0; self.first.min(seconds)];
        all.extend(self.column(0));
        all.resize(seconds, 0);
        all
    }

    /// Whether every value lies in a second that is kept.
    pub fn is_complete(&self) -> bool {
        self.beyond == 0
    }

    fn column(&self, place: usize) -> Vec<u64> {
        let stride = self.columns + 1;
        if place >= stride {
            return Vec::new();
        }
        let rows = self.rows.chunks_exact(stride).skip(self.first);
        rows.map(|row| u64::from(row[place])).collect()
    }
}

/// Adds counts where both sides may have none.
pub(super) fn merge(own: &mut Option<Box<Seconds>>, other: Option<&Seconds>) {
    match (own, other) {
        (Some(own), Some(other)) => own.merge(other),
        (own @ None, Some(other)) => *own = Some(Box::new(other.clone())),
        (_, None) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_begin_with_the_first_value() {
        let mut seconds = Seconds::new(1);
        seconds.add(Duration::from_millis(3_900), &[true]);
        seconds.add(Duration::from_millis(3_100), &[false]);
        seconds.add(Duration::from_millis(5_000), &[true]);
        assert_eq!((seconds.all(), seconds.hits(0)), (vec![2, 0, 1], vec![1, 0, 1]));
        assert_eq!(seconds.whole(5), [0, 0, 0, 2, 0]);
        assert_eq!(seconds.whole(8), [0, 0, 0, 2, 0, 1, 0, 0]);
        assert_eq!(seconds.whole(2), [0, 0]);
        let mut early = Seconds::new(1);
        early.add(Duration::from_secs(1), &[true]);
        seconds.merge(&early);
        assert_eq!(seconds.all(), [1, 0, 2, 0, 1]);
        assert!(seconds.is_complete());
        seconds.add(LONGEST, &[true]);
        assert!(!seconds.is_complete());
    }
}
