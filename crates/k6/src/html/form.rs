//! The values of form controls, read as k6 reads them.
//!
//! That is not quite as a browser would: a box is checked only by `checked="checked"`, a disabled control
//! is sent, types are compared in the case they are written, what stands in a `textarea` comes as markup.
//! Scripts were written against servers that got just these fields.

use super::markup;
use super::selection::Selection;
use super::tree::{Document, NodeId};

/// What a control holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FieldValue {
    /// One text.
    One(String),
    /// The selected options of a `select` with `multiple`.
    Many(Vec<String>),
}

impl FieldValue {
    /// Each text in it.
    pub fn texts(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// A name and a value of a form. A control that never has a value, `keygen`, has none here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// The control's name.
    pub name: String,
    /// What it holds.
    pub value: Option<FieldValue>,
}

/// The value of a control; nothing for other elements.
pub(super) fn value(document: &Document, node: NodeId) -> Option<FieldValue> {
    let attribute = |name| document.attribute(node, name).map(str::to_owned);
    let one = match document.tag(node)? {
        "input" => attribute("value").unwrap_or_else(|| {
            let choice = matches!(document.attribute(node, "type"), Some("checkbox" | "radio"));
            if choice { "on".to_owned() } else { String::new() }
        }),
        "button" => attribute("value").unwrap_or_default(),
        "textarea" => markup::inside(document, node),
        "option" => option_value(document, node),
        "select" => {
            let mut selected =
                selected_options(document, node).map(|option| option_value(document, option));
            if document.has_attribute(node, "multiple") {
                return Some(FieldValue::Many(selected.collect()));
            }
            selected.next().unwrap_or_default()
        }
        _ => return None,
    };
    Some(FieldValue::One(one))
}

/// The value of an `option`: its own, or what is written in it, as markup.
pub(super) fn option_value(document: &Document, option: NodeId) -> String {
    match document.attribute(option, "value") {
        Some(value) => value.to_owned(),
        None => markup::inside(document, option),
    }
}

/// The options of a `select` that say `selected`.
pub(super) fn selected_options(
    document: &Document,
    select: NodeId,
) -> impl Iterator<Item = NodeId> {
    document.tagged(select, "option").filter(|&option| document.has_attribute(option, "selected"))
}

impl Selection {
    /// Names and values of a form's controls, or of the selected controls if no form is selected.
    pub fn serialize_array(&self) -> Vec<Field> {
        let document = &**self.document();
        let is_control = |&node: &NodeId| {
            matches!(document.tag(node), Some("input" | "select" | "textarea" | "keygen"))
        };
        let of_form = |node: &NodeId| document.is_tag(*node, "form");
        let controls: Vec<NodeId> = if self.nodes().iter().any(of_form) {
            self.below(|node| is_control(&node)).nodes().to_vec()
        } else {
            self.nodes().iter().copied().filter(is_control).collect()
        };
        controls
            .into_iter()
            .filter_map(|node| {
                let name = document.attribute(node, "name").filter(|name| !name.is_empty())?;
                is_sent(document, node)
                    .then(|| Field { name: name.to_owned(), value: value(document, node) })
            })
            .collect()
    }

    /// Names and values, the last of each name.
    pub fn serialize_object(&self) -> Vec<Field> {
        let mut fields: Vec<Field> = Vec::new();
        for field in self.serialize_array() {
            match fields.iter_mut().find(|existing| existing.name == field.name) {
                Some(existing) => existing.value = field.value,
                None => fields.push(field),
            }
        }
        fields
    }

    /// Names and values as a query, sorted by name.
    pub fn serialize(&self) -> String {
        query(self.serialize_array().iter().flat_map(|field| {
            let texts = field.value.as_ref().map_or(&[][..], FieldValue::texts);
            texts.iter().map(|text| (&*field.name, &**text))
        }))
    }
}

/// Buttons and files are not sent, boxes only when they are checked.
fn is_sent(document: &Document, node: NodeId) -> bool {
    match document.attribute(node, "type") {
        Some("submit" | "button" | "image" | "reset" | "file") => false,
        Some("checkbox" | "radio") => document.attribute(node, "checked") == Some("checked"),
        _ => true,
    }
}

/// A query in the form of HTML forms, sorted by name, the values of a name in their order.
pub(super) fn query<'a>(pairs: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let mut pairs: Vec<_> = pairs.collect();
    pairs.sort_by_key(|&(name, _)| name);
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push_encoded(name, &mut out);
        out.push('=');
        push_encoded(value, &mut out);
    }
    out
}

fn push_encoded(text: &str, out: &mut String) {
    use std::fmt::Write;
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) => {
                out.push(char::from(byte))
            }
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}
