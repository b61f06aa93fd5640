//! All of a tenant's rules as one automaton that reads a prompt once.

use std::collections::{HashMap, HashSet};
use std::error::Error;

use aho_corasick::Anchored;
use aho_corasick::automaton::{Automaton, StateID};
use aho_corasick::nfa::contiguous::NFA;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::fold::{self, Folded};
use super::rules::{Rule, Severity};

/// Characters of the prompt shown on either side of a match.
const MARGIN: usize = 40;

/// A rule that matched, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Violation {
    /// The rule's name.
    pub name: String,
    /// Its pattern, as written.
    pub pattern: String,
    /// What it takes off the score.
    pub weight: f64,
    /// How bad the rule's author thinks it is.
    pub severity: Severity,
    /// What it is about.
    pub description: String,
    /// The first match in the prompt, with up to 40 characters on either side.
    pub excerpt: String,
}

/// Rules compiled for matching.
pub(crate) struct Matcher {
    automaton: NFA,
    start: StateID,
    /// Sorted by pattern and name.
    rules: Vec<Rule>,
    /// For each of the automaton's patterns its length when folded, and the rules it stands for.
    patterns: Vec<(usize, Vec<usize>)>,
}

impl Matcher {
    pub(crate) fn new(mut rules: Vec<Rule>) -> Result<Self, Box<dyn Error + Send + Sync>> {
        rules.sort_by(|a, b| (&a.pattern, &a.name).cmp(&(&b.pattern, &b.name)));
        let mut positions: HashMap<String, usize> = HashMap::new();
        let mut patterns: Vec<(usize, Vec<usize>)> = Vec::new();
        let mut texts = Vec::new();
        for (index, rule) in rules.iter().enumerate() {
            let folded = fold::text(&rule.pattern);
            let position = *positions.entry(folded).or_insert_with_key(|folded| {
                patterns.push((folded.len(), Vec::new()));
                texts.push(folded.clone());
                patterns.len() - 1
            });
            patterns[position].1.push(index);
        }
        let automaton = NFA::builder().build(&texts)?;
        // Asked for here: an automaton that cannot be run must be no policy, not one that allows.
        let start = automaton.start_state(Anchored::No)?;
        Ok(Self { automaton, start, rules, patterns })
    }

    /// Roughly the memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let text = |rule: &Rule| rule.name.len() + rule.pattern.len() + rule.description.len();
        let rules: usize = self.rules.iter().map(text).sum();
        self.automaton.memory_usage() + rules + self.rules.len() * size_of::<Rule>()
    }

    /// Every rule whose folded pattern occurs in the folded prompt, once each, sorted by pattern
    /// and name, with an excerpt around its first match.
    ///
    /// Reads the prompt once. A state of the automaton that was met before can only repeat rules
    /// already found, so matches cost no more than the number of states, however they overlap.
    pub(crate) fn violations(&self, prompt: &str) -> Vec<Violation> {
        let folded = Folded::new(prompt);
        let mut state = self.start;
        let mut met = HashSet::new();
        let mut ends: HashMap<usize, usize> = HashMap::new();
        for (index, byte) in folded.bytes().iter().enumerate() {
            state = self.automaton.next_state(Anchored::No, state, *byte);
            if self.automaton.is_match(state) && met.insert(state) {
                for nth in 0..self.automaton.match_len(state) {
                    let pattern = self.automaton.match_pattern(state, nth).as_usize();
                    ends.entry(pattern).or_insert(index + 1);
                }
            }
        }
        let mut found = Vec::new();
        for (pattern, end) in ends {
            let (length, rules) = &self.patterns[pattern];
            let excerpt = folded.excerpt(end - length..end, MARGIN);
            found.extend(rules.iter().map(|rule| (*rule, excerpt)));
        }
        found.sort_unstable_by_key(|(rule, _)| *rule);
        found.into_iter().map(|(rule, excerpt)| self.rules[rule].violated(excerpt)).collect()
    }
}

impl Rule {
    fn violated(&self, excerpt: &str) -> Violation {
        Violation {
            name: self.name.clone(),
            pattern: self.pattern.clone(),
            weight: self.weight,
            severity: self.severity,
            description: self.description.clone(),
            excerpt: excerpt.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rule(name: &str, pattern: &str) -> Rule {
        Rule {
            name: name.into(),
            pattern: pattern.into(),
            weight: 0.35,
            severity: Severity::Medium,
            description: String::new(),
        }
    }

    fn names(rules: Vec<Rule>, prompt: &str) -> Vec<String> {
        let matcher = Matcher::new(rules).unwrap();
        matcher.violations(prompt).into_iter().map(|one| one.name).collect()
    }

    #[test]
    fn overlapping_and_equal_patterns_are_all_found() {
        let rules = vec![
            rule("d", "HERS"),
            rule("a", "he"),
            rule("b", "she"),
            rule("c", "hers"),
            rule("e", "x"),
        ];
        assert_eq!(names(rules, "uSHErs"), ["d", "a", "c", "b"]);
        assert!(names(Vec::new(), "anything").is_empty());
    }

    #[test]
    fn the_excerpt_is_around_the_first_match() {
        let matcher = Matcher::new(vec![rule("a", "jailbreak")]).unwrap();
        let prompt = format!("{}JailBreak{}jailbreak", "ä".repeat(50), "ö".repeat(50));
        let violation = &matcher.violations(&prompt)[0];
        let expected = format!("{}JailBreak{}", "ä".repeat(40), "ö".repeat(40));
        assert_eq!(violation.excerpt, expected);
    }

    #[test]
    fn nested_patterns_do_not_blow_up() {
        let rules = (1..=500).map(|length| rule(&format!("{length}"), &"a".repeat(length)));
        let found = names(rules.collect(), &"a".repeat(200_000));
        assert_eq!(found.len(), 500);
    }

    proptest! {
        #[test]
        fn the_automaton_agrees_with_a_search_rule_by_rule(
            patterns in proptest::collection::vec("[abAB ßẞsSΣσςİi]{1,4}", 0..12),
            prompt in "[abAB ßẞsSΣσςİi]{0,40}",
        ) {
            let rules: Vec<Rule> = patterns
                .iter()
                .enumerate()
                .map(|(index, pattern)| rule(&format!("{index:02}"), pattern))
                .collect();
            let folded = fold::text(&prompt);
            let mut expected: Vec<(String, String)> = rules
                .iter()
                .filter(|rule| folded.contains(&fold::text(&rule.pattern)))
                .map(|rule| (rule.pattern.clone(), rule.name.clone()))
                .collect();
            expected.sort();
            let violations = Matcher::new(rules).unwrap().violations(&prompt);
            for violation in &violations {
                prop_assert!(prompt.contains(&violation.excerpt));
                prop_assert!(
                    fold::text(&violation.excerpt).contains(&fold::text(&violation.pattern))
                );
            }
            let found: Vec<(String, String)> =
                violations.into_iter().map(|one| (one.pattern, one.name)).collect();
            prop_assert_eq!(found, expected);
        }

        #[test]
        fn no_prompt_panics(pattern in "\\PC{1,5}", prompt in "\\PC{0,60}") {
            Matcher::new(vec![rule("a", &pattern)]).unwrap().violations(&prompt);
        }
    }
}
