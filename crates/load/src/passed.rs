//! Which checks of a step passed: as many as there are, without allocating for the first 64.

/// One yes or no after another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    bits: u64,
    len: usize,
    /// From the 65th on.
    more: Vec<bool>,
}

impl Passed {
    /// `count` checks, none of which passed.
    pub(crate) fn none_of(count: usize) -> Self {
        Self { bits: 0, len: count, more: vec![false; count.saturating_sub(64)] }
    }

    pub(crate) fn push(&mut self, passed: bool) {
        match self.len {
            0..64 => self.bits |= u64::from(passed) << self.len,
            _ => self.more.push(passed),
        }
        self.len += 1;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = bool> + '_ {
        let first = (0..self.len.min(64)).map(|position| self.bits >> position & 1 == 1);
        first.chain(self.more.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_check_keeps_its_place() {
        for count in [0, 1, 63, 64, 65, 200] {
            let expected: Vec<bool> = (0..count).map(|number| number % 3 == 1).collect();
            let mut passed = Passed::default();
            expected.iter().for_each(|one| passed.push(*one));
            assert_eq!(passed.iter().collect::<Vec<_>>(), expected);
            assert_eq!(Passed::none_of(count).iter().collect::<Vec<_>>(), vec![false; count]);
        }
    }
}
