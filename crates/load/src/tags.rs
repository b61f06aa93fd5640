//! Tags that steps give their measurements, kept within bounds: a tag that never repeats a value
//! would make a series of every request.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};

/// The most values of one tag of a step.
pub(crate) const MOST_VALUES: usize = 100;
/// The most sets of tags of a step, each a series of every metric.
pub(crate) const MOST_SETS: usize = 1000;
/// The value that stands for all others.
pub(crate) const OTHERS: &str = "…";

/// A tag and its value, as a step fills it in.
pub(crate) type Tag = (Arc<str>, String);

/// A tag that took more values than are kept apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Exploded {
    /// The step.
    pub step: String,
    /// The tag; several, joined by a comma, when only together they are too many.
    pub tag: String,
    /// Requests that were counted under `…`.
    pub requests: u64,
}

/// The tags of a flow's steps that were seen in a phase, by all workers.
#[derive(Debug, Default)]
pub(crate) struct Tags(Mutex<BTreeMap<usize, Step>>);

#[derive(Debug, Default)]
struct Step {
    values: BTreeMap<Arc<str>, BTreeSet<String>>,
    sets: BTreeSet<Box<[Tag]>>,
    exploded: BTreeMap<String, u64>,
}

impl Tags {
    /// The set under which a request of the step at `position` is counted: the one given, or one
    /// with [`OTHERS`] in the place of what is too much.
    pub(crate) fn admit(&self, position: usize, tags: &[Tag]) -> Box<[Tag]> {
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let step = steps.entry(position).or_default();
        let mut set: Box<[Tag]> = tags.into();
        for (tag, value) in &mut set {
            let values = step.values.entry(Arc::clone(tag)).or_default();
            if values.contains(value.as_str()) {
                continue;
            }
            if values.len() < MOST_VALUES {
                values.insert(value.clone());
            } else {
                *step.exploded.entry(tag.to_string()).or_default() += 1;
                OTHERS.clone_into(value);
            }
        }
        if step.sets.contains(&set) {
            return set;
        }
        if step.sets.len() < MOST_SETS {
            step.sets.insert(set.clone());
            return set;
        }
        let names: Vec<&str> = tags.iter().map(|(tag, _)| &**tag).collect();
        *step.exploded.entry(names.join(", ")).or_default() += 1;
        set.iter_mut().for_each(|(_, value)| OTHERS.clone_into(value));
        set
    }

    /// The tags that took too many values; `name` tells a step's name from its position.
    pub(crate) fn exploded(&self, name: impl Fn(usize) -> String) -> Vec<Exploded> {
        let steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of = |(position, step): (&usize, &Step)| {
            let name = name(*position);
            let exploded = step.exploded.iter().map(move |(tag, requests)| Exploded {
                step: name.clone(),
                tag: tag.clone(),
                requests: *requests,
            });
            exploded.collect::<Vec<_>>()
        };
        steps.iter().flat_map(of).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[(&str, usize)]) -> Vec<Tag> {
        tags.iter().map(|(tag, value)| ((*tag).into(), value.to_string())).collect()
    }

    #[test]
    fn a_tag_keeps_its_first_values_and_says_what_came_beyond() {
        let tags = Tags::default();
        for value in 0..150 {
            let admitted = tags.admit(0, &set(&[("user", value), ("kind", value % 2)]));
            let kept = if value < MOST_VALUES { value.to_string() } else { OTHERS.to_owned() };
            assert_eq!(admitted[0].1, kept);
            assert_eq!(admitted[1].1, (value % 2).to_string());
        }
        assert_eq!(tags.admit(0, &set(&[("user", 7), ("kind", 1)]))[0].1, "7");
        // Another step has bounds of its own.
        assert_eq!(tags.admit(1, &set(&[("user", 149)]))[0].1, "149");
        let step = |position: usize| format!("step {position}");
        let expected = Exploded { step: "step 0".to_owned(), tag: "user".to_owned(), requests: 50 };
        assert_eq!(tags.exploded(step), [expected]);
    }

    #[test]
    fn sets_of_tags_are_bounded_too() {
        let tags = Tags::default();
        let mut sets = BTreeSet::new();
        for a in 0..50 {
            for b in 0..50 {
                sets.insert(tags.admit(0, &set(&[("a", a), ("b", b)])));
            }
        }
        assert_eq!(sets.len(), MOST_SETS + 1);
        let exploded = tags.exploded(|_| "s".to_owned());
        assert_eq!((exploded[0].tag.as_str(), exploded[0].requests), ("a, b", 1500));
    }
}
