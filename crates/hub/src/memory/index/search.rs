//! The search itself: BM25 over the words' lists, looking only at documents that can still be among
//! the best (MaxScore, Turtle and Flood 1995).

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::{Posting, Postings};

const K1: f64 = 1.2;
const B: f64 = 0.75;

/// The `limit` best of `found` documents that hold any of the words whose `lists` these are, the
/// rarest word first: scores and documents, best first, of equal scores the earlier document.
///
/// Documents are looked at in their order. Words that even together cannot lift a document above the
/// worst of the best so far are only looked up where another word leads.
pub(super) fn best(
    lists: Vec<&Postings>,
    limit: usize,
    found: f64,
    average: f64,
    lengths: &[u32],
) -> Vec<(f64, u32)> {
    let mut terms: Vec<Term<'_>> =
        lists.into_iter().map(|list| Term::new(list, found, average)).collect();
    // The weakest first: that is the order in which they stop leading.
    let mut weakest: Vec<usize> = (0..terms.len()).collect();
    weakest.sort_by(|&a, &b| terms[a].most.total_cmp(&terms[b].most));
    let mut weakest = weakest.into_iter().peekable();
    let gets = |document: u32| {
        let length = lengths[document as usize];
        move |count| saturation(count, length, average)
    };
    let mut best = Best { limit, floor: floor(&terms, limit, gets), heap: BinaryHeap::new() };
    loop {
        while let Some(&weak) = weakest.peek() {
            let reach = terms.iter().enumerate().filter(|(at, term)| *at == weak || !term.leads);
            if best.takes(reach.map(|(_, term)| term.most).sum()) {
                break;
            }
            terms[weak].leads = false;
            weakest.next();
        }
        let Some(document) = next(&terms) else { return best.sorted() };
        for term in &mut terms {
            term.score = if term.leads { term.lead(document, gets(document)) } else { term.most };
        }
        if !best.takes(total(&terms)) {
            continue;
        }
        for term in terms.iter_mut().filter(|term| !term.leads) {
            term.score = term.seek(document, gets(document));
        }
        best.offer(total(&terms), document);
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

/// A score that so many documents reach that nothing below it can be among the best: the worst of the
/// first that hold the rarest words. Zero when there are not as many documents.
fn floor<F: Fn(u32) -> f64>(terms: &[Term<'_>], limit: usize, gets: impl Fn(u32) -> F) -> f64 {
    let mut first: Vec<u32> = Vec::with_capacity(limit);
    for posting in terms.iter().flat_map(|term| term.rest) {
        if first.len() == limit {
            break;
        }
        if !first.contains(&posting.document) {
            first.push(posting.document);
        }
    }
    if first.len() < limit {
        return 0.0;
    }
    let scores = first.into_iter().map(|document| {
        let gets = gets(document);
        let one = |term: &Term<'_>| {
            let at = term.rest.binary_search_by_key(&document, |posting| posting.document);
            at.map_or(0.0, |at| term.weight * gets(term.rest[at].count))
        };
        terms.iter().map(one).sum()
    });
    scores.fold(f64::INFINITY, f64::min)
}

/// Always added in the words' order, so that a sum of bounds is a bound of the sum, to the last bit.
fn total(terms: &[Term<'_>]) -> f64 {
    terms.iter().map(|term| term.score).sum()
}

/// The best documents so far, of those that came in order.
struct Best {
    limit: usize,
    /// Nothing below this gets in.
    floor: f64,
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
    /// Whether a document yet to come would get in with this score.
    fn takes(&self, score: f64) -> bool {
        if self.heap.len() < self.limit {
            return score > 0.0 && score >= self.floor;
        }
        self.heap.peek().is_some_and(|worst| score > worst.score)
    }

    fn offer(&mut self, score: f64, document: u32) {
        if self.takes(score) {
            if self.heap.len() == self.limit {
                self.heap.pop();
            }
            self.heap.push(Place { score, document });
        }
    }

    fn sorted(self) -> Vec<(f64, u32)> {
        let places = self.heap.into_sorted_vec().into_iter();
        places.map(|place| (place.score, place.document)).collect()
    }
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
