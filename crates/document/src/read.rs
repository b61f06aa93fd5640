//! Readers: YAML and JSON into types, every mistake with its line and column.

use serde::de::DeserializeOwned;
use serde_saphyr::options::DuplicateKeyPolicy;

use crate::finding::{Finding, Place};
use crate::nearest::nearest;

/// The largest document that is read, in bytes.
pub const MAX_BYTES: usize = 8 * 1024 * 1024;

/// Reads one YAML document. Aliases that multiply, nesting that is deep, keys that repeat, fields
/// that are unknown: each is refused with its place.
///
/// # Errors
/// The finding that stopped the reader, code `document-yaml` or `document-too-large`.
pub fn yaml<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Finding> {
    refuse_large(file, text)?;
    let options = serde_saphyr::options! {
        duplicate_keys: DuplicateKeyPolicy::Error,
        strict_booleans: true,
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let error = error.without_snippet();
        let place = error.location().map_or((0, 0), |at| (at.line(), at.column()));
        finding("document-yaml", file, place, &error.to_string())
    })
}

/// Reads one JSON document.
///
/// # Errors
/// The finding that stopped the reader, code `document-json` or `document-too-large`.
pub fn json<T: DeserializeOwned>(file: &str, text: &str) -> Result<T, Finding> {
    refuse_large(file, text)?;
    serde_json::from_str(text).map_err(|error| {
        let place = (error.line() as u64, error.column() as u64);
        finding("document-json", file, place, &error.to_string())
    })
}

fn refuse_large(file: &str, text: &str) -> Result<(), Finding> {
    if text.len() <= MAX_BYTES {
        return Ok(());
    }
    Err(Finding::error(
        "document-too-large",
        format!("the document has {} bytes; at most {MAX_BYTES} are read", text.len()),
    )
    .at(Place { file: file.to_owned(), line: 0, column: 0 })
    .hint("split it, or move data into the service under test"))
}

/// A reader's message as a finding: position clauses cut off (the place says it), first line only,
/// and the nearest name where a field is unknown.
fn finding(code: &'static str, file: &str, (line, column): (u64, u64), message: &str) -> Finding {
    let first = message.lines().next().unwrap_or("unreadable");
    let reason = strip_position(first);
    let place = Place {
        file: file.to_owned(),
        line: u32::try_from(line).unwrap_or(0),
        column: u32::try_from(column).unwrap_or(0),
    };
    let mut finding = Finding::error(code, reason).at(place);
    if let Some(hint) = unknown_field_hint(reason) {
        finding = finding.hint(hint);
    }
    finding
}

fn strip_position(message: &str) -> &str {
    let mut message = message;
    for marker in [" at line ", " (line ", " at position "] {
        if let Some(position) = message.rfind(marker) {
            message = &message[..position];
        }
    }
    for prefix in ["error: ", "line "] {
        if let Some(rest) = message.strip_prefix(prefix) {
            message = match prefix {
                "line " => rest.split_once(": ").map_or(message, |(_, rest)| rest),
                _ => rest,
            };
        }
    }
    message.trim_end_matches(['.', ' '])
}

/// The nearest of the names an `unknown field`, `unknown variant` message lists.
fn unknown_field_hint(reason: &str) -> Option<String> {
    let (unknown, expected) = reason.split_once(", expected ")?;
    let wanted = unknown.strip_prefix("unknown ")?.split('`').nth(1)?;
    let expected = expected.strip_prefix("one of ").unwrap_or(expected);
    let known = expected.split([',', ' ']).map(|name| name.trim_matches('`'));
    nearest(wanted, known.filter(|name| !name.is_empty()))
        .map(|name| format!("did you mean `{name}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Located;
    use proptest::prelude::*;
    use serde::Deserialize;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Harbour {
        name: Located<String>,
        #[serde(default)]
        berths: Vec<Located<u32>>,
    }

    fn place(finding: &Finding) -> (u32, u32) {
        let place = finding.place.as_ref().unwrap();
        (place.line, place.column)
    }

    #[test]
    fn values_remember_where_they_stood() {
        let harbour: Harbour = yaml("h.yaml", "name: Oslo\nberths:\n  - 3\n  - 14\n").unwrap();
        assert_eq!((harbour.name.line, harbour.name.column), (1, 7));
        assert_eq!((harbour.berths[1].line, harbour.berths[1].column), (4, 5));
        assert_eq!(harbour.berths[1].value, 14);
    }

    #[test]
    fn mistakes_have_a_place_and_a_hint() {
        let wrong = yaml::<Harbour>("h.yaml", "name: Oslo\nbreths: []\n").unwrap_err();
        assert_eq!(place(&wrong), (2, 1), "{wrong}");
        assert_eq!(wrong.hint.as_deref(), Some("did you mean `berths`?"), "{wrong}");
        let wrong = yaml::<Harbour>("h.yaml", "name: Oslo\nberths: [1, many]\n").unwrap_err();
        assert_eq!(place(&wrong), (2, 13), "{wrong}");
        let wrong = yaml::<Harbour>("h.yaml", "name: Oslo\nname: Bergen\n").unwrap_err();
        assert_eq!(place(&wrong).0, 2, "{wrong}");
        let wrong = yaml::<Harbour>("h.yaml", "name: [Oslo\n").unwrap_err();
        assert!(place(&wrong).0 >= 1, "{wrong}");
        let wrong =
            json::<Harbour>("h.json", "{\"name\": \"Oslo\",\n \"berths\": [1,}").unwrap_err();
        assert_eq!(place(&wrong).0, 2, "{wrong}");
        assert!(!wrong.reason.contains("line"), "{wrong}");
    }

    #[test]
    fn json_reads_located_values_too() {
        let harbour: Harbour = json("h.json", "{\"name\": \"Oslo\", \"berths\": [1]}").unwrap();
        assert_eq!(harbour.name.value, "Oslo");
    }

    #[test]
    fn bombs_are_refused() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", vec![alias; 10].join(", ")));
        }
        assert!(yaml::<serde_json::Value>("bomb.yaml", &bomb).is_err());
        assert!(yaml::<serde_json::Value>("deep.yaml", &"[".repeat(100_000)).is_err());
        assert!(json::<serde_json::Value>("deep.json", &"[".repeat(100_000)).is_err());
        let large = " ".repeat(MAX_BYTES + 1);
        assert_eq!(yaml::<u8>("l", &large).unwrap_err().code, "document-too-large");
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,200}") {
            let _ = yaml::<Harbour>("f", &text);
            let _ = json::<Harbour>("f", &text);
        }
    }
}
