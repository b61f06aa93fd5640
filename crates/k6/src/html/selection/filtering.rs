//! Fewer nodes: by selector, by place, by another selection, by what a caller says of each.

use std::rc::Rc;

use super::Selection;
use crate::html::element::Element;
use crate::html::selector::Selector;
use crate::html::tree::NodeId;

impl Selection {
    /// Those that match.
    #[must_use]
    pub fn filter(&self, selector: &Selector) -> Self {
        self.keep(|_, node| self.is_match(selector, node))
    }

    /// Those that are in the other selection too.
    #[must_use]
    pub fn filter_selection(&self, other: &Self) -> Self {
        self.keep(|_, node| other.holds(&self.document, node))
    }

    /// Those at which `keep` holds, a flag a node; what has no flag goes.
    #[must_use]
    pub fn filter_flags(&self, keep: &[bool]) -> Self {
        self.keep(|at, _| keep.get(at).copied().unwrap_or(false))
    }

    /// Those that do not match.
    #[must_use]
    pub fn not(&self, selector: &Selector) -> Self {
        self.keep(|_, node| !self.is_match(selector, node))
    }

    /// Those that are not in the other selection.
    #[must_use]
    pub fn not_selection(&self, other: &Self) -> Self {
        self.keep(|_, node| !other.holds(&self.document, node))
    }

    /// Those that have a descendant that matches.
    #[must_use]
    pub fn has(&self, selector: &Selector) -> Self {
        self.keep(|_, node| {
            let mut tops = self.document.child_elements(node);
            tops.any(|top| self.document.subtree(top).any(|at| self.is_match(selector, at)))
        })
    }

    /// Those above a node of the other selection.
    #[must_use]
    pub fn has_selection(&self, other: &Self) -> Self {
        let same = Rc::ptr_eq(&self.document, &other.document);
        self.keep(|_, node| {
            same && other.nodes.iter().any(|&inner| self.document.contains(node, inner))
        })
    }

    /// Whether any matches.
    pub fn is(&self, selector: &Selector) -> bool {
        self.nodes.iter().any(|&node| self.is_match(selector, node))
    }

    /// Whether any is in the other selection.
    pub fn is_selection(&self, other: &Self) -> bool {
        self.nodes.iter().any(|&node| other.holds(&self.document, node))
    }

    /// The one at a place, counted from the end if it is negative.
    #[must_use]
    pub fn eq(&self, index: i64) -> Self {
        match self.place(index) {
            Some(at) => self.push(vec![self.nodes[at]]),
            None => self.alone(Vec::new()),
        }
    }

    /// The first.
    #[must_use]
    pub fn first(&self) -> Self {
        self.eq(0)
    }

    /// The last.
    #[must_use]
    pub fn last(&self) -> Self {
        self.eq(-1)
    }

    /// From one place to before another, counted from the end if negative; what lies outside is left out.
    #[must_use]
    pub fn slice(&self, start: i64, end: Option<i64>) -> Self {
        let size = self.nodes.len();
        let bound = |at: i64| {
            let from = if at < 0 {
                size.saturating_sub(clamp(at.unsigned_abs()))
            } else {
                clamp(at.unsigned_abs())
            };
            from.min(size)
        };
        let (start, end) = (bound(start), end.map_or(size, bound));
        self.push(self.nodes.get(start..end).unwrap_or_default().to_vec())
    }

    /// The element at a place, counted from the end if it is negative.
    pub fn get(&self, index: i64) -> Option<Element> {
        self.place(index).map(|at| Element::new(&self.document, self.nodes[at]))
    }

    /// All as elements.
    pub fn elements(&self) -> impl ExactSizeIterator<Item = Element> {
        self.nodes.iter().map(|&node| Element::new(&self.document, node))
    }

    /// Each in a selection of its own.
    pub fn to_array(&self) -> impl ExactSizeIterator<Item = Self> {
        self.nodes.iter().map(|&node| self.push(vec![node]))
    }

    /// Each in a selection that was made from none, as callbacks get it.
    pub fn singles(&self) -> impl ExactSizeIterator<Item = Self> {
        self.nodes.iter().map(|&node| self.alone(vec![node]))
    }

    /// How many elements stand before the first node under its parent.
    pub fn index(&self) -> Option<usize> {
        let first = *self.nodes.first()?;
        Some(self.document.preceding(first).filter(|&node| self.document.is_element(node)).count())
    }

    /// The place of the first node among all of the page that match.
    pub fn index_in(&self, selector: &Selector) -> Option<usize> {
        let first = *self.nodes.first()?;
        let all = Self::of(&self.document).find(selector);
        all.nodes.iter().position(|&node| node == first)
    }

    /// The place of the other selection's first node in this one.
    pub fn index_of(&self, other: &Self) -> Option<usize> {
        let first = *other.nodes.first()?;
        let same = Rc::ptr_eq(&self.document, &other.document);
        self.nodes.iter().position(|&node| same && node == first)
    }

    fn keep(&self, keep: impl Fn(usize, NodeId) -> bool) -> Self {
        let kept = self.nodes.iter().enumerate().filter(|&(at, &node)| keep(at, node));
        self.push(kept.map(|(_, &node)| node).collect())
    }

    fn place(&self, index: i64) -> Option<usize> {
        let at = clamp(index.unsigned_abs());
        let at = if index < 0 { self.nodes.len().checked_sub(at)? } else { at };
        (at < self.nodes.len()).then_some(at)
    }
}

fn clamp(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
