//! A finding: what an analyser says about a document, and how it is shown to a person.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where in a file something stands. Lines and columns count from 1; 0 means unknown.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Place {
    /// The file as the user named it.
    pub file: String,
    /// The line, from 1.
    pub line: u32,
    /// The column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.line, self.column) {
            (0, _) => formatter.write_str(&self.file),
            (line, 0) => write!(formatter, "{}:{line}", self.file),
            (line, column) => write!(formatter, "{}:{line}:{column}", self.file),
        }
    }
}

/// The longest reason or hint, in characters.
const LONGEST: usize = 600;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The document cannot be used.
    Error,
    /// The document can be used, but probably does not say what was meant.
    Warning,
}

/// One thing an analyser has to say: a stable code, a place, a reason and, where there is one, a
/// hint that mends it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// A stable code with the crate's prefix, as `plan-unknown-target`.
    pub code: &'static str,
    /// Whether the document can still be used.
    pub severity: Severity,
    /// Where; findings about a file as a whole have line 0.
    pub place: Option<Place>,
    /// What is wrong: lowercase, no full stop.
    pub reason: String,
    /// What the user can do about it.
    pub hint: Option<String>,
    /// Whether the line it points at may be shown; not when a credential stands in it.
    #[serde(skip)]
    quoted: bool,
}

impl Finding {
    /// A finding that stops the document from being used.
    pub fn error(code: &'static str, reason: impl Into<String>) -> Self {
        let reason = capped(reason.into());
        Self { code, severity: Severity::Error, place: None, reason, hint: None, quoted: true }
    }

    /// A finding that does not stop the document from being used.
    pub fn warning(code: &'static str, reason: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, reason) }
    }

    /// The same finding at a place.
    #[must_use]
    pub fn at(mut self, place: Place) -> Self {
        self.place = Some(place);
        self
    }

    /// The same finding, whose line is never shown.
    #[must_use]
    pub fn unquoted(mut self) -> Self {
        self.quoted = false;
        self
    }

    /// The same finding with a hint.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(capped(hint.into()));
        self
    }

    /// The finding as text for a terminal: the place and reason, the line it points at when
    /// `source` (the document's text) is given, and the hint.
    pub fn render(&self, source: Option<&str>) -> String {
        let mut text = self.to_string();
        if let (Some(place), Some(source)) = (&self.place, source)
            && place.line > 0
            && self.quoted
            && let Some(line) = source.lines().nth(place.line as usize - 1)
        {
            let line: String = line.chars().map(plain).collect();
            let column = place.column.max(1) as usize - 1;
            let from = column.saturating_sub(80);
            let shown: String = line.chars().skip(from).take(160).collect();
            let gutter = " ".repeat(place.line.to_string().len());
            let indent = " ".repeat(column - from);
            text.push_str(&format!("\n{gutter} |\n{} | {shown}", place.line));
            if place.column > 0 {
                text.push_str(&format!("\n{gutter} | {indent}^"));
            }
        }
        if let Some(hint) = &self.hint {
            text.push_str(&format!("\nhint: {hint}"));
        }
        text
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(place) = &self.place {
            write!(formatter, "{place}: ")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(formatter, "{severity}[{}]: {}", self.code, self.reason)
    }
}

impl std::error::Error for Finding {}

/// Nobody reads a megabyte that was quoted back: the middle of a long text is left out, and control
/// characters never reach a terminal.
fn capped(text: String) -> String {
    let keep = |letter: char| if letter == '\n' { letter } else { plain(letter) };
    let text: String = text.chars().map(keep).collect();
    let letters = text.chars().count();
    if letters <= LONGEST {
        return text;
    }
    let head: String = text.chars().take(LONGEST * 3 / 4).collect();
    let tail: String = text.chars().skip(letters - LONGEST / 4).collect();
    format!("{head} … {tail}")
}

/// A letter as it may reach a terminal: no control, no change of direction.
fn plain(letter: char) -> char {
    match letter {
        '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    }
}

/// Whether any of the findings stops the document from being used.
pub fn errors(findings: &[Finding]) -> bool {
    findings.iter().any(|finding| finding.severity == Severity::Error)
}

/// All findings as text, in the order of their places, each with its source line.
pub fn render_all(findings: &[Finding], source: Option<&str>) -> String {
    let mut sorted: Vec<&Finding> = findings.iter().collect();
    sorted.sort_by(|a, b| a.place.cmp(&b.place));
    sorted.iter().map(|finding| finding.render(source)).collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_points_at_its_line() {
        let place = Place { file: "plan.yaml".into(), line: 2, column: 9 };
        let finding = Finding::error("plan-unknown-target", "no target is named `hib`")
            .at(place)
            .hint("did you mean `hub`?");
        let text = finding.render(Some("flows:\n  target: hib\n"));
        assert_eq!(
            text,
            "plan.yaml:2:9: error[plan-unknown-target]: no target is named `hib`\n  |\n2 |   target: hib\n  |         ^\nhint: did you mean `hub`?"
        );
    }

    #[test]
    fn control_characters_never_reach_the_terminal() {
        let place = Place { file: "p".into(), line: 1, column: 900 };
        let text = Finding::error("x", "y").at(place).render(Some("\u{1b}[31mred"));
        assert!(!text.contains('\u{1b}'));
    }
}
