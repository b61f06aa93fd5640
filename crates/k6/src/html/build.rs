//! From text to nodes: what html5ever's tree builder is told to do, done to a vector.

use std::borrow::Cow;
use std::cell::RefCell;

use html5ever::interface::{ElemName, ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{BufferQueue, Token, TokenSink, TokenSinkResult, Tokenizer};
use html5ever::tree_builder::TreeBuilder;
use html5ever::{Attribute, LocalName, Namespace, QualName, TokenizerResult, ns};

use super::error::Error;
use super::tree::{Data, Node, NodeId};

/// How deep elements may nest; Go's parser has the same bound.
pub const MAX_DEPTH: u32 = 512;

/// How many nodes a page may have. A few kilobytes of misnested tags can ask a parser that keeps to the
/// standard for millions of them.
pub const MAX_NODES: usize = 1_000_000;

/// The nodes of a page, the document node first.
pub(super) fn nodes(text: &str) -> Result<Vec<Node>, Error> {
    nodes_within(text, MAX_NODES)
}

fn nodes_within(text: &str, most: usize) -> Result<Vec<Node>, Error> {
    let tokenizer = Tokenizer::new(
        Guard(TreeBuilder::new(Sink::new(most), Default::default())),
        Default::default(),
    );
    let input = BufferQueue::default();
    input.push_back(StrTendril::from_slice(text));
    // The tokenizer pauses for scripts, which are not run, and for encodings, which are known.
    while !matches!(tokenizer.feed(&input), TokenizerResult::Done) {}
    tokenizer.end();
    let sink = tokenizer.sink.0.sink;
    match sink.excess.into_inner() {
        Some(error) => Err(error),
        None => Ok(sink.nodes.into_inner()),
    }
}

/// Keeps tokens from the tree builder once the page has grown past a bound.
struct Guard(TreeBuilder<NodeId, Sink>);

impl TokenSink for Guard {
    type Handle = NodeId;

    fn process_token(&self, token: Token, line: u64) -> TokenSinkResult<NodeId> {
        if self.0.sink.excess.borrow().is_some() {
            return TokenSinkResult::Continue;
        }
        self.0.process_token(token, line)
    }

    fn end(&self) {
        if self.0.sink.excess.borrow().is_none() {
            self.0.end();
        }
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.0.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

struct Sink {
    nodes: RefCell<Vec<Node>>,
    most: usize,
    excess: RefCell<Option<Error>>,
}

/// An element's name, as the tree builder asks for it. Owned: what is borrowed from the nodes would
/// stand in the way of the change that the name was asked for.
#[derive(Debug)]
struct Name(QualName);

impl ElemName for Name {
    fn ns(&self) -> &Namespace {
        &self.0.ns
    }

    fn local_name(&self) -> &LocalName {
        &self.0.local
    }
}

impl Sink {
    fn new(most: usize) -> Self {
        let sink = Self { nodes: RefCell::default(), most, excess: RefCell::default() };
        sink.create(Data::Document);
        sink
    }

    fn create(&self, data: Data) -> NodeId {
        let mut nodes = self.nodes.borrow_mut();
        let id = NodeId::after(nodes.len());
        nodes.push(Node {
            parent: None,
            first: None,
            last: None,
            previous: None,
            next: None,
            depth: 0,
            data,
        });
        if nodes.len() > self.most {
            self.excess.replace(Some(Error::TooManyNodes));
        }
        id
    }

    /// Ties a node that stands alone in before `before`, or as the last child.
    fn insert(&self, parent: NodeId, before: Option<NodeId>, id: NodeId) {
        self.remove_from_parent(&id);
        let mut nodes = self.nodes.borrow_mut();
        let previous = match before {
            Some(before) => nodes[before.index()].previous.replace(id),
            None => nodes[parent.index()].last.replace(id),
        };
        match previous {
            Some(previous) => nodes[previous.index()].next = Some(id),
            None => nodes[parent.index()].first = Some(id),
        }
        let depth = nodes[parent.index()].depth + 1;
        let node = &mut nodes[id.index()];
        if depth > MAX_DEPTH && matches!(node.data, Data::Element { .. }) {
            self.excess.replace(Some(Error::TooDeep));
        }
        (node.parent, node.previous, node.next, node.depth) =
            (Some(parent), previous, before, depth);
    }

    /// Adds text, to the text before it if there is some.
    fn insert_text(&self, parent: NodeId, before: Option<NodeId>, text: &StrTendril) {
        {
            let mut nodes = self.nodes.borrow_mut();
            let neighbour = match before {
                Some(before) => nodes[before.index()].previous,
                None => nodes[parent.index()].last,
            };
            if let Some(neighbour) = neighbour
                && let Data::Text(existing) = &mut nodes[neighbour.index()].data
            {
                existing.push_tendril(text);
                return;
            }
        }
        let id = self.create(Data::Text(text.clone()));
        self.insert(parent, before, id);
    }

    fn place(&self, parent: NodeId, before: Option<NodeId>, child: NodeOrText<NodeId>) {
        match child {
            NodeOrText::AppendNode(id) => self.insert(parent, before, id),
            NodeOrText::AppendText(text) => self.insert_text(parent, before, &text),
        }
    }

    fn parent(&self, id: NodeId) -> Option<NodeId> {
        self.nodes.borrow()[id.index()].parent
    }
}

impl TreeSink for Sink {
    type Handle = NodeId;
    type Output = Self;
    type ElemName<'a> = Name;

    fn finish(self) -> Self {
        self
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> NodeId {
        NodeId::ROOT
    }

    fn elem_name<'a>(&'a self, target: &'a NodeId) -> Name {
        match &self.nodes.borrow()[target.index()].data {
            Data::Element { name, .. } => Name(name.clone()),
            _ => Name(QualName::new(None, Namespace::default(), LocalName::default())),
        }
    }

    fn create_element(
        &self,
        name: QualName,
        mut attributes: Vec<Attribute>,
        _: ElementFlags,
    ) -> NodeId {
        if name.ns == ns!(html) && is_formatting(&name.local) {
            // Go's parser sorts these to compare them, and markup shows it.
            attributes.sort_by(|one, other| one.name.local.cmp(&other.name.local));
        }
        self.create(Data::Element { name, attributes })
    }

    fn create_comment(&self, text: StrTendril) -> NodeId {
        self.create(Data::Comment(text))
    }

    fn create_pi(&self, target: StrTendril, data: StrTendril) -> NodeId {
        // HTML has none; a parser of it makes them comments.
        self.create(Data::Comment(StrTendril::from(format!("?{target} {data}"))))
    }

    fn append(&self, parent: &NodeId, child: NodeOrText<NodeId>) {
        self.place(*parent, None, child);
    }

    fn append_before_sibling(&self, sibling: &NodeId, child: NodeOrText<NodeId>) {
        if let Some(parent) = self.parent(*sibling) {
            self.place(parent, Some(*sibling), child);
        }
    }

    fn append_based_on_parent_node(
        &self,
        element: &NodeId,
        previous: &NodeId,
        child: NodeOrText<NodeId>,
    ) {
        match self.parent(*element) {
            Some(parent) => self.place(parent, Some(*element), child),
            None => self.place(*previous, None, child),
        }
    }

    fn append_doctype_to_document(&self, name: StrTendril, public: StrTendril, system: StrTendril) {
        let id = self.create(Data::Doctype { name, public, system });
        self.insert(NodeId::ROOT, None, id);
    }

    fn get_template_contents(&self, target: &NodeId) -> NodeId {
        // Go's parser keeps what a template holds below it, where selectors find it.
        *target
    }

    fn same_node(&self, one: &NodeId, other: &NodeId) -> bool {
        one == other
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn add_attrs_if_missing(&self, target: &NodeId, more: Vec<Attribute>) {
        if let Data::Element { attributes, .. } = &mut self.nodes.borrow_mut()[target.index()].data
        {
            for attribute in more {
                if attributes.iter().all(|existing| existing.name != attribute.name) {
                    attributes.push(attribute);
                }
            }
        }
    }

    fn remove_from_parent(&self, target: &NodeId) {
        let mut nodes = self.nodes.borrow_mut();
        let node = &mut nodes[target.index()];
        let (parent, previous, next) = (node.parent.take(), node.previous.take(), node.next.take());
        let Some(parent) = parent else { return };
        match previous {
            Some(previous) => nodes[previous.index()].next = next,
            None => nodes[parent.index()].first = next,
        }
        match next {
            Some(next) => nodes[next.index()].previous = previous,
            None => nodes[parent.index()].last = previous,
        }
    }

    fn reparent_children(&self, node: &NodeId, new_parent: &NodeId) {
        loop {
            let first = self.nodes.borrow()[node.index()].first;
            let Some(child) = first else { return };
            self.insert(*new_parent, None, child);
        }
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &NodeId) -> bool {
        match &self.nodes.borrow()[handle.index()].data {
            Data::Element { attributes, .. } => attributes.iter().any(|attribute| {
                *attribute.name.local == *"encoding"
                    && (attribute.value.eq_ignore_ascii_case("text/html")
                        || attribute.value.eq_ignore_ascii_case("application/xhtml+xml"))
            }),
            _ => false,
        }
    }
}

fn is_formatting(tag: &str) -> bool {
    const TAGS: [&str; 14] = [
        "a", "b", "big", "code", "em", "font", "i", "nobr", "s", "small", "strike", "strong", "tt",
        "u",
    ];
    TAGS.contains(&tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_goes_on_after_scripts_and_encodings() {
        let nodes =
            nodes("<meta charset=latin1><script>1</script><p>x<meta charset=utf-8><i>").unwrap();
        let italic =
            |node: &Node| matches!(&node.data, Data::Element { name, .. } if *name.local == *"i");
        assert!(nodes.iter().any(italic));
    }

    #[test]
    fn deep_nesting_ends_at_the_bound() {
        assert!(nodes(&"<div>".repeat(MAX_DEPTH as usize - 2)).is_ok());
        assert_eq!(nodes(&"<div>".repeat(100_000)).unwrap_err(), Error::TooDeep);
    }

    #[test]
    fn misnested_tags_do_not_take_all_memory() {
        // Each paragraph reopens every formatting element that was open in the one before it.
        let bold: String = (0..400).map(|number| format!("<b id={number}>")).collect();
        let page = format!("<p>{bold}{}", "<p>x".repeat(50_000));
        assert_eq!(nodes_within(&page, 50_000).unwrap_err(), Error::TooManyNodes);
    }

    #[test]
    fn text_next_to_text_is_one_node() {
        let nodes = nodes("<table>a<tr>b").unwrap();
        let texts =
            nodes.iter().filter(|node| matches!(node.data, Data::Text(_)) && node.parent.is_some());
        assert_eq!(texts.count(), 1);
    }

    #[test]
    fn every_link_between_nodes_goes_both_ways() {
        let nodes =
            nodes("<p><b><p>1</b>2<table><i>x<tr><td>y</table></i><select><option>z").unwrap();
        for (index, node) in nodes.iter().enumerate() {
            let id = NodeId::after(index);
            if let Some(next) = node.next {
                assert_eq!(nodes[next.index()].previous, Some(id));
                assert_eq!(nodes[next.index()].parent, node.parent);
            }
            if let Some(first) = node.first {
                assert_eq!(nodes[first.index()].parent, Some(id));
                assert_eq!(nodes[first.index()].previous, None);
            }
            if let Some(last) = node.last {
                assert_eq!(nodes[last.index()].next, None);
            }
        }
    }
}
