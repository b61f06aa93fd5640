//! Sets of tags: immutable, shared, cheap to clone, and found again without being built again.

mod hash;
mod interner;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};

pub(crate) use hash::{Mix, Ready};
pub use interner::Interner;

/// An immutable set of tags, each a name and a value, in the order of their names.
///
/// A clone is a counted reference. All text lies in one allocation. Two sets are equal when they
/// hold the same; comparing sets that are the same object looks at nothing else.
#[derive(Clone, Default)]
pub struct TagSet(Option<Arc<Set>>);

struct Set {
    hash: u64,
    pairs: Pairs,
}

/// Names and values end to end in one text.
#[derive(Debug, Default, PartialEq, Eq)]
struct Pairs {
    text: Box<str>,
    spans: Box<[Span]>,
}

/// Where a name ends, which is where its value begins, and where the value ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Span {
    name: u32,
    value: u32,
}

impl TagSet {
    /// The set without tags; it allocates nothing.
    pub const fn empty() -> Self {
        Self(None)
    }

    /// From pairs; of several with one name the last one counts.
    pub fn of(pairs: &[(&str, &str)]) -> Self {
        Self::empty().with_all(pairs)
    }

    /// This set and one more tag, which replaces one of the same name.
    #[must_use]
    pub fn with(&self, name: &str, value: &str) -> Self {
        if self.get(name) == Some(value) { self.clone() } else { self.with_all(&[(name, value)]) }
    }

    /// This set and more tags, which replace those of the same names; later ones win.
    #[must_use]
    pub fn with_all(&self, pairs: &[(&str, &str)]) -> Self {
        if pairs.is_empty() {
            return self.clone();
        }
        let mut all: Vec<(&str, &str)> = Vec::with_capacity(self.len() + pairs.len());
        for (name, value) in self.iter().chain(pairs.iter().copied()) {
            match all.binary_search_by(|(other, _)| (*other).cmp(name)) {
                Ok(position) => all[position].1 = value,
                Err(position) => all.insert(position, (name, value)),
            }
        }
        Self::of_sorted(&all)
    }

    /// This set without the tag of that name.
    #[must_use]
    pub fn without(&self, name: &str) -> Self {
        if self.get(name).is_none() {
            return self.clone();
        }
        let rest: Vec<_> = self.iter().filter(|(other, _)| *other != name).collect();
        Self::of_sorted(&rest)
    }

    /// The value of the tag of that name.
    pub fn get(&self, name: &str) -> Option<&str> {
        let pairs = &self.0.as_ref()?.pairs;
        let (mut low, mut high) = (0, pairs.spans.len());
        while low < high {
            let middle = low.midpoint(high);
            let (other, value) = pairs.at(middle);
            match other.cmp(name) {
                std::cmp::Ordering::Equal => return Some(value),
                std::cmp::Ordering::Less => low = middle + 1,
                std::cmp::Ordering::Greater => high = middle,
            }
        }
        None
    }

    /// Whether every tag of the other set is in this one, with the same value.
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(name, value)| self.get(name) == Some(value))
    }

    /// Names and values, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        self.0.iter().flat_map(|set| set.pairs.iter())
    }

    /// How many tags.
    pub fn len(&self) -> usize {
        self.0.as_ref().map_or(0, |set| set.pairs.spans.len())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether both are the same object, which is cheaper to ask than whether they are equal.
    pub fn is(&self, other: &Self) -> bool {
        self.address() == other.address()
    }

    /// Tells this object from every other that lives at the same time.
    pub fn address(&self) -> usize {
        self.0.as_ref().map_or(0, |set| Arc::as_ptr(set) as usize)
    }

    pub(crate) fn hash_value(&self) -> u64 {
        self.0.as_ref().map_or(0, |set| set.hash)
    }

    fn of_sorted(pairs: &[(&str, &str)]) -> Self {
        if pairs.is_empty() {
            return Self::empty();
        }
        let mut hash = Mix::default();
        for (name, value) in pairs {
            hash.text(name);
            hash.text(value);
        }
        Self(Some(Arc::new(Set { hash: hash.finish(), pairs: Pairs::of(pairs) })))
    }
}

impl Pairs {
    fn of(pairs: &[(&str, &str)]) -> Self {
        let length = pairs.iter().map(|(name, value)| name.len() + value.len()).sum();
        let mut text = String::with_capacity(length);
        let mut spans = Vec::with_capacity(pairs.len());
        for (name, value) in pairs {
            text.push_str(name);
            let end = text.len();
            text.push_str(value);
            // Four gigabytes of tags do not fit a request; beyond them a tag is cut to nothing.
            let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
            spans.push(Span { name: place(end), value: place(text.len()) });
        }
        Self { text: text.into(), spans: spans.into() }
    }

    fn at(&self, position: usize) -> (&str, &str) {
        let begin = position.checked_sub(1).map_or(0, |before| self.spans[before].value);
        let Span { name, value } = self.spans[position];
        let part = |from: u32, to: u32| self.text.get(from as usize..to as usize);
        (part(begin, name).unwrap_or_default(), part(name, value).unwrap_or_default())
    }

    /// Whether it holds exactly these, in this order.
    fn are(&self, pairs: &[(&str, &str)]) -> bool {
        let text = self.text.as_bytes();
        let mut begin = 0;
        let mut same = |part: &str, end: u32| {
            let own = text.get(begin..end as usize);
            begin = end as usize;
            own == Some(part.as_bytes())
        };
        self.spans.len() == pairs.len()
            && self
                .spans
                .iter()
                .zip(pairs)
                .all(|(span, (name, value))| same(name, span.name) && same(value, span.value))
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> + '_ {
        (0..self.spans.len()).map(|position| self.at(position))
    }
}

impl PartialEq for TagSet {
    fn eq(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (None, None) => true,
            (Some(one), Some(two)) => {
                Arc::ptr_eq(one, two) || (one.hash == two.hash && one.pairs == two.pairs)
            }
            _ => false,
        }
    }
}

impl Eq for TagSet {}

impl Hash for TagSet {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash_value());
    }
}

impl fmt::Debug for TagSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_map().entries(self.iter()).finish()
    }
}

/// As an object, in the order of the names.
impl Serialize for TagSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sets_are_what_they_hold() {
        let one = TagSet::of(&[("url", "/a"), ("method", "GET")]);
        let two = TagSet::empty().with("method", "GET").with("url", "/a");
        assert_eq!(one, two);
        assert!(!one.is(&two));
        assert!(one.is(&one.with("url", "/a")));
        assert_ne!(one, one.with("url", "/b"));
        assert_eq!(one.with("url", "/b").get("url"), Some("/b"));
        assert_eq!(one.without("url"), TagSet::of(&[("method", "GET")]));
        assert!(one.contains(&TagSet::of(&[("url", "/a")])));
        assert!(!one.contains(&TagSet::of(&[("url", "/b")])));
        assert!(one.contains(&TagSet::empty()));
        assert_eq!(TagSet::of(&[("a", "1")]).without("a"), TagSet::empty());
        assert_eq!(serde_json::to_string(&one).unwrap(), r#"{"method":"GET","url":"/a"}"#);
        // The same text, cut elsewhere.
        assert_ne!(TagSet::of(&[("ab", "c")]), TagSet::of(&[("a", "bc")]));
    }

    proptest! {
        #[test]
        fn a_set_is_a_map(
            base in prop::collection::vec(("[a-d]{0,2}", "\\PC{0,12}"), 0..8),
            more in prop::collection::vec(("[a-d]{0,2}", "\\PC{0,12}"), 0..8),
        ) {
            let map: BTreeMap<_, _> = base.iter().chain(&more).cloned().collect();
            let base: Vec<_> = base.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let more: Vec<_> = more.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            let set = TagSet::of(&base).with_all(&more);
            let got: Vec<_> = set.iter().map(|(a, b)| (a.to_owned(), b.to_owned())).collect();
            prop_assert_eq!(got, map.iter().map(|(a, b)| (a.clone(), b.clone())).collect::<Vec<_>>());
            for (name, value) in &map {
                prop_assert_eq!(set.get(name), Some(value.as_str()));
            }
            let mut interner = Interner::new(3);
            for _ in 0..2 {
                prop_assert_eq!(&interner.with(&TagSet::of(&base), &more), &set);
            }
        }
    }
}
