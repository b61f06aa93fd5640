//! Where the keys of an object literal stand that a script exports, so that what is wrong with a
//! value is told with its line.

use std::collections::BTreeMap;

use oxc::allocator::Allocator;
use oxc::ast::ast::{
    ArrayExpressionElement, Declaration, Expression, ObjectPropertyKind, Program, Statement,
    VariableDeclaration,
};
use oxc::parser::Parser;
use oxc::span::{GetSpan, SourceType};

use super::parse::Language;
use super::place::{Lines, Place};
use super::stack;

/// A text that is longer is a bundle, and not read a second time for this.
const LONGEST: usize = 4 << 20;
/// How deep variables may name each other, and objects hold each other.
const DEEPEST: usize = 16;

/// Where keys stand. Empty when there is no such literal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Literal {
    /// By path in small letters, as `scenarios.a.vus` or `stages[1].target`; the whole is `""`.
    keys: BTreeMap<String, (u32, u32)>,
}

impl Literal {
    /// Reads what a module exports as `export`. What is computed is not seen: a variable of the
    /// module is followed, anything else is not.
    pub fn exported(name: &str, text: &str, export: &str) -> Self {
        if text.len() > LONGEST || Language::of(name) == Language::Json {
            return Self::default();
        }
        stack::with_depth_for(text, || read(name, text, export)).unwrap_or_default()
    }

    /// Line and column, from 1, of a path, or of the nearest that stands around it.
    pub fn nearest(&self, path: &str) -> Option<(u32, u32)> {
        let path = path.to_lowercase();
        let mut path = path.as_str();
        loop {
            if let Some(place) = self.keys.get(path) {
                return Some(*place);
            }
            if path.is_empty() {
                return None;
            }
            path = path.rfind(['.', '[']).map_or("", |end| &path[..end]);
        }
    }

    /// Whether the path itself is there.
    pub fn has(&self, path: &str) -> bool {
        self.keys.contains_key(&path.to_lowercase())
    }
}

fn read(name: &str, text: &str, export: &str) -> Literal {
    let allocator = Allocator::default();
    let kind = match Language::of(name) {
        Language::TypeScript => SourceType::ts(),
        _ => SourceType::mjs(),
    };
    // A byte order mark is no column.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let parsed = Parser::new(&allocator, text, kind).parse();
    let variables = variables(&parsed.program);
    let local = renamed(&parsed.program, export).unwrap_or_else(|| export.to_owned());
    let mut literal = Literal::default();
    let Some((start, value)) = variables.get(local.as_str()).copied() else { return literal };
    let mut walk = Walk { lines: Lines::new(text), variables, literal: &mut literal };
    walk.put("", start);
    walk.value("", value, 0);
    literal
}

/// The variables at the top of a module that have a value: where each name stands, and the value.
fn variables<'p, 'a>(program: &'p Program<'a>) -> BTreeMap<&'p str, (usize, &'p Expression<'a>)> {
    let mut found = BTreeMap::new();
    let mut take = |list: &'p VariableDeclaration<'a>| {
        for variable in &list.declarations {
            if let (Some(name), Some(value)) =
                (variable.id.get_binding_identifiers().first(), &variable.init)
            {
                found.insert(name.name.as_str(), (name.span.start as usize, value));
            }
        }
    };
    for statement in &program.body {
        match statement {
            Statement::VariableDeclaration(list) => take(list),
            Statement::ExportDeclaration(it) => {
                if let Declaration::VariableDeclaration(list) = &it.declaration {
                    take(list);
                }
            }
            _ => {}
        }
    }
    found
}

/// The variable behind `export { variable as name }`.
fn renamed(program: &Program<'_>, export: &str) -> Option<String> {
    program.body.iter().find_map(|statement| match statement {
        Statement::ExportNamedDeclaration(list) => list
            .specifiers
            .iter()
            .find(|one| one.exported.name() == export)
            .map(|one| one.local.name().to_string()),
        _ => None,
    })
}

struct Walk<'p, 'a, 't, 'l> {
    lines: Lines<'t>,
    variables: BTreeMap<&'p str, (usize, &'p Expression<'a>)>,
    literal: &'l mut Literal,
}

impl<'p, 'a> Walk<'p, 'a, '_, '_> {
    fn put(&mut self, path: &str, start: usize) {
        let Place { line, column, .. } = self.lines.place(&"".into(), start);
        self.literal.keys.insert(path.to_lowercase(), (line, column));
    }

    fn value(&mut self, path: &str, value: &'p Expression<'a>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match value.get_inner_expression() {
            Expression::Identifier(name) => {
                if let Some((_, value)) = self.variables.get(name.name.as_str()).copied() {
                    self.value(path, value, depth + 1);
                }
            }
            Expression::ObjectExpression(object) => {
                for property in &object.properties {
                    match property {
                        ObjectPropertyKind::ObjectProperty(property) => {
                            let Some(name) = property.key.static_name() else { continue };
                            let path = match path {
                                "" => name.into_owned(),
                                _ => format!("{path}.{name}"),
                            };
                            self.put(&path, property.key.span().start as usize);
                            self.value(&path, &property.value, depth + 1);
                        }
                        ObjectPropertyKind::SpreadProperty(spread) => {
                            self.value(path, &spread.argument, depth + 1);
                        }
                    }
                }
            }
            Expression::ArrayExpression(list) => {
                for (position, element) in list.elements.iter().enumerate() {
                    if matches!(element, ArrayExpressionElement::SpreadElement(_)) {
                        // Positions behind it are not known.
                        break;
                    }
                    let Some(value) = element.as_expression() else { continue };
                    let path = format!("{path}[{position}]");
                    self.put(&path, value.span().start as usize);
                    self.value(&path, value, depth + 1);
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_through_variables_and_types() {
        let text = "import http from 'k6/http';\nconst stages = [\n  { duration: '1s', target: 'x' },\n];\n\
                    const base: Options = {\n  thresholds: { 'http_reqs{a:b.c}': ['rate>1'] },\n};\n\
                    export const options = {\n  ...base,\n  scenarios: { a: { vus: 'many', stages } },\n} satisfies Options;\n";
        let literal = Literal::exported("/x/s.ts", text, "options");
        assert_eq!(literal.nearest(""), Some((8, 14)));
        assert_eq!(literal.nearest("scenarios.a.VUs"), Some((10, 21)));
        assert_eq!(literal.nearest("scenarios.a.stages[0].target"), Some((3, 21)));
        assert_eq!(literal.nearest("thresholds.http_reqs{a:b.c}"), Some((6, 17)));
        assert_eq!(literal.nearest("scenarios.b.vus"), Some((10, 3)));
        assert!(literal.has("scenarios.a") && !literal.has("scenarios.b"));
        let computed = Literal::exported("s.js", "export const options = load();", "options");
        assert_eq!(computed.nearest("vus"), Some((1, 14)));
        let renamed = "const o = { vus: '1' }; export { o as options };";
        assert_eq!(Literal::exported("s.js", renamed, "options").nearest("vus"), Some((1, 13)));
        for nothing in ["", "export default function () {}", "export const options = {"] {
            assert!(!Literal::exported("s.js", nothing, "options").has("vus"), "{nothing}");
        }
    }
}
