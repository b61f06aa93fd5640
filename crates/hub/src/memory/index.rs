//! An inverted index of one tenant's memories, ranked by BM25 (Robertson and Zaragoza 2009, k1 1.2, b 0.75).

use std::cmp::Ordering;
use std::collections::HashMap;

use super::words;

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// A query counts only this many of its words, the rarest ones: it bounds what a hostile query costs.
pub const QUERY_WORDS: usize = 64;

/// Which memories hold which words. It knows keys and words, never the text, which stays in the rows.
#[derive(Debug, Default)]
pub struct Index {
    slots: HashMap<Box<str>, u32>,
    postings: Vec<Postings>,
    free_postings: Vec<u32>,
    documents: Vec<Option<Document>>,
    free_documents: Vec<u32>,
    places: HashMap<i64, u32>,
    length: u64,
    bytes: usize,
}

/// A memory that a query found.
#[derive(Clone, Debug, PartialEq)]
pub struct Hit {
    /// The row the memory is stored in.
    pub row: i64,
    /// The memory's key.
    pub key: Box<str>,
    /// Its BM25 score, above zero.
    pub score: f64,
}

#[derive(Debug, Default)]
struct Postings {
    word: Box<str>,
    /// Ordered by document.
    list: Vec<Posting>,
}

#[derive(Clone, Copy, Debug)]
struct Posting {
    document: u32,
    count: u32,
}

#[derive(Debug)]
struct Document {
    row: i64,
    key: Box<str>,
    length: u32,
    words: Box<[u32]>,
}

impl Index {
    /// Puts a memory in, in place of what its row held before.
    pub fn insert(&mut self, row: i64, key: &str, text: &str) {
        self.remove(row);
        let mut counts: HashMap<String, u32> = HashMap::new();
        let mut length = 0_u32;
        for word in words::words(text) {
            *counts.entry(word).or_default() += 1;
            length = length.saturating_add(1);
        }
        let document = self.free_documents.pop().unwrap_or_else(|| {
            self.documents.push(None);
            position(self.documents.len() - 1)
        });
        let mut held = Vec::with_capacity(counts.len());
        for (word, count) in counts {
            let slot = self.slot(word);
            let list = &mut self.postings[slot as usize].list;
            let at = list.partition_point(|posting| posting.document < document);
            list.insert(at, Posting { document, count });
            held.push(slot);
        }
        self.length += u64::from(length);
        self.places.insert(row, document);
        let entry = Document { row, key: key.into(), length, words: held.into() };
        self.bytes += entry.bytes();
        self.documents[document as usize] = Some(entry);
    }

    /// Takes a row's memory out; false when there was none.
    pub fn remove(&mut self, row: i64) -> bool {
        let Some(document) = self.places.remove(&row) else { return false };
        let Some(entry) = self.documents[document as usize].take() else { return false };
        self.bytes -= entry.bytes();
        self.length -= u64::from(entry.length);
        for &slot in &entry.words {
            let postings = &mut self.postings[slot as usize];
            if let Ok(at) =
                postings.list.binary_search_by_key(&document, |posting| posting.document)
            {
                postings.list.remove(at);
            }
            if postings.list.is_empty() {
                let postings = std::mem::take(postings);
                self.bytes -= word_bytes(&postings.word);
                self.slots.remove(&postings.word);
                self.free_postings.push(slot);
            }
        }
        self.free_documents.push(document);
        true
    }

    /// The `limit` best memories for `query`, best first; equal scores in order of their keys.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let found = self.places.len() as f64;
        let average = self.length as f64 / found;
        let mut scores = vec![0.0_f64; self.documents.len()];
        let mut touched = Vec::new();
        for slot in self.rarest(words::query(query)) {
            let list = &self.postings[slot as usize].list;
            let weight = rarity(found, list.len() as f64);
            for posting in list {
                let Some(entry) = &self.documents[posting.document as usize] else { continue };
                let score = &mut scores[posting.document as usize];
                if *score == 0.0 {
                    touched.push(posting.document);
                }
                *score += weight * saturation(posting.count, entry.length, average);
            }
        }
        let mut hits: Vec<(&Document, f64)> = touched
            .into_iter()
            .filter_map(|document| {
                let entry = self.documents[document as usize].as_ref()?;
                Some((entry, scores[document as usize]))
            })
            .collect();
        let best_first = |a: &(&Document, f64), b: &(&Document, f64)| -> Ordering {
            b.1.total_cmp(&a.1).then_with(|| a.0.key.cmp(&b.0.key))
        };
        if limit < hits.len() {
            hits.select_nth_unstable_by(limit, best_first);
            hits.truncate(limit);
        }
        hits.sort_unstable_by(best_first);
        hits.into_iter()
            .map(|(entry, score)| Hit { row: entry.row, key: entry.key.clone(), score })
            .collect()
    }

    /// How many memories it holds.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// About how many bytes of memory it takes.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The words that some memory holds, at most [`QUERY_WORDS`], rarest first and then by the word.
    fn rarest(&self, query: Vec<String>) -> Vec<u32> {
        let mut known: Vec<(usize, String, u32)> = query
            .into_iter()
            .filter_map(|word| {
                let &slot = self.slots.get(word.as_str())?;
                Some((self.postings[slot as usize].list.len(), word, slot))
            })
            .collect();
        known.sort_unstable();
        known.truncate(QUERY_WORDS);
        known.into_iter().map(|(_, _, slot)| slot).collect()
    }

    fn slot(&mut self, word: String) -> u32 {
        if let Some(&slot) = self.slots.get(word.as_str()) {
            return slot;
        }
        let word: Box<str> = word.into();
        self.bytes += word_bytes(&word);
        let postings = Postings { word: word.clone(), list: Vec::new() };
        let slot = if let Some(slot) = self.free_postings.pop() {
            self.postings[slot as usize] = postings;
            slot
        } else {
            self.postings.push(postings);
            position(self.postings.len() - 1)
        };
        self.slots.insert(word, slot);
        slot
    }
}

impl Document {
    fn bytes(&self) -> usize {
        // The entry, its place in the map, its key, and for each word a slot here and a posting there.
        96 + self.key.len() + self.words.len() * (4 + size_of::<Posting>())
    }
}

/// The word twice (map and postings) and what holds it.
fn word_bytes(word: &str) -> usize {
    96 + 2 * word.len()
}

fn position(index: usize) -> u32 {
    u32::try_from(index).expect("four billion memories do not fit into this machine's memory")
}

/// How much it means that a word is there: `ln(1 + (N - n + 0.5) / (n + 0.5))`, always above zero.
fn rarity(documents: f64, holding: f64) -> f64 {
    ((documents - holding + 0.5) / (holding + 0.5)).ln_1p()
}

/// How much repeats add, against the length of the document.
fn saturation(count: u32, length: u32, average: f64) -> f64 {
    let count = f64::from(count);
    count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * f64::from(length) / average))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use proptest::prelude::*;

    /// BM25 by its definition, from the texts alone.
    fn brute_force(memories: &BTreeMap<i64, String>, query: &str, limit: usize) -> Vec<Hit> {
        let split: Vec<(i64, Vec<String>)> =
            memories.iter().map(|(&row, text)| (row, words::words(text).collect())).collect();
        let count = split.len() as f64;
        let average = split.iter().map(|(_, all)| all.len()).sum::<usize>() as f64 / count;
        let holding = |word: &String| split.iter().filter(|(_, all)| all.contains(word)).count();
        let mut asked: Vec<(usize, String)> = words::query(query)
            .into_iter()
            .map(|word| (holding(&word), word))
            .filter(|(holding, _)| *holding > 0)
            .collect();
        asked.sort();
        asked.truncate(QUERY_WORDS);
        let mut hits: Vec<Hit> = split
            .iter()
            .filter_map(|(row, all)| {
                let mut score = 0.0;
                for (holding, word) in &asked {
                    let repeats = all.iter().filter(|other| *other == word).count() as f64;
                    let holding = *holding as f64;
                    let idf = ((count - holding + 0.5) / (holding + 0.5)).ln_1p();
                    let norm = 1.0 - 0.75 + 0.75 * all.len() as f64 / average;
                    score += idf * (repeats * 2.2 / (repeats + 1.2 * norm));
                }
                (score > 0.0).then(|| Hit { row: *row, key: key(*row), score })
            })
            .collect();
        hits.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.key.cmp(&b.key)));
        hits.truncate(limit);
        hits
    }

    fn key(row: i64) -> Box<str> {
        format!("k{row}").into()
    }

    fn same(left: &[Hit], right: &[Hit]) -> bool {
        left.len() == right.len()
            && left
                .iter()
                .zip(right)
                .all(|(a, b)| a.row == b.row && a.key == b.key && (a.score - b.score).abs() < 1e-12)
    }

    fn text() -> impl Strategy<Value = String> {
        prop::collection::vec("[a-e]{1,2}|the|Ä|ä", 0..12).prop_map(|all| all.join(" "))
    }

    #[derive(Clone, Debug)]
    enum Change {
        Put(i64, String),
        Take(i64),
    }

    fn changes() -> impl Strategy<Value = Vec<Change>> {
        let change = prop_oneof![
            3 => (0..12_i64, text()).prop_map(|(row, text)| Change::Put(row, text)),
            1 => (0..12_i64).prop_map(Change::Take),
        ];
        prop::collection::vec(change, 0..60)
    }

    fn built(memories: &BTreeMap<i64, String>) -> Index {
        let mut index = Index::default();
        for (&row, text) in memories {
            index.insert(row, &key(row), text);
        }
        index
    }

    proptest! {
        #[test]
        fn the_index_ranks_as_the_definition_does(
            memories in prop::collection::btree_map(0..40_i64, text(), 0..40),
            query in text(),
            limit in 1..8_usize,
        ) {
            let found = built(&memories).search(&query, limit);
            let wanted = brute_force(&memories, &query, limit);
            prop_assert!(same(&found, &wanted), "{found:?} {wanted:?}");
        }

        #[test]
        fn any_order_of_changes_equals_a_rebuild(changes in changes(), query in text()) {
            let (mut index, mut memories) = (Index::default(), BTreeMap::new());
            for change in changes {
                match change {
                    Change::Put(row, text) => {
                        index.insert(row, &key(row), &text);
                        memories.insert(row, text);
                    }
                    Change::Take(row) => {
                        prop_assert_eq!(index.remove(row), memories.remove(&row).is_some());
                    }
                }
            }
            let fresh = built(&memories);
            prop_assert_eq!(index.search(&query, 50), fresh.search(&query, 50));
            prop_assert_eq!(index.len(), fresh.len());
            prop_assert_eq!(index.bytes(), fresh.bytes());
            prop_assert!(same(&index.search(&query, 50), &brute_force(&memories, &query, 50)));
        }
    }

    #[test]
    fn equal_scores_come_in_order_of_their_keys() {
        let mut index = Index::default();
        for (row, key) in [(1, "c"), (2, "a"), (3, "b")] {
            index.insert(row, key, "same words");
        }
        let keys: Vec<_> = index.search("words", 2).into_iter().map(|hit| hit.key).collect();
        assert_eq!(keys, ["a".into(), "b".into()]);
    }

    #[test]
    fn an_emptied_index_takes_nothing_and_finds_nothing() {
        let mut index = Index::default();
        index.insert(1, "a", "one two two");
        assert!(index.bytes() > 0);
        assert!(index.remove(1));
        assert!(!index.remove(1));
        assert!(index.is_empty());
        assert_eq!(index.bytes(), 0);
        assert!(index.search("two", 5).is_empty());
    }

    #[test]
    fn a_query_counts_its_rarest_words_only() {
        let mut index = Index::default();
        let many: Vec<String> = (0..QUERY_WORDS).map(|n| format!("rare{n}")).collect();
        index.insert(1, "rare", &many.join(" "));
        index.insert(2, "common", "common");
        index.insert(3, "other", "common");
        let hits = index.search(&format!("common {}", many.join(" ")), 5);
        assert_eq!(hits.len(), 1, "{hits:?}");
        assert_eq!(&*hits[0].key, "rare");
    }
}
