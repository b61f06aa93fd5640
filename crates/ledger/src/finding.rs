//! What verification and audit find: a stable code, the file and receipt it is about, the reason.

use std::fmt;

use serde::Serialize;

/// Every code a [`Finding`] can carry.
pub const CODES: &[&str] = &[
    "ledger-unreadable",
    "ledger-too-large",
    "ledger-malformed",
    "ledger-torn",
    "ledger-sequence",
    "ledger-parent",
    "ledger-time",
    "ledger-signature",
    "ledger-key-file",
    "ledger-rotation",
    "ledger-seal",
    "ledger-file-changed",
    "ledger-file-missing",
    "ledger-file-extra",
    "ledger-file-special",
    "ledger-file-name",
    "ledger-trial-missing",
    "ledger-seal-differs",
    "ledger-unrecorded",
    "ledger-rewritten",
];

/// How many findings are kept; a hostile folder must not fill the memory.
pub(crate) const MAX_FINDINGS: usize = 1_000;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Stable code, one of [`CODES`].
    pub code: &'static str,
    /// The file it is about, relative to the folder that was verified, `/` between its parts;
    /// control characters and bytes that are not UTF-8 are escaped.
    pub file: Option<String>,
    /// The line of the chain it is about, from 1.
    pub line: Option<u64>,
    /// What is wrong, in plain words.
    pub reason: String,
}

impl Finding {
    pub(crate) fn new(code: &'static str, reason: impl AsRef<str>) -> Self {
        debug_assert!(CODES.contains(&code), "{code} is not listed");
        Self { code, file: None, line: None, reason: shown(reason.as_ref()) }
    }

    pub(crate) fn file(mut self, file: impl AsRef<str>) -> Self {
        self.file = Some(shown(file.as_ref()));
        self
    }

    pub(crate) fn line(mut self, line: u64) -> Self {
        self.line = Some(line);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.file, self.line) {
            (Some(file), Some(line)) => write!(formatter, "{file}:{line}: ")?,
            (Some(file), None) => write!(formatter, "{file}: ")?,
            _ => {}
        }
        write!(formatter, "{} [{}]", self.reason, self.code)
    }
}

/// Text from a foreign file, fit for a terminal: control characters escaped, length bounded.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::new();
    for letter in text.chars() {
        if out.len() > 400 {
            out.push('…');
            break;
        }
        if letter.is_control() || ('\u{202a}'..='\u{202e}').contains(&letter) {
            out.extend(letter.escape_unicode());
        } else {
            out.push(letter);
        }
    }
    out
}

/// Keeps findings up to the bound.
pub(crate) fn push(findings: &mut Vec<Finding>, finding: Finding) {
    if findings.len() < MAX_FINDINGS {
        findings.push(finding);
    } else if findings.len() == MAX_FINDINGS {
        findings
            .push(Finding::new("ledger-too-large", "there are more findings than are listed here"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_cannot_drive_the_terminal() {
        assert_eq!(shown("a\u{1b}[2Jb\u{202e}"), "a\\u{1b}[2Jb\\u{202e}");
        assert!(shown(&"x".repeat(10_000)).len() < 500);
    }

    #[test]
    fn findings_are_bounded() {
        let mut findings = Vec::new();
        for _ in 0..5_000 {
            push(&mut findings, Finding::new("ledger-file-extra", "extra"));
        }
        assert_eq!(findings.len(), MAX_FINDINGS + 1);
    }
}
