//! The tasks of a class, as Locust collects them, and what each is to become.

use ruff_python_ast::{Decorator, Expr, StmtClassDef, StmtFunctionDef};
use seaworthy_document::Finding;
use serde_json::Value as Json;

use crate::findings::Findings;
use crate::interpreter::Interpreter;
use crate::module::{Kind, Module};
use crate::source::Source;
use crate::value::Value;

/// The deepest that task sets nest.
const DEEPEST: usize = 8;
/// The most functions of one sequence, and the most times one is done in it.
const MOST: usize = 200;

/// A task: a function, or a set of tasks.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Task<'a> {
    Function(&'a StmtFunctionDef),
    Set(&'a StmtClassDef),
}

/// What one flow is made of: functions in order, with the sets they stand in, outermost first.
#[derive(Clone, Debug)]
pub(crate) struct Recipe<'a> {
    pub(crate) name: String,
    pub(crate) functions: Vec<&'a StmtFunctionDef>,
    pub(crate) sets: Vec<&'a StmtClassDef>,
    pub(crate) weight: f64,
    pub(crate) sequence: bool,
}

/// Reads the tasks of classes.
pub(crate) struct Tasks<'r, 'a> {
    pub(crate) source: &'r Source<'r>,
    pub(crate) module: &'r Module<'a>,
    pub(crate) findings: &'r mut Findings,
}

impl<'a> Tasks<'_, 'a> {
    /// What the flows of a user are made of.
    pub(crate) fn recipes(&mut self, user: &'a StmtClassDef) -> Vec<Recipe<'a>> {
        let mut recipes = Vec::new();
        let tasks = self.of(user, 0);
        let alone = tasks.len() == 1;
        for (task, weight) in tasks {
            self.expand(task, weight, &[], alone, &mut recipes);
        }
        recipes
    }

    /// A class's tasks with their weights, each once.
    fn of(&mut self, class: &'a StmtClassDef, depth: usize) -> Vec<(Task<'a>, f64)> {
        let mut all: Vec<(Task<'a>, f64)> = Vec::new();
        if depth > DEEPEST {
            return all;
        }
        for base in self.module.bases(class) {
            if let Value::Class(base) = base
                && !std::ptr::eq(base, class)
            {
                all.extend(self.of(base, depth + 1));
            }
        }
        for (name, value) in self.module.own(class) {
            match value {
                _ if name == "tasks" || name == "task_set" => all.extend(self.listed(class, value)),
                Value::Function(function) => {
                    if let Some(weight) = self.weight(&function.decorator_list) {
                        all.push((Task::Function(function), weight));
                    }
                }
                Value::Class(set) => {
                    if let Some(weight) = self.weight(&set.decorator_list) {
                        all.push((Task::Set(set), weight));
                    }
                }
                _ => {}
            }
        }
        let mut once: Vec<(Task<'a>, f64)> = Vec::new();
        let ordered = matches!(self.module.kind(class), Kind::Sequence);
        for (task, weight) in all {
            match once.iter_mut().find(|(known, _)| !ordered && is_same(known, &task)) {
                Some((_, sum)) => *sum += weight,
                None => once.push((task, weight)),
            }
        }
        once
    }

    /// `tasks = [...]`, `tasks = {...: weight}`.
    fn listed(&mut self, class: &'a StmtClassDef, value: &Value<'a>) -> Vec<(Task<'a>, f64)> {
        let items = match value {
            Value::Several(items) => items.clone(),
            one => vec![one.clone()],
        };
        let mut tasks = Vec::new();
        for item in items {
            let (item, weight) = match item {
                Value::Several(both) if both.len() == 2 => {
                    let weight = both[1].number().filter(|weight| *weight >= 0.0);
                    if weight.is_none() {
                        let reason = format!("a task's weight in `{}` is not known", class.name);
                        self.warn("locust-task", class, reason, "write a number; the plan takes 1");
                    }
                    (both[0].clone(), weight.unwrap_or(1.0))
                }
                item => (item, 1.0),
            };
            match item {
                _ if weight == 0.0 => {}
                Value::Function(function) => tasks.push((Task::Function(function), weight)),
                Value::Class(set) => tasks.push((Task::Set(set), weight)),
                Value::Data(Json::Null) => {}
                Value::Data(Json::Array(items)) if items.is_empty() => {}
                _ => {
                    let reason = format!("a task of `{}` is not in this file", class.name);
                    self.warn(
                        "locust-task",
                        class,
                        reason,
                        "put the file's parts together, and import again",
                    );
                }
            }
        }
        tasks
    }

    /// The weight that `@task` or `@task(weight)` gives.
    fn weight(&mut self, decorators: &'a [Decorator]) -> Option<f64> {
        let mut weight = None;
        for decorator in decorators {
            let (function, argument) = match &decorator.expression {
                Expr::Call(call) => (call.func.as_ref(), call.arguments.args.first()),
                other => (other, None),
            };
            let path = match self.constant(function) {
                Value::Known(path) => path,
                _ => continue,
            };
            match path.as_str() {
                "locust.task" => {
                    let number = argument.map(|argument| self.constant(argument).number());
                    weight = match number {
                        Some(None) => {
                            self.warn(
                                "locust-task",
                                decorator,
                                "the task's weight is not known",
                                "write a number",
                            );
                            Some(1.0)
                        }
                        Some(Some(number)) => Some(number),
                        None => Some(1.0),
                    };
                }
                "locust.seq_task" => weight = weight.or(Some(1.0)),
                "locust.tag" => {
                    self.warn(
                        "locust-tag",
                        decorator,
                        "tags choose tasks when Locust is started",
                        "all tasks are in the plan: take out the flows you leave out with `--tags`",
                    );
                }
                "property" | "staticmethod" | "classmethod" | "abstractmethod"
                | "abc.abstractmethod" => {}
                _ => {
                    let reason =
                        format!("`@{}` is left out", self.source.quote(&decorator.expression));
                    self.warn(
                        "locust-task",
                        decorator,
                        reason,
                        "the function is followed as it is written",
                    );
                }
            }
        }
        weight.filter(|weight| *weight > 0.0)
    }

    fn constant(&mut self, expression: &'a Expr) -> Value<'a> {
        Interpreter::for_constants(self.source, self.module, &mut Findings::default())
            .eval(expression, "value")
    }

    /// One task as one flow, or the flows of its set.
    fn expand(
        &mut self,
        task: Task<'a>,
        weight: f64,
        sets: &[&'a StmtClassDef],
        alone: bool,
        recipes: &mut Vec<Recipe<'a>>,
    ) {
        let set = match task {
            Task::Function(function) => {
                recipes.push(Recipe {
                    name: function.name.to_string(),
                    functions: vec![function],
                    sets: sets.to_vec(),
                    weight,
                    sequence: false,
                });
                return;
            }
            Task::Set(set) => set,
        };
        if sets.len() >= DEEPEST || sets.iter().any(|known| std::ptr::eq(*known, set)) {
            self.warn(
                "locust-task-set",
                set,
                "task sets nest too deeply",
                "write the tasks side by side",
            );
            return;
        }
        let mut inner = sets.to_vec();
        inner.push(set);
        match self.module.kind(set) {
            Kind::Sequence => {
                let mut functions = Vec::new();
                self.in_order(set, &mut inner, &mut functions);
                if functions.is_empty() {
                    let reason = format!("the sequence `{}` has no tasks", set.name);
                    self.warn("locust-task-set", set, reason, "mark its functions with `@task`");
                    return;
                }
                recipes.push(Recipe {
                    name: set.name.to_string(),
                    functions,
                    sets: inner,
                    weight,
                    sequence: true,
                });
            }
            Kind::TaskSet => {
                let tasks = self.of(set, 0);
                let sum: f64 = tasks.iter().map(|(_, weight)| weight).sum();
                if !alone {
                    let reason = format!(
                        "a user stays in the task set `{}` until it interrupts; the plan picks anew each time",
                        set.name
                    );
                    let hint = "its tasks stand beside the others, with its weight shared among them: set the weights to what you measured";
                    self.warn("locust-task-set", set, reason, hint);
                }
                let alone = alone && tasks.len() == 1;
                for (task, part) in tasks {
                    self.expand(task, weight * part / sum, &inner, alone, recipes);
                }
            }
            _ => {
                let reason = format!("`{}` is no task set that is known", set.name);
                self.warn(
                    "locust-task-set",
                    set,
                    reason,
                    "make it from TaskSet or SequentialTaskSet",
                );
            }
        }
    }

    /// The functions of a sequence, in order, those of sequences within it too.
    fn in_order(
        &mut self,
        set: &'a StmtClassDef,
        sets: &mut Vec<&'a StmtClassDef>,
        functions: &mut Vec<&'a StmtFunctionDef>,
    ) {
        for (task, weight) in self.of(set, 0) {
            let times = (weight.max(1.0) as usize).min(MOST);
            for _ in 0..times {
                match task {
                    Task::Function(function) if functions.len() < MOST => functions.push(function),
                    Task::Set(inner)
                        if self.module.kind(inner) == Kind::Sequence
                            && sets.len() < DEEPEST
                            && !sets.iter().any(|known| std::ptr::eq(*known, inner)) =>
                    {
                        sets.push(inner);
                        self.in_order(inner, sets, functions);
                    }
                    Task::Set(inner) if self.module.kind(inner) != Kind::Sequence => {
                        let reason = format!(
                            "a task set that is drawn from stands within the sequence `{}`",
                            set.name
                        );
                        self.warn(
                            "locust-task-set",
                            inner,
                            reason,
                            "its tasks are not in the plan: write the sequence out",
                        );
                    }
                    _ => {}
                }
            }
        }
    }

    fn warn(
        &mut self,
        code: &'static str,
        at: &impl ruff_text_size::Ranged,
        reason: impl Into<String>,
        hint: &str,
    ) {
        self.findings.push(Finding::warning(code, reason).at(self.source.place(at)).hint(hint));
    }
}

fn is_same(a: &Task<'_>, b: &Task<'_>) -> bool {
    match (a, b) {
        (Task::Function(a), Task::Function(b)) => std::ptr::eq(*a, *b),
        (Task::Set(a), Task::Set(b)) => std::ptr::eq(*a, *b),
        _ => false,
    }
}
