//! Expressions: what each comes to, as far as a plan can say it.

use ruff_python_ast::{
    BoolOp, ConversionFlag, Expr, ExprFString, FStringPart, InterpolatedStringElement, Number,
    UnaryOp,
};
use serde_json::{Map, Value as Json};

use crate::interpreter::Interpreter;
use crate::operators::{formatted, negated};
use crate::value::{Part, Test, Value, below, exact, joined, name, printed};

/// The longest text that is put together, in bytes.
pub(crate) const LONGEST: usize = 256 * 1024;
/// The most elements a list that is computed may have.
pub(crate) const MOST_ELEMENTS: usize = 1_000;

impl<'a> Interpreter<'_, 'a> {
    /// What an expression comes to. `hint` is what a value that has to be named is called.
    pub(crate) fn eval(&mut self, expression: &'a Expr, hint: &str) -> Value<'a> {
        if !self.deeper() {
            return Value::opaque("it is too much to be computed");
        }
        let value = self.eval_one(expression, hint);
        self.shallower();
        value
    }

    fn eval_one(&mut self, expression: &'a Expr, hint: &str) -> Value<'a> {
        match expression {
            Expr::NoneLiteral(_) => Value::null(),
            Expr::BooleanLiteral(it) => Value::Data(Json::Bool(it.value)),
            Expr::StringLiteral(it) => Value::text(it.value.to_str()),
            Expr::BytesLiteral(it) => match String::from_utf8(it.value.bytes().collect()) {
                Ok(text) => Value::text(&text),
                Err(_) => Value::opaque("bytes that are no text have no place in a plan"),
            },
            Expr::NumberLiteral(it) => match &it.value {
                Number::Int(number) => match number.as_i64() {
                    Some(number) => Value::Data(number.into()),
                    None => Value::opaque("the number is too large for a plan"),
                },
                Number::Float(number) => Value::Data((*number).into()),
                Number::Complex { .. } => Value::opaque("complex numbers have no place in a plan"),
            },
            Expr::FString(it) => self.f_string(it, hint),
            Expr::List(it) => self.list(&it.elts, hint),
            Expr::Tuple(it) => self.list(&it.elts, hint),
            Expr::Set(it) => self.list(&it.elts, hint),
            Expr::Dict(it) => {
                let (mut fields, mut pairs) = (Vec::new(), Vec::new());
                for item in &it.items {
                    let Some(key) = &item.key else {
                        match self.eval(&item.value, hint) {
                            Value::Data(Json::Object(more)) => {
                                fields.extend(more.into_iter().map(|(k, v)| (k, Value::Data(v))));
                            }
                            Value::Table(more) => fields.extend(more),
                            _ => return self.unsaid(expression),
                        }
                        continue;
                    };
                    let key = self.eval(key, hint);
                    if matches!(key, Value::Function(_) | Value::Class(_)) {
                        // `tasks = {function: weight}`
                        let weight = self.eval(&item.value, hint);
                        pairs.push(Value::Several(vec![key, weight]));
                        continue;
                    }
                    let key = key.constant();
                    let Some(key) = key.as_ref().and_then(printed) else {
                        return Value::opaque("an object's keys are no templates in a plan");
                    };
                    let value = self.eval(&item.value, &key);
                    let value = self.settled(value, &key);
                    fields.push((key, value));
                }
                if pairs.is_empty() { table(fields) } else { Value::Several(pairs) }
            }
            Expr::Name(it) => self.lookup(it.id.as_str()),
            Expr::Attribute(it) => {
                let value = self.eval(&it.value, hint);
                self.attribute(value, &it.attr, expression)
            }
            Expr::Subscript(it) => {
                let value = self.eval(&it.value, hint);
                let key = self.eval(&it.slice, hint).constant();
                match key {
                    Some(key) => self.item(value, &key, expression),
                    None => self.unsaid(expression),
                }
            }
            Expr::Call(it) => self.call(it, expression, hint),
            Expr::BinOp(it) => {
                let left = self.eval(&it.left, hint);
                let right = self.eval(&it.right, hint);
                let hint = hint_of(&it.right, &hint_of(&it.left, hint));
                self.binary(left, it.op, right, expression, &hint)
            }
            Expr::UnaryOp(it) => {
                let value = self.eval(&it.operand, hint);
                match (it.op, value) {
                    (UnaryOp::Not, Value::Test(test)) => Value::Test(Test::Not(Box::new(test))),
                    (UnaryOp::Not, Value::Answer(_) | Value::Part(_, Part::Ok)) => {
                        Value::Test(Test::Not(Box::new(Test::Ok)))
                    }
                    (UnaryOp::Not, value) => match value.truth() {
                        Some(truth) => Value::Data(Json::Bool(!truth)),
                        None => self.unsaid(expression),
                    },
                    (UnaryOp::USub, value) => match value.constant() {
                        Some(Json::Number(number)) => negated(&number),
                        _ => self.unsaid(expression),
                    },
                    (UnaryOp::UAdd, value) => value,
                    (UnaryOp::Invert, _) => self.unsaid(expression),
                }
            }
            Expr::BoolOp(it) => self.logic(it.op, &it.values, expression, hint),
            Expr::Compare(it) => self.compare(it, expression),
            Expr::If(it) => {
                let test = self.eval(&it.test, hint);
                match test.truth() {
                    Some(true) => self.eval(&it.body, hint),
                    Some(false) => self.eval(&it.orelse, hint),
                    None => self.unsaid(expression),
                }
            }
            Expr::Named(it) => {
                let value = self.eval(&it.value, hint);
                if let Expr::Name(target) = it.target.as_ref() {
                    self.bind(target.id.as_str(), value.clone());
                }
                value
            }
            Expr::ListComp(it) => match it.generators.as_slice() {
                [one] if one.ifs.is_empty() => {
                    let over = self.eval(&one.iter, hint);
                    let Some(items) = self.elements(&over) else { return self.unsaid(expression) };
                    let mut values = Vec::new();
                    for item in items {
                        self.assign(&one.target, item);
                        let value = self.eval(&it.elt, hint);
                        values.push(self.settled(value, hint));
                    }
                    several(values)
                }
                _ => self.unsaid(expression),
            },
            Expr::Lambda(_) => Value::Lambda(expression),
            _ => self.unsaid(expression),
        }
    }

    /// Why an expression cannot be carried over, in general words.
    pub(crate) fn unsaid(&self, expression: &Expr) -> Value<'a> {
        Value::Opaque(format!("a plan cannot say `{}`", self.source.quote(expression)))
    }

    /// A value of an answer becomes a name, since what is put together later must be data.
    pub(crate) fn settled(&mut self, value: Value<'a>, hint: &str) -> Value<'a> {
        match self.data(&value, hint) {
            Ok(json) => Value::Data(json),
            Err(_) => value,
        }
    }

    /// A value as data of a plan, with what is taken from answers extracted by their steps.
    ///
    /// # Errors
    /// Why it is none.
    pub(crate) fn data(&mut self, value: &Value<'a>, hint: &str) -> Result<Json, String> {
        Ok(match value {
            Value::Data(json) => json.clone(),
            Value::Dumped(json) => match Value::Data(json.clone()).constant() {
                Some(json) => Json::String(crate::value::escaped(&json.to_string())),
                None => return Err("JSON text with values in it has no place here".to_owned()),
            },
            Value::Part(step, Part::Json(path)) => self.extracted(*step, path.clone().into(), hint),
            Value::Part(step, Part::Header(name)) => {
                let from = serde_json::json!({"header": name});
                self.extracted(*step, from, hint)
            }
            Value::Several(items) => {
                let items = items.iter().map(|item| self.data(item, hint));
                Json::Array(items.collect::<Result<_, _>>()?)
            }
            Value::Table(fields) => {
                let mut object = Map::new();
                for (key, value) in fields {
                    object.insert(key.clone(), self.data(value, key)?);
                }
                Json::Object(object)
            }
            Value::Opaque(reason) => return Err(reason.clone()),
            Value::Missing => {
                return Err(
                    "it is taken from the answer of a request that is not in the plan".into()
                );
            }
            Value::File(path) => {
                return Err(format!(
                    "the content of `{path}` has a place in a part of a body only"
                ));
            }
            Value::Part(_, Part::Text) => {
                return Err("a plan takes values out of JSON and headers, not out of text".into());
            }
            Value::Known(path) => return Err(format!("a plan cannot say `{path}`")),
            _ => return Err("it is no text, number, list or object".to_owned()),
        })
    }

    fn list(&mut self, elements: &'a [Expr], hint: &str) -> Value<'a> {
        let mut values = Vec::new();
        for element in elements {
            if let Expr::Starred(starred) = element {
                let over = self.eval(&starred.value, hint);
                match self.elements(&over) {
                    Some(more) => values.extend(more),
                    None => return self.unsaid(element),
                }
                continue;
            }
            let hint = hint_of(element, hint);
            let value = self.eval(element, &hint);
            values.push(self.settled(value, &hint));
        }
        several(values)
    }

    fn f_string(&mut self, string: &'a ExprFString, hint: &str) -> Value<'a> {
        let mut text = String::new();
        for part in string.value.iter() {
            let elements = match part {
                FStringPart::Literal(literal) => {
                    match joined(&text, &crate::value::escaped(&literal.value)) {
                        Some(longer) => text = longer,
                        None => return dollar(),
                    }
                    continue;
                }
                FStringPart::FString(string) => &string.elements,
            };
            for element in elements.iter() {
                let piece = match element {
                    InterpolatedStringElement::Literal(literal) => {
                        crate::value::escaped(&literal.value)
                    }
                    InterpolatedStringElement::Interpolation(it) => {
                        if it.debug_text.is_some() || it.conversion == ConversionFlag::Repr {
                            return self.unsaid(&it.expression);
                        }
                        let value = self.eval(&it.expression, hint);
                        let spec = it.format_spec.as_ref().map(|spec| self.source.quote(&**spec));
                        let piece = match &spec {
                            Some(spec) => formatted(&value, spec)
                                .ok_or_else(|| format!("a plan cannot write with `{spec}`")),
                            None => self.piece(&value, &hint_of(&it.expression, hint)),
                        };
                        match piece {
                            Ok(piece) => piece,
                            Err(reason) => return Value::Opaque(reason),
                        }
                    }
                };
                match joined(&text, &piece) {
                    Some(longer) if longer.len() <= LONGEST => text = longer,
                    _ => return dollar(),
                }
            }
        }
        Value::Data(Json::String(text))
    }

    /// A value as a piece of a text.
    pub(crate) fn piece(&mut self, value: &Value<'a>, hint: &str) -> Result<String, String> {
        match self.data(value, hint)? {
            Json::String(template) => Ok(template),
            other => match Value::Data(other).constant().as_ref().and_then(printed) {
                Some(text) => Ok(crate::value::escaped(&text)),
                None => Err("a list or object within a text has no place in a plan".to_owned()),
            },
        }
    }

    fn logic(
        &mut self,
        operator: BoolOp,
        values: &'a [Expr],
        expression: &'a Expr,
        hint: &str,
    ) -> Value<'a> {
        let mut tests = Vec::new();
        let mut last = Value::null();
        for value in values {
            last = self.eval(value, hint);
            match self.test(&last) {
                Some(test) => tests.push(test),
                None => match last.truth() {
                    Some(truth) if truth == (operator == BoolOp::Or) && tests.is_empty() => {
                        return last;
                    }
                    Some(truth) if truth != (operator == BoolOp::Or) => {}
                    _ => return self.unsaid(expression),
                },
            }
        }
        match (tests.len(), operator) {
            (0, _) => last,
            (_, BoolOp::And) => Value::Test(Test::All(tests)),
            (_, BoolOp::Or) => Value::Test(Test::Any(tests)),
        }
    }

    /// An element of a value: `value[key]`.
    pub(crate) fn item(&mut self, value: Value<'a>, key: &Json, at: &'a Expr) -> Value<'a> {
        let text = key.as_str();
        let position = key.as_i64();
        match (&value, text, position) {
            (Value::Data(Json::Object(fields)), Some(key), _) => match fields.get(key) {
                Some(value) => Value::Data(value.clone()),
                None => Value::Opaque(format!("there is no `{key}`")),
            },
            (Value::Table(fields), Some(key), _) => {
                let found = fields.iter().rev().find(|(name, _)| name == key);
                found.map_or_else(
                    || Value::opaque(format!("there is no `{key}`")),
                    |(_, it)| it.clone(),
                )
            }
            (Value::Data(Json::Array(items)), _, Some(position)) => {
                match element(items, position) {
                    Some(value) => Value::Data(value.clone()),
                    None => Value::Opaque(format!("there is no element {position}")),
                }
            }
            (Value::Several(items), _, Some(position)) => match element(items, position) {
                Some(value) => value.clone(),
                None => Value::Opaque(format!("there is no element {position}")),
            },
            (Value::Data(Json::String(template)), _, _) => {
                let name = exact(template).filter(|name| *name != "uuid");
                let longer = match (name, text, position) {
                    (Some(name), Some(key), _) => Some(below(name, key)),
                    (Some(name), _, Some(at @ 0..)) => Some(format!("{name}[{at}]")),
                    _ => None,
                };
                match longer.filter(|path| !path.contains(['{', '}'])) {
                    Some(path) => Value::Data(Json::String(format!("${{{path}}}"))),
                    None => self.unsaid(at),
                }
            }
            (Value::Part(step, Part::Json(path)), Some(key), _) => {
                Value::Part(*step, Part::Json(below(path, key)))
            }
            (Value::Part(step, Part::Json(path)), _, Some(at @ 0..)) => {
                Value::Part(*step, Part::Json(format!("{path}[{at}]")))
            }
            (Value::Part(step, Part::Headers), Some(key), _) => {
                Value::Part(*step, Part::Header(key.to_owned()))
            }
            (Value::Known(path), Some(key), _) if path == "os.environ" => variable(key),
            (Value::Opaque(_) | Value::Missing, _, _) => value,
            _ => self.unsaid(at),
        }
    }

    /// The elements of a list that is known beforehand.
    pub(crate) fn elements(&self, value: &Value<'a>) -> Option<Vec<Value<'a>>> {
        let elements: Vec<Value<'a>> = match value {
            Value::Data(Json::Array(items)) => items.iter().cloned().map(Value::Data).collect(),
            Value::Several(items) => items.clone(),
            Value::Data(Json::Object(fields)) => {
                fields.keys().map(|key| Value::text(key)).collect()
            }
            _ => return None,
        };
        (elements.len() <= MOST_ELEMENTS).then_some(elements)
    }
}

/// An environment variable of the command that runs the trial.
pub(crate) fn variable(name: &str) -> Value<'static> {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || "_-".contains(letter);
    match !name.is_empty() && name.chars().all(sound) {
        true => Value::Data(Json::String(format!("${{env.{name}}}"))),
        false => Value::opaque("a plan reads environment variables with plain names only"),
    }
}

/// A list, as data if it can be.
pub(crate) fn several(values: Vec<Value<'_>>) -> Value<'_> {
    let data: Option<Vec<Json>> = (values.iter())
        .map(|value| match value {
            Value::Data(json) => Some(json.clone()),
            _ => None,
        })
        .collect();
    data.map_or(Value::Several(values), |items| Value::Data(Json::Array(items)))
}

/// An object, as data if it can be.
pub(crate) fn table(fields: Vec<(String, Value<'_>)>) -> Value<'_> {
    let data: Option<Map<String, Json>> = (fields.iter())
        .map(|(key, value)| match value {
            Value::Data(json) => Some((key.clone(), json.clone())),
            _ => None,
        })
        .collect();
    data.map_or(Value::Table(fields), |object| Value::Data(Json::Object(object)))
}

/// Why two texts are not put together.
pub(crate) fn dollar<'a>() -> Value<'a> {
    Value::opaque("the text is too long, or has a `$` right before a value")
}

fn element<T>(items: &[T], position: i64) -> Option<&T> {
    let length = i64::try_from(items.len()).ok()?;
    let position = if position < 0 { position.checked_add(length)? } else { position };
    items.get(usize::try_from(position).ok()?)
}

/// What a value taken from an expression is called: the last name in it.
pub(crate) fn hint_of(expression: &Expr, hint: &str) -> String {
    match expression {
        Expr::Name(it) => it.id.to_string(),
        Expr::Attribute(it) => it.attr.to_string(),
        Expr::Subscript(it) => match it.slice.as_ref() {
            Expr::StringLiteral(key) => name(key.value.to_str()),
            _ => hint_of(&it.value, hint),
        },
        _ => hint.to_owned(),
    }
}
