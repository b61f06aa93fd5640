//! An inverted index of one tenant's memories, ranked by BM25 (Robertson and Zaragoza 2009, k1 1.2, b 0.75).

use std::collections::HashMap;

use super::words;

mod search;

/// A query counts only this many of its words, the rarest ones: it bounds what a hostile query costs.
pub const QUERY_WORDS: usize = 64;

/// Which memories hold which words. It knows keys and words, never the text, which stays in the rows.
#[derive(Debug, Default)]
pub struct Index {
    slots: HashMap<Box<str>, u32>,
    postings: Vec<Postings>,
    free_postings: Vec<u32>,
    /// In the order they were put in; a place is not used again before the next tidying.
    documents: Vec<Option<Document>>,
    /// The documents' lengths in words, close together for the search.
    lengths: Vec<u32>,
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
    /// No document in the list ever held the word more often than this.
    most: u32,
    /// No document in the list was ever shorter than this.
    shortest: u32,
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
    words: Box<[u32]>,
}

impl Index {
    /// Puts a memory in, in place of what its row held before.
    pub fn insert(&mut self, row: i64, key: &str, text: &str) {
        self.remove(row);
        self.tidy();
        let document = position(self.documents.len());
        let mut slots = Vec::new();
        words::each(text, |word| slots.push(self.slot(word)));
        let length = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        slots.sort_unstable();
        for repeats in slots.chunk_by(|one, next| one == next) {
            let count = u32::try_from(repeats.len()).unwrap_or(u32::MAX);
            let postings = &mut self.postings[repeats[0] as usize];
            postings.most = postings.most.max(count);
            postings.shortest = postings.shortest.min(length);
            postings.list.push(Posting { document, count });
        }
        slots.dedup();
        self.length += u64::from(length);
        self.places.insert(row, document);
        let entry = Document { row, key: key.into(), words: slots.into() };
        self.bytes += entry.bytes();
        self.documents.push(Some(entry));
        self.lengths.push(length);
    }

    /// Takes a row's memory out; false when there was none.
    pub fn remove(&mut self, row: i64) -> bool {
        let Some(document) = self.places.remove(&row) else { return false };
        let Some(entry) = self.documents[document as usize].take() else { return false };
        self.bytes -= entry.bytes();
        self.length -= u64::from(self.lengths[document as usize]);
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
        true
    }

    /// The `limit` best memories for `query`, best first; of equal scores the memory that has not
    /// changed for longer comes first.
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let (found, length) = (self.places.len() as f64, self.length as f64);
        let lists = self.rarest(words::query(query)).into_iter();
        let lists = lists.map(|slot| &self.postings[slot as usize]).collect();
        search::best(lists, limit, found, length / found, &self.lengths)
            .into_iter()
            .filter_map(|(score, document)| {
                let entry = self.documents[document as usize].as_ref()?;
                Some(Hit { row: entry.row, key: entry.key.clone(), score })
            })
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

    fn slot(&mut self, word: &str) -> u32 {
        if let Some(&slot) = self.slots.get(word) {
            return slot;
        }
        let word: Box<str> = word.into();
        self.bytes += word_bytes(&word);
        let postings =
            Postings { word: word.clone(), list: Vec::new(), most: 0, shortest: u32::MAX };
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

    /// Closes the gaps that removed documents left, once they are more than half of all.
    fn tidy(&mut self) {
        if self.documents.len() < 2 * self.places.len() + 64 {
            return;
        }
        let mut moved = vec![0; self.documents.len()];
        let (mut documents, mut lengths) = (Vec::new(), Vec::new());
        for (old, entry) in std::mem::take(&mut self.documents).into_iter().enumerate() {
            let Some(entry) = entry else { continue };
            moved[old] = position(documents.len());
            self.places.insert(entry.row, moved[old]);
            lengths.push(self.lengths[old]);
            documents.push(Some(entry));
        }
        for posting in self.postings.iter_mut().flat_map(|postings| &mut postings.list) {
            posting.document = moved[posting.document as usize];
        }
        (self.documents, self.lengths) = (documents, lengths);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// BM25 by its definition, from the texts alone, in the order they were written.
    fn brute_force(memories: &[(i64, String)], query: &str, limit: usize) -> Vec<Hit> {
        let split: Vec<(i64, Vec<String>)> =
            memories.iter().map(|(row, text)| (*row, words::words(text).collect())).collect();
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
        // Stable: of equal scores the first written stays first.
        hits.sort_by(|a, b| b.score.total_cmp(&a.score));
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
        prop::collection::vec(change, 0..130)
    }

    fn built(memories: &[(i64, String)]) -> Index {
        let mut index = Index::default();
        for (row, text) in memories {
            index.insert(*row, &key(*row), text);
        }
        index
    }

    proptest! {
        #[test]
        fn the_index_ranks_as_the_definition_does(
            memories in prop::collection::vec(text(), 0..40),
            query in text(),
            limit in 1..8_usize,
        ) {
            let memories: Vec<(i64, String)> = (0..).zip(memories).collect();
            let found = built(&memories).search(&query, limit);
            let wanted = brute_force(&memories, &query, limit);
            prop_assert!(same(&found, &wanted), "{found:?} {wanted:?}");
        }

        #[test]
        fn any_order_of_changes_equals_a_rebuild(changes in changes(), query in text()) {
            let (mut index, mut memories) = (Index::default(), Vec::<(i64, String)>::new());
            for change in changes {
                let (Change::Put(row, _) | Change::Take(row)) = &change;
                let place = memories.iter().position(|(other, _)| other == row);
                let known = place.map(|place| memories.remove(place)).is_some();
                match change {
                    Change::Put(row, text) => {
                        index.insert(row, &key(row), &text);
                        memories.push((row, text));
                    }
                    Change::Take(row) => prop_assert_eq!(index.remove(row), known),
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
    fn of_equal_scores_the_oldest_come_first() {
        let mut index = Index::default();
        for (row, key) in [(1, "c"), (2, "a"), (3, "b")] {
            index.insert(row, key, "same words");
        }
        index.insert(1, "c", "same words");
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
