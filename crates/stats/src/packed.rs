//! A histogram's buckets at rest: two or three bytes each, where they take ten while they change.

/// Pairs of a bucket's index, ascending, and its count, as variable-length numbers: each index as
/// the step from the one before.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packed(Box<[u8]>);

impl Packed {
    pub(crate) fn of(pairs: impl Iterator<Item = (u16, u64)>) -> Self {
        let mut bytes = Vec::new();
        let mut before = 0;
        for (index, count) in pairs {
            write(&mut bytes, u64::from(index - before));
            write(&mut bytes, count);
            before = index;
        }
        Self(bytes.into_boxed_slice())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn pairs(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let mut bytes = &*self.0;
        let mut before = 0_u64;
        std::iter::from_fn(move || {
            before += read(&mut bytes)?;
            // What was written came from a u16.
            Some((before as u16, read(&mut bytes)?))
        })
    }
}

/// Seven bits a byte, the lowest first; the eighth says that more follow.
fn write(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_packed_is_read_back(
            pairs in prop::collection::btree_map(any::<u16>(), prop_oneof![1..300_u64, any::<u64>()], 0..60),
        ) {
            let packed = Packed::of(pairs.iter().map(|(index, count)| (*index, *count)));
            prop_assert_eq!(packed.is_empty(), pairs.is_empty());
            prop_assert_eq!(packed.pairs().collect::<BTreeMap<_, _>>(), pairs);
        }
    }
}
