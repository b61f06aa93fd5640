//! The names of a file: what it imports, defines and computes, and which of its classes are users.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::{Expr, ModModule, Stmt, StmtClassDef, StmtFunctionDef};
use ruff_text_size::Ranged;

use crate::findings::Findings;
use crate::interpreter::Interpreter;
use crate::source::Source;
use crate::value::Value;

/// The longest chain of classes that is followed.
const MOST_BASES: usize = 40;

/// What a class is to Locust.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `HttpUser`.
    Http,
    /// `FastHttpUser`.
    Fast,
    /// A user that speaks no HTTP.
    OtherUser,
    TaskSet,
    Sequence,
    /// `LoadTestShape`.
    Shape,
    /// Made from a class that is in another file.
    Unknown,
    /// Nothing of Locust's.
    Plain,
}

/// The names of a module and of its classes.
#[derive(Debug, Default)]
pub(crate) struct Module<'a> {
    pub(crate) names: BTreeMap<String, Value<'a>>,
    /// By where the class begins: its own attributes, in their order.
    classes: BTreeMap<u32, Vec<(String, Value<'a>)>>,
    /// Modules of which all names are imported.
    stars: Vec<String>,
    /// The classes at the top of the file, in their order.
    pub(crate) order: Vec<&'a StmtClassDef>,
}

impl<'a> Module<'a> {
    /// Reads the names of a module, in order.
    pub(crate) fn read(source: &Source<'_>, body: &'a ModModule, findings: &mut Findings) -> Self {
        let mut module = Self::default();
        module.block(source, &body.body, findings);
        module
    }

    fn block(&mut self, source: &Source<'_>, body: &'a [Stmt], findings: &mut Findings) {
        for statement in body {
            match statement {
                Stmt::Import(it) => {
                    for alias in &it.names {
                        let path = alias.name.as_str();
                        let (name, path) = match &alias.asname {
                            Some(name) => (name.as_str(), path),
                            None => {
                                let first = path.split('.').next().unwrap_or(path);
                                (first, first)
                            }
                        };
                        self.names.insert(name.to_owned(), Value::Known(path.to_owned()));
                    }
                }
                Stmt::ImportFrom(it) => {
                    let from = it.module.as_ref().map_or("", |module| module.as_str());
                    for alias in &it.names {
                        let name = alias.name.as_str();
                        if name == "*" {
                            self.stars.push(from.to_owned());
                            continue;
                        }
                        let called = alias.asname.as_ref().map_or(name, |name| name.as_str());
                        let path = canonical(from, name);
                        self.names.insert(called.to_owned(), Value::Known(path));
                    }
                }
                Stmt::FunctionDef(it) => {
                    self.names.insert(it.name.to_string(), Value::Function(it));
                }
                Stmt::ClassDef(it) => {
                    self.class(source, it, findings);
                    self.order.push(it);
                    self.names.insert(it.name.to_string(), Value::Class(it));
                }
                // Whichever branch is taken: what it defines is there.
                Stmt::If(it) => {
                    self.block(source, &it.body, findings);
                    for clause in &it.elif_else_clauses {
                        self.block(source, &clause.body, findings);
                    }
                }
                Stmt::Try(it) => {
                    self.block(source, &it.body, findings);
                    self.block(source, &it.orelse, findings);
                    self.block(source, &it.finalbody, findings);
                }
                Stmt::Assign(_) | Stmt::AnnAssign(_) | Stmt::AugAssign(_) | Stmt::With(_) => {
                    let changed = self.constants(source, statement, BTreeMap::new(), findings);
                    self.names.extend(changed);
                }
                _ => {}
            }
        }
    }

    /// What a statement gives names to, computed without drawing or asking anything.
    fn constants(
        &self,
        source: &Source<'_>,
        statement: &'a Stmt,
        known: BTreeMap<String, Value<'a>>,
        findings: &mut Findings,
    ) -> BTreeMap<String, Value<'a>> {
        let mut found = Findings::default();
        let mut interpreter = Interpreter::for_constants(source, self, &mut found);
        interpreter.push_frame(known);
        interpreter.statement(statement);
        let names = interpreter.pop_frame();
        // What cannot be computed is said where it is used; that a default was taken, nowhere else.
        for finding in found.into_sorted().into_iter().filter(|it| it.code == "locust-environment")
        {
            findings.push(finding);
        }
        names
    }

    fn class(&mut self, source: &Source<'_>, class: &'a StmtClassDef, findings: &mut Findings) {
        let mut own: Vec<(String, Value<'a>)> = Vec::new();
        let mut known: BTreeMap<String, Value<'a>> = BTreeMap::new();
        for statement in &class.body {
            let found: Vec<(String, Value<'a>)> = match statement {
                Stmt::FunctionDef(it) => vec![(it.name.to_string(), Value::Function(it))],
                Stmt::ClassDef(it) => {
                    self.class(source, it, findings);
                    vec![(it.name.to_string(), Value::Class(it))]
                }
                Stmt::Assign(_) | Stmt::AnnAssign(_) => {
                    let before: BTreeSet<String> = known.keys().cloned().collect();
                    let all = self.constants(source, statement, known.clone(), findings);
                    let targets = assigned(statement);
                    all.into_iter()
                        .filter(|(name, _)| !before.contains(name) || targets.contains(name))
                        .collect()
                }
                _ => Vec::new(),
            };
            for (name, value) in found {
                known.insert(name.clone(), value.clone());
                own.retain(|(other, _)| *other != name);
                own.push((name, value));
            }
        }
        self.classes.insert(class.range().start().to_u32(), own);
    }

    /// A class's own attributes, in their order.
    pub(crate) fn own(&self, class: &StmtClassDef) -> &[(String, Value<'a>)] {
        self.classes.get(&class.range().start().to_u32()).map_or(&[], Vec::as_slice)
    }

    /// An attribute of a class, or of one it is made from.
    pub(crate) fn attribute(&self, class: &'a StmtClassDef, name: &str) -> Option<Value<'a>> {
        self.chain(class).into_iter().find_map(|class| {
            let own = self.own(class).iter().find(|(other, _)| other == name);
            own.map(|(_, value)| value.clone())
        })
    }

    /// A class and the classes of this file it is made from, nearest first.
    pub(crate) fn chain(&self, class: &'a StmtClassDef) -> Vec<&'a StmtClassDef> {
        let mut chain = vec![class];
        let mut next = 0;
        while next < chain.len() && chain.len() < MOST_BASES {
            for base in self.bases(chain[next]) {
                if let Value::Class(base) = base
                    && !chain.iter().any(|known| std::ptr::eq(*known, base))
                {
                    chain.push(base);
                }
            }
            next += 1;
        }
        chain
    }

    /// The function that `super().name()` is: the second one on the way up.
    pub(crate) fn above(
        &self,
        classes: &[&'a StmtClassDef],
        name: &str,
    ) -> Option<&'a StmtFunctionDef> {
        let all = classes.iter().flat_map(|class| self.chain(class));
        let mut found = all.into_iter().filter_map(|class| {
            let own = self.own(class).iter().find(|(other, _)| other == name);
            own.and_then(|(_, value)| match value {
                Value::Function(function) => Some(*function),
                _ => None,
            })
        });
        found.nth(1)
    }

    /// What a class is made from.
    pub(crate) fn bases(&self, class: &'a StmtClassDef) -> Vec<Value<'a>> {
        let arguments = class.arguments.iter().flat_map(|arguments| arguments.args.iter());
        arguments.map(|base| self.base(base)).collect()
    }

    fn base(&self, base: &'a Expr) -> Value<'a> {
        match base {
            Expr::Name(it) => match self.names.get(it.id.as_str()) {
                Some(value) => value.clone(),
                None => Value::Known(self.star(it.id.as_str())),
            },
            Expr::Attribute(it) => match self.base(&it.value) {
                Value::Known(path) => Value::Known(canonical(&path, &it.attr)),
                Value::Class(class) => self
                    .attribute(class, &it.attr)
                    .unwrap_or_else(|| Value::opaque("a class nobody defines")),
                other => other,
            },
            _ => Value::opaque("a class that is computed"),
        }
    }

    /// What a class is to Locust.
    pub(crate) fn kind(&self, class: &'a StmtClassDef) -> Kind {
        let bases = self.chain(class).into_iter().flat_map(|class| self.bases(class));
        let mut kind = Kind::Plain;
        for base in bases {
            let found = match base {
                Value::Known(path) => kind_of(&path),
                Value::Opaque(_) => Kind::Unknown,
                _ => continue,
            };
            match found {
                Kind::Unknown | Kind::Plain if kind != Kind::Plain => {}
                found => kind = found,
            }
            if !matches!(kind, Kind::Unknown | Kind::Plain) {
                break;
            }
        }
        kind
    }

    /// The name's full path, where it can come from a module of which all names are imported.
    pub(crate) fn star(&self, name: &str) -> String {
        match self.stars.iter().find(|module| module.starts_with("locust")) {
            Some(module) if kind_of(&canonical(module, name)) != Kind::Unknown => {
                canonical(module, name)
            }
            Some(_) if LOCUST.contains(&name) => format!("locust.{name}"),
            _ => name.to_owned(),
        }
    }

    /// Whether any function of the classes sets `self.name`.
    pub(crate) fn is_set_anywhere(&self, classes: &[&'a StmtClassDef], name: &str) -> bool {
        let all = classes.iter().flat_map(|class| self.chain(class));
        all.into_iter().any(|class| {
            let mut setters = Setters { name, found: false };
            setters.visit_body(&class.body);
            setters.found
        })
    }
}

/// Locust's own names that no class is made from.
const LOCUST: [&str; 7] =
    ["task", "between", "constant", "constant_pacing", "constant_throughput", "tag", "events"];

/// Paths as Locust's own modules would say them shortest.
fn canonical(module: &str, name: &str) -> String {
    let inner =
        ["locust.user", "locust.contrib", "locust.shape", "locust.wait_time", "locust.fasthttp"];
    match inner.iter().any(|inner| module.starts_with(inner)) {
        true => format!("locust.{name}"),
        false => format!("{module}.{name}"),
    }
}

fn kind_of(path: &str) -> Kind {
    match path {
        "locust.HttpUser" | "locust.HttpLocust" => Kind::Http,
        "locust.FastHttpUser" | "locust.FastHttpLocust" => Kind::Fast,
        "locust.User" | "locust.Locust" => Kind::OtherUser,
        "locust.TaskSet" => Kind::TaskSet,
        "locust.SequentialTaskSet" | "locust.TaskSequence" => Kind::Sequence,
        "locust.LoadTestShape" => Kind::Shape,
        "object" | "abc.ABC" | "ABC" | "Enum" | "enum.Enum" | "Exception" => Kind::Plain,
        _ => Kind::Unknown,
    }
}

/// The names a statement at the top of a block gives values to.
pub(crate) fn assigned(statement: &Stmt) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let mut add = |target: &Expr| {
        let parts: &[Expr] = match target {
            Expr::Tuple(it) => &it.elts,
            Expr::List(it) => &it.elts,
            other => std::slice::from_ref(other),
        };
        for part in parts {
            if let Expr::Name(name) = part {
                names.insert(name.id.to_string());
            }
        }
    };
    match statement {
        Stmt::Assign(it) => it.targets.iter().for_each(&mut add),
        Stmt::AnnAssign(it) => add(&it.target),
        Stmt::AugAssign(it) => add(&it.target),
        _ => {}
    }
    names
}

/// Looks for a statement that sets an attribute of that name.
struct Setters<'n> {
    name: &'n str,
    found: bool,
}

impl<'n, 'a> StatementVisitor<'a> for Setters<'n> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        let targets: Vec<&Expr> = match statement {
            Stmt::Assign(it) => it.targets.iter().collect(),
            Stmt::AnnAssign(it) => vec![&it.target],
            Stmt::AugAssign(it) => vec![&it.target],
            Stmt::For(it) => vec![&it.target],
            Stmt::With(it) => {
                it.items.iter().filter_map(|item| item.optional_vars.as_deref()).collect()
            }
            _ => Vec::new(),
        };
        for target in targets {
            let parts: &[Expr] = match target {
                Expr::Tuple(it) => &it.elts,
                other => std::slice::from_ref(other),
            };
            self.found |= parts
                .iter()
                .any(|part| matches!(part, Expr::Attribute(it) if it.attr.as_str() == self.name));
        }
        walk_stmt(self, statement);
    }
}
