//! Users: each class's flows, and how its virtual users go about them.

use std::collections::{BTreeMap, BTreeSet};

use ruff_python_ast::StmtClassDef;
use seaworthy_document::Finding;
use serde_json::json;

use crate::findings::Findings;
use crate::interpreter::Interpreter;
use crate::module::{Kind, Module};
use crate::plan::{Data, Draw, Flow};
use crate::source::Source;
use crate::statements::has_calls;
use crate::tasks::{Recipe, Tasks};
use crate::value::Value;
use crate::wait::{Pause, Wait, seconds};

/// A class of users, with what it became.
#[derive(Debug)]
pub(crate) struct User<'a> {
    pub(crate) class: &'a StmtClassDef,
    pub(crate) flows: Vec<(Flow, f64)>,
    pub(crate) host: Option<String>,
    pub(crate) insecure: bool,
    /// Its part of all users.
    pub(crate) weight: f64,
    /// Of how many there are, whatever the others' weights.
    pub(crate) fixed: Option<u32>,
    /// Seconds from the begin of one task to the begin of the next, where that is given.
    pub(crate) pace: Option<f64>,
    pub(crate) data: Vec<Data>,
    pub(crate) files: BTreeSet<String>,
}

/// Reads the users of a file.
pub(crate) struct Users<'r, 'a> {
    pub(crate) source: &'r Source<'r>,
    pub(crate) module: &'r Module<'a>,
    pub(crate) findings: &'r mut Findings,
    /// The host that was given when the file is read, as Locust's `--host`.
    pub(crate) host: Option<&'r str>,
}

impl<'a> Users<'_, 'a> {
    /// All users of the file, in its order.
    pub(crate) fn all(&mut self) -> Vec<User<'a>> {
        let classes = self.module.order.clone();
        classes.into_iter().filter_map(|class| self.one(class)).collect()
    }

    fn one(&mut self, class: &'a StmtClassDef) -> Option<User<'a>> {
        let kind = self.module.kind(class);
        let abstracts = self.module.own(class).iter().find(|(name, _)| name == "abstract");
        match kind {
            Kind::Http | Kind::Fast => {}
            Kind::OtherUser => {
                let reason = format!("`{}` speaks no HTTP that is known", class.name);
                self.warn("locust-user", class, reason, "its tasks are not in the plan");
                return None;
            }
            Kind::Unknown
                if !Tasks {
                    source: self.source,
                    module: self.module,
                    findings: &mut Findings::default(),
                }
                .recipes(class)
                .is_empty() =>
            {
                let reason =
                    format!("`{}` is made from a class that is in another file", class.name);
                self.warn(
                    "locust-user",
                    class,
                    reason,
                    "its tasks are not in the plan: put both files together, and import again",
                );
                return None;
            }
            _ => return None,
        }
        if abstracts.is_some_and(|(_, value)| value.truth() == Some(true)) {
            return None;
        }
        let recipes =
            Tasks { source: self.source, module: self.module, findings: &mut *self.findings }
                .recipes(class);
        if recipes.is_empty() {
            let reason = format!("`{}` has no tasks", class.name);
            self.warn(
                "locust-user",
                class,
                reason,
                "mark its functions with `@task`; Locust does not start without",
            );
            return None;
        }
        let number = |name: &str| self.module.attribute(class, name).and_then(|it| it.number());
        // The host may be a template: an environment variable of the trial.
        let own_host = self.module.attribute(class, "host").and_then(|host| match host {
            Value::Data(serde_json::Value::String(template)) => Some(template),
            _ => None,
        });
        let host = self.host.map(crate::value::escaped).or(own_host);
        for name in ["weight", "fixed_count"] {
            if self.module.attribute(class, name).is_some() && number(name).is_none() {
                let reason = format!("`{name}` of `{}` is not known", class.name);
                self.warn(
                    "locust-share",
                    class,
                    reason,
                    "write a number; the plan takes 1 for a weight",
                );
            }
        }
        let mut user = User {
            class,
            flows: Vec::new(),
            host: host.map(|host| host.trim_end_matches('/').to_owned()),
            insecure: self.module.attribute(class, "insecure").and_then(|it| it.truth())
                == Some(true),
            weight: number("weight").filter(|weight| *weight > 0.0).unwrap_or(1.0),
            fixed: number("fixed_count").filter(|count| *count >= 1.0).map(|count| count as u32),
            pace: None,
            data: Vec::new(),
            files: BTreeSet::new(),
        };
        self.told(class);
        let takes_any = self.module.attribute(class, "insecure").is_none() && kind == Kind::Fast;
        if takes_any && user.host.as_ref().is_some_and(|host| host.starts_with("https://")) {
            let reason = "a FastHttpUser takes any certificate, the plan checks it";
            let hint =
                "write `insecure: true` under the target, if the certificate cannot be checked";
            self.warn("locust-certificate", class, reason, hint);
        }
        let with_start = self.starts(class).is_some();
        if with_start && recipes.len() > 1 {
            let times = recipes.len();
            let reason = format!(
                "`on_start` is done once by each user in Locust, and once for each of its {times} flows in the plan"
            );
            let hint = "each flow has its own `start`: what a service counts per user (sessions, sign-ins) it will see more often";
            let at = self.starts(class).unwrap_or(class.body.first()?);
            self.warn("locust-start", at, reason, hint);
        }
        for recipe in &recipes {
            self.flow(&mut user, recipe);
        }
        Some(user)
    }

    fn starts(&self, class: &'a StmtClassDef) -> Option<&'a ruff_python_ast::Stmt> {
        let chain = self.module.chain(class);
        chain.into_iter().flat_map(|class| &class.body).find(|statement| {
            matches!(statement, ruff_python_ast::Stmt::FunctionDef(it) if it.name.as_str() == "on_start" && has_calls(&it.body))
        })
    }

    /// What a class says that no plan has a place for.
    fn told(&mut self, class: &'a StmtClassDef) {
        for class in self.module.chain(class) {
            for statement in &class.body {
                if let ruff_python_ast::Stmt::FunctionDef(it) = statement
                    && it.name.as_str() == "on_stop"
                    && has_calls(&it.body)
                {
                    let reason = "what a user does when it is stopped is not in the plan";
                    self.warn(
                        "locust-stop",
                        statement,
                        reason,
                        "what must be undone once goes under `teardown`",
                    );
                }
            }
            for (name, _) in self.module.own(class) {
                if ["min_wait", "max_wait"].contains(&name.as_str()) {
                    let reason = format!("`{name}` has no effect since Locust 1.0");
                    self.warn("locust-wait", class, reason, "write `wait_time = between(1, 5)`");
                }
            }
        }
    }

    fn flow(&mut self, user: &mut User<'a>, recipe: &Recipe<'a>) {
        let class = user.class;
        let mut classes: Vec<&'a StmtClassDef> = recipe.sets.iter().rev().copied().collect();
        classes.push(class);
        let mut wait = self.wait(&classes);
        // A rate is of a whole user: where only some of its tasks are paced, they pause instead.
        if let Wait::Pace(pace) = wait
            && !recipe.sets.is_empty()
            && !matches!(self.wait(&[class]), Wait::Pace(_))
        {
            wait = seconds(pace).map_or(Wait::None, |pace| Wait::Pause(Pause::fixed(pace)));
            if let Some(function) = recipe.functions.first() {
                let reason =
                    format!("the task set of `{}` is paced, but not all of its user", recipe.name);
                let hint = "its tasks pause that long after each in the plan; in Locust the task's own time is part of it";
                self.warn("locust-wait", *function, reason, hint);
            }
        }
        let mut interpreter =
            Interpreter::new(self.source, self.module, &mut *self.findings, classes);
        interpreter.host.clone_from(&user.host);
        interpreter.wait = wait.clone();
        // The user's own start, then those of the sets around the task.
        let order: Vec<&'a StmtClassDef> =
            std::iter::once(class).chain(recipe.sets.iter().copied()).collect();
        for owner in order {
            if let Some(Value::Function(start)) = self.module.attribute(owner, "on_start") {
                interpreter.inline(start, Some(Value::Me), Vec::new(), Vec::new());
                interpreter.stopped = false;
            }
        }
        let starts = interpreter.steps.len();
        interpreter.starts = Some(starts);
        let last = recipe.functions.len().saturating_sub(1);
        for (position, function) in recipe.functions.iter().enumerate() {
            let before = interpreter.steps.len();
            interpreter.inline(function, Some(Value::Me), Vec::new(), Vec::new());
            let ended = std::mem::take(&mut interpreter.stopped) && interpreter.interrupted;
            if ended && position < last {
                let reason = "the sequence is left before its last task";
                interpreter.warn(
                    "locust-task-set",
                    *function,
                    reason,
                    "what follows is not in the plan",
                );
                break;
            }
            if let (Wait::Pause(pause), true) = (&interpreter.wait, position < last) {
                let pause = *pause;
                if interpreter.steps.len() > before {
                    let done = interpreter.steps.last_mut();
                    if let Some(step) = done {
                        step.pause =
                            step.pause.map_or(Some(pause), |own| own.and(pause).or(Some(own)));
                    }
                }
            }
        }
        let interrupts = interpreter.interrupted;
        let mut steps = std::mem::take(&mut interpreter.steps);
        let mut flow = std::mem::take(&mut interpreter.flow);
        user.insecure |= interpreter.client.insecure;
        let (data, files) =
            (std::mem::take(&mut interpreter.data_files), std::mem::take(&mut interpreter.files));
        let at = recipe.functions.first().copied();
        if steps.len() == starts {
            if let Some(function) = at
                && flow.missing.is_empty()
                && (!interrupts || recipe.sets.is_empty())
            {
                let reason = format!("`{}` makes no request that is carried over", recipe.name);
                let hint = "it is left out; in Locust it still takes its share of a user's time";
                self.warn("locust-no-request", function, reason, hint);
            }
            return;
        }
        for step in &mut steps {
            finish(step);
        }
        flow.steps = steps.split_off(starts);
        flow.start = steps;
        match &wait {
            Wait::Pause(pause) => self.wait_at_the_end(&mut flow, *pause, at),
            Wait::Pace(pace) => {
                let tasks = if recipe.sequence { recipe.functions.len() } else { 1 };
                let every = pace * tasks as f64;
                user.pace = Some(user.pace.map_or(every, |known| known.max(every)));
                if let Some(function) = at
                    && tasks > 1
                {
                    let reason = "the tasks of a sequence that is paced follow each other at once in the plan";
                    self.warn("locust-wait", function, reason, "give its steps a `pause`");
                }
            }
            Wait::None => {}
        }
        crate::write::prune(&mut flow);
        flow.name.clone_from(&recipe.name);
        flow.comment = self.comment(user, recipe);
        user.data.extend(data);
        user.files.extend(files);
        user.flows.push((flow, recipe.weight));
    }

    fn wait_at_the_end(
        &mut self,
        flow: &mut Flow,
        pause: Pause,
        at: Option<&ruff_python_ast::StmtFunctionDef>,
    ) {
        let Some(step) = flow.steps.last_mut() else { return };
        let both = step.pause.map_or(Some(pause), |own| own.and(pause));
        if both.is_none()
            && let Some(at) = at
        {
            let reason = "the task ends with a wait that is drawn, and the user's own wait follows";
            self.warn(
                "locust-wait",
                at,
                reason,
                "a step has one pause: the user's own is left out",
            );
        }
        step.pause = both.or(step.pause);
    }

    fn comment(&self, user: &User<'a>, recipe: &Recipe<'a>) -> String {
        let line = recipe.functions.first().map_or(0, |it| self.source.line(&it.name));
        let mut path: Vec<String> = vec![user.class.name.to_string()];
        path.extend(recipe.sets.iter().map(|set| set.name.to_string()));
        if !recipe.sequence {
            path.push(recipe.name.clone());
        }
        let what = if recipe.sequence { "the sequence " } else { "" };
        format!(
            "{}:{line}: {what}{}, weight {}",
            self.source.short(),
            path.join("."),
            recipe.weight
        )
    }

    /// How long a user waits between tasks; the innermost class that says so decides.
    fn wait(&mut self, classes: &[&'a StmtClassDef]) -> Wait {
        let found = classes.iter().find_map(|class| {
            self.module.attribute(class, "wait_time").map(|value| (*class, value))
        });
        let Some((class, value)) = found else { return Wait::None };
        let mut unheard = Findings::default();
        let mut interpreter =
            Interpreter::new(self.source, self.module, &mut unheard, classes.to_vec());
        interpreter.starts = Some(0);
        let value = match value {
            Value::Function(function) => {
                interpreter.inline(function, Some(Value::Me), Vec::new(), Vec::new())
            }
            Value::Lambda(ruff_python_ast::Expr::Lambda(lambda)) => {
                let parameter =
                    lambda.parameters.iter().flat_map(|it| it.iter_non_variadic_params());
                let names = parameter.map(|it| (it.parameter.name.to_string(), Value::Me));
                interpreter.push_frame(names.collect::<BTreeMap<_, _>>());
                interpreter.eval(&lambda.body, "value")
            }
            value => value,
        };
        let drawn = interpreter.drawn(&value).map(|variable| variable.draw.clone());
        let pause = match (&value, drawn) {
            (Value::Wait(wait), _) => return wait.clone(),
            (_, Some(Draw::Random(low, high))) => {
                seconds(low as f64).zip(seconds(high as f64)).map(|(a, b)| Pause::Between(a, b))
            }
            _ => value.number().and_then(seconds).map(Pause::fixed),
        };
        pause.map_or_else(
            || {
                let reason = "how long its users wait between tasks is not known";
                let hint = "write `wait_time = between(1, 5)`, or a `pause` into the plan's steps: without one, they do not wait";
                self.warn("locust-wait", class, reason, hint);
                Wait::None
            },
            Wait::Pause,
        )
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

/// Redirects that are not followed are answers like any other.
fn finish(step: &mut crate::plan::Step) {
    if step.redirects != Some(0) || step.stream {
        return;
    }
    let redirect = |status: &serde_json::Value| match status {
        serde_json::Value::String(class) => class == "3xx",
        code => code.as_u64().is_some_and(|code| (300..400).contains(&code)),
    };
    if step.expect.status.is_empty() {
        step.expect.status = vec![json!("2xx"), json!("3xx")];
    }
    if step.expect.status.iter().any(redirect) {
        step.redirects = None;
    }
}
