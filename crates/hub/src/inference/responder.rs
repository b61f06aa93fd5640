//! The built-in responder: it answers by quoting the memories it is given, and by nothing else.

use std::collections::HashSet;

use crate::memory::words;

/// The name the responder goes by in answers. It is no language model and never claims to be one.
pub const MODEL: &str = "seaworthy-memory-quotes";

/// What it says when no memory bears on the prompt.
pub const NOTHING_FOUND: &str = "I found nothing in memory about this.";

const OPENING: &str = "I found this in memory:";

/// A memory that may be quoted.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The memory's key, named beside the quote.
    pub key: &'a str,
    /// The memory's text.
    pub value: &'a str,
}

/// An answer made of quotes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The text: each quote in quotation marks with its key in brackets, or [`NOTHING_FOUND`].
    pub text: String,
    /// The positions of the quoted sources, in the order they are quoted.
    pub used: Vec<usize>,
}

impl Answer {
    /// Whether anything was quoted.
    pub fn grounded(&self) -> bool {
        !self.used.is_empty()
    }
}

/// Quotes the sources that bear most on `prompt`, in their order, in at most `limit` quoted words.
///
/// A source bears on the prompt by the distinct words that its best sentence shares with it;
/// function words do not count unless the prompt has no others. Of the sources that say something
/// beyond the prompt, those that share most are quoted, each by that sentence, to its end or to the
/// limit, where `…` marks the cut. A text quoted once is not quoted again under another key.
pub fn answer(prompt: &str, sources: &[Source<'_>], limit: usize) -> Answer {
    let said: HashSet<String> = words::words(prompt).collect();
    let asked: HashSet<String> = words::query(prompt).into_iter().collect();
    let bearing: Vec<(usize, usize, &str)> = sources
        .iter()
        .enumerate()
        .filter(|(_, source)| words::words(source.value).any(|word| !said.contains(&word)))
        .filter_map(|(at, source)| {
            let (shared, sentence) = best_sentence(source.value, &asked)?;
            Some((at, shared, sentence))
        })
        .collect();
    let most = bearing.iter().map(|(_, shared, _)| *shared).max();
    let (mut text, mut used, mut left) = (String::from(OPENING), Vec::new(), limit);
    let mut quoted = HashSet::new();
    for (at, shared, sentence) in bearing {
        if left == 0 {
            break;
        }
        if Some(shared) == most && quoted.insert(sentence) {
            let (quote, taken) = cut(sentence, left);
            left -= taken;
            text.push_str(&format!(" \"{quote}\" [{}]", sources[at].key));
            used.push(at);
        }
    }
    if used.is_empty() {
        text = NOTHING_FOUND.to_owned();
    }
    Answer { text, used }
}

/// How many words a text has, by white space: the unit of the usage figures.
pub fn count(text: &str) -> usize {
    text.split_whitespace().count()
}

/// The sentence that holds most of the words asked for, the first of equals, and how many; none
/// when none does.
fn best_sentence<'a>(text: &'a str, asked: &HashSet<String>) -> Option<(usize, &'a str)> {
    let mut best = None;
    for sentence in sentences(text) {
        let shared = words::words(sentence)
            .filter(|word| asked.contains(word))
            .collect::<HashSet<_>>()
            .len();
        if shared > best.map_or(0, |(most, _)| most) {
            best = Some((shared, sentence));
        }
    }
    best
}

/// A text's sentences: they end at a line's end, or at `.`, `!` or `?` before white space.
fn sentences(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| {
        let mut rest = line;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let end = rest
                .char_indices()
                .zip(rest.chars().skip(1))
                .find(|((_, letter), next)| {
                    matches!(letter, '.' | '!' | '?') && next.is_whitespace()
                })
                .map_or(rest.len(), |((at, letter), _)| at + letter.len_utf8());
            let (sentence, tail) = rest.split_at(end);
            rest = tail;
            Some(sentence.trim())
        })
    })
}

/// The first `limit` words of a sentence as they stand, and how many that were.
fn cut(sentence: &str, limit: usize) -> (String, usize) {
    let total = count(sentence);
    if total <= limit {
        return (sentence.to_owned(), total);
    }
    let kept: Vec<&str> = sentence.split_whitespace().take(limit).collect();
    (format!("{} …", kept.join(" ")), limit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHIPS: [Source<'_>; 3] = [
        Source { key: "m1", value: "The Aurora sails at dawn. Her cargo is tea." },
        Source { key: "m2", value: "The Borealis carries coal." },
        Source { key: "m3", value: "Lunch is at noon." },
    ];

    #[test]
    fn it_quotes_the_sentence_that_bears_on_the_prompt_with_its_key() {
        let answer = answer("What is the cargo of the Aurora, tea?", &SHIPS, 64);
        assert_eq!(answer.text, "I found this in memory: \"Her cargo is tea.\" [m1]");
        assert_eq!(answer.used, [0]);
        assert!(answer.grounded());
    }

    #[test]
    fn only_what_bears_most_on_the_prompt_is_quoted() {
        let answer = answer("What of the Borealis, the ship of coal?", &SHIPS, 64);
        assert_eq!(answer.used, [1]);
        let ships = [
            Source { key: "s1", value: "Ship 1 carries coal." },
            Source { key: "s2", value: "Ship 2 carries coal." },
            Source { key: "s3", value: "Ship 2 carries tea." },
        ];
        assert_eq!(super::answer("What does ship 2 carry?", &ships, 64).used, [1, 2]);
    }

    #[test]
    fn it_says_when_it_has_found_nothing() {
        for prompt in ["Who painted the Mona Lisa?", "", "?"] {
            let answer = answer(prompt, &SHIPS, 64);
            assert_eq!(answer.text, NOTHING_FOUND, "{prompt}");
            assert!(!answer.grounded());
        }
        assert!(!super::answer("Aurora", &[], 64).grounded());
    }

    #[test]
    fn a_memory_of_the_question_is_no_answer_to_it() {
        let sources = [
            Source { key: "earlier", value: "When does the Aurora sail?" },
            Source { key: "fact", value: "The Aurora sails at dawn." },
            Source { key: "copy", value: "The Aurora sails at dawn." },
        ];
        let answer = answer("When does the Aurora sail?", &sources, 64);
        assert_eq!(answer.used, [1]);
    }

    #[test]
    fn the_limit_cuts_a_quote_and_says_so() {
        let answer = answer("Aurora Borealis", &SHIPS, 4);
        assert_eq!(answer.text, "I found this in memory: \"The Aurora sails at …\" [m1]");
        let answer = super::answer("Aurora Borealis", &SHIPS, 7);
        assert_eq!(
            answer.text,
            "I found this in memory: \"The Aurora sails at dawn.\" [m1] \"The Borealis …\" [m2]"
        );
    }

    proptest! {
        #[test]
        fn every_quote_stands_in_its_source(
            prompt in "[a-d ]{0,20}",
            values in prop::collection::vec("[a-f .\n?]{0,30}", 0..5),
            limit in 1..12_usize,
        ) {
            let sources: Vec<Source<'_>> =
                values.iter().map(|value| Source { key: "k", value }).collect();
            let answer = answer(&prompt, &sources, limit);
            prop_assert_eq!(answer.grounded(), answer.text != NOTHING_FOUND);
            let mut total = 0;
            for (quote, &at) in answer.text.split('"').skip(1).step_by(2).zip(&answer.used) {
                let words: Vec<&str> =
                    quote.trim_end_matches('…').split_whitespace().collect();
                let source: Vec<&str> = values[at].split_whitespace().collect();
                prop_assert!(source.windows(words.len().max(1)).any(|part| part == words));
                total += words.len();
            }
            prop_assert!(total <= limit);
        }
    }
}
