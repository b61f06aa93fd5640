//! A parsed page: nodes in one vector, tied together by their places in it.

use std::num::NonZeroU32;
use std::rc::Rc;

use html5ever::tendril::StrTendril;
use html5ever::{QualName, ns};

use super::build;
use super::error::Error;

/// A node's place in its document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(NonZeroU32);

impl NodeId {
    /// The document node, which every tree begins with.
    pub(super) const ROOT: Self = Self(NonZeroU32::MIN);

    /// The node after `count` others. The builder stops long before the numbers run out.
    pub(super) fn after(count: usize) -> Self {
        let number = u32::try_from(count).unwrap_or(u32::MAX - 1);
        Self(NonZeroU32::MIN.saturating_add(number))
    }

    pub(super) const fn index(self) -> usize {
        self.0.get() as usize - 1
    }
}

/// What a node is, numbered as in the DOM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeType {
    /// An element, 1.
    Element,
    /// Text, 3.
    Text,
    /// A comment, 8.
    Comment,
    /// The document itself, 9.
    Document,
    /// A document type declaration, 10.
    Doctype,
}

impl NodeType {
    /// The DOM's number for it.
    pub const fn number(self) -> u8 {
        match self {
            Self::Element => 1,
            Self::Text => 3,
            Self::Comment => 8,
            Self::Document => 9,
            Self::Doctype => 10,
        }
    }
}

/// A node and its neighbours.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) parent: Option<NodeId>,
    pub(super) first: Option<NodeId>,
    pub(super) last: Option<NodeId>,
    pub(super) previous: Option<NodeId>,
    pub(super) next: Option<NodeId>,
    pub(super) depth: u32,
    pub(super) data: Data,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Data {
    Document,
    Doctype { name: StrTendril, public: StrTendril, system: StrTendril },
    Text(StrTendril),
    Comment(StrTendril),
    Element { name: QualName, attributes: Vec<html5ever::Attribute> },
}

/// A page, parsed as a browser would, with the URL it came from. It is read-only.
#[derive(Debug)]
pub struct Document {
    nodes: Vec<Node>,
    url: Option<String>,
}

impl Document {
    /// Parses a page. Everything is HTML to an HTML parser, so this fails only where a page would take
    /// an unreasonable amount of memory.
    ///
    /// # Errors
    /// Elements nested deeper than [`super::MAX_DEPTH`], as in Go's parser, or more than
    /// [`super::MAX_NODES`] nodes.
    pub fn parse(text: &str) -> Result<Rc<Self>, Error> {
        Ok(Rc::new(Self { nodes: build::nodes(text)?, url: None }))
    }

    /// Parses a page that came from `url`: links and actions resolve against it.
    ///
    /// # Errors
    /// As [`Document::parse`].
    pub fn parse_from(text: &str, url: &str) -> Result<Rc<Self>, Error> {
        Ok(Rc::new(Self { nodes: build::nodes(text)?, url: Some(url.to_owned()) }))
    }

    /// Where the page came from, if it came from somewhere.
    pub fn url(&self) -> Option<&str> {
        self.url.as_deref()
    }

    pub(super) fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    pub(super) fn node_type(&self, id: NodeId) -> NodeType {
        match self.node(id).data {
            Data::Document => NodeType::Document,
            Data::Doctype { .. } => NodeType::Doctype,
            Data::Text(_) => NodeType::Text,
            Data::Comment(_) => NodeType::Comment,
            Data::Element { .. } => NodeType::Element,
        }
    }

    pub(super) fn is_element(&self, id: NodeId) -> bool {
        matches!(self.node(id).data, Data::Element { .. })
    }

    /// An element's tag name, without a namespace prefix.
    pub(super) fn tag(&self, id: NodeId) -> Option<&str> {
        match &self.node(id).data {
            Data::Element { name, .. } => Some(&name.local),
            _ => None,
        }
    }

    pub(super) fn is_tag(&self, id: NodeId, name: &str) -> bool {
        self.tag(id) == Some(name)
    }

    pub(super) fn attributes(&self, id: NodeId) -> &[html5ever::Attribute] {
        match &self.node(id).data {
            Data::Element { attributes, .. } => attributes,
            _ => &[],
        }
    }

    pub(super) fn attribute(&self, id: NodeId, name: &str) -> Option<&str> {
        let found = self.attributes(id).iter().find(|attribute| *attribute.name.local == *name)?;
        Some(&found.value)
    }

    pub(super) fn has_attribute(&self, id: NodeId, name: &str) -> bool {
        self.attribute(id, name).is_some()
    }

    /// `svg` or `math` for elements of these languages, nothing for HTML's own.
    pub(super) fn foreign(&self, id: NodeId) -> Option<&'static str> {
        match &self.node(id).data {
            Data::Element { name, .. } if name.ns == ns!(svg) => Some("svg"),
            Data::Element { name, .. } if name.ns == ns!(mathml) => Some("math"),
            _ => None,
        }
    }

    pub(super) fn children(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).first, |&child| self.node(child).next)
    }

    pub(super) fn child_elements(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        self.children(id).filter(|&child| self.is_element(child))
    }

    pub(super) fn ancestors(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).parent, |&node| self.node(node).parent)
    }

    pub(super) fn following(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).next, |&node| self.node(node).next)
    }

    pub(super) fn preceding(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(self.node(id).previous, |&node| self.node(node).previous)
    }

    /// The node and all below it, in the order of the page.
    pub(super) fn subtree(&self, top: NodeId) -> impl Iterator<Item = NodeId> {
        std::iter::successors(Some(top), move |&node| self.after(node, top))
    }

    /// All below a node, in the order of the page.
    pub(super) fn descendants(&self, top: NodeId) -> impl Iterator<Item = NodeId> {
        self.subtree(top).skip(1)
    }

    /// Descendants with this tag name.
    pub(super) fn tagged<'a>(
        &'a self,
        top: NodeId,
        name: &'a str,
    ) -> impl Iterator<Item = NodeId> + 'a {
        self.descendants(top).filter(move |&node| self.is_tag(node, name))
    }

    /// Whether `inner` is below `outer`. Nothing is below itself.
    pub(super) fn contains(&self, outer: NodeId, inner: NodeId) -> bool {
        self.ancestors(inner).any(|node| node == outer)
    }

    /// All text at and below a node.
    pub(super) fn push_text(&self, top: NodeId, into: &mut String) {
        for node in self.subtree(top) {
            if let Data::Text(text) = &self.node(node).data {
                into.push_str(text);
            }
        }
    }

    pub(super) fn text(&self, top: NodeId) -> String {
        let mut text = String::new();
        self.push_text(top, &mut text);
        text
    }

    fn after(&self, node: NodeId, top: NodeId) -> Option<NodeId> {
        if let Some(child) = self.node(node).first {
            return Some(child);
        }
        let mut at = node;
        while at != top {
            if let Some(next) = self.node(at).next {
                return Some(next);
            }
            at = self.node(at).parent?;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(document: &Document, top: NodeId) -> Vec<String> {
        document.descendants(top).filter_map(|node| document.tag(node).map(str::to_owned)).collect()
    }

    #[test]
    fn a_page_gets_what_it_left_out() {
        let document = Document::parse("<title>t</title><p>a<p>b").unwrap();
        assert_eq!(names(&document, NodeId::ROOT), ["html", "head", "title", "body", "p", "p"]);
        assert_eq!(document.text(NodeId::ROOT), "tab");
    }

    #[test]
    fn what_a_template_holds_is_below_it() {
        let document = Document::parse("<template><b>x</b></template>").unwrap();
        let template = document.tagged(NodeId::ROOT, "template").next().unwrap();
        assert_eq!(names(&document, template), ["b"]);
    }

    #[test]
    fn no_script_is_text_as_where_scripts_run() {
        let document = Document::parse("<body><noscript><img src=x></noscript>").unwrap();
        let fallback = document.tagged(NodeId::ROOT, "noscript").next().unwrap();
        assert_eq!(document.text(fallback), "<img src=x>");
    }

    #[test]
    fn a_subtree_ends_where_it_ends() {
        let document = Document::parse("<div><p>1<p>2</div><i>3</i>").unwrap();
        let div = document.tagged(NodeId::ROOT, "div").next().unwrap();
        assert_eq!(document.text(div), "12");
        assert!(document.contains(NodeId::ROOT, div));
        assert!(!document.contains(div, div));
    }
}
