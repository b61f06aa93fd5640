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

/// Levenshtein distance in two rows.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (i, letter) in candidate.to_lowercase().chars().take(64).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in wanted.iter().enumerate() {
            let change = diagonal + usize::from(letter != *other);
            diagonal = row[j + 1];
            row[j + 1] = change.min(diagonal + 1).min(row[j] + 1);
        }
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
        assert_eq!(nearest("kubernetes", names), None);
        assert_eq!(nearest("", []), None);
    }
}
