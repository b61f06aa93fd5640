//! What a user's functions are followed with: names, `self`, and the flow that comes of them.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::{Expr, StmtClassDef};
use ruff_text_size::Ranged;
use seaworthy_document::Finding;
use serde_json::{Map, Value as Json, json};

use crate::findings::Findings;
use crate::module::{Kind, Module};
use crate::plan::{Data, Draw, Flow, Step, Variable};
use crate::source::Source;
use crate::value::{Part, Test, Value, exact, name};
use crate::wait::Wait;

/// The deepest that calls and expressions are followed.
const DEEPEST: usize = 120;
/// How much is followed in all, so that no file takes long to read.
const FUEL: u32 = 200_000;
/// Names every template has; no variable may be called so.
const TAKEN: [&str; 9] =
    ["vu", "iteration", "index", "uuid", "seaworthy", "scratch", "plan", "env", "port"];

/// Follows the functions of one user.
pub(crate) struct Interpreter<'r, 'a> {
    pub(crate) source: &'r Source<'r>,
    pub(crate) module: &'r Module<'a>,
    pub(crate) findings: &'r mut Findings,
    /// What is left to be followed.
    pub(crate) fuel: u32,
    depth: usize,
    /// Where `self` finds its attributes: the task set, those around it, the user.
    pub(crate) classes: Vec<&'a StmtClassDef>,
    attributes: BTreeMap<String, Value<'a>>,
    /// Names of the functions that are being followed, the innermost last.
    frames: Vec<BTreeMap<String, Value<'a>>>,
    /// What comes of it.
    pub(crate) flow: Flow,
    pub(crate) steps: Vec<Step>,
    /// Of these, how many belong to the start; none while the start is followed.
    pub(crate) starts: Option<usize>,
    /// The values that have a name, and where they come from.
    taken: BTreeSet<String>,
    extracted: Vec<(usize, Json, String)>,
    pub(crate) data_files: Vec<Data>,
    pub(crate) files: BTreeSet<String>,
    pub(crate) client: Client,
    /// Where the requests go.
    pub(crate) host: Option<String>,
    /// How long the user waits between tasks.
    pub(crate) wait: Wait,
    /// How many `if`s over answers stand around what is followed.
    pub(crate) judging: u32,
    /// Whether the task ended where it stands.
    pub(crate) stopped: bool,
    /// Whether the task leaves its task set.
    pub(crate) interrupted: bool,
    /// Whether nothing may be drawn or asked: constants of the module and of classes.
    constant: bool,
}

/// What is set on the client for every request that follows.
#[derive(Clone, Debug, Default)]
pub(crate) struct Client {
    pub(crate) headers: Map<String, Json>,
    /// The name requests are counted under.
    pub(crate) name: Option<String>,
    pub(crate) insecure: bool,
}

impl<'r, 'a> Interpreter<'r, 'a> {
    pub(crate) fn new(
        source: &'r Source<'r>,
        module: &'r Module<'a>,
        findings: &'r mut Findings,
        classes: Vec<&'a StmtClassDef>,
    ) -> Self {
        Self {
            source,
            module,
            findings,
            fuel: FUEL,
            depth: 0,
            classes,
            attributes: BTreeMap::new(),
            frames: vec![BTreeMap::new()],
            flow: Flow::default(),
            steps: Vec::new(),
            starts: None,
            taken: TAKEN.iter().map(|name| (*name).to_owned()).collect(),
            extracted: Vec::new(),
            data_files: Vec::new(),
            files: BTreeSet::new(),
            client: Client::default(),
            host: None,
            wait: Wait::None,
            judging: 0,
            stopped: false,
            interrupted: false,
            constant: false,
        }
    }

    /// The same, for what is computed once when the file is read.
    pub(crate) fn for_constants(
        source: &'r Source<'r>,
        module: &'r Module<'a>,
        findings: &'r mut Findings,
    ) -> Self {
        Self { constant: true, ..Self::new(source, module, findings, Vec::new()) }
    }

    /// Whether more may be followed; each `true` is to be followed by [`Self::shallower`].
    pub(crate) fn deeper(&mut self) -> bool {
        if self.fuel == 0 || self.depth >= DEEPEST {
            return false;
        }
        self.fuel -= 1;
        self.depth += 1;
        true
    }

    pub(crate) fn shallower(&mut self) {
        self.depth -= 1;
    }

    /// Says what is not carried over, and how to mend it.
    pub(crate) fn warn(
        &mut self,
        code: &'static str,
        at: &impl Ranged,
        reason: impl Into<String>,
        hint: impl Into<String>,
    ) {
        let finding = Finding::warning(code, reason).at(self.source.place(at)).hint(hint);
        self.findings.push(finding);
    }

    /// Whether values may be drawn and requests made.
    pub(crate) fn is_constant(&self) -> bool {
        self.constant
    }

    pub(crate) fn push_frame(&mut self, frame: BTreeMap<String, Value<'a>>) {
        self.frames.push(frame);
    }

    pub(crate) fn pop_frame(&mut self) -> BTreeMap<String, Value<'a>> {
        self.frames.pop().unwrap_or_default()
    }

    pub(crate) fn bind(&mut self, name: &str, value: Value<'a>) {
        if let Some(frame) = self.frames.last_mut() {
            frame.insert(name.to_owned(), value);
        }
    }

    pub(crate) fn set_attribute(&mut self, name: &str, value: Value<'a>) {
        self.attributes.insert(name.to_owned(), value);
    }

    pub(crate) fn lookup(&self, name: &str) -> Value<'a> {
        let local = self.frames.last().and_then(|frame| frame.get(name));
        match local.or_else(|| self.module.names.get(name)) {
            Some(value) => value.clone(),
            None => Value::Known(self.module.star(name)),
        }
    }

    /// Gives a value to whatever stands left of a `=`.
    pub(crate) fn assign(&mut self, target: &'a Expr, value: Value<'a>) {
        match target {
            Expr::Name(it) => self.bind(it.id.as_str(), value),
            Expr::Attribute(it) => match self.eval(&it.value, &it.attr) {
                Value::Me => {
                    let value = self.kept(value, &it.attr);
                    self.set_attribute(&it.attr, value);
                }
                Value::Client => self.set_on_client(&it.attr, value, target),
                _ => {
                    let reason = format!("`{}` is set", self.source.quote(target));
                    self.warn("locust-call", target, reason, "a plan has no place for it");
                }
            },
            Expr::Tuple(_) | Expr::List(_) => {
                let targets: &[Expr] = match target {
                    Expr::Tuple(it) => &it.elts,
                    Expr::List(it) => &it.elts,
                    _ => &[],
                };
                let values = self.elements(&value).filter(|it| it.len() == targets.len());
                for (position, target) in targets.iter().enumerate() {
                    let value = match &values {
                        Some(values) => values.get(position).cloned(),
                        None => None,
                    };
                    let missing = || Value::opaque("it is unpacked from what a plan cannot say");
                    self.assign(target, value.unwrap_or_else(missing));
                }
            }
            Expr::Subscript(it) => match self.eval(&it.value, "value") {
                Value::ClientHeaders => {
                    let key = self.eval(&it.slice, "header").literal();
                    let hint = key.clone().unwrap_or_default();
                    match (key, self.data(&value, &hint)) {
                        (Some(key), Ok(value)) => {
                            self.client.headers.insert(key, value);
                        }
                        _ => {
                            let reason =
                                "a header of all requests is set to what a plan cannot say";
                            self.warn("locust-value", target, reason, "write it into the steps");
                        }
                    }
                }
                base => self.set_item(&it.value, base, &it.slice, value, target),
            },
            _ => {}
        }
    }

    /// `name[key] = value`: the object that has the name from now on.
    fn set_item(
        &mut self,
        owner: &'a Expr,
        base: Value<'a>,
        key: &'a Expr,
        value: Value<'a>,
        target: &'a Expr,
    ) {
        let key = self.eval(key, "key").literal();
        let value = self.settled(value, key.as_deref().unwrap_or("value"));
        let changed = match (base, key) {
            (Value::Data(Json::Object(fields)), Some(key)) => {
                let mut fields: Vec<_> =
                    fields.into_iter().map(|(key, value)| (key, Value::Data(value))).collect();
                fields.retain(|(name, _)| *name != key);
                fields.push((key, value));
                crate::evaluate::table(fields)
            }
            (Value::Table(mut fields), Some(key)) => {
                fields.retain(|(name, _)| *name != key);
                fields.push((key, value));
                crate::evaluate::table(fields)
            }
            _ => self.unsaid(target),
        };
        if matches!(owner, Expr::Name(_) | Expr::Attribute(_)) {
            self.assign(owner, changed);
        }
    }

    /// A value that is kept on `self`: what an answer gave is extracted now, in the step that had it.
    fn kept(&mut self, value: Value<'a>, name: &str) -> Value<'a> {
        match value {
            Value::Part(_, Part::Json(_) | Part::Header(_)) => self.settled(value, name),
            value => value,
        }
    }

    /// A name nobody has yet.
    pub(crate) fn fresh(&mut self, hint: &str) -> String {
        let base = name(hint);
        let mut candidate = base.clone();
        let mut number = 2;
        while !self.taken.insert(candidate.clone()) {
            candidate = format!("{base}_{number}");
            number += 1;
        }
        candidate
    }

    /// A variable that is drawn for each iteration, as a template.
    pub(crate) fn variable(&mut self, hint: &str, draw: Draw, comment: String) -> Value<'a> {
        if self.constant {
            return Value::opaque("it is drawn once, when Locust reads the file");
        }
        let name = self.fresh(hint);
        self.flow.variables.push(Variable { name: name.clone(), draw, comment });
        Value::Data(Json::String(format!("${{{name}}}")))
    }

    /// A value that a step extracts from its answer, as a template.
    pub(crate) fn extracted(&mut self, step: usize, from: Json, hint: &str) -> Json {
        let known = self.extracted.iter().find(|(at, path, _)| *at == step && *path == from);
        if let Some((_, _, name)) = known {
            return json!(format!("${{{name}}}"));
        }
        // Without a name of its own, it has the one the service gave it.
        let key = from.as_str().and_then(|path| path.rsplit(['.', '[']).next());
        let key = key.filter(|key| !key.starts_with('$') && hint == "value");
        let name = self.fresh(key.unwrap_or(hint));
        if let Some(step) = self.steps.get_mut(step) {
            step.extract.insert(name.clone(), from.clone());
        }
        self.extracted.push((step, from, name.clone()));
        json!(format!("${{{name}}}"))
    }

    /// `value.name`.
    pub(crate) fn attribute(&mut self, value: Value<'a>, name: &str, at: &'a Expr) -> Value<'a> {
        match (value, name) {
            (Value::Me, _) => self.own(name, at),
            (Value::Client, "headers") => Value::ClientHeaders,
            (Value::Known(path), _) => match path.as_str() {
                "environment" if name == "host" => self.own("host", at),
                _ => Value::Known(format!("{path}.{name}")),
            },
            (Value::Answer(step), "status_code") => Value::Part(step, Part::Status),
            (Value::Answer(step), "ok") => Value::Part(step, Part::Ok),
            (Value::Answer(step), "text" | "content") => Value::Part(step, Part::Text),
            (Value::Answer(step), "headers") => Value::Part(step, Part::Headers),
            (Value::Answer(step), "elapsed") => Value::Part(step, Part::Elapsed),
            (Value::Answer(step), "js") => Value::Part(step, Part::Json("$".to_owned())),
            (Value::Class(class), _) => match self.module.attribute(class, name) {
                Some(value) => value,
                None => self.unsaid(at),
            },
            (value @ (Value::Opaque(_) | Value::Missing), _) => value,
            (Value::Lambda(_) | Value::Function(_) | Value::Test(_) | Value::Wait(_), _) => {
                self.unsaid(at)
            }
            (value, _) => Value::Method(Box::new(value), name.to_owned()),
        }
    }

    /// `self.name`.
    fn own(&mut self, name: &str, at: &'a Expr) -> Value<'a> {
        if let Some(value) = self.attributes.get(name) {
            return value.clone();
        }
        let found = self.classes.iter().find_map(|class| self.module.attribute(class, name));
        match (found, name) {
            (Some(Value::Function(function)), _) => {
                let is_property = function.decorator_list.iter().any(
                    |it| matches!(&it.expression, Expr::Name(name) if name.id.as_str() == "property"),
                );
                match is_property {
                    true => self.inline(function, Some(Value::Me), Vec::new(), Vec::new()),
                    false => Value::Method(Box::new(Value::Me), name.to_owned()),
                }
            }
            (Some(value), _) => value,
            (None, "client") => Value::Client,
            (None, "user" | "parent" | "locust") => Value::Me,
            (None, "environment") => Value::Known("environment".to_owned()),
            (None, "host") => Value::opaque("the host is given to Locust when it is started"),
            (None, "interrupt" | "wait" | "rest" | "rest_" | "schedule_task" | "stop") => {
                Value::Method(Box::new(Value::Me), name.to_owned())
            }
            _ => self.never_set(name, at),
        }
    }

    /// An attribute that nothing sets before it is used.
    fn never_set(&mut self, name: &str, at: &'a Expr) -> Value<'a> {
        if self.constant {
            return self.unsaid(at);
        }
        let foreign = self.classes.iter().any(|class| self.module.kind(class) == Kind::Unknown);
        if foreign || self.module.is_set_anywhere(&self.classes, name) {
            let reason = match foreign {
                true => format!("`self.{name}` may come from a class that is in another file"),
                false => format!(
                    "`self.{name}` is set by another task, or where it was not carried over"
                ),
            };
            return Value::Opaque(reason);
        }
        let reason = format!(
            "`self.{name}` is never set: in Locust this task ends here with an AttributeError, before anything is sent"
        );
        let hint = format!(
            "set it in `on_start`, e.g. from the answer of a request, and import again; until then the plan's variable `{}` gives each virtual user one of its own, `{name}-1`, `{name}-2` and so on: change that to what your service knows",
            crate::value::name(name)
        );
        self.warn("locust-unset", at, reason, hint);
        let draw = Draw::Value(json!(format!("{name}-${{vu}}")));
        let comment =
            format!("`self.{name}` is never set in {}: put in its place", self.source.short());
        let value = self.variable(name, draw, comment);
        self.set_attribute(name, value.clone());
        value
    }

    /// A value as something that holds for an answer.
    pub(crate) fn test(&self, value: &Value<'a>) -> Option<Test> {
        match value {
            Value::Test(test) => Some(test.clone()),
            Value::Answer(_) | Value::Part(_, Part::Ok) => Some(Test::Ok),
            Value::Part(step, Part::Json(path)) => Some(Test::Has(*step, path.clone(), true)),
            Value::Part(_, Part::Text) => Some(Test::Text),
            _ => None,
        }
    }

    /// The variable a template names, where it is one.
    pub(crate) fn drawn(&self, value: &Value<'a>) -> Option<&Variable> {
        let Value::Data(Json::String(template)) = value else { return None };
        let name = exact(template)?;
        self.flow.variables.iter().find(|variable| variable.name == name)
    }
}
