//! An inverted index of one tenant's memories, ranked by BM25 (Robertson and Zaragoza 2009, k1 1.2, b 0.75).

use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};

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
    ///
    /// Documents are looked at in their order, and only those that some word still makes worth it: a
    /// word all of whose documents together with those of other such words cannot beat the worst of
    /// the best so far is only looked up where a rarer word leads (MaxScore, Turtle and Flood 1995).
    pub fn search(&self, query: &str, limit: usize) -> Vec<Hit> {
        let found = self.places.len() as f64;
        let average = self.length as f64 / found;
        let mut terms: Vec<Term<'_>> = self
            .rarest(words::query(query))
            .into_iter()
            .map(|slot| Term::new(&self.postings[slot as usize], found, average))
            .collect();
        // The weakest first: that is the order in which they stop leading.
        let mut weakest: Vec<usize> = (0..terms.len()).collect();
        weakest.sort_by(|&a, &b| terms[a].most.total_cmp(&terms[b].most));
        let mut weakest = weakest.into_iter().peekable();
        let mut best = Best::new(limit);
        let length = |document: u32| self.lengths[document as usize];
        while let Some(document) = next(&terms) {
            for term in &mut terms {
                term.score = if term.leads {
                    term.lead(document, |count| saturation(count, length(document), average))
                } else {
                    term.most
                };
            }
            if !best.takes(total(&terms)) {
                continue;
            }
            for term in terms.iter_mut().filter(|term| !term.leads) {
                term.score =
                    term.seek(document, |count| saturation(count, length(document), average));
            }
            if !best.offer(total(&terms), document) {
                continue;
            }
            while let Some(&weak) = weakest.peek() {
                let reach =
                    terms.iter().enumerate().filter(|(at, term)| *at == weak || !term.leads);
                if best.takes(reach.map(|(_, term)| term.most).sum()) {
                    break;
                }
                terms[weak].leads = false;
                weakest.next();
            }
        }
        best.sorted()
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

/// A word of a query, on its way through its documents.
struct Term<'a> {
    /// What is left of the list.
    rest: &'a [Posting],
    weight: f64,
    /// No document gets more for this word.
    most: f64,
    /// Whether its documents are looked at for its sake.
    leads: bool,
    /// What the document at hand gets for it, or may get at most.
    score: f64,
}

impl<'a> Term<'a> {
    fn new(postings: &'a Postings, found: f64, average: f64) -> Self {
        let weight = rarity(found, postings.list.len() as f64);
        let most = weight * saturation(postings.most, postings.shortest, average);
        Self { rest: &postings.list, weight, most, leads: true, score: 0.0 }
    }

    /// The score of `document`, which is not beyond the next one of the list.
    fn lead(&mut self, document: u32, saturation: impl Fn(u32) -> f64) -> f64 {
        match self.rest.split_first() {
            Some((posting, rest)) if posting.document == document => {
                self.rest = rest;
                self.weight * saturation(posting.count)
            }
            _ => 0.0,
        }
    }

    /// The score of `document`, wherever it stands in the list.
    fn seek(&mut self, document: u32, saturation: impl Fn(u32) -> f64) -> f64 {
        let mut step = 1;
        while self.rest.get(step).is_some_and(|posting| posting.document <= document) {
            self.rest = &self.rest[step..];
            step *= 2;
        }
        let near = &self.rest[..self.rest.len().min(step)];
        let at = near.partition_point(|posting| posting.document < document);
        self.rest = &self.rest[at..];
        match self.rest.first() {
            Some(posting) if posting.document == document => {
                self.weight * saturation(posting.count)
            }
            _ => 0.0,
        }
    }
}

/// The next document that a leading word has.
fn next(terms: &[Term<'_>]) -> Option<u32> {
    terms
        .iter()
        .filter(|term| term.leads)
        .filter_map(|term| term.rest.first())
        .map(|one| one.document)
        .min()
}

/// Always added in the words' order, so that a sum of bounds is a bound of the sum, to the last bit.
fn total(terms: &[Term<'_>]) -> f64 {
    terms.iter().map(|term| term.score).sum()
}

/// The best documents so far, of those that came in order.
struct Best {
    limit: usize,
    /// A heap by [`Place`]'s order, the worst on top.
    heap: BinaryHeap<Place>,
}

/// Worse is greater: a lower score, or the same and a later document.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Place {
    score: f64,
    document: u32,
}

impl Eq for Place {}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.document.cmp(&other.document))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Best {
    fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new() }
    }

    /// Whether a document yet to come would get in with this score.
    fn takes(&self, score: f64) -> bool {
        if self.heap.len() < self.limit {
            return score > 0.0;
        }
        self.heap.peek().is_some_and(|worst| score > worst.score)
    }

    fn offer(&mut self, score: f64, document: u32) -> bool {
        let taken = self.takes(score);
        if taken {
            if self.heap.len() == self.limit {
                self.heap.pop();
            }
            self.heap.push(Place { score, document });
        }
        taken
    }

    fn sorted(self) -> Vec<(f64, u32)> {
        let places = self.heap.into_sorted_vec().into_iter();
        places.map(|place| (place.score, place.document)).collect()
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
