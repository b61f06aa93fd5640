//! What a module exports, as far as its text shows.

use std::collections::BTreeSet;

use oxc::ast::ast::{Declaration, Program, Statement};

/// What a module exports, as far as its text shows.
///
/// For ECMAScript modules this is all there is, once the modules in `all_of` are added. For
/// CommonJS it is what can be seen without running it: assignments to `exports.x` and
/// `module.exports.x`, the keys of `module.exports = {…}`, `Object.defineProperty(exports, "x")`
/// and modules handed on whole. Names that are computed, set through an alias of `exports`, or set
/// by a function that got `exports` (UMD, bundlers' loops) are not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exports {
    /// The names, `default` included if it is one.
    pub names: BTreeSet<String>,
    /// The specifiers of modules whose names are all handed on, save `default`.
    pub all_of: Vec<String>,
    /// CommonJS only: the text shows that there can be names which it does not show.
    pub open: bool,
    /// CommonJS only: `exports.__esModule` is set, so the module was compiled from an ECMAScript
    /// module and `exports.default` is its default export.
    pub compiled: bool,
}

impl Exports {
    pub(super) fn add(&mut self, name: &str) {
        match name {
            "__esModule" => self.compiled = true,
            name => {
                self.names.insert(name.to_owned());
            }
        }
    }
}

/// What an ECMAScript module exports. Types are gone already.
pub(super) fn of(program: &Program<'_>) -> Exports {
    let mut exports = Exports::default();
    for statement in &program.body {
        match statement {
            Statement::ExportDefaultDeclaration(_) => exports.add("default"),
            Statement::ExportNamedDeclaration(list) => {
                for specifier in &list.specifiers {
                    exports.names.insert(specifier.exported.name().to_string());
                }
            }
            Statement::ExportFromDeclaration(list) => {
                for specifier in &list.specifiers {
                    exports.names.insert(specifier.exported.name().to_string());
                }
            }
            Statement::ExportAllDeclaration(all) => match &all.exported {
                Some(name) => {
                    exports.names.insert(name.name().to_string());
                }
                None => exports.all_of.push(all.source.value.to_string()),
            },
            Statement::ExportDeclaration(it) => declared(&mut exports, &it.declaration),
            _ => {}
        }
    }
    exports
}

fn declared(exports: &mut Exports, declaration: &Declaration<'_>) {
    match declaration {
        Declaration::VariableDeclaration(variables) => {
            for variable in &variables.declarations {
                for name in variable.id.get_binding_identifiers() {
                    exports.names.insert(name.name.to_string());
                }
            }
        }
        other => {
            if let Some(name) = other.id() {
                exports.names.insert(name.name.to_string());
            }
        }
    }
}
