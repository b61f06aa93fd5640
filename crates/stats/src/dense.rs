//! A histogram that is being recorded to: the same buckets, laid out so that counting a value is
//! an addition at a known place.

use crate::Histogram;
use crate::histogram::{LAST_INDEX, index_of};

/// Buckets of one block; a block holds one doubling of values.
const BLOCK: usize = 256;
const BLOCKS: usize = LAST_INDEX as usize / BLOCK + 1;

/// Counts of values in the buckets of a [`Histogram`], to be emptied into one now and then. Takes
/// one kilobyte for each doubling in which values fell.
#[derive(Clone, Debug)]
pub struct Dense {
    blocks: [Option<Box<[u32; BLOCK]>>; BLOCKS],
    /// Which blocks hold something, by bit.
    used: u64,
    count: u64,
    sum: u128,
    min: u64,
    max: u64,
}

impl Default for Dense {
    fn default() -> Self {
        let blocks = [const { None }; BLOCKS];
        Self { blocks, used: 0, count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Dense {
    /// Counts one value.
    #[inline]
    pub fn record(&mut self, value: u64) {
        let index = usize::from(index_of(value));
        let block = self.blocks[index / BLOCK].get_or_insert_with(|| Box::new([0; BLOCK]));
        block[index % BLOCK] = block[index % BLOCK].saturating_add(1);
        self.used |= 1 << (index / BLOCK);
        self.count += 1;
        self.sum += u128::from(value);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
    }

    /// How many values were counted since it was last emptied. Empty it before a bucket can hold
    /// 2^32 of them.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Takes what was counted. Blocks that were hardly used are given back to the allocator, so that
    /// a series that has gone quiet keeps nothing.
    pub fn empty(&mut self) -> Histogram {
        const WORTH_KEEPING: u64 = 64;
        let mut buckets = Vec::new();
        let mut used = self.used;
        while used != 0 {
            let position = used.trailing_zeros() as usize;
            used &= used - 1;
            let Some(block) = &mut self.blocks[position] else { continue };
            for (offset, count) in block.iter_mut().enumerate() {
                if *count > 0 {
                    // Below LAST_INDEX, which is a u16.
                    buckets.push(((position * BLOCK + offset) as u16, u64::from(*count)));
                    *count = 0;
                }
            }
            if self.count < WORTH_KEEPING {
                self.blocks[position] = None;
            }
        }
        let histogram = Histogram::of_buckets(&buckets, self.count, self.sum, self.min, self.max);
        (self.used, self.count, self.sum) = (0, 0, 0);
        (self.min, self.max) = (u64::MAX, 0);
        histogram
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_counts_as_the_histogram_does(
            values in prop::collection::vec(
                prop_oneof![0..2000_u64, any::<u64>(), (0..64_u32).prop_map(|bit| 1 << bit)],
                0..300,
            ),
            again in prop::collection::vec(any::<u32>(), 0..50),
        ) {
            let mut dense = Dense::default();
            for values in [values, again.into_iter().map(u64::from).collect()] {
                let mut histogram = Histogram::new();
                for value in values {
                    histogram.record(value);
                    dense.record(value);
                }
                prop_assert_eq!(dense.empty(), histogram);
            }
        }
    }
}
