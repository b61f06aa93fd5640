//! One file read: which kind of module it is, what it imports and exports, and the code to run.

use std::fmt;
use std::sync::Arc;

use oxc::allocator::Allocator;
use oxc::diagnostics::{Diagnostics, OxcDiagnostic, Severity};
use oxc::parser::{Parser, ParserReturn};
use oxc::semantic::SemanticBuilder;
use oxc::span::SourceType;

use super::commonjs;
use super::exports::{self, Exports};
use super::map::SourceMap;
use super::mapping::{Announced, announced};
use super::place::{Lines, Place, plain, quote};
use super::references::{self, Reference};
use super::{json, stack, typescript};

/// How a module is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ECMAScript module: it has `import`, `export` or a top-level `await`.
    EcmaScript,
    /// A CommonJS module, or a plain script, which is the same: its code is an expression, a
    /// function of `exports`, `require`, `module`, `__filename`, `__dirname`.
    CommonJs,
    /// A JSON document. Its code has the form of a CommonJS module that sets `module.exports`.
    Json,
}

/// One file, ready to be compiled.
#[derive(Clone, Debug)]
pub struct Source {
    /// How it is run.
    pub kind: Kind,
    /// What the engine compiles. JavaScript is untouched, but for the function around CommonJS,
    /// which starts on the same line.
    pub code: Arc<str>,
    /// What it imports and requires, in the order of the text.
    pub references: Vec<Reference>,
    /// What it exports.
    pub exports: Exports,
    /// From positions in `code` back to places in the source.
    pub map: SourceMap,
    /// The file with the source map of a bundle, relative to this one, if it names one.
    pub map_beside: Option<String>,
    /// What was ignored, and why it does not matter enough to stop: broken source maps.
    pub warnings: Vec<String>,
}

/// Why a text is no program, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct SyntaxError {
    /// Where.
    pub place: Place,
    /// What is wrong: lowercase, no full stop.
    pub reason: String,
    /// What the author can do about it.
    pub hint: Option<String>,
    /// The line it stands on, with a caret below.
    pub quote: String,
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.place, self.reason)
    }
}

/// Reads one file. `name` is what the engine and stack traces call it; its extension tells
/// TypeScript (`.ts`, `.mts`, `.cts`, `.tsx`) and JSON from JavaScript, which is everything else.
/// Whether it is an ECMAScript module is told by its text alone, as in k6.
///
/// # Errors
/// The first thing that is wrong with it.
pub fn parse(name: &str, text: &str) -> Result<Source, SyntaxError> {
    let file: Arc<str> = name.into();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let language = Language::of(name);
    if language == Language::Json {
        return json::source(&file, text);
    }
    let read = stack::with_depth_for(text, || Reading { file: &file, text, language }.read());
    read.unwrap_or_else(|reason| Err(failure(Place::file(file.clone()), "", reason.into(), None)))
}

/// What a file is written in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Language {
    JavaScript,
    TypeScript,
    Json,
}

impl Language {
    pub(super) fn of(name: &str) -> Self {
        let name = name.split(['?', '#']).next().unwrap_or_default();
        let file = name.rsplit('/').next().unwrap_or_default();
        match file.rsplit_once('.').map(|(_, extension)| extension) {
            Some("ts" | "mts" | "cts" | "tsx") => Self::TypeScript,
            Some("json") => Self::Json,
            _ => Self::JavaScript,
        }
    }
}

/// A file that is being read.
pub(super) struct Reading<'a> {
    pub(super) file: &'a Arc<str>,
    pub(super) text: &'a str,
    language: Language,
}

impl Reading<'_> {
    fn read(&self) -> Result<Source, SyntaxError> {
        let allocator = Allocator::default();
        let parsed = self.parsed(&allocator)?;
        let module = parsed.program.source_type.is_module();
        let mut program = parsed.program;
        let semantic = SemanticBuilder::new_compiler().with_enum_eval(true).build(&program);
        self.sound(&semantic.diagnostics)?;
        let scoping = semantic.semantic.into_scoping();
        let found = references::scan(self, &program, &scoping)?;

        let mut warnings = Vec::new();
        let mut map_beside = None;
        let (code, map) = match self.language {
            Language::TypeScript => {
                let (code, mapping) = typescript::strip(self, &allocator, &mut program, scoping)?;
                let map = SourceMap::mapped(self.file.clone(), &code, mapping);
                (code, map)
            }
            _ => {
                let mut map = SourceMap::identity(self.file.clone(), self.text);
                match announced(self.text) {
                    Some(Announced::Inline(json)) => match map.clone().followed(&json, self.file) {
                        Ok(followed) => map = followed,
                        Err(why) => warnings.push(format!(
                            "the source map within {} is not used: {why}",
                            self.file
                        )),
                    },
                    Some(Announced::Beside(url)) => map_beside = Some(url),
                    None => {}
                }
                (self.text.to_owned(), map)
            }
        };

        // After types are gone, so that what was imported only as a type is not asked for.
        let lines = Lines::new(self.text);
        let mut references = references::imports(self, &lines, &program);
        references.extend(found.references);
        references.sort_by_key(|reference| (reference.place.line, reference.place.column));
        let exports = if module { exports::of(&program) } else { found.exports };
        let (kind, code, map) = if module {
            (Kind::EcmaScript, code, map)
        } else {
            (Kind::CommonJs, commonjs::wrapped(&code), map.shifted(commonjs::OPENING.len()))
        };
        Ok(Source { kind, code: code.into(), references, exports, map, map_beside, warnings })
    }

    /// Parses the text. What has no import or export is a script, unless only a top-level `await`
    /// keeps it from being one.
    fn parsed<'a>(&'a self, allocator: &'a Allocator) -> Result<ParserReturn<'a>, SyntaxError> {
        let unknown = match self.language {
            Language::TypeScript => SourceType::ts(),
            _ => SourceType::unambiguous(),
        };
        // JSX is read so that it can be refused by its name.
        let name = self.file.rsplit('.').next().unwrap_or_default();
        let unknown = unknown.with_jsx(matches!(name, "jsx" | "tsx"));
        let parsed = Parser::new(allocator, self.text, unknown).parse();
        let Err(error) = self.sound(&parsed.diagnostics) else { return Ok(parsed) };
        if self.text.contains("await") {
            let module = Parser::new(allocator, self.text, unknown.with_module(true)).parse();
            if self.sound(&module.diagnostics).is_ok() && !module.panicked {
                return Ok(module);
            }
        }
        Err(error)
    }

    /// The first error of the parser's, if there is one.
    pub(super) fn sound(&self, diagnostics: &Diagnostics) -> Result<(), SyntaxError> {
        let errors = diagnostics.iter().filter(|found| found.severity == Severity::Error);
        let start = |found: &&OxcDiagnostic| found.labels.first().map(|label| label.offset());
        match errors.min_by_key(start) {
            None => Ok(()),
            Some(first) => {
                let offset = start(&first).unwrap_or_default();
                let hint = first.help.as_ref().map(|help| help.to_string());
                Err(self.error(offset as usize, reason(&first.message), hint))
            }
        }
    }

    /// An error at an offset of the text.
    pub(super) fn error(
        &self,
        offset: usize,
        reason: impl Into<String>,
        hint: Option<String>,
    ) -> SyntaxError {
        let lines = Lines::new(self.text);
        let place = lines.place(self.file, offset);
        let line = lines.line(place.line);
        failure(place, line, reason.into(), hint)
    }
}

/// An error at a place of a line.
pub(super) fn failure(
    place: Place,
    line: &str,
    reason: String,
    hint: Option<String>,
) -> SyntaxError {
    let quote = quote(&place, line);
    SyntaxError { place, reason: reason.chars().map(plain).collect(), hint, quote }
}

/// A message of the parser's in the house's form: lowercase, no full stop.
fn reason(message: &str) -> String {
    let message = message.trim_end_matches('.');
    let mut letters = message.chars();
    match (letters.next(), letters.clone().next()) {
        // A word, not an acronym.
        (Some(first), Some(second)) if first.is_ascii_uppercase() && second.is_lowercase() => {
            first.to_lowercase().chain(letters).collect()
        }
        (Some('A'), Some(' ')) => format!("a{}", letters.as_str()),
        _ => message.to_owned(),
    }
}
