//! The properties an element has beyond those of every node: `href` of an `a`, `rows` of a `table`.

use super::address::Address;
use super::element::Element;
use super::kinds::KINDS;

/// What a property says.
#[derive(Clone, Debug)]
pub enum Property {
    /// Nothing: `undefined`.
    Undefined,
    /// A flag.
    Bool(bool),
    /// A number.
    Number(f64),
    /// Text.
    Text(String),
    /// A list of texts.
    Texts(Vec<String>),
    /// An element.
    Element(Element),
    /// Elements.
    Elements(Vec<Element>),
}

impl From<Option<Element>> for Property {
    fn from(element: Option<Element>) -> Self {
        element.map_or(Self::Undefined, Self::Element)
    }
}

/// A kind of element: the properties that all elements with one of its tags have.
#[derive(Debug)]
pub struct Kind {
    /// The tags.
    pub tags: &'static [&'static str],
    pub(super) properties: &'static [(&'static str, Getter)],
}

impl Kind {
    /// The names of its properties.
    pub fn names(&self) -> impl Iterator<Item = &'static str> {
        self.properties.iter().map(|&(name, _)| name)
    }
}

/// How a property is read.
#[derive(Clone, Copy, Debug)]
pub(super) enum Getter {
    /// An attribute's text, empty if it is missing.
    Text(&'static str),
    /// An attribute that takes one of these values; the first stands for all others.
    OneOf(&'static str, &'static [&'static str]),
    /// An attribute that takes one of these values, or is nothing.
    OneOfOrNothing(&'static str, &'static [&'static str]),
    /// Whether an attribute is there.
    Flag(&'static str),
    /// An attribute's whole number, or this one.
    Integer(&'static str, i32),
    /// An attribute's URL, resolved against that of the page.
    Url(&'static str),
    /// The same whatever the page says.
    Constant(&'static str),
    /// Anything else.
    Call(fn(&Element) -> Property),
}

/// The kind of an element, if it has properties of its own.
pub fn kind_of(tag: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.tags.contains(&tag))
}

/// The names of the properties that elements with this tag have.
pub fn property_names(tag: &str) -> Vec<&'static str> {
    kind_of(tag).map(|kind| kind.names().collect()).unwrap_or_default()
}

impl Element {
    /// A property that its tag has; nothing if there is no such property.
    pub fn property(&self, name: &str) -> Option<Property> {
        if self.node_type() != super::NodeType::Element {
            return None;
        }
        let kind = kind_of(self.node_name())?;
        let (_, getter) = kind.properties.iter().find(|(known, _)| *known == name)?;
        Some(getter.get(self))
    }

    /// An attribute's URL, resolved against that of the page if it came from somewhere.
    pub(super) fn url_attribute(&self, name: &str) -> String {
        let Some(text) = self.attribute(name) else { return String::new() };
        let Some(page) = self.document().url() else { return text.to_owned() };
        match (Address::parse(page), Address::parse(text)) {
            (Some(page), Some(reference)) => page.join(&reference).to_string(),
            _ => String::new(),
        }
    }

    pub(super) fn integer_attribute(&self, name: &str) -> Option<i32> {
        self.attribute(name)?.parse().ok()
    }
}

impl Getter {
    fn get(self, element: &Element) -> Property {
        let text = |name| element.attribute(name).unwrap_or_default();
        let one_of = |name, values: &'static [&'static str]| {
            let value = text(name);
            values.iter().find(|&&known| known == value)
        };
        match self {
            Self::Text(name) => Property::Text(text(name).to_owned()),
            Self::OneOf(name, values) => {
                let value = one_of(name, values).or(values.first()).copied();
                Property::Text(value.unwrap_or_default().to_owned())
            }
            Self::OneOfOrNothing(name, values) => match one_of(name, values) {
                Some(&value) => Property::Text(value.to_owned()),
                None => Property::Undefined,
            },
            Self::Flag(name) => Property::Bool(element.has_attribute(name)),
            Self::Integer(name, default) => {
                Property::Number(f64::from(element.integer_attribute(name).unwrap_or(default)))
            }
            Self::Url(name) => Property::Text(element.url_attribute(name)),
            Self::Constant(text) => Property::Text(text.to_owned()),
            Self::Call(read) => read(element),
        }
    }
}
