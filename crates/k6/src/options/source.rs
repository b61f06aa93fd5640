//! Where an option was said, and what is wrong with it: the one place where findings are made.

use seaworthy_document::{Finding, Place, nearest};
use seaworthy_script::source::Literal;
use serde_json::Value;

use super::codes;

/// Where options are said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The `options` that a script exports; its name, and where its options stand.
    Script(String, Literal),
    /// A configuration file; its name.
    Config(String),
    /// Environment variables.
    Environment,
    /// The command line.
    Flags,
}

/// What is said in one source, and what was found wrong with it.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    pub(super) source: Source,
    pub(super) findings: &'a mut Vec<Finding>,
}

impl Source {
    /// The source in k6's words, as its warnings have it.
    pub(super) fn level(&self) -> &'static str {
        match self {
            Self::Script(..) => "the script",
            Self::Config(_) => "the configuration file",
            Self::Environment => "the environment",
            Self::Flags => "the command line",
        }
    }

    fn path(&self, path: &str) -> String {
        match self {
            Self::Script(..) if path.is_empty() => "options".to_owned(),
            Self::Script(..) => format!("options.{path}"),
            Self::Config(_) if path.is_empty() => "the configuration".to_owned(),
            Self::Config(_) | Self::Environment | Self::Flags => path.to_owned(),
        }
    }
}

impl Reader<'_> {
    /// An option that cannot be what it is: what is expected in its place, and how to write it.
    pub(super) fn mistyped(&mut self, path: &str, found: &Value, expected: &str, hint: &str) {
        let reason =
            format!("`{}` is {}, expected is {expected}", self.source.path(path), told(found));
        self.push(path, Finding::error(codes::TYPE, reason).hint(hint));
    }

    /// An option of the right type with a value that is none.
    pub(super) fn wrong(&mut self, path: &str, found: &str, why: &str, hint: &str) {
        let reason = format!("`{}` is `{found}`: {why}", self.source.path(path));
        self.push(path, Finding::error(codes::VALUE, reason).hint(hint));
    }

    /// A name that is none of several; the nearest of them is what was meant, perhaps.
    pub(super) fn unknown_value(&mut self, path: &str, found: &str, names: &[&str]) {
        let hint = match nearest(found, names.iter().copied()) {
            Some(name) => format!("did you mean `{name}`?"),
            None => format!("write one of {}", names.join(", ")),
        };
        self.wrong(path, found, "there is no such value", &hint);
    }

    /// An option that k6 has and that is refused here, with the reason.
    pub(super) fn refused(&mut self, path: &str, why: &str, hint: &str) {
        let reason = format!("`{}` is not taken: {why}", self.source.path(path));
        self.push(path, Finding::error(codes::REFUSED, reason).hint(hint));
    }

    /// An option that is read and has no effect.
    pub(super) fn ignored(&mut self, path: &str, why: &str, hint: &str) {
        let reason = format!("`{}` has no effect: {why}", self.source.path(path));
        self.push(path, Finding::warning(codes::IGNORED, reason).hint(hint));
    }

    /// A name that nothing reads.
    pub(super) fn unknown(&mut self, path: &str, name: &str, names: &[&str]) {
        let reason = format!("`{}` is no option: nothing reads it", self.source.path(path));
        let finding = Finding::warning(codes::UNKNOWN, reason);
        self.push(
            path,
            match nearest(name, names.iter().copied()) {
                Some(name) => finding.hint(format!("did you mean `{name}`?")),
                None => finding.hint("see the reference of options, or leave it out"),
            },
        );
    }

    /// A field that must not be there, where fields are taken strictly.
    pub(super) fn unknown_field(&mut self, path: &str, name: &str, names: &[&str]) {
        let reason = format!("`{}` is no field of it", self.source.path(path));
        let finding = Finding::error(codes::FIELD, reason);
        self.push(
            path,
            match nearest(name, names.iter().copied()) {
                Some(name) => finding.hint(format!("did you mean `{name}`?")),
                None => finding.hint(format!("there are {}", names.join(", "))),
            },
        );
    }

    /// A finding about what stands at a path.
    pub(super) fn push(&mut self, path: &str, finding: Finding) {
        let finding = match &self.source {
            Source::Script(file, literal) => finding.at(place(file, literal, path)),
            Source::Config(file) => finding.at(Place { file: file.clone(), line: 0, column: 0 }),
            Source::Environment | Source::Flags => finding,
        };
        self.findings.push(finding);
    }
}

/// Where an option of a script stands; the file alone where its text does not show it.
pub(super) fn place(file: &str, literal: &Literal, path: &str) -> Place {
    let (line, column) = literal.nearest(path).unwrap_or_default();
    Place { file: file.to_owned(), line, column }
}

/// A value in words: what it is, and the beginning of it.
pub(super) fn told(value: &Value) -> String {
    let shown = |text: String| match text.char_indices().nth(60) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    };
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(value) => format!("{}, a boolean", shown(value.to_string())),
        Value::Number(value) => format!("{}, a number", shown(value.to_string())),
        Value::String(value) => format!("{}, text", shown(format!("{value:?}"))),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}
