//! Pseudo-classes: what is asked of a node's neighbours, its text or its state in a form.

use regex::Regex;

use super::super::tree::{Data, Document, NodeId, NodeType};
use super::{Group, text_of};

/// A pseudo-class.
#[derive(Clone, Debug)]
pub(super) enum Pseudo {
    Not(Group),
    Has(Group),
    HasChild(Group),
    Contains { text: String, own: bool },
    Matches { expression: Regex, own: bool },
    Nth(Nth),
    Only { of_type: bool },
    Input,
    Empty,
    Root,
    Link,
    Language(String),
    Enabled,
    Disabled,
    Checked,
    Never,
}

/// `:nth-child(an+b)` and its relatives.
#[derive(Clone, Copy, Debug)]
pub(super) struct Nth {
    pub(super) a: i64,
    pub(super) b: i64,
    pub(super) last: bool,
    pub(super) of_type: bool,
}

impl Pseudo {
    pub(super) fn matches(&self, document: &Document, node: NodeId) -> bool {
        // Text has a language and can contain a text; everything else is asked of elements only.
        match self {
            Self::Language(wanted) => {
                return std::iter::once(node).chain(document.ancestors(node)).any(|at| {
                    document.attribute(at, "lang").is_some_and(|lang| {
                        let rest = lang.strip_prefix(&**wanted);
                        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
                    })
                });
            }
            Self::Contains { text, own } => {
                return asked_text(document, node, *own).to_lowercase().contains(text);
            }
            Self::Matches { expression, own } => {
                return expression.is_match(&asked_text(document, node, *own));
            }
            _ if !document.is_element(node) => return false,
            _ => {}
        }
        let has = |name| document.has_attribute(node, name);
        let tag = document.tag(node).unwrap_or_default();
        match self {
            Self::Not(group) => !group.matches(document, node),
            Self::Has(group) => {
                document.descendants(node).any(|below| group.matches(document, below))
            }
            Self::HasChild(group) => {
                document.children(node).any(|child| group.matches(document, child))
            }
            Self::Nth(nth) => nth.matches(document, node),
            Self::Only { of_type } => {
                alike(document, node, *of_type).is_some_and(|mut all| all.nth(1).is_none())
            }
            Self::Input => matches!(tag, "input" | "select" | "textarea" | "button"),
            Self::Empty => document.children(node).all(|child| match &document.node(child).data {
                Data::Element { .. } => false,
                Data::Text(text) => text.trim().is_empty(),
                _ => true,
            }),
            Self::Root => document
                .node(node)
                .parent
                .is_some_and(|parent| document.node_type(parent) == NodeType::Document),
            Self::Link => matches!(tag, "a" | "area" | "link") && has("href"),
            Self::Enabled => match tag {
                "a" | "area" | "link" => has("href"),
                "optgroup" | "menuitem" | "fieldset" => !has("disabled"),
                _ => is_control(tag) && !has("disabled") && !in_disabled_fieldset(document, node),
            },
            Self::Disabled => match tag {
                "optgroup" | "menuitem" | "fieldset" => has("disabled"),
                _ => is_control(tag) && (has("disabled") || in_disabled_fieldset(document, node)),
            },
            Self::Checked => match tag {
                "input" | "menuitem" => {
                    has("checked")
                        && document.attribute(node, "type").is_some_and(|kind| {
                            kind.eq_ignore_ascii_case("checkbox")
                                || kind.eq_ignore_ascii_case("radio")
                        })
                }
                "option" => has("selected"),
                _ => false,
            },
            Self::Never | Self::Language(_) | Self::Contains { .. } | Self::Matches { .. } => false,
        }
    }
}

impl Nth {
    fn matches(self, document: &Document, node: NodeId) -> bool {
        let Some(all) = alike(document, node, self.of_type) else { return false };
        let mut place = 0_i64;
        let mut total = 0_i64;
        for sibling in all {
            total += 1;
            if sibling == node {
                place = total;
                if !self.last {
                    break;
                }
            }
        }
        if self.last {
            place = total - place + 1;
        }
        let distance = place - self.b;
        match self.a {
            0 => distance == 0,
            a => distance % a == 0 && distance / a >= 0,
        }
    }
}

/// The elements a node is counted among, itself too.
fn alike(document: &Document, node: NodeId, of_type: bool) -> Option<impl Iterator<Item = NodeId>> {
    let parent = document.node(node).parent?;
    let tag = document.tag(node);
    Some(
        document
            .child_elements(parent)
            .filter(move |&other| !of_type || document.tag(other) == tag),
    )
}

fn asked_text(document: &Document, node: NodeId, own: bool) -> String {
    if !own {
        return text_of(document, node);
    }
    let mut text = String::new();
    for child in document.children(node) {
        if let Data::Text(part) = &document.node(child).data {
            text.push_str(part);
        }
    }
    text
}

fn is_control(tag: &str) -> bool {
    matches!(tag, "button" | "input" | "select" | "textarea" | "option")
}

fn in_disabled_fieldset(document: &Document, node: NodeId) -> bool {
    let mut below = node;
    for at in document.ancestors(node) {
        // What a fieldset's first legend holds stays enabled.
        let exempt = document.is_tag(below, "legend")
            && !document.preceding(below).any(|before| document.is_tag(before, "legend"));
        if document.is_tag(at, "fieldset") && document.has_attribute(at, "disabled") && !exempt {
            return true;
        }
        below = at;
    }
    false
}
