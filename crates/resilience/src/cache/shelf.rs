//! Where values stand: two generations, of which the younger is filled and the older thrown away.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

use seaworthy_base::Instant;

#[derive(Debug)]
struct Entry<V> {
    value: V,
    born: Instant,
}

/// A bounded number of values with their ages.
#[derive(Debug)]
pub(super) struct Shelf<K, V> {
    /// Most entries in a generation.
    half: usize,
    young: HashMap<K, Entry<V>>,
    old: HashMap<K, Entry<V>>,
}

impl<K: Hash + Eq, V> Shelf<K, V> {
    pub(super) fn new(most: usize) -> Self {
        Self { half: (most / 2).max(1), young: HashMap::new(), old: HashMap::new() }
    }

    pub(super) fn len(&self) -> usize {
        self.young.len() + self.old.len()
    }

    /// The value and its age, if it is younger than `age`. Used, it stays.
    pub(super) fn get(&mut self, key: &K, now: Instant, age: Duration) -> Option<(&V, Duration)> {
        if !self.young.contains_key(key) {
            let (key, entry) = self.old.remove_entry(key)?;
            self.shelve(key, entry);
        }
        let entry = self.young.get(key)?;
        let lived = now.saturating_duration_since(entry.born);
        (lived < age).then_some((&entry.value, lived))
    }

    pub(super) fn put(&mut self, key: K, value: V, now: Instant) {
        self.old.remove(&key);
        self.shelve(key, Entry { value, born: now });
    }

    pub(super) fn remove(&mut self, key: &K) {
        self.young.remove(key);
        self.old.remove(key);
    }

    pub(super) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.young.retain(|key, _| keep(key));
        self.old.retain(|key, _| keep(key));
    }

    fn shelve(&mut self, key: K, entry: Entry<V>) {
        if self.young.len() >= self.half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(key, entry);
    }
}
