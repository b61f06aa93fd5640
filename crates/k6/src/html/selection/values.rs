//! What a selection says: its text, markup, attributes and values.

use super::Selection;
use crate::html::data::{self, Datum};
use crate::html::form::{self, FieldValue};
use crate::html::markup;

impl Selection {
    /// The text of all nodes.
    pub fn text(&self) -> String {
        let mut text = String::new();
        for &node in &*self.nodes {
            self.document.push_text(node, &mut text);
        }
        text
    }

    /// The markup inside the first node.
    pub fn html(&self) -> String {
        self.nodes.first().map(|&node| markup::inside(&self.document, node)).unwrap_or_default()
    }

    /// An attribute of the first node.
    pub fn attr(&self, name: &str) -> Option<&str> {
        self.document.attribute(*self.nodes.first()?, name)
    }

    /// The value of the first node as a form would send it; a list if it is a `select` with `multiple`.
    pub fn val(&self) -> Option<FieldValue> {
        form::value(&self.document, *self.nodes.first()?)
    }

    /// A `data-` attribute of the first node, named `num-a` or `numA`.
    pub fn data(&self, key: &str) -> Datum {
        self.attr(&data::attribute_name(key)).map_or(Datum::Undefined, Datum::read)
    }

    /// All `data-` attributes of the first node, named `numA`.
    pub fn data_all(&self) -> Vec<(String, Datum)> {
        let Some(&first) = self.nodes.first() else { return Vec::new() };
        let attributes = self.document.attributes(first).iter();
        attributes
            .filter_map(|attribute| {
                Some((data::property_name(&attribute.name.local)?, Datum::read(&attribute.value)))
            })
            .collect()
    }
}
