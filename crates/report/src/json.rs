//! `verdict.json`: the outcome as JSON, pretty, its keys in the order of the type.

use crate::Outcome;

/// The outcome as pretty JSON with a stable order of keys and a line break at the end.
///
/// Texts are written as they are (JSON escapes what must be escaped), so that what is read back
/// equals what was written; numbers that are not finite become `null`.
pub fn json(outcome: &Outcome) -> String {
    let mut text = serde_json::to_string_pretty(outcome)
        .expect("an outcome has no map with keys that are not text, and no other value fails");
    text.push('\n');
    text
}
