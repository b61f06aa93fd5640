//! Names resolved to slots, templates to texts with gaps, values to expressions.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Draw;
use crate::data::Data;
use crate::error::Error;
use crate::flow;
use crate::scope::{Choices, Expression, How, Piece, Source, Text, write_json, write_json_text};
use crate::scope::{write_text, write_value};
use crate::template::{Part, Reference, Template, Tree};

/// Compiles one flow.
pub(super) struct Compiler<'a> {
    pub(super) flow: &'a str,
    pub(super) constants: &'a BTreeMap<String, Value>,
    pub(super) data: &'a [Data],
    pub(super) slots: BTreeMap<String, usize>,
    /// The steps that open a stream, by name.
    pub(super) streams: BTreeMap<String, usize>,
}

/// A name, resolved.
enum Resolved<'a> {
    Constant(&'a Value),
    Source(Source),
}

impl Compiler<'_> {
    pub(super) fn unbound(&self, place: &str, reason: String) -> Error {
        Error::Unbound { flow: self.flow.to_owned(), place: place.to_owned(), reason }
    }

    /// The slot of a name, made if it is new. A name defined twice keeps its slot.
    pub(super) fn slot(&mut self, name: &str) -> usize {
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
        if let Some(position) = self.data.iter().position(|data| data.name == reference.name) {
            let field = self.data[position].table.field(&reference.path);
            let field = field.map_err(|(reason, _)| format!("`{}`: {reason}", reference.name))?;
            return Ok(Resolved::Source(Source::Row(position, field)));
        }
        if let Some(slot) = self.slots.get(&reference.name) {
            return Ok(Resolved::Source(Source::Slot(*slot, reference.path.clone())));
        }
        reference.find(self.constants).map(Resolved::Constant).map_err(|error| error.reason)
    }

    pub(super) fn text(&self, template: &Template, first: How, rest: How) -> Result<Text, String> {
        let mut text = Text::default();
        for (position, part) in template.parts().iter().enumerate() {
            let how = if position == 0 { first } else { rest };
            match part {
                Part::Literal(literal) if how == How::JsonText => {
                    let mut bytes = Vec::new();
                    write_json_text(&mut bytes, literal);
                    text.push_literal(&bytes);
                }
                Part::Literal(literal) if how == How::Form => {
                    let mut bytes = Vec::new();
                    write_text(&mut bytes, literal, how);
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

    pub(super) fn plain(&self, template: &Template) -> Result<Text, String> {
        self.text(template, How::Plain, How::Plain)
    }

    /// A tree as JSON text with gaps.
    pub(super) fn json(&self, tree: &Tree, out: &mut Text) -> Result<(), String> {
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
    pub(super) fn expression(&self, tree: &Tree) -> Result<Expression, String> {
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

    pub(super) fn draw(&self, draw: &flow::Draw) -> Result<Draw, String> {
        Ok(match draw {
            flow::Draw::Value(tree) => Draw::Value(self.expression(tree)?),
            flow::Draw::Random(low, high) => Draw::Random(*low, *high),
            flow::Draw::Cycle { by, of } => {
                Draw::Cycle { by: self.plain(by)?, of: self.choices(of)? }
            }
            flow::Draw::Choice(of) => Draw::Choice(self.choices(of)?),
        })
    }
}
