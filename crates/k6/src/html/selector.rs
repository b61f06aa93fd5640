//! CSS selectors in cascadia's dialect, which is the one k6 scripts are written in.
//!
//! Beyond the standard it knows `[name!=value]`, `[name#=expression]`, `:contains(text)`, `:containsOwn`,
//! `:matches(expression)`, `:matchesOwn`, `:haschild` and `:input`. It has no namespaces, and what depends
//! on a person at a screen (`:hover`) never matches.

mod parse;
mod pseudo;

use regex::Regex;

use super::error::Error;
use super::tree::{Data, Document, NodeId, NodeType};
use pseudo::Pseudo;

/// A compiled selector.
#[derive(Clone, Debug)]
pub struct Selector(Group);

impl Selector {
    /// Reads a selector.
    ///
    /// # Errors
    /// With the place and the reason, for what is not a selector.
    pub fn parse(text: &str) -> Result<Self, Error> {
        parse::group(text).map(Self)
    }

    /// Matches no node. It is what k6 takes a selector for that it cannot read.
    pub const fn nothing() -> Self {
        Self(Group(Vec::new()))
    }

    pub(super) fn matches(&self, document: &Document, node: NodeId) -> bool {
        self.0.matches(document, node)
    }
}

/// Selectors with commas between them.
#[derive(Clone, Debug)]
struct Group(Vec<Complex>);

/// Compounds with combinators between them, the last one, which names the element itself, first.
#[derive(Clone, Debug)]
struct Complex {
    subject: Compound,
    rest: Vec<(Combinator, Compound)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Combinator {
    Descendant,
    Child,
    Next,
    Later,
}

/// What must hold of one node at once. Nothing to hold is any element.
#[derive(Clone, Debug)]
struct Compound(Vec<Simple>);

#[derive(Clone, Debug)]
enum Simple {
    Tag(String),
    Id(String),
    Class(String),
    Attribute { name: String, test: Test, ignore_case: bool },
    Pseudo(Pseudo),
}

#[derive(Clone, Debug)]
enum Test {
    Present,
    Equal(String),
    NotEqual(String),
    Word(String),
    Dash(String),
    Prefix(String),
    Suffix(String),
    Part(String),
    Expression(Regex),
}

/// What a failed match leaves to try, so that no combination is tried twice.
#[derive(PartialEq)]
enum Outcome {
    Matched,
    TryLaterSibling,
    TryAncestor,
    Nowhere,
}

impl Group {
    fn matches(&self, document: &Document, node: NodeId) -> bool {
        self.0.iter().any(|complex| {
            complex.subject.matches(document, node)
                && matches!(to_the_left(document, node, &complex.rest), Outcome::Matched)
        })
    }
}

/// Whether what stands left of `node`'s own compound holds.
fn to_the_left(document: &Document, node: NodeId, rest: &[(Combinator, Compound)]) -> Outcome {
    let Some(((combinator, compound), rest)) = rest.split_first() else { return Outcome::Matched };
    let beside = matches!(combinator, Combinator::Next | Combinator::Later);
    let mut at = node;
    loop {
        let neighbour = document.node(at);
        let candidate = if beside { neighbour.previous } else { neighbour.parent };
        let Some(candidate) = candidate else {
            return if beside { Outcome::TryAncestor } else { Outcome::Nowhere };
        };
        at = candidate;
        let kind = document.node_type(candidate);
        if *combinator == Combinator::Next && matches!(kind, NodeType::Text | NodeType::Comment) {
            continue;
        }
        let outcome = if compound.matches(document, candidate) {
            to_the_left(document, candidate, rest)
        } else {
            Outcome::TryLaterSibling
        };
        match (outcome, combinator) {
            (found @ (Outcome::Matched | Outcome::Nowhere), _) => return found,
            (other, Combinator::Next) => return other,
            (_, Combinator::Child) => return Outcome::TryAncestor,
            (Outcome::TryAncestor, Combinator::Later) => return Outcome::TryAncestor,
            _ => {}
        }
    }
}

impl Compound {
    fn matches(&self, document: &Document, node: NodeId) -> bool {
        if self.0.is_empty() {
            return document.is_element(node);
        }
        self.0.iter().all(|simple| simple.matches(document, node))
    }
}

impl Simple {
    fn matches(&self, document: &Document, node: NodeId) -> bool {
        match self {
            Self::Tag(name) => document.is_tag(node, name),
            Self::Id(id) => document.attribute(node, "id") == Some(id),
            Self::Class(class) => document
                .attribute(node, "class")
                .is_some_and(|classes| words(classes).any(|word| word == class)),
            Self::Attribute { name, test, ignore_case } => {
                if !document.is_element(node) {
                    return false;
                }
                // An element of SVG can have `href` and `xlink:href`, both under one name.
                let mut values = document
                    .attributes(node)
                    .iter()
                    .filter(|attribute| *attribute.name.local == **name)
                    .map(|attribute| &*attribute.value);
                match test {
                    Test::NotEqual(_) => values.all(|value| test.holds(value, *ignore_case)),
                    _ => values.any(|value| test.holds(value, *ignore_case)),
                }
            }
            Self::Pseudo(pseudo) => pseudo.matches(document, node),
        }
    }
}

impl Test {
    fn holds(&self, value: &str, ignore_case: bool) -> bool {
        let same = |one: &str, other: &str| {
            one == other || (ignore_case && one.to_lowercase() == other.to_lowercase())
        };
        let within = |wanted: &str, how: fn(&str, &str) -> bool| {
            if value.trim().is_empty() {
                false
            } else if ignore_case {
                how(&value.to_lowercase(), &wanted.to_lowercase())
            } else {
                how(value, wanted)
            }
        };
        match self {
            Self::Present => true,
            Self::Equal(wanted) => same(value, wanted),
            Self::NotEqual(other) => !same(value, other),
            Self::Word(wanted) => words(value).any(|word| same(word, wanted)),
            Self::Dash(wanted) => {
                same(value, wanted)
                    || value.get(..wanted.len()).is_some_and(|start| {
                        same(start, wanted) && value[wanted.len()..].starts_with('-')
                    })
            }
            Self::Prefix(wanted) => within(wanted, |value, wanted| value.starts_with(wanted)),
            Self::Suffix(wanted) => within(wanted, |value, wanted| value.ends_with(wanted)),
            Self::Part(wanted) => within(wanted, |value, wanted| value.contains(wanted)),
            Self::Expression(expression) => expression.is_match(value),
        }
    }
}

/// Words between HTML's white space.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split([' ', '\t', '\r', '\n', '\u{c}']).filter(|word| !word.is_empty())
}

/// The text at and below a node, without what the document node holds.
fn text_of(document: &Document, node: NodeId) -> String {
    match &document.node(node).data {
        Data::Text(_) | Data::Element { .. } => document.text(node),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"<html><body>
        <ul id=list class="a b"><li class=one>first<li lang=en-US>second <b>bold</b><li disabled>third</ul>
        <form><fieldset disabled><legend><input name=in-legend></legend><input name=held></fieldset>
          <input type=CHECKBOX checked name=c><select><option selected>s<option>o</select>
          <a href="/x?y=1" data-e="">link</a><a name=n>anchor</a><textarea></textarea><button>go</button>
        </form><p>one<p class="deep a-b"> <!-- c --> </p></body></html>"#;

    fn found(selector: &str) -> Vec<String> {
        let document = Document::parse(PAGE).unwrap();
        let selector = Selector::parse(selector).unwrap();
        document
            .descendants(NodeId::ROOT)
            .filter(|&node| selector.matches(&document, node))
            .map(|node| match document.tag(node) {
                Some(tag) => document.attribute(node, "name").unwrap_or(tag).to_owned(),
                None => "#".to_owned(),
            })
            .collect()
    }

    fn count(selector: &str) -> usize {
        found(selector).len()
    }

    #[test]
    fn tags_ids_and_classes() {
        assert_eq!(found("ul"), ["ul"]);
        assert_eq!(found("UL#list.b.a"), ["ul"]);
        assert_eq!(count("#List"), 0, "the value of an id keeps its case");
        assert_eq!(count("ul, li , b"), 5);
        assert_eq!(found("*.one"), ["li"]);
        assert_eq!(found("p.a-b"), ["p"]);
    }

    #[test]
    fn combinators() {
        assert_eq!(count("body li"), 3);
        assert_eq!(count("body > li"), 0);
        assert_eq!(count("ul > li > b"), 1);
        assert_eq!(count("li + li"), 2);
        assert_eq!(count("li.one ~ li"), 2);
        assert_eq!(count("ul ~ p"), 2);
        assert_eq!(count("ul + form > a"), 2);
        assert_eq!(count("html li.one ~ li b"), 1);
        assert_eq!(count("p ~ ul b"), 0);
    }

    #[test]
    fn attributes() {
        assert_eq!(found("[href]"), ["a"]);
        assert_eq!(found(r#"a[href="/x?y=1"]"#), ["a"]);
        assert_eq!(found("a[href^='/x'][href$='1'][href*='?']"), ["a"]);
        assert_eq!(count("[data-e^='']"), 0, "an empty value has no beginning");
        assert_eq!(count("[lang|=en]"), 1);
        assert_eq!(count("[class~=b]"), 1);
        assert_eq!(count("input[type=checkbox]"), 0);
        assert_eq!(found("input[type=checkbox i]"), ["c"]);
        assert_eq!(found("a[name!=n]"), ["a"]);
        let svg = Document::parse("<svg xlink:href=x href=y>").unwrap();
        let second = Selector::parse("[href=y]").unwrap();
        assert!(svg.descendants(NodeId::ROOT).any(|node| second.matches(&svg, node)));
        assert_eq!(found(r"a[href#=(^/x\?y=\d+$)]"), ["a"]);
    }

    #[test]
    fn what_depends_on_neighbours() {
        assert_eq!(found("li:first-child"), ["li"]);
        assert_eq!(count("li:nth-child(odd)"), 2);
        assert_eq!(count("li:nth-child(2n+1)"), 2);
        assert_eq!(count("li:nth-child( -n + 2 )"), 2);
        assert_eq!(count("li:nth-last-child(1)"), 1);
        assert_eq!(count("p:nth-of-type(2)"), 1);
        assert_eq!(count("li:only-child"), 0);
        assert_eq!(count("b:only-child"), 1);
        assert_eq!(count("form:only-of-type"), 1);
        assert_eq!(found(":root"), ["html"]);
        assert_eq!(count("p:empty"), 1, "white space and comments are nothing");
    }

    #[test]
    fn what_depends_on_what_is_inside() {
        assert_eq!(count("li:contains('SECOND BOLD')"), 1);
        assert_eq!(count("li:contains(second)"), 1);
        assert_eq!(count("li:containsOwn(bold)"), 0);
        assert_eq!(count(r"li:matches(^second\s)"), 1);
        assert_eq!(count("li:matchesOwn(bold)"), 0);
        assert_eq!(count("li:has(b)"), 1);
        assert_eq!(count("body:haschild(li)"), 0);
        assert_eq!(count("li:not(.one):not(:has(b))"), 1);
        assert_eq!(found(":contains(anchor):not(*)"), Vec::<String>::new());
    }

    #[test]
    fn forms() {
        assert_eq!(found("input:disabled"), ["held"]);
        assert_eq!(found("input:enabled"), ["in-legend", "c"]);
        assert_eq!(found(":checked"), ["c", "option"]);
        assert_eq!(count(":input"), 6);
        assert_eq!(count(":link"), 1);
        assert_eq!(count("li:lang(en)"), 1);
        assert_eq!(count("a:hover"), 0);
    }

    #[test]
    fn a_failed_chain_is_not_tried_in_every_combination() {
        let page = format!("{}<b>", "<div>".repeat(400));
        let document = Document::parse(&page).unwrap();
        let selector = Selector::parse("i div div div div div div div div b").unwrap();
        assert!(document.descendants(NodeId::ROOT).all(|node| !selector.matches(&document, node)));
    }

    #[test]
    fn errors_say_where() {
        for (text, column) in [
            ("", 1),
            ("a[href", 7),
            ("a:nth-child(x)", 13),
            ("a >", 4),
            ("a:unknown", 2),
            ("li::before", 3),
            ("a[b=\"c]", 8),
            ("ü[", 3),
            ("a)", 2),
            ("a[b%=c]", 4),
            ("a:matches(\\)", 11),
        ] {
            let Error::Selector { selector, column: found, reason } =
                Selector::parse(text).unwrap_err()
            else {
                panic!("another error for {text}");
            };
            assert_eq!((&*selector, found), (text, column), "{reason}");
        }
        assert_eq!(
            Selector::parse("a:unknown").unwrap_err().to_string(),
            "selector `a:unknown`, column 2: there is no pseudo-class `:unknown`"
        );
        assert!(Selector::parse(&":not(".repeat(10_000)).is_err());
        assert!(Selector::parse(&"a ".repeat(65)).is_ok());
        assert!(Selector::parse(&"a ".repeat(66)).is_err());
    }
}
