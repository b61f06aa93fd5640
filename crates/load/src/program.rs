//! Compiled flows: names resolved to slots, constants filled in, targets found; done once per run.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method};
use seaworthy_net::{Prepared, Url};
use serde_json::Value;

use crate::error::Error;
use crate::flow::{self, Flow};
use crate::path::Path;
use crate::scope::write_value;
use crate::scope::{Choices, Expression, How, Piece, Source, Text, write_json, write_json_text};
use crate::spec::Statuses;
use crate::template::{Part, Reference, Template, Tree};

/// A flow, ready to run.
#[derive(Debug)]
pub(crate) struct Program {
    pub(crate) flow: String,
    pub(crate) slots: usize,
    pub(crate) variables: Vec<(usize, Draw)>,
    pub(crate) steps: Vec<Step>,
}

#[derive(Debug)]
pub(crate) enum Draw {
    Value(Expression),
    Random(i64, i64),
    Cycle { by: Text, of: Choices },
    Choice(Choices),
}

#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) name: String,
    pub(crate) method: Method,
    pub(crate) address: Address,
    pub(crate) headers: Vec<(HeaderName, Header)>,
    pub(crate) body: Body,
    pub(crate) timeout: Option<Duration>,
    pub(crate) status: Option<Statuses>,
    pub(crate) expect_headers: Vec<(HeaderName, Text)>,
    pub(crate) expect_json: Vec<(Path, Expression)>,
    pub(crate) extract: Vec<(usize, String, flow::Extract)>,
    pub(crate) pause: Option<(Duration, Duration)>,
    /// The names of the checks, in the order in which they are made.
    pub(crate) checks: Vec<String>,
    /// The request written out, if it is the same in every iteration.
    pub(crate) prepared: Option<(Url, Prepared)>,
}

/// Where a request goes.
#[derive(Debug)]
pub(crate) enum Address {
    /// The origin is known; path and query are filled in.
    Fixed(Url, Text),
    /// The whole is known only when filled in; a path goes to the target, if there is one.
    Dynamic(Option<Url>, Text),
}

#[derive(Debug)]
pub(crate) enum Header {
    Fixed(HeaderValue),
    Filled(Text),
}

#[derive(Debug)]
pub(crate) enum Body {
    Fixed(Bytes),
    Filled(Text),
}

impl Program {
    /// Compiles a flow.
    ///
    /// # Errors
    /// A target or a value that is not there.
    pub(crate) fn compile(
        flow: &Flow,
        targets: &BTreeMap<String, Url>,
        constants: &BTreeMap<String, Value>,
    ) -> Result<Arc<Self>, Error> {
        let mut compiler = Compiler { flow: &flow.name, constants, slots: BTreeMap::new() };
        let mut variables = Vec::new();
        for variable in &flow.variables {
            let place = format!("variable `{}`", variable.name);
            let draw =
                compiler.draw(&variable.draw).map_err(|reason| compiler.unbound(&place, reason))?;
            variables.push((compiler.slot(&variable.name), draw));
        }
        let mut steps = Vec::new();
        for step in &flow.steps {
            let target = match step.target.as_ref().or(flow.target.as_ref()) {
                Some(name) => Some(targets.get(name).ok_or_else(|| Error::NoTarget {
                    flow: flow.name.clone(),
                    target: name.clone(),
                })?),
                None => None,
            };
            let place = format!("step `{}`", step.name);
            let compiled = compiler.step(step, target);
            steps.push(compiled.map_err(|reason| compiler.unbound(&place, reason))?);
        }
        let slots = compiler.slots.len();
        Ok(Arc::new(Self { flow: flow.name.clone(), slots, variables, steps }))
    }

    /// The slots of what the steps extract, by name.
    pub(crate) fn extracts(&self) -> impl Iterator<Item = (usize, &str)> {
        let all = self.steps.iter().flat_map(|step| &step.extract);
        all.map(|(slot, name, _)| (*slot, name.as_str()))
    }
}

struct Compiler<'a> {
    flow: &'a str,
    constants: &'a BTreeMap<String, Value>,
    slots: BTreeMap<String, usize>,
}

/// A name, resolved.
enum Resolved<'a> {
    Constant(&'a Value),
    Source(Source),
}

impl Compiler<'_> {
    fn unbound(&self, place: &str, reason: String) -> Error {
        Error::Unbound { flow: self.flow.to_owned(), place: place.to_owned(), reason }
    }

    /// The slot of a name, made if it is new. A name defined twice keeps its slot.
    fn slot(&mut self, name: &str) -> usize {
        let next = self.slots.len();
        *self.slots.entry(name.to_owned()).or_insert(next)
    }

    fn resolve(&self, reference: &Reference) -> Result<Resolved<'_>, String> {
        let built_in = match reference.name.as_str() {
            "vu" => Some(Source::Vu),
            "iteration" => Some(Source::Iteration),
            "index" => Some(Source::Index),
            "uuid" => Some(Source::Uuid),
            _ => None,
        };
        if let Some(source) = built_in {
            if reference.path.is_whole() {
                return Ok(Resolved::Source(source));
            }
            return Err(format!("`{}` is a plain value, there is nothing in it", reference.name));
        }
        if let Some(slot) = self.slots.get(&reference.name) {
            return Ok(Resolved::Source(Source::Slot(*slot, reference.path.clone())));
        }
        reference.find(self.constants).map(Resolved::Constant).map_err(|error| error.reason)
    }

    fn text(&self, template: &Template, first: How, rest: How) -> Result<Text, String> {
        let mut text = Text::default();
        for (position, part) in template.parts().iter().enumerate() {
            let how = if position == 0 { first } else { rest };
            match part {
                Part::Literal(literal) if how == How::JsonText => {
                    let mut bytes = Vec::new();
                    write_json_text(&mut bytes, literal);
                    text.push_literal(&bytes);
                }
                Part::Literal(literal) => text.push_literal(literal.as_bytes()),
                Part::Name(reference) => match self.resolve(reference)? {
                    Resolved::Constant(value) => {
                        let mut bytes = Vec::new();
                        write_value(&mut bytes, value, how);
                        text.push_literal(&bytes);
                    }
                    Resolved::Source(source) => text.0.push(Piece::Insert(source, how)),
                },
            }
        }
        Ok(text)
    }

    fn plain(&self, template: &Template) -> Result<Text, String> {
        self.text(template, How::Plain, How::Plain)
    }

    /// A tree as JSON text with gaps.
    fn json(&self, tree: &Tree, out: &mut Text) -> Result<(), String> {
        let push = |out: &mut Text, write: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = Vec::new();
            write(&mut bytes);
            out.push_literal(&bytes);
        };
        match tree {
            Tree::Leaf(value) => push(out, &|bytes| write_json(bytes, value)),
            Tree::Text(template) => {
                let whole = template.exact().is_some();
                let how = if whole { How::JsonValue } else { How::JsonText };
                let quote: &[u8] = if whole { b"" } else { b"\"" };
                out.push_literal(quote);
                for piece in self.text(template, how, how)?.0 {
                    match piece {
                        Piece::Literal(bytes) => out.push_literal(&bytes),
                        insert @ Piece::Insert(..) => out.0.push(insert),
                    }
                }
                out.push_literal(quote);
            }
            Tree::List(items) => {
                for (position, item) in items.iter().enumerate() {
                    out.push_literal(if position == 0 { b"[" } else { b"," });
                    self.json(item, out)?;
                }
                out.push_literal(if items.is_empty() { b"[]" } else { b"]" });
            }
            Tree::Object(fields) => {
                for (position, (key, field)) in fields.iter().enumerate() {
                    out.push_literal(if position == 0 { b"{" } else { b"," });
                    push(out, &|bytes| write_json(bytes, &Value::String(key.clone())));
                    out.push_literal(b":");
                    self.json(field, out)?;
                }
                out.push_literal(if fields.is_empty() { b"{}" } else { b"}" });
            }
        }
        Ok(())
    }

    /// A tree as a value with gaps; without gaps it is a constant.
    fn expression(&self, tree: &Tree) -> Result<Expression, String> {
        let constant = |expression: &Expression| matches!(expression, Expression::Constant(_));
        let value = |expression: Expression| match expression {
            Expression::Constant(value) => value,
            _ => Value::Null,
        };
        Ok(match tree {
            Tree::Leaf(value) => Expression::Constant(value.clone()),
            Tree::Text(template) => match template.exact() {
                Some(reference) => match self.resolve(reference)? {
                    Resolved::Constant(value) => Expression::Constant(value.clone()),
                    Resolved::Source(source) => Expression::Source(source),
                },
                None => {
                    let text = self.plain(template)?;
                    match text.literal() {
                        Some(bytes) => {
                            Expression::Constant(String::from_utf8_lossy(bytes).into_owned().into())
                        }
                        None => Expression::Text(text),
                    }
                }
            },
            Tree::List(items) => {
                let items: Vec<Expression> =
                    items.iter().map(|item| self.expression(item)).collect::<Result<_, _>>()?;
                if items.iter().all(constant) {
                    Expression::Constant(Value::Array(items.into_iter().map(value).collect()))
                } else {
                    Expression::List(items)
                }
            }
            Tree::Object(fields) => {
                let fields: Vec<(String, Expression)> = fields
                    .iter()
                    .map(|(key, field)| Ok((key.clone(), self.expression(field)?)))
                    .collect::<Result<_, String>>()?;
                if fields.iter().all(|(_, field)| constant(field)) {
                    let fields = fields.into_iter().map(|(key, field)| (key, value(field)));
                    Expression::Constant(Value::Object(fields.collect()))
                } else {
                    Expression::Object(fields)
                }
            }
        })
    }

    fn choices(&self, tree: &Tree) -> Result<Choices, String> {
        let fixed = |items: Vec<Value>| {
            Choices::Fixed(items.into_iter().map(Expression::Constant).collect())
        };
        match self.expression(tree)? {
            Expression::Constant(Value::Array(items)) if items.is_empty() => {
                Err("the list to choose from is empty".to_owned())
            }
            Expression::Constant(Value::Array(items)) => Ok(fixed(items)),
            Expression::List(items) => Ok(Choices::Fixed(items)),
            Expression::Source(source) => Ok(Choices::Of(source)),
            other => Err(format!("a list is needed to choose from, not {other:?}")),
        }
    }

    fn draw(&self, draw: &flow::Draw) -> Result<Draw, String> {
        Ok(match draw {
            flow::Draw::Value(tree) => Draw::Value(self.expression(tree)?),
            flow::Draw::Random(low, high) => Draw::Random(*low, *high),
            flow::Draw::Cycle { by, of } => {
                Draw::Cycle { by: self.plain(by)?, of: self.choices(of)? }
            }
            flow::Draw::Choice(of) => Draw::Choice(self.choices(of)?),
        })
    }

    fn step(&mut self, step: &flow::Step, target: Option<&Url>) -> Result<Step, String> {
        let mut headers = Vec::new();
        for (name, template) in &step.headers {
            let text = self.plain(template)?;
            let header = match text.literal() {
                Some(bytes) => Header::Fixed(HeaderValue::from_bytes(bytes).map_err(|_| {
                    format!("the value of header `{name}` may not go into a header")
                })?),
                None => Header::Filled(text),
            };
            headers.push((name.clone(), header));
        }
        let (text, media) = match &step.body {
            flow::Body::None => (Text::default(), None),
            flow::Body::Json(tree) => {
                let mut text = Text::default();
                self.json(tree, &mut text)?;
                (text, Some("application/json"))
            }
            flow::Body::Text(template) => {
                (self.plain(template)?, Some("text/plain; charset=utf-8"))
            }
        };
        if let Some(media) = media
            && !headers.iter().any(|(name, _)| name == CONTENT_TYPE)
        {
            headers.push((CONTENT_TYPE, Header::Fixed(HeaderValue::from_static(media))));
        }
        let body = match text.literal() {
            Some(bytes) => Body::Fixed(Bytes::copy_from_slice(bytes)),
            None => Body::Filled(text),
        };
        let address = self.address(&step.address, target)?;
        let expect_headers = (step.expect_headers.iter())
            .map(|(name, template)| Ok((name.clone(), self.plain(template)?)))
            .collect::<Result<_, String>>()?;
        let expect_json = (step.expect_json.iter())
            .map(|(path, tree)| Ok((path.clone(), self.expression(tree)?)))
            .collect::<Result<_, String>>()?;
        // Only later steps may use what this one extracts.
        let extract = (step.extract.iter())
            .map(|(name, from)| (self.slot(name), name.clone(), from.clone()))
            .collect();
        let mut compiled = Step {
            name: step.name.clone(),
            method: step.method.clone(),
            address,
            headers,
            body,
            timeout: step.timeout,
            status: step.status.clone(),
            expect_headers,
            expect_json,
            extract,
            pause: step.pause,
            checks: step.checks().collect(),
            prepared: None,
        };
        compiled.prepared = compiled.prepare();
        Ok(compiled)
    }

    fn address(&self, template: &Template, target: Option<&Url>) -> Result<Address, String> {
        let text = self.text(template, How::Link, How::Encoded)?;
        let Some(Piece::Literal(first)) = text.0.first() else {
            return Ok(Address::Dynamic(target.cloned(), text));
        };
        let first = String::from_utf8_lossy(first).into_owned();
        let is_url = first.starts_with("http://") || first.starts_with("https://");
        let (origin, path) = match (is_url, target) {
            (false, None) => {
                return Err(format!("`{first}` is not a full URL, and there is no target"));
            }
            (false, Some(target)) => (target.clone(), target.join(&first)),
            (true, _) => {
                let authority = first.find("://").map_or(0, |at| at + 3);
                let end = first[authority..].find(['/', '?']).map(|at| at + authority);
                let end = match end {
                    Some(end) => end,
                    None if text.0.len() == 1 => first.len(),
                    // The host itself has a gap.
                    None => return Ok(Address::Dynamic(None, text)),
                };
                let origin = Url::parse(&first[..end]).map_err(|error| error.to_string())?;
                let path = origin.join(&first[end..]);
                (origin, path)
            }
        };
        let mut filled = Text::default();
        filled.push_literal(path.as_bytes());
        filled.0.extend(text.0.into_iter().skip(1));
        Ok(Address::Fixed(origin, filled))
    }
}
