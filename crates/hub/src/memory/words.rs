//! Text to words: Unicode letters and digits in runs, case folded; the same for rows and for queries.

use std::collections::HashSet;
use std::iter::Peekable;
use std::str::Chars;

/// A word longer than this is cut here: it bounds what hostile text puts into an index.
const LONGEST_WORD: usize = 64;

/// A list of up to so many words is looked through one by one.
const SHORT: usize = 24;

/// The words of `text` in order, folded, with repeats.
///
/// A word is a run of Unicode alphanumeric characters and the combining marks inside it. Han and
/// kana are written without spaces, so there every character is a word. Folding maps each character
/// to lower, upper and lower case again, which is what makes `Straße`, `STRAẞE` and `strasse` one.
/// Composed and decomposed spellings are not unified.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    let mut rest = text.chars().peekable();
    std::iter::from_fn(move || {
        let mut word = String::new();
        next(&mut rest, &mut word).then_some(word)
    })
}

/// Tells `each` the words of `text`, as [`words`] gives them.
pub fn each(text: &str, mut each: impl FnMut(&str)) {
    let mut rest = text.chars().peekable();
    let mut word = String::new();
    while next(&mut rest, &mut word) {
        each(&word);
    }
}

/// Reads the next word into `word`; false at the end.
fn next(rest: &mut Peekable<Chars<'_>>, word: &mut String) -> bool {
    word.clear();
    while rest.next_if(|&letter| !letter.is_alphanumeric()).is_some() {}
    let Some(first) = rest.next() else { return false };
    fold(first, word);
    if !stands_alone(first) {
        while let Some(letter) = rest.next_if(|&letter| is_inside(letter) && !stands_alone(letter))
        {
            if word.len() < LONGEST_WORD {
                fold(letter, word);
            }
        }
    }
    true
}

/// What a query asks for: its distinct words in order of appearance, without English function words
/// unless there is nothing else in it.
pub fn query(text: &str) -> Vec<String> {
    let (mut telling, mut function) = (Vec::<String>::new(), Vec::<String>::new());
    let mut seen = HashSet::new();
    each(text, |word| {
        if is_function_word(word) {
            if !function.iter().any(|known| known == word) {
                function.push(word.to_owned());
            }
            return;
        }
        // A short list is quicker looked through than hashed; a long one must not be.
        if telling.len() == SHORT && seen.is_empty() {
            seen.extend(telling.iter().cloned());
        }
        let known = if telling.len() < SHORT {
            telling.iter().any(|known| known == word)
        } else {
            !seen.insert(word.to_owned())
        };
        if !known {
            telling.push(word.to_owned());
        }
    });
    if telling.is_empty() { function } else { telling }
}

/// Whether a folded word only holds an English sentence together and says nothing by itself.
pub fn is_function_word(word: &str) -> bool {
    FUNCTION_WORDS.binary_search(&word).is_ok()
}

const FUNCTION_WORDS: [&str; 68] = [
    "a", "about", "all", "am", "an", "and", "any", "are", "as", "at", "be", "been", "but", "by",
    "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "his",
    "how", "i", "if", "in", "is", "it", "its", "me", "my", "no", "not", "of", "on", "or", "our",
    "please", "she", "so", "tell", "that", "the", "their", "them", "they", "this", "to", "was",
    "we", "were", "what", "when", "where", "which", "who", "whose", "why", "will", "with", "would",
    "you", "your",
];

fn fold(letter: char, word: &mut String) {
    if letter.is_ascii() {
        word.push(letter.to_ascii_lowercase());
    } else {
        let lower = letter.to_lowercase();
        word.extend(lower.flat_map(char::to_uppercase).flat_map(char::to_lowercase));
    }
}

fn is_inside(letter: char) -> bool {
    if letter.is_ascii() {
        return letter.is_ascii_alphanumeric();
    }
    letter.is_alphanumeric()
        || matches!(letter, '\u{300}'..='\u{36f}' | '\u{94d}' | '\u{9cd}' | '\u{200c}' | '\u{200d}')
}

fn stands_alone(letter: char) -> bool {
    // Most letters are below all of these.
    letter >= '\u{3040}'
        && matches!(letter,
        '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(text: &str) -> Vec<String> {
        words(text).collect()
    }

    #[test]
    fn words_are_folded_runs_of_letters_and_digits() {
        assert_eq!(
            split("The Aurora's cargo: memory-42!"),
            ["the", "aurora", "s", "cargo", "memory", "42"]
        );
        assert_eq!(split("STRASSE Straße STRAẞE strasse"), ["strasse"; 4]);
        assert_eq!(split("ΟΔΟΣ οδος οδός"), ["οδοσ", "οδοσ", "οδόσ"]);
        assert_eq!(split("東京 タワー"), ["東", "京", "タ", "ワ", "ー"]);
        assert_eq!(split("e\u{301}te\u{301}"), ["e\u{301}te\u{301}"]);
        assert!(split(" \u{0} -- \n ").is_empty());
    }

    #[test]
    fn a_query_keeps_what_it_asks_for() {
        assert_eq!(query("Which ship is the Aurora, the ship?"), ["ship", "aurora"]);
        assert_eq!(query("Who are you?"), ["who", "are", "you"]);
        assert!(query("?!").is_empty());
    }

    #[test]
    fn the_function_words_are_sorted_for_the_search() {
        assert!(FUNCTION_WORDS.is_sorted());
    }

    #[test]
    fn a_long_query_holds_no_word_twice() {
        let once: Vec<String> = (0..100).map(|n| format!("w{n}")).collect();
        let twice = [once.clone(), once.clone(), vec!["the".into()]].concat().join(" ");
        assert_eq!(query(&twice), once);
    }

    proptest! {
        #[test]
        fn no_text_panics_and_words_are_bounded(text in "\\PC{0,200}") {
            for word in words(&text) {
                prop_assert!(!word.is_empty() && word.len() <= LONGEST_WORD + 12);
            }
        }

        #[test]
        fn splitting_is_stable(text in "\\PC{0,80}") {
            let once = split(&text);
            prop_assert_eq!(split(&once.join(" ")), once);
        }
    }
}
