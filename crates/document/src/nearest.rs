//! The nearest known name to a mistyped one, for hints.

/// The candidate closest to `wanted` by edit distance, ignoring case, if it is close enough to be
/// what was meant (at most a third of its letters differ).
pub fn nearest<'a>(wanted: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(64).collect();
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.chars().count().max(3) / 3)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Edits between two words: a letter more, less, other, or two neighbours swapped.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let candidate: Vec<char> = candidate.to_lowercase().chars().take(64).collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, letter) in candidate.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, other) in wanted.iter().enumerate() {
            let mut least = (row[j] + usize::from(letter != other)).min(row[j + 1] + 1);
            least = least.min(next[j] + 1);
            if i > 0 && j > 0 && *letter == wanted[j - 1] && candidate[i - 1] == *other {
                least = least.min(before[j - 1] + 1);
            }
            next.push(least);
        }
        before = std::mem::replace(&mut row, next);
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn typos_find_their_name() {
        let names = ["gateway", "memory", "policy"];
        assert_eq!(nearest("memroy", names), Some("memory"));
        assert_eq!(nearest("Gateway", names), Some("gateway"));
        assert_eq!(nearest("pgae", ["page", "code"]), Some("page"));
        assert_eq!(nearest("kubernetes", names), None);
        assert_eq!(nearest("", []), None);
    }
}
