//! What Python's own modules and Locust's functions come to in a plan.

use ruff_python_ast::{Expr, ExprCall};
use serde_json::{Value as Json, json};

use crate::calls::printable;
use crate::evaluate::{MOST_ELEMENTS, several, variable};
use crate::interpreter::Interpreter;
use crate::plan::{Data, Draw};
use crate::value::{Part, Test, Value, escaped, exact};
use crate::wait::{Pause, Wait, seconds};

/// The largest range of numbers that is written out.
const MOST_NUMBERS: i64 = 200;

impl<'a> Interpreter<'_, 'a> {
    /// A call of something that is not in the file.
    pub(crate) fn known(
        &mut self,
        path: &str,
        call: &'a ExprCall,
        at: &'a Expr,
        hint: &str,
    ) -> Value<'a> {
        if self.is_talk(path) {
            // What is said to a person may still make a request.
            self.arguments(call, hint);
            return Value::null();
        }
        let (values, named) = self.arguments(call, hint);
        if let Some(name) = path.strip_prefix("super.") {
            return match self.module.above(&self.classes, name) {
                Some(function) => self.inline(function, Some(Value::Me), values, named),
                None => Value::null(),
            };
        }
        let argument = values.first().cloned().or_else(|| named.first().map(|(_, it)| it.clone()));
        let number = |position: usize| values.get(position).and_then(Value::number);
        match path {
            "time.sleep" | "gevent.sleep" | "sleep" | "asyncio.sleep" => {
                match argument {
                    Some(length) => self.sleep(&length, at),
                    None => self.sleep(&Value::Data(0.into()), at),
                }
                Value::null()
            }
            "random.choice" | "choice" => self.choice(argument, at, hint),
            "random.choices" | "random.sample" => match values.get(1).and_then(Value::number) {
                Some(1.0) if !named.iter().any(|(name, _)| name.ends_with("weights")) => {
                    match self.choice(argument, at, hint) {
                        Value::Data(one) => Value::Data(Json::Array(vec![one])),
                        other => other,
                    }
                }
                _ => self.unsaid(at),
            },
            "random.randint" | "randint" | "random.randrange" | "randrange" => {
                let whole = |position: usize| values.get(position)?.constant()?.as_i64();
                let ends = match (whole(0), whole(1), path.ends_with("randrange")) {
                    (Some(low), Some(high), false) => Some((low, high)),
                    (Some(low), Some(high), true) => high.checked_sub(1).map(|high| (low, high)),
                    (Some(high), None, true) => high.checked_sub(1).map(|high| (0, high)),
                    _ => None,
                };
                match ends.filter(|(low, high)| low <= high && values.len() <= 2) {
                    Some((low, high)) => self.random(low, high, at, hint),
                    None => self.unsaid(at),
                }
            }
            "random.uniform" | "locust.between" | "between" => match (number(0), number(1)) {
                (Some(low), Some(high)) => wait(Some((low, high)), at, self),
                _ => self.unsaid(at),
            },
            "random.random" => Value::Test(Test::Chance),
            "random.expovariate" => match number(0).and_then(|rate| seconds(1.0 / rate)) {
                Some(mean) => Value::Wait(Wait::Pause(Pause::Exponential(mean))),
                None => self.unsaid(at),
            },
            "random.gauss" | "random.normalvariate" => {
                match number(0).and_then(seconds).zip(number(1).and_then(seconds)) {
                    Some((mean, deviation)) => {
                        Value::Wait(Wait::Pause(Pause::Normal(mean, deviation)))
                    }
                    None => self.unsaid(at),
                }
            }
            "random.lognormvariate" => {
                let ends = number(0).zip(number(1)).map(|(mu, sigma)| {
                    (seconds(mu.exp()), seconds((1.644_853_627 * sigma + mu).exp()))
                });
                match ends {
                    Some((Some(median), Some(p95))) if median < p95 => {
                        Value::Wait(Wait::Pause(Pause::Lognormal(median, p95)))
                    }
                    _ => self.unsaid(at),
                }
            }
            "locust.constant" | "constant" => match number(0) {
                Some(length) => wait(Some((length, length)), at, self),
                None => self.unsaid(at),
            },
            "locust.constant_pacing" | "constant_pacing" => match number(0) {
                Some(pace) if pace > 0.0 => Value::Wait(Wait::Pace(pace)),
                Some(_) => Value::Wait(Wait::None),
                None => self.unsaid(at),
            },
            "locust.constant_throughput" | "constant_throughput" => match number(0) {
                Some(rate) if rate > 0.0 => Value::Wait(Wait::Pace(1.0 / rate)),
                _ => self.unsaid(at),
            },
            "uuid.uuid4" | "uuid.uuid1" | "uuid4" | "uuid1" => {
                let line = self.source.line(at);
                if self.starts.is_none() && !self.is_constant() {
                    self.anew(at);
                }
                let comment = format!("{} of line {line}", self.source.quote(at));
                self.variable(hint, Draw::Value(json!("${uuid}")), comment)
            }
            "json.dumps" | "dumps" => match argument {
                Some(value) => match self.data(&value, hint) {
                    Ok(json) => Value::Dumped(json),
                    Err(reason) => Value::Opaque(reason),
                },
                None => self.unsaid(at),
            },
            "json.loads" | "loads" => match argument {
                Some(Value::Part(step, Part::Text)) => {
                    Value::Part(step, Part::Json("$".to_owned()))
                }
                Some(Value::Dumped(json)) => Value::Data(json),
                Some(value) => {
                    match value.literal().and_then(|it| serde_json::from_str(&it).ok()) {
                        Some(json) => Value::Data(escaped_all(json)),
                        None => self.unsaid(at),
                    }
                }
                None => self.unsaid(at),
            },
            "json.load" => match argument {
                Some(Value::File(path)) => Value::Rows(path),
                _ => self.unsaid(at),
            },
            "csv.DictReader" => match argument {
                Some(Value::File(path)) => Value::Rows(path),
                _ => self.unsaid(at),
            },
            "list" | "tuple" | "iter" | "itertools.cycle" | "cycle" | "collections.deque"
            | "deque" | "sorted" | "set" => {
                argument.unwrap_or_else(|| Value::Data(Json::Array(Vec::new())))
            }
            "dict" => match argument {
                _ if !named.is_empty() && values.is_empty() => crate::evaluate::table(named),
                Some(value) => value,
                None => Value::Data(json!({})),
            },
            "next" => match argument {
                Some(Value::Rows(file)) => {
                    let per = if self.starts.is_some() { "iteration" } else { "vu" };
                    self.rows(&file, per, at)
                }
                _ => self.unsaid(at),
            },
            "open" => match argument.as_ref().and_then(Value::literal) {
                Some(path) => Value::File(path),
                None => self.unsaid(at),
            },
            "os.path.join" => {
                let parts: Option<Vec<String>> = values.iter().map(Value::literal).collect();
                match parts {
                    Some(parts) => {
                        let parts: Vec<&str> =
                            parts.iter().map(String::as_str).filter(|it| !it.is_empty()).collect();
                        Value::text(&parts.join("/"))
                    }
                    None => self.unsaid(at),
                }
            }
            // Where the file lies: paths of a plan count from its folder as it is.
            "os.path.dirname" | "os.path.abspath" | "os.getcwd" => Value::text(""),
            "os.getenv" | "os.environ.get" | "getenv" => self.environment(&values, at),
            "str" => match argument {
                Some(value @ Value::Part(_, Part::Json(_) | Part::Header(_) | Part::Text)) => value,
                Some(value) => match printable(&value) {
                    Some(text) => Value::text(&text),
                    None => match self.data(&value, hint) {
                        Ok(text @ Json::String(_)) => Value::Data(text),
                        _ => self.unsaid(at),
                    },
                },
                None => Value::text(""),
            },
            "int" | "float" => match argument {
                Some(value @ Value::Part(_, Part::Json(_) | Part::Header(_))) => value,
                Some(value) if self.drawn(&value).is_some() => value,
                Some(value) => match value.constant() {
                    Some(number @ Json::Number(_)) if path == "float" || number.is_i64() => {
                        Value::Data(number)
                    }
                    Some(Json::String(text)) => match (text.trim().parse::<i64>(), path) {
                        (Ok(number), "int") => Value::Data(number.into()),
                        _ => text
                            .trim()
                            .parse::<f64>()
                            .map_or_else(|_| self.unsaid(at), |number| Value::Data(number.into())),
                    },
                    Some(Json::Number(number)) => {
                        let whole = number.as_f64().unwrap_or_default().trunc();
                        match whole.abs() < 9e15 {
                            true => Value::Data((whole as i64).into()),
                            false => self.unsaid(at),
                        }
                    }
                    _ => self.unsaid(at),
                },
                None => Value::Data(0.into()),
            },
            "len" => match argument.as_ref().and_then(|value| self.elements(value)) {
                Some(items) => Value::Data(items.len().into()),
                None => match argument.and_then(|value| value.literal()) {
                    Some(text) => Value::Data(text.chars().count().into()),
                    None => self.unsaid(at),
                },
            },
            "range" => {
                let ends: Option<Vec<i64>> =
                    values.iter().map(|value| value.constant()?.as_i64()).collect();
                let (from, to) = match ends.as_deref() {
                    Some([to]) => (0, *to),
                    Some([from, to]) => (*from, *to),
                    _ => return self.unsaid(at),
                };
                let most = i64::try_from(MOST_ELEMENTS).unwrap_or(0);
                match to.checked_sub(from).is_some_and(|length| length <= most) {
                    true => Value::Data(Json::Array((from..to).map(Json::from).collect())),
                    false => self.unsaid(at),
                }
            }
            "enumerate" => match argument.and_then(|value| self.elements(&value)) {
                Some(items) => {
                    let pair = |(at, item): (usize, Value<'a>)| {
                        several(vec![Value::Data(at.into()), item])
                    };
                    several(items.into_iter().enumerate().map(pair).collect())
                }
                None => self.unsaid(at),
            },
            "isinstance" | "hasattr" | "callable" => self.unsaid(at),
            "base64.b64encode" => match argument.as_ref().and_then(Value::literal) {
                Some(text) => Value::text(&crate::request::base64(text.as_bytes())),
                None => self.unsaid(at),
            },
            _ => self.unsaid(at),
        }
    }

    /// A number between two, both included.
    fn random(&mut self, low: i64, high: i64, at: &'a Expr, hint: &str) -> Value<'a> {
        let comment = format!("`{}` of line {}", self.source.quote(at), self.source.line(at));
        if self.starts.is_some() || self.is_constant() {
            return self.variable(hint, Draw::Random(low, high), comment);
        }
        if high.checked_sub(low).is_some_and(|length| length < MOST_NUMBERS) {
            let numbers = (low..=high).map(Json::from).collect();
            let comment = format!("{comment}: one for each virtual user");
            return self.variable(hint, Draw::PerUser(Json::Array(numbers)), comment);
        }
        self.anew(at);
        self.variable(hint, Draw::Random(low, high), comment)
    }

    /// What Locust draws once for a user, and a plan for each iteration.
    fn anew(&mut self, at: &'a Expr) {
        let reason = format!(
            "`{}` is drawn once for a user in Locust, and for each iteration in the plan",
            self.source.quote(at)
        );
        let hint = "where later tasks need the same value, take it from a data file with `per: vu`";
        self.warn("locust-drawn", at, reason, hint);
    }

    /// One element of a list, each as likely.
    fn choice(&mut self, list: Option<Value<'a>>, at: &'a Expr, hint: &str) -> Value<'a> {
        let hint = if hint == "value" { "choice" } else { hint };
        let comment = format!("`{}` of line {}", self.source.quote(at), self.source.line(at));
        let in_start = self.starts.is_none() && !self.is_constant();
        match list {
            Some(Value::Rows(file)) => self.rows(&file, if in_start { "vu" } else { "random" }, at),
            Some(Value::Data(Json::Array(items))) if !items.is_empty() => {
                let items = Json::Array(items);
                match in_start {
                    true => {
                        let comment = format!("{comment}: one for each virtual user");
                        self.variable(hint, Draw::PerUser(items), comment)
                    }
                    false => self.variable(hint, Draw::Choice(items), comment),
                }
            }
            Some(value) => match value.literal() {
                Some(text) if !text.is_empty() => {
                    let letters = text.chars().map(|it| json!(escaped(&it.to_string()))).collect();
                    self.variable(hint, Draw::Choice(Json::Array(letters)), comment)
                }
                _ => match &value {
                    Value::Data(Json::String(template)) if exact(template).is_some() => {
                        self.variable(hint, Draw::Choice(json!(template)), comment)
                    }
                    _ => self.unsaid(at),
                },
            },
            None => self.unsaid(at),
        }
    }

    /// A row of a data file.
    pub(crate) fn rows(&mut self, file: &str, per: &'static str, at: &'a Expr) -> Value<'a> {
        if self.is_constant() {
            return Value::opaque("a row is taken once, when Locust reads the file");
        }
        let known = self.data_files.iter().find(|data| data.file == file && data.per == per);
        if let Some(data) = known {
            return Value::Data(json!(format!("${{{}}}", data.name)));
        }
        let stem = file.rsplit('/').next().unwrap_or(file).split('.').next().unwrap_or(file);
        // The same name in every flow: the data files are the plan's.
        let base = crate::value::name(&format!("{stem}_{per}"));
        let name = self.fresh(&base);
        let comment = format!("`{}` of line {}", self.source.quote(at), self.source.line(at));
        self.data_files.push(Data { name: name.clone(), file: file.to_owned(), per, comment });
        self.file(file, at);
        Value::Data(json!(format!("${{{name}}}")))
    }

    /// A file the plan will read.
    pub(crate) fn file(&mut self, path: &str, at: &'a Expr) {
        self.files.insert(path.to_owned());
        let reason = format!("the plan reads `{path}` too");
        let hint = "paths in a plan count from its folder, in Locust from where it was started: put the file there, or write another path";
        self.warn("locust-file", at, reason, hint);
    }

    /// `os.getenv(name, default)`.
    fn environment(&mut self, values: &[Value<'a>], at: &'a Expr) -> Value<'a> {
        let Some(name) = values.first().and_then(Value::literal) else { return self.unsaid(at) };
        match values.get(1) {
            Some(default) if !matches!(default, Value::Data(Json::Null)) => {
                self.default_of_variable(&name, at);
                default.clone()
            }
            _ => variable(&name),
        }
    }

    /// Says that the environment was not asked.
    pub(crate) fn default_of_variable(&mut self, name: &str, at: &'a Expr) {
        let reason =
            format!("the environment variable `{name}` is not read: its default is in the plan");
        let hint =
            format!("write `${{env.{name}}}` in its place; a plan has no defaults for these");
        self.warn("locust-environment", at, reason, hint);
    }
}

/// A wait drawn evenly between two numbers of seconds.
fn wait<'a>(ends: Option<(f64, f64)>, at: &'a Expr, of: &Interpreter<'_, 'a>) -> Value<'a> {
    let spans = ends.and_then(|(low, high)| seconds(low).zip(seconds(high)));
    match spans {
        Some((low, high)) if low <= high => Value::Wait(Wait::Pause(Pause::Between(low, high))),
        _ => of.unsaid(at),
    }
}

/// Every text of a value, so that none is a template.
fn escaped_all(json: Json) -> Json {
    match json {
        Json::String(text) => Json::String(escaped(&text)),
        Json::Array(items) => Json::Array(items.into_iter().map(escaped_all).collect()),
        Json::Object(fields) => {
            Json::Object(fields.into_iter().map(|(key, it)| (key, escaped_all(it))).collect())
        }
        other => other,
    }
}
