//! Statements: what a function does, step after step.

use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
use ruff_python_ast::visitor::{Visitor, walk_expr};
use ruff_python_ast::{Expr, Stmt, StmtFor, StmtIf, StmtTry, StmtWith};
use serde_json::Value as Json;

use crate::expect::{fails, succeeds};
use crate::interpreter::Interpreter;
use crate::value::{Part, Value};

/// The most steps of one flow.
const MOST_STEPS: usize = 200;
/// The most times a loop's body is written out.
const MOST_TURNS: usize = 50;

/// How a block ended.
#[derive(Debug)]
pub(crate) enum Control<'a> {
    Next,
    Return(Value<'a>),
    Break,
    Continue,
    /// The task ends here.
    Stop,
}

impl<'a> Interpreter<'_, 'a> {
    /// Follows statements until one leaves the block.
    pub(crate) fn block(&mut self, body: &'a [Stmt]) -> Control<'a> {
        let mut rest = body;
        while let Some((statement, after)) = rest.split_first() {
            if self.steps.len() >= MOST_STEPS {
                let reason = format!("the flow has {MOST_STEPS} steps already");
                self.warn(
                    "locust-too-long",
                    statement,
                    reason,
                    "split the task, or write fewer turns",
                );
                return Control::Stop;
            }
            let control = self.statement(statement);
            if self.stopped {
                if let Some(next) = after.first().filter(|_| has_calls(after)) {
                    let reason = "what follows the end of the task is left out";
                    self.warn("locust-unreached", next, reason, "Locust does not reach it either");
                }
                return Control::Stop;
            }
            if !matches!(control, Control::Next) {
                return control;
            }
            rest = after;
        }
        Control::Next
    }

    /// Follows one statement.
    pub(crate) fn statement(&mut self, statement: &'a Stmt) -> Control<'a> {
        if !self.deeper() {
            let reason = "this is too much to be followed";
            self.warn("locust-too-long", statement, reason, "write what it sends into the plan");
            return Control::Stop;
        }
        let control = self.one(statement);
        self.shallower();
        control
    }

    fn one(&mut self, statement: &'a Stmt) -> Control<'a> {
        match statement {
            Stmt::Expr(it) => {
                if let Value::Opaque(reason) = self.eval(&it.value, "value")
                    && matches!(*it.value, Expr::Call(_) | Expr::Await(_))
                    && !self.mentions_failure(&it.value)
                {
                    let hint = "if it makes requests, write them into the plan";
                    self.warn("locust-call", statement, reason, hint);
                }
            }
            Stmt::Assign(it) => {
                let hint = it.targets.first().map(|it| crate::evaluate::hint_of(it, "value"));
                let value = self.eval(&it.value, hint.as_deref().unwrap_or("value"));
                for target in &it.targets {
                    self.assign(target, value.clone());
                }
            }
            Stmt::AnnAssign(it) => {
                if let Some(value) = &it.value {
                    let value = self.eval(value, &crate::evaluate::hint_of(&it.target, "value"));
                    self.assign(&it.target, value);
                }
            }
            Stmt::AugAssign(it) => {
                let left = self.eval(&it.target, "value");
                let right = self.eval(&it.value, "value");
                let value = self.augmented(left, it.op, right, &it.target);
                self.assign(&it.target, value);
            }
            Stmt::Return(it) => {
                let value = it.value.as_ref().map(|value| self.eval(value, "value"));
                return Control::Return(value.unwrap_or_else(Value::null));
            }
            Stmt::If(it) => return self.branch(it),
            Stmt::For(it) => return self.repeat(it),
            Stmt::While(it) => {
                if has_calls(&it.body) {
                    let reason = format!(
                        "how often `while {}` goes round is not known",
                        self.source.quote(&*it.test)
                    );
                    let hint = "its requests are not in the plan: write the ones one turn makes into the flow";
                    self.warn("locust-loop", statement, reason, hint);
                }
                self.forget(&it.body);
            }
            Stmt::With(it) => return self.with(it),
            Stmt::Try(it) => return self.attempt(it),
            Stmt::Assert(it) => {
                let test = self.eval(&it.test, "value");
                match self.test(&test) {
                    Some(test) => self.require(&test, true, &it.test),
                    None if test.truth() == Some(true) => {}
                    None => {
                        let reason =
                            format!("`assert {}` is not checked", self.source.quote(&*it.test));
                        self.warn(
                            "locust-expectation",
                            statement,
                            reason,
                            "write it under `expect`",
                        );
                    }
                }
            }
            Stmt::Raise(it) => {
                let raised = it.exc.as_ref().map(|exception| self.source.quote(&**exception));
                let name = raised.unwrap_or_default();
                if name.contains("StopUser") {
                    let reason = "a user that stops is not replaced in Locust";
                    self.warn(
                        "locust-call",
                        statement,
                        reason,
                        "a plan's virtual users stay to the end",
                    );
                }
                self.stopped = true;
                return Control::Stop;
            }
            Stmt::FunctionDef(it) => self.bind(&it.name, Value::Function(it)),
            Stmt::ClassDef(it) => {
                if has_calls(&it.body) {
                    self.warn(
                        "locust-call",
                        statement,
                        "a class within a function is not followed",
                        "move it out",
                    );
                }
            }
            Stmt::Match(it) => {
                for case in &it.cases {
                    if has_calls(&case.body) {
                        let reason = "which case applies is not known before the run";
                        self.warn(
                            "locust-branch",
                            statement,
                            reason,
                            "write the requests of one case into the flow",
                        );
                    }
                    self.forget(&case.body);
                }
            }
            Stmt::Import(_) | Stmt::ImportFrom(_) => {
                let reason = "a module is imported within a function";
                self.warn("locust-import", statement, reason, "import it at the top of the file");
            }
            Stmt::Break(_) => return Control::Break,
            Stmt::Continue(_) => return Control::Continue,
            Stmt::Delete(_)
            | Stmt::Pass(_)
            | Stmt::Global(_)
            | Stmt::Nonlocal(_)
            | Stmt::TypeAlias(_)
            | Stmt::IpyEscapeCommand(_) => {}
        }
        Control::Next
    }

    fn branch(&mut self, it: &'a StmtIf) -> Control<'a> {
        let value = self.eval(&it.test, "value");
        let clauses: Vec<(Option<&'a Expr>, &'a [Stmt])> = (it.elif_else_clauses.iter())
            .map(|clause| (clause.test.as_ref(), &*clause.body))
            .collect();
        self.branches(&it.test, value, &it.body, &clauses)
    }

    /// One of `if`, `elif`, and what follows it.
    fn branches(
        &mut self,
        at: &'a Expr,
        value: Value<'a>,
        body: &'a [Stmt],
        rest: &[(Option<&'a Expr>, &'a [Stmt])],
    ) -> Control<'a> {
        if let Some(truth) = value.truth() {
            return match truth {
                true => self.block(body),
                false => self.otherwise(rest),
            };
        }
        if let Some(test) = self.test(&value) {
            return self.judged(at, &test, body, rest);
        }
        let calls = has_calls(body) || rest.iter().any(|(_, body)| has_calls(body));
        if calls {
            let reason =
                format!("whether `{}` holds is not known before the run", self.source.quote(at));
            let hint = "the requests of this branch are not in the plan: make two tasks of it, with weights";
            self.warn("locust-branch", at, reason, hint);
        }
        let mut bodies = std::iter::once(body).chain(rest.iter().map(|(_, body)| *body));
        if !calls && bodies.any(|body| fails(body) || succeeds(body)) {
            let reason = format!("`{}` is not checked", self.source.quote(at));
            let hint = "a step expects statuses, headers, and values at JSON paths";
            self.warn("locust-expectation", at, reason, hint);
        }
        self.forget(body);
        rest.iter().for_each(|(_, body)| self.forget(body));
        Control::Next
    }

    /// What `elif` and `else` say when the tests before do not hold.
    pub(crate) fn otherwise(&mut self, rest: &[(Option<&'a Expr>, &'a [Stmt])]) -> Control<'a> {
        match rest.split_first() {
            None => Control::Next,
            Some(((None, body), _)) => self.block(body),
            Some(((Some(test), body), rest)) => {
                let value = self.eval(test, "value");
                self.branches(test, value, body, rest)
            }
        }
    }

    fn repeat(&mut self, it: &'a StmtFor) -> Control<'a> {
        let over = self.eval(&it.iter, "value");
        if let Value::Part(step, Part::Lines) = over {
            self.stream(step, it);
            return Control::Next;
        }
        let items =
            self.elements(&over).filter(|items| items.len() <= MOST_TURNS || !has_calls(&it.body));
        let Some(items) = items else {
            if has_calls(&it.body) {
                let reason = format!(
                    "how often `for ... in {}` goes round is not known, or more than {MOST_TURNS} times",
                    self.source.quote(&*it.iter)
                );
                let hint =
                    "its requests are not in the plan: write the ones one turn makes into the flow";
                self.warn("locust-loop", it, reason, hint);
            }
            self.forget(&it.body);
            return Control::Next;
        };
        for item in items.into_iter().take(MOST_TURNS) {
            self.assign(&it.target, item);
            match self.block(&it.body) {
                Control::Next | Control::Continue => {}
                Control::Break => return Control::Next,
                control => return control,
            }
        }
        self.block(&it.orelse)
    }

    fn with(&mut self, it: &'a StmtWith) -> Control<'a> {
        let mut renamed = None;
        for item in &it.items {
            let hint =
                item.optional_vars.as_deref().map(|it| crate::evaluate::hint_of(it, "value"));
            let value = self.eval(&item.context_expr, hint.as_deref().unwrap_or("value"));
            match &value {
                Value::Method(name, what) if what == "renamed" => {
                    renamed = name.literal();
                }
                Value::Opaque(reason) => {
                    let reason = reason.clone();
                    self.warn(
                        "locust-call",
                        &item.context_expr,
                        reason,
                        "what stands within it is followed all the same",
                    );
                }
                _ => {}
            }
            if let Some(target) = &item.optional_vars {
                self.assign(target, value);
            }
        }
        let before = self.client.name.clone();
        if renamed.is_some() {
            self.client.name = renamed;
        }
        let control = self.block(&it.body);
        self.client.name = before;
        control
    }

    fn attempt(&mut self, it: &'a StmtTry) -> Control<'a> {
        let control = self.block(&it.body);
        for handler in &it.handlers {
            let ruff_python_ast::ExceptHandler::ExceptHandler(handler) = handler;
            if has_calls(&handler.body) {
                let reason = "what is done after an exception is not in the plan";
                let hint = "a step that fails ends the iteration there";
                self.warn("locust-branch", handler, reason, hint);
            }
        }
        if !matches!(control, Control::Next) {
            self.block(&it.finalbody);
            return control;
        }
        match self.block(&it.orelse) {
            Control::Next => self.block(&it.finalbody),
            control => control,
        }
    }

    /// What a block that is not followed gives values to is unknown from here on.
    pub(crate) fn forget(&mut self, body: &'a [Stmt]) {
        let mut targets = Targets(Vec::new());
        targets.visit_body(body);
        for target in targets.0 {
            if !matches!(target, Expr::Subscript(_)) {
                let reason = "it is set where the plan does not follow";
                self.assign(target, Value::opaque(reason));
            }
        }
    }

    /// `left op= right`.
    fn augmented(
        &mut self,
        left: Value<'a>,
        operator: ruff_python_ast::Operator,
        right: Value<'a>,
        at: &'a Expr,
    ) -> Value<'a> {
        let (left, right) = (self.data(&left, "value"), self.data(&right, "value"));
        match (operator, left, right) {
            (ruff_python_ast::Operator::Add, Ok(Json::String(a)), Ok(Json::String(b))) => {
                match crate::value::joined(&a, &b).filter(|text| text.len() < 1 << 18) {
                    Some(text) => Value::Data(Json::String(text)),
                    None => self.unsaid(at),
                }
            }
            (ruff_python_ast::Operator::Add, Ok(Json::Number(a)), Ok(Json::Number(b))) => {
                match a.as_i64().zip(b.as_i64()).and_then(|(a, b)| a.checked_add(b)) {
                    // A counter on `self` goes on from iteration to iteration; a plan's does not.
                    Some(sum) if !matches!(at, Expr::Attribute(_)) => Value::Data(sum.into()),
                    _ => Value::opaque("it counts from one iteration to the next"),
                }
            }
            _ => self.unsaid(at),
        }
    }
}

/// Whether anything in a block may make a request, wait or keep a value: a call that is not talk.
pub(crate) fn has_calls(body: &[Stmt]) -> bool {
    let mut calls = Calls(false);
    calls.visit_body(body);
    calls.0
}

/// Looks for calls of a client, of `self`, of sleeps.
struct Calls(bool);

impl<'a> Visitor<'a> for Calls {
    fn visit_expr(&mut self, expression: &'a Expr) {
        if let Expr::Call(call) = expression {
            self.0 |= match call.func.as_ref() {
                Expr::Attribute(it) => !matches!(
                    it.attr.as_str(),
                    "failure"
                        | "success"
                        | "format"
                        | "info"
                        | "debug"
                        | "warning"
                        | "error"
                        | "exception"
                        | "json"
                        | "get_text"
                        | "append"
                        | "join"
                        | "total_seconds"
                ),
                Expr::Name(it) => {
                    !matches!(it.id.as_str(), "print" | "len" | "str" | "int" | "isinstance")
                }
                _ => true,
            };
        }
        walk_expr(self, expression);
    }
}

/// Collects what statements give values to.
struct Targets<'a>(Vec<&'a Expr>);

impl<'a> StatementVisitor<'a> for Targets<'a> {
    fn visit_stmt(&mut self, statement: &'a Stmt) {
        match statement {
            Stmt::Assign(it) => self.0.extend(&it.targets),
            Stmt::AnnAssign(it) => self.0.push(&it.target),
            Stmt::AugAssign(it) => self.0.push(&it.target),
            Stmt::For(it) => self.0.push(&it.target),
            _ => {}
        }
        if !matches!(statement, Stmt::FunctionDef(_) | Stmt::ClassDef(_)) {
            walk_stmt(self, statement);
        }
    }
}
