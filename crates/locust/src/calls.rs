//! Calls: of the client, of the file's own functions, of what Python and Locust bring along.

use std::collections::BTreeMap;

use ruff_python_ast::{Expr, ExprCall, Stmt, StmtFunctionDef};
use serde_json::Value as Json;

use crate::interpreter::Interpreter;
use crate::statements::Control;
use crate::value::{Part, Value, below, printed};
use crate::wait::{Pause, Wait, seconds};

/// The methods of the client that make requests.
const METHODS: [&str; 7] = ["get", "post", "put", "patch", "delete", "head", "options"];
/// What has no effect on the load: it is left out without a word.
const TALK: [&str; 6] = ["print", "logging", "logger", "log", "pprint", "warnings"];

impl<'a> Interpreter<'_, 'a> {
    pub(crate) fn call(&mut self, call: &'a ExprCall, at: &'a Expr, hint: &str) -> Value<'a> {
        if let Expr::Name(it) = call.func.as_ref()
            && it.id.as_str() == "super"
        {
            return Value::Known("super".to_owned());
        }
        let callee = self.eval(&call.func, hint);
        match callee {
            Value::Method(of, name) => self.method(*of, &name, call, at, hint),
            Value::Function(function) => self.inlined(function, None, call),
            Value::Lambda(Expr::Lambda(lambda)) => {
                let (values, named) = self.arguments(call, hint);
                let mut frame = BTreeMap::new();
                if let Some(parameters) = &lambda.parameters {
                    let names = parameters.iter_non_variadic_params();
                    let mut values = values.into_iter();
                    for parameter in names {
                        let name = parameter.parameter.name.as_str();
                        let given = named.iter().find(|(other, _)| other == name);
                        let value = given.map(|(_, value)| value.clone()).or_else(|| values.next());
                        frame.insert(name.to_owned(), value.unwrap_or(Value::Me));
                    }
                }
                self.push_frame(frame);
                let value = self.eval(&lambda.body, hint);
                self.pop_frame();
                value
            }
            Value::Known(path) => self.known(&path, call, at, hint),
            Value::Opaque(reason) => {
                self.arguments(call, hint);
                Value::Opaque(reason)
            }
            Value::Part(step, Part::Json(path)) => Value::Part(step, Part::Json(path)),
            Value::Missing => Value::Missing,
            _ => {
                self.arguments(call, hint);
                self.unsaid(at)
            }
        }
    }

    /// The values of a call's arguments, in order and by name.
    pub(crate) fn arguments(
        &mut self,
        call: &'a ExprCall,
        hint: &str,
    ) -> (Vec<Value<'a>>, Vec<(String, Value<'a>)>) {
        let mut values = Vec::new();
        for argument in &call.arguments.args {
            values.push(match argument {
                Expr::Starred(starred) => {
                    let over = self.eval(&starred.value, "value");
                    match self.elements(&over) {
                        Some(more) => {
                            values.extend(more);
                            continue;
                        }
                        None => self.unsaid(argument),
                    }
                }
                argument => {
                    let hint = crate::evaluate::hint_of(argument, hint);
                    self.eval(argument, &hint)
                }
            });
        }
        let mut named = Vec::new();
        for keyword in &call.arguments.keywords {
            match &keyword.arg {
                Some(name) => {
                    let value = self.eval(&keyword.value, name);
                    named.push((name.to_string(), value));
                }
                None => match self.eval(&keyword.value, "value") {
                    Value::Data(Json::Object(fields)) => {
                        named.extend(fields.into_iter().map(|(key, it)| (key, Value::Data(it))));
                    }
                    Value::Table(fields) => named.extend(fields),
                    _ => named.push(("**".to_owned(), self.unsaid(&keyword.value))),
                },
            }
        }
        (values, named)
    }

    fn inlined(
        &mut self,
        function: &'a StmtFunctionDef,
        me: Option<Value<'a>>,
        call: &'a ExprCall,
    ) -> Value<'a> {
        let (values, named) = self.arguments(call, "value");
        self.inline(function, me, values, named)
    }

    /// Follows a function of the file as if its body stood where it is called.
    pub(crate) fn inline(
        &mut self,
        function: &'a StmtFunctionDef,
        me: Option<Value<'a>>,
        values: Vec<Value<'a>>,
        named: Vec<(String, Value<'a>)>,
    ) -> Value<'a> {
        if !self.deeper() {
            return Value::opaque("it calls itself, or is too much to be followed");
        }
        let is_static = function.decorator_list.iter().any(
            |it| matches!(&it.expression, Expr::Name(name) if name.id.as_str() == "staticmethod"),
        );
        let me = me.filter(|_| !is_static);
        let mut values = me.into_iter().chain(values);
        let mut frame = BTreeMap::new();
        for parameter in function.parameters.iter_non_variadic_params() {
            let name = parameter.parameter.name.as_str();
            let given = named.iter().rev().find(|(other, _)| other == name);
            let value = match given {
                Some((_, value)) => value.clone(),
                None => match (values.next(), &parameter.default) {
                    (Some(value), _) => value,
                    (None, Some(default)) => self.eval(default, name),
                    (None, None) => Value::opaque(format!("`{name}` is not given a value")),
                },
            };
            frame.insert(name.to_owned(), value);
        }
        if let Some(rest) = &function.parameters.vararg {
            frame.insert(rest.name.to_string(), crate::evaluate::several(values.collect()));
        }
        if let Some(rest) = &function.parameters.kwarg {
            let more = named.into_iter().filter(|(name, _)| !frame.contains_key(name)).collect();
            frame.insert(rest.name.to_string(), crate::evaluate::table(more));
        }
        self.push_frame(frame);
        let control = self.block(&function.body);
        self.pop_frame();
        self.shallower();
        match control {
            Control::Return(value) => value,
            Control::Stop => {
                self.stopped = true;
                Value::null()
            }
            _ if yields(&function.body) => {
                Value::opaque("a plan cannot say what a generator yields")
            }
            _ => Value::null(),
        }
    }

    /// A call of a value's method.
    fn method(
        &mut self,
        of: Value<'a>,
        name: &str,
        call: &'a ExprCall,
        at: &'a Expr,
        hint: &str,
    ) -> Value<'a> {
        match (&of, name) {
            (Value::Client, _) if METHODS.contains(&name) => {
                return self.request(Some(&name.to_ascii_uppercase()), call, at, false);
            }
            (Value::Client, "request") => return self.request(None, call, at, false),
            (Value::Client, "rename_request") => {
                let (values, _) = self.arguments(call, hint);
                return match values.first().and_then(Value::literal) {
                    Some(name) => Value::Method(Box::new(Value::text(&name)), "renamed".to_owned()),
                    None => self.unsaid(at),
                };
            }
            (Value::Me, "rest" | "rest_") => return self.request(None, call, at, true),
            (Value::Me, "wait") => {
                if let Wait::Pause(pause) = self.wait {
                    self.pause(pause, at);
                }
                return Value::null();
            }
            (Value::Me, "interrupt" | "stop") => {
                self.arguments(call, hint);
                self.interrupted = true;
                self.stopped = true;
                return Value::null();
            }
            (Value::Me, _) => {
                let classes = self.classes.clone();
                let found = classes.iter().find_map(|class| self.module.attribute(class, name));
                return match found {
                    Some(Value::Function(function)) => {
                        self.inlined(function, Some(Value::Me), call)
                    }
                    _ => self.unsaid(at),
                };
            }
            _ => {}
        }
        let (values, named) = self.arguments(call, hint);
        match (&of, name) {
            (Value::Answer(step), "json") => Value::Part(*step, Part::Json("$".to_owned())),
            (Value::Answer(step), "iter_lines" | "iter_content") => Value::Part(*step, Part::Lines),
            (Value::Answer(_), "raise_for_status" | "close") => Value::null(),
            (Value::Answer(_), "success" | "failure") => {
                if self.judging == 0 || name == "failure" {
                    let reason = format!("every answer is a {name} here, whatever it is");
                    let hint = "a step goes by `expect.status`; 200 to 399 when there is none";
                    self.warn("locust-expectation", at, reason, hint);
                }
                Value::null()
            }
            (Value::Answer(_) | Value::Missing, _) => match of {
                Value::Missing => Value::Missing,
                _ => self.unsaid(at),
            },
            (Value::Part(step, Part::Elapsed), "total_seconds") => {
                Value::Part(*step, Part::Elapsed)
            }
            (Value::Part(step, Part::Json(path)), "get") => {
                match values.first().and_then(Value::literal) {
                    Some(key) => Value::Part(*step, Part::Json(below(path, &key))),
                    None => self.unsaid(at),
                }
            }
            (Value::Part(step, Part::Headers), "get") => {
                match values.first().and_then(Value::literal) {
                    Some(key) => Value::Part(*step, Part::Header(key)),
                    None => self.unsaid(at),
                }
            }
            (Value::Part(..), "decode" | "strip") => of,
            (Value::ClientHeaders, "update") => {
                let object =
                    values.into_iter().next().unwrap_or_else(|| crate::evaluate::table(named));
                self.set_on_client("headers", object, at);
                Value::null()
            }
            (Value::File(path), "read") => Value::File(path.clone()),
            (Value::File(_), "close" | "seek") => Value::null(),
            (Value::Rows(file), "pop" | "popleft" | "get" | "get_nowait") => {
                let file = file.clone();
                self.rows(&file, if self.starts.is_some() { "unique" } else { "vu" }, at)
            }
            (Value::Data(json), _) => {
                let json = json.clone();
                self.data_method(&json, name, &values, &named, hint)
                    .unwrap_or_else(|| self.unsaid(at))
            }
            (Value::Table(fields), "get") => {
                let key = values.first().and_then(Value::literal);
                let found = fields.iter().find(|(name, _)| Some(name) == key.as_ref());
                found.map_or_else(|| self.unsaid(at), |(_, value)| value.clone())
            }
            (Value::Opaque(_), _) => of,
            _ => self.unsaid(at),
        }
    }

    /// A method of a text, a list or an object.
    fn data_method(
        &mut self,
        json: &Json,
        name: &str,
        values: &[Value<'a>],
        named: &[(String, Value<'a>)],
        hint: &str,
    ) -> Option<Value<'a>> {
        let argument = values.first();
        let text = |text: String| Some(Value::text(&text));
        match (json, name) {
            (Json::String(template), "format") => self.format(template, values, named, hint),
            (Json::String(template), "encode" | "decode" | "hexdigest") if name != "hexdigest" => {
                Some(Value::Data(Json::String(template.clone())))
            }
            (Json::String(separator), "join") => {
                let items = self.elements(argument?)?;
                let mut joined = String::new();
                for (position, item) in items.iter().enumerate() {
                    let piece = self.piece(item, hint).ok()?;
                    let gap = if position == 0 { "" } else { separator.as_str() };
                    joined = crate::value::joined(&crate::value::joined(&joined, gap)?, &piece)?;
                }
                Some(Value::Data(Json::String(joined)))
            }
            (Json::String(_), _) => {
                let own = Value::Data(json.clone()).literal()?;
                match name {
                    "upper" => text(own.to_uppercase()),
                    "lower" => text(own.to_lowercase()),
                    "title" | "capitalize" => None,
                    "strip" if argument.is_none() => text(own.trim().to_owned()),
                    "rstrip" => match argument.map(|it| it.literal()) {
                        None => text(own.trim_end().to_owned()),
                        Some(letters) => {
                            let letters = letters?;
                            text(own.trim_end_matches(|it| letters.contains(it)).to_owned())
                        }
                    },
                    "replace" => {
                        let (from, to) = (argument?.literal()?, values.get(1)?.literal()?);
                        (!from.is_empty() && own.len().saturating_mul(to.len() + 1) < 1 << 20)
                            .then(|| Value::text(&own.replace(&from, &to)))
                    }
                    "split" => {
                        let parts: Vec<Value<'a>> = match argument {
                            None => own.split_whitespace().map(Value::text).collect(),
                            Some(by) => {
                                let by = by.literal().filter(|by| !by.is_empty())?;
                                own.split(by.as_str()).map(Value::text).collect()
                            }
                        };
                        Some(crate::evaluate::several(parts))
                    }
                    "zfill" => {
                        let width = argument?.constant()?.as_u64().filter(|width| *width <= 64)?;
                        let width = usize::try_from(width).ok()?;
                        text(format!("{own:0>width$}"))
                    }
                    _ => None,
                }
            }
            (Json::Object(fields), "get") => match fields.get(&argument?.literal()?) {
                Some(value) => Some(Value::Data(value.clone())),
                None => Some(values.get(1).cloned().unwrap_or_else(Value::null)),
            },
            (Json::Object(_) | Json::Array(_), "copy") => Some(Value::Data(json.clone())),
            (Json::Object(fields), "keys") => {
                Some(crate::evaluate::several(fields.keys().map(|key| Value::text(key)).collect()))
            }
            (Json::Object(fields), "values") => {
                Some(Value::Data(Json::Array(fields.values().cloned().collect())))
            }
            (Json::Object(fields), "items") => {
                let pair = |(key, value): (&String, &Json)| {
                    Json::Array(vec![Json::String(crate::value::escaped(key)), value.clone()])
                };
                Some(Value::Data(Json::Array(fields.iter().map(pair).collect())))
            }
            _ => None,
        }
    }

    /// `"/users/{}".format(name)`, without formats.
    fn format(
        &mut self,
        template: &str,
        values: &[Value<'a>],
        named: &[(String, Value<'a>)],
        hint: &str,
    ) -> Option<Value<'a>> {
        let plain = crate::value::plain(template)?;
        let mut text = String::new();
        let mut next = values.iter();
        let mut rest = plain.as_str();
        while let Some(at) = rest.find(['{', '}']) {
            let (before, tail) = rest.split_at(at);
            text = crate::value::joined(&text, &crate::value::escaped(before))?;
            if let Some(tail) = tail.strip_prefix("{{").or_else(|| tail.strip_prefix("}}")) {
                let brace = &rest[at..=at];
                text = crate::value::joined(&text, brace).filter(|it| !it.ends_with("${"))?;
                rest = tail;
                continue;
            }
            let (key, tail) = tail.strip_prefix('{')?.split_once('}')?;
            let value = match key {
                "" => next.next()?,
                key => match key.parse::<usize>() {
                    Ok(position) => values.get(position)?,
                    Err(_) => &named.iter().find(|(name, _)| name == key)?.1,
                },
            };
            let piece = self.piece(value, hint).ok()?;
            text = crate::value::joined(&text, &piece)?;
            rest = tail;
        }
        let text = crate::value::joined(&text, &crate::value::escaped(rest))?;
        Some(Value::Data(Json::String(text)))
    }

    /// A pause after the last step.
    pub(crate) fn pause(&mut self, pause: Pause, at: &'a Expr) {
        let starts = self.starts.unwrap_or(0);
        let is_first = self.steps.len() == starts;
        let Some(step) = self.steps.last_mut().filter(|_| !is_first) else {
            let reason = "it waits before the first request";
            let hint =
                "a plan pauses after a step: move the wait behind the request, or to the end";
            self.warn("locust-wait", at, reason, hint);
            return;
        };
        match step.pause {
            None => step.pause = Some(pause),
            Some(before) => match before.and(pause) {
                Some(both) => step.pause = Some(both),
                None => {
                    let reason = "two waits that are both drawn follow each other";
                    let hint = "a step has one pause: the second one is left out";
                    self.warn("locust-wait", at, reason, hint);
                }
            },
        }
    }

    /// `time.sleep(...)`, of a number or of something drawn.
    pub(crate) fn sleep(&mut self, length: &Value<'a>, at: &'a Expr) {
        let drawn = self.drawn(length).map(|variable| variable.draw.clone());
        let pause = match (length, drawn) {
            (Value::Wait(Wait::Pause(pause)), _) => Some(*pause),
            (_, Some(crate::plan::Draw::Random(low, high))) => {
                seconds(low as f64).zip(seconds(high as f64)).map(|(a, b)| Pause::Between(a, b))
            }
            (length, _) => length.number().and_then(seconds).map(Pause::fixed),
        };
        match pause {
            Some(pause) => self.pause(pause, at),
            None => {
                let reason = format!("how long `{}` waits is not known", self.source.quote(at));
                self.warn("locust-wait", at, reason, "write a number, or `random.uniform(1, 5)`");
            }
        }
    }

    /// Whether a call says something to a person and nothing to the service.
    pub(crate) fn is_talk(&self, path: &str) -> bool {
        let first = path.split('.').next().unwrap_or(path);
        TALK.contains(&first)
    }
}

/// Whether a function gives its values one at a time.
fn yields(body: &[Stmt]) -> bool {
    body.iter().any(|statement| match statement {
        Stmt::Expr(it) => matches!(*it.value, Expr::Yield(_) | Expr::YieldFrom(_)),
        _ => false,
    })
}

/// A value as Python prints it, if it is known beforehand.
pub(crate) fn printable(value: &Value<'_>) -> Option<String> {
    value.constant().as_ref().and_then(printed)
}
