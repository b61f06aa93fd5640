//! Sets of nodes and how one leads to another, as goquery has it.

mod filtering;
mod values;

use std::collections::HashSet;
use std::rc::Rc;

use super::element::Element;
use super::selector::Selector;
use super::tree::{Document, NodeId};

/// Nodes of one page, in the order they were found. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Selection {
    document: Rc<Document>,
    nodes: Rc<[NodeId]>,
    previous: Option<Rc<Selection>>,
}

/// Where `nextUntil` and its relatives stop.
#[derive(Clone, Copy, Debug)]
pub enum Stop<'a> {
    /// Nowhere before the end.
    Never,
    /// Before a node that matches.
    At(&'a Selector),
    /// Before a node of this selection.
    In(&'a Selection),
}

impl Stop<'_> {
    fn here(&self, document: &Document, node: NodeId) -> bool {
        match self {
            Self::Never => false,
            Self::At(selector) => selector.matches(document, node),
            Self::In(selection) => selection.holds(document, node),
        }
    }
}

/// Which way along the children of a parent.
#[derive(Clone, Copy)]
enum Way {
    Forward,
    Back,
}

impl Selection {
    /// The document node: where every search begins.
    pub fn of(document: &Rc<Document>) -> Self {
        Self { document: Rc::clone(document), nodes: Rc::new([NodeId::ROOT]), previous: None }
    }

    /// One element of a page.
    pub fn element(element: &Element) -> Self {
        Self {
            document: Rc::clone(element.document()),
            nodes: Rc::new([element.node()]),
            previous: None,
        }
    }

    /// The page.
    pub const fn document(&self) -> &Rc<Document> {
        &self.document
    }

    pub(super) fn nodes(&self) -> &[NodeId] {
        &self.nodes
    }

    /// How many nodes.
    pub fn size(&self) -> usize {
        self.nodes.len()
    }

    /// The selection this one was made from; an empty one if it was made from none.
    #[must_use]
    pub fn end(&self) -> Self {
        match &self.previous {
            Some(previous) => (**previous).clone(),
            None => self.alone(Vec::new()),
        }
    }

    /// The descendants that match.
    #[must_use]
    pub fn find(&self, selector: &Selector) -> Self {
        self.below(|node| self.is_match(selector, node))
    }

    /// The descendants that are in the other selection.
    #[must_use]
    pub fn find_selection(&self, other: &Self) -> Self {
        let same = Rc::ptr_eq(&self.document, &other.document);
        let within =
            |&node: &NodeId| self.nodes.iter().any(|&top| self.document.contains(top, node));
        self.push(other.nodes.iter().copied().filter(|node| same && within(node)).collect())
    }

    /// What lies below child elements and is wanted, these themselves too.
    pub(super) fn below(&self, wanted: impl Fn(NodeId) -> bool) -> Self {
        self.map_nodes(|node, found| {
            for child in self.document.child_elements(node) {
                found.extend(self.document.subtree(child).filter(|&at| wanted(at)));
            }
        })
    }

    /// The first descendant that matches.
    #[must_use]
    pub fn single(&self, selector: &Selector) -> Self {
        let first = self.nodes.iter().find_map(|&node| {
            let mut tops = self.document.child_elements(node);
            tops.find_map(|top| self.document.subtree(top).find(|&at| self.is_match(selector, at)))
        });
        self.push(first.into_iter().collect())
    }

    /// With the nodes of the whole page that match.
    #[must_use]
    pub fn add(&self, selector: &Selector) -> Self {
        let more = Self::of(&self.document).find(selector);
        self.add_nodes(&more.nodes)
    }

    /// With the nodes of another selection of the same page. Those of another page are left out.
    #[must_use]
    pub fn add_selection(&self, other: &Self) -> Self {
        if Rc::ptr_eq(&self.document, &other.document) {
            self.add_nodes(&other.nodes)
        } else {
            self.add_nodes(&[])
        }
    }

    fn add_nodes(&self, more: &[NodeId]) -> Self {
        let mut nodes = self.nodes.to_vec();
        let mut seen: HashSet<NodeId> = nodes.iter().copied().collect();
        nodes.extend(more.iter().copied().filter(|&node| seen.insert(node)));
        self.push(nodes)
    }

    /// The child elements.
    #[must_use]
    pub fn children(&self, filter: Option<&Selector>) -> Self {
        self.map_filtered(filter, |node, found| found.extend(self.document.child_elements(node)))
    }

    /// The children, text and comments too.
    #[must_use]
    pub fn contents(&self) -> Self {
        self.map_nodes(|node, found| found.extend(self.document.children(node)))
    }

    /// For each node the nearest that matches: itself or one above it.
    #[must_use]
    pub fn closest(&self, selector: &Selector) -> Self {
        self.map_nodes(|node, found| {
            let mut path = std::iter::once(node).chain(self.document.ancestors(node));
            found.extend(path.find(|&at| self.is_match(selector, at)));
        })
    }

    /// For each node the nearest that is in the other selection: itself or one above it.
    #[must_use]
    pub fn closest_selection(&self, other: &Self) -> Self {
        self.map_nodes(|node, found| {
            let mut path = std::iter::once(node).chain(self.document.ancestors(node));
            found.extend(path.find(|&at| other.holds(&self.document, at)));
        })
    }

    /// The parent of each node.
    #[must_use]
    pub fn parent(&self, filter: Option<&Selector>) -> Self {
        self.map_filtered(filter, |node, found| {
            found.extend(
                self.document.node(node).parent.filter(|&parent| self.document.is_element(parent)),
            );
        })
    }

    /// The elements above each node, the nearest first.
    #[must_use]
    pub fn parents(&self, filter: Option<&Selector>) -> Self {
        self.parents_until(Stop::Never, filter)
    }

    /// The elements above each node, up to where it stops.
    #[must_use]
    pub fn parents_until(&self, stop: Stop<'_>, filter: Option<&Selector>) -> Self {
        self.map_filtered(filter, |node, found| {
            let path =
                self.document.ancestors(node).take_while(|&at| !stop.here(&self.document, at));
            found.extend(path.filter(|&at| self.document.is_element(at)));
        })
    }

    /// The element after each node.
    #[must_use]
    pub fn next(&self, filter: Option<&Selector>) -> Self {
        self.along(Way::Forward, 1, Stop::Never, filter)
    }

    /// All elements after each node.
    #[must_use]
    pub fn next_all(&self, filter: Option<&Selector>) -> Self {
        self.along(Way::Forward, usize::MAX, Stop::Never, filter)
    }

    /// The elements after each node, up to where it stops.
    #[must_use]
    pub fn next_until(&self, stop: Stop<'_>, filter: Option<&Selector>) -> Self {
        self.along(Way::Forward, usize::MAX, stop, filter)
    }

    /// The element before each node.
    #[must_use]
    pub fn prev(&self, filter: Option<&Selector>) -> Self {
        self.along(Way::Back, 1, Stop::Never, filter)
    }

    /// All elements before each node, the nearest first.
    #[must_use]
    pub fn prev_all(&self, filter: Option<&Selector>) -> Self {
        self.along(Way::Back, usize::MAX, Stop::Never, filter)
    }

    /// The elements before each node, the nearest first, up to where it stops.
    #[must_use]
    pub fn prev_until(&self, stop: Stop<'_>, filter: Option<&Selector>) -> Self {
        self.along(Way::Back, usize::MAX, stop, filter)
    }

    /// The other children of each node's parent.
    #[must_use]
    pub fn siblings(&self, filter: Option<&Selector>) -> Self {
        self.map_filtered(filter, |node, found| {
            if let Some(parent) = self.document.node(node).parent {
                found.extend(self.document.child_elements(parent).filter(|&other| other != node));
            }
        })
    }

    fn along(&self, way: Way, limit: usize, stop: Stop<'_>, filter: Option<&Selector>) -> Self {
        let document = &*self.document;
        self.map_filtered(filter, |node, found| {
            let step = move |&at: &NodeId| match way {
                Way::Forward => document.node(at).next,
                Way::Back => document.node(at).previous,
            };
            let elements = std::iter::successors(step(&node), step)
                .filter(|&at| document.is_element(at))
                .take_while(|&at| !stop.here(document, at));
            found.extend(elements.take(limit));
        })
    }

    /// Collects what each node leads to, in order and without repetition. `each` gets an empty list.
    fn map_nodes(&self, each: impl Fn(NodeId, &mut Vec<NodeId>)) -> Self {
        let mut found = Vec::new();
        match &*self.nodes {
            [] => {}
            [one] => each(*one, &mut found),
            many => {
                let mut seen = HashSet::new();
                let mut part = Vec::new();
                for &node in many {
                    each(node, &mut part);
                    found.extend(part.drain(..).filter(|&node| seen.insert(node)));
                }
            }
        }
        self.push(found)
    }

    fn map_filtered(
        &self,
        filter: Option<&Selector>,
        each: impl Fn(NodeId, &mut Vec<NodeId>),
    ) -> Self {
        self.map_nodes(|node, found| {
            each(node, found);
            if let Some(filter) = filter {
                found.retain(|&node| self.is_match(filter, node));
            }
        })
    }

    fn is_match(&self, selector: &Selector, node: NodeId) -> bool {
        selector.matches(&self.document, node)
    }

    /// Whether a node of this page is one of these.
    fn holds(&self, document: &Document, node: NodeId) -> bool {
        std::ptr::eq(&*self.document, document) && self.nodes.contains(&node)
    }

    /// A selection made from this one.
    fn push(&self, nodes: Vec<NodeId>) -> Self {
        let mut made = self.alone(nodes);
        made.previous = Some(Rc::new(self.clone()));
        made
    }

    fn alone(&self, nodes: Vec<NodeId>) -> Self {
        Self { document: Rc::clone(&self.document), nodes: nodes.into(), previous: None }
    }
}

impl Drop for Selection {
    /// One after the other: a script that goes on from selection to selection makes a long chain.
    fn drop(&mut self) {
        let mut next = self.previous.take();
        while let Some(mut previous) = next.and_then(|previous| Rc::try_unwrap(previous).ok()) {
            next = previous.previous.take();
        }
    }
}
