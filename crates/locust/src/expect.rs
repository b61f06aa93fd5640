//! What a task asks of answers: `if`s over statuses, headers and JSON become a plan's expectations.

use ruff_python_ast::{CmpOp, Expr, ExprCompare, Stmt, StmtFor};
use serde_json::{Value as Json, json};

use crate::interpreter::Interpreter;
use crate::plan::Step;
use crate::statements::{Control, has_calls};
use crate::value::{Compare, Part, Test, Value};
use crate::wait::seconds;

/// How long a step waits for an event when the file does not say.
const WITHIN: f64 = 5.0;

impl<'a> Interpreter<'_, 'a> {
    /// A comparison, of what is known or of an answer.
    pub(crate) fn compare(&mut self, it: &'a ExprCompare, at: &'a Expr) -> Value<'a> {
        let ([operator], [right]) = (&*it.ops, &*it.comparators) else { return self.unsaid(at) };
        let left = self.eval(&it.left, "value");
        let right = self.eval(right, "value");
        let (left, right, operator) = match (&left, &right) {
            // `200 == response.status_code`
            (Value::Data(_), Value::Part(..)) => match mirrored(*operator) {
                Some(operator) => (right, left, operator),
                None => (left, right, *operator),
            },
            _ => (left, right, *operator),
        };
        if let (Some(a), Some(b)) = (left.constant(), right.constant()) {
            return match compared(&a, operator, &b) {
                Some(truth) => Value::Data(Json::Bool(truth)),
                None => self.unsaid(at),
            };
        }
        if let (Value::Test(Test::Chance), _) | (_, Value::Test(Test::Chance)) = (&left, &right) {
            return Value::Test(Test::Chance);
        }
        let is_equal = match operator {
            CmpOp::Eq | CmpOp::Is | CmpOp::In => Some(true),
            CmpOp::NotEq | CmpOp::IsNot | CmpOp::NotIn => Some(false),
            _ => None,
        };
        let test = match (&left, &right, operator) {
            (Value::Part(step, Part::Status), value, _) => statuses(*step, operator, value),
            (Value::Part(step, Part::Elapsed), value, _) => {
                value.number().map(|it| Test::Elapsed(*step, it))
            }
            (Value::Part(_, Part::Ok), value, _) => {
                let holds = value.truth().zip(is_equal).map(|(truth, equal)| truth == equal);
                holds.map(|holds| match holds {
                    true => Test::Ok,
                    false => Test::Not(Box::new(Test::Ok)),
                })
            }
            (Value::Part(step, Part::Json(path)), Value::Data(Json::Null), _) => {
                is_equal.map(|equal| Test::Has(*step, path.clone(), !equal))
            }
            (
                Value::Part(step, Part::Json(path)),
                value,
                CmpOp::Eq | CmpOp::NotEq | CmpOp::Is | CmpOp::IsNot,
            ) => {
                let value = self.data(&value.clone(), "value").ok();
                value
                    .zip(is_equal)
                    .map(|(value, equal)| Test::Json(*step, path.clone(), equal, value))
            }
            (value, Value::Part(step, Part::Json(path)), CmpOp::In | CmpOp::NotIn) => {
                let key = value.literal();
                key.zip(is_equal)
                    .map(|(key, equal)| Test::Has(*step, crate::value::below(path, &key), equal))
            }
            (Value::Part(step, Part::Header(name)), value, CmpOp::Eq | CmpOp::NotEq) => {
                let value = self.piece(&value.clone(), "value").ok();
                value
                    .zip(is_equal)
                    .map(|(value, equal)| Test::Header(*step, name.clone(), equal, value))
            }
            (_, Value::Part(..), _) | (Value::Part(..), _, _) => Some(Test::Text),
            _ => None,
        };
        test.map_or_else(|| self.unsaid(at), Value::Test)
    }

    /// An `if` over an answer.
    pub(crate) fn judged(
        &mut self,
        at: &'a Expr,
        test: &Test,
        body: &'a [Stmt],
        rest: &[(Option<&'a Expr>, &'a [Stmt])],
    ) -> Control<'a> {
        self.judging += 1;
        let control = self.judge(at, test, body, rest);
        self.judging -= 1;
        control
    }

    fn judge(
        &mut self,
        at: &'a Expr,
        test: &Test,
        body: &'a [Stmt],
        rest: &[(Option<&'a Expr>, &'a [Stmt])],
    ) -> Control<'a> {
        let otherwise = rest.iter().find(|(test, _)| test.is_none()).map(|(_, body)| *body);
        let other_fails = otherwise.is_some_and(fails);
        if is_chance(test) {
            if has_calls(body) || otherwise.is_some_and(has_calls) {
                let reason = format!("`{}` is left to chance", self.source.quote(at));
                let hint = "the requests of this branch are not in the plan: make two tasks of it, with weights";
                self.warn("locust-branch", at, reason, hint);
            }
            self.forget(body);
            rest.iter().for_each(|(_, body)| self.forget(body));
            return Control::Next;
        }
        if fails(body) {
            self.require(test, false, at);
            return self.otherwise(rest);
        }
        if succeeds(body) {
            match other_fails {
                true => self.require(test, true, at),
                false => self.allow(test, at),
            }
            return self.block(body);
        }
        if other_fails {
            self.require(test, true, at);
            return self.block(body);
        }
        // Which branch is the one of success? The other one is left out.
        let holds = holds_on_success(test);
        let (taken, left): (&[Stmt], Vec<&'a [Stmt]>) = match holds {
            Some(false) => (&[], vec![body]),
            _ => (body, rest.iter().map(|(_, body)| *body).collect()),
        };
        let lost = left.iter().any(|body| has_calls(body));
        if holds.is_none() && has_calls(taken) || lost {
            let reason = match holds.is_none() || lost && holds == Some(true) {
                true => format!("the plan goes on as if `{}` held", self.source.quote(at)),
                false => format!("the plan goes on as if `{}` did not hold", self.source.quote(at)),
            };
            let hint =
                "what the other branch does is left out; a step that fails ends the iteration";
            self.warn("locust-branch", at, reason, hint);
        }
        match holds {
            Some(false) => self.otherwise(rest),
            _ => self.block(body),
        }
    }

    /// Expects that a test holds, or does not.
    pub(crate) fn require(&mut self, test: &Test, holds: bool, at: &'a Expr) {
        match (test, holds) {
            (Test::Not(inner), _) => return self.require(inner, !holds, at),
            (Test::All(tests), true) | (Test::Any(tests), false) => {
                return tests.iter().for_each(|test| self.require(test, holds, at));
            }
            _ => {}
        }
        let said = match test {
            Test::Ok => holds,
            Test::Status(step, compare, codes) => {
                let compare = if holds { *compare } else { compare.negated() };
                match (compare, codes.as_slice()) {
                    (Compare::Equal, codes) => self.expect(*step, |it| {
                        it.expect.status = codes.iter().map(|code| json!(code)).collect();
                    }),
                    (Compare::Less, [400]) | (Compare::LessOrEqual, [399]) => true,
                    (Compare::Less, [300]) | (Compare::LessOrEqual, [299]) => {
                        self.expect(*step, |it| it.expect.status = vec![json!("2xx")])
                    }
                    _ => false,
                }
            }
            Test::Json(step, path, equal, value) if *equal == holds => {
                let (path, value) = (path.clone(), value.clone());
                self.expect(*step, |it| {
                    it.expect.json.insert(path, value);
                })
            }
            Test::Has(step, path, is) if *is == holds => {
                let hint = path.rsplit(['.', '[']).next().unwrap_or("value").to_owned();
                let known = self.steps.len() > *step;
                if known {
                    self.extracted(*step, json!(path), &hint);
                }
                known
            }
            Test::Header(step, name, equal, value) if *equal == holds => {
                let (name, value) = (name.clone(), json!(value));
                self.expect(*step, |it| {
                    it.expect.headers.insert(name, value);
                })
            }
            Test::Elapsed(step, limit) => {
                let name = self.steps.get(*step).map(|it| it.name.clone()).unwrap_or_default();
                let reason = "how long an answer took is no expectation of a step";
                let millis = limit * 1000.0;
                let hint = format!(
                    "ask it of all: `{{metric: response_time, tags: {{step: \"{name}\"}}, require: \"p95 < {millis}ms\"}}` under `objectives`"
                );
                self.warn("locust-expectation", at, reason, hint);
                return;
            }
            _ => false,
        };
        if !said {
            let reason = format!("`{}` is not checked", self.source.quote(at));
            let hint = "a step expects statuses, headers, and values at JSON paths; nothing else of an answer";
            self.warn("locust-expectation", at, reason, hint);
        }
    }

    /// Lets an answer be good that is not by default.
    fn allow(&mut self, test: &Test, at: &'a Expr) {
        let codes = match test {
            Test::Status(step, Compare::Equal, codes) => Some((*step, codes.clone())),
            _ => None,
        };
        let Some((step, codes)) = codes else {
            if holds_on_success(test) != Some(true) {
                let reason =
                    format!("that `{}` is a success is not in the plan", self.source.quote(at));
                self.warn(
                    "locust-expectation",
                    at,
                    reason,
                    "write the statuses under `expect.status`",
                );
            }
            return;
        };
        self.expect(step, |it| {
            if codes.iter().all(|code| (200..400).contains(code)) && it.expect.status.is_empty() {
                return;
            }
            if it.expect.status.is_empty() {
                it.expect.status = vec![json!("2xx"), json!("3xx")];
            }
            it.expect.status.extend(codes.iter().map(|code| json!(code)));
        });
    }

    fn expect(&mut self, step: usize, change: impl FnOnce(&mut Step)) -> bool {
        self.steps.get_mut(step).map(change).is_some()
    }

    /// `for line in response.iter_lines()`: the stream stays open, and an event is waited for.
    pub(crate) fn stream(&mut self, step: usize, it: &'a StmtFor) {
        let Some(opener) = self.steps.get_mut(step) else { return };
        if !opener.stream {
            opener.stream = true;
            opener.redirects = None;
            opener.expect.json.clear();
            let within = opener.timeout.or_else(|| seconds(WITHIN)).unwrap_or_default();
            let (name, comment) =
                (opener.name.clone(), format!("the loop of line {}", self.source.line(it)));
            let receive = Step {
                name: self.step_name(&format!("event of {name}")),
                comment,
                receive: Some((name, within)),
                ..Step::default()
            };
            self.steps.push(receive);
            let (reason, hint) = match ends(&it.body) {
                true => (
                    "the loop ends by what it reads; the plan waits for one event",
                    "write a step with `receive` for each event, with its name or its values",
                ),
                false => (
                    "the loop ends when the service ends the stream, which a stream of events never does; the plan waits for one event and closes it",
                    "write a step with `receive` for each event that is to come; one that every task needs is opened in `start`. What is no `text/event-stream` fails here: take `stream: sse` and the `receive` out for it",
                ),
            };
            self.warn("locust-stream", it, reason, hint);
        }
        if has_calls(&it.body) {
            let reason = "what the loop does with each line is not in the plan";
            self.warn("locust-loop", &*it.iter, reason, "write it as steps behind the `receive`");
        }
        self.forget(&it.body);
    }

    /// Whether a statement is `response.failure(...)` or `response.success()`.
    pub(crate) fn mentions_failure(&self, expression: &Expr) -> bool {
        is_verdict(expression, "failure") || is_verdict(expression, "success")
    }
}

impl Compare {
    fn negated(self) -> Self {
        match self {
            Self::Equal => Self::NotEqual,
            Self::NotEqual => Self::Equal,
            Self::Less => Self::GreaterOrEqual,
            Self::LessOrEqual => Self::Greater,
            Self::Greater => Self::LessOrEqual,
            Self::GreaterOrEqual => Self::Less,
        }
    }
}

fn statuses(step: usize, operator: CmpOp, value: &Value<'_>) -> Option<Test> {
    let code = |json: &Json| json.as_u64().and_then(|code| u16::try_from(code).ok());
    let codes: Vec<u16> = match value.constant()? {
        Json::Array(codes) => codes.iter().map(code).collect::<Option<_>>()?,
        one => vec![code(&one)?],
    };
    let sound = codes.iter().all(|code| (100..=999).contains(code)) && !codes.is_empty();
    let compare = match operator {
        CmpOp::Eq | CmpOp::Is | CmpOp::In => Compare::Equal,
        CmpOp::NotEq | CmpOp::IsNot | CmpOp::NotIn => Compare::NotEqual,
        CmpOp::Lt => Compare::Less,
        CmpOp::LtE => Compare::LessOrEqual,
        CmpOp::Gt => Compare::Greater,
        CmpOp::GtE => Compare::GreaterOrEqual,
    };
    sound.then_some(Test::Status(step, compare, codes))
}

fn mirrored(operator: CmpOp) -> Option<CmpOp> {
    match operator {
        CmpOp::Eq | CmpOp::NotEq => Some(operator),
        CmpOp::Lt => Some(CmpOp::Gt),
        CmpOp::LtE => Some(CmpOp::GtE),
        CmpOp::Gt => Some(CmpOp::Lt),
        CmpOp::GtE => Some(CmpOp::LtE),
        _ => None,
    }
}

fn compared(a: &Json, operator: CmpOp, b: &Json) -> Option<bool> {
    let order = match (a, b) {
        (Json::Number(a), Json::Number(b)) => a.as_f64()?.partial_cmp(&b.as_f64()?),
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        _ => None,
    };
    Some(match operator {
        CmpOp::Eq | CmpOp::Is => order.map_or(a == b, |order| order.is_eq()),
        CmpOp::NotEq | CmpOp::IsNot => order.map_or(a != b, |order| order.is_ne()),
        CmpOp::Lt => order?.is_lt(),
        CmpOp::LtE => order?.is_le(),
        CmpOp::Gt => order?.is_gt(),
        CmpOp::GtE => order?.is_ge(),
        CmpOp::In | CmpOp::NotIn => {
            let found = match b {
                Json::Array(items) => items.contains(a),
                Json::Object(fields) => fields.contains_key(a.as_str()?),
                Json::String(text) => text.contains(a.as_str()?),
                _ => return None,
            };
            found == (operator == CmpOp::In)
        }
    })
}

/// Whether a test holds for every answer that lets an iteration go on; `None` when that is open.
fn holds_on_success(test: &Test) -> Option<bool> {
    match test {
        Test::Ok => Some(true),
        Test::Has(_, _, is) => Some(*is),
        Test::Status(_, compare, codes) => {
            let good = codes.iter().any(|code| (200..400).contains(code));
            match (compare, good) {
                (Compare::Equal, good) => Some(good),
                (Compare::NotEqual, good) => Some(!good),
                (Compare::Less | Compare::LessOrEqual, _) => Some(codes[0] > 299),
                (Compare::Greater | Compare::GreaterOrEqual, _) => Some(codes[0] < 399),
            }
        }
        Test::Not(inner) => holds_on_success(inner).map(|holds| !holds),
        Test::All(tests) => {
            let all: Option<Vec<bool>> = tests.iter().map(holds_on_success).collect();
            all.map(|all| all.into_iter().all(|holds| holds))
        }
        Test::Any(tests) => {
            let all: Option<Vec<bool>> = tests.iter().map(holds_on_success).collect();
            all.map(|all| all.into_iter().any(|holds| holds))
        }
        _ => None,
    }
}

fn is_chance(test: &Test) -> bool {
    match test {
        Test::Chance => true,
        Test::Not(inner) => is_chance(inner),
        Test::All(tests) | Test::Any(tests) => tests.iter().any(is_chance),
        _ => false,
    }
}

fn is_verdict(expression: &Expr, name: &str) -> bool {
    let Expr::Call(call) = expression else { return false };
    matches!(call.func.as_ref(), Expr::Attribute(it) if it.attr.as_str() == name)
}

/// Whether a branch says that the request failed.
pub(crate) fn fails(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Expr(it) => is_verdict(&it.value, "failure"),
        Stmt::Raise(_) => true,
        Stmt::Assert(it) => {
            matches!(it.test.as_ref(), Expr::BooleanLiteral(literal) if !literal.value)
        }
        _ => false,
    })
}

/// Whether a branch says that the request succeeded.
pub(crate) fn succeeds(body: &[Stmt]) -> bool {
    let verdict =
        |statement: &Stmt| matches!(statement, Stmt::Expr(it) if is_verdict(&it.value, "success"));
    body.iter().any(verdict)
}

/// Whether a loop is left by what it reads.
fn ends(body: &[Stmt]) -> bool {
    use ruff_python_ast::statement_visitor::{StatementVisitor, walk_stmt};
    struct Ends(bool);
    impl<'a> StatementVisitor<'a> for Ends {
        fn visit_stmt(&mut self, statement: &'a Stmt) {
            self.0 |= matches!(statement, Stmt::Break(_) | Stmt::Return(_));
            walk_stmt(self, statement);
        }
    }
    let mut found = Ends(false);
    found.visit_body(body);
    found.0
}
