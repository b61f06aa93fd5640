//! One node, with what the DOM would say of it.

use std::rc::Rc;

use super::markup;
use super::selection::Selection;
use super::selector::Selector;
use super::tree::{Data, Document, NodeId, NodeType};

/// A node of a page. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Element {
    document: Rc<Document>,
    node: NodeId,
}

/// An attribute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// Its name without a prefix; HTML knows prefixes inside `svg` and `math` only.
    pub name: String,
    /// Its value.
    pub value: String,
    /// `xlink`, `xml` or `xmlns`, or empty.
    pub prefix: String,
}

impl Element {
    pub(super) fn new(document: &Rc<Document>, node: NodeId) -> Self {
        Self { document: Rc::clone(document), node }
    }

    /// The page.
    pub const fn document(&self) -> &Rc<Document> {
        &self.document
    }

    pub(super) const fn node(&self) -> NodeId {
        self.node
    }

    pub(super) fn at(&self, node: NodeId) -> Self {
        Self::new(&self.document, node)
    }

    pub(super) fn all(&self, nodes: impl Iterator<Item = NodeId>) -> Vec<Self> {
        nodes.map(|node| self.at(node)).collect()
    }

    /// A selection of this node.
    pub fn selection(&self) -> Selection {
        Selection::element(self)
    }

    /// What kind of node it is.
    pub fn node_type(&self) -> NodeType {
        self.document.node_type(self.node)
    }

    /// The tag's name, `#text`, `#comment`, `#document` or the document type's name.
    pub fn node_name(&self) -> &str {
        match &self.document.node(self.node).data {
            Data::Document => "#document",
            Data::Doctype { name, .. } => name,
            Data::Text(_) => "#text",
            Data::Comment(_) => "#comment",
            Data::Element { name, .. } => &name.local,
        }
    }

    /// The text of a text node; empty for a comment, as in k6; nothing for others.
    pub fn node_value(&self) -> Option<String> {
        match &self.document.node(self.node).data {
            Data::Text(text) => Some(text.to_string()),
            Data::Comment(_) => Some(String::new()),
            _ => None,
        }
    }

    /// All text at and below it.
    pub fn text_content(&self) -> String {
        self.document.text(self.node)
    }

    /// The markup inside it.
    pub fn inner_html(&self) -> String {
        markup::inside(&self.document, self.node)
    }

    /// Its markup with its own tags.
    pub fn outer_html(&self) -> String {
        markup::whole(&self.document, self.node)
    }

    /// Its `id`, or nothing between quotes.
    pub fn id(&self) -> &str {
        self.attribute("id").unwrap_or_default()
    }

    /// Its `class`.
    pub fn class_name(&self) -> Option<&str> {
        self.attribute("class")
    }

    /// The words of its `class`.
    pub fn class_list(&self) -> Vec<&str> {
        self.class_name().unwrap_or_default().split_whitespace().collect()
    }

    /// Its `lang`.
    pub fn lang(&self) -> Option<&str> {
        self.attribute("lang")
    }

    /// `[object html.Node]` for an element, the node's name in its place for others.
    pub fn describe(&self) -> String {
        match self.node_type() {
            NodeType::Element => "[object html.Node]".to_owned(),
            _ => format!("[object {}]", self.node_name()),
        }
    }

    /// An attribute's value.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.document.attribute(self.node, name)
    }

    /// Whether it has the attribute.
    pub fn has_attribute(&self, name: &str) -> bool {
        self.document.has_attribute(self.node, name)
    }

    /// All attributes, as they are written.
    pub fn attributes(&self) -> Vec<Attribute> {
        let attributes = self.document.attributes(self.node).iter();
        attributes
            .map(|attribute| Attribute {
                name: attribute.name.local.to_string(),
                value: attribute.value.to_string(),
                prefix: attribute.name.prefix.as_ref().map(ToString::to_string).unwrap_or_default(),
            })
            .collect()
    }

    /// The namespace of its language: HTML's, SVG's or MathML's.
    pub fn namespace_uri(&self) -> &'static str {
        match self.document.foreign(self.node) {
            Some("svg") => "http://www.w3.org/2000/svg",
            Some(_) => "http://www.w3.org/1998/Math/MathML",
            None => "http://www.w3.org/1999/xhtml",
        }
    }

    /// Whether its language is HTML.
    pub fn is_default_namespace(&self) -> bool {
        self.document.foreign(self.node).is_none()
    }

    /// The document node.
    #[must_use]
    pub fn owner_document(&self) -> Self {
        self.at(NodeId::ROOT)
    }

    /// The node above.
    pub fn parent_node(&self) -> Option<Self> {
        self.document.node(self.node).parent.map(|parent| self.at(parent))
    }

    /// The element above; nothing above `html`.
    pub fn parent_element(&self) -> Option<Self> {
        self.parent_node().filter(|parent| parent.node_type() == NodeType::Element)
    }

    /// The nodes right below.
    pub fn child_nodes(&self) -> Vec<Self> {
        self.all(self.document.children(self.node))
    }

    /// The elements right below.
    pub fn children(&self) -> Vec<Self> {
        self.all(self.document.child_elements(self.node))
    }

    /// How many elements are right below.
    pub fn child_element_count(&self) -> usize {
        self.document.child_elements(self.node).count()
    }

    /// Whether anything is below.
    pub fn has_child_nodes(&self) -> bool {
        self.document.node(self.node).first.is_some()
    }

    /// The first node below.
    pub fn first_child(&self) -> Option<Self> {
        self.document.node(self.node).first.map(|child| self.at(child))
    }

    /// The last node right below.
    pub fn last_child(&self) -> Option<Self> {
        self.document.node(self.node).last.map(|child| self.at(child))
    }

    /// The first element below.
    pub fn first_element_child(&self) -> Option<Self> {
        self.document.child_elements(self.node).next().map(|child| self.at(child))
    }

    /// The last element right below.
    pub fn last_element_child(&self) -> Option<Self> {
        self.document.child_elements(self.node).last().map(|child| self.at(child))
    }

    /// The node before it.
    pub fn previous_sibling(&self) -> Option<Self> {
        self.document.node(self.node).previous.map(|node| self.at(node))
    }

    /// The node after it.
    pub fn next_sibling(&self) -> Option<Self> {
        self.document.node(self.node).next.map(|node| self.at(node))
    }

    /// The element before it.
    pub fn previous_element_sibling(&self) -> Option<Self> {
        let mut before = self.document.preceding(self.node);
        before.find(|&node| self.document.is_element(node)).map(|node| self.at(node))
    }

    /// The element after it.
    pub fn next_element_sibling(&self) -> Option<Self> {
        let mut after = self.document.following(self.node);
        after.find(|&node| self.document.is_element(node)).map(|node| self.at(node))
    }

    /// The first element below that matches.
    pub fn query_selector(&self, selector: &Selector) -> Option<Self> {
        self.selection().single(selector).get(0)
    }

    /// All elements below that match.
    pub fn query_selector_all(&self, selector: &Selector) -> Vec<Self> {
        self.selection().find(selector).elements().collect()
    }

    /// Whether it matches.
    pub fn matches(&self, selector: &Selector) -> bool {
        selector.matches(&self.document, self.node)
    }

    /// Whether the other node is below this one. Unlike in a browser, nothing contains itself.
    pub fn contains(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.document, &other.document) && self.document.contains(self.node, other.node)
    }

    /// Whether both are one node.
    pub fn is_same_node(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.document, &other.document) && self.node == other.node
    }

    /// Whether both say the same: names, attributes in any order, text, and all below.
    pub fn is_equal_node(&self, other: &Self) -> bool {
        let mut mine = self.document.subtree(self.node);
        let mut theirs = other.document.subtree(other.node);
        loop {
            match (mine.next(), theirs.next()) {
                (None, None) => return true,
                (Some(one), Some(two)) if self.like(one, other, two) => {}
                _ => return false,
            }
        }
    }

    fn like(&self, one: NodeId, other: &Self, two: NodeId) -> bool {
        let (mine, theirs) = (self.document.node(one), other.document.node(two));
        // The trees are walked in step: with as many children everywhere they have one shape.
        let as_many = self.document.children(one).count() == other.document.children(two).count();
        as_many
            && match (&mine.data, &theirs.data) {
                (Data::Document, Data::Document) => true,
                (Data::Text(one), Data::Text(two)) | (Data::Comment(one), Data::Comment(two)) => {
                    one == two
                }
                (
                    Data::Doctype { name, public, system },
                    Data::Doctype { name: name2, public: public2, system: system2 },
                ) => name == name2 && public == public2 && system == system2,
                (
                    Data::Element { name, attributes },
                    Data::Element { name: name2, attributes: attributes2 },
                ) => {
                    name == name2
                        && attributes.len() == attributes2.len()
                        && attributes.iter().all(|attribute| attributes2.contains(attribute))
                }
                _ => false,
            }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(document: &Rc<Document>, selector: &str) -> Element {
        Selection::of(document).find(&Selector::parse(selector).unwrap()).get(0).unwrap()
    }

    #[test]
    fn neighbours() {
        let document = Document::parse("<!DOCTYPE html><p>a<b id=b>x</b>c<i></i>").unwrap();
        let b = first(&document, "#b");
        assert_eq!(b.parent_element().unwrap().node_name(), "p");
        assert_eq!(b.previous_sibling().unwrap().node_value().as_deref(), Some("a"));
        assert!(b.previous_element_sibling().is_none());
        assert_eq!(b.next_sibling().unwrap().node_name(), "#text");
        assert_eq!(b.next_element_sibling().unwrap().node_name(), "i");
        let html = first(&document, "html");
        assert!(html.parent_element().is_none());
        assert_eq!(html.parent_node().unwrap().node_type().number(), 9);
        assert_eq!(b.owner_document().first_child().unwrap().node_name(), "html");
        assert_eq!(b.describe(), "[object html.Node]");
    }

    #[test]
    fn sameness_is_not_equality() {
        let document =
            Document::parse("<p a=1 b=2>x<br></p><p b=2 a=1>x<br></p><p a=1 b=2>x</p>").unwrap();
        let all = Selection::of(&document).find(&Selector::parse("p").unwrap());
        let [one, two, three] = [0, 1, 2].map(|at| all.get(at).unwrap());
        assert!(one.is_equal_node(&two) && !one.is_same_node(&two));
        assert!(!one.is_equal_node(&three));
        assert!(one.is_same_node(&one.selection().get(0).unwrap()));
        let elsewhere = Document::parse("<p a=1 b=2>x<br></p>").unwrap();
        let elsewhere = first(&elsewhere, "p");
        assert!(one.is_equal_node(&elsewhere) && !one.is_same_node(&elsewhere));
    }

    #[test]
    fn foreign_elements_and_their_attributes() {
        let document =
            Document::parse("<svg viewbox=0 xlink:href='#a'><foreignobject><p>").unwrap();
        let svg = first(&document, "svg");
        assert_eq!(svg.namespace_uri(), "http://www.w3.org/2000/svg");
        assert!(!svg.is_default_namespace());
        assert_eq!(svg.attribute("viewBox"), Some("0"));
        assert_eq!(svg.attributes()[1].prefix, "xlink");
        assert_eq!(first(&document, "p").parent_element().unwrap().node_name(), "foreignObject");
    }
}
