//! What a module asks of others: static imports, re-exports, `require` and `import()`.

use oxc::ast::ast::{
    AssignmentExpression, CallExpression, Decorator, Expression, ImportDeclaration,
    ImportDeclarationSpecifier, ImportExpression, JSXElement, JSXFragment, Program, Statement,
    TSExternalModuleReference,
};
use oxc::ast_visit::{Visit, walk};
use oxc::semantic::{IsGlobalReference, Scoping};
use oxc::span::{GetSpan, Span};

use super::commonjs;
use super::exports::Exports;
use super::parse::{Reading, SyntaxError};
use super::place::{Lines, Place};

/// How a module asks for another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum How {
    /// `import … from "…"`, and `import "…"`.
    Import,
    /// `export … from "…"`.
    Reexport,
    /// `require("…")`: only once that line runs, if ever.
    Require,
    /// `import("…")`: only once that line runs, if ever.
    DynamicImport,
}

impl How {
    /// Whether the other module must be there before this one runs.
    pub fn is_static(self) -> bool {
        matches!(self, Self::Import | Self::Reexport)
    }
}

/// A name that is asked of another module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// The name as the other module exports it; `default` for a default import.
    pub name: String,
    /// Where it is asked for.
    pub place: Place,
}

/// What a module asks of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    /// How.
    pub how: How,
    /// The other module as it is written.
    pub specifier: String,
    /// Where the specifier stands.
    pub place: Place,
    /// The names asked for; those of imports and re-exports only.
    pub names: Vec<Name>,
    /// Whether all names are asked for (`* as x`, `export *`, `require`, `import()`).
    pub all: bool,
}

/// What was found all over the text.
#[derive(Default)]
pub(super) struct Found {
    /// Calls of `require` and `import()`.
    pub(super) references: Vec<Reference>,
    /// What the text exports if it is a CommonJS module.
    pub(super) exports: Exports,
}

/// Looks through the text for what stands anywhere in it, and refuses what cannot be run.
pub(super) fn scan<'a>(
    reading: &Reading<'_>,
    program: &Program<'a>,
    scoping: &Scoping,
) -> Result<Found, SyntaxError> {
    let lines = Lines::new(reading.text);
    let mut scan = Scan { reading, lines, scoping, found: Found::default(), refused: None };
    scan.visit_program(program);
    match scan.refused {
        None => Ok(scan.found),
        Some((span, reason, hint)) => {
            Err(reading.error(span.start as usize, reason, Some(hint.to_owned())))
        }
    }
}

struct Scan<'r, 's> {
    reading: &'r Reading<'r>,
    lines: Lines<'r>,
    scoping: &'s Scoping,
    found: Found,
    refused: Option<(Span, &'static str, &'static str)>,
}

impl Scan<'_, '_> {
    fn add(&mut self, how: How, specifier: &str, span: Span) {
        let place = self.lines.place(self.reading.file, span.start as usize);
        let specifier = specifier.to_owned();
        let reference = Reference { how, specifier, place, names: Vec::new(), all: true };
        self.found.references.push(reference);
    }

    fn refuse(&mut self, span: Span, reason: &'static str, hint: &'static str) {
        self.refused.get_or_insert((span, reason, hint));
    }
}

impl<'a> Visit<'a> for Scan<'_, '_> {
    fn visit_call_expression(&mut self, it: &CallExpression<'a>) {
        if let Some(literal) = it.common_js_require()
            && matches!(&it.callee, Expression::Identifier(name) if name.is_global_reference(self.scoping))
        {
            self.add(How::Require, &literal.value, literal.span);
        }
        commonjs::called(&mut self.found.exports, it, self.scoping);
        walk::walk_call_expression(self, it);
    }

    fn visit_import_expression(&mut self, it: &ImportExpression<'a>) {
        if let Expression::StringLiteral(literal) = &it.source {
            self.add(How::DynamicImport, &literal.value, literal.span);
        }
        walk::walk_import_expression(self, it);
    }

    fn visit_ts_external_module_reference(&mut self, it: &TSExternalModuleReference<'a>) {
        self.add(How::Require, &it.expression.value, it.expression.span);
        walk::walk_ts_external_module_reference(self, it);
    }

    fn visit_assignment_expression(&mut self, it: &AssignmentExpression<'a>) {
        commonjs::assigned(&mut self.found.exports, it, self.scoping);
        walk::walk_assignment_expression(self, it);
    }

    fn visit_decorator(&mut self, it: &Decorator<'a>) {
        self.refuse(
            it.span,
            "decorators are not run here",
            "call the decorating function on the class or method itself, or compile the script with a bundler first",
        );
    }

    fn visit_jsx_element(&mut self, it: &JSXElement<'a>) {
        self.refuse(it.span, "JSX is not run here", "compile the script with a bundler first");
    }

    fn visit_jsx_fragment(&mut self, it: &JSXFragment<'a>) {
        self.refuse(it.span, "JSX is not run here", "compile the script with a bundler first");
    }
}

/// The static imports and re-exports that are left once types are gone.
pub(super) fn imports(
    reading: &Reading<'_>,
    lines: &Lines<'_>,
    program: &Program<'_>,
) -> Vec<Reference> {
    let place = |span: Span| lines.place(reading.file, span.start as usize);
    let mut references = Vec::new();
    for statement in &program.body {
        let (how, source, names, all) = match statement {
            Statement::ImportDeclaration(it) => {
                let (names, all) = imported(it, &place);
                (How::Import, &it.source, names, all)
            }
            Statement::ExportFromDeclaration(it) => {
                let named = |specifier: &oxc::ast::ast::ExportSpecifier<'_>| Name {
                    name: specifier.local.name().to_string(),
                    place: place(specifier.local.span()),
                };
                (How::Reexport, &it.source, it.specifiers.iter().map(named).collect(), false)
            }
            Statement::ExportAllDeclaration(it) => (How::Reexport, &it.source, Vec::new(), true),
            _ => continue,
        };
        let specifier = source.value.to_string();
        references.push(Reference { how, specifier, place: place(source.span), names, all });
    }
    references
}

fn imported(it: &ImportDeclaration<'_>, place: &impl Fn(Span) -> Place) -> (Vec<Name>, bool) {
    let mut names = Vec::new();
    let mut all = false;
    for specifier in it.specifiers.iter().flatten() {
        match specifier {
            ImportDeclarationSpecifier::ImportSpecifier(it) => names.push(Name {
                name: it.imported.name().to_string(),
                place: place(it.imported.span()),
            }),
            ImportDeclarationSpecifier::ImportDefaultSpecifier(it) => {
                names.push(Name { name: "default".to_owned(), place: place(it.span) });
            }
            ImportDeclarationSpecifier::ImportNamespaceSpecifier(_) => all = true,
        }
    }
    (names, all)
}
